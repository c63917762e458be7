//! The file systems of storage folders.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use wnm_core::{Bytes, Volume};

use super::share;

/// Returns the volume of a folder, or of its nearest existing ancestor when the folder does not exist yet.
///
/// Use is calculated as `df` does it: without the blocks that are reserved for root.
#[must_use]
pub fn volume(folder: &Path) -> Volume {
    let mut volume = Volume { root: folder.to_owned(), ..Volume::default() };
    let Some((existing, metadata)) = folder.ancestors().find_map(|path| Some((path, path.metadata().ok()?))) else {
        return volume;
    };
    volume.device = metadata.dev();
    let Ok(status) = rustix::fs::statvfs(existing) else { return volume };
    let bytes = |blocks: u64| blocks.saturating_mul(status.f_frsize);
    let used = status.f_blocks.saturating_sub(status.f_bfree);
    volume.used = share(used, used.saturating_add(status.f_bavail));
    volume.total = Some(Bytes(bytes(status.f_blocks)));
    volume.available = Some(Bytes(bytes(status.f_bavail)));
    volume
}
