//! Nodes that serve no figures: what their process, their logs and their folder tell.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wnm_core::{Colony, MetricsSource, NodeId, NodeSample, Presence, ProcessIdentity};

/// How much of a log is read, from its beginning, in bytes.
const LOG_HEAD: u64 = 64 * 1024;
/// How many logs are read, the newest first.
const MOST_LOGS: usize = 3;
/// Records of one node beyond which they are not counted.
const MOST_RECORDS: usize = 200_000;

/// Tells whether a process runs a file that is no longer on disk, so that the file there is another version.
pub(super) fn runs_a_replaced_file(process: &ProcessIdentity) -> bool {
    let executable = fs::read_link(format!("/proc/{}/exe", process.pid));
    executable.is_ok_and(|path| path.to_string_lossy().ends_with(" (deleted)"))
}

/// Returns the peer id that a node logs when it starts.
pub(super) fn peer_id(logs: &Path) -> Option<String> {
    let is_log = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("ant-node.") && name.ends_with(".log"))
    };
    let mut paths: Vec<PathBuf> = fs::read_dir(logs).ok()?.flatten().map(|entry| entry.path()).filter(is_log).collect();
    // The name holds the day.
    paths.sort_unstable_by(|one, other| other.cmp(one));
    paths.iter().take(MOST_LOGS).find_map(|path| {
        let mut head = Vec::new();
        File::open(path).ok()?.take(LOG_HEAD).read_to_end(&mut head).ok()?;
        peer_id_in(&String::from_utf8_lossy(&head))
    })
}

/// Returns the peer id told last in a log: 64 hexadecimal digits.
fn peer_id_in(log: &str) -> Option<String> {
    let line = log.lines().rev().find(|line| line.contains("Node identity resolved"))?;
    let (_, after) = line.split_once("peer_id")?;
    // Quotes, or the escapes of a coloured log, may stand between.
    let id = after.split(|c: char| !c.is_ascii_hexdigit()).find(|digits| digits.len() == 64)?;
    Some(id.to_ascii_lowercase())
}

/// Counts the records of as many running nodes as the time allows; the others keep the count of an earlier look.
///
/// `turn` is any number that grows from look to look: it decides who comes first.
pub(super) fn count_records(colony: &Colony, samples: &mut BTreeMap<NodeId, NodeSample>, turn: u64, budget: Duration) {
    let counts = |id: &NodeId, sample: &NodeSample| {
        let node = colony.nodes.get(id)?;
        let is_silent = node.flavor.metrics_source() == MetricsSource::Process;
        (is_silent && sample.presence == Presence::Answering).then(|| (*id, node.root_dir.join("chunks")))
    };
    let due: Vec<(NodeId, PathBuf)> = samples.iter().filter_map(|(id, sample)| counts(id, sample)).collect();
    let begun = Instant::now();
    let first = usize::try_from(turn / 1000).unwrap_or(0) % due.len().max(1);
    for (id, folder) in due.iter().cycle().skip(first).take(due.len()) {
        if begun.elapsed() >= budget {
            return;
        }
        if let Some(metrics) = samples.get_mut(id).and_then(|sample| sample.metrics.as_mut()) {
            metrics.records = records_in(folder);
        }
    }
}

/// Returns how many records lie under `chunks/<2 digits>/`; None when there are too many to count, or none can be seen.
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
    fn the_peer_id_is_found_in_both_formats_of_the_log() {
        let id = "0123456789abcdef".repeat(4);
        for line in [
            format!("2026-11-20T10:00:00Z  INFO ant_node::node: Node identity resolved peer_id={id} root_dir=/n"),
            format!("INFO Node identity resolved \x1b[3mpeer_id\x1b[0m\x1b[2m=\x1b[0m{id}"),
            format!(r#"{{"fields":{{"message":"Node identity resolved","peer_id":"{id}"}}}}"#),
        ] {
            let found = peer_id_in(&format!("peer_id=nothing\n{line}\nmore"));
            assert_eq!(found.as_deref(), Some(id.as_str()), "{line}");
        }
        assert_eq!(peer_id_in(&format!("Node identity resolved peer_id={id}00")), None);
        assert_eq!(peer_id_in("Node identity resolved peer_id=é"), None);
        assert_eq!(peer_id_in("Node identity resolved"), None);
    }

    #[test]
    fn records_are_whole_files_on_their_shelves() {
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
