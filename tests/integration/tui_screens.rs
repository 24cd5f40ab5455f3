//! Drawn screens: reviewed ones in `tests/screens`, and every size without a panic.

use crate::support::{golden, tests};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use thinspect::host::{self, history::Moment};
use thinspect::record::{Outcome, Query, format};
use thinspect::report::{Report, Source, TextStyle};
use thinspect::watch::event_loop::Flow;
use thinspect::watch::tui::{Keys, Scene, State, Tab, draw};

/// A recorded host, optionally with three hours of history: growth, a prune, growth.
fn report(name: &str, with_past: bool) -> Report {
    let bytes = std::fs::read(tests("hosts").join(name).join("recording.json")).unwrap();
    let mut recording = format::load(&bytes).unwrap();
    if with_past {
        let line = |minute: u64| {
            let used = 1_200_000 + minute * 1_543 - if minute > 60 { 150_000 } else { 0 };
            format!(
                "{{\"schema\":\"thinspect-watch/1\",\"kind\":\"sample\",\"at\":\"2026-11-22T{:02}:{:02}:00Z\",\
                 \"pool\":\"docker-254:0-8484-pool\",\"block_bytes\":65536,\"data\":{{\"used_blocks\":{used},\
                 \"total_blocks\":1638400}},\"metadata\":{{\"used_blocks\":16057,\"total_blocks\":524288}}}}\n",
                2 + minute / 60,
                minute % 60
            )
        };
        let mut text: String = (0..180).map(line).collect();
        text.push_str(
            "{\"schema\":\"thinspect-watch/1\",\"kind\":\"event\",\"at\":\"2026-11-22T03:01:00Z\",\
             \"pool\":\"docker-254:0-8484-pool\",\"event\":\"data-freed\",\"text\":\"148457 data blocks came back\"}\n",
        );
        recording.push(Query::History, "", Outcome::Answered(text));
    }
    Report::new(host::read(&recording), Source::Recording, None)
}

struct Screen {
    report: Report,
    state: State,
    style: TextStyle,
    plain: bool,
    live: bool,
}

impl Screen {
    fn of(name: &str, with_past: bool) -> Self {
        let style = TextStyle { colour: true, ..TextStyle::default() };
        Self { report: report(name, with_past), state: State::default(), style, plain: false, live: true }
    }

    fn press(&mut self, keys: &[KeyCode]) -> &mut Self {
        for key in keys {
            self.state.key(KeyEvent::from(*key), &self.report);
        }
        self
    }

    fn terminal(&mut self, width: u16, height: u16) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let scene = Scene {
            report: &self.report,
            at: Moment(1_795_323_588_000),
            notes: &["the history is not kept: No space left on device".to_owned()],
            style: &self.style,
            plain: self.plain,
            live: self.live,
        };
        terminal.draw(|frame| draw(frame, &mut self.state, &scene)).unwrap();
        terminal
    }

    fn picture(&mut self, width: u16, height: u16) -> String {
        let terminal = self.terminal(width, height);
        let buffer = terminal.backend().buffer();
        let cell = |x, y| buffer.cell((x, y)).map_or(" ", |c| c.symbol());
        let line = |y| (0..width).map(|x| cell(x, y)).collect::<String>().trim_end().to_owned() + "\n";
        (0..height).map(line).collect()
    }
}

const CASE: &str = "lab-published-case";

#[test]
fn reviewed_pictures() {
    let down = |n| vec![KeyCode::Down; n];
    let mut pictures: Vec<(&str, String)> = vec![
        ("80x24", Screen::of(CASE, true).picture(80, 24)),
        ("130x40", Screen::of(CASE, true).picture(130, 40)),
        ("40x10", Screen::of(CASE, true).picture(40, 10)),
        ("no-past", Screen::of("lab-direct-lvm", false).picture(80, 24)),
        ("explained", Screen::of(CASE, true).press(&down(2)).press(&[KeyCode::Enter]).picture(80, 24)),
        ("events", Screen::of(CASE, true).press(&[KeyCode::Char('3')]).picture(80, 24)),
        ("stuck", Screen::of("lab-stuck-metadata-device", false).press(&[KeyCode::Tab]).picture(80, 24)),
    ];
    let mut plain = Screen::of(CASE, true);
    (plain.plain, plain.live, plain.style.colour) = (true, false, false);
    pictures.push(("ascii", plain.picture(80, 24)));
    let mut users = Screen::of(CASE, true);
    users.state.users = (1..60).map(|n| format!("{n:>10} GiB  a container")).collect();
    users.press(&[KeyCode::Char('2')]).picture(80, 24);
    pictures.push(("users", users.press(&[KeyCode::PageDown, KeyCode::Down]).picture(80, 24)));
    std::fs::create_dir_all(tests("screens")).unwrap();
    let wrong: Vec<String> = pictures
        .iter()
        .filter_map(|(name, picture)| golden(&tests("screens").join(format!("{name}.txt")), picture).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let ascii = &pictures.iter().find(|(name, _)| *name == "ascii").unwrap().1;
    assert!(ascii.is_ascii(), "what a terminal with only ASCII is sent");
}

#[test]
fn every_size_is_drawn() {
    let keys = [KeyCode::Enter, KeyCode::End, KeyCode::Char('2'), KeyCode::Char('3'), KeyCode::Char('1')];
    for name in [CASE, "lab-stuck-metadata-device", "lab-suspended-pool"] {
        let mut screen = Screen::of(name, true);
        for key in keys {
            screen.press(&[key]);
            for width in [1, 2, 3, 10, 11, 19, 20, 40, 59, 60, 80, 300] {
                for height in [1, 2, 3, 4, 5, 6, 7, 10, 13, 14, 24, 28, 60] {
                    screen.terminal(width, height);
                }
            }
        }
    }
}

#[test]
fn what_is_chosen_exists_whatever_the_report_becomes() {
    let mut screen = Screen::of(CASE, true);
    screen.press(&[KeyCode::End, KeyCode::Enter]);
    assert!(screen.state.explained && screen.state.chosen == screen.report.findings.len() - 1);
    screen.report = report("lab-direct-lvm", false);
    screen.report.findings.truncate(1);
    screen.terminal(80, 24);
    assert_eq!(screen.state.chosen, 0);
    screen.report.findings.clear();
    screen.report.host.pools.clear();
    screen.press(&[KeyCode::Enter, KeyCode::Tab, KeyCode::Down]);
    assert!(!screen.state.explained && screen.picture(80, 24).contains("nothing was found"));
}

#[test]
fn keys() {
    let mut screen = Screen::of("lab-stuck-metadata-device", false);
    let pools = screen.report.host.pools.len();
    assert!(pools > 1);
    screen.press(&vec![KeyCode::Tab; pools]);
    assert_eq!(screen.state.pool, 0, "in a ring");
    screen.press(&[KeyCode::Left]);
    assert_eq!(screen.state.pool, pools - 1);
    let mut does = |code, control: bool| {
        let modifiers = if control { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
        screen.state.key(KeyEvent::new(code, modifiers), &screen.report)
    };
    assert_eq!(does(KeyCode::Char('c'), true), Keys::Flow(Flow::Quit));
    assert_eq!(does(KeyCode::Char('z'), true), Keys::Stop);
    assert_eq!(does(KeyCode::Char('r'), false), Keys::Flow(Flow::Reload));
    assert_eq!(does(KeyCode::Enter, false), Keys::Flow(Flow::Continue));
    assert_eq!(does(KeyCode::Esc, false), Keys::Flow(Flow::Continue), "out of the explanation");
    assert_eq!(does(KeyCode::Esc, false), Keys::Flow(Flow::Quit));
    assert_eq!(does(KeyCode::Char('u'), false), Keys::Flow(Flow::Continue));
    assert_eq!((screen.state.tab, screen.state.wants_users.is_some()), (Tab::Users, true));
}
