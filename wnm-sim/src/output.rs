//! Output of data: standard output or a file, compressed where its name ends in `.gz`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::SimError;

/// The format of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables for people.
    Text,
    /// One JSON object.
    Json,
}

impl Format {
    /// Returns the format that the flag `--json` selects.
    pub(crate) const fn of_flag(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// A destination for data.
pub(crate) struct Output {
    sink: Sink,
    path: Option<PathBuf>,
}

enum Sink {
    Plain(BufWriter<Box<dyn Write>>),
    Gzip(Box<GzEncoder<BufWriter<Box<dyn Write>>>>),
}

/// Size of the write buffer, in bytes.
const CHUNK: usize = 64 * 1024;

impl Output {
    /// Returns standard output.
    pub(crate) fn standard() -> Self {
        let sink = Sink::Plain(BufWriter::with_capacity(CHUNK, Box::new(io::stdout().lock())));
        Self { sink, path: None }
    }

    /// Creates a file, or returns standard output for `-`.
    pub(crate) fn create(path: &Path) -> Result<Self, SimError> {
        if path.as_os_str() == "-" {
            return Ok(Self::standard());
        }
        let file = File::create(path).map_err(|source| SimError::Write { path: path.to_owned(), source })?;
        // Lines are short; without a buffer each would be a system call.
        let file: BufWriter<Box<dyn Write>> = BufWriter::with_capacity(CHUNK, Box::new(file));
        let sink = if is_gzip(path) {
            Sink::Gzip(Box::new(GzEncoder::new(file, Compression::default())))
        } else {
            Sink::Plain(file)
        };
        Ok(Self { sink, path: Some(path.to_owned()) })
    }

    /// Writes a text with a line feed.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), SimError> {
        self.text(text)?;
        self.text("\n")
    }

    /// Writes a text unchanged.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), SimError> {
        let done = match &mut self.sink {
            Sink::Plain(sink) => sink.write_all(text.as_bytes()),
            Sink::Gzip(sink) => sink.write_all(text.as_bytes()),
        };
        done.map_err(|source| self.error(source))
    }

    /// Flushes the buffer.
    pub(crate) fn flush(&mut self) -> Result<(), SimError> {
        let done = match &mut self.sink {
            Sink::Plain(sink) => sink.flush(),
            Sink::Gzip(sink) => sink.flush(),
        };
        done.map_err(|source| self.error(source))
    }

    /// Writes the end of the data, including the trailer of a compressed file.
    pub(crate) fn finish(self) -> Result<(), SimError> {
        let path = self.path;
        let done = match self.sink {
            Sink::Plain(mut sink) => sink.flush(),
            Sink::Gzip(sink) => sink.finish().and_then(|mut sink| sink.flush()),
        };
        done.map_err(|source| error(path.as_deref(), source))
    }

    /// Returns the writer, for formats made of bytes.
    pub(crate) fn into_writer(self) -> Box<dyn Write> {
        match self.sink {
            Sink::Plain(sink) => Box::new(sink),
            Sink::Gzip(sink) => Box::new(sink),
        }
    }

    fn error(&self, source: io::Error) -> SimError {
        error(self.path.as_deref(), source)
    }
}

fn error(path: Option<&Path>, source: io::Error) -> SimError {
    match path {
        Some(path) => SimError::Write { path: path.to_owned(), source },
        None => SimError::Output(source),
    }
}

/// Tells whether the name of a file marks it as compressed.
pub(crate) fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}
