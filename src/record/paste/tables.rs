//! Recognises lines of tables: LVM's reports, `df`, `losetup`, `ls -l`, `lsblk` and others, with or without headings.
//!
//! A row is recognised by the form of its words. A row without a distinctive form is recognised only in a table whose
//! heading came before.

use super::shapes::{
    is_amount, is_device_number, is_file_mode, is_lv_attr, is_number, is_percent, is_vg_attr, words,
};
use super::tool::Tool;
use crate::record::{Answer, Query};

/// A recognised line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) query: Query,
    /// The tool.
    pub(super) target: &'static str,
    /// It names the columns, so a new report begins.
    pub(super) heading: bool,
}

const fn row(query: Query, target: &'static str) -> Option<Found> {
    Some(Found { query, target, heading: false })
}

const fn heading(query: Query, target: &'static str) -> Option<Found> {
    Some(Found { query, target, heading: true })
}

/// Recognises a line; `open` is the query and tool of the report that the previous line belonged to.
pub(super) fn recognise(line: &str, open: Option<(Query, &'static str)>) -> Option<Found> {
    let all: Vec<&str> = words(line).map(|(_, word)| word).collect();
    let first = *all.first()?;
    // Both of LVM's displays have a line `VG Name`.
    let of_group = all.len() == 3 && all.first() == Some(&"VG") && all.get(1) == Some(&"Name");
    if of_group && open == Some((Query::LvmReport, "vgdisplay")) {
        return row(Query::LvmReport, "vgdisplay");
    }
    match (line.trim(), line.starts_with("  --- ")) {
        ("--- Volume group ---", true) => return heading(Query::LvmReport, "vgdisplay"),
        ("--- Logical volume ---", true) => return heading(Query::LvmReport, "lvdisplay"),
        _ => {}
    }
    let headings = headings(first, &all).map(|found| Found {
        // In `ls -l`, the line with the total follows the name of the directory.
        heading: found.heading
            && !(found.target == "ls -l" && all.len() == 2 && open == Some((found.query, found.target))),
        ..found
    });
    headings
        .or_else(|| lvm_row(first, &all, line))
        .or_else(|| df_row(&all))
        .or_else(|| shaped_row(first, &all, line))
        .or_else(|| continued(first, &all, line, open))
}

/// Headings of LVM's reports (lib/report/columns.h); a report may show any of them.
const LVM_HEADINGS: &[&str] = &[
    "LV", "VG", "PV", "Attr", "LSize", "Pool", "Origin", "Data%", "Meta%", "Move", "Log", "Cpy%Sync",
    "Convert", "Snap%", "Copy%", "#PV", "#LV", "#SN", "VSize", "VFree", "Fmt", "PSize", "PFree", "Chunk",
    "Devices", "Monitor", "Profile", "MSize", "Zero", "Discards", "WhenFull", "TransId", "LProfile",
    "VProfile", "Ext", "#Ext", "Free", "UUID", "Path",
];

fn headings(first: &str, all: &[&str]) -> Option<Found> {
    let has = |word: &str| all.contains(&word);
    if LVM_HEADINGS.contains(&first) && all.len() >= 2 {
        let known = all.iter().filter(|w| LVM_HEADINGS.contains(w)).count();
        // `LV UUID  Zc2Bka-…` and `LV Path  /dev/vg/lv` are fields of lvdisplay.
        let value = all.get(2).is_some_and(|w| !LVM_HEADINGS.contains(w));
        let field = all.len() == 3 && matches!(all.get(1), Some(&("UUID" | "Path"))) && value;
        if known * 2 > all.len() && !field {
            let target = if has("VFree") || has("VSize") {
                "vgs"
            } else if has("PFree") || has("PSize") {
                "pvs"
            } else {
                "lvs"
            };
            return heading(Query::LvmReport, target);
        }
    }
    let lsblk_headings = ["MAJ:MIN", "FSTYPE", "MOUNTPOINT", "MOUNTPOINTS", "TYPE", "KNAME", "PKNAME"];
    match first {
        "NAME" if has("SIZELIMIT") || has("BACK-FILE") => heading(Query::PastedOutput, Tool::Losetup.name()),
        "NAME" if lsblk_headings.into_iter().any(has) => heading(Query::PastedOutput, Tool::Lsblk.name()),
        directory
            if all.len() == 1
                && directory.len() > 2
                && directory.starts_with('/')
                && directory.ends_with(':') =>
        {
            heading(Query::PastedOutput, Tool::Ls.name())
        }
        "CONTAINER" if has("ID") && has("IMAGE") => heading(Query::PastedOutput, Tool::DockerPs.name()),
        "TYPE" if has("TOTAL") && has("RECLAIMABLE") => {
            heading(Query::PastedOutput, Tool::DockerSystemDf.name())
        }
        "REPOSITORY" if has("TAG") => heading(Query::PastedOutput, Tool::DockerImages.name()),
        "COMMAND" if has("PID") && has("FD") => heading(Query::PastedOutput, Tool::Lsof.name()),
        // The total of GNU ls in several languages.
        "total" | "insgesamt" | "totale" | "totaal" | "итого" | "总用量" | "合計" | "합계" | "razem"
        | "celkem"
            if all.len() == 2 && all.last().is_some_and(|w| is_amount(w)) =>
        {
            heading(Query::PastedOutput, Tool::Ls.name())
        }
        "Name" if has("Maj") && has("Min") => heading(Query::PastedOutput, Tool::DmsetupInfo.name()),
        "Cookie" if has("Semid") => heading(Query::PastedOutput, Tool::DmsetupUdevcookies.name()),
        "key" if has("semid") && has("nsems") => heading(Query::PastedOutput, Tool::Ipcs.name()),
        "KEY" if has("PARENT") && has("KIND") => heading(Query::PastedOutput, Tool::CtrSnapshots.name()),
        _ => df_heading(all),
    }
}

/// The headings of `df`, in any language: words, one of them ending in `%`, and no numbers.
fn df_heading(all: &[&str]) -> Option<Found> {
    let share = all.iter().position(|w| w.ends_with('%'))?;
    let no_rows = all.iter().all(|w| !w.starts_with('/') && !w.strip_suffix('%').is_some_and(is_number));
    let plain = all.iter().take(share).all(|w| w.chars().all(|c| c.is_alphanumeric() || "-.()".contains(c)));
    if !no_rows || !plain || share < 3 || all.len() < share + 2 || all.len() > 12 {
        return None;
    }
    let inodes = all.iter().any(|w| {
        ["inode", "ifree", "iuse", "iused", "ilibre", "ifrei"]
            .iter()
            .any(|i| w.to_ascii_lowercase().starts_with(i))
    });
    heading(Query::Df, if inodes { "df -i" } else { "df" })
}

fn lvm_row(first: &str, all: &[&str], line: &str) -> Option<Found> {
    if all.iter().any(|w| is_lv_attr(w)) {
        return row(Query::LvmReport, "lvs");
    }
    if all.len() >= 3 && all.iter().any(|w| is_vg_attr(w)) {
        return row(Query::LvmReport, "vgs");
    }
    if all.contains(&"lvm2") && (all.contains(&"a--") || all.contains(&"---")) {
        return row(Query::LvmReport, "pvs");
    }
    if line.trim_start().starts_with(r#"{"lv_name":"#) {
        return row(Query::LvmReport, "lvs");
    }
    let second = all.get(1).copied().unwrap_or_default();
    let last = all.last().copied().unwrap_or_default();
    match (first, second) {
        ("Allocated", "pool" | "metadata") if last.ends_with('%') => row(Query::LvmReport, "lvdisplay"),
        ("LV", "Name" | "Path" | "UUID" | "Size" | "Status" | "Pool") if all.len() >= 3 => {
            row(Query::LvmReport, "lvdisplay")
        }
        ("VG", "Name") if all.len() == 3 => row(Query::LvmReport, "lvdisplay"),
        ("VG", "Size" | "UUID" | "Status" | "Access") | ("PE", "Size") | ("Total", "PE")
            if all.len() >= 3 =>
        {
            row(Query::LvmReport, "vgdisplay")
        }
        ("Alloc" | "Free", "PE") if all.contains(&"Size") => row(Query::LvmReport, "vgdisplay"),
        ("ACTIVE" | "inactive", path) if path.starts_with("'/dev/") => row(Query::LvmReport, "lvscan"),
        _ => None,
    }
}

/// A row of `df`: `DEVICE [TYPE] SIZE USED AVAILABLE SHARE MOUNT`.
fn df_row(all: &[&str]) -> Option<Found> {
    let share = all
        .windows(2)
        .position(|two| matches!(two, [share, mount] if is_percent(share) && mount.starts_with('/')))?;
    let amounts = all.get(share.checked_sub(3)?..share)?;
    let named = share >= 4 && !all.first().is_some_and(|w| is_file_mode(w));
    (named && share <= 5 && amounts.iter().all(|w| is_amount(w) || *w == "-")).then_some(Found {
        query: Query::Df,
        target: "df",
        heading: false,
    })
}

/// Whether it is the second half of a wrapped `df` row, without the device.
pub(super) fn is_rest_of_df(line: &str) -> bool {
    let all: Vec<&str> = words(line).map(|(_, word)| word).collect();
    let share = all.iter().position(|w| w.ends_with('%') && is_percent(w));
    share.is_some_and(|s| {
        (3..=4).contains(&s) && all.get(s - 3..s).is_some_and(|n| n.iter().all(|w| is_amount(w)))
    }) && all.last().is_some_and(|w| w.starts_with('/'))
}

/// Whether a line may be the first half of a wrapped `df` row, the device.
pub(super) fn may_be_wrapped(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 8
        && (line.starts_with("/dev/") || line.contains(":/"))
        && !line.contains(char::is_whitespace)
}

/// Whether a line mentions inodes; then a row of `df` after it counts inodes.
pub(super) fn mentions_inodes(answer: &Answer) -> bool {
    answer.query == Query::PastedLine
        && answer.outcome.said().is_some_and(|s| s.to_lowercase().contains("inode"))
}

/// Rows with a distinctive form.
fn shaped_row(first: &str, all: &[&str], line: &str) -> Option<Found> {
    let second = all.get(1).copied().unwrap_or_default();
    let last = all.last().copied().unwrap_or_default();
    let mode = all.iter().take(8).position(|w| is_file_mode(w));
    if mode.is_some_and(|at| all.len() >= at + 7 && all.get(at + 1).is_some_and(|w| is_number(w))) {
        return row(Query::PastedOutput, Tool::Ls.name());
    }
    if first.starts_with("/dev/loop") && first.ends_with(':') && second.starts_with('[') {
        return row(Query::PastedOutput, Tool::Losetup.name());
    }
    if line.contains(" dependencies") && line.contains(": (") {
        return row(Query::PastedOutput, Tool::DmsetupDeps.name());
    }
    if first.starts_with("0x")
        && all.len() >= 8
        && is_number(second)
        && all.get(2).is_some_and(|w| is_number(w))
    {
        return row(Query::PastedOutput, Tool::DmsetupUdevcookies.name());
    }
    let is_dm_stat = |w: &str| w.len() == 4 && w.starts_with(['L', '-']) && w.ends_with(['w', 'r']);
    if all.len() >= 7 && is_number(second) && all.get(3).is_some_and(|w| is_dm_stat(w)) {
        return row(Query::PastedOutput, Tool::DmsetupInfo.name());
    }
    let number =
        last.strip_prefix(['(', '<']).and_then(|w| w.strip_suffix([')', '>'])).is_some_and(is_device_number);
    if number && (all.len() == 2 || is_tree_line(first)) {
        return row(Query::PastedOutput, Tool::DmsetupLs.name());
    }
    if first.starts_with("NAME=\"") && line.contains("MAJ:MIN=\"") {
        return row(Query::PastedOutput, Tool::Lsblk.name());
    }
    let types = ["disk", "part", "lvm", "loop", "dm", "crypt", "rom", "raid1", "raid0", "mpath"];
    let at = all.iter().position(|w| is_device_number(w));
    if at.is_some_and(|at| {
        at <= 3 && all.get(at + 1..).is_some_and(|t| t.iter().take(5).any(|w| types.contains(w)))
    }) {
        return row(Query::PastedOutput, Tool::Lsblk.name());
    }
    if all.len() == 2 && is_amount(first) && second.starts_with('/') {
        return row(Query::PastedOutput, Tool::Du.name());
    }
    stat_line(first, all, line)
}

/// Lines of `stat`.
fn stat_line(first: &str, all: &[&str], line: &str) -> Option<Found> {
    let known = match first {
        "File:" => all.len() >= 2,
        "Size:" => line.contains("Blocks:") && line.contains("IO Block:"),
        "Device:" => line.contains("Inode:"),
        "Access:" => line.contains("Uid:"),
        _ => false,
    };
    known.then_some(Found {
        query: Query::PastedOutput,
        target: Tool::Stat.name(),
        heading: first == "File:",
    })
}

/// Rows without a distinctive form, directly after a line of the same table.
fn continued(first: &str, all: &[&str], line: &str, open: Option<(Query, &'static str)>) -> Option<Found> {
    let (query, target) = open?;
    let wide = line.trim().split("  ").filter(|cell| !cell.trim().is_empty()).count();
    let fits = match target {
        "losetup" => first.starts_with("/dev/loop"),
        "lsof" => all.get(1).is_some_and(|w| is_number(w)) && all.len() >= 7,
        "docker ps" | "docker images" => wide >= 4,
        "docker system df" => wide >= 3 && all.iter().any(|w| is_number(w)),
        // A row may be only a name, or only another mount point of the device above.
        "lsblk" => {
            is_tree_line(first) || wide >= 3 || all.len() == 1 && (first.starts_with('/') || is_name(first))
        }
        "ls -l" => all.len() == 2 && all.last().is_some_and(|w| is_amount(w)),
        "ctr snapshots" => matches!(all.last(), Some(&("Committed" | "Active" | "View"))),
        "ipcs" => first.starts_with("0x"),
        "stat" => {
            let times = ["Access:", "Modify:", "Change:", "Birth:"];
            times.contains(&first)
                && all.get(1).is_some_and(|w| w.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
        }
        "df" | "df -i" => {
            all.len() >= 6
                && all.iter().any(|w| is_percent(w))
                && all.last().is_some_and(|w| w.starts_with('/'))
        }
        "lvdisplay" | "vgdisplay" => display_line(line),
        "lvs" | "vgs" | "pvs" => {
            all.len() >= 2 && all.iter().any(|w| is_amount(w.trim_start_matches('<')) && w.len() > 1)
        }
        "dmsetup ls" => is_tree_line(first) || all.len() == 1 && first.ends_with("..."),
        _ => false,
    };
    fits.then_some(Found { query, target, heading: false })
}

/// Whether a row begins with the lines of a tree.
fn is_tree_line(first: &str) -> bool {
    first.starts_with(['└', '├', '│', '`', '|'])
}

/// Whether a word can be the name of a disk or partition: `sda`, `nvme0n1`, `vg-root`.
fn is_name(word: &str) -> bool {
    word.len() <= 128
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+:".contains(c))
        && !word.ends_with(':')
}

/// Whether it is a line of `lvdisplay` or `vgdisplay`: `  Read ahead sectors     auto`, `--- Logical volume ---`.
fn display_line(line: &str) -> bool {
    let line = line.trim_end();
    line.starts_with("  ")
        && (line.contains("---") || line.trim_start().contains("  ") || line.starts_with("  - "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<&'static str> {
        recognise(line, None).map(|f| f.target)
    }

    #[test]
    fn rows_are_recognised_by_form() {
        assert_eq!(of("  docker-pool docker twi-aot--- 12.44g             27.35  3.92"), Some("lvs"));
        assert_eq!(of("lv_attr twi-aotzD-  Data% 100.00"), Some("lvs"));
        assert_eq!(of("838.36g twi---tz--"), Some("lvs"));
        assert_eq!(of("  docker   1   1   0 wz--n- 22.00g 204.00m"), Some("vgs"));
        assert_eq!(of("  /dev/sda3  docker lvm2 a--  25.00g    0"), Some("pvs"));
        assert_eq!(of("  Allocated pool data    0.27%"), Some("lvdisplay"));
        assert_eq!(of("  LV UUID                Zc2Bka-Ow9l-kTL3-rzd0-SJPW-qDR0-2sZdPt"), Some("lvdisplay"));
        assert_eq!(of("  LV VG UUID Path"), Some("lvs"));
        assert_eq!(of("  Free  PE / Size       78925 / 308.30 GiB"), Some("vgdisplay"));
        assert_eq!(of("  inactive          '/dev/vg0/thinpool' [285.79 GiB] inherit"), Some("lvscan"));
        assert_eq!(of("/dev/sda4        16G   16G  257M  99% /"), Some("df"));
        assert_eq!(of("/dev/vda  ext4  12G  634M   11G   6% /var/lib/docker"), Some("df"));
        assert_eq!(of("/dev/loop0: [0032]:116 (/dev/loop0)"), Some("losetup"));
        assert_eq!(of("before: 1.6G -rw------- 1 root root 200G Nov 12 11:52 /d/data"), Some("ls -l"));
        assert_eq!(of("docker-docker--pool   253:2      0 21.9G  0 lvm"), Some("lsblk"));
        assert_eq!(of("docker-pool\t(253:0)"), Some("dmsetup ls"));
        assert_eq!(of(" ├─ (7:1)"), Some("dmsetup ls"));
        assert_eq!(of("└─docker-thinpool_tdata <253:3>"), Some("dmsetup ls"));
        assert_eq!(of("NAME=\"loop0\" MAJ:MIN=\"7:0\" SIZE=\"100G\""), Some("lsblk"));
        assert_eq!(of("/var/lib/docker/devicemapper/devicemapper:"), Some("ls -l"));
        assert_eq!(of("insgesamt 92G"), Some("ls -l"));
        assert_eq!(of("72M\t/var/lib/docker/devicemapper/devicemapper/data"), Some("du"));
    }

    #[test]
    fn headings_are_recognised_in_any_language() {
        assert_eq!(of("Filesystem     Inodes IUsed  IFree IUse% Mounted on"), Some("df -i"));
        assert_eq!(of("Dateisystem    Größe Benutzt Verf. Verw% Eingehängt auf"), Some("df"));
        assert_eq!(of("Sys. de fichiers Taille Utilisé Dispo Uti% Monté sur"), Some("df"));
        assert_eq!(of("  LV   VG     Attr       LSize  Pool Origin Data%  Meta%"), Some("lvs"));
        assert_eq!(of("LSize   Attr"), Some("lvs"));
        assert_eq!(of("  VG     #PV #LV #SN Attr   VSize  VFree"), Some("vgs"));
    }

    #[test]
    fn sentences_are_not_rows() {
        for line in [
            "Disk usage on image filesystem is at 85% which is over the high threshold (85%).",
            "write /var/lib/docker/tmp/x: no space left on device",
            "LV docker/thinpool is not active locally",
            "100% of pool used",
            "total memory",
            "see /etc/docker/daemon.json:",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
