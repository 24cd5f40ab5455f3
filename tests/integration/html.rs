//! The HTML page is self-contained and complete, and no name in it becomes markup.

use crate::support::{folders, tests};
use html5gum::{StartTag, Token, Tokenizer};
use std::path::Path;
use thinspect::host;
use thinspect::record::{Outcome, Query, Recording, format};
use thinspect::report::{Report, Source, Units, html};

/// Every tag in use. None executes, loads or sends anything.
const TAGS: &[&str] = &[
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "section",
    "article",
    "footer",
    "figure",
    "figcaption",
    "div",
    "span",
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "dl",
    "dt",
    "dd",
    "ul",
    "li",
    "table",
    "tbody",
    "tr",
    "th",
    "td",
    "strong",
    "code",
    "pre",
    "details",
    "summary",
    "svg",
    "line",
    "polyline",
    "text",
];
/// Every attribute in use.
const ATTRIBUTES: &[&str] = &[
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "style",
    "title",
    "viewbox",
    "role",
    "aria-label",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "points",
    "text-anchor",
];
const ALONE: &[&str] = &["meta"];

/// A page as parsed by a browser's tokenizer: its tags and its text.
struct Parsed {
    tags: Vec<StartTag<()>>,
    text: String,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn parse(page: &str) -> Parsed {
    let mut parsed = Parsed { tags: Vec::new(), text: String::new() };
    let mut open: Vec<String> = Vec::new();
    for token in Tokenizer::new(page) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = text(&tag.name);
                if !tag.self_closing && !ALONE.contains(&name.as_str()) {
                    open.push(name);
                }
                parsed.tags.push(tag);
            }
            Token::EndTag(tag) => {
                assert_eq!(open.pop(), Some(text(&tag.name)), "tags are closed as they were opened")
            }
            Token::String(words) => parsed.text.push_str(&text(&words)),
            Token::Doctype(_) => {}
            Token::Comment(comment) => panic!("a comment: {:?}", text(&comment)),
            Token::Error(error) => panic!("not well formed: {error:?}"),
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    parsed
}

/// Checks that only known tags and attributes occur, and no address.
fn check(page: &str) -> Parsed {
    let parsed = parse(page);
    for tag in &parsed.tags {
        let name = text(&tag.name);
        assert!(TAGS.contains(&name.as_str()), "a tag <{name}>");
        for (attribute, value) in &tag.attributes {
            let (attribute, value) = (text(attribute), text(value));
            assert!(ATTRIBUTES.contains(&attribute.as_str()), "<{name} {attribute}=...>");
            let plain = |c: char| c.is_ascii_alphanumeric() || " :.%;-'=/,+".contains(c);
            // Only a title contains external text.
            assert!(attribute == "title" || value.chars().all(plain), "<{name} {attribute}={value:?}>");
        }
    }
    assert!(!page.contains("url(") && !page.contains("@import"));
    parsed
}

fn report(recording: &Recording) -> Report {
    Report::new(host::read(recording), Source::Recording, None)
}

fn recording(folder: &Path) -> Recording {
    let file =
        ["recording.json", "input.txt"].map(|f| folder.join(f)).into_iter().find(|f| f.exists()).unwrap();
    format::load(&std::fs::read(file).unwrap()).unwrap()
}

/// Every recording yields a self-contained page with the screen's contents.
#[test]
fn every_host_is_a_page() {
    for folder in folders(&tests("hosts")) {
        let report = report(&recording(&folder));
        let parsed = check(&html(&report, Units::Iec));
        for finding in &report.findings {
            assert!(parsed.text.contains(finding.rule), "{}: {}", folder.display(), finding.rule);
            for command in finding.advice.iter().flat_map(|a| &a.commands) {
                let shown = thinspect::report::clean(command);
                assert!(parsed.text.contains(&*shown), "{}: {command}", folder.display());
            }
        }
    }
}

const HOSTILE: &str = "x\"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;b&gt;</style></title>";

/// A name stays text everywhere: pool, file, mount, device, event.
#[test]
fn no_name_becomes_markup() {
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    let history = format!(
        "{{\"schema\":\"thinspect-watch/1\",\"kind\":\"sample\",\"at\":\"2026-11-22T02:00:00Z\",\"pool\":{quoted},\
         \"data\":{{\"used_blocks\":5,\"total_blocks\":100}}}}\n\
         {{\"schema\":\"thinspect-watch/1\",\"kind\":\"sample\",\"at\":\"2026-11-22T02:10:00Z\",\"pool\":{quoted},\
         \"data\":{{\"used_blocks\":6,\"total_blocks\":100}}}}\n\
         {{\"schema\":\"thinspect-watch/1\",\"kind\":\"event\",\"at\":\"2026-11-22T02:05:00Z\",\"pool\":{quoted},\
         \"event\":{quoted},\"text\":{quoted}}}\n"
    );
    let file = format!("/var/{HOSTILE}/data");
    let mounts = format!("25 1 254:0 / /var/{HOSTILE} rw - ext4{HOSTILE} /dev/{HOSTILE} rw\n");
    let mut recording = Recording::new(thinspect::record::Source::Machine, Some(HOSTILE.to_owned()));
    let answers = [
        (Query::Uname, "", format!("Linux {HOSTILE} x86_64")),
        (Query::DmVersion, "", "4.47.0".to_owned()),
        (Query::DmList, "", format!("253:0 0 {HOSTILE}\n253:1 0 thin{HOSTILE}")),
        (Query::DmTable, HOSTILE, "0 209715200 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing ".to_owned()),
        (
            Query::DmStatus,
            HOSTILE,
            format!("0 209715200 thin-pool 1 9/100 95/100 - rw {HOSTILE} queue_if_no_space - 9"),
        ),
        (Query::File, "/sys/dev/block/7:0/loop/backing_file", format!("{file}\n")),
        (Query::Stat, file.as_str(), "mode=100600 size=9999999 blocks=8 dev=254:0 ino=7".to_owned()),
        (Query::Statfs, file.as_str(), "block=4096 blocks=1000 free=5 available=5".to_owned()),
        (Query::File, "/proc/self/mountinfo", mounts),
        (Query::History, HOSTILE, history),
    ];
    for (query, target, said) in answers {
        recording.push(query, target, Outcome::Answered(said));
    }
    let report = report(&recording);
    assert_eq!(report.host.pools[0].label(), HOSTILE);
    let page = html(&report, Units::Iec);
    let parsed = check(&page);
    // It appears verbatim, and only as text.
    assert!(parsed.text.matches(HOSTILE).count() >= 5, "{}", parsed.text.matches(HOSTILE).count());
    assert!(!page.contains("<script") && !page.contains("<img"));
}

#[test]
fn a_page_of_a_fill_shows_its_past() {
    let mut recording = recording(&tests("hosts/lab-published-case"));
    let line = |minute: u64| {
        format!(
            "{{\"schema\":\"thinspect-watch/1\",\"kind\":\"sample\",\"at\":\"2026-11-22T04:{minute:02}:00Z\",\
             \"pool\":\"docker-254:0-8484-pool\",\"data\":{{\"used_blocks\":{},\"total_blocks\":1638400}}}}\n",
            1_000_000 + minute * 8_000
        )
    };
    let with = |recording: &Recording| check(&html(&report(recording), Units::Iec));
    assert!(
        !with(&recording).tags.iter().any(|t| text(&t.name) == "polyline"),
        "without a past there is none"
    );
    recording.push(Query::History, "", Outcome::Answered((0..59).map(line).collect()));
    let parsed = with(&recording);
    let curves: Vec<_> = parsed.tags.iter().filter(|t| text(&t.name) == "polyline").collect();
    assert_eq!(curves.len(), 1, "of metadata and filesystem there is but one sample");
    let curve = curves[0];
    let points = curve.attributes.iter().find(|(name, _)| text(name) == "points").unwrap().1;
    assert_eq!(
        text(points).split_whitespace().count(),
        60,
        "each sample, and what the recording itself shows"
    );
    assert!(parsed.text.contains("full in"));
}
