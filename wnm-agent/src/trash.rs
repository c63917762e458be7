//! The schedule of the trash.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::{HostSample, Settings, Timestamp, Volume};

use crate::platform::Platform;

/// Time for which the folder of a removed node can be restored, on a volume that has headroom.
pub const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// Deletes a part of the trash: at once on a volume that is not below the low threshold of disk use, and after
/// [`RETENTION`] on the others. A volume of unknown use keeps its trash.
pub(crate) fn sweep<P: Platform>(platform: &mut P, settings: &Settings, host: &HostSample, now: Timestamp) {
    // The trash of a volume with a fault is out of reach.
    let is_usable = |folder: &&Path| {
        let volume = host.volumes.iter().find(|volume| volume.root == **folder);
        volume.is_none_or(|volume| volume.fault.is_none())
    };
    let has_headroom = |folder: &&Path| {
        let used = host.volumes.iter().find(|volume| volume.root == **folder).and_then(Volume::fullness);
        used.is_none_or(|used| used < settings.policy.disk.less_than)
    };
    let usable = settings.storage.iter().map(PathBuf::as_path).filter(is_usable);
    let (retained, full): (Vec<_>, Vec<_>) = usable.partition(has_headroom);
    platform.sweep_trash(&full, Duration::ZERO, now);
    platform.sweep_trash(&retained, RETENTION, now);
}
