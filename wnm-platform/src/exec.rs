//! The single way to run other programs: argument vectors, a deadline, an own process group, bounded output.

mod cooldown;
pub(crate) mod message;
mod owner;
mod run;
mod search;

use std::ffi::OsString;
use std::fmt;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wnm_core::secret::masked_words;

use crate::error::PlatformError;
use cooldown::Cooldowns;
pub(crate) use cooldown::PATIENCE;
pub use owner::{check_owner, check_owner_as_root};
pub use search::is_in_path;
pub(crate) use search::path as search_path;

/// The default deadline.
const DEADLINE: Duration = Duration::from_secs(30);
/// The default limit for each stream, in bytes.
const OUTPUT_LIMIT: usize = 1024 * 1024;
/// The length of a command in an error message, in characters: one call may name hundreds of nodes.
const SUMMARY: usize = 120;

/// One call of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The program: a path, or a name to find in `PATH`.
    pub program: OsString,
    /// Its arguments, passed without a shell.
    pub arguments: Vec<OsString>,
    /// Its environment.
    pub environment: Environment,
    /// The time after which it is killed with its process group.
    pub deadline: Duration,
    /// The number of bytes of each stream after which it is killed with its process group.
    pub output_limit: usize,
}

/// The environment of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Environment {
    /// The environment of wnm with these changes.
    Inherited(Vec<(String, String)>),
    /// Only these variables.
    Only(Vec<(String, String)>),
}

impl Call {
    /// Returns a call without arguments, with the inherited environment and the usual limits.
    #[must_use]
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Environment::Inherited(Vec::new()),
            deadline: DEADLINE,
            output_limit: OUTPUT_LIMIT,
        }
    }

    /// Returns the call with one more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Returns the call with more arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Returns the call with another deadline.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Returns the call with these variables as its whole environment.
    #[must_use]
    pub fn only_environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment = Environment::Only(variables.into_iter().collect());
        self
    }

    /// Returns the command for a message: without the template after `--format`, without the values of the variables
    /// that it passes to a node, with other secrets as `***`, and shortened.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut arguments = Vec::with_capacity(self.arguments.len());
        let mut words = self.arguments.iter();
        while let Some(word) = words.next() {
            let text = word.to_string_lossy();
            if word == "--format" {
                words.next();
            } else if word == "--env" {
                arguments.push("--env=***".into());
                words.next();
            } else if let Some((name, _)) = text.strip_prefix("--env=").and_then(|pair| pair.split_once('=')) {
                arguments.push(format!("--env={name}=***"));
            } else {
                arguments.push(text.into_owned());
            }
        }
        let arguments = masked_words(&arguments).into_iter().map(OsString::from).collect();
        let text = Self { arguments, ..self.clone() }.to_string();
        match text.char_indices().nth(SUMMARY) {
            Some((end, _)) => format!("{} …", &text[..end]),
            None => text,
        }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let variables = match &self.environment {
            Environment::Inherited(variables) => {
                command.envs(search::path().map(|path| ("PATH", path)));
                // Answers are read, and programs that are translated prefer LANGUAGE.
                command.envs([("LC_ALL", "C.UTF-8"), ("LANGUAGE", "")]);
                variables
            }
            Environment::Only(variables) => {
                command.env_clear();
                variables
            }
        };
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl fmt::Display for Call {
    /// Writes the words separated by blanks, and those with unusual characters in quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        for (i, word) in std::iter::once(&self.program).chain(&self.arguments).enumerate() {
            let space = if i == 0 { "" } else { " " };
            match word.to_str().filter(|text| is_plain(text)) {
                Some(text) => write!(f, "{space}{text}")?,
                None => write!(f, "{space}{word:?}")?,
            }
        }
        Ok(())
    }
}

/// The exit status and the output of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// The exit code; None after a signal.
    pub code: Option<i32>,
    /// The signal that ended it; None after an exit.
    pub signal: Option<i32>,
    /// Standard output, up to the limit of the call.
    pub stdout: Vec<u8>,
    /// Standard error, up to the limit of the call.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Returns the output of a program that succeeds and prints this.
    #[must_use]
    pub fn success(stdout: impl Into<Vec<u8>>) -> Self {
        Self { code: Some(0), stdout: stdout.into(), ..Self::default() }
    }

    /// Returns the output of a program that fails with this code and message.
    #[must_use]
    pub fn failure(code: i32, stderr: impl Into<Vec<u8>>) -> Self {
        Self { code: Some(code), stderr: stderr.into(), ..Self::default() }
    }

    /// Tells whether the program exited with code 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// Returns standard output as text. Invalid UTF-8 becomes replacement characters.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Returns the exit status as text: "exit code 1", "signal 9".
    #[must_use]
    pub fn ended(&self) -> String {
        match (self.code, self.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "an unknown end".to_owned(),
        }
    }

    /// Returns the first meaningful line for an error message: of standard error, else of standard output.
    #[must_use]
    pub fn message(&self) -> String {
        let both = format!("{}\n{}", String::from_utf8_lossy(&self.stderr), String::from_utf8_lossy(&self.stdout));
        message::first_meaningful_line(&both)
    }

    /// Tells whether standard error contains a text, in any case. For programs whose exit code does not tell the cause.
    pub(crate) fn error_contains(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.stderr).to_lowercase().contains(&text.to_lowercase())
    }

    /// Returns the error for a command that failed under `sudo -n`. Where `sudo` refused, its exit code is 1 as that of many
    /// programs, and only its words tell.
    pub(crate) fn sudo_failure(&self, command: String) -> PlatformError {
        let said = String::from_utf8_lossy(&self.stderr);
        let of_sudo = |line: &&str| {
            line.starts_with("sudo: ")
                || [" the sudoers file", " is not allowed to execute "].iter().any(|words| line.contains(words))
        };
        let Some(line) = said.lines().map(str::trim).find(of_sudo).filter(|_| self.code == Some(1)) else {
            return self.failure_of(command);
        };
        let reason = line.trim_start_matches("sudo: ").trim_end_matches('.');
        let asks = ["password", "authentication is required", "terminal is required"];
        if asks.iter().any(|words| reason.contains(words)) {
            PlatformError::SudoAsks { command }
        } else {
            PlatformError::SudoRefuses { command, reason: reason.to_owned() }
        }
    }

    /// Returns the error for a call that ended like this.
    pub(crate) fn failure_of(&self, command: String) -> PlatformError {
        PlatformError::ProgramFailed { command, ended: self.ended(), printed: self.message() }
    }
}

/// The cooldowns of the host's tools, which all callers in this process share.
static OF_HOST: Cooldowns = Cooldowns::new();

/// A function that replaces the programs of the host.
type Answer = dyn Fn(&Call) -> Result<Output, PlatformError> + Send + Sync;

/// The runner of other programs: the host, or a script in tests. A tool that hangs or floods is not called again for a
/// minute, by any caller.
#[derive(Clone)]
pub struct Exec(Runner);

#[derive(Clone)]
enum Runner {
    Real,
    Scripted(Arc<Answer>, Arc<Cooldowns>),
}

impl Exec {
    /// Returns the runner of the host's programs.
    #[must_use]
    pub fn real() -> Self {
        Self(Runner::Real)
    }

    /// Returns a runner that calls `answer` instead of starting programs.
    #[must_use]
    pub fn scripted(answer: impl Fn(&Call) -> Result<Output, PlatformError> + Send + Sync + 'static) -> Self {
        Self(Runner::Scripted(Arc::new(answer), Arc::default()))
    }

    /// Runs a program and returns its output, success or not.
    ///
    /// # Errors
    /// The program cannot be started, root runs it and another user can replace it, or it exceeds its deadline or its output limit and is killed with its process group, or
    /// is a tool that did so less than a minute before.
    pub fn run(&self, call: &Call) -> Result<Output, PlatformError> {
        match &self.0 {
            Runner::Real => {
                // Names are found in the folders of `search` only.
                if Path::new(&call.program).is_absolute() {
                    check_owner_as_root(Path::new(&call.program))?;
                }
                OF_HOST.around(call, logged)
            }
            Runner::Scripted(answer, cooldowns) => cooldowns.around(call, |call| answer(call)),
        }
    }

    /// Runs a program; another exit code than 0 is an error.
    ///
    /// # Errors
    /// As [`run`](Self::run), or the program fails.
    pub fn succeed(&self, call: &Call) -> Result<Output, PlatformError> {
        let output = self.run(call)?;
        if output.is_success() {
            return Ok(output);
        }
        Err(output.failure_of(call.summary()))
    }
}

/// Runs a program of the host, and logs its end at the level of `wnm -v`.
fn logged(call: &Call) -> Result<Output, PlatformError> {
    let begun = Instant::now();
    let result = run::run(call);
    // As 128 bits it would be a text in a log of JSON lines.
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).ok();
    let ended = result.as_ref().map_or_else(ToString::to_string, Output::ended);
    tracing::debug!(command = %call.summary(), milliseconds, "{ended}");
    result
}

impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Runner::Real => "Exec::Real",
            Runner::Scripted(..) => "Exec::Scripted",
        })
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tool_faults;
