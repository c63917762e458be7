//! Versions of node programs, by file, so that a file runs only once to print its version.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::model::flavor::Flavor;
use crate::model::units::Version;

/// The format of the stored cache that this release reads and writes.
const FORMAT: u32 = 1;

/// The versions of all node programs that have run with `--version`.
///
/// The platform fills it and the store saves it. A cache in another format fails to deserialize; the store then starts
/// with an empty one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramCache {
    #[serde(deserialize_with = "current_format")]
    format: u32,
    /// The files, in any order.
    pub files: Vec<CachedProgram>,
}

/// The version of one file. A replaced file has another inode, time or size, and so another entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedProgram {
    /// The device number of the file system.
    pub device: u64,
    /// The inode number.
    pub inode: u64,
    /// The time of the last change of content, in seconds since 1970.
    pub modified: i64,
    /// The fraction of `modified`, in nanoseconds.
    pub modified_nanos: i64,
    /// The size in bytes.
    pub size: u64,
    /// The flavor that the version output was read as.
    pub flavor: Flavor,
    /// The result of the run.
    pub result: VersionResult,
}

/// The result of running a file with `--version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionResult {
    /// The file printed this version.
    Version(Version),
    /// The output is not that of the flavor: its first meaningful line.
    OtherProgram(String),
    /// The kernel cannot execute the file: another processor or a missing loader.
    OtherMachine,
    /// The file did not exit in time, in this many runs.
    TimedOut(u32),
}

impl ProgramCache {
    /// Returns a cache of these files in the current format.
    #[must_use]
    pub const fn new(files: Vec<CachedProgram>) -> Self {
        Self { format: FORMAT, files }
    }
}

impl Default for ProgramCache {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

fn current_format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        FORMAT => Ok(FORMAT),
        other => Err(de::Error::custom(format!("unknown cache format {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_rejected() {
        let text = serde_json::to_string(&ProgramCache::default()).unwrap();
        assert_eq!(text, r#"{"format":1,"files":[]}"#);
        assert_eq!(serde_json::from_str::<ProgramCache>(&text).unwrap(), ProgramCache::default());
        for other in [r#"{"format":2,"files":[]}"#, "[]", "null", r#"{"files":[]}"#] {
            assert!(serde_json::from_str::<ProgramCache>(other).is_err(), "{other}");
        }
    }
}
