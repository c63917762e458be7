//! A fake node, for demos and tests without the real programs.
//!
//! The fake node behaves on the outside like `antnode` 0.4 or `ant-node` 0.23: the same arguments, exit codes, files,
//! ports, signals, version text and metrics text. It never talks to a network.
//!
//! An executable that links this module is copied by [`make`] to where a node program would stand, with a [`Script`]
//! written behind its last byte. Started there, it finds that script and plays it:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use wnm_platform::fake_node;
//!
//! fn main() -> ExitCode {
//!     if fake_node::is_called().is_some() {
//!         return fake_node::main();
//!     }
//!     // … what this executable does under its own name
//!     ExitCode::SUCCESS
//! }
//! ```

mod ant_node;
mod antnode;
mod arguments;
mod behaviour;
mod clock;
mod identity;
mod pages;
mod server;
mod trailer;

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fmt, fs, io};

use serde::{Deserialize, Serialize};

use arguments::{Grammar, Refusal, Stop};
pub use behaviour::{BURN, Behaviour};
pub use trailer::make;

/// A node program that the fake node imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// `antnode` 0.4: a metrics server, the payment network as a subcommand, ends by SIGTERM itself.
    Antnode,
    /// `ant-node` 0.23: no metrics server, a second UDP port, exits 0 on SIGTERM.
    AntNode,
}

impl Program {
    /// Returns the file name of the program's executable.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Program::Antnode => "antnode",
            Program::AntNode => "ant-node",
        }
    }

    /// Returns the default version of a script.
    #[must_use]
    pub fn default_version(self) -> &'static str {
        match self {
            Program::Antnode => "0.4.17",
            Program::AntNode => "0.23.1",
        }
    }

    fn named(name: &OsStr) -> Option<Self> {
        [Program::Antnode, Program::AntNode].into_iter().find(|program| name == program.file_name())
    }
}

/// The script of a fake node, which [`make`] appends to its executable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// The imitated program.
    pub program: Program,
    /// The version it claims, without a leading `v`: `0.4.17`, `0.4.10-rc.1`. Two versions differ in the
    /// executable's bytes too.
    pub version: String,
    /// The behaviour as a node. `--version` and `--help` do not depend on it.
    pub behaviour: Behaviour,
}

impl Script {
    /// Returns the script of a node that does nothing unusual, in the program's default version.
    #[must_use]
    pub fn of(program: Program) -> Self {
        Self { program, version: program.default_version().to_owned(), behaviour: Behaviour::Normal }
    }
}

impl Default for Script {
    /// Returns the script of an ordinary `antnode` 0.4.17.
    fn default() -> Self {
        Self::of(Program::Antnode)
    }
}

/// Returns the program this process was started to play: its executable carries a script, or the file name of its
/// `argv[0]` is `antnode` or `ant-node`; None when it was started as itself.
#[must_use]
pub fn is_called() -> Option<Program> {
    trailer::own().map(|script| script.program).or_else(called_as)
}

/// Plays the node that the own executable's script describes, until that node ends; returns its exit code.
///
/// Without a script it plays an ordinary node of the program that `argv[0]` names, else an ordinary `antnode`.
#[must_use]
pub fn main() -> ExitCode {
    let script = trailer::own().unwrap_or_else(|| Script::of(called_as().unwrap_or(Program::Antnode)));
    let arguments = env::args_os().skip(1).collect::<Vec<_>>();
    match script.program {
        Program::Antnode => antnode::play(&script, arguments),
        Program::AntNode => ant_node::play(&script, arguments),
    }
}

fn called_as() -> Option<Program> {
    Program::named(Path::new(&env::args_os().next()?).file_name()?)
}

/// Returns where the path of the running executable can be found again after a restart: as it was started, else
/// where it stands.
fn own_path() -> Option<PathBuf> {
    let started = env::args_os().next().map(PathBuf::from).filter(|path| path.exists());
    started.or_else(|| env::current_exe().ok())
}

/// Starts the executable again as a new process, as both programs do after an upgrade. A failure only prints a message.
fn restart(arguments: Vec<OsString>) {
    let Some(path) = own_path() else { return complain("Failed to execute restart: no executable") };
    match std::process::Command::new(path).args(arguments).spawn() {
        Ok(_child) => say("A new node process has been started successfully."),
        Err(error) => complain(format_args!("Failed to execute restart: {error}")),
    }
}

/// Prints a line on standard output. A closed pipe is ignored, as the real programs do.
fn say(line: impl fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a line on standard error, under the same terms as [`say`].
fn complain(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints the text that a command line requests, and succeeds.
fn print(text: impl fmt::Display) -> ExitCode {
    say(text);
    ExitCode::SUCCESS
}

/// Handles a command line that starts no node.
fn refuse(grammar: &Grammar, refusal: Refusal, version: &str) -> ExitCode {
    match refusal {
        Refusal::Stop(Stop::Help) => print(grammar.help()),
        Refusal::Stop(Stop::Version) => print(version),
        Refusal::Usage(message) => {
            complain(grammar.message(&message));
            ExitCode::from(2)
        }
    }
}

/// Appends a line to a log file. A failure is ignored.
fn append(path: &Path, line: &str) {
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    let _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
}

/// Returns the platform's folder for the data of a user's programs.
fn data_folder() -> io::Result<PathBuf> {
    let home = || env::var_os("HOME").map(PathBuf::from);
    let folder = if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(|| Some(home()?.join(".local/share")))
    };
    folder.ok_or_else(|| io::Error::other("could not obtain data dir"))
}
