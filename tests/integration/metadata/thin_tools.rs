//! The programs of thin-provisioning-tools as oracles; without them a test prints a note and passes.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::builder::Truth;

/// A file that is removed on drop.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("thinspect-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A loop device that is detached on drop.
pub(crate) struct Loop(pub(crate) String);

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.0]).status();
    }
}

/// Attaches a loop device; prints a note if that is impossible here.
pub(crate) fn attach(file: &Scratch) -> Option<Loop> {
    let output = Command::new("losetup").args(["-f", "--show"]).arg(&file.0).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        let _ = writeln!(std::io::stderr(), "skipped: no loop device can be attached (losetup, as root)");
        return None;
    };
    Some(Loop(String::from_utf8(output.stdout).unwrap().trim().to_owned()))
}

/// Whether the tools are installed; prints a note if not.
pub(crate) fn have_tools() -> bool {
    let missing = ["thin_ls", "thin_check", "thin_restore"]
        .iter()
        .find(|tool| Command::new(tool).arg("-V").stdout(Stdio::null()).status().is_err());
    if let Some(tool) = missing {
        let _ = writeln!(std::io::stderr(), "skipped: {tool} is not installed (thin-provisioning-tools)");
    }
    missing.is_none()
}

/// The numbers of `thin_ls` for an image.
pub(crate) fn thin_ls(image: &[u8]) -> Truth {
    thin_ls_with(image, &[])
}

/// [`thin_ls`] with more options.
pub(crate) fn thin_ls_with(image: &[u8], options: &[&str]) -> Truth {
    let file = Scratch::new(image);
    let output = Command::new("thin_ls")
        .args(["--no-headers", "-o", "DEV,MAPPED_BLOCKS,EXCLUSIVE_BLOCKS,SHARED_BLOCKS"])
        .args(options)
        .arg(&file.0)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let numbers =
        |line: &str| line.split_whitespace().map(|word| word.parse().unwrap()).collect::<Vec<u64>>();
    lines
        .lines()
        .map(numbers)
        .map(|numbers| (numbers[0] as u32, (numbers[1], numbers[2], numbers[3])))
        .collect()
}

/// Fails if `thin_check` finds anything.
pub(crate) fn thin_check(image: &[u8]) {
    let file = Scratch::new(image);
    let output = Command::new("thin_check").arg(&file.0).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// Metadata that `thin_restore` makes from a dump.
pub(crate) fn thin_restore(xml: &str, bytes: usize) -> Vec<u8> {
    let (input, output) = (Scratch::new(xml.as_bytes()), Scratch::new(&vec![0; bytes]));
    let made =
        Command::new("thin_restore").arg("-i").arg(&input.0).arg("-o").arg(&output.0).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(&output.0).unwrap()
}
