//! The effect of each key. Small letters change the view; capital letters change the colony, and ask first.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use wnm_core::Verb;

use super::app::{App, COLUMNS, Effect, Order, Prompt, Request, View};

/// The keys with their effects, for the page of help.
pub(super) const HELP: [(&str, &str); 21] = [
    ("q, Ctrl-C", "quit"),
    ("1, 2, 3, Tab", "show nodes, activity, probes"),
    ("↑ ↓ j k", "move by a line; also Page Up, Page Down, Home, End"),
    ("Enter", "show the selected node, with its events and its log"),
    ("Esc", "go back; clear the filter"),
    ("/", "filter by name, state, reason, version or peer ID"),
    ("s, <, >", "sort by the next, the previous, the next column"),
    ("r", "reverse the order"),
    ("?", "show this help"),
    ("Ctrl-L", "draw the screen again"),
    ("Ctrl-Z", "suspend; `fg` continues"),
    ("", ""),
    ("S", "start the selected node"),
    ("T", "stop it, until it is started by name"),
    ("R", "restart it"),
    ("U", "upgrade it to the installed node program"),
    ("D", "disable it"),
    ("E", "enable it"),
    ("X", "remove it with its identity; its folder stays in the trash for up to a day"),
    ("H", "hold voluntary actions, or end the hold"),
    ("", "The capital letters ask first; y answers yes."),
];

/// Takes a key.
pub(super) fn press(app: &mut App, key: KeyEvent) -> Effect {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Effect::Quit,
            KeyCode::Char('z') => Effect::Suspend,
            KeyCode::Char('l') => Effect::Redraw,
            KeyCode::Char('u') if app.prompt == Prompt::Filter => {
                app.filter.clear();
                app.arrange();
                Effect::Nothing
            }
            _ => Effect::Nothing,
        };
    }
    match app.prompt {
        Prompt::Filter => filter(app, key.code),
        Prompt::Question(request) => {
            app.prompt = Prompt::None;
            if matches!(key.code, KeyCode::Char('y' | 'Y')) {
                return app.consent(request);
            }
            "nothing was changed".clone_into(&mut app.message);
            Effect::Nothing
        }
        Prompt::None => browse(app, key.code),
    }
}

fn filter(app: &mut App, code: KeyCode) -> Effect {
    match code {
        KeyCode::Enter => app.prompt = Prompt::None,
        KeyCode::Esc => {
            app.filter.clear();
            app.prompt = Prompt::None;
        }
        KeyCode::Backspace => _ = app.filter.pop(),
        KeyCode::Char(letter) => app.filter.push(letter),
        _ => {}
    }
    app.arrange();
    Effect::Nothing
}

fn browse(app: &mut App, code: KeyCode) -> Effect {
    if !app.is_busy {
        app.message.clear();
    }
    match code {
        KeyCode::Char('q') => return Effect::Quit,
        KeyCode::Char('?') | KeyCode::F(1) => return app.open(View::Help),
        KeyCode::Char('1') => return app.open(View::Nodes),
        KeyCode::Char('2') => return app.open(View::Activity),
        KeyCode::Char('3') => return app.open(View::Probes),
        KeyCode::Tab => return turn(app, 1),
        KeyCode::BackTab => return turn(app, View::TABS.len() - 1),
        KeyCode::Esc => return back(app),
        KeyCode::Enter => {
            if let (View::Nodes, Some(node)) = (app.view, app.selected) {
                return app.open(View::Details(node));
            }
        }
        KeyCode::Char('/') => {
            app.prompt = Prompt::Filter;
            return app.open(View::Nodes);
        }
        KeyCode::Char('s' | '>') => sort(app, 1),
        KeyCode::Char('<') => sort(app, COLUMNS.len() - 1),
        KeyCode::Char('r') => {
            app.order = if app.order == Order::Usual { Order::Reversed } else { Order::Usual };
            app.arrange();
        }
        KeyCode::Char('H') => {
            app.prompt = Prompt::Question(if app.has_hold() { Request::Resume } else { Request::Hold });
        }
        KeyCode::Char(letter) if verb(letter).is_some() => ask(app, letter),
        code => scroll(app, code),
    }
    Effect::Nothing
}

/// Returns the action of a capital letter.
const fn verb(letter: char) -> Option<Verb> {
    match letter {
        'S' => Some(Verb::Start),
        'T' => Some(Verb::Stop),
        'R' => Some(Verb::Restart),
        'U' => Some(Verb::Upgrade),
        'D' => Some(Verb::Disable),
        'E' => Some(Verb::Enable),
        'X' => Some(Verb::Remove),
        _ => None,
    }
}

/// Asks for an action on the node that the view shows.
fn ask(app: &mut App, letter: char) {
    let node = match app.view {
        View::Details(node) => Some(node),
        View::Nodes => app.selected,
        View::Activity | View::Probes | View::Help => None,
    };
    match (verb(letter), node) {
        (Some(verb), Some(node)) => app.prompt = Prompt::Question(Request::Act { verb, node }),
        _ => "select a node first, on the page of the nodes".clone_into(&mut app.message),
    }
}

fn turn(app: &mut App, by: usize) -> Effect {
    let at = View::TABS.iter().position(|(view, _)| *view == app.view).unwrap_or(0);
    app.open(View::TABS[(at + by) % View::TABS.len()].0)
}

fn back(app: &mut App) -> Effect {
    if app.view != View::Nodes {
        return app.open(View::Nodes);
    }
    app.filter.clear();
    app.arrange();
    Effect::Nothing
}

fn sort(app: &mut App, by: usize) {
    let at = COLUMNS.iter().position(|column| *column == app.sort).unwrap_or(0);
    app.sort = COLUMNS[(at + by) % COLUMNS.len()];
    app.arrange();
}

/// Moves the selection of the table, or the first line of a page of text.
fn scroll(app: &mut App, code: KeyCode) {
    let page = app.rows.saturating_sub(1).max(1);
    let place = if app.view == View::Nodes { app.table.selected().unwrap_or(0) } else { app.scroll };
    let place = match code {
        KeyCode::Up | KeyCode::Char('k') => place.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => place + 1,
        KeyCode::PageUp => place.saturating_sub(page),
        KeyCode::PageDown | KeyCode::Char(' ') => place + page,
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => usize::MAX,
        _ => return,
    };
    if app.view == View::Nodes {
        app.select(place);
    } else {
        app.scroll = place.min(app.lines.saturating_sub(app.rows));
    }
}
