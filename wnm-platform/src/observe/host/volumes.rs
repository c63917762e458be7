//! The filesystems that hold nodes.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use wnm_core::{Bytes, Volume};

use super::share;

/// Returns the volume that holds a folder, or will hold it once it is made: that of its nearest existing ancestor.
///
/// Use is counted as `df` does: of what ordinary users can have, the reserve of the superuser left out.
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
