//! The sources of a plan: files and addresses, read at intervals, and checked before they replace the effective plan.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::outbound::{self, OutboundError};

use super::task_file::{LONGEST, ReadPlan, TaskFileError, read_plan};

/// The time between two fetches of an address.
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

/// The sources of a plan.
#[derive(Debug, Default)]
pub struct Sources {
    names: Vec<String>,
    /// The folder for copies of fetched files, from which a daemon without network starts.
    copies: PathBuf,
    /// The time of the last read and of the last fetch.
    read: Option<Duration>,
    fetched: Option<Duration>,
    /// The last texts of the addresses.
    texts: Vec<Option<Vec<u8>>>,
    last: Vec<Vec<u8>>,
}

/// Tells whether a source is an address.
fn is_address(name: &str) -> bool {
    name.starts_with("http://") || name.starts_with("https://")
}

impl Sources {
    /// Returns sources that are read at the next refresh. `copies` is a folder of wnm's own.
    #[must_use]
    pub fn new(names: Vec<String>, copies: PathBuf) -> Self {
        let texts = vec![None; names.len()];
        Self { names, copies, texts, ..Self::default() }
    }

    /// Returns the names of the sources.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads the sources that are due: files once a minute, addresses once an hour. Returns None when nothing has changed.
    ///
    /// # Errors
    /// A source cannot be read, or is no task file. A later call tries again.
    pub fn refresh(&mut self, elapsed: Duration) -> Result<Option<ReadPlan>, SourceError> {
        let is_due = |last: Option<Duration>, every| last.is_none_or(|last| elapsed.saturating_sub(last) >= every);
        if !is_due(self.read, READ) {
            return Ok(None);
        }
        self.read = Some(elapsed);
        let fetches = is_due(self.fetched, FETCH);
        let mut failure = None;
        if fetches && self.names.iter().any(|name| is_address(name)) {
            self.fetched = Some(elapsed);
            failure = self.fetch_all();
        }
        let mut texts = Vec::new();
        for (name, fetched) in self.names.iter().zip(&self.texts) {
            texts.push(match (is_address(name), fetched) {
                (true, Some(text)) => text.clone(),
                (true, None) => return Err(failure.unwrap_or_else(|| self.missing(name))),
                (false, _) => read_file(Path::new(name))?,
            });
        }
        let content = |(at, cause): (usize, TaskFileError)| SourceError::Content {
            source_name: self.names.get(at).cloned().unwrap_or_default(),
            cause,
        };
        let read = read_plan(texts.iter().map(Vec::as_slice)).map_err(content)?;
        let is_changed = texts != self.last;
        self.last = texts;
        match failure {
            Some(error) if !is_changed => Err(error),
            _ => Ok(is_changed.then_some(read)),
        }
    }

    /// Fetches all addresses. One that fails keeps its text, or gets that of its copy. Returns the first failure.
    fn fetch_all(&mut self) -> Option<SourceError> {
        let mut failure = None;
        for (name, text) in self.names.iter().zip(&mut self.texts) {
            if !is_address(name) {
                continue;
            }
            let copy = copy_of(&self.copies, name);
            // An answer that is no task file, such as the page of a captive portal, must not replace one that is.
            let checked = fetch(name).and_then(|fetched| match read_plan([fetched.as_slice()]) {
                Ok(_) => Ok(fetched),
                Err((_, cause)) => Err(SourceError::Content { source_name: name.clone(), cause }),
            });
            match checked {
                Ok(fetched) => {
                    if let Err(error) = store(&copy, &fetched) {
                        tracing::warn!(path = %copy.display(), %error, "cannot store a copy of the task file");
                    }
                    *text = Some(fetched);
                }
                Err(error) => {
                    if text.is_none() {
                        *text = read_file(&copy).ok();
                    }
                    failure.get_or_insert(error);
                }
            }
        }
        failure
    }

    fn missing(&self, name: &str) -> SourceError {
        let path = copy_of(&self.copies, name);
        SourceError::File { path, source: io::Error::from(io::ErrorKind::NotFound) }
    }
}

/// Returns the path of the copy of an address.
fn copy_of(copies: &Path, name: &str) -> PathBuf {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(100).collect();
    copies.join(format!("tasks-{plain}"))
}

fn store(path: &Path, text: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn read_file(path: &Path) -> Result<Vec<u8>, SourceError> {
    let failed = |source| SourceError::File { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("not a regular file")));
    }
    let mut text = Vec::new();
    file.take(LONGEST as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}

fn fetch(url: &str) -> Result<Vec<u8>, SourceError> {
    let client = outbound::client(TIMEOUT, None);
    let fetched = client.and_then(|client| outbound::get(&client, url, LONGEST as u64 + 1));
    fetched.map_err(|source| SourceError::Fetch { url: url.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;

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

    #[test]
    fn changed_file_is_read_again_within_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("probe.toml");
        fs::write(&path, TASK).unwrap();
        let mut sources = Sources::new(vec![path.display().to_string()], folder.path().to_owned());
        assert_eq!(sources.refresh(seconds(0)).unwrap().unwrap().plan.tasks.len(), 1);
        fs::write(&path, TASK.repeat(2)).unwrap();
        assert_eq!(sources.refresh(seconds(59)).unwrap(), None);
        assert_eq!(sources.refresh(seconds(60)).unwrap().unwrap().plan.tasks.len(), 2);
        assert_eq!(sources.refresh(seconds(120)).unwrap(), None);
        fs::write(&path, "hello").unwrap();
        let error = sources.refresh(seconds(180)).unwrap_err().to_string();
        assert_eq!(error, format!("{}: line 1: not valid TOML: key with no value, expected `=`", path.display()));
    }

    #[test]
    fn address_is_fetched_once_an_hour_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let url = serve(vec![TASK.to_owned(), "<html>log in</html>".to_owned(), TASK.repeat(2)]);
        let mut sources = Sources::new(vec![url.clone()], folder.path().to_owned());
        assert_eq!(sources.refresh(seconds(0)).unwrap().unwrap().plan.tasks.len(), 1);
        assert_eq!(sources.refresh(seconds(3599)).unwrap(), None);
        let error = sources.refresh(seconds(3660)).unwrap_err().to_string();
        assert_eq!(error, format!("{url}: the root element is html, not Schedule"));
        assert_eq!(sources.refresh(seconds(3720)).unwrap(), None);
        assert_eq!(sources.refresh(seconds(7260)).unwrap().unwrap().plan.tasks.len(), 2);
    }

    #[test]
    fn daemon_without_network_starts_from_the_copy() {
        let folder = tempfile::tempdir().unwrap();
        let url = serve(vec![TASK.to_owned()]);
        let mut first = Sources::new(vec![url.clone()], folder.path().to_owned());
        first.refresh(seconds(0)).unwrap();
        // The server has ended with its last answer.
        let mut second = Sources::new(vec![url.clone()], folder.path().to_owned());
        assert_eq!(second.refresh(seconds(0)).unwrap().unwrap().plan.tasks.len(), 1);
        let mut other = Sources::new(vec![format!("{url}/other")], folder.path().to_owned());
        assert!(matches!(other.refresh(seconds(0)), Err(SourceError::Fetch { .. })));
    }
}
