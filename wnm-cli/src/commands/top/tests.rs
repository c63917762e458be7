//! The display on terminals of several sizes, and the effects of keys.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use wnm_agent::control::{DaemonInfo, FailureInfo};
use wnm_core::{Hold, HoldSource, HoldTrouble, ProbeSettings, ValveSample, Verb};
use wnm_store::Holder;

use super::app::{App, Effect, Prompt, Request, View};
use super::feed::{Data, Details, Probes, Wanted};
use super::keys::press;
use super::view::{self, Colour, Look, Symbols};
use crate::args::Column;
use crate::render::daemon::{Daemon, Unreachable};
use crate::render::events::of_actions;
use crate::render::node_show::NodeDetails;
use crate::render::tests::{NOW, cycle, id, observed_before, status_of, views};

const PLAIN: Look = Look { colour: Colour::Off, symbols: Symbols::Unicode };

fn daemon(failure: Option<FailureInfo>) -> Daemon {
    let info = DaemonInfo {
        pid: 4711,
        version: "0.1.0".to_owned(),
        phase: "running".to_owned(),
        started: Some(NOW),
        interval_ms: 5_000,
        cycles: 7,
        last: Some(NOW),
        took_ms: Some(84),
        next: Some(NOW.after(std::time::Duration::from_secs(3))),
        failure,
        listen: None,
    };
    Daemon { info, now: NOW }
}

fn data(age: u64) -> Data {
    let mut status = status_of(observed_before(age));
    status.daemon = Some(daemon(None));
    let cycle = cycle();
    let actions: Vec<_> = cycle.actions.iter().map(|action| (cycle.id, action.clone())).collect();
    Data { host: "nyx".to_owned(), status, nodes: views(), events: of_actions(&actions), details: None, probes: None }
}

fn app() -> App {
    let mut app = App::new(Column::Name, String::new());
    app.update(Ok(data(2)));
    app
}

fn frame(app: &mut App, look: Look, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, app, look)).unwrap();
    terminal.backend().to_string()
}

fn type_keys(app: &mut App, keys: &str) -> Effect {
    let mut effect = Effect::Nothing;
    for letter in keys.chars() {
        let code = match letter {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            '\u{8}' => KeyCode::Backspace,
            '\t' => KeyCode::Tab,
            '↓' => KeyCode::Down,
            '↑' => KeyCode::Up,
            letter => KeyCode::Char(letter),
        };
        effect = press(app, KeyEvent::new(code, KeyModifiers::NONE));
    }
    effect
}

fn selected(app: &App) -> Option<u32> {
    app.selected.map(wnm_core::NodeId::get)
}

#[test]
fn nodes_on_terminals_of_each_size() {
    let frames = [(200, 24), (80, 24), (60, 20), (40, 12), (20, 6)].map(|size| frame(&mut app(), PLAIN, size));
    insta::assert_snapshot!(frames.join("\n"));
}

#[test]
fn no_size_panics() {
    for view in [View::Nodes, View::Activity, View::Probes, View::Details(id(1)), View::Help] {
        for prompt in [Prompt::None, Prompt::Filter, Prompt::Question(Request::Hold)] {
            for (width, height) in [(1, 1), (2, 3), (500, 1), (1, 200), (7, 9), (30, 16)] {
                let mut app = app();
                (app.view, app.prompt) = (view, prompt);
                frame(&mut app, PLAIN, (width, height));
                frame(&mut App::new(Column::Name, String::new()), PLAIN, (width, height));
            }
        }
    }
}

#[test]
fn ascii_locale_gets_ascii() {
    for view in [View::Nodes, View::Activity, View::Help] {
        let mut app = app();
        app.view = view;
        "stop antnode0001 …".clone_into(&mut app.message);
        let shown = frame(&mut app, Look { symbols: Symbols::Ascii, ..PLAIN }, (80, 24));
        assert!(shown.is_ascii(), "{shown}");
    }
}

#[test]
fn colours_are_off_on_request() {
    let colours = |colour: Colour| {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let mut app = app();
        let looks = Look { colour, ..PLAIN };
        let mut count = 0;
        for view in [View::Nodes, View::Activity] {
            app.view = view;
            terminal.draw(|frame| view::draw(frame, &mut app, looks)).unwrap();
            let cells = &terminal.backend().buffer().content;
            count += cells.iter().filter(|cell| cell.fg != ratatui::style::Color::Reset).count();
        }
        count
    };
    assert!(colours(Colour::On) > 50);
    assert_eq!(colours(Colour::Off), 0);
}

#[test]
fn daemon_that_cannot_be_asked_is_no_absent_one() {
    let mut app = app();
    let mut silent = data(2);
    silent.status.daemon = None;
    silent.status.unreachable = Some(Unreachable::without_socket(Some(Holder { pid: 4711, since: NOW })));
    app.update(Ok(silent));
    let shown = frame(&mut app, PLAIN, (120, 24));
    assert!(shown.contains("daemon PID 4711 ") && shown.contains("the daemon has no control socket"), "{shown}");
}

#[test]
fn problems_and_holds_are_on_top() {
    let mut app = app();
    let mut stale = data(4_000);
    let failure = FailureInfo { error: "another wnm is running".to_owned(), hint: Some("wait for it".to_owned()) };
    stale.status.daemon = Some(daemon(Some(failure)));
    let hold =
        Hold { source: HoldSource::Command, reason: "new disks".to_owned(), since: None, until: None, drain: false };
    let trouble = HoldTrouble { source: HoldSource::Url, problem: "no answer in time".to_owned() };
    let sample = ValveSample { holds: vec![hold], troubles: vec![trouble], ..ValveSample::default() };
    let settings = wnm_core::Valves::default();
    stale.status.valves = Some(crate::render::valves::ValvesNow { now: NOW, settings, sample, rollout: None });
    app.update(Ok(stale));
    app.update(Err("cannot read /x/wnm.db; hint: run `wnm db check`".to_owned()));
    let mut frames = vec![frame(&mut app, PLAIN, (80, 24))];
    app.view = View::Activity;
    frames.push(frame(&mut app, PLAIN, (80, 24)));
    insta::assert_snapshot!(frames.join("\n"));
    type_keys(&mut app, "H");
    assert_eq!(app.prompt, Prompt::Question(Request::Resume));
}

#[test]
fn pages_of_text() {
    let mut app = app();
    let mut frames = Vec::new();
    app.view = View::Activity;
    frames.push(frame(&mut app, PLAIN, (80, 40)));
    let mut shown = data(2);
    let lines = vec!["plain".to_owned(), "\u{1b}[31mred\u{1b}[0m\tand\u{7} loud".to_owned()];
    let node = NodeDetails::new(views().remove(0), Vec::new(), &[]);
    shown.details = Some(Ok(Details { node, log: Ok(("/logs/antnode.log".to_owned(), lines)) }));
    let settings = ProbeSettings {
        on: false,
        sources: Vec::new(),
        client: None,
        arguments: Vec::new(),
        windows: wnm_core::Windows::new(vec!["hourly :05-:55 UTC".parse().unwrap()]),
        upload: false,
        key_file: None,
        spend: wnm_core::probe::Atto(0),
    };
    let client = Err(wnm_agent::probe::ProgramError::NotFound { name: "ant".to_owned() });
    shown.probes = Some(Ok(crate::render::probe::StatusView::new(&settings, client, Ok(Default::default()), &[], NOW)));
    app.update(Ok(shown));
    for view in [View::Details(id(1)), View::Details(id(2)), View::Probes, View::Help] {
        app.view = view;
        frames.push(frame(&mut app, PLAIN, (80, 60)));
    }
    insta::assert_snapshot!(frames.join("\n"));
}

#[test]
fn selection_follows_its_node() {
    let mut app = app();
    assert_eq!(selected(&app), Some(1));
    type_keys(&mut app, "jj↑↓");
    assert_eq!(selected(&app), Some(3));
    // In the order of states the stopped node is not the third one.
    type_keys(&mut app, "s");
    assert_eq!((app.sort, selected(&app)), (Column::State, Some(3)));
    assert_eq!(
        app.shown().map(|view| view.status).collect::<Vec<_>>(),
        ["DISABLED", "RUNNING", "STOPPED", "UPGRADING"]
    );
    type_keys(&mut app, "r");
    assert_eq!((app.table.selected(), selected(&app)), (Some(1), Some(3)));
    type_keys(&mut app, "<<r");
    assert_eq!(app.sort, Column::PeerId);
    // The node is gone: its row stays selected.
    type_keys(&mut app, ">");
    let mut without = data(2);
    without.nodes.retain(|view| view.node.id != id(3));
    app.update(Ok(without));
    assert_eq!(selected(&app), Some(12_345));
    type_keys(&mut app, "G");
    assert_eq!(selected(&app), Some(12_345));
    type_keys(&mut app, "g");
    assert_eq!(selected(&app), Some(1));
}

#[test]
fn filter_is_typed_and_cleared() {
    let mut app = app();
    type_keys(&mut app, "/STOPx\u{8}q\u{8}");
    assert_eq!((app.filter.as_str(), app.shown().count(), selected(&app)), ("STOP", 1, Some(3)));
    insta::assert_snapshot!(frame(&mut app, PLAIN, (80, 24)));
    type_keys(&mut app, "\n");
    assert_eq!((app.prompt, app.shown().count()), (Prompt::None, 1));
    type_keys(&mut app, "\u{1b}");
    assert_eq!((app.filter.as_str(), app.shown().count()), ("", 4));
    type_keys(&mut app, "/12d3koow\n");
    assert_eq!(app.shown().count(), 2, "peer IDs match in any case");
    type_keys(&mut app, "/nothing");
    assert_eq!(selected(&app), None);
    assert_eq!(type_keys(&mut app, "\n\n"), Effect::Nothing, "no node opens");
    type_keys(&mut app, "S");
    assert_eq!(app.prompt, Prompt::None, "no node starts");
}

#[test]
fn actions_ask_first() {
    let act = |verb| Request::Act { verb, node: id(1) };
    for (key, verb) in [
        ('S', Verb::Start),
        ('T', Verb::Stop),
        ('R', Verb::Restart),
        ('U', Verb::Upgrade),
        ('D', Verb::Disable),
        ('E', Verb::Enable),
        ('X', Verb::Remove),
    ] {
        for (answer, effect) in [('y', Effect::Begin(act(verb))), ('n', Effect::Nothing), ('\n', Effect::Nothing)] {
            let mut app = app();
            assert_eq!(type_keys(&mut app, &key.to_string()), Effect::Nothing);
            assert_eq!(app.prompt, Prompt::Question(act(verb)));
            assert_eq!(type_keys(&mut app, &answer.to_string()), effect, "{key}{answer}");
            assert_eq!((app.prompt, app.is_busy), (Prompt::None, answer == 'y'));
        }
    }
    let questions = [act(Verb::Stop), act(Verb::Remove), Request::Hold, Request::Resume].map(Request::question);
    insta::assert_snapshot!(questions.join("\n"));
}

#[test]
fn one_action_at_a_time() {
    let mut app = app();
    assert!(matches!(type_keys(&mut app, "Ty"), Effect::Begin(_)));
    assert_eq!(app.message, "stop antnode0001 …");
    assert_eq!(type_keys(&mut app, "jSy"), Effect::Nothing);
    assert_eq!(app.message, "another action is under way");
    app.end("stop antnode0001: done".to_owned());
    assert_eq!(app.message, "stop antnode0001: done");
    assert!(matches!(type_keys(&mut app, "Hy"), Effect::Begin(Request::Hold)));
}

#[test]
fn views_name_the_data_that_they_need() {
    let mut app = app();
    let hidden = Wanted::default();
    for (keys, view, wanted) in [
        ("\t", View::Activity, hidden),
        ("\t", View::Probes, Wanted { probes: Probes::Shown, ..hidden }),
        ("\t", View::Nodes, hidden),
        ("j\n", View::Details(id(2)), Wanted { details: Some(id(2)), ..hidden }),
        ("?", View::Help, hidden),
        ("\u{1b}", View::Nodes, hidden),
    ] {
        assert_eq!(type_keys(&mut app, keys), Effect::Read);
        assert_eq!((app.view, app.wanted()), (view, wanted), "{keys:?}");
    }
    for (code, effect) in [('c', Effect::Quit), ('z', Effect::Suspend), ('l', Effect::Redraw), ('x', Effect::Nothing)] {
        assert_eq!(press(&mut app, KeyEvent::new(KeyCode::Char(code), KeyModifiers::CONTROL)), effect);
    }
    assert_eq!(type_keys(&mut app, "q"), Effect::Quit);
}

#[test]
fn text_scrolls_within_its_lines() {
    let mut app = app();
    type_keys(&mut app, "?");
    frame(&mut app, PLAIN, (80, 14));
    type_keys(&mut app, "k");
    assert_eq!(app.scroll, 0);
    type_keys(&mut app, "G");
    assert_eq!(app.scroll + app.rows, app.lines);
    let last = frame(&mut app, PLAIN, (80, 14));
    assert!(last.contains("y answers yes"), "{last}");
    frame(&mut app, PLAIN, (80, 60));
    assert_eq!(app.scroll, 0, "a taller terminal shows all");
}
