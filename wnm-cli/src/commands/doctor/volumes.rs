//! Disk space for nodes: of all volumes together for a full colony, and of each volume now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wnm_core::{Bytes, Flavor, Node, NodeId, Settings, Volume, VolumeFault};
use wnm_platform::node_dir;
use wnm_platform::volume::{self, FolderState, Storage, volume_of};
use wnm_store::Snapshot;

use super::{Check, counted, first_few, names};

/// Disk space that a node can need. When many nodes leave the network at once, the others take over their records.
const NEEDED: Bytes = Bytes(35_000_000_000);
/// The time for measuring the trash of all volumes. A larger trash counts in part, which errs on the side of too little space.
const TRASH_BUDGET: Duration = Duration::from_millis(500);
/// Free space below which an `ant-node` stores no record: 500 MiB, a constant of its program.
const ANT_NODE_RESERVE: Bytes = Bytes(500 << 20);

/// Reads the volumes of the storage folders and the folders of the nodes.
pub(super) fn read(settings: &Settings, snapshot: Option<&Snapshot>) -> Storage {
    let Some(Snapshot { nodes, state, .. }) = snapshot else {
        return Storage::read(&settings.storage, [], &BTreeMap::new(), &BTreeSet::new());
    };
    Storage::read(&settings.storage, nodes.values(), &state.volumes, &state.acting)
}

pub(super) fn check(settings: &Settings, storage: &Storage, snapshot: Option<&Snapshot>) -> Vec<Check> {
    let usable = storage.volumes.iter().filter(|volume| volume.fault.is_none());
    let mut pools: Vec<Volume> = Vec::new();
    for volume in usable.clone() {
        // Two storage folders on one file system, and two file systems of one pool, share their space.
        if !pools.iter().any(|pool| pool.shares_space_with(volume)) {
            pools.push(volume.clone());
        }
    }
    let nodes = snapshot.map(|snapshot| &snapshot.nodes);
    let count = nodes.map_or(0, BTreeMap::len);
    let mut checks = Vec::new();
    if !pools.is_empty() {
        let samples = snapshot.iter().flat_map(|snapshot| snapshot.samples.values());
        let nodes = samples.filter_map(|sample| sample.disk).map(|bytes| bytes.0).sum();
        let roots: Vec<PathBuf> = usable.clone().map(|volume| volume.root.clone()).collect();
        let trash = node_dir::trash_size(&roots, Instant::now() + TRASH_BUDGET);
        let removable = Removable { nodes: Bytes(nodes), trash: Bytes(trash) };
        checks.push(all_volumes(settings, &pools, count, removable));
    }
    checks.extend(usable.filter_map(|volume| one_volume(settings, volume)));
    let nodes: Vec<&Node> = nodes.into_iter().flat_map(BTreeMap::values).collect();
    checks.extend(faults(settings, storage, &nodes));
    checks.extend(folders(settings, storage, &nodes));
    checks
}

/// Reports each volume with a fault, with its nodes.
fn faults(settings: &Settings, storage: &Storage, nodes: &[&Node]) -> Vec<Check> {
    let with_fault = storage.volumes.iter().enumerate().filter_map(|(at, volume)| Some((at, volume, volume.fault?)));
    let check = |(at, volume, fault): (usize, &Volume, VolumeFault)| {
        let on_it = nodes.iter().filter(|node| volume_of(&node.root_dir, &settings.storage) == Some(at));
        let on_it: Vec<NodeId> = on_it.map(|node| node.id).collect();
        let of_nodes = if on_it.is_empty() {
            String::new()
        } else {
            format!("; {}: {}", counted(on_it.len(), "node", "nodes"), names(&on_it))
        };
        let message = format!("the volume of {} {}{of_nodes}", volume.root.display(), fault.sentence());
        Check::error("volume", message, volume::hint(&volume.root, fault))
    };
    with_fault.map(check).collect()
}

/// Reports folders of nodes that are missing, or are mount points without their volume, on volumes without a fault.
fn folders(settings: &Settings, storage: &Storage, nodes: &[&Node]) -> Vec<Check> {
    const CHECK: &str = "folder";
    let on_usable = |node: &&Node| {
        let volume = volume_of(&node.root_dir, &settings.storage).and_then(|at| storage.volumes.get(at));
        volume.is_none_or(|volume| volume.fault.is_none())
    };
    let in_state = |state: FolderState| {
        let found = nodes.iter().copied().filter(move |node| storage.folders.get(&node.id) == Some(&state));
        found.filter(on_usable).map(|node| format!("{} ({})", node.id.name(), node.root_dir.display()))
    };
    let report = |state: FolderState, problem: &str, hint: &str| {
        let found: Vec<String> = in_state(state).collect();
        (!found.is_empty()).then(|| Check::error(CHECK, format!("{problem}: {}", first_few(found.into_iter())), hint))
    };
    [
        report(
            FolderState::Missing,
            "missing folders of nodes",
            "restore the folder from a backup, or remove the node: `wnm node remove NODE`",
        ),
        report(
            FolderState::Bare,
            "empty folders of nodes, as mount points without their volumes, or links that lead nowhere",
            "mount the volume of the node again",
        ),
        report(FolderState::NoAnswer, "folders of nodes that do not answer", "restore the file system of the folder"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The space that is not free and that nodes can use all the same.
#[derive(Debug, Clone, Copy, Default)]
struct Removable {
    /// The space that the nodes hold.
    nodes: Bytes,
    /// The space of removed nodes, which wnm deletes later.
    trash: Bytes,
}

/// Compares the space of all volumes for nodes with that which a full colony can need: the free space, the space that the
/// nodes hold already, and that of the trash. Other files on a volume leave less.
fn all_volumes(settings: &Settings, volumes: &[Volume], nodes: usize, removable: Removable) -> Check {
    const CHECK: &str = "disk";
    const HINT: &str = "lower node_cap, or add a folder on another volume to node_storage";
    let total: u64 = volumes.iter().filter_map(|volume| volume.total).map(|total| total.0).sum();
    let (cap, crisis) = (settings.policy.node_cap, settings.crisis);
    let free: u64 = volumes.iter().filter_map(|volume| volume.available).map(|free| free.0).sum();
    let usable = free.saturating_add(removable.nodes.0).saturating_add(removable.trash.0).min(total);
    let each = Bytes(usable / u64::from(cap.max(1)));
    let on = if volumes.len() > 1 { format!(" on {} volumes", volumes.len()) } else { String::new() };
    let trash =
        if removable.trash == Bytes(0) { String::new() } else { format!(", with {} of the trash", removable.trash) };
    let space = format!("{each} for each of {} (node_cap){on}{trash}", counted(cap as usize, "node", "nodes"));
    let share = share_in_a_crisis(settings, total, nodes);
    let nodes = counted(nodes, "node", "nodes");
    if each < crisis {
        Check::error(CHECK, format!("{space} < {crisis} (crisis_bytes)"), HINT)
    } else if share >= 100 {
        let need = format!("{nodes} with {crisis} (crisis_bytes) each need {share} % of the space below hd_remove");
        Check::error(CHECK, format!("{space}; {need}"), HINT)
    } else if each < NEEDED {
        let need = format!("{nodes} with {crisis} (crisis_bytes) each need {share} % of the space below hd_remove");
        Check::warning(CHECK, format!("{space}; a node can need {NEEDED}; {need}"), HINT)
    } else {
        Check::ok(CHECK, space)
    }
}

/// Returns the space that the nodes need with `crisis_bytes` each, in percent of the space below `hd_remove`: the
/// value `node_hd_crisis` of the reports.
fn share_in_a_crisis(settings: &Settings, total: u64, nodes: usize) -> u64 {
    let usable = total as f64 * settings.policy.disk.remove.get() / 100.0;
    if usable > 0.0 { (nodes as f64 * settings.crisis.0 as f64 / usable * 100.0) as u64 } else { 0 }
}

/// Compares the use of one volume with the thresholds; None below all of them, and for a volume that cannot be read.
fn one_volume(settings: &Settings, volume: &Volume) -> Option<Check> {
    const CHECK: &str = "volume";
    let root = volume.root.display();
    let limits = settings.policy.disk;
    let (used, free) = (volume.fullness()?, volume.available?);
    let space = match volume.inodes_used.filter(|inodes| *inodes == used && volume.used != Some(used)) {
        Some(inodes) => format!("{root}: {inodes} of the inodes used"),
        None => format!("{root}: {used} used, {free} free"),
    };
    if used > limits.remove {
        let message = format!("{space}: over hd_remove ({}), wnm removes nodes", limits.remove);
        return Some(Check::error(CHECK, message, "free space there, or raise hd_remove"));
    }
    if settings.flavor == Flavor::AntNode && free < ANT_NODE_RESERVE {
        let message = format!("{space}: below {ANT_NODE_RESERVE}, at which an ant-node stores no record");
        return Some(Check::error(CHECK, message, "free space there"));
    }
    if !volume.fits(settings.crisis) {
        let needed = if free < settings.crisis {
            format!("less than {} (crisis_bytes)", settings.crisis)
        } else {
            "too few inodes for one more node".to_owned()
        };
        return Some(Check::error(CHECK, format!("{space}: {needed}, wnm adds no node"), "free space there"));
    }
    (used >= limits.less_than).then(|| {
        let message = format!("{space}: not below hd_less_than ({}), wnm adds no node", limits.less_than);
        Check::warning(CHECK, message, "free space there, or raise hd_less_than")
    })
}

#[cfg(test)]
mod tests {
    use wnm_core::Percent;

    use super::*;
    use crate::commands::doctor::{Level, settings_with};

    fn volume(root: &str, total: u64, used: f64) -> Volume {
        let gigabytes = |bytes: f64| Some(Bytes((bytes * 1e9) as u64));
        Volume {
            root: root.into(),
            used: Percent::new(used).ok(),
            total: gigabytes(total as f64),
            available: gigabytes(total as f64 * (100.0 - used) / 100.0),
            ..Volume::default()
        }
    }

    #[test]
    fn full_colony_needs_space_on_all_volumes_together() {
        let ten = settings_with(&[("node_cap", "10")]);
        let found = |volumes: &[Volume], nodes| {
            let check = all_volumes(&ten, volumes, nodes, Removable::default());
            (check.level, check.message)
        };
        // Three quarters of a volume are used, a part of that by the nodes.
        let held = Removable { nodes: Bytes(100_000_000_000), ..Removable::default() };
        let check = all_volumes(&ten, &[volume("/s", 1600, 75.0)], 2, held);
        assert_eq!(check.message, "50.0 GB for each of 10 nodes (node_cap)");
        let with_trash = Removable { trash: Bytes(200_000_000_000), ..held };
        let check = all_volumes(&ten, &[volume("/s", 1600, 75.0)], 2, with_trash);
        assert_eq!(check.message, "70.0 GB for each of 10 nodes (node_cap), with 200.0 GB of the trash");
        for (sizes, nodes, level, message) in [
            (&[400][..], 2, Level::Ok, "40.0 GB for each of 10 nodes (node_cap)"),
            (&[200, 200], 2, Level::Ok, "40.0 GB for each of 10 nodes (node_cap) on 2 volumes"),
            (
                &[200],
                9,
                Level::Warning,
                "20.0 GB for each of 10 nodes (node_cap); a node can need 35.0 GB; 9 nodes with 2.0 GB (crisis_bytes) \
                 each need 10 % of the space below hd_remove",
            ),
            (&[19], 2, Level::Error, "1.9 GB for each of 10 nodes (node_cap) < 2.0 GB (crisis_bytes)"),
            (
                &[22],
                10,
                Level::Error,
                "2.2 GB for each of 10 nodes (node_cap); 10 nodes with 2.0 GB (crisis_bytes) each need 101 % of the \
                 space below hd_remove",
            ),
        ] {
            let volumes: Vec<Volume> = sizes.iter().map(|size| volume("/s", *size, 0.0)).collect();
            assert_eq!(found(&volumes, nodes), (level, message.to_owned()));
        }
    }

    #[test]
    fn each_volume_is_compared_with_the_thresholds() {
        let ant_node = settings_with(&[("flavor", "ant-node"), ("hd_remove", "99.99"), ("hd_less_than", "99.98")]);
        let classic = settings_with(&[]);
        let found = |settings: &Settings, volume: &Volume| {
            one_volume(settings, volume).map(|check| (check.level, check.message))
        };
        let check = |level, text: &str| Some((level, text.to_owned()));
        assert_eq!(found(&classic, &volume("/a", 100, 50.0)), None);
        assert_eq!(
            found(&classic, &volume("/b", 100, 80.0)),
            check(Level::Warning, "/b: 80.0 % used, 20.0 GB free: not below hd_less_than (75.0 %), wnm adds no node")
        );
        assert_eq!(
            found(&classic, &volume("/c", 100, 95.0)),
            check(Level::Error, "/c: 95.0 % used, 5.0 GB free: over hd_remove (90.0 %), wnm removes nodes")
        );
        assert_eq!(
            found(&ant_node, &volume("/d", 10, 96.0)),
            check(
                Level::Error,
                "/d: 96.0 % used, 400.0 MB free: below 524.3 MB, at which an ant-node stores no record"
            )
        );
        assert_eq!(found(&classic, &Volume::default()), None);
    }

    #[test]
    fn two_folders_on_one_device_count_once() {
        let folder = tempfile::tempdir().unwrap();
        let two = ["a", "b"].map(|name| folder.path().join(name).display().to_string()).join(",");
        let settings = settings_with(&[("node_storage", &two)]);
        let checks = check(&settings, &read(&settings, None), None);
        assert!(!checks[0].message.contains("volumes"), "{}", checks[0].message);
    }
}
