//! The terminal: raw mode and the alternate screen, which are given back at the end, after a panic and for a suspension.

use std::io::{self, Stdout, Write as _};
use std::panic;
use std::sync::Once;

use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Position, Rect};
use ratatui::{Frame, Terminal};
use signal_hook::consts::SIGTSTP;
use signal_hook::low_level::emulate_default_handler;

use crate::error::CliError;

/// The screen of the terminal while the display has it.
pub(super) struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// The terminal refuses raw mode, or cannot be written.
    pub(super) fn enter() -> Result<Self, CliError> {
        give_back_after_panics();
        take().map_err(CliError::Output)?;
        let screen = Terminal::new(CrosstermBackend::new(io::stdout())).map(Self);
        screen.inspect_err(|_| give_back()).map_err(CliError::Output)
    }

    /// Draws a frame: the cells that differ from the last one.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<(), CliError> {
        self.0.draw(draw).map(|_| ()).map_err(CliError::Output)
    }

    /// Clears the screen, so that the next frame draws each cell.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub(super) fn clear(&mut self) -> Result<(), CliError> {
        // `Terminal::clear` asks the terminal for its cursor, and the thread that reads keys would take the answer.
        let size = self.0.size().map_err(CliError::Output)?;
        self.0.resize(Rect::from((Position::ORIGIN, size))).map_err(CliError::Output)
    }

    /// Gives the terminal back, stops this process, and takes the terminal again when the process continues.
    ///
    /// # Errors
    /// The terminal cannot be taken again.
    pub(super) fn suspend(&mut self) -> Result<(), CliError> {
        give_back();
        emulate_default_handler(SIGTSTP)?;
        take().map_err(CliError::Output)?;
        self.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, Hide).inspect_err(|_| _ = disable_raw_mode())
}

/// A terminal that is gone needs nothing back, so that errors have no effect.
fn give_back() {
    let mut out = io::stdout();
    let _ = execute!(out, Show, LeaveAlternateScreen).and_then(|()| out.flush());
    let _ = disable_raw_mode();
}

/// Makes a panic of any thread give the terminal back before its message is printed. In a release a panic ends the process
/// without running destructors.
fn give_back_after_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::process::Command;

    use rustix::fs::{Mode, OFlags, open};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::tcgetattr;

    use super::*;

    /// Set in the process that panics.
    const PANIC: &str = "WNM_TEST_PANIC";

    #[test]
    fn panic_gives_the_terminal_back() {
        if std::env::var_os(PANIC).is_some() {
            let _screen = Screen::enter().unwrap();
            panic!("on purpose");
        }
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&near).unwrap();
        unlockpt(&near).unwrap();
        let name = ptsname(&near, Vec::new()).unwrap();
        let terminal = File::from(open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
        let before = tcgetattr(&terminal).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        let this = concat!(module_path!(), "::panic_gives_the_terminal_back");
        command.args(["--exact", this.split_once("::").unwrap().1, "--nocapture"]).env(PANIC, "1");
        let end = || terminal.try_clone().unwrap();
        let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop(command);
        assert!(!child.wait().unwrap().success());
        let after = tcgetattr(&terminal).unwrap();
        assert_eq!((after.local_modes, after.input_modes), (before.local_modes, before.input_modes));
        drop(terminal);
        let (mut shown, mut part, mut near) = (Vec::new(), [0; 4096], File::from(near));
        while let Ok(read @ 1..) = near.read(&mut part) {
            shown.extend_from_slice(&part[..read]);
        }
        let shown = String::from_utf8_lossy(&shown);
        let place = |text: &str| shown.find(text).unwrap_or_else(|| panic!("no {text:?} in {shown:?}"));
        let (taken, given_back, message) = (place("\u{1b}[?1049h"), place("\u{1b}[?1049l"), place("on purpose"));
        assert!(taken < given_back && given_back < message, "{shown:?}");
    }
}
