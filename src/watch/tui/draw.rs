//! Draws the full-screen interface on any terminal from 20 columns by 5 lines on.
//!
//! Pure: depends only on the report, the state and the time. On a small screen the chart is left out first, then
//! words, then bars. The sentences come from `report`.

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

/// Everything that is drawn, apart from the state.
pub struct Scene<'a> {
    /// The report.
    pub report: &'a Report,
    /// Time of the report.
    pub at: Moment,
    /// Messages about watching itself.
    pub notes: &'a [String],
    /// Units and colour.
    pub style: &'a report::TextStyle,
    /// Use only ASCII.
    pub plain: bool,
    /// This host is watched; otherwise a recording is shown.
    pub live: bool,
}

/// On narrower terminals (columns) the bars have no words.
const WORDS: usize = 60;
/// On lower terminals (lines) there is no chart; from twice this height on it has three lines.
const CHART: u16 = 14;

/// Draws a scene.
pub fn draw(frame: &mut Frame<'_>, state: &mut State, scene: &Scene<'_>) {
    state.fit(scene.report);
    let area = frame.area();
    let mut rest = area;
    let foot = cut_bottom(&mut rest, 1);
    let sentence = verdict(scene);
    let long = sentence.width() > usize::from(area.width) && area.height >= CHART;
    let sentence = Paragraph::new(sentence).wrap(Wrap { trim: true });
    frame.render_widget(sentence, cut(&mut rest, if long { 2 } else { 1 }));
    let pool = scene.report.host.pools.get(state.pool);
    if let Some(pool) = pool {
        frame.render_widget(title(pool, state, scene, usize::from(area.width)), cut(&mut rest, 1));
        let forecast = forecast::of(&scene.report.host, pool);
        for row in rows(pool, &forecast) {
            frame.render_widget(space(&row, scene, usize::from(area.width)), cut(&mut rest, 1));
        }
        let height = if area.height >= 2 * CHART { 3 } else { u16::from(area.height >= CHART) };
        chart(frame, pool, &forecast.data, scene, cut(&mut rest, height));
    }
    pane(frame, state, scene, rest);
    frame.render_widget(keys(state, scene), foot);
}

/// Cuts lines from the top of an area and returns them.
fn cut(area: &mut Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    let top = Rect { height: lines, ..*area };
    *area = Rect { y: area.y.saturating_add(lines), height: area.height - lines, ..*area };
    top
}

/// Cuts lines from the bottom of an area and returns them.
fn cut_bottom(area: &mut Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    area.height -= lines;
    Rect { y: area.y.saturating_add(area.height), height: lines, ..*area }
}

fn coloured(scene: &Scene<'_>, colour: Color) -> Style {
    if scene.style.colour { Style::new().fg(colour) } else { Style::new() }
}

fn severity_style(scene: &Scene<'_>, severity: Severity) -> Style {
    let colour = match severity {
        Severity::Critical => Color::Red,
        Severity::Warning => Color::Yellow,
        Severity::Notice => Color::Cyan,
    };
    coloured(scene, colour).add_modifier(Modifier::BOLD)
}

/// The verdict and the most important finding.
fn verdict(scene: &Scene<'_>) -> Line<'static> {
    let report = scene.report;
    let style = match report.verdict {
        Verdict::Critical => severity_style(scene, Severity::Critical),
        Verdict::Warning | Verdict::Unknown => severity_style(scene, Severity::Warning),
        Verdict::Ok => coloured(scene, Color::Green).add_modifier(Modifier::BOLD),
    };
    let sentence = scene.style.say(&report.sentence());
    let word = report.verdict.word().to_uppercase();
    Line::from(vec![Span::styled(word, style), Span::raw(": "), Span::raw(sentence)])
}

/// The pool's name and mode, its number among the pools, and the time.
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

/// One space: bar, percentage, free space and forecast.
fn space(row: &Row<'_>, scene: &Scene<'_>, width: usize) -> Line<'static> {
    let style =
        level(row.permille).map_or_else(|| coloured(scene, Color::Green), |bad| severity_style(scene, bad));
    let share = format!("{:>5} %", tenths(row.permille));
    let words = if width < WORDS {
        String::new()
    } else {
        let free = format!("{} free", scene.style.units.show(row.free));
        format!("{free:>15}  {}", short_words(row.outlook, scene.style.units))
    };
    // The width of the bar allows for the longest words, so that it does not change with them.
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

/// A chart of the data's use over time.
fn chart(frame: &mut Frame<'_>, pool: &Pool, data: &forecast::SpaceForecast, scene: &Scene<'_>, area: Rect) {
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

/// The lower part of the screen: findings, users or events in a frame.
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
        // Scrolled so that the selected finding is visible.
        (Tab::Findings, false) => (state.chosen + 1).saturating_sub(state.room),
        _ => state.scroll.min(state.lines.saturating_sub(state.room)),
    };
    state.scroll = first;
    let shown: Vec<Line<'_>> = lines.into_iter().skip(first).take(state.room).collect();
    frame.render_widget(Paragraph::new(shown).block(block), area);
}

/// The frame's ASCII characters.
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

/// One line per finding, and below them, if there is room, the details of the selected one.
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
            Span::styled(format!("{:>8} ", finding.severity.word()), severity_style(scene, finding.severity)),
            Span::styled(format!("{} ", finding.rule), Style::new().add_modifier(Modifier::BOLD | chosen)),
            Span::raw(format!("{subject}{}", scene.style.say(&finding.summary))),
        ])
    };
    if scene.report.findings.is_empty() {
        return vec![Line::from("nothing was found")];
    }
    let mut lines: Vec<Line<'static>> = scene.report.findings.iter().enumerate().map(line).collect();
    let left = room.saturating_sub(lines.len() + 1);
    if left >= 2
        && let Some(finding) = scene.report.findings.get(state.chosen)
    {
        let text = report::finding_text(finding, style);
        lines.push(Line::default());
        lines.extend(text.lines().take(left).map(|l| Line::from(l.to_owned())));
    }
    lines
}

/// The selected finding in full, and its rule's explanation.
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

/// Messages about watching itself and events of the selected pool, newest first.
fn events<'a>(scene: &'a Scene<'_>, state: &State) -> impl Iterator<Item = String> + use<'a> {
    let pool = scene.report.host.pools.get(state.pool).map_or("", Pool::label);
    let events = scene.report.host.history.events_of(pool).rev();
    let words = events.map(|e| clean(&format!("{} {}: {}", e.at, e.event, e.text)).into_owned());
    scene.notes.iter().rev().map(|n| note(n)).chain(words)
}

fn keys(state: &State, scene: &Scene<'_>) -> Line<'static> {
    let tab_keys = match state.tab {
        Tab::Findings if state.explained => "esc back  up/down scroll",
        Tab::Findings => "up/down choose  enter explain",
        Tab::Users => "u read again  b by device, image, container",
        Tab::Events => "up/down scroll",
    };
    let pools = if scene.report.host.pools.len() > 1 { "tab next pool  " } else { "" };
    let reload = if scene.live { "r ask all anew  " } else { "" };
    let text = format!("q quit  {pools}1 findings  2 users  3 events  {tab_keys}  {reload}");
    Line::from(text.trim_end().to_owned()).style(Style::new().add_modifier(Modifier::DIM))
}
