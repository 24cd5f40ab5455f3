//! Advice as data: what to do, its risk, its commands and its gain.
//!
//! Never executed. Names from outside are always quoted in commands.

pub mod since;

use crate::host::model::backing::Backing;
use crate::host::model::pool::Pool;
use crate::host::model::text::Text;
use crate::host::model::units::Bytes;
use serde::Serialize;

/// The risk of following advice, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Only reads.
    Reads,
    /// Changes settings or sizes; nothing is interrupted.
    Changes,
    /// Interrupts containers or the daemon.
    Stops,
    /// Deletes something for good.
    Destroys,
}

impl Risk {
    /// The word in the output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Changes => "changes",
            Self::Stops => "stops",
            Self::Destroys => "destroys",
        }
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What it does, in a few words.
    pub does: Text,
    /// Its risk.
    pub risk: Risk,
    /// Commands in order, each complete and quoted.
    pub commands: Vec<String>,
    /// Bytes that become free, if known.
    pub gain: Option<Bytes>,
}

impl Advice {
    /// Advice without a known gain.
    #[must_use]
    pub fn new(risk: Risk, does: impl Into<Text>, commands: &[&str]) -> Self {
        Self {
            does: does.into(),
            risk,
            commands: commands.iter().map(|c| (*c).to_owned()).collect(),
            gain: None,
        }
    }

    /// The same advice with a known gain.
    #[must_use]
    pub fn gaining(self, gain: Bytes) -> Self {
        Self { gain: Some(gain), ..self }
    }
}

/// Quotes a word for a shell: unchanged if it has no special characters, else in single quotes. A word with control
/// characters, which cannot be pasted safely, is written as bash's `$'…'` with escapes.
#[must_use]
pub fn quote(word: &str) -> String {
    let needs_no_quotes = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(needs_no_quotes) {
        return word.to_owned();
    }
    if word.chars().any(char::is_control) {
        let escape = |c: char| match c {
            '\'' => "\\'".to_owned(),
            '\\' => "\\\\".to_owned(),
            c if c.is_control() => c.to_string().bytes().map(|b| format!("\\x{b:02x}")).collect(),
            c => c.to_string(),
        };
        return format!("$'{}'", word.chars().map(escape).collect::<String>());
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Trims the filesystems of running containers in the mount namespace of Docker's daemon, where they are mounted.
/// `/proc/PID/root` would not work: fstrim resolves the link's text (util-linux 2.38) and would trim the host's `/`.
pub const TRIM_CONTAINERS: &str = "d=$(pidof -s dockerd dockerd-current docker); awk '$5 ~ \"/devicemapper/mnt/\" {print $5}' \
                                   /proc/$d/mountinfo | xargs -r -n 1 nsenter -t $d -m fstrim -v";

/// ` --pool NAME` for this program's command line; empty if the pool has no name.
#[must_use]
pub fn pool_option(pool: &Pool) -> String {
    pool.name.as_deref().map(|n| format!(" --pool {}", quote(n))).unwrap_or_default()
}

/// Stops Docker's containers first, because live-restore would keep them running, and then Docker with its socket,
/// which would start it again.
pub const STOP_DOCKER: [&str; 2] =
    ["docker ps -q | timeout 300 xargs -r docker stop", "systemctl stop docker.socket docker"];
/// Starts Docker.
pub const START_DOCKER: &str = "systemctl start docker";

/// The backings of a pool (`data`, `metadata`) whose loop file was deleted or replaced while in use.
#[must_use]
pub fn lost_files(pool: &Pool) -> Vec<(&'static str, &Backing)> {
    let is_lost = |b: &&Backing| b.file.as_ref().is_some_and(|f| f.deleted || f.replaced);
    let halves = [("data", &pool.data_backing), ("metadata", &pool.metadata_backing)];
    halves.into_iter().filter(|(_, backing)| is_lost(backing)).collect()
}

/// Commands, for a single shell, that restore deleted loop files of Docker; `None` if there are none. The loop devices
/// are copied while Docker is stopped, so that nothing changes them. The shell holds them open meanwhile, because they
/// detach with their last user (`LO_FLAGS_AUTOCLEAR`).
#[must_use]
pub fn put_back(pool: &Pool) -> Option<Vec<String>> {
    let mut copies = Vec::new();
    let (mut open, mut close) = (String::from("exec"), String::from("exec"));
    for (descriptor, (_, backing)) in [9, 8].into_iter().zip(lost_files(pool)) {
        let (node, file) = (quote(backing.path.as_deref()?), &backing.file.as_ref()?.path);
        let (path, saved) = (quote(file), quote(&format!("{file}.saved")));
        open.push_str(&format!(" {descriptor}<{node}"));
        close.push_str(&format!(" {descriptor}<&-"));
        copies.push(format!(
            "cp --sparse=always {node} {saved} && sync {saved} && mv --backup=numbered {saved} {path}"
        ));
    }
    if copies.is_empty() || !pool.is_dockers() {
        return None;
    }
    let stop = STOP_DOCKER.map(str::to_owned);
    Some([open].into_iter().chain(stop).chain(copies).chain([close, START_DOCKER.to_owned()]).collect())
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn words_survive_the_shell() {
        let words = [
            "pool",
            "docker-8:1-2-pool",
            "two words",
            "a'b",
            "$(reboot)",
            "`id`",
            "",
            "a;b",
            "tab\there",
            "\u{1b}[2J",
            "-n",
        ];
        for word in words {
            let command = format!("printf %s {}", quote(word));
            let out = std::process::Command::new("bash").args(["-c", &command]).output().unwrap();
            assert_eq!(
                String::from_utf8_lossy(&out.stdout),
                if word == "-n" { "-n" } else { word },
                "{command}"
            );
        }
    }
}
