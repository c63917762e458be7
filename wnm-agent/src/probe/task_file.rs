//! Task files: TOML, the XML of an earlier agent, and its lists of files.

mod list;
mod toml_text;
mod xml;

use std::time::Duration;

use wnm_core::probe::{ProbeKind, ProbePlan, ProbeTask, SizeClass, TaskCause, TaskProblem};

/// The longest task file, in bytes.
pub(super) const LONGEST: usize = 1024 * 1024;
/// The greatest count of tasks, and of files, of a plan.
const MOST: usize = 10_000;

/// A plan that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadPlan {
    /// The tasks that can run, and all files.
    pub plan: ProbePlan,
    /// The tasks and lines that were skipped.
    pub problems: Vec<FileProblem>,
}

/// A part of a task file that is skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    /// A task.
    #[error(transparent)]
    Task(#[from] TaskProblem),
    /// An entry of a list of files.
    #[error("{entry} is skipped: {cause}")]
    Entry {
        /// The entry, such as `line 3`.
        entry: String,
        /// The reason.
        cause: TaskCause,
    },
}

/// A file that is no task file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskFileError {
    /// The file is too long.
    #[error("longer than {} KiB", LONGEST / 1024)]
    TooLong,
    /// The file is no text.
    #[error("not UTF-8 text")]
    NotText,
    /// The file is empty.
    #[error("no task and no file in it")]
    Empty,
    /// The file is no TOML.
    #[error("line {line}: not valid TOML: {reason}")]
    Toml {
        /// The line, from 1 on.
        line: usize,
        /// The cause.
        reason: String,
    },
    /// The file is XML with a document type.
    #[error("line {line}: a document type is refused: it could define entities and read other files")]
    DocumentType {
        /// The line, from 1 on.
        line: usize,
    },
    /// The file is no XML.
    #[error("line {line}: not valid XML: {reason}")]
    Xml {
        /// The line, from 1 on.
        line: u32,
        /// The cause.
        reason: String,
    },
    /// The root of an XML file is another element.
    #[error("the root element is {0}, not Schedule")]
    OtherRoot(String),
    /// A key is unknown.
    #[error("unknown key {0:?}: the keys are task, file and seed")]
    UnknownKey(String),
    /// The plan is too large.
    #[error("more than {MOST} tasks or files")]
    TooMany,
}

/// Reads the texts of the sources of a plan together: task files in TOML or XML, and lists of files.
///
/// # Errors
/// A text has another format; the error has its position. A task or an entry with a wrong value is skipped alone.
pub fn read_plan<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Result<ReadPlan, (usize, TaskFileError)> {
    let mut read = ReadPlan::default();
    for (at, text) in texts.into_iter().enumerate() {
        read_one(text, &mut read).map_err(|error| (at, error))?;
        if read.plan.tasks.len().max(read.plan.files.len()).max(read.plan.seeds.len()) > MOST {
            return Err((at, TaskFileError::TooMany));
        }
    }
    let unusable = read.plan.drop_unusable();
    read.problems.extend(unusable.into_iter().map(FileProblem::Task));
    Ok(read)
}

fn read_one(text: &[u8], into: &mut ReadPlan) -> Result<(), TaskFileError> {
    if text.len() > LONGEST {
        return Err(TaskFileError::TooLong);
    }
    let text = std::str::from_utf8(text).map_err(|_| TaskFileError::NotText)?;
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    match first {
        None => Err(TaskFileError::Empty),
        Some(line) if line.starts_with('<') => xml::read(text, into),
        Some(line) if list::is_line(line) => {
            list::read(text, into);
            Ok(())
        }
        Some(_) => toml_text::read(text, into),
    }
}

/// A task whose values are read one by one.
struct TaskBuilder {
    kind: Option<ProbeKind>,
    size: Option<SizeClass>,
    task: ProbeTask,
}

impl TaskBuilder {
    fn new(name: String) -> Self {
        let task = ProbeTask::new(name, ProbeKind::Download, SizeClass::Tiny);
        Self { kind: None, size: None, task }
    }

    fn kind(&mut self, key: &'static str, word: &str) -> Result<(), TaskCause> {
        let kind = ProbeKind::from_word(word.trim());
        self.kind = Some(kind.ok_or_else(|| TaskCause::NotOneOf {
            key,
            value: quoted(word),
            allowed: ProbeKind::ALL.map(ProbeKind::word).join(", "),
        })?);
        Ok(())
    }

    fn size(&mut self, key: &'static str, word: &str) -> Result<(), TaskCause> {
        self.size = Some(size_class(key, word)?);
        Ok(())
    }

    fn finish(self) -> Result<ProbeTask, TaskCause> {
        let kind = self.kind.ok_or(TaskCause::Missing { key: "kind" })?;
        let size = self.size.ok_or(TaskCause::Missing { key: "size" })?;
        Ok(ProbeTask { kind, size, ..self.task })
    }
}

/// Returns a value for a message, which quotes no more of it.
fn quoted(text: &str) -> String {
    text.chars().take(80).collect()
}

fn size_class(key: &'static str, word: &str) -> Result<SizeClass, TaskCause> {
    SizeClass::from_word(word.trim()).ok_or_else(|| TaskCause::NotOneOf {
        key,
        value: quoted(word),
        allowed: SizeClass::ALL.map(SizeClass::word).join(", "),
    })
}

fn count(key: &'static str, text: &str) -> Result<u32, TaskCause> {
    text.trim().parse().map_err(|_| TaskCause::Form { key, value: quoted(text), form: "a whole number" })
}

/// Reads a time: a number of seconds, a time with units such as `5min`, or `HH:MM:SS`.
fn time(key: &'static str, text: &str) -> Result<Duration, TaskCause> {
    let wrong = || TaskCause::Form { key, value: quoted(text), form: "a time, such as 90, 90s, 5min or 01:00:00" };
    let text = text.trim();
    if text.contains(':') {
        let parts: Vec<u64> = text.split(':').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        return match *parts {
            [hours @ 0..=24, minutes @ 0..=59] => Ok(Duration::from_secs(hours * 3600 + minutes * 60)),
            [hours @ 0..=24, minutes @ 0..=59, seconds @ 0..=59] => {
                Ok(Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
            }
            _ => Err(wrong()),
        };
    }
    let named = seconds_named(text);
    let bare = wnm_core::Unit::Milliseconds.to_bare(&named).map_err(|_| wrong())?;
    bare.parse().map(Duration::from_millis).map_err(|_| wrong())
}

/// Returns a time with its unit: a bare number counts seconds.
fn seconds_named(text: &str) -> String {
    if text.parse::<f64>().is_ok() { format!("{text}s") } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
