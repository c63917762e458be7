//! The place of one node on the host: its folder, its process, and what is wrong with them.

use super::Millis;
use crate::chaos::ledger::Row;

/// A node's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// The node it belongs to, as written in it.
    pub(crate) marker: u64,
    pub(crate) volume: usize,
    pub(crate) born: Millis,
    /// The patch numbers of the program, of the next one and of the one before.
    pub(crate) program: Option<u64>,
    pub(crate) staged: Option<u64>,
    pub(crate) kept: Option<u64>,
    /// It is on record that it goes.
    pub(crate) is_doomed: bool,
}

impl Folder {
    pub(crate) fn new(row: &Row, born: Millis, program: Option<u64>) -> Self {
        Self { marker: row.uuid, volume: row.volume, born, program, staged: None, kept: None, is_doomed: false }
    }
}

/// A node's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) started: Millis,
    /// The patch number of the program it runs.
    pub(crate) program: u64,
    /// When it will have ended, once it was told to.
    pub(crate) ends: Option<Millis>,
}

impl Process {
    pub(crate) fn new(pid: u32, started: Millis, program: u64) -> Self {
        Self { pid, started, program, ends: None }
    }

    pub(crate) fn memory_mb(&self, now: Millis) -> i64 {
        // From 80 to 180 MB, half of the way in four hours.
        let age = now - self.started;
        if age > SETTLED { 175 } else { 80 + 100 * age / (age + 14_400_000) }
    }

    /// Returns what it needs of the processors, in thousandths of a core: seven times as much at first.
    fn millicores(&self, now: Millis) -> i64 {
        let age = now - self.started;
        if age > SETTLED { 50 } else { 50 + 50 * 6 * 90_000 / (90_000 + age) }
    }
}

/// The age, in milliseconds, from which a node no longer changes from look to look.
const SETTLED: Millis = 4 * 86_400_000;

/// The place of a node: what is there of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) folder: Option<Folder>,
    pub(crate) process: Option<Process>,
    pub(crate) is_defined: bool,
    pub(crate) has_open_port: bool,
    /// The folder went by no deed of the manager.
    pub(crate) is_lost: bool,
    /// What the process needs now.
    pub(crate) millicores: i64,
    /// What the folder holds now.
    pub(crate) disk_mb: i64,
    /// The version that the manager was told last; None when it was told nothing yet.
    pub(super) told: Option<Option<u64>>,
    /// Steps that will fail.
    pub(crate) failing: u32,
    /// Until when steps are not done, the endpoint is silent, the process does not end, nobody looks, the process is
    /// said to be gone, and somebody else answers.
    pub(crate) slow: Millis,
    pub(crate) hung: Millis,
    pub(crate) stubborn: Millis,
    pub(crate) overlooked: Millis,
    pub(crate) denied: Millis,
    pub(crate) stray: Millis,
    /// Until when the folder is out of sight; 0 when it never was.
    pub(crate) hidden: Millis,
}

impl Site {
    /// Lets the node grow older, and a process that was told to end.
    pub(super) fn age(&mut self, now: Millis) {
        if self.process.as_ref().is_some_and(|process| process.ends.is_some_and(|ends| ends <= now)) {
            self.process = None;
        }
        self.millicores = self.process.as_ref().map_or(0, |process| process.millicores(now));
        if let Some(folder) = &self.folder {
            // Towards 20 GB, half of the way in three days.
            let age = now - folder.born;
            self.disk_mb = 20_000 * age / (age + 259_200_000);
        }
    }

    /// Tells the process to end; a stubborn one takes its time.
    pub(super) fn stop(&mut self, now: Millis) {
        let stubborn = self.stubborn;
        if let Some(process) = &mut self.process {
            // A second word does not make it longer. Every third node ends at once.
            let takes = Millis::from(process.pid % 3) * 4000;
            process.ends = Some(process.ends.unwrap_or(now + takes).max(stubborn));
        }
    }

    /// Returns what does not change by itself: the folder and the process, as they are.
    pub(crate) fn lasting(&self) -> (Option<Folder>, Option<Process>, bool, bool) {
        (self.folder.clone(), self.process.clone(), self.is_defined, self.has_open_port)
    }

    pub(super) fn lose_folder(&mut self) {
        self.is_lost |= self.folder.is_some();
        self.folder = None;
    }

    pub(super) fn upgrade_itself(&mut self, version: u64) {
        if let (Some(folder), Some(process)) = (&mut self.folder, &mut self.process)
            && folder.staged.is_none()
            && folder.kept.is_none()
            && process.ends.is_none()
        {
            folder.program = Some(version);
            process.program = version;
        }
    }

    pub(super) fn end_trouble(&mut self) {
        self.failing = 0;
        for trouble in
            [&mut self.slow, &mut self.hung, &mut self.overlooked, &mut self.denied, &mut self.stray, &mut self.hidden]
        {
            *trouble = 0;
        }
        self.stubborn = 0;
        if let Some(process) = &mut self.process {
            process.ends = process.ends.map(|_| 0);
        }
    }
}
