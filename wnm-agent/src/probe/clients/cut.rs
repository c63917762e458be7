//! Runs that were running when wnm was killed. Each leaves its record in its folder, so that it still counts for the
//! ceilings and the spending.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use wnm_core::probe::ProbeRun;

/// The name of a record in the folder of its run.
const NAME: &str = "run.json";
/// The maximum length of a record, in bytes: twenty times that of a long one.
const LIMIT: u64 = 64 * 1024;

/// Writes the record that counts if wnm is killed during the run.
///
/// # Errors
/// The file cannot be written.
pub(super) fn note(folder: &Path, run: &ProbeRun) -> io::Result<()> {
    let draft = folder.join(".run.json");
    fs::write(&draft, serde_json::to_vec(run)?)?;
    fs::rename(draft, folder.join(NAME))
}

/// Returns the runs whose folders a wnm that was killed left below this one. A record that cannot be read is skipped.
pub(super) fn left(scratch: &Path) -> Vec<ProbeRun> {
    let read = |folder: &Path| {
        let mut text = Vec::new();
        fs::File::open(folder.join(NAME)).ok()?.take(LIMIT).read_to_end(&mut text).ok()?;
        serde_json::from_slice::<ProbeRun>(&text).ok()
    };
    let folders = fs::read_dir(scratch).into_iter().flatten().flatten();
    folders.filter_map(|entry| read(&entry.path())).collect()
}
