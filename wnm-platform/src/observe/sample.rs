//! The sample of one node, from this observation and the previous sample.

use std::time::Duration;

use wnm_core::{Cores, Node, NodeCounters, NodeMetrics, NodeSample, Presence, ProcessIdentity, Timestamp, Version};

use super::silent;
use crate::identity;
use crate::observe::host::Usage;
use crate::observe::probe::Answer;

/// All observations of one node.
pub(super) struct NodeFacts<'a> {
    pub(super) presence: Presence,
    pub(super) previous: Option<&'a NodeSample>,
    pub(super) process: Option<&'a ProcessIdentity>,
    pub(super) answer: Option<&'a Answer>,
    pub(super) usage: Option<Usage>,
    pub(super) now: Timestamp,
}

impl NodeFacts<'_> {
    /// Tells whether the process is that of the previous sample; true also when both are unknown.
    pub(super) fn is_same_process(&self) -> bool {
        self.previous.is_some_and(|previous| previous.process.as_ref() == self.process)
    }

    /// Tells whether the version of the file on disk applies: the node is stopped, or it is a new process without
    /// metrics.
    pub(super) fn wants_version_on_disk(&self, node: &Node) -> bool {
        match self.presence {
            Presence::Gone => true,
            Presence::Answering if node.metrics_port().is_none() => {
                let is_known = self.is_same_process() && self.previous.is_some_and(|seen| seen.version.is_some());
                !is_known && !self.process.is_some_and(silent::runs_a_replaced_file)
            }
            Presence::Answering
            | Presence::Unobserved
            | Presence::Silent
            | Presence::Unverified
            | Presence::Unreachable
            | Presence::FolderMissing
            | Presence::VolumeFault => false,
        }
    }

    /// Returns the sample without volume and CPU use, which depend on the host.
    pub(super) fn sample(&self, node: &Node) -> NodeSample {
        NodeSample {
            presence: self.presence,
            born: node.born,
            version: self.version(),
            last_version: None,
            upgraded_from: None,
            volume: None,
            cpu: None,
            memory: self.usage.map(|usage| usage.memory),
            disk: self.previous.and_then(|previous| previous.disk),
            process: self.process.cloned(),
            peer_id: self.peer_id(node),
            shunned_since: self.shunned_since(),
            wrong_answer: None,
            metrics: self.metrics(node).map(Box::new),
            restarted: false,
            exit: None,
        }
    }

    /// Returns the last known version while that of the sample is unknown, and the version before, if that of the sample
    /// is newer.
    pub(super) fn versions_before(&self, version: Option<&Version>) -> (Option<Version>, Option<Version>) {
        let known = self.previous.and_then(|previous| previous.version.as_ref().or(previous.last_version.as_ref()));
        match version {
            None => (known.cloned(), None),
            Some(version) => (None, known.filter(|known| *known < version).cloned()),
        }
    }

    /// Tells whether another process of the node runs than in the previous sample, without a restart of the host. A node
    /// that upgrades itself shows another version, and starts its next process on purpose. While the new process does not
    /// tell its version, `on_disk` gives that of the program: many nodes answer seconds after their start, and one in a
    /// crash loop perhaps never.
    pub(super) fn is_restarted(&self, on_disk: impl FnOnce() -> Option<Version>) -> bool {
        let before = self.previous.and_then(|previous| Some((previous.process.as_ref()?, previous.version.as_ref())));
        let (Some((before, version)), Some(now)) = (before, self.process) else { return false };
        if before.boot != now.boot || before == now {
            return false;
        }
        // A process that ended before it told its version has upgraded nothing.
        let Some(version) = version else { return true };
        self.version().or_else(on_disk).as_ref() == Some(version)
    }

    /// Returns the time since which the node is shunned; unchanged when the node does not report it.
    fn shunned_since(&self) -> Option<Timestamp> {
        let before = self.previous.and_then(|previous| previous.shunned_since);
        match self.answer.and_then(|answer| answer.metrics.shunned_by_close_group) {
            Some(0) => None,
            Some(_) => before.or(Some(self.now)),
            None => before,
        }
    }

    /// Returns the version without the file on disk. None when it may be the version of another process.
    fn version(&self) -> Option<Version> {
        let previous = self.previous.and_then(|previous| previous.version.clone());
        let of_same_process = || previous.clone().filter(|_| self.is_same_process());
        match (self.presence, self.answer) {
            (Presence::Answering | Presence::Unverified, Some(answer)) => match &answer.identity {
                Some(identity) => identity.version.clone(),
                None if answer.asked_identity => None,
                None => of_same_process(),
            },
            (Presence::Answering | Presence::Unverified, None) | (Presence::Silent, _) => of_same_process(),
            (Presence::Unobserved | Presence::Unreachable | Presence::FolderMissing | Presence::VolumeFault, _) => {
                previous
            }
            (Presence::Gone, _) => None,
        }
    }

    /// Returns the last reported peer ID, which is that of the identity file and so outlives the process.
    fn peer_id(&self, node: &Node) -> Option<String> {
        let told =
            self.answer.and_then(|answer| answer.identity.as_ref()).and_then(|identity| identity.peer_id.clone());
        // The files of a node on a volume that does not answer hold the cycle.
        let is_readable = !matches!(self.presence, Presence::VolumeFault | Presence::Unobserved);
        let of_key = || is_readable.then(|| identity::peer_id(&node.root_dir, &node.flavor)).flatten();
        let logged = || match (node.metrics_port(), self.process) {
            (None, Some(_)) if is_readable => silent::peer_id(&node.log_dir),
            (None | Some(_), _) => None,
        };
        told.or_else(|| self.previous.and_then(|previous| previous.peer_id.clone())).or_else(of_key).or_else(logged)
    }

    fn metrics(&self, node: &Node) -> Option<NodeMetrics> {
        match node.metrics_port() {
            Some(_) => self.answer.map(|answer| answer.metrics.clone()),
            None => self.usage.map(|usage| NodeMetrics {
                uptime: Some(usage.age / 1000),
                records: self.previous.and_then(|previous| previous.metrics.as_ref()?.records),
                ..NodeMetrics::default()
            }),
        }
    }
}

/// Returns the CPU use since the last observation; None for another process, or when the counter decreased.
pub(super) fn cores(before: NodeCounters, usage: Usage, pid: u32, elapsed: Duration) -> Option<Cores> {
    let spent = usage.cpu_millis.checked_sub(before.cpu_millis).filter(|_| before.pid == pid)?;
    Cores::clamped(spent as f64 / elapsed.as_secs_f64() / 1000.0)
}

#[cfg(test)]
mod tests {
    use wnm_core::NodeIdentity;

    use super::*;

    #[test]
    fn shunned_since_first_observation() {
        let says = |shunned_by_close_group| Answer {
            metrics: NodeMetrics { shunned_by_close_group, ..NodeMetrics::default() },
            ..Answer::default()
        };
        let mut known = NodeSample::default();
        for (second, answer, since) in [
            (1, Some(says(Some(0))), None),
            (2, Some(says(Some(2))), Some(2)),
            (3, Some(says(Some(1))), Some(2)),
            (4, None, Some(2)),
            (5, Some(says(None)), Some(2)),
            (6, Some(says(Some(0))), None),
            (7, Some(says(Some(1))), Some(7)),
        ] {
            let seen = NodeFacts {
                presence: Presence::Answering,
                previous: Some(&known),
                process: None,
                answer: answer.as_ref(),
                usage: None,
                now: Timestamp::from_secs(second),
            };
            known.shunned_since = seen.shunned_since();
            assert_eq!(known.shunned_since, since.map(Timestamp::from_secs), "{second}");
        }
    }

    #[test]
    fn files_on_a_volume_with_a_fault_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret-key"), [7; 32]).unwrap();
        let node = crate::node_dir::tests::node_at(folder.path());
        for (presence, is_read) in [
            (Presence::Answering, true),
            (Presence::Silent, true),
            (Presence::Gone, true),
            (Presence::Unreachable, true),
            (Presence::VolumeFault, false),
            (Presence::Unobserved, false),
        ] {
            let facts = NodeFacts {
                presence,
                previous: None,
                process: None,
                answer: None,
                usage: None,
                now: Timestamp::default(),
            };
            assert_eq!(facts.peer_id(&node).is_some(), is_read, "{presence:?}");
        }
    }

    #[test]
    fn upgrade_is_seen_once_also_after_a_time_of_unknown_version() {
        let mut previous = NodeSample::default();
        for (patch, before, upgraded_from) in [
            (Some(17), None, None),
            (Some(17), None, None),
            (None, Some(17), None),
            (None, Some(17), None),
            (Some(18), None, Some(17)),
            (Some(18), None, None),
            (Some(17), None, None),
            (None, Some(17), None),
            (Some(17), None, None),
        ] {
            let version = |patch: Option<u64>| patch.map(|patch| Version::new(0, 4, patch));
            let facts = NodeFacts {
                presence: Presence::Answering,
                previous: Some(&previous),
                process: None,
                answer: None,
                usage: None,
                now: Timestamp::default(),
            };
            let seen = facts.versions_before(version(patch).as_ref());
            assert_eq!(seen, (version(before), version(upgraded_from)), "{patch:?}");
            previous = NodeSample { version: version(patch), last_version: seen.0, ..NodeSample::default() };
        }
    }

    #[test]
    fn another_process_of_the_same_version_is_a_restart() {
        let process = |boot: &str, pid| ProcessIdentity { boot: boot.to_owned(), pid, start: u64::from(pid) };
        let version = |patch| Some(Version::new(0, 4, patch));
        let (before, other, rebooted) = (process("a", 1), process("a", 2), process("b", 2));
        for (known, seen, answered, is_restart) in [
            (Some(&before), Some(&before), version(1), false),
            (Some(&before), Some(&other), version(1), true),
            (Some(&before), Some(&other), version(2), false),
            (Some(&before), Some(&rebooted), version(1), false),
            (Some(&before), None, version(1), false),
            (None, Some(&other), version(1), false),
        ] {
            let previous = NodeSample { process: known.cloned(), version: version(1), ..NodeSample::default() };
            let identity = Some(NodeIdentity { version: answered.clone(), ..NodeIdentity::default() });
            let answer = Answer { identity, ..Answer::default() };
            let facts = NodeFacts {
                presence: Presence::Answering,
                previous: Some(&previous),
                process: seen,
                answer: Some(&answer),
                usage: None,
                now: Timestamp::default(),
            };
            let restarted = facts.is_restarted(|| panic!("the process tells its version"));
            assert_eq!(restarted, is_restart, "{known:?} {seen:?} {answered:?}");
        }
        // The new process does not answer yet.
        for (known, on_disk, is_restart) in [
            (version(1), version(1), true),
            (version(1), version(2), false),
            (version(1), None, false),
            (None, version(1), true),
            (None, None, true),
        ] {
            let previous =
                NodeSample { process: Some(before.clone()), version: known.clone(), ..NodeSample::default() };
            let facts = NodeFacts {
                presence: Presence::Silent,
                previous: Some(&previous),
                process: Some(&other),
                answer: None,
                usage: None,
                now: Timestamp::default(),
            };
            assert_eq!(facts.is_restarted(|| on_disk.clone()), is_restart, "{known:?} {on_disk:?}");
        }
    }
}
