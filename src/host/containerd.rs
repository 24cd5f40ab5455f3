//! containerd's settings for its devmapper snapshotter (containerd snapshots/devmapper/config.go).
//!
//! Parses the recorded files; imports of other files are not followed.

use super::model::units::Bytes;
use super::parse::size::{self, Scale};
use super::parse::toml;
use crate::record::{Query, Recording};
use std::ops::Range;

/// The snapshotter's section: its short name (version 1 of the settings) or its full name (all versions).
const SECTIONS: [&str; 2] = ["devmapper", "io.containerd.snapshotter.v1.devmapper"];
/// containerd's default socket (defaults/defaults_unix.go, `DefaultAddress`).
const ADDRESS: &str = "/run/containerd/containerd.sock";

/// A settings file of containerd that names a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Containerd {
    /// Path of the file.
    pub file: String,
    /// Its content.
    pub text: String,
    /// `pool_name`, the device-mapper name of the snapshotter's pool.
    pub pool: String,
    /// Position of that name in the text.
    pub at: Range<usize>,
    /// Its socket.
    pub address: String,
    /// `base_image_size`, the size of a container's filesystem.
    pub base_size: Option<Bytes>,
}

/// All settings files that name a pool.
pub(super) fn read(recording: &Recording) -> Vec<Containerd> {
    let files = recording.all(Query::File).filter(|answer| answer.target.ends_with(".toml"));
    files.filter_map(|answer| settings(&answer.target, answer.outcome.said()?)).collect()
}

fn settings(file: &str, text: &str) -> Option<Containerd> {
    let all = toml::strings(text);
    let find = |wanted: &[&str]| all.iter().rfind(|entry| entry.path == wanted);
    let of_snapshotter = |key: &str| SECTIONS.iter().find_map(|section| find(&["plugins", section, key]));
    let pool = of_snapshotter("pool_name").filter(|entry| !entry.value.is_empty())?;
    // `RAMInBytes` (docker/go-units) has only binary units, like LVM's lower-case letters.
    let size =
        |text: &str| Some(size::read(text.to_ascii_lowercase().trim_end_matches('b'), Scale::Lvm)?.bytes);
    Some(Containerd {
        file: file.to_owned(),
        text: text.to_owned(),
        pool: pool.value.clone(),
        at: pool.at.clone(),
        address: find(&["grpc", "address"]).map_or(ADDRESS, |entry| &entry.value).to_owned(),
        base_size: of_snapshotter("base_image_size").and_then(|entry| size(&entry.value)),
    })
}

impl Containerd {
    /// The line that names the pool: the current one, and the one with another pool.
    #[must_use]
    pub fn lines(&self, name: &str) -> Option<(String, String)> {
        let start = self.text.get(..self.at.start)?.rfind('\n').map_or(0, |end| end + 1);
        let line = |text: &str| Some(text.get(start..)?.lines().next()?.to_owned());
        Some((line(&self.text)?, line(&self.with_pool(name))?))
    }

    /// The text with another pool's name.
    #[must_use]
    pub fn with_pool(&self, name: &str) -> String {
        let mut text = self.text.clone();
        if text.get(self.at.clone()).is_some() {
            text.replace_range(self.at.clone(), name);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_of_the_settings() {
        for section in [
            "plugins.devmapper",
            "plugins.\"io.containerd.snapshotter.v1.devmapper\"",
            "plugins.'io.containerd.snapshotter.v1.devmapper'",
        ] {
            let text = format!(
                "version = 3\n[grpc]\n  address = \"/run/x.sock\"\n[{section}]\n  base_image_size = \"512MB\"\n  pool_name = 'old' # ours\n"
            );
            let read = settings("/c.toml", &text).unwrap();
            assert_eq!((read.pool.as_str(), read.address.as_str()), ("old", "/run/x.sock"));
            assert_eq!(read.base_size, Some(Bytes(512 << 20)));
            assert_eq!(read.with_pool("a-new"), text.replace("'old'", "'a-new'"));
            let (old, new) = read.lines("a-new").unwrap();
            assert_eq!(
                (old.as_str(), new.as_str()),
                ("  pool_name = 'old' # ours", "  pool_name = 'a-new' # ours")
            );
        }
        assert_eq!(settings("/c.toml", "[plugins.other]\npool_name = \"x\"\n"), None);
        let usual = settings("/c.toml", "[plugins.devmapper]\npool_name = \"x\"").unwrap();
        assert_eq!((usual.address.as_str(), usual.base_size), (ADDRESS, None));
    }
}
