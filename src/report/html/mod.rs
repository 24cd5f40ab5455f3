//! One page for a ticket or a post-mortem: the verdict, each pool with what carries it, its past, the findings.
//!
//! It stands alone: no script, no address, nothing to fetch; a policy in its head forbids what it does not need. It
//! decides nothing and says what the screen says.

mod builder;
mod device_stack;
mod findings;
mod history_chart;
mod pool;

use super::{Report, Source, Units};
use crate::host::model::text::{Text, Words};
use crate::host::model::units::Bytes;
use crate::verdict::Verdict;
use builder::Html;

/// How the page is to look.
#[derive(Debug, Clone, Copy)]
struct Style {
    units: Units,
}

impl Style {
    fn say(&self, words: &(impl Words + ?Sized)) -> String {
        Text::of(words).show(self.units)
    }
}

/// The report as a page.
#[must_use]
pub fn html(report: &Report, units: Units) -> String {
    let style = Style { units };
    let mut page = Html::default();
    head(&mut page, report);
    header(&mut page, report, &style);
    for pool in &report.host.pools {
        pool::section(&mut page, pool, &report.host, &style);
    }
    findings::section(&mut page, report, &style);
    notes(&mut page, report, &style);
    footer(&mut page, report);
    page.finish()
}

fn head(page: &mut Html, report: &Report) {
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    // What the page does not need it may not do, whatever a name in it may hold.
    page.raw(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    let names: Vec<&str> = report.host.pools.iter().filter_map(|p| p.name.as_deref()).collect();
    let title = format!("{}: {} - thinspect", report.verdict.word(), names.join(", "));
    page.element("title", "", &title);
    page.raw("<style>\n").raw(include_str!("style.css")).raw("</style>\n</head>\n<body>\n");
}

fn header(page: &mut Html, report: &Report, style: &Style) {
    page.open("header", class(report.verdict));
    page.open("p", "verdict").text(report.verdict.word()).close("p");
    page.element("h1", "", &style.say(&report.sentence()));
    page.open("dl", "facts");
    let from = match report.source {
        Source::Live => "this machine, live",
        Source::Recording => "a recording",
        Source::Pasted => "pasted text",
    };
    let pools = match report.host.pools.len() {
        1 => "1 thin pool".to_owned(),
        pools => format!("{pools} thin pools"),
    };
    let facts = [
        ("as of", report.host.recorded_at.as_deref()),
        ("read from", Some(from)),
        ("kernel", report.host.kernel.release.as_deref()),
        ("seen", Some(pools.as_str())),
    ];
    for (name, value) in facts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        page.open("div", "").element("dt", "", name).element("dd", "", value).close("div");
    }
    page.close("dl").close("header");
}

/// The class of a verdict.
const fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Critical => "critical",
        Verdict::Warning | Verdict::Unknown => "warning",
        Verdict::Ok => "ok",
    }
}

fn notes(page: &mut Html, report: &Report, style: &Style) {
    if report.host.notes.is_empty() {
        return;
    }
    page.open("section", "notes").element("h2", "", "Refused, silent or not understood").open("ul", "");
    for note in &report.host.notes {
        page.element("li", "", &style.say(&format!("{}: {}", note.about, note.text)));
    }
    page.close("ul").close("section");
}

fn footer(page: &mut Html, report: &Report) {
    page.open("footer", "").text(concat!("thinspect ", env!("CARGO_PKG_VERSION")));
    if report.source == Source::Live {
        page.text("; looking changed nothing on this machine");
    }
    page.close("footer").raw("</body>\n</html>\n");
}

/// An amount in a sentence.
fn amount(bytes: Option<Bytes>) -> Text {
    bytes.map_or_else(|| "not known".into(), Text::from)
}
