//! The service of a daemon that reads the earnings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use wnm_core::probe::Atto;
use wnm_core::{Address, FAUCET, NodeState, Timestamp};
use wnm_store::draft;

use super::record::Record;
use super::rpc::{Chain, Transfers};
use super::source::Source;
use crate::live::{EarningsSummary, Live, Snapshot};
use crate::outbound::OutboundError;
use crate::private_file::{self, FileState};
use crate::valves::host::beside;

/// The maximum number of addresses that are read: those of most nodes.
pub const MOST_ADDRESSES: usize = 20;
/// The last blocks that are not read yet, 16 s of Arbitrum: one of the servers behind an address may lag, and would
/// answer without their transfers.
const LAG: u64 = 64;
/// Least and greatest number of blocks of one question. Many servers refuse more than 10,000.
const BLOCKS: [u64; 2] = [10, 10_000];
/// The maximum number of questions about transfers in one reading. After a long absence several readings catch up.
const MOST_QUESTIONS: usize = 16;
/// The least time from a failed reading to the next, doubled up to the longest with each further one.
const RETRY: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(3600)];
/// The longest time between two cycles in which nodes count as running; three intervals if those are longer. A suspended
/// host earns nothing.
const LONGEST_GAP: Duration = Duration::from_secs(600);

/// The result of a reading. What was read before a failure counts.
#[derive(Debug)]
struct Read {
    balances: BTreeMap<Address, Atto>,
    /// The last block that was read, with the transfers up to it; None if none was.
    transfers: Option<(u64, BTreeMap<Address, Transfers>)>,
    /// The blocks whose transfers are still to be read.
    left: u64,
    /// The number of blocks of the next question.
    blocks: u64,
    failure: Option<OutboundError>,
}

/// The earnings of a daemon.
#[derive(Debug)]
pub struct EarningsService {
    path: PathBuf,
    /// The record; None before it was loaded.
    record: Option<Record>,
    /// The file that names the server, and its state at the last reading.
    file: Option<(PathBuf, Option<FileState>)>,
    source: Option<Source>,
    /// Why the file is not applied.
    problem: Option<String>,
    /// The problem that was logged last.
    logged: Option<String>,
    /// The time of the last observation.
    last: Option<Timestamp>,
    reading: Option<Receiver<Read>>,
    blocks: u64,
    failures: u32,
    /// The wait that the server asked for.
    retry_after: Duration,
}

impl EarningsService {
    /// Returns the service for the colony of a database.
    #[must_use]
    pub fn new(database: &Path) -> Self {
        Self {
            path: path_of(database),
            record: None,
            file: None,
            source: None,
            problem: None,
            logged: None,
            last: None,
            reading: None,
            blocks: BLOCKS[1],
            failures: 0,
            retry_after: Duration::ZERO,
        }
    }

    /// Counts the nodes of the last cycle, and begins a reading when its time has come. Never waits. Without a file it
    /// does nothing.
    pub fn observe(&mut self, live: &Live, file: Option<&Path>, authorities: Option<&Path>, now: Timestamp) {
        let Some(file) = file else {
            (self.file, self.source, self.problem, self.record) = (None, None, None, None);
            (self.last, self.reading) = (None, None);
            return;
        };
        self.follow(file);
        let path = &self.path;
        let mut record = self.record.take().unwrap_or_else(|| load(path).unwrap_or_default());
        if let Some(snapshot) = live.snapshot() {
            let longest = LONGEST_GAP.max(live.status().interval * 3);
            self.count(&mut record, &snapshot, longest, now);
            self.receive(&mut record, now);
            self.begin(&mut record, &snapshot, authorities, now);
        }
        self.record = Some(record);
        self.log();
    }

    /// Reads the file if it changed. A file that turns bad leaves the server as it is.
    fn follow(&mut self, path: &Path) {
        let facts = private_file::state(path);
        let is_new = self.file.as_ref().is_none_or(|(known, at)| known != path || *at != facts);
        if !is_new && self.problem.is_none() {
            return;
        }
        self.file = Some((path.to_owned(), facts));
        match Source::read(path) {
            Ok(source) => {
                if self.source.as_ref() != Some(&source) {
                    // The server of before may answer for another contract.
                    (self.reading, self.failures, self.retry_after) = (None, 0, Duration::ZERO);
                    self.blocks = BLOCKS[1];
                }
                (self.source, self.problem) = (Some(source), None);
            }
            Err(error) => self.problem = Some(error.to_string()),
        }
    }

    fn count(&mut self, record: &mut Record, snapshot: &Snapshot, longest: Duration, now: Timestamp) {
        let since = self.last.replace(now).filter(|last| *last < now);
        let Some(time) = since.map(|last| now.since(last)).filter(|time| *time <= longest) else { return };
        let running = snapshot.states().filter(|(_, state)| matches!(state, NodeState::Running { .. }));
        let samples = &snapshot.report.observation.nodes;
        let (nodes, bytes) = running.fold((0, 0_u64), |(nodes, bytes), (id, _)| {
            let disk = samples.get(&id).and_then(|sample| sample.disk).map_or(0, |disk| disk.0);
            (nodes + 1, bytes.saturating_add(disk))
        });
        record.count_nodes(nodes, bytes, time, now);
    }

    /// Takes over the result of a reading.
    fn receive(&mut self, record: &mut Record, now: Timestamp) {
        let Some(reading) = &self.reading else { return };
        let read = match reading.try_recv() {
            Ok(read) => read,
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => {
                self.reading = None;
                return;
            }
        };
        self.reading = None;
        self.blocks = read.blocks;
        if !read.balances.is_empty() {
            record.set_balances(&read.balances, now);
        }
        if let Some((block, transfers)) = &read.transfers {
            record.add_transfers(transfers, *block, now);
        }
        record.problem = read.failure.as_ref().map(ToString::to_string);
        match &read.failure {
            None => {
                record.read = Some(now);
                record.left = read.left;
                (self.failures, self.retry_after) = (0, Duration::ZERO);
            }
            Some(failure) => {
                self.failures = self.failures.saturating_add(1);
                self.retry_after = match failure {
                    OutboundError::Status { retry_after, .. } => retry_after.unwrap_or_default().min(RETRY[1]),
                    _ => Duration::ZERO,
                };
            }
        }
        let text = serde_json::to_vec(record).map_err(|error| error.to_string());
        if let Err(error) = text.and_then(|text| draft::replace(&self.path, &text).map_err(|error| error.to_string())) {
            record.problem = Some(format!("cannot write {}: {error}", self.path.display()));
        }
    }

    /// Begins a reading on a thread that ends with it, if its time has come.
    fn begin(&mut self, record: &mut Record, snapshot: &Snapshot, authorities: Option<&Path>, now: Timestamp) {
        let Some(source) = self.source.as_ref().filter(|_| self.reading.is_none()) else { return };
        if record.contract != Some(source.contract) {
            // Tokens of two contracts have no sum. The days of the one before stay in a file.
            if let Some(before) = record.contract {
                let mut kept = self.path.clone().into_os_string();
                kept.push(format!("-{before}"));
                _ = std::fs::rename(&self.path, kept);
            }
            *record = Record { contract: Some(source.contract), ..Record::default() };
        }
        let retry = RETRY[0] * 2_u32.pow(self.failures.saturating_sub(1).min(6));
        let wait = match self.failures {
            0 if record.left > 0 => RETRY[0],
            0 => source.every,
            _ => retry.min(RETRY[1]).max(self.retry_after).max(source.every),
        };
        // A clock that was set back must not stop the readings.
        let is_due = record.asked.is_none_or(|at| at > now || now.since(at) >= wait);
        let accounts = if is_due { accounts(snapshot) } else { Vec::new() };
        if accounts.is_empty() {
            return;
        }
        record.asked = Some(now);
        let (sender, receiver) = channel();
        let (source, authorities) = (source.clone(), authorities.map(Path::to_owned));
        let (block, blocks) = (record.block, self.blocks);
        let run = move || _ = sender.send(read(&source, authorities.as_deref(), &accounts, block, blocks));
        // A host without another thread reads later.
        if std::thread::Builder::new().name("wnm-earnings".to_owned()).spawn(run).is_ok() {
            self.reading = Some(receiver);
        }
    }

    fn present_problem(&self) -> Option<String> {
        self.problem.clone().or_else(|| self.record.as_ref()?.problem.clone())
    }

    /// Logs a problem when it begins, changes or ends.
    fn log(&mut self) {
        let problem = self.present_problem();
        if problem == self.logged {
            return;
        }
        match &problem {
            Some(problem) => tracing::warn!("the earnings cannot be read: {problem}"),
            None => tracing::info!("the earnings can be read again"),
        }
        self.logged = problem;
    }

    /// Returns the state in numbers.
    #[must_use]
    pub fn summary(&self) -> EarningsSummary {
        let record = self.record.as_ref();
        EarningsSummary {
            file: self.file.as_ref().map(|(path, _)| path.clone()),
            problem: self.present_problem(),
            read: record.and_then(|record| record.read),
            accounts: record.map(|record| record.accounts.iter().map(summary).collect()).unwrap_or_default(),
        }
    }
}

fn summary((address, account): (&Address, &super::Account)) -> (Address, crate::live::AccountSummary) {
    let super::Account { balance, received, transfers } = *account;
    (*address, crate::live::AccountSummary { balance, received, transfers })
}

/// Returns the rewards addresses of the nodes without that of the community faucet, those of most nodes first.
fn accounts(snapshot: &Snapshot) -> Vec<Address> {
    let mut counts: BTreeMap<Address, usize> = BTreeMap::new();
    for node in snapshot.report.colony.nodes.values().filter(|node| node.wallet != FAUCET) {
        *counts.entry(node.wallet).or_default() += 1;
    }
    let mut accounts: Vec<_> = counts.into_iter().collect();
    accounts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    accounts.into_iter().take(MOST_ADDRESSES).map(|(account, _)| account).collect()
}

/// Reads the balances of accounts, and the transfers to them after block `known`. The first reading counts none: only
/// later transfers belong to the time of the record.
fn read(source: &Source, authorities: Option<&Path>, accounts: &[Address], known: Option<u64>, blocks: u64) -> Read {
    let mut read = Read { balances: BTreeMap::new(), transfers: None, left: 0, blocks, failure: None };
    read.failure = fill(&mut read, source, authorities, accounts, known).err();
    read
}

fn fill(
    read: &mut Read,
    source: &Source,
    authorities: Option<&Path>,
    accounts: &[Address],
    known: Option<u64>,
) -> Result<(), OutboundError> {
    let chain = Chain::new(source.url.clone(), source.contract, authorities)?;
    let latest = chain.latest_block()?.saturating_sub(LAG);
    let mut balances = BTreeMap::new();
    for account in accounts {
        balances.insert(*account, chain.balance(*account)?);
    }
    read.balances = balances;
    let Some(mut done) = known else {
        read.transfers = Some((latest, BTreeMap::new()));
        return Ok(());
    };
    let mut found: BTreeMap<Address, Transfers> = BTreeMap::new();
    for _ in 0..MOST_QUESTIONS {
        if done >= latest {
            return Ok(());
        }
        let last = latest.min(done.saturating_add(read.blocks));
        let transfers = match chain.transfers(accounts, done + 1, last) {
            // The server may refuse as many blocks, or as many transfers.
            Err(OutboundError::Refused(_) | OutboundError::Status { status: 400 | 413, .. })
                if read.blocks > BLOCKS[0] =>
            {
                read.blocks = (read.blocks / 2).max(BLOCKS[0]);
                continue;
            }
            other => other?,
        };
        for (account, Transfers { received, count }) in transfers {
            let sums = found.entry(account).or_default();
            sums.received = sums.received.plus(received);
            sums.count += count;
        }
        done = last;
        read.transfers = Some((done, found.clone()));
    }
    read.left = latest.saturating_sub(done);
    Ok(())
}

/// Returns the file of the earnings of a database, such as `wnm.db.earnings`.
fn path_of(database: &Path) -> PathBuf {
    beside(database, ".earnings")
}

fn load(path: &Path) -> Option<Record> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Returns the stored earnings of the colony of a database; None before the first reading.
#[must_use]
pub fn stored(database: &Path) -> Option<Record> {
    load(&path_of(database))
}
