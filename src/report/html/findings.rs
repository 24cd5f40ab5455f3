//! The findings section: each finding with its facts, advice, and the rule's explanation in a collapsed block.

use super::Style;
use crate::advice::Advice;
use crate::report::Report;
use crate::rules::{self, Finding};
use crate::verdict::Certainty;
use maud::{Markup, html};

/// All findings, most likely root cause first.
pub(super) fn section(report: &Report, style: &Style) -> Markup {
    html! {
        section {
            h2 { "Findings" }
            @if report.findings.is_empty() {
                p.quiet { "Nothing was found." }
            }
            @for finding in &report.findings {
                (article(finding, style))
            }
        }
    }
}

fn article(finding: &Finding, style: &Style) -> Markup {
    let severity = finding.severity.word();
    let sure = match finding.certainty {
        Certainty::Certain => None,
        Certainty::Likely => Some("likely"),
        Certainty::Possible => Some("possible"),
    };
    html! {
        article.finding.(severity) {
            p.tags {
                span.badge { (severity) }
                code { (finding.rule) }
                @if let Some(sure) = sure {
                    span.sure { (sure) }
                }
                span.about { (finding.subject.kind.word()) " " (finding.subject.name) }
            }
            h3 { (style.say(&finding.summary)) }
            (evidence(finding, style))
            @if !finding.advice.is_empty() {
                ul.advice {
                    @for one in &finding.advice {
                        (advice(one, style))
                    }
                }
            }
            @if let Some(rule) = rules::find(finding.rule) {
                details {
                    summary { "What this rule means" }
                    @for block in blocks(rule.explanation) {
                        (block)
                    }
                }
            }
        }
    }
}

fn evidence(finding: &Finding, style: &Style) -> Markup {
    html! {
        @if !finding.evidence.is_empty() {
            table {
                tbody {
                    @for fact in &finding.evidence {
                        tr {
                            th { (fact.fact) }
                            td { (style.say(&fact.value)) }
                            td.from { (fact.from) }
                        }
                    }
                }
            }
        }
    }
}

fn advice(advice: &Advice, style: &Style) -> Markup {
    let risk = advice.risk.word();
    html! {
        li {
            span.risk.(risk) { (risk) }
            " " (style.say(&advice.does))
            @if let Some(gain) = advice.gain {
                " (frees " (style.say(&gain)) ")"
            }
            @for command in &advice.commands {
                pre { (command) }
            }
        }
    }
}

/// The blocks of a rule's explanation, which is Markdown with headings, paragraphs and fenced examples.
fn blocks(markdown: &str) -> Vec<Markup> {
    let mut blocks = Vec::new();
    let mut paragraph = String::new();
    let mut example: Option<String> = None;
    for line in markdown.lines().map(|l| l.strip_prefix(' ').unwrap_or(l)) {
        if line.starts_with("```") {
            blocks.extend(take_paragraph(&mut paragraph));
            match example.take() {
                Some(code) => blocks.push(html! { pre { (code) } }),
                None => example = Some(String::new()),
            }
        } else if let Some(code) = &mut example {
            code.push_str(line);
            code.push('\n');
        } else if let Some(heading) = line.strip_prefix("## ") {
            blocks.extend(take_paragraph(&mut paragraph));
            blocks.push(html! { h4 { (heading) } });
        } else if line.is_empty() {
            blocks.extend(take_paragraph(&mut paragraph));
        } else {
            paragraph.push_str(line);
            paragraph.push(' ');
        }
    }
    blocks.extend(take_paragraph(&mut paragraph));
    blocks
}

fn take_paragraph(paragraph: &mut String) -> Option<Markup> {
    let text = std::mem::take(paragraph);
    let text = text.trim();
    (!text.is_empty()).then(|| html! { p { (text) } })
}
