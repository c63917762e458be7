//! The sources of a plan: files and addresses, read at intervals, and checked before they replace the effective plan.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use wnm_platform::files::with_deadline;
use wnm_store::draft;

use crate::aside;
use crate::outbound::{self, OutboundError};

use super::task_file::{LONGEST, ReadPlan, TaskFileError, read_plan};

/// The time between two fetches of an address, also by different processes.
const FETCH: Duration = Duration::from_secs(60 * 60);
/// The time between two reads of files.
const READ: Duration = Duration::from_secs(60);
/// The time for one fetch.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A source cannot be used. The plan before stays effective.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// An address cannot be fetched.
    #[error("cannot fetch {url}: {source}")]
    Fetch {
        /// The address.
        url: String,
        /// The cause.
        source: OutboundError,
    },
    /// The content is no task file.
    #[error("{source_name}: {cause}")]
    Content {
        /// The file or the address.
        source_name: String,
        /// The cause.
        cause: TaskFileError,
    },
}

/// The result of a read of all sources.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// The plan, if it is another one than before.
    pub changed: Option<ReadPlan>,
    /// The first source that cannot be used now.
    pub problem: Option<Arc<SourceError>>,
}

/// The sources of a plan.
#[derive(Debug, Default)]
pub struct Sources {
    sources: Vec<Source>,
    names: Vec<String>,
    /// The time of the last read.
    read: Option<Duration>,
    last: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum Source {
    File(PathBuf),
    Address(Address),
}

/// A task file on a server.
#[derive(Debug)]
struct Address {
    url: String,
    /// The copy of the last text, from which a daemon without network starts. Its age bounds the fetches of all processes.
    copy: PathBuf,
    /// The time of the next fetch; None before the first look at the copy.
    due: Option<Duration>,
    asking: Option<Receiver<Result<Vec<u8>, SourceError>>>,
    text: Option<Vec<u8>>,
    failure: Option<Arc<SourceError>>,
}

/// Tells whether a source is an address.
fn is_address(name: &str) -> bool {
    name.starts_with("http://") || name.starts_with("https://")
}

impl Sources {
    /// Returns sources that are read at the next refresh. `copies` is a folder of wnm's own.
    #[must_use]
    pub fn new(names: Vec<String>, copies: &Path) -> Self {
        let source = |name: &String| {
            if is_address(name) {
                Source::Address(Address::new(name.clone(), copies))
            } else {
                Source::File(PathBuf::from(name))
            }
        };
        Self { sources: names.iter().map(source).collect(), names, ..Self::default() }
    }

    /// Returns the names of the sources.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads the sources that are due: files once a minute, addresses once an hour on a thread of their own. Returns None
    /// while nothing is due, and before the first answer of a server.
    pub fn refresh(&mut self, elapsed: Duration) -> Option<Refreshed> {
        let mut has_answered = false;
        let mut waits = false;
        for source in &mut self.sources {
            if let Source::Address(address) = source {
                has_answered |= address.advance(elapsed);
                waits |= address.waits();
            }
        }
        let is_due = has_answered || self.read.is_none_or(|last| elapsed.saturating_sub(last) >= READ);
        if waits || !is_due {
            return None;
        }
        self.read = Some(elapsed);
        Some(self.read_all())
    }

    /// Reads all sources now, and waits for servers that are due.
    pub fn read_now(&mut self) -> Refreshed {
        loop {
            if let Some(refreshed) = self.refresh(self.read.unwrap_or_default()) {
                return refreshed;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn read_all(&mut self) -> Refreshed {
        let mut texts = Vec::new();
        let mut problem = None;
        for source in &self.sources {
            let text = match source {
                Source::File(path) => read_file(path).map_err(Arc::new),
                Source::Address(address) => {
                    problem = problem.or_else(|| address.failure.clone());
                    address.text.clone().ok_or_else(|| address.missing())
                }
            };
            match text {
                Ok(text) => texts.push(text),
                Err(error) => return Refreshed { changed: None, problem: Some(error) },
            }
        }
        match read_plan(texts.iter().map(Vec::as_slice)) {
            Ok(read) => {
                let is_changed = texts != self.last;
                self.last = texts;
                Refreshed { changed: is_changed.then_some(read), problem }
            }
            Err((at, cause)) => {
                let source_name = self.names.get(at).cloned().unwrap_or_default();
                Refreshed { changed: None, problem: Some(Arc::new(SourceError::Content { source_name, cause })) }
            }
        }
    }
}

impl Address {
    fn new(url: String, copies: &Path) -> Self {
        let copy = copy_of(copies, &url);
        Self { url, copy, due: None, asking: None, text: None, failure: None }
    }

    /// Takes an answer, and asks the server when it is due. Returns whether an answer or a copy arrived.
    fn advance(&mut self, elapsed: Duration) -> bool {
        let has_text = match self.due {
            None => self.take_copy(elapsed),
            Some(_) => false,
        };
        if self.asking.is_none() && self.due.is_none_or(|due| elapsed >= due) {
            self.due = Some(elapsed.saturating_add(FETCH));
            let (sender, answer) = channel();
            let url = self.url.clone();
            aside::run("wnm-probe-tasks", move || _ = sender.send(fetch(&url)));
            self.asking = Some(answer);
        }
        has_text | self.take_answer()
    }

    /// Uses the copy of another process or an earlier start, if it is young enough.
    fn take_copy(&mut self, elapsed: Duration) -> bool {
        let made = fs::metadata(&self.copy).and_then(|facts| facts.modified());
        // A clock that was set back makes copies of the future, which tell nothing.
        let Some(age) = made.ok().and_then(|made| made.elapsed().ok()).filter(|age| *age < FETCH) else { return false };
        self.text = read_file(&self.copy).ok().filter(|text| read_plan([text.as_slice()]).is_ok());
        if self.text.is_some() {
            self.due = Some(elapsed.saturating_add(FETCH - age));
        }
        self.text.is_some()
    }

    fn take_answer(&mut self) -> bool {
        let Some(asking) = &self.asking else { return false };
        let answer = match asking.try_recv() {
            Ok(answer) => answer,
            Err(TryRecvError::Empty) => return false,
            Err(TryRecvError::Disconnected) => Err(SourceError::Fetch {
                url: self.url.clone(),
                source: OutboundError::Request("no answer".to_owned()),
            }),
        };
        self.asking = None;
        match answer {
            Ok(text) => {
                if let Err(error) = store(&self.copy, &text) {
                    tracing::warn!(path = %self.copy.display(), %error, "cannot store a copy of the task file");
                }
                (self.text, self.failure) = (Some(text), None);
            }
            Err(error) => {
                // An old copy is better than no plan.
                self.text = self.text.take().or_else(|| read_file(&self.copy).ok());
                self.failure = Some(Arc::new(error));
            }
        }
        true
    }

    /// Tells whether there is neither a text nor a failure yet.
    fn waits(&self) -> bool {
        self.text.is_none() && self.asking.is_some()
    }

    fn missing(&self) -> Arc<SourceError> {
        let source = io::Error::from(io::ErrorKind::NotFound);
        self.failure.clone().unwrap_or_else(|| Arc::new(SourceError::File { path: self.copy.clone(), source }))
    }
}

/// Returns the path of the copy of an address. The digest tells addresses apart whose letters and digits are the same.
fn copy_of(copies: &Path, url: &str) -> PathBuf {
    let plain: String = url.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(100).collect();
    let digest: String = Sha256::digest(url).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    copies.join(format!("tasks-{plain}-{digest}"))
}

fn store(path: &Path, text: &[u8]) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    draft::replace(path, text)
}

/// Reads a task file, up to the greatest length of one and a byte more.
///
/// # Errors
/// The file cannot be read, is no regular file, or its file system does not answer.
pub fn read_file(path: &Path) -> Result<Vec<u8>, SourceError> {
    let read = |path: &Path| {
        // A pipe has no end.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut text = Vec::new();
        file.take(LONGEST as u64 + 1).read_to_end(&mut text)?;
        Ok(text)
    };
    let failed = |source| SourceError::File { path: path.to_owned(), source };
    with_deadline(path, read).and_then(|read| read).map_err(failed)
}

/// Fetches a task file, and checks it: the page of a captive portal must not replace one.
fn fetch(url: &str) -> Result<Vec<u8>, SourceError> {
    let client = outbound::client(TIMEOUT, None);
    let fetched = client.and_then(|client| outbound::get(&client, url, LONGEST as u64 + 1));
    let text = fetched.map_err(|source| SourceError::Fetch { url: url.to_owned(), source })?;
    match read_plan([text.as_slice()]) {
        Ok(_) => Ok(text),
        Err((_, cause)) => Err(SourceError::Content { source_name: url.to_owned(), cause }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::time::SystemTime;

    use super::*;

    const TASK: &str = "[[task]]\nkind = \"quote\"\nsize = \"tiny\"\n";

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// Serves these answers, one a connection, and returns the address.
    fn serve(answers: Vec<String>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                let _ = stream.read(&mut request);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
                let _ = stream.write_all(format!("{head}{answer}").as_bytes());
            }
        });
        format!("http://{address}/tasks")
    }

    /// Refreshes at a time, and waits for the server that is asked.
    fn refresh(sources: &mut Sources, at: u64) -> Option<Refreshed> {
        loop {
            let refreshed = sources.refresh(seconds(at));
            let asks =
                sources.sources.iter().any(|source| matches!(source, Source::Address(Address { asking: Some(_), .. })));
            if !asks {
                return refreshed;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Returns the count of tasks of a changed plan and the problem.
    fn result(refreshed: Option<Refreshed>) -> (Option<usize>, Option<String>) {
        let refreshed = refreshed.unwrap();
        (refreshed.changed.map(|read| read.plan.tasks.len()), refreshed.problem.map(|error| error.to_string()))
    }

    fn set_age(sources: &Sources, age: Duration) {
        let Source::Address(address) = &sources.sources[0] else { panic!("{sources:?}") };
        let file = fs::File::options().write(true).open(&address.copy).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn changed_file_is_read_again_within_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("probe.toml");
        fs::write(&path, TASK).unwrap();
        let mut sources = Sources::new(vec![path.display().to_string()], folder.path());
        assert_eq!(result(sources.refresh(seconds(0))), (Some(1), None));
        fs::write(&path, TASK.repeat(2)).unwrap();
        assert!(sources.refresh(seconds(59)).is_none());
        assert_eq!(result(sources.refresh(seconds(60))), (Some(2), None));
        assert_eq!(result(sources.refresh(seconds(120))), (None, None));
        fs::write(&path, "hello").unwrap();
        let problem = format!("{}: line 1: not valid TOML: key with no value, expected `=`", path.display());
        assert_eq!(result(sources.refresh(seconds(180))), (None, Some(problem)));
        // The problem is over, although the plan is the one before.
        fs::write(&path, TASK.repeat(2)).unwrap();
        assert_eq!(result(sources.refresh(seconds(240))), (None, None));
    }

    #[test]
    fn other_than_a_regular_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), folder.path(), Path::new("/dev/zero")] {
            let error = read_file(path).unwrap_err().to_string();
            assert_eq!(error, format!("cannot read {}: not a regular file", path.display()));
        }
    }

    #[test]
    fn address_is_fetched_once_an_hour_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let url = serve(vec![TASK.to_owned(), "<html>log in</html>".to_owned(), TASK.to_owned(), TASK.repeat(2)]);
        let mut sources = Sources::new(vec![url.clone()], folder.path());
        assert_eq!(result(refresh(&mut sources, 0)), (Some(1), None));
        assert_eq!(result(refresh(&mut sources, 3599)), (None, None));
        let problem = Some(format!("{url}: the root element is html, not Schedule"));
        assert_eq!(result(refresh(&mut sources, 3660)), (None, problem.clone()));
        assert_eq!(result(refresh(&mut sources, 3720)), (None, problem));
        assert_eq!(result(refresh(&mut sources, 7260)), (None, None));
        assert_eq!(result(refresh(&mut sources, 10_860)), (Some(2), None));
    }

    #[test]
    fn all_processes_together_fetch_an_address_once_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let url = serve(vec![TASK.to_owned(), TASK.repeat(2)]);
        let sources = || Sources::new(vec![url.clone()], folder.path());
        assert_eq!(result(Some(sources().read_now())), (Some(1), None));
        assert_eq!(result(Some(sources().read_now())), (Some(1), None));
        let mut later = sources();
        set_age(&later, seconds(3000));
        assert_eq!(result(refresh(&mut later, 0)), (Some(1), None));
        assert_eq!(result(refresh(&mut later, 599)), (None, None));
        assert_eq!(result(refresh(&mut later, 601)), (Some(2), None));
    }

    #[test]
    fn daemon_without_network_starts_from_the_copy() {
        let folder = tempfile::tempdir().unwrap();
        let url = serve(vec![TASK.to_owned()]);
        let mut first = Sources::new(vec![url.clone()], folder.path());
        let _ = refresh(&mut first, 0);
        set_age(&first, seconds(4000));
        // The server has ended with its last answer.
        let mut second = Sources::new(vec![url.clone()], folder.path());
        let (tasks, problem) = result(refresh(&mut second, 0));
        assert!(tasks == Some(1) && problem.is_some_and(|problem| problem.contains("cannot fetch")));
        let mut other = Sources::new(vec![url.replace("/tasks", "-tasks")], folder.path());
        let problem = other.read_now().problem.unwrap();
        assert!(matches!(*problem, SourceError::Fetch { .. }));
    }
}
