//! Text of a diagnosis: causes that are ruled out and causes that remain, one line each.

use super::Report;
use super::style::TextStyle;
use super::units::clean;
use super::wrap::wrap;
use crate::diagnosis::Symptom;
use crate::host::model::text::text;
use crate::verdict::Verdict;

/// Suspects shown without `--verbose`.
const SHOWN: usize = 4;

/// The lines; empty if the verdict is `ok` or there is nothing to say.
pub(super) fn lines(report: &Report, style: &TextStyle) -> String {
    let mut out = String::new();
    let diagnosis = &report.diagnosis;
    if report.verdict == Verdict::Ok || diagnosis.suspects.is_empty() && diagnosis.excluded.is_empty() {
        return out;
    }
    out.push('\n');
    for excluded in &diagnosis.excluded {
        let text = text!("{}: {}", excluded.rule, excluded.because);
        out.push_str(&wrap(" ruled out: ", &style.say(&text), style.width));
    }
    let most = if style.verbose { usize::MAX } else { SHOWN };
    for suspect in diagnosis.suspects.iter().take(most) {
        let ask = suspect.commands.first().map(|c| format!("; ask: {c}")).unwrap_or_default();
        let text = format!("{}: {}{ask}", suspect.rule, suspect.summary);
        out.push_str(&wrap("      left: ", &style.say(&text), style.width));
    }
    out
}

/// A sentence about the failure that no finding explains; `None` if there is none.
pub(super) fn open_sentence(report: &Report) -> Option<String> {
    let open: Vec<&Symptom> = report.diagnosis.symptoms.iter().filter(|s| s.is_open()).collect();
    let last = open.last()?;
    let said: String = clean(&last.said).chars().take(160).collect();
    let causes = match report.diagnosis.suspects.len() {
        0 => "no known cause is left".to_owned(),
        1 => "one cause is left".to_owned(),
        many => format!("{many} causes are left"),
    };
    let numbers = if report.host.pools.is_empty() { "" } else { "; nothing wrong in the numbers" };
    Some(format!("{}, which nothing here explains: \"{said}\"{numbers}; {causes}", last.kind.word()))
}
