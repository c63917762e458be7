//! The hold of the setting `hold_file`: it lasts while the file exists, and its first line is the reason.

use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use wnm_core::{Hold, HoldSource, Settings, Timestamp};
use wnm_platform::files;

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
    /// A folder, a pipe or a device, which is not read.
    Unusual(&'static str),
    Text(String),
}

/// Reads the begin of a regular file, and never waits for a pipe.
pub(super) fn read_bounded(path: &Path) -> io::Result<Content> {
    // A link may lead to a device that waits, so that it is opened without waiting and its kind is checked first.
    let flags = i32::try_from(OFlags::NONBLOCK.union(OFlags::NOCTTY).bits()).unwrap_or_default();
    let file = match std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::Missing),
        Err(error) => return Err(error),
    };
    let kind = file.metadata()?.file_type();
    if !kind.is_file() {
        return Ok(Content::Unusual(if kind.is_dir() { "a folder" } else { "no regular file" }));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE).read_to_end(&mut bytes)?;
    Ok(Content::Text(String::from_utf8_lossy(&bytes).into_owned()))
}
