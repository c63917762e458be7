//! The end of a node's last process: the status that its manager reports, and the last line of its standard error.

use std::path::Path;

use wnm_core::{Colony, Desired, Exit, Node, NodeId, NodeMap, NodeSample, Presence};

use crate::exec::message::last_line;
use crate::node_dir::STDERR_LOG;
use crate::{Platform, guarded};

/// The part of a log that is searched for its last line, from its end, in bytes.
const TAIL: u64 = 8192;

/// Adds the ends of the nodes that should run and do not, and of those that their manager has started again. Such nodes are
/// few, and soon run again.
pub(super) fn add(platform: &Platform, colony: &Colony, samples: &mut NodeMap<NodeSample>) {
    let should_run = |id: &NodeId| {
        let state = colony.state.nodes.get(id);
        state.is_some_and(|state| colony.state.desired(*id, state) == Desired::Running)
    };
    let has_ended = |sample: &NodeSample| sample.restarted || sample.presence == Presence::Gone;
    let ended = samples.iter().filter(|(id, sample)| has_ended(sample) && should_run(id));
    let ended: Vec<&Node> = ended.filter_map(|(id, _)| colony.nodes.get(id)).collect();
    if ended.is_empty() {
        return;
    }
    let mut statuses = platform.manager.exits(&ended);
    for node in ended {
        let Some(sample) = samples.get_mut(&node.id) else { continue };
        let last_words = || last_message(&node.log_dir.join(STDERR_LOG)).or_else(|| platform.manager.last_words(node));
        // The log of a node that runs again ends with lines of its new process.
        let message = if sample.restarted { None } else { last_words() };
        let exit = Exit { status: statuses.remove(&node.id), message };
        if !exit.is_unknown() {
            sample.exit = Some(Box::new(exit));
        }
    }
}

/// Returns the last line of a log; None when it is empty or no readable file.
///
/// The node's user owns the log: a link, a pipe or a huge file in its place must neither redirect nor delay the manager.
pub(crate) fn last_message(path: &Path) -> Option<String> {
    let (text, _) = guarded::tail(path, TAIL).ok()?;
    Some(last_line(&String::from_utf8_lossy(&text))).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn last_line_of_a_file_and_of_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let lines = "starting\nerror: no such wallet\n\n";
        fs::write(path("log"), format!("{}\n{lines}", "x".repeat(100_000))).unwrap();
        assert_eq!(last_message(&path("log")).as_deref(), Some("error: no such wallet"));
        fs::write(path("raw"), b"\xff\xfe broken\x07\x1b[31m red\x1b[0m").unwrap();
        assert_eq!(last_message(&path("raw")).as_deref(), Some("\u{fffd}\u{fffd} broken red"));
        fs::write(path("long"), "y".repeat(100_000)).unwrap();
        assert_eq!(last_message(&path("long")).map(|line| line.len()), Some(300));
        fs::write(path("empty"), "\n \n").unwrap();
        symlink(path("log"), path("link")).unwrap();
        crate::guarded::make_pipe(&path("pipe"));
        for name in ["empty", "link", "pipe", "absent", "."] {
            assert_eq!(last_message(&path(name)), None, "{name}");
        }
    }

    #[test]
    fn log_folder_that_others_can_exchange_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let logs = guarded::linked_logs(folder.path(), STDERR_LOG);
        assert_eq!(last_message(&logs.join(STDERR_LOG)), None);
    }
}
