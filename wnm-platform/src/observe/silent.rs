//! Nodes without a metrics server: data from their process and their logs.

use std::fs;
use std::path::{Path, PathBuf};

use wnm_core::ProcessIdentity;

use crate::files;
use crate::guarded;

/// The part of a log that is searched, from its beginning, in bytes: the identity is logged at the start.
const LOG_HEAD: u64 = 64 * 1024;
/// The number of logs that are searched, newest first.
const MOST_LOGS: usize = 3;

/// Tells whether the executable of a process was replaced, so that the file on disk may have another version.
pub(super) fn runs_a_replaced_file(process: &ProcessIdentity) -> bool {
    // The kernel appends the suffix when the inode has no name any more.
    let executable = fs::read_link(format!("/proc/{}/exe", process.pid));
    executable.is_ok_and(|path| path.to_string_lossy().ends_with(" (deleted)"))
}

/// Returns the peer ID that an `ant-node` logs at its start.
pub(super) fn peer_id(logs: &Path) -> Option<String> {
    let is_log = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("ant-node.") && name.ends_with(".log"))
    };
    let mut paths: Vec<PathBuf> =
        files::read_dir(logs).ok()?.into_iter().map(|entry| entry.path()).filter(is_log).collect();
    // The name contains the date as YYYY-MM-DD, so that it sorts by time.
    paths.sort_unstable_by(|one, other| other.cmp(one));
    paths.iter().take(MOST_LOGS).find_map(|path| {
        let head = guarded::head(path, LOG_HEAD).ok()?;
        peer_id_in(&String::from_utf8_lossy(&head))
    })
}

/// Returns the last peer ID in a log: 64 hexadecimal digits.
fn peer_id_in(log: &str) -> Option<String> {
    let line = log.lines().rev().find(|line| line.contains("Node identity resolved"))?;
    let (_, after) = line.split_once("peer_id")?;
    // Between name and value are quotes in JSON logs, and escape sequences in coloured logs.
    let id = after.split(|c: char| !c.is_ascii_hexdigit()).find(|digits| digits.len() == 64)?;
    Some(id.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_id_is_found_in_both_log_formats() {
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
}
