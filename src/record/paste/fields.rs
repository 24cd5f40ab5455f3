//! Finds the fields of `docker info` and `dmsetup info` in a line.
//!
//! The names are from moby's tags 0.7 to 24.0 (`Status()` of the driver, cli/command/system/info.go) and lvm2's
//! `dmsetup info`. Values are only checked as far as needed to distinguish a field from a sentence.

use super::shapes::is_number;
use std::sync::OnceLock;

/// The tools that print a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Only `docker info` with the devicemapper driver.
    Pool,
    /// Only `docker info`.
    Docker,
    /// `docker info` and perhaps other tools.
    Common,
    /// Many tools; recognised only next to other fields of `docker info`.
    Weak,
    /// `Name:`, printed by both `docker info` and `dmsetup info`.
    Name,
    /// `dmsetup info`.
    Dm,
}

/// The form of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Any,
    /// Begins with a digit.
    Digit,
    /// Begins with an integer as a separate word.
    Count,
    /// `ACTIVE` or `SUSPENDED`.
    State,
}

/// A field.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its name, without the colon.
    pub(super) name: &'static str,
    pub(super) class: Class,
    shape: Shape,
    /// Whether a line with this field alone identifies the tool.
    pub(super) alone: bool,
}

const fn field(name: &'static str, class: Class, shape: Shape) -> Field {
    Field { name, class, shape, alone: true }
}

/// A field that does not identify the tool by itself.
const fn ambiguous(name: &'static str, class: Class, shape: Shape) -> Field {
    Field { name, class, shape, alone: false }
}

use Class::{Common, Dm, Docker, Pool, Weak};
use Shape::{Any, Count, Digit};

static FIELDS: &[Field] = &[
    field("Pool Name", Pool, Any),
    field("Pool Blocksize", Pool, Digit),
    field("Base Device Size", Pool, Digit),
    field("Data Space Used", Pool, Digit),
    field("Data Space Total", Pool, Digit),
    field("Data Space Available", Pool, Digit),
    field("Metadata Space Used", Pool, Digit),
    field("Metadata Space Total", Pool, Digit),
    field("Metadata Space Available", Pool, Digit),
    field("Thin Pool Minimum Free Space", Pool, Digit),
    field("Udev Sync Supported", Pool, Any),
    field("Deferred Removal Enabled", Pool, Any),
    field("Deferred Deletion Enabled", Pool, Any),
    field("Deferred Deleted Device Count", Pool, Count),
    field("Data loop file", Pool, Any),
    field("Metadata loop file", Pool, Any),
    field("Storage Driver", Docker, Any),
    field("GraphDriverName", Docker, Any),
    field("Execution Driver", Docker, Any),
    field("Server Version", Docker, Any),
    field("Docker Root Dir", Docker, Any),
    field("Backing Filesystem", Docker, Any),
    field("Containers", Docker, Count),
    field("Images", Docker, Count),
    field("Untagged Images", Docker, Count),
    field("Data file", Common, Any),
    field("Metadata file", Common, Any),
    field("Library Version", Common, Any),
    field("Kernel Version", Common, Any),
    field("Logging Driver", Common, Any),
    field("Cgroup Driver", Common, Any),
    field("Live Restore Enabled", Common, Any),
    field("Total Memory", Common, Digit),
    field("Operating System", Common, Any),
    field("Name", Class::Name, Any),
    field("State", Dm, Shape::State),
    field("Read Ahead", Dm, Digit),
    field("Tables present", Dm, Any),
    field("Open count", Dm, Count),
    field("Event number", Dm, Count),
    field("Major, minor", Dm, Digit),
    field("Number of targets", Dm, Count),
    ambiguous("UUID", Dm, Any),
    field("Driver", Weak, Any),
    field("ConfigFile", Weak, Any),
    field("ContainerStore", Weak, Any),
    field("GraphOptions", Weak, Any),
    field("GraphRoot", Weak, Any),
    field("GraphStatus", Weak, Any),
    field("Running", Weak, Count),
    field("Paused", Weak, Count),
    field("Stopped", Weak, Count),
    field("Client", Weak, Any),
    field("Server", Weak, Any),
    field("Context", Weak, Any),
    field("Debug Mode", Weak, Any),
    field("Debug mode (client)", Weak, Any),
    field("Debug mode (server)", Weak, Any),
    field("Plugins", Weak, Any),
    field("Volume", Weak, Any),
    field("Network", Weak, Any),
    field("Log", Weak, Any),
    field("Authorization", Weak, Any),
    field("Swarm", Weak, Any),
    field("Runtimes", Weak, Any),
    field("Default Runtime", Weak, Any),
    field("Cgroup Version", Weak, Any),
    field("Init Binary", Weak, Any),
    field("containerd version", Weak, Any),
    field("runc version", Weak, Any),
    field("init version", Weak, Any),
    field("Security Options", Weak, Any),
    field("Profile", Weak, Any),
    field("OSType", Weak, Any),
    field("Architecture", Weak, Any),
    field("CPUs", Weak, Count),
    field("ID", Weak, Any),
    field("Registry", Weak, Any),
    field("Registry Mirrors", Weak, Any),
    field("Labels", Weak, Any),
    field("Experimental", Weak, Any),
    field("Insecure Registries", Weak, Any),
    field("Username", Weak, Any),
    field("Http Proxy", Weak, Any),
    field("Https Proxy", Weak, Any),
    field("No Proxy", Weak, Any),
    field("Product License", Weak, Any),
    field("Cluster Store", Weak, Any),
    field("Cluster Advertise", Weak, Any),
    field("Number of Docker Hooks", Weak, Any),
    field("File Descriptors", Weak, Any),
    field("Fds", Weak, Any),
    field("Goroutines", Weak, Any),
    field("System Time", Weak, Any),
    field("EventsListeners", Weak, Any),
    field("Init Path", Weak, Any),
    field("Supports d_type", Weak, Any),
    field("Native Overlay Diff", Weak, Any),
    field("userxattr", Weak, Any),
    field("Root Dir", Weak, Any),
    field("Dirs", Weak, Any),
    field("Dirperm1 Supported", Weak, Any),
];

impl Field {
    /// Whether a list of words may follow on separate lines.
    pub(super) fn is_list(&self) -> bool {
        ["Security Options", "Profile", "Insecure Registries", "Registry Mirrors", "Labels", "Plugins"]
            .contains(&self.name)
    }

    /// Whether a line begins with this field.
    pub(super) fn begins(&self, line: &str) -> bool {
        line.split_once(':').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case(self.name))
    }

    /// Whether a value has the form of this field, by its beginning.
    fn accepts(&self, value: &str) -> bool {
        let value = value.trim_start();
        match self.shape {
            Any => true,
            Digit => value.bytes().next().is_some_and(|b| b.is_ascii_digit()),
            Count => {
                value.split(|c: char| c.is_whitespace() || "`\"',;".contains(c)).next().is_some_and(is_number)
            }
            Shape::State => value.starts_with("ACTIVE") || value.starts_with("SUSPENDED"),
        }
    }
}

/// The value of a line `Name: value`.
pub(super) fn value(line: &str) -> &str {
    line.split_once(':').map_or("", |(_, value)| value.trim())
}

/// The positions and fields in a line, in order. For each `:`, the longest name that ends there is used.
pub(super) fn find(line: &str) -> Vec<(usize, &'static Field)> {
    let mut found: Vec<(usize, &'static Field)> = Vec::new();
    for (colon, _) in line.match_indices(':') {
        let Some((before, after)) = line.split_at_checked(colon) else { continue };
        let value = after.get(1..).unwrap_or_default();
        if value.starts_with(|c: char| !c.is_whitespace() && !c.is_ascii_digit()) {
            continue;
        }
        let before = before.trim_end();
        let best = before.bytes().last().map(ending_in).unwrap_or_default().iter();
        let best = best.filter_map(|f| Some((ends_with_name(before, f.name)?, *f))).min_by_key(|(at, _)| *at);
        found.extend(
            best.filter(|(at, f)| f.accepts(value) && found.last().is_none_or(|(last, _)| at > last)),
        );
    }
    found
}

/// The fields whose name ends in this character, ignoring case.
fn ending_in(last: u8) -> &'static [&'static Field] {
    static ENDINGS: OnceLock<Vec<Vec<&'static Field>>> = OnceLock::new();
    let endings = ENDINGS.get_or_init(|| {
        let ends =
            |last: u8, f: &&Field| f.name.bytes().last().is_some_and(|b| b.eq_ignore_ascii_case(&last));
        (0..128).map(|last| FIELDS.iter().filter(|f| ends(last, f)).collect()).collect()
    });
    endings.get(usize::from(last)).map_or(&[], Vec::as_slice)
}

/// The position of `name` at the end of the text, if it is there as whole words.
fn ends_with_name(text: &str, name: &str) -> Option<usize> {
    let at = text.len().checked_sub(name.len())?;
    let (before, tail) = text.split_at_checked(at)?;
    let whole = before.chars().next_back().is_none_or(|c| c.is_whitespace() || "\"'(*,;`".contains(c));
    (whole && tail.eq_ignore_ascii_case(name)).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<&'static str> {
        find(line).iter().map(|(_, f)| f.name).collect()
    }

    #[test]
    fn the_longest_name_is_used() {
        assert_eq!(names("  Metadata Space Used: 0.7 Mb"), ["Metadata Space Used"]);
        assert_eq!(
            names("Pool Name: a Data file: /x/data Metadata file:"),
            ["Pool Name", "Data file", "Metadata file"]
        );
        assert_eq!(names("Storage Driver: devicemapper"), ["Storage Driver"]);
        assert_eq!(names("Major, minor:      253, 0"), ["Major, minor"]);
    }

    #[test]
    fn sentences_are_not_fields() {
        assert!(names("Containers: everywhere").is_empty());
        assert!(names("State: finished").is_empty());
        assert!(names("Data Space Used: see below").is_empty());
        assert!(names("12:34:56 kernel: thin").is_empty());
    }
}
