//! The hold of the setting `hold_file`: it lasts while the file exists, and its first line is the reason.

use std::io::{self, Read as _};
use std::path::Path;

use wnm_core::{Hold, HoldSource, Settings, Timestamp};
use wnm_platform::{files, other_tools};

use super::super::{ReadHold, Reading};
use super::one_line;

/// Longest part of a file that is read, in bytes.
const LONGEST_FILE: u64 = 16 << 10;

/// A hold by a file.
#[derive(Debug, Default)]
pub(super) struct FileHold {
    last: Option<Hold>,
}

impl ReadHold for FileHold {
    fn source(&self) -> HoldSource {
        HoldSource::File
    }

    fn read(&mut self, settings: &Settings, _: Timestamp) -> Reading {
        let Some(path) = &settings.hold_file else {
            self.last = None;
            return Reading::default();
        };
        let hold = |reason| Hold { source: HoldSource::File, reason, since: None, until: None, drain: false };
        // A shared file is often on a file system of the network, which can hang.
        let read = files::with_deadline(path, read_bounded).and_then(|read| read);
        let problem = match read {
            Ok(Content::Missing) => {
                self.last = None;
                None
            }
            Ok(Content::Text(text)) => {
                self.last = Some(hold(one_line(&text)));
                None
            }
            // It exists, and nothing of it is a reason.
            Ok(Content::Unusual(_)) => {
                self.last = Some(hold(String::new()));
                None
            }
            Err(error) => Some(format!("{}: {error}", path.display())),
        };
        Reading { hold: self.last.clone(), problem }
    }
}

/// The content of a file that may be anything.
pub(super) enum Content {
    Missing,
    /// A folder, a pipe, a device, or a file behind a link of another user, which is not read.
    Unusual(&'static str),
    Text(String),
}

/// Reads the begin of a regular file, and never waits for a pipe.
pub(super) fn read_bounded(path: &Path) -> io::Result<Content> {
    let file = match other_tools::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::Missing),
        Err(error) => {
            return match std::fs::metadata(path).map(|facts| facts.file_type()) {
                Ok(kind) if kind.is_dir() => Ok(Content::Unusual("a folder")),
                Ok(kind) if !kind.is_file() => Ok(Content::Unusual("no regular file")),
                // A reason is shown to others: a link of another user must not choose it from the files of this one.
                Ok(_) if error.kind() == io::ErrorKind::Other => Ok(Content::Unusual("behind a link of another user")),
                Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(Content::Missing),
                Ok(_) | Err(_) => Err(error),
            };
        }
    };
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE).read_to_end(&mut bytes)?;
    Ok(Content::Text(String::from_utf8_lossy(&bytes).into_owned()))
}
