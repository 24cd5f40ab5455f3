//! Parses lists of loop devices and their files: `losetup`, `ls -l`, `du`.

use crate::host::model::backing::LoopFile;
use crate::host::model::units::Bytes;
use crate::host::parse::partial_json::{self, Token};
use crate::host::parse::size::{self, Scale};
use crate::record::paste::Tool;

/// A loop device and its file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoopDevice {
    /// Device node, `/dev/loop0`.
    pub node: String,
    /// The file; its sizes are not listed.
    pub file: LoopFile,
    /// The file's inode number.
    pub inode: Option<u64>,
    /// It is detached when its last user closes it.
    pub autoclear: Option<bool>,
}

/// Parses `losetup -l`, `losetup -a` or `losetup --json`. Duplicates are merged.
#[must_use]
pub fn loops(text: &str) -> Vec<LoopDevice> {
    if text.trim_start().starts_with('{') {
        return json(text);
    }
    let mut headings: Vec<&str> = Vec::new();
    let mut found: Vec<LoopDevice> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("NAME") {
            headings = line.split_whitespace().collect();
            continue;
        }
        let Some(new) = line_of_all(line).or_else(|| row(&headings, line)) else { continue };
        match found.iter_mut().find(|old| old.node == new.node) {
            Some(old) => {
                old.file.deleted |= new.file.deleted;
                old.inode = old.inode.or(new.inode);
                old.autoclear = old.autoclear.or(new.autoclear);
            }
            None => found.push(new),
        }
    }
    found
}

/// Parses a line of `losetup -a`: `/dev/loop0: [64768]:131190 (/path)`. A deleted file is marked ` (deleted)`, inside
/// or after the brackets.
fn line_of_all(line: &str) -> Option<LoopDevice> {
    let (node, rest) = line.split_once(": [").filter(|(node, _)| node.starts_with("/dev/loop"))?;
    let inode =
        rest.split_once("]:").and_then(|(_, r)| r.split_whitespace().next()).and_then(|w| w.parse().ok());
    let (_, path) = rest.split_once('(')?;
    let (path, deleted) = undeleted(path.trim_end_matches(')'));
    let file = LoopFile { path: path.trim_end_matches(')').to_owned(), deleted, ..LoopFile::default() };
    Some(LoopDevice { node: node.to_owned(), file, inode, autoclear: None })
}

fn undeleted(path: &str) -> (&str, bool) {
    match path.trim_end().strip_suffix("(deleted").or_else(|| path.trim_end().strip_suffix("(deleted)")) {
        Some(path) => (path.trim_end(), true),
        None => (path, false),
    }
}

/// Parses a row of `losetup -l`. Only the file name can contain blanks.
fn row(headings: &[&str], line: &str) -> Option<LoopDevice> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.first().filter(|node| node.starts_with("/dev/loop"))?;
    let index = |name: &str| headings.iter().position(|h| *h == name);
    let from = index("BACK-FILE").unwrap_or(5);
    let after = headings.len().saturating_sub(from + 1);
    let path = words.get(from..words.len().checked_sub(after)?)?.join(" ");
    let (path, deleted) = undeleted(&path);
    let autoclear = index("AUTOCLEAR").and_then(|at| words.get(at)).map(|w| *w == "1");
    let file = LoopFile { path: path.to_owned(), deleted, ..LoopFile::default() };
    Some(LoopDevice { node: (*words.first()?).to_owned(), file, inode: None, autoclear })
}

fn json(text: &str) -> Vec<LoopDevice> {
    let mut found: Vec<LoopDevice> = Vec::new();
    for token in partial_json::tokens(text) {
        let Token::Member(key, value) = token else { continue };
        if key == "name" {
            found.push(LoopDevice { node: value, ..LoopDevice::default() });
            continue;
        }
        let Some(device) = found.last_mut() else { continue };
        match key.as_str() {
            "back-file" => {
                let (path, deleted) = undeleted(&value);
                (device.file.path, device.file.deleted) = (path.to_owned(), deleted);
            }
            "back-ino" => device.inode = value.parse().ok(),
            "autoclear" => device.autoclear = Some(value == "true" || value == "1"),
            _ => {}
        }
    }
    found
}

/// Parses files and sizes from `ls -l` (with `-s` also allocated sizes) or `du`; by `tool`. A line
/// `DIRECTORY:` gives the directory of the files that follow.
///
/// `du` shows allocated sizes. If a path is listed twice, the larger number is from `du --apparent-size`.
#[must_use]
pub fn files(tool: Tool, text: &str) -> Vec<LoopFile> {
    let mut found: Vec<LoopFile> = Vec::new();
    let mut directory = "";
    for line in text.lines() {
        let file = if tool == Tool::Du { du(line) } else { ls(line) };
        let Some(mut file) = file else {
            directory = line.trim().strip_suffix(':').filter(|d| d.starts_with('/')).unwrap_or(directory);
            continue;
        };
        if !directory.is_empty() && !file.path.starts_with('/') {
            file.path = format!("{}/{}", directory.trim_end_matches('/'), file.path);
        }
        match found.iter_mut().find(|f| tool == Tool::Du && f.path == file.path && f.size.is_none()) {
            Some(known) => {
                let (one, two) = (known.allocated.max(file.allocated), known.allocated.min(file.allocated));
                (known.size, known.allocated) = (one, two);
            }
            None => found.push(file),
        }
    }
    found
}

fn du(line: &str) -> Option<LoopFile> {
    let (size, path) = line.trim().split_once(char::is_whitespace)?;
    let amount = size::read(size, Scale::Coreutils)?;
    let bytes = if amount.has_unit { amount.bytes } else { Bytes(amount.bytes.0.saturating_mul(1024)) };
    let path = path.trim();
    path.starts_with('/').then(|| LoopFile {
        path: path.to_owned(),
        allocated: Some(bytes),
        ..LoopFile::default()
    })
}

/// Parses a line of `ls -l`: `[SIZE] -rw------- 1 root root 200G Nov 12 11:52 PATH`.
fn ls(line: &str) -> Option<LoopFile> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mode = |w: &&str| {
        w.len() >= 10 && w.starts_with(['-', 'b']) && w.bytes().take(10).all(|b| b"-rwxsSbtT".contains(&b))
    };
    let at = words.iter().position(mode)?;
    let size = words.get(at + 4).and_then(|w| size::read(w, Scale::Coreutils))?;
    // A date has three words, or two in the format long-iso.
    let iso = words.get(at + 5).is_some_and(|w| w.len() == 10 && w.contains('-'));
    let zone = words.get(at + 7).is_some_and(|w| w.len() == 5 && w.starts_with(['+', '-']));
    let path = words.get(if iso && !zone { at + 7 } else { at + 8 }..)?.join(" ");
    let taken = at.checked_sub(1).and_then(|i| words.get(i)).and_then(|w| size::read(w, Scale::Coreutils));
    let taken = taken.map(|a| if a.has_unit { a.bytes } else { Bytes(a.bytes.0.saturating_mul(1024)) });
    (!path.is_empty()).then(|| LoopFile {
        path,
        size: Some(size.bytes),
        allocated: taken,
        ..LoopFile::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loop_devices() {
        let text = "NAME       SIZELIMIT OFFSET AUTOCLEAR RO BACK-FILE                 DIO LOG-SEC\n\
            /dev/loop1         0      0         1  0 /d/a file (deleted)         0     512\n\
            /dev/loop2: [64768]:131190 (/d/metadata)\n/dev/loop3: [0032]:116 (/d/x (deleted))";
        let found = loops(text);
        assert_eq!((found[0].file.path.as_str(), found[0].file.deleted), ("/d/a file", true));
        assert_eq!(found[0].autoclear, Some(true));
        assert_eq!((found[1].file.path.as_str(), found[1].inode), ("/d/metadata", Some(131_190)));
        assert_eq!((found[2].file.path.as_str(), found[2].file.deleted), ("/d/x", true));
        let found = loops(
            r#"{"loopdevices":[{"name":"/dev/loop1","autoclear":true,"back-file":"/d/data","back-ino":65050}]}"#,
        );
        assert_eq!((found[0].node.as_str(), found[0].inode), ("/dev/loop1", Some(65050)));
    }

    #[test]
    fn sizes_of_files() {
        let file = &files(Tool::Ls, "before: 1.6G -rw------- 1 root root 200G Nov 12 11:52 /d/data")[0];
        assert_eq!((file.path.as_str(), file.size), ("/d/data", Some(Bytes(200 << 30))));
        assert_eq!(file.allocated, Some(Bytes(1_717_986_918)));
        let plain = &files(Tool::Ls, "-rw------- 1 root root 107374182400 Nov 12 11:52 data")[0];
        assert_eq!((plain.size, plain.allocated), (Some(Bytes(100 << 30)), None));
        let listed = "/d/devicemapper/:\ntotal 92G\n 90G -rw-------. 1 root root 100G Nov 12 11:52 data";
        let file = &files(Tool::Ls, listed)[0];
        assert_eq!((file.path.as_str(), file.allocated), ("/d/devicemapper/data", Some(Bytes(90 << 30))));
        let file = &files(Tool::Du, "100G\t/d/data\n72M\t/d/data")[0];
        assert_eq!((file.size, file.allocated), (Some(Bytes(100 << 30)), Some(Bytes(72 << 20))));
    }
}
