//! `wnm top`: the host and the nodes on the whole terminal, until the operator ends it.
//!
//! One thread reads keys, one reads the database, one waits for the announcements of a daemon, one for signals, and each
//! action has its own. The main thread draws, and waits for none of them.

mod app;
mod feed;
mod keys;
mod screen;
mod view;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use wnm_agent::Mode;
use wnm_core::Selection;
use wnm_store::Store;

use super::node::{self, RequestOptions};
use super::{events, hold};
use crate::args::Top;
use crate::error::{CliError, CommandError, Exit};
use crate::output::{Output, SilentLog};
use crate::progress::Progress;
use crate::render::here::here;
use crate::render::work::Work;
use app::{App, Effect, Request};
use feed::{Ask, Data};
use screen::Screen;
use view::Look;

/// A message to the main thread.
enum Message {
    Key(KeyEvent),
    /// The terminal has another size.
    Resized,
    Data(Box<Result<Data, String>>),
    /// A request ended, with its result in a sentence.
    Ended(String),
    Suspend,
    Quit,
}

/// Shows the colony until the operator ends the command or a signal comes.
///
/// # Errors
/// Standard input or output is no terminal, the database cannot be read, or the terminal cannot be written.
pub(super) fn run(db: &Path, args: Top, output: &Output) -> Result<Exit, CliError> {
    require_terminal(output)?;
    // A missing colony is an error as of every command, and not a page.
    drop(Store::open_read_only(db)?);
    let (sender, messages) = channel();
    let _silent = SilentLog::begin();
    let mut screen = Screen::enter()?;
    signals(sender.clone())?;
    let keys = sender.clone();
    thread::Builder::new().spawn(move || read_keys(&keys))?;
    let (asks, asked) = channel();
    let (path, answers) = (db.to_path_buf(), sender.clone());
    thread::Builder::new().spawn(move || {
        feed::read_all(&path, args.interval, &asked, |data| answers.send(Message::Data(Box::new(data))).is_ok());
    })?;
    let waker = asks.clone();
    events::announcements(db, move || waker.send(Ask::Again).is_ok());
    let mut app = App::new(args.sort, args.filter);
    let look = Look::of_terminal();
    screen.draw(|frame| view::draw(frame, &mut app, look))?;
    for message in messages {
        let effect = match message {
            Message::Key(key) => keys::press(&mut app, key),
            Message::Resized => Effect::Nothing,
            Message::Data(data) => {
                app.update(*data);
                Effect::Nothing
            }
            Message::Ended(result) => {
                app.end(result);
                Effect::Read
            }
            Message::Suspend => Effect::Suspend,
            Message::Quit => Effect::Quit,
        };
        match effect {
            Effect::Nothing => {}
            Effect::Read => _ = asks.send(Ask::About(app.wanted())),
            Effect::Begin(request) => begin(db, request, sender.clone()),
            Effect::Redraw => screen.clear()?,
            Effect::Suspend => screen.suspend()?,
            Effect::Quit => break,
        }
        screen.draw(|frame| view::draw(frame, &mut app, look))?;
    }
    Ok(Exit::Done)
}

fn require_terminal(output: &Output) -> Result<(), CommandError> {
    let cause = if output.is_json() {
        "it has no JSON output"
    } else if !io::stdin().is_terminal() {
        "standard input is not a terminal"
    } else if !io::stdout().is_terminal() {
        "standard output is not a terminal"
    } else if std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb") {
        "the variable TERM says that it cannot move the cursor"
    } else {
        return Ok(());
    };
    Err(CommandError::NoTerminal { cause })
}

/// Passes signals on, on a thread of its own.
fn signals(sender: Sender<Message>) -> Result<(), CliError> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP])?;
    thread::Builder::new().spawn(move || {
        for signal in signals.forever() {
            let message = if signal == SIGTSTP { Message::Suspend } else { Message::Quit };
            if sender.send(message).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

/// Passes keys on, until the terminal is gone.
fn read_keys(sender: &Sender<Message>) {
    loop {
        let message = match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => Message::Key(key),
            Ok(Event::Resize(..)) => Message::Resized,
            Ok(_) => continue,
            Err(_) => Message::Quit,
        };
        let is_last = matches!(message, Message::Quit);
        if sender.send(message).is_err() || is_last {
            return;
        }
    }
}

/// Carries out a request on a thread of its own.
fn begin(db: &Path, request: Request, sender: Sender<Message>) {
    let db = db.to_path_buf();
    let answer = sender.clone();
    let started = thread::Builder::new().spawn(move || {
        let result = carry_out(&db, request).unwrap_or_else(|error| {
            let hint = error.hint().map_or_else(String::new, |hint| format!("; hint: {hint}"));
            here(&format!("{}{hint}", error.message())).into_owned()
        });
        // The display may have ended.
        let _ = answer.send(Message::Ended(result));
    });
    if let Err(error) = started {
        let _ = sender.send(Message::Ended(format!("cannot start a thread: {error}")));
    }
}

fn carry_out(db: &Path, request: Request) -> Result<String, CliError> {
    match request {
        Request::Act { verb, node } => {
            let options = RequestOptions { mode: Mode::Act, interval: None };
            let works = node::works(db, verb, &Selection::Named(vec![node]), options, Progress::hidden)?;
            Ok(works.iter().map(sentence).collect::<Vec<_>>().join("; "))
        }
        Request::Hold => {
            hold::set(db, "wnm top", None, hold::Drain::No)?;
            Ok("voluntary actions are held; H ends the hold".to_owned())
        }
        Request::Resume => {
            let ended = hold::end(db)?;
            Ok(if ended { "the hold by command ended" } else { "no hold by command is in effect" }.to_owned())
        }
    }
}

/// Returns the result of an action in a sentence, such as `stop antnode0003: done`.
fn sentence(work: &Work) -> String {
    let name = work.name.as_deref().unwrap_or("a node");
    let why = [work.reason.as_ref(), work.hint.as_ref()].into_iter().flatten().map(|why| format!("; {why}"));
    format!("{} {name}: {}{}", work.action, work.result.word(), why.collect::<String>())
}

#[cfg(test)]
mod tests;
