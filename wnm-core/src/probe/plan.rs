//! The content of a task file: the tasks, and the files that they download, quote and upload.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::units::Bytes;

/// The operation of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// Fetch a known file, and check it.
    Download,
    /// Ask for the price of an upload, without a payment.
    Quote,
    /// Pay for a file, and store it for ever.
    Upload,
}

impl ProbeKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Download, Self::Quote, Self::Upload];

    /// Returns the word in files and output, such as `download`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Quote => "quote",
            Self::Upload => "upload",
        }
    }

    /// Returns the kind of this word, in any case.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for ProbeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The class of a file by its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SizeClass {
    /// Up to 4 MiB: the file fits into one chunk of the network.
    Tiny,
    /// Up to 10 MB.
    Small,
    /// Up to 100 MB.
    Medium,
    /// Up to 250 MB.
    Large,
    /// Up to 500 MB.
    Huge,
    /// Up to 5 GB.
    Giga,
    /// Up to 5 TB.
    Tera,
}

impl SizeClass {
    /// Every class, the smallest first.
    pub const ALL: [Self; 7] = [Self::Tiny, Self::Small, Self::Medium, Self::Large, Self::Huge, Self::Giga, Self::Tera];

    /// Returns the word in files and output, such as `tiny`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
            Self::Huge => "huge",
            Self::Giga => "giga",
            Self::Tera => "tera",
        }
    }

    /// Returns the class of this word, in any case. Earlier task files call files of one chunk `chunka` and `chunkb`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        if ["chunka", "chunkb"].iter().any(|old| old.eq_ignore_ascii_case(word)) {
            return Some(Self::Tiny);
        }
        Self::ALL.into_iter().find(|class| class.word().eq_ignore_ascii_case(word))
    }

    /// Returns the size of the largest file of the class.
    #[must_use]
    pub const fn most(self) -> Bytes {
        Bytes(match self {
            // `MAX_CHUNK_SIZE` of self_encryption, which both networks use.
            Self::Tiny => 4 * 1024 * 1024,
            Self::Small => 10_000_000,
            Self::Medium => 100_000_000,
            Self::Large => 250_000_000,
            Self::Huge => 500_000_000,
            Self::Giga => 5_000_000_000,
            Self::Tera => 5_000_000_000_000,
        })
    }

    /// Returns the size of the file that a quote or an upload makes when the plan has no seed of the class.
    #[must_use]
    pub const fn usual(self) -> Bytes {
        Bytes(match self {
            Self::Tiny => 1_000_000,
            Self::Giga => 1_000_000_000,
            Self::Tera => 1_000_000_000_000,
            Self::Small | Self::Medium | Self::Large | Self::Huge => self.most().0 / 2,
        })
    }
}

impl fmt::Display for SizeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A probe that is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProbeTask {
    /// The name, unique in its plan.
    pub name: String,
    /// The operation.
    pub kind: ProbeKind,
    /// The class of its files.
    pub size: SizeClass,
    /// The time from one start of the task to the next, 1 min to 1 day.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(rename = "every_seconds", serialize_with = "seconds")]
    pub every: Duration,
    /// The time of the start after the begin of each period, shorter than the period. Periods begin at midnight UTC.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(rename = "offset_seconds", serialize_with = "seconds")]
    pub offset: Duration,
    /// The count of runs at the same time, 1 to 10.
    pub workers: u32,
    /// The count of runs of each worker in a period, 1 to 360, with a pause of [`PAUSE`](Self::PAUSE) between them.
    pub repeat: u32,
    /// The time after which a run is ended, 1 s to 1 day.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(rename = "timeout_seconds", serialize_with = "seconds")]
    pub timeout: Duration,
    /// The count of further attempts of a run that failed, 0 to 10. Uploads are never repeated, because they cost money.
    pub retry: u32,
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

impl ProbeTask {
    /// The pause of a worker between two runs.
    pub const PAUSE: Duration = Duration::from_secs(10);
    /// The shortest period.
    pub const SHORTEST: Duration = Duration::from_secs(60);
    /// The longest period, and the longest timeout.
    pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    /// The greatest count of workers.
    pub const MOST_WORKERS: u32 = 10;
    /// The greatest count of runs of a worker in a period.
    pub const MOST_RUNS: u32 = 360;
    /// The greatest count of further attempts.
    pub const MOST_RETRIES: u32 = 10;

    /// Returns a task of one worker that runs once an hour, with a timeout of 10 min and without further attempts.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: ProbeKind, size: SizeClass) -> Self {
        Self {
            name: name.into(),
            kind,
            size,
            every: Duration::from_secs(60 * 60),
            offset: Duration::ZERO,
            workers: 1,
            repeat: 1,
            timeout: Duration::from_secs(10 * 60),
            retry: 0,
        }
    }

    /// Checks the ranges of the values.
    ///
    /// # Errors
    /// The first value that is out of its range.
    pub fn check(&self) -> Result<(), TaskCause> {
        let number = |key, value: u32, min, max| {
            if (min..=max).contains(&value) { Ok(()) } else { Err(TaskCause::OutOfRange { key, min, max }) }
        };
        let time = |key, value: Duration, min, max| {
            if (min..=max).contains(&value) { Ok(()) } else { Err(TaskCause::TimeOutOfRange { key, min, max }) }
        };
        number("workers", self.workers, 1, Self::MOST_WORKERS)?;
        number("repeat", self.repeat, 1, Self::MOST_RUNS)?;
        number("retry", self.retry, 0, Self::MOST_RETRIES)?;
        time("every", self.every, Self::SHORTEST, Self::LONGEST)?;
        time("offset", self.offset, Duration::ZERO, self.every - Duration::from_secs(1))?;
        time("timeout", self.timeout, Duration::from_secs(1), Self::LONGEST)?;
        check_name(&self.name)
    }
}

/// The maximum length of a name, in characters. It is a part of each result in the database.
const LONGEST_NAME: usize = 100;

/// Checks the name of a task or a file, which terminals and dashboards show.
///
/// # Errors
/// The name is empty, too long, or has control characters.
pub fn check_name(name: &str) -> Result<(), TaskCause> {
    if name.is_empty() {
        return Err(TaskCause::Missing { key: "name" });
    }
    if name.chars().count() > LONGEST_NAME || name.contains(char::is_control) {
        let value = name.chars().take(LONGEST_NAME).collect();
        return Err(TaskCause::Form { key: "name", value, form: "a name of at most 100 printable characters" });
    }
    Ok(())
}

/// A file on the network, for downloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KnownFile {
    /// The class of its size.
    pub size: SizeClass,
    /// A name for people.
    pub name: String,
    /// The address on the network, in hexadecimal digits.
    pub address: String,
    /// The MD5 digest of the content, in lower-case hexadecimal digits; None if it is not known.
    pub md5: Option<String>,
}

/// A file that is made from a seed, for quotes and uploads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeededFile {
    /// The class of its size.
    pub size: SizeClass,
    /// The seed of its content.
    pub seed: u64,
    /// The length of its content.
    pub bytes: Bytes,
    /// The MD5 digest of the content, in lower-case hexadecimal digits; None if it is not known.
    pub md5: Option<String>,
}

/// Tasks and their files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProbePlan {
    /// The tasks.
    pub tasks: Vec<ProbeTask>,
    /// The files that downloads choose from.
    pub files: Vec<KnownFile>,
    /// The files that quotes and uploads choose from.
    pub seeds: Vec<SeededFile>,
}

impl ProbePlan {
    /// Returns the files of a class that downloads choose from.
    pub fn files_of(&self, size: SizeClass) -> impl Iterator<Item = &KnownFile> {
        self.files.iter().filter(move |file| file.size == size)
    }

    /// Returns the seeds of a class that quotes and uploads choose from.
    pub fn seeds_of(&self, size: SizeClass) -> impl Iterator<Item = &SeededFile> {
        self.seeds.iter().filter(move |seed| seed.size == size)
    }

    /// Removes the tasks that cannot run, and returns why: values out of range, two tasks of one name, downloads without
    /// a file of their class.
    pub fn drop_unusable(&mut self) -> Vec<TaskProblem> {
        let mut problems = Vec::new();
        let mut kept: Vec<ProbeTask> = Vec::new();
        for task in std::mem::take(&mut self.tasks) {
            let has_files = task.kind != ProbeKind::Download || self.files_of(task.size).next().is_some();
            let checked = match task.check() {
                Ok(()) if kept.iter().any(|other| other.name == task.name) => Err(TaskCause::SecondOfName),
                Ok(()) if !has_files => Err(TaskCause::NoFile { size: task.size }),
                checked => checked,
            };
            match checked {
                Ok(()) => kept.push(task),
                Err(cause) => problems.push(TaskProblem::new(&task.name, cause)),
            }
        }
        self.tasks = kept;
        problems
    }
}

/// A task that is left out of its plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("task {task:?} is skipped: {cause}")]
pub struct TaskProblem {
    /// The name of the task, or its position.
    pub task: String,
    /// The reason.
    pub cause: TaskCause,
}

impl TaskProblem {
    /// Returns the problem of a task, whose name is shortened where it is too long.
    #[must_use]
    pub fn new(task: &str, cause: TaskCause) -> Self {
        Self { task: task.chars().take(LONGEST_NAME).collect(), cause }
    }
}

/// The reason why a task is skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskCause {
    /// A value is missing.
    #[error("{key} is missing")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A key is unknown.
    #[error("unknown key {key:?}")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// A word is none of the allowed ones.
    #[error("{key} = {value:?} is none of {allowed}")]
    NotOneOf {
        /// The key.
        key: &'static str,
        /// The word.
        value: String,
        /// The allowed words.
        allowed: String,
    },
    /// A value has the wrong form.
    #[error("{key} = {value:?} is not {form}")]
    Form {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// The form, as a noun phrase.
        form: &'static str,
    },
    /// A number is out of its range.
    #[error("{key} is not in the range {min} to {max}")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// The least value.
        min: u32,
        /// The greatest value.
        max: u32,
    },
    /// A time is out of its range.
    #[error("{key} is not in the range {}s to {}s", min.as_secs(), max.as_secs())]
    TimeOutOfRange {
        /// The key.
        key: &'static str,
        /// The least value.
        min: Duration,
        /// The greatest value.
        max: Duration,
    },
    /// Another task has the name.
    #[error("an earlier task has the same name")]
    SecondOfName,
    /// No file of the class is known.
    #[error("the plan has no file of size {size} to download")]
    NoFile {
        /// The class.
        size: SizeClass,
    },
}
