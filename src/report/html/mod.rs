//! The report as an HTML page for a ticket or a post-mortem: verdict, pools with device stack and history, findings.
//!
//! Self-contained: no scripts, no links, nothing to load, and a Content-Security-Policy forbids all of that. It has the
//! same sentences as the text report.

mod device_stack;
mod findings;
mod history_chart;
mod pool;

use super::{Report, Source, Units};
use crate::host::model::text::{Text, Words};
use crate::host::model::units::Bytes;
use crate::report::units::clean;
use crate::verdict::Verdict;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Style of the page.
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
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(report))
            body {
                (header(report, &style))
                @for pool in &report.host.pools {
                    (pool::section(pool, &report.host, &style))
                }
                (findings::section(report, &style))
                (notes(report, &style))
                (footer(report))
            }
        }
    };
    // Control characters and text direction marks in a name could deceive a reader of the page or its source.
    page.into_string().split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

fn head(report: &Report) -> Markup {
    let names: Vec<&str> = report.host.pools.iter().filter_map(|p| p.name.as_deref()).collect();
    // Forbid everything that the page does not need, in case a name contains markup.
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (report.verdict.word()) ": " (names.join(", ")) " - thinspect" }
            style { (PreEscaped(include_str!("style.css"))) }
        }
    }
}

fn header(report: &Report, style: &Style) -> Markup {
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
    html! {
        header class=(class(report.verdict)) {
            p.verdict { (report.verdict.word()) }
            h1 { (style.say(&report.sentence())) }
            dl.facts {
                @for (name, value) in facts {
                    @if let Some(value) = value {
                        (fact(name, value))
                    }
                }
            }
        }
    }
}

/// A row of a list of facts.
fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// The CSS class of a verdict.
const fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Critical => "critical",
        Verdict::Warning | Verdict::Unknown => "warning",
        Verdict::Ok => "ok",
    }
}

fn notes(report: &Report, style: &Style) -> Markup {
    let notes = &report.host.notes;
    html! {
        @if !notes.is_empty() {
            section.notes {
                h2 { "Refused, silent or not understood" }
                ul {
                    @for note in notes {
                        li { (note.about) ": " (style.say(&note.text)) }
                    }
                }
            }
        }
    }
}

fn footer(report: &Report) -> Markup {
    html! {
        footer {
            (concat!("thinspect ", env!("CARGO_PKG_VERSION")))
            @if report.source == Source::Live {
                "; looking changed nothing on this machine"
            }
        }
    }
}

/// An amount, or `not known`.
fn amount(bytes: Option<Bytes>) -> Text {
    bytes.map_or_else(|| "not known".into(), Text::from)
}
