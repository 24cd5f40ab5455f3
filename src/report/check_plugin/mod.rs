//! Output of `check`: a monitoring plug-in's status, text and performance data (monitoring-plugins.org, developer
//! guidelines). Always exactly one line. Alerts come from the user's thresholds and from the rules' findings.

mod threshold;

pub use threshold::{Micro, ONE, Range, decimal};

use super::screen::quiet_sentence;
use super::units::{Units, clean};
use super::{Report, has_gap};
use crate::forecast::{self, SpaceKind, length};
use crate::host::model::pool::Pool;
use crate::host::model::space::Space;
use crate::host::model::units::{Blocks, Bytes};
use crate::rules::Finding;
use crate::verdict::{Severity, Verdict};
use std::fmt::Write as _;

/// A pair of thresholds for one value.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Range for a warning.
    pub warning: Option<Range>,
    /// Range for a critical alert.
    pub critical: Option<Range>,
}

/// The user's thresholds.
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    /// Used data, in percent.
    pub data: Limits,
    /// Used metadata, in percent.
    pub metadata: Limits,
    /// Seconds until a space is full, by the history. If not set, the rule `filling-fast` decides.
    pub time: Limits,
}

impl Default for Thresholds {
    /// The limits of the rules `data-nearly-full` and `metadata-nearly-full`.
    fn default() -> Self {
        let used = |percent| Some(Range::at_most(percent * ONE));
        Self {
            data: Limits { warning: used(80), critical: used(90) },
            metadata: Limits { warning: used(75), critical: used(90) },
            time: Limits::default(),
        }
    }
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The state, which is also the exit status.
    pub verdict: Verdict,
    /// The line, with its line feed.
    pub text: String,
}

/// A problem for the status text.
struct Problem {
    severity: Severity,
    /// The subject, usually a pool.
    subject: String,
    /// A short name, used if there is no room for the sentence.
    name: String,
    /// The full description, without the subject.
    sentence: String,
}

/// One value of the performance data.
struct Measure {
    what: &'static str,
    pool: String,
    /// `None` if unknown, printed as `U`.
    value: Option<Micro>,
    unit: &'static str,
    limits: Limits,
    max: &'static str,
    /// The rule that the limits replace.
    rule: &'static str,
}

/// The output line for a report.
#[must_use]
pub fn line(report: &Report, thresholds: &Thresholds, verbose: bool) -> Line {
    let pools = &report.host.pools;
    let mut measures: Vec<Measure> = pools.iter().flat_map(|p| of_pool(p, thresholds)).collect();
    measures.extend(pools.iter().flat_map(|p| of_forecast(report, p, thresholds)));
    // Findings come first among problems of equal severity, because they name a cause.
    let mut problems: Vec<Problem> = remaining_findings(report, &measures).collect();
    problems.extend(measures.iter().filter_map(|m| exceeded(m, report)));
    problems.sort_by_key(|p| std::cmp::Reverse(p.severity));
    let verdict = Verdict::of(problems.first().map(|p| p.severity), has_gap(&report.host));
    let sentence = match verdict {
        Verdict::Ok => healthy(report),
        Verdict::Unknown if problems.is_empty() => quiet_sentence(report),
        _ => problem_text(&problems, verbose),
    };
    let mut text = one_line(verdict, &sentence);
    let data: Vec<String> = measures.iter().map(Measure::shown).chain(pools.iter().flat_map(used)).collect();
    if !data.is_empty() {
        let _ = write!(text, " | {}", data.join(" "));
    }
    text.push('\n');
    Line { verdict, text }
}

/// The output line if the check itself failed, or its arguments were wrong.
#[must_use]
pub fn unknown(why: &str) -> Line {
    Line { verdict: Verdict::Unknown, text: one_line(Verdict::Unknown, why) + "\n" }
}

/// `THINPOOL OK: …` on one line, with `|` escaped, because it starts the performance data.
fn one_line(verdict: Verdict, sentence: &str) -> String {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let sentence = clean(&words.join(" ")).replace('|', "\\x7c");
    format!("THINPOOL {}: {sentence}", verdict.word().to_uppercase())
}

fn of_pool(pool: &Pool, thresholds: &Thresholds) -> [Measure; 2] {
    let share = |what, value, limits, rule| Measure {
        what,
        pool: pool.label().to_owned(),
        value,
        unit: "%",
        limits,
        max: "100",
        rule,
    };
    let of_lvs = || Micro::try_from(pool.metadata_centipercent?).ok()?.checked_mul(ONE / 100);
    [
        share("data", percent(&pool.data), thresholds.data, "data-nearly-full"),
        share(
            "metadata",
            percent(&pool.metadata).or_else(of_lvs),
            thresholds.metadata,
            "metadata-nearly-full",
        ),
    ]
}

/// Used percent in millionths, rounded down, so that only a full space is 100.
fn percent<B: Blocks>(space: &Space<B>) -> Option<Micro> {
    let (used, total) = space.pair()?;
    let hundred = u128::from(ONE.unsigned_abs()) * 100;
    Micro::try_from(u128::from(used) * hundred / u128::from(total)).ok()
}

/// Seconds until each space is full, for spaces with a trusted rate.
fn of_forecast(report: &Report, pool: &Pool, thresholds: &Thresholds) -> Vec<Measure> {
    let forecast = forecast::of(&report.host, pool);
    let spaces = forecast.spaces().filter_map(|(space, outlook)| Some((space, outlook.reliable_since()?.1)));
    let measure = |(space, millis): (SpaceKind, i64)| Measure {
        what: match space {
            SpaceKind::Data => "data_full_in",
            SpaceKind::Metadata => "metadata_full_in",
            SpaceKind::Filesystem => "filesystem_full_in",
        },
        pool: pool.label().to_owned(),
        value: (millis / 1000).checked_mul(ONE),
        unit: "s",
        limits: thresholds.time,
        max: "",
        rule: "filling-fast",
    };
    spaces.map(measure).collect()
}

/// The problem if a value is outside its thresholds.
fn exceeded(measure: &Measure, report: &Report) -> Option<Problem> {
    let value = measure.value?;
    let raised = |range: Option<Range>| range.filter(|r| r.alerts(value));
    let (severity, word, range) = match (raised(measure.limits.critical), raised(measure.limits.warning)) {
        (Some(range), _) => (Severity::Critical, "critical", range),
        (None, Some(range)) => (Severity::Warning, "warning", range),
        (None, None) => return None,
    };
    let what = match measure.unit {
        "s" => format!("{} {}", measure.what.replace('_', " "), length(value / (ONE / 1000))),
        _ => format!("{} {} used", measure.what, share(Some(value))),
    };
    let pool = report.host.pools.iter().find(|p| p.label() == measure.pool);
    let free = match measure.what {
        "data" => pool.and_then(|p| p.data.free_in_bytes()),
        "metadata" => pool.and_then(|p| p.metadata.free_in_bytes()),
        _ => None,
    };
    let free = free.map(|free| format!(", {} free", Units::Iec.show(free))).unwrap_or_default();
    Some(Problem {
        severity,
        subject: measure.pool.clone(),
        name: what.clone(),
        sentence: format!("{what}{free} ({word} range {range})"),
    })
}

/// A percentage with two decimals; the performance data has the exact value.
fn share(value: Option<Micro>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |v| format!("{} %", decimal(v - v.rem_euclid(ONE / 100))))
}

/// Findings above a notice, except those that the user's thresholds replace.
fn remaining_findings<'a>(report: &'a Report, measures: &'a [Measure]) -> impl Iterator<Item = Problem> + 'a {
    let replaces = |m: &Measure, rule: &str, pool: &str| {
        let limited = m.limits.warning.or(m.limits.critical).is_some();
        m.rule == rule && m.pool == pool && m.value.is_some() && limited
    };
    let findings = report.findings.iter().filter(|f| f.severity > Severity::Notice);
    let remains = move |f: &&Finding| !measures.iter().any(|m| replaces(m, f.rule, &f.subject.name));
    findings.filter(remains).map(|f| Problem {
        severity: f.severity,
        subject: f.subject.name.clone(),
        name: f.rule.to_owned(),
        sentence: f.summary.plain(),
    })
}

/// The worst problem as a sentence, the others by name; all as sentences if `verbose`. A subject is named only if it
/// differs from the previous one.
fn problem_text(problems: &[Problem], verbose: bool) -> String {
    const NAMED: usize = 3;
    let mut sentence = String::new();
    let mut about = "";
    for (rank, problem) in problems.iter().enumerate().take(if verbose { usize::MAX } else { 1 + NAMED }) {
        sentence.push_str(match rank {
            0 => "",
            1 if !verbose => "; also ",
            _ if verbose => "; ",
            _ => ", ",
        });
        if problem.subject != about {
            let _ = write!(sentence, "{}: ", problem.subject);
        }
        sentence.push_str(if rank == 0 || verbose { &problem.sentence } else { &problem.name });
        about = &problem.subject;
    }
    if !verbose && problems.len() > 1 + NAMED {
        let _ = write!(sentence, " and {} more", problems.len() - 1 - NAMED);
    }
    sentence
}

/// The status text without problems: the numbers of the fullest pool.
fn healthy(report: &Report) -> String {
    let Some(fullest) = report.host.pools.iter().max_by_key(|p| percent(&p.data)) else {
        return quiet_sentence(report);
    };
    let numbers =
        format!("data {}, metadata {}", share(percent(&fullest.data)), share(percent(&fullest.metadata)));
    match report.host.pools.len() {
        1 => format!("{}: {numbers}", fullest.label()),
        pools => format!("{pools} pools, fullest {}: {numbers}", fullest.label()),
    }
}

/// Used bytes as performance data.
fn used(pool: &Pool) -> Vec<String> {
    let amount = |what, used: Option<Bytes>, total: Option<Bytes>| {
        let (used, total) = used.zip(total)?;
        Some(format!("{}={}B;;;0;{}", label(what, pool.label()), used.0, total.0))
    };
    let data = amount("data_used", pool.data.used_in_bytes(), pool.data.total_in_bytes());
    let metadata = amount("metadata_used", pool.metadata.used_in_bytes(), pool.metadata.total_in_bytes());
    data.into_iter().chain(metadata).collect()
}

impl Measure {
    /// `'data_NAME'=90.1%;80;90;0;100`
    fn shown(&self) -> String {
        let label = label(self.what, &self.pool);
        let value = self.value.map_or_else(|| "U".to_owned(), |v| format!("{}{}", decimal(v), self.unit));
        let shown = |range: Option<Range>| range.map(|r| r.to_string()).unwrap_or_default();
        let (warning, critical) = (shown(self.limits.warning), shown(self.limits.critical));
        format!("{label}={value};{warning};{critical};0;{}", self.max).trim_end_matches(';').to_owned()
    }
}

/// A label of the performance data. The kind of value comes first, because some monitors keep only 19 characters.
/// Characters that are special to monitors are escaped as libdm escapes invalid characters in names: `\x27`.
fn label(what: &str, pool: &str) -> String {
    let mut text = format!("'{what}_");
    for c in pool.chars() {
        match c {
            c if matches!(c, '\'' | '=' | '|' | '\\' | '"' | ';') || c.is_whitespace() || c.is_control() => {
                let _ = write!(text, "\\x{:02x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('\'');
    text
}
