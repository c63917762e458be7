//! One node of the chaos model: its folder, its process, and the faults that it suffers.

use super::Millis;
use crate::chaos::invariants::Cost;
use crate::chaos::ledger::StoredNode;

/// The size of a node program in MB.
pub(crate) const PROGRAM_MB: u64 = 60;

/// The folder of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// The UUID in the marker of the folder.
    pub(crate) marker: u64,
    /// The index of the volume.
    pub(crate) volume: usize,
    pub(crate) created: Millis,
    /// The patch number of the program in place; None before it is copied.
    pub(crate) program: Option<u64>,
    /// The patch number of the program that an upgrade staged.
    pub(crate) staged: Option<u64>,
    /// The patch number of the old program that an upgrade retains for a rollback.
    pub(crate) retained: Option<u64>,
    pub(crate) has_tombstone: bool,
}

impl Folder {
    pub(crate) fn new(stored: &StoredNode, created: Millis, program: Option<u64>) -> Self {
        Self {
            marker: stored.uuid,
            volume: stored.volume,
            created,
            program,
            staged: None,
            retained: None,
            has_tombstone: false,
        }
    }

    /// Returns the number of programs in the folder.
    pub(crate) fn programs(&self) -> u64 {
        [self.program, self.staged, self.retained].iter().flatten().count() as u64
    }
}

/// The process of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) started: Millis,
    /// The patch number of the running program.
    pub(crate) program: u64,
    /// The time at which the process exits; None before it is told to.
    pub(crate) exits: Option<Millis>,
}

impl Process {
    pub(crate) fn new(pid: u32, started: Millis, program: u64) -> Self {
        Self { pid, started, program, exits: None }
    }

    /// Returns the memory use in MB: from 80 to 180, half of the growth within four hours.
    pub(crate) fn memory_mb(&self, now: Millis) -> i64 {
        let age = now - self.started;
        if age > MATURE { 175 } else { 80 + 100 * age / (age + 14_400_000) }
    }

    /// Returns the CPU use in thousandths of a core: 50, and seven times as much at the start.
    fn millicores(&self, now: Millis) -> i64 {
        let age = now - self.started;
        if age > MATURE { 50 } else { 50 + 50 * 6 * 90_000 / (90_000 + age) }
    }
}

/// The age from which the use of a process is constant: four days.
const MATURE: Millis = 4 * 86_400_000;

/// A node on the host. Each number has one, whether the node exists or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HostNode {
    pub(crate) folder: Option<Folder>,
    pub(crate) process: Option<Process>,
    /// The volume of a complete copy of the folder.
    pub(crate) copy: Option<usize>,
    /// The folder at the old place of a node that moved, until it is dropped.
    pub(crate) source: Option<Folder>,
    /// The process manager knows the node.
    pub(crate) is_defined: bool,
    pub(crate) has_open_port: bool,
    /// The folder was lost by a fault, not by an action.
    pub(crate) is_lost: bool,
    /// CPU use in thousandths of a core.
    pub(crate) millicores: i64,
    /// Size of the folder in MB.
    pub(crate) disk_mb: i64,
    /// The patch number in the last observation; the outer None before the first one.
    pub(super) observed_version: Option<Option<u64>>,
    /// The folders and bytes that the action in progress has written.
    pub(crate) written: Cost,
    /// The marker of the folder that the action in progress has made.
    pub(crate) made: Option<u64>,
    /// The undo of the next failed addition leaves the folder of the node.
    pub(crate) keeps_remnant: bool,
    /// The number of steps that fail from now on.
    pub(crate) failing: u32,
    /// The end of each fault; a past time means no fault.
    pub(crate) slow: Millis,
    /// The endpoint does not answer.
    pub(crate) hung: Millis,
    /// The process does not exit.
    pub(crate) stubborn: Millis,
    /// Observations skip the node.
    pub(crate) overlooked: Millis,
    /// Observations report the process as gone.
    pub(crate) denied: Millis,
    /// An external process answers on the port.
    pub(crate) external: Millis,
    /// The folder is not visible; 0 when it always was.
    pub(crate) hidden: Millis,
}

impl HostNode {
    /// Advances the use of the node, and ends a process whose time to exit has come.
    pub(super) fn advance(&mut self, now: Millis) {
        if self.process.as_ref().is_some_and(|process| process.exits.is_some_and(|exits| exits <= now)) {
            self.process = None;
        }
        self.millicores = self.process.as_ref().map_or(0, |process| process.millicores(now));
        if let Some(folder) = &self.folder {
            // Up to 20 GB, half of it within three days.
            let age = now - folder.created;
            self.disk_mb = 20_000 * age / (age + 259_200_000);
        }
    }

    /// Tells the process to exit. Two of three processes need 4 s or 8 s for it.
    pub(super) fn stop(&mut self, now: Millis) {
        let stubborn = self.stubborn;
        if let Some(process) = &mut self.process {
            let takes = Millis::from(process.pid % 3) * 4000;
            // A second signal does not delay the exit.
            process.exits = Some(process.exits.unwrap_or(now + takes).max(stubborn));
        }
    }

    /// Returns the parts that only actions and faults change: folder, process, definition and port.
    pub(crate) fn lasting(&self) -> (Option<Folder>, Option<Process>, bool, bool) {
        (self.folder.clone(), self.process.clone(), self.is_defined, self.has_open_port)
    }

    pub(super) fn lose_folder(&mut self) {
        self.is_lost |= self.folder.is_some();
        self.folder = None;
    }

    /// Replaces the program without the manager. A node that an upgrade or an exit is changing does not.
    pub(super) fn upgrade_itself(&mut self, version: u64) {
        if let (Some(folder), Some(process)) = (&mut self.folder, &mut self.process)
            && folder.staged.is_none()
            && folder.retained.is_none()
            && process.exits.is_none()
        {
            folder.program = Some(version);
            process.program = version;
        }
    }

    pub(super) fn end_faults(&mut self) {
        self.failing = 0;
        for end in [
            &mut self.slow,
            &mut self.hung,
            &mut self.stubborn,
            &mut self.overlooked,
            &mut self.denied,
            &mut self.external,
            &mut self.hidden,
        ] {
            *end = 0;
        }
        if let Some(process) = &mut self.process {
            process.exits = process.exits.map(|_| 0);
        }
    }
}
