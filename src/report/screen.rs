//! The text report: verdict, first action, each pool in the style of `zpool status`, findings and notes.
//!
//! Lines are wrapped at the width, except commands, which stay in one piece to be copied.

use super::style::{TextStyle, colour_of};
use super::units::clean;
use super::wrap::{cut, wrap};
use super::{Report, Source, forecast};
use crate::advice::Advice;
use crate::diagnosis::Suspect;
use crate::forecast::length;
use crate::host::dm::status::WhenFull;
use crate::host::model::backing::Backing;
use crate::host::model::pool::{MinFreeFrom, Pool, PoolHalf, PoolOwner, PoolState, StatusAnswer};
use crate::host::model::space::Space;
use crate::host::model::text::{Text, text};
use crate::host::model::units::{Blocks, Bytes};
use crate::host::{DeviceMapper, Host};
use crate::rules::Finding;
use crate::verdict::{Severity, Verdict};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

const BOLD: Style = Style::new().bold();

/// The report as text.
#[must_use]
pub fn text(report: &Report, style: &TextStyle) -> String {
    let mut out = headline(report, style);
    for pool in &report.host.pools {
        out.push('\n');
        out.push_str(&pool_block(pool, &report.host, style));
    }
    let shown = report.findings.len();
    if shown > 0 {
        out.push('\n');
        for (rank, finding) in report.findings.iter().enumerate() {
            let named = report.host.pools.len() > 1;
            out.push_str(&finding_block(finding, rank == 0 || style.verbose, named, style));
        }
    }
    out.push_str(&super::diagnosis::lines(report, style));
    out.push_str(&see(report));
    out.push_str(&notes(report, style));
    out
}

/// The verdict, the most important finding and the first action.
fn headline(report: &Report, style: &TextStyle) -> String {
    let (word, colour) = match report.verdict {
        Verdict::Critical => ("CRITICAL", colour_of(Severity::Critical)),
        Verdict::Warning => ("WARNING", colour_of(Severity::Warning)),
        Verdict::Unknown => ("UNKNOWN", colour_of(Severity::Warning)),
        Verdict::Ok => ("OK", AnsiColor::Green.on_default().bold()),
    };
    let (leading, sentence) = (report.leading(), report.sentence());
    let lines = wrap(&format!("{word}: "), &style.say(&sentence), style.width);
    let mut out = lines.replacen(word, &style.paint(colour, word), 1);
    if let Some(finding) = leading
        && let Some((advice, command)) = finding.advice.iter().find_map(|a| Some((a, a.commands.first()?)))
    {
        let does = style.say(&advice.does);
        let _ = writeln!(out, "  first: {}", style.paint(BOLD, &clean(command)));
        out.push_str(&wrap("         ", &format!("[{}] {does}", advice.risk.word()), style.width));
    } else if let Some((suspect, command)) = first_question(report) {
        let _ = writeln!(out, "  first: {}", style.paint(BOLD, command));
        out.push_str(&wrap("         ", &format!("[reads] {}", suspect.does), style.width));
    }
    out
}

/// The first suspect and the command that decides about it, if a failure is unexplained.
fn first_question(report: &Report) -> Option<(&Suspect, &'static str)> {
    if !report.diagnosis.is_open() {
        return None;
    }
    let suspect = report.diagnosis.suspects.first()?;
    Some((suspect, suspect.commands.first()?))
}

/// The sentence for a report without a finding above a notice.
pub(super) fn quiet_sentence(report: &Report) -> String {
    let host = &report.host;
    if let Some(sentence) = super::diagnosis::open_sentence(report) {
        return sentence;
    }
    match (&host.kernel.device_mapper, host.pools.len()) {
        (DeviceMapper::Missing, _) if report.verdict == Verdict::Ok => {
            format!("no thin pool here: this kernel has no device-mapper loaded{}", engines(host))
        }
        (DeviceMapper::Missing, _) => {
            "this kernel has no device-mapper loaded, so there are no thin pools here (modprobe dm_thin_pool loads it)".into()
        }
        (DeviceMapper::Refused(why), _) if why.starts_with("EACCES") || why.starts_with("EPERM") => {
            format!("device-mapper refused to answer ({why}); run as root, with CAP_SYS_ADMIN")
        }
        (DeviceMapper::Refused(why), _) => {
            format!("whether there are thin pools on this host is not known: device-mapper could not be asked ({why})")
        }
        (DeviceMapper::Silent, _) => "device-mapper did not answer in time".into(),
        (_, 0) if report.source == Source::Pasted => {
            "the text names no thin pool; paste `dmsetup status`, `docker info` or the error line beside it".into()
        }
        (_, 0) if report.verdict == Verdict::Unknown => {
            let missing = host.notes.iter().find(|o| o.forces_unknown);
            let why = missing.map_or_else(String::new, |o| format!(" ({}: {})", o.about, o.text));
            format!("whether there are thin pools on this host is not known{why}")
        }
        (_, 0) => format!("no thin pools on this host{}", engines(host)),
        (_, pools) if report.verdict == Verdict::Unknown => {
            let missing = host.notes.iter().find(|o| o.forces_unknown);
            if missing.is_none() && report.source == Source::Pasted {
                return "nothing is wrong in these numbers, which do not say what state the pool is in: paste `dmsetup status` beside them".into();
            }
            let why = missing.map_or_else(
                || "the numbers of a pool are missing".to_owned(),
                |o| format!("{}: {}", o.about, o.text),
            );
            let count = if pools == 1 { "the pool".to_owned() } else { format!("{pools} pools") };
            format!("nothing wrong was found with {count}, but not everything was answered: {why}")
        }
        _ if report.findings.iter().any(|f| f.rule == "pool-inactive") => {
            "nothing wrong was found; a pool is not active".into()
        }
        (_, 1) => "the pool is healthy".into(),
        (_, pools) => format!("all {pools} pools are healthy"),
    }
}

/// Words about a host without pools: the engines whose filesystems have free space.
fn engines(host: &Host) -> String {
    let mut whose: Vec<&str> = host.engines.iter().map(|files| files.engine.possessive()).collect();
    whose.dedup();
    if whose.is_empty() {
        String::new()
    } else {
        format!("; the filesystem of {} files has room", whose.join(" and "))
    }
}

fn pool_block(pool: &Pool, host: &Host, style: &TextStyle) -> String {
    let mut out = String::new();
    let name = pool.name.as_deref().map_or_else(|| "not named in the text".into(), clean);
    let _ = writeln!(out, "  pool: {}", style.paint(BOLD, &name));
    out.push_str(&wrap(" state: ", &style.say(&state(pool, host)), style.width));
    if let Some(owner) = owner(pool, host) {
        out.push_str(&wrap(" owner: ", &style.say(&owner), style.width));
    }
    let data = space_line("data", &pool.data, style);
    let share = || pool.metadata_centipercent.map(|c| format!("metadata {:>5} %", tenths(c / 10)));
    let metadata = space_line("metadata", &pool.metadata, style).or_else(share);
    for (at, line) in data.into_iter().chain(metadata).enumerate() {
        let _ = writeln!(out, "{}{line}", if at == 0 { " space: " } else { "        " });
    }
    if let Some(limit) = limit(pool) {
        out.push_str(&wrap(" limit: ", &style.say(&limit), style.width));
    }
    for (at, line) in forecast::lines(pool, host).iter().enumerate() {
        let _ = writeln!(out, "{}{}", if at == 0 { " trend: " } else { "        " }, style.say(line));
    }
    for line in below(pool) {
        out.push_str(&wrap(" below: ", &style.say(&line), style.width));
    }
    out
}

/// The pool's state in words.
pub(super) fn state(pool: &Pool, host: &Host) -> String {
    let timeout = host.kernel.no_space_timeout.unwrap_or(60);
    let mut words = match pool.state() {
        PoolState::ReadWrite => "read-write".to_owned(),
        PoolState::ReadOnly if pool.metadata.is_full() => "READ-ONLY: out of metadata space".to_owned(),
        PoolState::ReadOnly => "READ-ONLY".to_owned(),
        PoolState::OutOfDataSpace => format!("OUT OF DATA SPACE: {}", refused_writes(pool, timeout)),
        PoolState::Failed => "FAILED: all I/O fails".to_owned(),
        PoolState::Suspended => "SUSPENDED: all I/O waits".to_owned(),
        PoolState::Unanswered => match pool.answer {
            StatusAnswer::Silent(ms) => format!("NO ANSWER within {ms} ms: its metadata is stuck"),
            _ => "NO ANSWER".to_owned(),
        },
        PoolState::Unknown => "not known".to_owned(),
    };
    if let Some(secs) = pool.mode_secs {
        let _ = write!(
            words,
            "; so for {}",
            length(i64::try_from(secs).unwrap_or(i64::MAX).saturating_mul(1000))
        );
    }
    if pool.needs_check == Some(true) {
        words.push_str("; needs an offline check");
    }
    if pool.state() == PoolState::ReadWrite && pool.when_full.is_some() {
        let full = if pool.when_full == Some(WhenFull::Queue) { "wait" } else { "fail" };
        let _ = write!(words, "; when full, writes {full}");
    }
    words
}

/// What happens to writes in a pool without free data blocks. `timeout` is the kernel's `no_space_timeout` in seconds;
/// 0 means no timeout.
fn refused_writes(pool: &Pool, timeout: u64) -> String {
    match (pool.when_full, pool.when_full_requested) {
        (Some(WhenFull::Error), Some(WhenFull::Queue)) => format!("writes waited {timeout} s and now fail"),
        (Some(WhenFull::Queue), _) if timeout == 0 => "writes wait for ever".to_owned(),
        (Some(WhenFull::Queue), _) => format!("writes wait, at most {timeout} s, then fail"),
        (Some(WhenFull::Error), _) => "writes fail".to_owned(),
        (None, _) => "writes wait or fail".to_owned(),
    }
}

pub(super) fn owner(pool: &Pool, host: &Host) -> Option<String> {
    let at = |root: &Option<String>| root.as_ref().map(|r| format!(", {r}")).unwrap_or_default();
    match &pool.owner {
        PoolOwner::Docker { root } => {
            let docker = host.docker_of(pool);
            let version = docker.and_then(|d| d.version.as_deref());
            let version = version.or_else(|| pool.docker_info.as_ref()?.server_version.as_deref());
            let version = version.map(|v| format!(" {v}")).unwrap_or_default();
            let stopped = if docker.and_then(|d| d.running) == Some(false) {
                "; the daemon is not running"
            } else {
                ""
            };
            Some(format!("docker{version}{}{stopped}", at(root)))
        }
        PoolOwner::Containerd { root } => Some(format!("containerd{}", at(root))),
        PoolOwner::Lvm => Some("LVM".to_owned()),
        PoolOwner::Stratis => Some("Stratis".to_owned()),
        PoolOwner::ContainersStorage => Some("containers/storage (Podman, CRI-O)".to_owned()),
        PoolOwner::Unknown => None,
    }
}

const BAR: usize = 16;

/// `data      90.1 % [##############--]  90.1 GiB of 100.0 GiB; 161986 of 1638400 blocks free`
fn space_line<B: Blocks>(name: &str, space: &Space<B>, style: &TextStyle) -> Option<String> {
    let Some(permille) = space.permille() else {
        let free = space.reported_free?.count();
        return Some(format!("{name:<9}{free} blocks free, the total is not said"));
    };
    let filled = filled(BAR, permille);
    let filled_bar = style.paint(of_share(permille), &"#".repeat(filled));
    let bar = format!("[{filled_bar}{}]", "-".repeat(BAR - filled));
    let share = tenths(permille);
    let bytes = space.used_in_bytes().zip(space.total_in_bytes());
    let bytes =
        bytes.map(|(used, total)| format!("{} of {}", style.units.show(used), style.units.show(total)));
    let blocks = space.free().zip(space.total).map(|(free, total)| {
        let about = if space.exact { "" } else { "about " };
        format!("{about}{} of {} blocks free", free.count(), total.count())
    });
    let numbers: Vec<String> = bytes.into_iter().chain(blocks).collect();
    Some(format!("{name:<9}{share:>5} % {bar} {}", numbers.join("; ")))
}

/// The severity shown for used space in tenths of a percent.
pub(crate) const fn level(permille: u64) -> Option<Severity> {
    match permille {
        900.. => Some(Severity::Critical),
        800.. => Some(Severity::Warning),
        _ => None,
    }
}

/// The colour for used space in tenths of a percent.
pub(super) fn of_share(permille: u64) -> Style {
    level(permille).map_or_else(Style::new, colour_of)
}

/// Number of filled columns of a bar. Only a full space fills all of them, and only an empty one none.
pub(crate) fn filled(columns: usize, permille: u64) -> usize {
    let most = u64::try_from(columns).unwrap_or_default();
    let filled = match permille {
        0 => 0,
        1..1000 => (most * permille / 1000).clamp(1, most.saturating_sub(1).max(1)),
        _ => most,
    };
    usize::try_from(filled).unwrap_or_default()
}

/// Formats tenths as a decimal: 905 is `90.5`.
pub(crate) fn tenths(number: u64) -> String {
    format!("{}.{}", number / 10, number % 10)
}

/// The engine's minimum of free space in numbers.
pub(super) fn limit(pool: &Pool) -> Option<Text> {
    let percent = pool.min_free.percent?;
    let (engine, option) = pool.engine();
    let from = match pool.min_free.from {
        MinFreeFrom::Default => "the default",
        MinFreeFrom::Option => "as configured",
        MinFreeFrom::DockerInfo => "from docker info",
        MinFreeFrom::ErrorLine => "from Docker's refusal",
        MinFreeFrom::NotDocker | MinFreeFrom::TooOld => return None,
    };
    if percent == 0 {
        return Some(text!("{} is 0 %: {} lets the pool fill up", option, engine));
    }
    let required = pool.min_free_required(PoolHalf::Data).map(|required| {
        let bytes =
            pool.block.map(|b| text!(" ({})", Bytes(required.saturating_mul(b.0)))).unwrap_or_default();
        let metadata = metadata_floor(pool).map(|m| format!(" and {m} metadata blocks")).unwrap_or_default();
        text!(
            ": {} wants {} data blocks{}{} free before it makes a layer or container",
            engine,
            required,
            bytes,
            metadata
        )
    });
    Some(text!("{} {} %, {}{}", option, percent, from, required.unwrap_or_default()))
}

/// The minimum of free metadata blocks, if it is not met.
fn metadata_floor(pool: &Pool) -> Option<u64> {
    pool.min_free_short(PoolHalf::Metadata).filter(|short| *short > 0)?;
    pool.min_free_required(PoolHalf::Metadata)
}

/// The device under the pool's data, and the one under its metadata if it differs.
fn below(pool: &Pool) -> Vec<Text> {
    let mut lines: Vec<Text> = backing_text("data", &pool.data_backing).into_iter().collect();
    let metadata = &pool.metadata_backing;
    let elsewhere = metadata.filesystem != pool.data_backing.filesystem;
    let deleted = metadata.file.as_ref().is_some_and(|f| f.deleted);
    if metadata.kind != pool.data_backing.kind || elsewhere || deleted {
        lines.extend(backing_text("metadata", metadata));
    }
    lines
}

fn backing_text(half: &str, backing: &Backing) -> Option<Text> {
    let node = backing.path.clone().or_else(|| backing.device.map(|d| d.to_string()));
    if let Some(file) = &backing.file {
        let mut words = text!("{} in the loop file {}", half, file.path);
        if file.deleted {
            words.push(", DELETED while in use");
        }
        if let Some(grow) = file.may_grow().filter(|grow| grow.0 > 0) {
            words.push(&text!(", which may still grow by {}", grow));
        }
        if let Some(free) = backing.filesystem.as_ref().and_then(|f| f.free) {
            let mount =
                backing.filesystem.as_ref().and_then(|f| f.mount.as_deref()).unwrap_or("its filesystem");
            words.push(&text!("; {} has {} free", mount, free));
        }
        return Some(words);
    }
    let node = node?;
    let disks =
        if backing.below.is_empty() { String::new() } else { format!(" on {}", backing.below.join(", ")) };
    Some(text!("{} on {}{}", half, node, disks))
}

/// A single finding with all its advice.
#[must_use]
pub fn finding_text(finding: &Finding, style: &TextStyle) -> String {
    finding_block(finding, true, true, style)
}

fn finding_block(finding: &Finding, full: bool, named: bool, style: &TextStyle) -> String {
    let word = finding.severity.word();
    let sure = match finding.certainty {
        crate::verdict::Certainty::Certain => "",
        crate::verdict::Certainty::Likely => "likely: ",
        crate::verdict::Certainty::Possible => "possible: ",
    };
    let tag = format!("[{word}]");
    let subject = if named { format!("{}: ", clean(&finding.subject.name)) } else { String::new() };
    let text = format!("{}: {subject}{sure}{}", finding.rule, style.say(&finding.summary));
    let lines = wrap(&format!("{tag:>12} "), &text, style.width);
    let mut out = lines.replacen(&tag, &style.paint(colour_of(finding.severity), &tag), 1);
    if style.verbose {
        for fact in &finding.evidence {
            let text = text!("{}: {} ({})", fact.fact, fact.value, fact.from);
            out.push_str(&wrap("             - ", &style.say(&text), style.width));
        }
    }
    if full {
        for advice in &finding.advice {
            out.push_str(&advice_block(advice, style));
        }
    }
    out
}

fn advice_block(advice: &Advice, style: &TextStyle) -> String {
    let gain = advice.gain.map(|g| text!(" (frees {})", g)).unwrap_or_default();
    let head = format!("   {:>10} ", format!("[{}]", advice.risk.word()));
    let mut out = wrap(&head, &style.say(&text!("{}{}", advice.does, gain)), style.width);
    for command in &advice.commands {
        let _ = writeln!(out, "              {}", style.paint(BOLD, &clean(command)));
    }
    out
}

fn see(report: &Report) -> String {
    let leading = report.findings.iter().find(|f| f.severity > Severity::Notice).or(report.findings.first());
    leading.map(|f| format!("   see: thinspect explain {}\n", f.rule)).unwrap_or_default()
}

const NOTES: usize = 3;

fn notes(report: &Report, style: &TextStyle) -> String {
    let notes = &report.host.notes;
    let most = if style.verbose { usize::MAX } else { NOTES };
    let mut out = String::new();
    for note in notes.iter().take(most) {
        let line = format!("{}: {}", note.about, note.text);
        out.push_str(&wrap("  note: ", &style.say(&short(&line)), style.width));
    }
    if notes.len() > most {
        let _ = writeln!(out, "  note: {} more; -v shows them", notes.len() - most);
    }
    out
}

/// Shortens a very long line.
fn short(line: &str) -> String {
    const LONGEST: usize = 240;
    cut(line, LONGEST)
}
