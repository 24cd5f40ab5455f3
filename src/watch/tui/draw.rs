//! Draws the screen, on anything from 20 columns by 5 lines up.
//!
//! Pure: of a report, a state and a moment. What does not fit is left out from the least important on: the past first,
//! then words, then bars. It decides nothing; the words are the report's.

use super::state::{State, Tab};
use crate::forecast::{self, SpaceKind};
use crate::host::history::Moment;
use crate::host::model::pool::Pool;
use crate::report::watch::{Row, note, rows, seen, short_words};
use crate::report::{self, Report, clean, filled, level, sparkline, tenths};
use crate::rules::{self, Finding};
use crate::verdict::{Severity, Verdict};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

/// What there is to draw.
pub struct Scene<'a> {
    /// What was found.
    pub report: &'a Report,
    /// When.
    pub at: Moment,
    /// What the watching itself met.
    pub notes: &'a [String],
    /// Units and colour.
    pub style: &'a report::TextStyle,
    /// Only ASCII.
    pub plain: bool,
    /// The machine is watched; else a recording is shown.
    pub live: bool,
}

/// Narrower than this, words leave the lines of the spaces.
const WORDS: usize = 60;
/// Lower than this, the past is not drawn; from twice this on in three lines.
const PAST: u16 = 14;

/// Draws a scene.
pub fn draw(frame: &mut Frame<'_>, state: &mut State, scene: &Scene<'_>) {
    state.fit(scene.report);
    let area = frame.area();
    let mut rest = area;
    let foot = cut_bottom(&mut rest, 1);
    let sentence = verdict(scene);
    let long = sentence.width() > usize::from(area.width) && area.height >= PAST;
    let sentence = Paragraph::new(sentence).wrap(Wrap { trim: true });
    frame.render_widget(sentence, cut(&mut rest, if long { 2 } else { 1 }));
    let pool = scene.report.host.pools.get(state.pool);
    if let Some(pool) = pool {
        frame.render_widget(title(pool, state, scene, usize::from(area.width)), cut(&mut rest, 1));
        let forecast = forecast::of(&scene.report.host, pool);
        for row in rows(pool, &forecast) {
            frame.render_widget(space(&row, scene, usize::from(area.width)), cut(&mut rest, 1));
        }
        let height = if area.height >= 2 * PAST { 3 } else { u16::from(area.height >= PAST) };
        past(frame, pool, &forecast.data, scene, cut(&mut rest, height));
    }
    pane(frame, state, scene, rest);
    frame.render_widget(keys(state, scene), foot);
}

/// The first lines of an area, taken from it.
fn cut(area: &mut Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    let top = Rect { height: lines, ..*area };
    *area = Rect { y: area.y.saturating_add(lines), height: area.height - lines, ..*area };
    top
}

/// The last lines of an area, taken from it.
fn cut_bottom(area: &mut Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    area.height -= lines;
    Rect { y: area.y.saturating_add(area.height), height: lines, ..*area }
}

fn coloured(scene: &Scene<'_>, colour: Color) -> Style {
    if scene.style.colour { Style::new().fg(colour) } else { Style::new() }
}

fn of_severity(scene: &Scene<'_>, severity: Severity) -> Style {
    let colour = match severity {
        Severity::Critical => Color::Red,
        Severity::Warning => Color::Yellow,
        Severity::Notice => Color::Cyan,
    };
    coloured(scene, colour).add_modifier(Modifier::BOLD)
}

/// The verdict and the leading finding.
fn verdict(scene: &Scene<'_>) -> Line<'static> {
    let report = scene.report;
    let style = match report.verdict {
        Verdict::Critical => of_severity(scene, Severity::Critical),
        Verdict::Warning | Verdict::Unknown => of_severity(scene, Severity::Warning),
        Verdict::Ok => coloured(scene, Color::Green).add_modifier(Modifier::BOLD),
    };
    let sentence = scene.style.say(&report.sentence());
    let word = report.verdict.word().to_uppercase();
    Line::from(vec![Span::styled(word, style), Span::raw(": "), Span::raw(sentence)])
}

/// The pool's name and mode, which of how many it is, and the time.
fn title(pool: &Pool, state: &State, scene: &Scene<'_>, width: usize) -> Line<'static> {
    let pools = scene.report.host.pools.len();
    let which = if pools > 1 { format!("pool {} of {pools}  ", state.pool + 1) } else { String::new() };
    let when = if scene.live { scene.at.clock() } else { format!("recorded {}", scene.at) };
    let (name, mode) = (clean(pool.label()).into_owned(), pool.state().word());
    let used = name.width() + mode.len() + which.len() + when.len() + 2;
    let gap = " ".repeat(width.saturating_sub(used).max(1));
    let bold = Style::new().add_modifier(Modifier::BOLD);
    Line::from(vec![Span::styled(name, bold), Span::raw(format!("  {mode}{gap}{which}{when}"))])
}

/// One space: bar, share, what is free, how it grows.
fn space(row: &Row<'_>, scene: &Scene<'_>, width: usize) -> Line<'static> {
    let style =
        level(row.permille).map_or_else(|| coloured(scene, Color::Green), |bad| of_severity(scene, bad));
    let share = format!("{:>5} %", tenths(row.permille));
    let words = if width < WORDS {
        String::new()
    } else {
        let free = format!("{} free", scene.style.units.show(row.free));
        format!("{free:>15}  {}", short_words(row.outlook, scene.style.units))
    };
    // The longest words leave the bar what there is; it does not jump with them.
    let columns = width.saturating_sub(11 + share.len() + if words.is_empty() { 3 } else { 54 }).clamp(4, 60);
    let filled = filled(columns, row.permille);
    let (full, empty) = if scene.plain { ("#", "-") } else { ("█", "░") };
    Line::from(vec![
        Span::raw(format!("{:<11}", row.kind.word())),
        Span::styled(full.repeat(filled), style),
        Span::raw(empty.repeat(columns - filled)),
        Span::raw(format!(" {share}{words}")),
    ])
}

/// The data's use over time.
fn past(frame: &mut Frame<'_>, pool: &Pool, data: &forecast::SpaceForecast, scene: &Scene<'_>, area: Rect) {
    const NAME: usize = 11;
    let seen = seen(&scene.report.host, pool.label(), SpaceKind::Data);
    let total = data.left.unwrap_or_default().saturating_add(data.used);
    let columns = usize::from(area.width).saturating_sub(NAME);
    let heights = sparkline::heights(&seen, total, columns, usize::from(area.height));
    let bars = if scene.plain { sparkline::PLAIN } else { sparkline::BARS };
    for line in 0..area.height {
        let below = usize::from(area.height - 1 - line) * 8;
        let bar = |height: &usize| match height.checked_sub(below) {
            Some(above) => bars.get(above.min(7)).copied().unwrap_or(' '),
            None => ' ',
        };
        let name = if line == 0 { "data so far" } else { "" };
        let text: String = heights.iter().map(bar).collect();
        let place = Rect { y: area.y + line, height: 1, ..area };
        frame.render_widget(Line::from(format!("{name:<NAME$}{text}")), place);
    }
}

/// The lower part: findings, users or events in a frame.
fn pane(frame: &mut Frame<'_>, state: &mut State, scene: &Scene<'_>, area: Rect) {
    let findings = format!(" findings {} ", scene.report.findings.len());
    let happened: Vec<Line<'static>> = events(scene, state).map(Line::from).collect();
    let count = format!(" events {} ", happened.len());
    let tabs = [(Tab::Findings, findings), (Tab::Users, " users ".to_owned()), (Tab::Events, count)];
    let title: Vec<Span<'_>> = tabs
        .into_iter()
        .map(|(tab, name)| {
            let chosen = Style::new().add_modifier(Modifier::REVERSED);
            Span::styled(name, if tab == state.tab { chosen } else { Style::new() })
        })
        .collect();
    let set = if scene.plain { PLAIN } else { border::PLAIN };
    let block = Block::bordered().border_set(set).title(Line::from(title));
    let inner = block.inner(area);
    let style = report::TextStyle { width: usize::from(inner.width), colour: false, ..*scene.style };
    let lines = match state.tab {
        Tab::Findings if state.explained => explained(state, scene, &style),
        Tab::Findings => findings_list(state, scene, &style, usize::from(inner.height)),
        Tab::Users => users(state),
        Tab::Events if happened.is_empty() => vec![Line::from("nothing happened since the watching began")],
        Tab::Events => happened,
    };
    (state.room, state.lines) = (usize::from(inner.height), lines.len());
    let first = match (state.tab, state.explained) {
        // The finding that is chosen is on the screen.
        (Tab::Findings, false) => (state.chosen + 1).saturating_sub(state.room),
        _ => state.scroll.min(state.lines.saturating_sub(state.room)),
    };
    state.scroll = first;
    let shown: Vec<Line<'_>> = lines.into_iter().skip(first).take(state.room).collect();
    frame.render_widget(Paragraph::new(shown).block(block), area);
}

/// A frame in ASCII.
const PLAIN: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// All findings, a line each; below them, where there is room, what to do about the chosen one.
fn findings_list(
    state: &State,
    scene: &Scene<'_>,
    style: &report::TextStyle,
    room: usize,
) -> Vec<Line<'static>> {
    let line = |(place, finding): (usize, &Finding)| {
        let chosen = if place == state.chosen { Modifier::REVERSED } else { Modifier::empty() };
        let named = scene.report.host.pools.len() > 1;
        let subject = if named { format!("{}: ", clean(&finding.subject.name)) } else { String::new() };
        Line::from(vec![
            Span::styled(format!("{:>8} ", finding.severity.word()), of_severity(scene, finding.severity)),
            Span::styled(format!("{} ", finding.rule), Style::new().add_modifier(Modifier::BOLD | chosen)),
            Span::raw(format!("{subject}{}", scene.style.say(&finding.summary))),
        ])
    };
    if scene.report.findings.is_empty() {
        return vec![Line::from("nothing was found")];
    }
    let mut lines: Vec<Line<'static>> = scene.report.findings.iter().enumerate().map(line).collect();
    let left = room.saturating_sub(lines.len() + 1);
    if let Some(finding) = scene.report.findings.get(state.chosen).filter(|_| left >= 2) {
        let text = report::finding_text(finding, style);
        lines.push(Line::default());
        lines.extend(text.lines().take(left).map(|l| Line::from(l.to_owned())));
    }
    lines
}

/// The chosen finding in full, and its rule's explanation.
fn explained(state: &State, scene: &Scene<'_>, style: &report::TextStyle) -> Vec<Line<'static>> {
    let Some(finding) = scene.report.findings.get(state.chosen) else { return Vec::new() };
    let mut text = report::finding_text(finding, &report::TextStyle { verbose: true, ..*style });
    if let Some(rule) = rules::find(finding.rule) {
        text.push('\n');
        text.push_str(&report::explain::explain(rule));
    }
    text.lines().map(|line| Line::from(line.to_owned())).collect()
}

fn users(state: &State) -> Vec<Line<'static>> {
    state.users.iter().map(|line| Line::from(clean(line).into_owned())).collect()
}

/// What happened to the pool shown and what the watching met, the latest first.
fn events<'a>(scene: &'a Scene<'_>, state: &State) -> impl Iterator<Item = String> + use<'a> {
    let pool = scene.report.host.pools.get(state.pool).map_or("", Pool::label);
    let events = scene.report.host.history.events_of(pool).rev();
    let words = events.map(|e| clean(&format!("{} {}: {}", e.at, e.event, e.text)).into_owned());
    scene.notes.iter().rev().map(|n| note(n)).chain(words)
}

fn keys(state: &State, scene: &Scene<'_>) -> Line<'static> {
    let inside = match state.tab {
        Tab::Findings if state.explained => "esc back  up/down scroll",
        Tab::Findings => "up/down choose  enter explain",
        Tab::Users => "u read again  b by device, image, container",
        Tab::Events => "up/down scroll",
    };
    let pools = if scene.report.host.pools.len() > 1 { "tab next pool  " } else { "" };
    let anew = if scene.live { "r ask all anew  " } else { "" };
    let text = format!("q quit  {pools}1 findings  2 users  3 events  {inside}  {anew}");
    Line::from(text.trim_end().to_owned()).style(Style::new().add_modifier(Modifier::DIM))
}
