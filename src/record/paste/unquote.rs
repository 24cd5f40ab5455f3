//! Removes what pasting added to a line: quoting, escape sequences, prompts, unusual blanks.
//!
//! Keeps the words and the indentation, which some tables need.

use super::shapes::words;
use crate::record::Query;
use std::borrow::Cow;

/// A line without escape sequences, control characters and invisible characters. Unusual blanks become normal ones.
pub(super) fn characters(raw: &str) -> Cow<'_, str> {
    let raw = raw.trim_end();
    let odd = |b: u8| (b < b' ' && b != b'\t') || matches!(b, 0x7f | 0xc2 | 0xe2 | 0xe3 | 0xef);
    if !raw.bytes().any(odd) && !raw.contains("**") {
        return Cow::Borrowed(raw);
    }
    let bold = raw.matches("**").count() >= 2 && !raw.contains("/**");
    let raw = if bold { Cow::Owned(raw.replace("**", "")) } else { Cow::Borrowed(raw) };
    let mut clean = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.next_if_eq(&'[').is_some() => {
                while chars.next_if(|c| c.is_ascii_digit() || ";?".contains(*c)).is_some() {}
                let _ = chars.next_if(char::is_ascii_alphabetic);
            }
            '\t' => clean.push('\t'),
            '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => clean.push(' '),
            '\u{200b}'..='\u{200f}' | '\u{feff}' => {}
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    Cow::Owned(clean)
}

/// A line without the quote marks of mail (`> `), tables (`| … |`) and code (`` ` ``).
pub(super) fn unquoted(line: &str) -> &str {
    let mut line = line;
    loop {
        let inner = line.trim_start();
        if let Some(rest) = inner.strip_prefix('>') {
            line = rest.strip_prefix(' ').unwrap_or(rest);
        } else if let Some(rest) = inner.strip_prefix("| ") {
            line = rest.trim_end().strip_suffix(" |").unwrap_or(rest);
        } else if inner.len() > 1
            && let Some(rest) = inner.strip_prefix('`')
            && !inner.starts_with("```")
        {
            line = rest.trim_end().strip_suffix('`').unwrap_or(rest);
        } else {
            return line;
        }
    }
}

/// The text after a shell prompt: `$ `, `# `, `+ `, `[root@host ~]# `, `user@host:~$ `, `sh-4.2# `. `None` without one.
pub(super) fn prompt(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if let Some(rest) = line.strip_prefix("+ ") {
        return Some(rest);
    }
    // A field of lvdisplay's: `# open                 0`.
    if line.starts_with("# open  ") {
        return None;
    }
    let end = line.find(['#', '$', '%']).filter(|end| *end <= 80)?;
    let (before, rest) = line.split_at_checked(end)?;
    let rest = rest.strip_prefix(['#', '$', '%'])?.strip_prefix(' ')?;
    let shell = ["sh-", "bash-"].iter().any(|s| before.starts_with(s)) && !before.contains(' ');
    let place = before.contains('@') && before.split_whitespace().count() <= 3 && !before.contains(": ");
    (before.is_empty() || shell || place || matches!(before, "/ " | "~ ")).then_some(rest)
}

/// Commands whose output is recognised, and others that are often pasted with them.
const COMMANDS: &[&str] = &[
    "cat",
    "cd",
    "containerd",
    "ctr",
    "crictl",
    "dd",
    "df",
    "dmesg",
    "dmsetup",
    "docker",
    "docker-compose",
    "dockerd",
    "du",
    "echo",
    "find",
    "findmnt",
    "free",
    "fstrim",
    "grep",
    "ipcs",
    "journalctl",
    "kubectl",
    "ls",
    "losetup",
    "lsblk",
    "lsof",
    "lvchange",
    "lvconvert",
    "lvcreate",
    "lvdisplay",
    "lvextend",
    "lvremove",
    "lvs",
    "lvscan",
    "mount",
    "nerdctl",
    "podman",
    "ps",
    "pvcreate",
    "pvdisplay",
    "pvs",
    "rm",
    "service",
    "stat",
    "systemctl",
    "tail",
    "thin_check",
    "thin_dump",
    "thin_ls",
    "thin_repair",
    "truncate",
    "umount",
    "uname",
    "vgcreate",
    "vgdisplay",
    "vgextend",
    "vgs",
    "xfs_growfs",
];

/// The words of a command from its name on, without `sudo` and variable assignments.
fn command_words(text: &str) -> impl Iterator<Item = &str> {
    let skip = |word: &&str| matches!(*word, "sudo" | "time" | "-E") || word.contains('=');
    text.split_whitespace().skip_while(skip)
}

/// Whether the text after a prompt is a command, and not output that a person marked with `# `.
pub(super) fn is_command(text: &str) -> bool {
    let mut words = command_words(text);
    let Some(first) = words.next() else { return false };
    let name = first.rsplit('/').next().unwrap_or(first);
    let second = words.next().unwrap_or("-");
    let begins_as_argument = |c: char| c.is_ascii_lowercase() || "-/'\"|>$".contains(c);
    COMMANDS.contains(&name) && !super::shapes::is_number(second) && second.starts_with(begins_as_argument)
}

/// Facts from the last command line that its output does not contain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hint {
    /// Whether targets without params are a status or a table.
    pub(super) targets: Option<Query>,
    /// The only device of a `dmsetup status` or `table`; then its lines have no name.
    pub(super) device: Option<String>,
    /// `df` shows inodes.
    pub(super) inodes: bool,
    /// The only directory of an `ls`; then its rows have no directory.
    pub(super) directory: Option<String>,
}

impl Hint {
    /// The hint of a command line.
    pub(super) fn of(command: &str) -> Self {
        let targets = match (command.contains("dmsetup status"), command.contains("dmsetup table")) {
            (true, false) => Some(Query::DmStatus),
            (false, true) => Some(Query::DmTable),
            _ => None,
        };
        let mut words = command_words(command).skip_while(|w| *w != "df").skip(1);
        let inodes =
            words.any(|w| w == "--inodes" || (w.starts_with('-') && !w.starts_with("--") && w.contains('i')));
        Self { targets, device: targets.and_then(|_| device(command)), inodes, directory: directory(command) }
    }

    /// The hint of a line that is a command without a prompt; `None` for any other line.
    pub(super) fn of_bare(line: &str) -> Option<Self> {
        let (_, first) = words(line).next()?;
        (matches!(first, "dmsetup" | "df" | "ls" | "sudo") && is_command(line)).then(|| Self::of(line))
    }
}

/// The absolute path of the only directory that `ls` lists: its argument, or else that of a `cd` before it.
fn directory(command: &str) -> Option<String> {
    let mut current = None;
    for part in command.split(['|', ';', '&']) {
        let mut words = command_words(part);
        let (name, mut paths) = (words.next(), words.filter(|w| !w.starts_with('-')));
        let path = paths.next().map(|w| w.trim_matches(['"', '\'']));
        let absolute = path.filter(|p| p.starts_with('/') && !p.contains(['$', '*', '?']));
        match name {
            Some("cd") => current = absolute,
            Some("ls" | "ll") if paths.next().is_some() => return None,
            Some("ls" | "ll") => return if path.is_some() { absolute } else { current }.map(str::to_owned),
            _ => {}
        }
    }
    None
}

/// The only device in a `dmsetup status` or `dmsetup table` command.
fn device(command: &str) -> Option<String> {
    let after = |word| command.split_once(word).map(|(_, rest)| rest);
    let rest = after("dmsetup status ").or_else(|| after("dmsetup table "))?;
    let rest = rest.split(['|', ';', '>', '&', '<', '#']).next()?;
    let mut words = rest.split_whitespace();
    let mut found = None;
    while let Some(word) = words.next() {
        match word {
            "--target" => drop(words.next()),
            "-u" | "--uuid" | "-j" | "--major" | "-m" | "--minor" => return None,
            _ if word.starts_with('-') => {}
            _ if found.is_some() || word.contains(['$', '*', '?', '(', '`']) => return None,
            _ => found = Some(word.trim_matches(['"', '\'']).trim_start_matches("/dev/mapper/").to_owned()),
        }
    }
    found.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_removed() {
        assert_eq!(unquoted("> >  Pool Name: a"), " Pool Name: a");
        assert_eq!(unquoted("| Pool Name: a |"), "Pool Name: a");
        assert_eq!(unquoted("`Pool Name: a`"), "Pool Name: a");
        assert_eq!(characters("Data\u{a0}Space Used: **107.4 GB**\r"), "Data Space Used: 107.4 GB");
        assert_eq!(characters("\u{1b}[31mred\u{1b}[0m"), "red");
        assert_eq!(characters("a ** b"), "a ** b");
    }

    #[test]
    fn prompts_and_commands_are_recognised() {
        assert_eq!(prompt("[root@host ~]# docker info"), Some("docker info"));
        assert_eq!(prompt("user@host:/var$ lvs"), Some("lvs"));
        assert_eq!(prompt("# LSize   Attr"), Some("LSize   Attr"));
        assert_eq!(prompt("  # open                 0"), None);
        assert_eq!(prompt("mail me@example.org: it costs $ 5"), None);
        assert!(is_command("sudo dmsetup status --noflush"));
        assert!(!is_command("docker   1   1   0 wz--n- 22.00g 204.00m"));
        assert!(!is_command("docker: Error response from daemon"));
        assert!(!is_command("LSize   Attr"));
        assert!(Hint::of("df -hi /").inodes && !Hint::of("df -h").inodes);
        assert_eq!(Hint::of("dmsetup status; dmsetup table").targets, None);
        let device = |command: &str| Hint::of(command).device;
        assert_eq!(
            device("sudo dmsetup status --noflush /dev/mapper/a-pool | cat").as_deref(),
            Some("a-pool")
        );
        assert_eq!(device("dmsetup table 'a-pool'").as_deref(), Some("a-pool"));
        for command in
            ["dmsetup status", "dmsetup status a b", "dmsetup status --target thin-pool", "dmsetup status $p"]
        {
            assert_eq!(device(command), None, "{command}");
        }
    }
}
