//! The clients of this host: each run on a thread of its own, in a folder of its own that is removed with it.

mod cut;
pub(super) mod remains;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wnm_core::probe::{
    Assignment, Atto, ClientAnswer, ClientOutput, ClientRequest, ContentCheck, ProbeClient, ProbeKind, ProbeOutcome,
    ProbeRun, RunId, Subject,
};
use wnm_core::{Bytes, Timestamp};
use wnm_platform::probe::{
    ClientCall, ClientEnd, ClientRunError, FinishedClient, GrowingDigest, Made, Secret, make_seeded, recognise,
    run_client, yield_to_others,
};

use super::key::read_key;
use super::prober::{Finished, RunClients};
use super::spending::{NotReserved, Spending};
use crate::program::is_trusted;

/// What a client may write beside the content: encrypted chunks of it, twice, and its output.
const BESIDE: u64 = 64 * 1024 * 1024;
/// The free space that runs leave to other work.
const SPARE: u64 = 1_000_000_000;

/// A client program that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientProgram {
    /// Its path.
    pub path: PathBuf,
    /// Its family and version.
    pub client: ProbeClient,
    /// The operator's arguments of every call.
    pub arguments: Vec<String>,
}

/// A client program cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// No program has this name.
    #[error("no program {name} in PATH")]
    NotFound {
        /// The name.
        name: String,
    },
    /// Another user can replace the program, and wnm would run it as root.
    #[error("{path} is not run as root, because another user can write it", path = path.display())]
    NotTrusted {
        /// The program.
        path: PathBuf,
    },
    /// The program is no client.
    #[error(transparent)]
    NotAClient(#[from] ClientRunError),
}

impl ClientProgram {
    /// Finds and recognises the client: at `path`, else `ant` in `PATH`.
    ///
    /// # Errors
    /// The program does not exist, is no client, or could be replaced by another user while wnm runs as root.
    pub fn find(path: Option<&Path>, arguments: Vec<String>) -> Result<Self, ProgramError> {
        let name = path.unwrap_or(Path::new("ant"));
        let not_found = |_| ProgramError::NotFound { name: name.display().to_string() };
        let path = which::which(name).map_err(not_found)?;
        if !is_trusted(&path) {
            return Err(ProgramError::NotTrusted { path });
        }
        let client = recognise(&path)?;
        Ok(Self { path, client, arguments })
    }
}

/// The payment of uploads.
#[derive(Debug, Clone)]
pub struct Payment {
    /// The file with the private key.
    pub key_file: PathBuf,
    /// The spending of today.
    pub spending: Arc<Mutex<Spending>>,
}

/// The surroundings of a run.
#[derive(Debug, Clone)]
struct Surroundings {
    program: ClientProgram,
    payment: Option<Payment>,
    scratch: PathBuf,
}

/// The clients of this host.
#[derive(Debug)]
pub struct ClientThreads {
    surroundings: Surroundings,
    stops: BTreeMap<RunId, Arc<AtomicBool>>,
    sender: Sender<Finished>,
    receiver: Receiver<Finished>,
    cut: Vec<ProbeRun>,
    /// Tells other processes that the scratch folder is in use.
    _owner: OwnedFd,
}

impl ClientThreads {
    /// Returns the clients of a program, with a scratch folder of their own, which is created and emptied: a wnm that was
    /// killed leaves processes and files there.
    ///
    /// # Errors
    /// The folder cannot be created or emptied.
    pub fn new(program: ClientProgram, payment: Option<Payment>, scratch: &Path) -> io::Result<Self> {
        let cut = remains::clear(scratch)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(scratch)?;
        let owner = remains::own(scratch)?;
        // The clients run in it, and a path that is not absolute would be another one there.
        let scratch = scratch.canonicalize()?;
        let (sender, receiver) = channel();
        let surroundings = Surroundings { program, payment, scratch };
        Ok(Self { surroundings, stops: BTreeMap::new(), sender, receiver, cut, _owner: owner })
    }

    /// Returns the runs that were running when an earlier wnm was killed, once.
    #[must_use]
    pub fn take_cut(&mut self) -> Vec<ProbeRun> {
        std::mem::take(&mut self.cut)
    }

    /// Returns the program.
    #[must_use]
    pub const fn program(&self) -> &ClientProgram {
        &self.surroundings.program
    }

    /// Replaces program and payment for the runs that start from now on.
    pub fn set_program(&mut self, program: ClientProgram, payment: Option<Payment>) {
        (self.surroundings.program, self.surroundings.payment) = (program, payment);
    }

    /// Waits for the end of a run.
    #[must_use]
    pub fn wait(&mut self, timeout: Duration) -> Option<Finished> {
        let finished = self.receiver.recv_timeout(timeout).ok()?;
        self.stops.remove(&finished.run);
        Some(finished)
    }
}

impl RunClients for ClientThreads {
    fn start(&mut self, assignment: Assignment) {
        let stop = Arc::new(AtomicBool::new(false));
        self.stops.insert(assignment.run, Arc::clone(&stop));
        let (surroundings, sender, run) = (self.surroundings.clone(), self.sender.clone(), assignment.run);
        let unstarted = assignment.clone();
        let thread = move || {
            yield_to_others();
            let result = run_one(&surroundings, &assignment, &|| stop.load(Ordering::Relaxed));
            // Without a receiver the clients are gone, and so is the reader of the result.
            let _ = sender.send(Finished { run, result });
        };
        if let Err(error) = std::thread::Builder::new().name("wnm-probe-run".to_owned()).spawn(thread) {
            let cause = format!("cannot start a thread: {error}");
            let answered = Answered::without(ProbeOutcome::ClientError, Some(cause));
            let result = record(&self.surroundings, &unstarted, now(), answered);
            let _ = self.sender.send(Finished { run, result });
        }
    }

    fn end(&mut self, run: RunId) {
        if let Some(stop) = self.stops.get(&run) {
            stop.store(true, Ordering::Relaxed);
        }
    }

    fn finished(&mut self) -> Vec<Finished> {
        let finished: Vec<Finished> = self.receiver.try_iter().collect();
        for ended in &finished {
            self.stops.remove(&ended.run);
        }
        finished
    }
}

impl Drop for ClientThreads {
    /// Ends all runs, and waits for them.
    fn drop(&mut self) {
        for stop in self.stops.values() {
            stop.store(true, Ordering::Relaxed);
        }
        while !self.stops.is_empty() && self.wait(Duration::from_secs(30)).is_some() {}
        let _ = fs::remove_dir_all(&self.surroundings.scratch);
    }
}

/// The reason why a run has no answer of a client.
enum Unanswered {
    Stopped,
    Failed(String),
}

impl From<io::Error> for Unanswered {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A client's answer as far as the content confirms it.
struct Answered {
    outcome: ProbeOutcome,
    took: Duration,
    bytes: Bytes,
    content: ContentCheck,
    cost: Option<Atto>,
    address: Option<String>,
    exit_code: Option<i32>,
    cause: Option<String>,
}

impl Answered {
    /// Returns the answer of a client that did not run.
    fn without(outcome: ProbeOutcome, cause: Option<String>) -> Self {
        let (took, bytes, content) = (Duration::ZERO, Bytes(0), ContentCheck::Unchecked);
        Self { outcome, took, bytes, content, cost: None, address: None, exit_code: None, cause }
    }
}

fn now() -> Timestamp {
    wnm_platform::read_clock().map(|reading| reading.wall).unwrap_or_default()
}

/// Returns the record of a run that started at this time.
fn record(surroundings: &Surroundings, assignment: &Assignment, started: Timestamp, answered: Answered) -> ProbeRun {
    ProbeRun {
        task: assignment.task.name.clone(),
        kind: assignment.task.kind,
        size: assignment.task.size,
        file: assignment.subject.name(),
        client: surroundings.program.client.to_string(),
        started,
        took: answered.took,
        // A run that ended early counts with its file all the same.
        bytes: if let Subject::Seeded(file) = &assignment.subject { file.bytes } else { answered.bytes },
        content: answered.content,
        cost: answered.cost,
        address: answered.address,
        attempt: assignment.attempt,
        outcome: answered.outcome,
        exit_code: answered.exit_code,
        cause: answered.cause,
    }
}

fn run_one(surroundings: &Surroundings, assignment: &Assignment, is_stopped: &dyn Fn() -> bool) -> ProbeRun {
    let started = now();
    let folder = surroundings.scratch.join(format!("run-{}", assignment.run.0));
    let record = |answered: Answered| record(surroundings, assignment, started, answered);
    let note = |price: Option<Atto>| {
        let cut = Answered::without(ProbeOutcome::Stopped, Some("wnm was killed during the run".to_owned()));
        cut::note(&folder, &record(Answered { cost: price, ..cut }))
    };
    let made = fs::DirBuilder::new().mode(0o700).create(&folder).and_then(|()| note(None));
    let answered =
        made.map_err(Unanswered::from).and_then(|()| answer(surroundings, assignment, &folder, is_stopped, &note));
    let _ = fs::remove_dir_all(&folder);
    record(answered.unwrap_or_else(|reason| match reason {
        Unanswered::Stopped => Answered::without(ProbeOutcome::Stopped, Some("ended by wnm".to_owned())),
        Unanswered::Failed(cause) => Answered::without(ProbeOutcome::ClientError, Some(cause)),
    }))
}

fn answer(
    surroundings: &Surroundings,
    assignment: &Assignment,
    folder: &Path,
    is_stopped: &dyn Fn() -> bool,
    note: &dyn Fn(Option<Atto>) -> io::Result<()>,
) -> Result<Answered, Unanswered> {
    let bytes = assignment.subject.bytes();
    let limit = Bytes(bytes.0.saturating_mul(3).saturating_add(BESIDE));
    has_space(folder, limit)?;
    let path = folder.join("content");
    let run_with = |request: &ClientRequest, key: Option<Secret>, meanwhile: &mut dyn FnMut()| {
        let program = &surroundings.program;
        let arguments: Vec<OsString> = program.client.arguments(request, &program.arguments);
        // Two clients run after each other in an upload; each has output files of its own.
        let folder = folder.join(if key.is_some() { "paying" } else { "asking" });
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let timeout = assignment.task.timeout;
        let spare = Bytes(SPARE / 2);
        let call = ClientCall { program: program.path.clone(), arguments, key, folder, timeout, limit, spare };
        run_client(&call, is_stopped, meanwhile).map_err(|error| Unanswered::Failed(error.to_string()))
    };
    let run = |request: &ClientRequest, key: Option<Secret>| run_with(request, key, &mut || {});
    match (&assignment.subject, assignment.task.kind) {
        (Subject::Known(file), _) => {
            let request = ClientRequest::Download { address: file.address.clone(), to: path.clone() };
            let mut digest = GrowingDigest::new(path);
            let finished = run_with(&request, None, &mut || digest.advance())?;
            let answered = read_answer(surroundings, &finished, assignment.task.timeout);
            Ok(checked(answered, digest, file.md5.as_deref()))
        }
        (Subject::Seeded(file), kind) => {
            let md5 = match make_seeded(file, &path, is_stopped)? {
                Made::Complete(md5) => md5,
                Made::Stopped => return Err(Unanswered::Stopped),
            };
            let content = match &file.md5 {
                Some(want) if *want != md5 => {
                    return Err(Unanswered::Failed(format!(
                        "the content of {} has the MD5 digest {md5}",
                        assignment.subject.name()
                    )));
                }
                Some(_) => ContentCheck::Valid,
                None => ContentCheck::Unchecked,
            };
            let quoted =
                read_answer(surroundings, &run(&ClientRequest::Quote(path.clone()), None)?, assignment.task.timeout);
            let answered = if kind == ProbeKind::Upload && quoted.outcome == ProbeOutcome::Ok {
                upload(surroundings, assignment, &path, quoted, run, note)?
            } else {
                quoted
            };
            Ok(Answered { content, ..answered })
        }
    }
}

/// Uploads a file after its price was reserved.
fn upload(
    surroundings: &Surroundings,
    assignment: &Assignment,
    path: &Path,
    quoted: Answered,
    run: impl Fn(&ClientRequest, Option<Secret>) -> Result<FinishedClient, Unanswered>,
    note: &dyn Fn(Option<Atto>) -> io::Result<()>,
) -> Result<Answered, Unanswered> {
    let Some(payment) = &surroundings.payment else {
        return Err(Unanswered::Failed("uploads are not allowed".to_owned()));
    };
    let key = read_key(&payment.key_file).map_err(|error| Unanswered::Failed(error.to_string()))?;
    let Some(price) = quoted.cost else {
        return Err(Unanswered::Failed("the client named no price".to_owned()));
    };
    note(Some(price))?;
    let spending = || payment.spending.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let reserved =
        spending().reserve(price, now()).map_err(|refused: NotReserved| Unanswered::Failed(refused.to_string()))?;
    let finished = run(&ClientRequest::Upload(path.to_owned()), Some(key.clone()))?;
    let mut answered = read_answer(surroundings, &finished, assignment.task.timeout);
    // A client may quote a key that it does not accept.
    answered.cause = answered.cause.map(|cause| key.hidden_in(&cause));
    answered.address = answered.address.filter(|address| key.hidden_in(address) == *address);
    spending().settle(&reserved, answered.cost);
    // The database counts an upload that does not tell its cost as its price, as the spending does.
    answered.cost = answered.cost.or(Some(price));
    Ok(answered)
}

/// Returns the answer of a client that has ended.
fn read_answer(surroundings: &Surroundings, finished: &FinishedClient, timeout: Duration) -> Answered {
    let code = if let ClientEnd::Exited(code) = finished.end { Some(code) } else { None };
    let output = ClientOutput { code, stdout: &finished.stdout, stderr: &finished.stderr };
    let answer = surroundings.program.client.answer(output);
    let (outcome, cause) = match finished.end {
        ClientEnd::Exited(_) => (answer.outcome, answer.cause.clone()),
        ClientEnd::Signalled(signal) => (ProbeOutcome::ClientError, Some(format!("ended by signal {signal}"))),
        ClientEnd::TimedOut => {
            (ProbeOutcome::Killed, Some(format!("no end after the timeout of {} s", timeout.as_secs_f64())))
        }
        ClientEnd::Stopped => (ProbeOutcome::Stopped, Some("ended by wnm".to_owned())),
        ClientEnd::Oversized => (ProbeOutcome::Killed, Some("wrote too much".to_owned())),
        ClientEnd::NoSpace => (ProbeOutcome::ClientError, Some("too little free space".to_owned())),
    };
    let (bytes, content) = (Bytes(0), ContentCheck::Unchecked);
    let ClientAnswer { cost, address, .. } = answer;
    Answered { outcome, took: finished.took, bytes, content, cost, address, exit_code: code, cause }
}

/// Compares the content of a download with its digest.
fn checked(mut answered: Answered, digest: GrowingDigest, md5: Option<&str>) -> Answered {
    if answered.outcome != ProbeOutcome::Ok {
        return answered;
    }
    let failure = match digest.finish(md5) {
        Ok(Some((bytes, found))) => {
            answered.bytes = bytes;
            answered.content = match md5 {
                None => ContentCheck::Unchecked,
                Some(want) if want == found => ContentCheck::Valid,
                Some(_) => ContentCheck::Invalid,
            };
            let is_other = answered.content == ContentCheck::Invalid;
            is_other.then(|| (ProbeOutcome::DataLoss, format!("the content has the MD5 digest {found}")))
        }
        Ok(None) => Some((ProbeOutcome::Unknown, "the client wrote no regular file".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Some((ProbeOutcome::Unknown, "the client succeeded without a file".to_owned()))
        }
        Err(error) => Some((ProbeOutcome::ClientError, error.to_string())),
    };
    if let Some((outcome, cause)) = failure {
        (answered.outcome, answered.cause) = (outcome, Some(cause));
    }
    answered
}

/// Checks that the volume of a folder has room for a run.
fn has_space(folder: &Path, needed: Bytes) -> Result<(), Unanswered> {
    let volume = rustix::fs::statvfs(folder).map_err(io::Error::from)?;
    let free = volume.f_bavail.saturating_mul(volume.f_frsize);
    if free >= needed.0.saturating_add(SPARE) {
        Ok(())
    } else {
        Err(Unanswered::Failed(format!("too little free space: {} of {needed} needed", Bytes(free))))
    }
}

#[cfg(test)]
mod tests;
