//! The findings of a page: each with its facts, what to do, and the rule's own explanation folded away.

use super::Style;
use super::builder::Html;
use crate::advice::Advice;
use crate::host::model::text::text;
use crate::report::Report;
use crate::rules::{self, Finding};
use crate::verdict::Certainty;

/// All findings, most likely root cause first.
pub(super) fn section(page: &mut Html, report: &Report, style: &Style) {
    page.open("section", "").element("h2", "", "Findings");
    if report.findings.is_empty() {
        page.element("p", "quiet", "Nothing was found.");
    }
    for finding in &report.findings {
        one(page, finding, style);
    }
    page.close("section");
}

fn one(page: &mut Html, finding: &Finding, style: &Style) {
    page.raw("<article class=\"finding ").raw(finding.severity.word()).raw("\">\n");
    page.open("p", "tags").element("span", "badge", finding.severity.word());
    page.element("code", "", finding.rule);
    let sure = match finding.certainty {
        Certainty::Certain => "",
        Certainty::Likely => "likely",
        Certainty::Possible => "possible",
    };
    if !sure.is_empty() {
        page.element("span", "sure", sure);
    }
    page.element("span", "about", &format!("{} {}", finding.subject.kind.word(), finding.subject.name))
        .close("p");
    page.element("h3", "", &style.say(&finding.summary));
    if !finding.evidence.is_empty() {
        page.open("table", "").open("tbody", "");
        for fact in &finding.evidence {
            page.open("tr", "").element("th", "", &style.say(&fact.fact));
            page.element("td", "", &style.say(&fact.value)).element("td", "from", &fact.from).close("tr");
        }
        page.close("tbody").close("table");
    }
    if !finding.advice.is_empty() {
        page.open("ul", "advice");
        finding.advice.iter().for_each(|a| advice(page, a, style));
        page.close("ul");
    }
    if let Some(rule) = rules::find(finding.rule) {
        page.raw("<details><summary>What this rule means</summary>\n");
        explanation(page, rule.explanation);
        page.close("details");
    }
    page.close("article");
}

fn advice(page: &mut Html, advice: &Advice, style: &Style) {
    let risk = advice.risk.word();
    page.open("li", "").raw("<span class=\"risk ").raw(risk).raw("\">").text(risk).raw("</span> ");
    let gain = advice.gain.map(|g| text!(" (frees {})", g)).unwrap_or_default();
    page.text(&style.say(&text!("{}{}", advice.does, gain)));
    for command in &advice.commands {
        page.raw("\n<pre>").text(command).close("pre");
    }
    page.close("li");
}

/// A rule's explanation: its headings, paragraphs and examples.
fn explanation(page: &mut Html, markdown: &str) {
    let (mut paragraph, mut code) = (String::new(), false);
    for line in markdown.lines().map(|l| l.strip_prefix(' ').unwrap_or(l)) {
        let fence = line.starts_with("```");
        if (fence || line.is_empty() || line.starts_with("## ")) && !code {
            flush(page, &mut paragraph);
        }
        match (fence, code) {
            (true, false) => {
                page.raw("<pre>");
                code = true;
            }
            (true, true) => {
                page.close("pre");
                code = false;
            }
            (false, true) => {
                page.text(line).raw("\n");
            }
            (false, false) => match line.strip_prefix("## ") {
                Some(heading) => {
                    page.element("h4", "", heading);
                }
                None => {
                    paragraph.push_str(line);
                    paragraph.push(' ');
                }
            },
        }
    }
    flush(page, &mut paragraph);
}

fn flush(page: &mut Html, paragraph: &mut String) {
    let text = std::mem::take(paragraph);
    if !text.trim().is_empty() {
        page.element("p", "", text.trim());
    }
}
