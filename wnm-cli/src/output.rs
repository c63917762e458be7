//! All output of wnm: results on standard output, messages on standard error.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use wnm_agent::{Report, without_numbers};

use crate::args::{Color, Global, LogFormat};
use crate::error::{CliError, Exit};
use crate::json::{Document, ErrorDocument, ErrorReport};
use crate::progress::Progress;
use crate::render;
use crate::render::here::{here, here_json};
use crate::render::page::{self, Width};
use crate::render::printable::{printable, printable_json};
use crate::render::symbols;

/// Whether a command fills the terminal, on which a log message would be written into its screen.
static FILLS_TERMINAL: AtomicBool = AtomicBool::new(false);

/// The output of a command, in the form that the global flags ask for.
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    width: Width,
}

impl Output {
    /// Sets up colour and logging according to the global flags.
    pub(crate) fn new(global: &Global) -> Self {
        anstream::ColorChoice::write_global(match global.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        });
        #[cfg(debug_assertions)]
        if crate::failpoint::install() {
            return Self { json: global.json, quiet: global.quiet, width: Width::of_output() };
        }
        let level = match (global.quiet, global.verbose) {
            (true, _) => LevelFilter::ERROR,
            (false, 0) => LevelFilter::INFO,
            (false, 1) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        };
        // Not an environment filter, whose regular expressions weigh a fiftieth of the program.
        let filter = Targets::new()
            .with_default(LevelFilter::WARN)
            .with_targets(["wnm", "wnm_agent", "wnm_platform", "wnm_store"].map(|target| (target, level)));
        let log_format = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_target(false);
        let ansi = match global.color {
            Color::Auto => io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
            Color::Always => true,
            Color::Never => false,
        };
        match global.log_format {
            LogFormat::Text => {
                log_format.with_writer(|| log(LogFormat::Text)).with_ansi(ansi).finish().with(filter).init();
            }
            LogFormat::Json => {
                log_format.with_writer(|| log(LogFormat::Json)).json().finish().with(filter).init();
            }
        }
        Self { json: global.json, quiet: global.quiet, width: Width::of_output() }
    }

    /// Returns the output for a command line that could not be parsed: as JSON if `--json` is one of its words.
    pub(crate) fn plain(args: &[OsString]) -> Self {
        let json = args.iter().take_while(|word| *word != "--").any(|word| word == "--json");
        Self { json, quiet: false, width: Width::Full }
    }

    /// Prints why the command had nothing to do.
    pub(crate) fn done(&self, reason: &str) -> Exit {
        self.say(reason);
        Exit::Done
    }

    /// Returns a progress bar for a command that waits for actions; a hidden one with `--quiet` and `--json`.
    pub(crate) fn progress(&self) -> Progress {
        if self.quiet || self.json { Progress::hidden() } else { Progress::shown() }
    }

    /// Tells whether the output is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Tells whether `--quiet` is given.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Returns the maximum width of a page.
    pub(crate) fn width(&self) -> Width {
        self.width
    }

    /// Writes a result as JSON or as a page for people.
    pub(crate) fn result<T: Serialize>(&self, value: &T, page: impl FnOnce(&T) -> String) -> Result<(), CliError> {
        if self.json { self.json(value) } else { self.page(&page(value)) }
    }

    /// Writes a result as JSON, in another form, or as a page for people.
    pub(crate) fn either<T, J: Serialize>(
        &self,
        value: &T,
        json: impl FnOnce(&T) -> J,
        page: impl FnOnce(&T) -> String,
    ) -> Result<(), CliError> {
        if self.json { self.json(&json(value)) } else { self.page(&page(value)) }
    }

    /// Writes a page for people to standard output.
    pub(crate) fn page(&self, text: &str) -> Result<(), CliError> {
        self.words(&page::fitted(&here(text), self.width))
    }

    /// Writes a result as JSON, or as a page that replaces the one before on a terminal. Elsewhere an empty line separates
    /// the pages.
    pub(crate) fn frame<T: Serialize>(
        &self,
        value: &T,
        page: impl FnOnce(&T) -> String,
        width: Width,
    ) -> Result<(), CliError> {
        if self.json {
            return self.json(value);
        }
        let page = page::fitted(&here(&page(value)), width);
        if !io::stdout().is_terminal() {
            return self.text(&symbols::for_locale(&format!("{page}\n")));
        }
        // Each line is cleared to its end as it is written, and the rest of the screen at the end, because a screen that
        // is cleared first flickers.
        let mut screen = b"\x1b[H".to_vec();
        for line in coloured(&symbols::for_locale(&page))?.split(|byte| *byte == b'\n') {
            screen.extend_from_slice(line);
            screen.extend_from_slice(b"\x1b[K\n");
        }
        screen.extend_from_slice(b"\x1b[J");
        write(&screen)
    }

    /// Writes a value as JSON, or as text for programs, which is never wrapped.
    pub(crate) fn value<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), CliError> {
        if self.json { self.json(value) } else { self.text(&text(value)) }
    }

    /// Writes text to standard output without wrapping, and ends it with a line feed.
    pub(crate) fn text(&self, text: &str) -> Result<(), CliError> {
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        write(&coloured(&format!("{text}{end}"))?)
    }

    /// Writes a text of wnm's own words, such as help, in the symbols that the terminal can show.
    pub(crate) fn words(&self, text: &str) -> Result<(), CliError> {
        self.text(&symbols::for_locale(text))
    }

    /// Writes a document with a value as one line of JSON to standard output. All JSON output goes through here.
    fn json<T: Serialize>(&self, value: &T) -> Result<(), CliError> {
        let line = printable_json(here_json(serde_json::to_string(&Document::now(value))?));
        write(format!("{line}\n").as_bytes())
    }

    /// Prints a message to standard error, unless `--quiet` is given.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            // A closed standard error must not end a command that changes nodes.
            let _ = writeln!(anstream::stderr().lock(), "{}", symbols::for_locale(&printable(&here(text))));
        }
    }

    /// Writes a part of a question to standard error, also with `--quiet`.
    pub(crate) fn ask(&self, text: &str) {
        let mut error = anstream::stderr().lock();
        // Without standard error the question has no answer, and the command ends.
        let question = symbols::for_locale(&page::fitted(&printable(&here(text)), self.width)).into_owned();
        let _ = error.write_all(question.as_bytes()).and_then(|()| error.flush());
    }

    /// Writes the report of a cycle.
    pub(crate) fn cycle(&self, report: &Report) -> Result<(), CliError> {
        self.result(&render::cycle::summary(report), |_| render::cycle::text(report))
    }

    /// Writes an error and its hint to standard error. Returns the end of the command.
    ///
    /// A closed pipe, as of `wnm history | head`, ends the command without a message.
    pub(crate) fn fail(&self, error: &CliError) -> Exit {
        if matches!(error, CliError::Output(e) if e.kind() == io::ErrorKind::BrokenPipe) {
            return error.exit();
        }
        let exit = error.exit();
        let mut err = anstream::stderr().lock();
        // An error of this write has no other place to go.
        let _ = if self.json {
            let hint = error.hint().map(|hint| here(&hint).into_owned());
            let report = ErrorReport { message: error.message(), hint, exit_code: exit.code() };
            serde_json::to_string(&ErrorDocument::now(report))
                .map_err(io::Error::from)
                .and_then(|report| writeln!(err, "{}", printable_json(report)))
        } else {
            let text = render::error(error);
            symbols::for_locale(&printable(&text)).lines().try_for_each(|line| writeln!(err, "{line}"))
        };
        exit
    }
}

/// Drops log messages for a terminal until the value is dropped.
pub(crate) struct SilentLog;

impl SilentLog {
    pub(crate) fn begin() -> Self {
        FILLS_TERMINAL.store(true, Ordering::Relaxed);
        Self
    }
}

impl Drop for SilentLog {
    fn drop(&mut self) {
        FILLS_TERMINAL.store(false, Ordering::Relaxed);
    }
}

/// Returns the writer of log messages: standard error, also of a command that fills the terminal if it is a file.
fn log(format: LogFormat) -> Box<dyn Write> {
    let is_hidden = FILLS_TERMINAL.load(Ordering::Relaxed) && io::stderr().is_terminal();
    if is_hidden { Box::new(io::sink()) } else { Box::new(LogWriter(format)) }
}

/// Standard error for log messages, each in one call.
struct LogWriter(LogFormat);

impl Write for LogWriter {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(message);
        let text = text.trim_end_matches('\n');
        let lines = match self.0 {
            // A further line cannot look like a message of its own.
            LogFormat::Text => printable(&here(&without_numbers(text))).replace('\n', "\n    "),
            LogFormat::Json => printable_json(here_json(text.to_owned())),
        };
        io::stderr().lock().write_all(format!("{lines}\n").as_bytes())?;
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Returns a text with the colours that standard output can show.
fn coloured(text: &str) -> Result<Vec<u8>, CliError> {
    let choice = anstream::AutoStream::choice(&io::stdout());
    let mut page = anstream::AutoStream::new(Vec::with_capacity(text.len()), choice);
    page.write_all(printable(text).as_bytes()).map_err(CliError::Output)?;
    Ok(page.into_inner())
}

/// Writes to standard output in one call. The standard library would flush after every line.
fn write(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(CliError::Output)
}
