//! Measurements that take longer than one observation: each one handles a few nodes, in turn.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use wnm_core::{Bytes, Colony, Node, NodeId, NodeMap, NodeSample, Presence};

use super::slices::Turns;
use crate::volume;

/// The time limit for one folder. The size of a slower folder stays unknown.
const MOST: Duration = Duration::from_millis(500);
/// The time after which the file system of a folder counts as not answering.
const NO_ANSWER: Duration = Duration::from_secs(5);
/// The unit of `st_blocks` in bytes, independent of the file system; see stat(2).
const BLOCK: u64 = 512;
/// The number of records at which counting stops.
const MOST_RECORDS: usize = 200_000;
/// The number of nodes up to which all folders are measured in every observation.
const ALL_AT_ONCE: usize = 20;

/// The times of the measurements in this process. In a larger colony each folder is measured twice a minute: sizes change
/// slowly, and without turns the measurements would use their whole budget in every observation.
#[derive(Debug, Default)]
pub(crate) struct FolderTurns {
    size: Turns,
    records: Turns,
}

/// Measures the disk use of the folders whose turn it is, nodes without a value first.
pub(super) fn measure(
    colony: &Colony,
    samples: &mut NodeMap<NodeSample>,
    turns: &mut FolderTurns,
    uptime: u64,
    budget: Duration,
) {
    let due = |_, sample: &NodeSample| match sample.presence {
        Presence::FolderMissing | Presence::VolumeFault => None,
        _ if sample.disk.is_none() => Some(Due::AtOnce),
        _ => Some(Due::InTurn),
    };
    in_turns(samples, &mut turns.size, uptime, budget, due, |id, sample| {
        let Some(node) = colony.nodes.get(&id) else { return };
        let folder = node.root_dir.clone();
        let used = in_time(node, move || disk_use(&folder, Instant::now() + MOST));
        sample.disk = used.map(Bytes).or(sample.disk);
    });
}

/// Returns the disk use of a folder in bytes; None when it is unreadable or the time is over.
pub(crate) fn disk_use(folder: &Path, until: Instant) -> Option<u64> {
    let mut bytes = 0;
    let mut open = vec![fs::read_dir(folder).ok()?];
    while let Some(folder) = open.pop() {
        for entry in folder.flatten() {
            if Instant::now() >= until {
                return None;
            }
            // An entry that disappears meanwhile uses no space.
            let Ok(metadata) = entry.metadata() else { continue };
            bytes += metadata.blocks() * BLOCK;
            if metadata.is_dir() {
                open.extend(fs::read_dir(entry.path()));
            }
        }
    }
    Some(bytes)
}

/// Counts the records of running nodes whose turn it is; other nodes keep their last count.
pub(super) fn count_records(
    colony: &Colony,
    samples: &mut NodeMap<NodeSample>,
    turns: &mut FolderTurns,
    uptime: u64,
    budget: Duration,
) {
    let due = |id: NodeId, sample: &NodeSample| {
        let is_silent = colony.nodes.get(&id)?.metrics_port().is_none();
        (is_silent && sample.presence == Presence::Answering).then_some(Due::InTurn)
    };
    in_turns(samples, &mut turns.records, uptime, budget, due, |id, sample| {
        if let (Some(node), Some(metrics)) = (colony.nodes.get(&id), sample.metrics.as_mut()) {
            let chunks = node.root_dir.join("chunks");
            metrics.records = in_time(node, move || records_in(&chunks));
        }
    });
}

/// When a folder is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// In this observation, before all others.
    AtOnce,
    /// When its turn comes; in a small colony in every observation.
    InTurn,
}

/// Measures the folders that are due, as many as the budget allows. `due` returns None for a node that is not measured.
///
/// `uptime` differs between observations, and selects the first node.
fn in_turns(
    samples: &mut NodeMap<NodeSample>,
    turns: &mut Turns,
    uptime: u64,
    budget: Duration,
    due: impl Fn(NodeId, &NodeSample) -> Option<Due>,
    mut measure: impl FnMut(NodeId, &mut NodeSample),
) {
    turns.keep(|node| samples.contains_key(node));
    let is_small = samples.len() <= ALL_AT_ONCE;
    let measured = samples.iter().filter_map(|(id, sample)| Some((*id, due(*id, sample)?)));
    let is_due = |(id, due): &(NodeId, Due)| is_small || *due == Due::AtOnce || turns.is_due(*id, uptime);
    let mut nodes: Vec<_> = measured.filter(is_due).collect();
    rotate_by_turn(&mut nodes, uptime);
    nodes.sort_by_key(|(_, due)| *due);
    let begun = Instant::now();
    for (id, _) in nodes {
        if begun.elapsed() >= budget {
            return;
        }
        turns.taken(id, uptime);
        if let Some(sample) = samples.get_mut(&id) {
            measure(id, sample);
        }
    }
}

/// Runs a measurement of a node's folder. The result is None, also for the other nodes on the volume, while the file
/// system does not answer.
fn in_time<T: Send + 'static>(node: &Node, call: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
    let storage = node.root_dir.parent().unwrap_or(&node.root_dir);
    volume::within(storage, NO_ANSWER, call).ok().flatten()
}

/// Rotates the list so that each turn starts with another node, also when turns are equally spaced.
fn rotate_by_turn<T>(due: &mut [T], turn: u64) {
    // Multiplicative hashing, by 2^64 over the golden ratio.
    let scattered = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let first = usize::try_from(scattered).unwrap_or(0) % due.len().max(1);
    due.rotate_left(first);
}

/// Returns the number of records in `chunks/<2 digits>/`; None when there are too many or the folder is unreadable.
fn records_in(chunks: &Path) -> Option<u64> {
    let is_record = |name: &str| name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
    let mut count = 0;
    for shelf in fs::read_dir(chunks).ok()?.flatten().filter(|entry| entry.file_name().len() == 2) {
        let Ok(files) = fs::read_dir(shelf.path()) else { continue };
        count += files.flatten().filter(|file| file.file_name().to_str().is_some_and(is_record)).count();
        if count > MOST_RECORDS {
            return None;
        }
    }
    u64::try_from(count).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_use_counts_files_and_ignores_links() {
        let folder = tempfile::tempdir().unwrap();
        let (node, other) = (folder.path().join("node"), folder.path().join("other"));
        fs::create_dir_all(node.join("record_store/a")).unwrap();
        fs::create_dir(&other).unwrap();
        let later = || Instant::now() + Duration::from_secs(60);
        let empty = disk_use(&node, later()).unwrap();
        fs::write(node.join("record_store/a/record"), [7; 100_000]).unwrap();
        fs::write(other.join("file"), [7; 400_000]).unwrap();
        std::os::unix::fs::symlink(&other, node.join("elsewhere")).unwrap();
        let full = disk_use(&node, later()).unwrap();
        assert!((100_000..200_000).contains(&(full - empty)), "{empty} {full}");
        assert_eq!(disk_use(&node, Instant::now()), None);
        assert_eq!(disk_use(&folder.path().join("nothing"), later()), None);
    }

    #[test]
    fn every_node_gets_a_turn() {
        let mut first = [false; 60];
        for turn in 0..1_000 {
            let mut due: Vec<usize> = (0..60).collect();
            rotate_by_turn(&mut due, turn * 60_000);
            first[due[0]] = true;
        }
        assert_eq!(first, [true; 60]);
        rotate_by_turn::<u8>(&mut [], 7);
    }

    #[test]
    fn records_are_complete_files() {
        let folder = tempfile::tempdir().unwrap();
        let chunks = folder.path().join("chunks");
        assert_eq!(records_in(&chunks), None);
        for shelf in ["00", "ff", "other"] {
            fs::create_dir_all(chunks.join(shelf)).unwrap();
            for name in ["a".repeat(64), "b".repeat(64), ".tmp.1".to_owned()] {
                fs::write(chunks.join(shelf).join(name), "").unwrap();
            }
        }
        assert_eq!(records_in(&chunks), Some(4));
    }
}
