//! The terminal: raw mode and the alternate screen, which are given back at the end, after a panic and for a suspension.

use std::io::{self, Stdout, Write as _};
use std::panic;
use std::sync::Once;

use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::backend::CrosstermBackend;
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
        self.0.clear().map_err(CliError::Output)
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
