//! Use and limits of kernel tables: semaphores, shared memory, inotify, open files, control groups.
//!
//! A table is included only if both its use and its limit were recorded.

use crate::record::{Query, Recording};

/// A table of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// Sets of System V semaphores (`kernel.sem`, the fourth number).
    SemaphoreSets,
    /// System V semaphores in all sets (`kernel.sem`, the second number).
    Semaphores,
    /// System V shared memory segments (`kernel.shmmni`).
    MemorySegments,
    /// System V message queues (`kernel.msgmni`).
    MessageQueues,
    /// inotify instances of one user (`fs.inotify.max_user_instances`).
    InotifyInstances,
    /// inotify watches of one user (`fs.inotify.max_user_watches`).
    InotifyWatches,
    /// Open files of the whole host (`fs.file-max`).
    OpenFiles,
    /// Control groups with memory accounting: 16 bits number them (mm/memcontrol.c, `MEM_CGROUP_ID_MAX`).
    MemoryGroups,
}

/// Use and limit of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitUse {
    /// The table.
    pub kind: LimitKind,
    /// Used entries.
    pub used: u64,
    /// Most entries.
    pub limit: u64,
    /// The user id, for limits per user.
    pub user: Option<u32>,
}

impl LimitKind {
    /// The plural noun for the entries.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::SemaphoreSets => "sets of semaphores",
            Self::Semaphores => "semaphores",
            Self::MemorySegments => "shared memory segments",
            Self::MessageQueues => "message queues",
            Self::InotifyInstances => "inotify instances",
            Self::InotifyWatches => "inotify watches",
            Self::OpenFiles => "open files",
            Self::MemoryGroups => "memory control groups",
        }
    }

    /// The sysctl with the limit; the number of control groups has none.
    #[must_use]
    pub const fn setting(self) -> Option<&'static str> {
        match self {
            Self::SemaphoreSets | Self::Semaphores => Some("kernel.sem"),
            Self::MemorySegments => Some("kernel.shmmni"),
            Self::MessageQueues => Some("kernel.msgmni"),
            Self::InotifyInstances => Some("fs.inotify.max_user_instances"),
            Self::InotifyWatches => Some("fs.inotify.max_user_watches"),
            Self::OpenFiles => Some("fs.file-max"),
            Self::MemoryGroups => None,
        }
    }
}

/// Most control groups with memory accounting (mm/memcontrol.c).
const MEMORY_GROUPS: u64 = 65_535;

/// All tables with recorded use and limit.
#[must_use]
pub(in crate::host) fn read(recording: &Recording) -> Vec<LimitUse> {
    let file = |path: &str| recording.said(Query::File, path).map(numbers).unwrap_or_default();
    let objects = recording.said(Query::IpcObjects, "").unwrap_or_default();
    let object = |name: &str| {
        let pairs = objects.split_whitespace().filter_map(|word| word.split_once('='));
        pairs.filter(|(known, _)| *known == name).find_map(|(_, value)| value.parse().ok())
    };
    let sem = file("/proc/sys/kernel/sem");
    let files = file("/proc/sys/fs/file-nr");
    let first = |path: &str| file(path).first().copied();
    let at = |list: &[u64], place: usize| list.get(place).copied();
    let mut all = vec![
        (LimitKind::SemaphoreSets, object("semaphore_sets"), at(&sem, 3), None),
        (LimitKind::Semaphores, object("semaphores"), at(&sem, 1), None),
        (LimitKind::MemorySegments, object("memory_segments"), first("/proc/sys/kernel/shmmni"), None),
        (LimitKind::MessageQueues, object("queues"), first("/proc/sys/kernel/msgmni"), None),
        (LimitKind::OpenFiles, at(&files, 0), at(&files, 2), None),
        (LimitKind::MemoryGroups, memory_groups(recording), Some(MEMORY_GROUPS), None),
    ];
    let (instances, watches) =
        (first("/proc/sys/fs/inotify/max_user_instances"), first("/proc/sys/fs/inotify/max_user_watches"));
    let open = recording.said(Query::OpenFiles, "").unwrap_or_default();
    for row in open.lines().filter_map(|line| line.strip_prefix("inotify\t")) {
        let [user, used, watched] = numbers(row)[..] else { continue };
        let user = u32::try_from(user).ok();
        all.push((LimitKind::InotifyInstances, Some(used), instances, user));
        all.push((LimitKind::InotifyWatches, Some(watched), watches, user));
    }
    let known = |(kind, used, limit, user): (LimitKind, Option<u64>, Option<u64>, Option<u32>)| {
        Some(LimitUse { kind, used: used?, limit: limit?, user })
    };
    all.into_iter().filter_map(known).collect()
}

fn numbers(text: &str) -> Vec<u64> {
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// The third column of the row `memory` in `/proc/cgroups`: `subsys_name hierarchy num_cgroups enabled`.
fn memory_groups(recording: &Recording) -> Option<u64> {
    let text = recording.said(Query::File, "/proc/cgroups")?;
    let row = text.lines().find(|line| line.split_whitespace().next() == Some("memory"))?;
    row.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Outcome, Source};

    #[test]
    fn a_table_needs_both_its_use_and_its_limit() {
        let mut recording = Recording::new(Source::Machine, None);
        let mut say =
            |query, of: &str, text: &str| recording.push(query, of, Outcome::Answered(text.to_owned()));
        say(Query::File, "/proc/sys/kernel/sem", "250\t32000\t32\t128\n");
        say(Query::IpcObjects, "", "semaphore_sets=128 semaphores=130 memory_segments=1 queues=0");
        say(Query::File, "/proc/sys/fs/inotify/max_user_instances", "128\n");
        say(Query::OpenFiles, "", "inotify\t0\t12\t400\n(3 processes may not be looked into)");
        say(
            Query::File,
            "/proc/cgroups",
            "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t3\t91\t1\n",
        );
        let all = read(&recording);
        let of = |kind| all.iter().find(|u: &&LimitUse| u.kind == kind).map(|u| (u.used, u.limit, u.user));
        assert_eq!(of(LimitKind::SemaphoreSets), Some((128, 128, None)));
        assert_eq!(of(LimitKind::Semaphores), Some((130, 32_000, None)));
        assert_eq!(of(LimitKind::InotifyInstances), Some((12, 128, Some(0))));
        assert_eq!(of(LimitKind::MemoryGroups), Some((91, 65_535, None)));
        assert_eq!((of(LimitKind::InotifyWatches), of(LimitKind::MemorySegments)), (None, None));
    }
}
