//! Files that programs hold open, as listed by `lsof`.
//!
//! Only deleted regular files are kept: their space is not visible in any directory.

use crate::host::model::units::Bytes;

/// A deleted file that a program holds open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deleted {
    /// The program.
    pub command: String,
    /// Its process id.
    pub pid: u64,
    /// The file descriptor; `None` for a mapped file.
    pub descriptor: Option<u64>,
    /// Its size.
    pub size: Option<Bytes>,
    /// The path it had.
    pub path: String,
    /// Filesystem number and inode as listed; rows with equal ones are the same file.
    pub identity: (String, String),
}

/// Reads the rows of `lsof`, without files in memory (`/dev/shm`, `memfd:`), which take no disk space.
#[must_use]
pub fn deleted(text: &str) -> Vec<Deleted> {
    text.lines().filter_map(row).collect()
}

/// Reads the rows of a recording: `PID DESCRIPTOR 8:1 INODE BYTES PROGRAM PATH`, separated by tabs.
pub fn recorded(text: &str) -> impl Iterator<Item = Deleted> {
    text.lines().filter_map(|line| {
        let mut words = line.splitn(7, '\t');
        let mut next = || words.next();
        let (pid, descriptor, device) = (next()?.parse().ok()?, next()?.parse().ok()?, next()?);
        let (inode, bytes) = (next()?, next()?.parse().ok()?);
        Some(Deleted {
            pid,
            descriptor: Some(descriptor),
            size: Some(Bytes(bytes)),
            command: next()?.to_owned(),
            path: next()?.to_owned(),
            identity: (device.to_owned(), inode.to_owned()),
        })
    })
}

/// `COMMAND PID [TID TASKCMD] USER FD TYPE DEVICE SIZE/OFF [NLINK] NODE NAME`.
fn row(line: &str) -> Option<Deleted> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |w: &str| {
        w.split_once(',').is_some_and(|(a, b)| a.parse::<u32>().is_ok() && b.parse::<u32>().is_ok())
    };
    let device = words.iter().position(|w| number(w)).filter(|at| *at >= 4)?;
    let [descriptor, kind] = words.get(device - 2..device)? else { return None };
    let path = words.iter().position(|w| w.starts_with('/')).filter(|at| *at >= device + 2)?;
    let name = words.get(path..)?.join(" ");
    let marked = name.strip_suffix(" (deleted)");
    let numbers = words.get(device + 1..path)?;
    let unlinked = numbers.len() == 3 && numbers.get(1) == Some(&"0");
    let in_memory =
        ["/dev/", "/memfd:", "/SYSV", "/run/", "/[aio]"].iter().any(|place| name.starts_with(place));
    if *kind != "REG" || in_memory || marked.is_none() && !unlinked {
        return None;
    }
    let digits = descriptor.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    Some(Deleted {
        command: (*words.first()?).to_owned(),
        pid: words.get(1)?.parse().ok()?,
        descriptor: digits.parse().ok(),
        size: numbers.first().and_then(|w| w.parse().ok()).map(Bytes),
        path: marked.unwrap_or(&name).to_owned(),
        identity: ((*words.get(device)?).to_owned(), (*numbers.last()?).to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_recording() {
        let text = "12\t7\t8:1\t99\t3145728\tmy prog\t/var/log/a b\ninotify\t0\t1\t2\n(2 processes may not be looked into)";
        let found: Vec<Deleted> = recorded(text).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].pid, found[0].descriptor, found[0].size), (12, Some(7), Some(Bytes(3 << 20))));
        assert_eq!((found[0].command.as_str(), found[0].path.as_str()), ("my prog", "/var/log/a b"));
    }

    #[test]
    fn rows_of_lsof() {
        let text = "COMMAND     PID   USER   FD   TYPE DEVICE SIZE/OFF NLINK     NODE NAME\n\
            dockerd    1234   root   12w   REG  254,0 10737418240     0  1048577 /var/lib/docker/a b.log (deleted)\n\
            java       4321   4330 pool-1 root    7u   REG  253,3  9663676416     0  1048601 /var/log/app.log\n\
            bash       4400   root  cwd    DIR  253,0     4096     2      128 /gone (deleted)\n\
            x          4401   root  DEL    REG  253,0              128 /usr/lib/libx.so\n\
            x          4402   root  3u     REG    0,5     4096     0   130 /memfd:x (deleted)\n\
            x          4403   root  3u     REG  253,0     4096     1   131 /there\n";
        let found = deleted(text);
        assert_eq!(found.len(), 2, "{found:?}");
        let first = &found[0];
        assert_eq!((first.command.as_str(), first.pid, first.descriptor), ("dockerd", 1234, Some(12)));
        assert_eq!((first.path.as_str(), first.size), ("/var/lib/docker/a b.log", Some(Bytes(10 << 30))));
        assert_eq!((found[1].descriptor, found[1].path.as_str()), (Some(7), "/var/log/app.log"));
        assert_eq!(found[1].identity, ("253,3".to_owned(), "1048601".to_owned()));
    }
}
