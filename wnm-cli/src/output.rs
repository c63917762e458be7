//! The one door for output: data to standard output, talk to standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use tracing_subscriber::EnvFilter;

use wnm_agent::Report;

use crate::args::{Color, Global, LogFormat};
use crate::error::{CliError, Exit};
use crate::progress::Progress;
use crate::render;
use crate::render::page::{self, Width};

/// An error, and what can be done about it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Told {
    /// What was expected, and what was found.
    error: String,
    /// What the operator can do about it.
    hint: Option<String>,
}

/// Where a command writes.
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    width: Width,
}

impl Output {
    /// Sets up colour and logging as the global flags say.
    pub(crate) fn new(global: &Global) -> Self {
        anstream::ColorChoice::write_global(match global.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        });
        let level = match (global.quiet, global.verbose) {
            (true, _) => "error",
            (false, 0) => "info",
            (false, 1) => "debug",
            (false, _) => "trace",
        };
        let filter =
            EnvFilter::new(format!("warn,wnm={level},wnm_agent={level},wnm_platform={level},wnm_store={level}"));
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
        let ansi = match global.color {
            Color::Auto => io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
            Color::Always => true,
            Color::Never => false,
        };
        match global.log_format {
            LogFormat::Text => log.with_ansi(ansi).init(),
            LogFormat::Json => log.json().init(),
        }
        Self { json: global.json, quiet: global.quiet, width: Width::of_output() }
    }

    /// Returns the output of a command line that says nothing of it.
    pub(crate) fn plain() -> Self {
        Self { json: false, quiet: false, width: Width::Full }
    }

    /// Says why there was nothing to do.
    pub(crate) fn done(&self, why: &str) -> Exit {
        self.say(why);
        Exit::Done
    }

    /// Returns how far work has come, for somebody who waits for it.
    pub(crate) fn progress(&self) -> Progress {
        if self.quiet || self.json { Progress::hidden() } else { Progress::shown() }
    }

    /// Tells whether JSON was asked for.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Returns how wide a page may be.
    pub(crate) fn width(&self) -> Width {
        self.width
    }

    /// Writes a result: as JSON where that was asked for, else as a page for people.
    pub(crate) fn result<T: Serialize>(&self, value: &T, page: impl FnOnce(&T) -> String) -> Result<(), CliError> {
        if self.json { self.json(value) } else { self.page(&page(value)) }
    }

    /// Writes a page for people to standard output.
    pub(crate) fn page(&self, text: &str) -> Result<(), CliError> {
        self.text(&page::fitted(text, self.width))
    }

    /// Writes a value that is also text for programs: as JSON where that was asked for, else as it is.
    pub(crate) fn value<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), CliError> {
        if self.json { self.json(value) } else { self.text(&text(value)) }
    }

    /// Writes text to standard output as it is, with a line end after it if it has none.
    pub(crate) fn text(&self, text: &str) -> Result<(), CliError> {
        let choice = anstream::AutoStream::choice(&io::stdout());
        let mut page = anstream::AutoStream::new(Vec::with_capacity(text.len() + 1), choice);
        page.write_all(text.as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            page.write_all(b"\n")?;
        }
        write(&page.into_inner())
    }

    /// Writes a value as one line of JSON to standard output.
    pub(crate) fn json<T: Serialize>(&self, value: &T) -> Result<(), CliError> {
        let mut line = serde_json::to_vec(value).map_err(io::Error::from)?;
        line.push(b'\n');
        write(&line)
    }

    /// Says something to the person at the terminal.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            // Nobody may be listening, and that is no reason to stop.
            let _ = writeln!(anstream::stderr().lock(), "{text}");
        }
    }

    /// Writes what a cycle saw, decided and did.
    pub(crate) fn cycle(&self, report: &Report) -> Result<(), CliError> {
        self.result(&render::cycle::summary(report), |_| render::cycle::text(report))
    }

    /// Writes an error and its hint to standard error, and returns how the command ends.
    pub(crate) fn fail(&self, error: &CliError) -> Exit {
        if matches!(error, CliError::Output(e) if e.kind() == io::ErrorKind::BrokenPipe) {
            return Exit::Done;
        }
        let exit = error.exit();
        let mut err = anstream::stderr().lock();
        // There is nowhere else to say that saying failed.
        let _ = if self.json {
            let told = Told { error: error.to_string(), hint: error.hint() };
            serde_json::to_string(&told).map_err(io::Error::from).and_then(|told| writeln!(err, "{told}"))
        } else {
            render::error(error).lines().try_for_each(|line| writeln!(err, "{line}"))
        };
        exit
    }
}

/// Writes to standard output at once: it would go out line by line otherwise.
fn write(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}
