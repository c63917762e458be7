//! Everything that can go wrong between wnm and the host.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use wnm_core::{Bytes, Flavor, ManagerKind, NodeId};

/// Something the host did not do, or did otherwise than expected.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// Another program could not be started at all.
    #[error("expected to start `{command}`: {source}")]
    NotStarted {
        /// The program and its arguments.
        command: String,
        /// Why not.
        source: io::Error,
    },
    /// Another program did not end in time, and was killed with its whole process group.
    #[error("expected `{command}` to end within {} s, found it still running{}", .deadline.as_secs_f64(), printed_as_said(.printed))]
    Hung {
        /// The program and its arguments.
        command: String,
        /// How long it was given.
        deadline: Duration,
        /// What it had printed, both streams, cut to a readable length.
        printed: String,
    },
    /// Another program ended and said that it failed.
    #[error("expected `{command}` to succeed, found {ended}{}", printed_as_said(.printed))]
    ProgramFailed {
        /// The program and its arguments.
        command: String,
        /// How it ended, such as "exit code 1" or "signal 9".
        ended: String,
        /// What it printed, both streams, cut to a readable length.
        printed: String,
    },
    /// A storage folder cannot be used.
    #[error("expected to write to the storage folder {}: {source}", .path.display())]
    StorageUnusable {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The binary of a node is not there.
    #[error("expected a node program at {}, found nothing", .path.display())]
    BinaryMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The binary of a node may not be executed.
    #[error("expected {} to be an executable file, found one that may not be executed", .path.display())]
    BinaryNotExecutable {
        /// Where it is.
        path: PathBuf,
    },
    /// The binary is no node program: its version text is not one.
    #[error("expected {} to be {}, found a program whose --version prints {printed:?}", .path.display(), .flavor.program())]
    BinaryUnrecognized {
        /// Where it is.
        path: PathBuf,
        /// The program that was expected.
        flavor: Flavor,
        /// What it printed, cut to a readable length.
        printed: String,
    },
    /// The binary is made for another kind of machine.
    #[error("expected {} to be a program for this machine, found one the kernel cannot execute", .path.display())]
    BinaryOtherMachine {
        /// Where it is.
        path: PathBuf,
    },
    /// The binary of a node did not tell its version in time, several times.
    #[error("expected {} to print its version, found that it hangs", .path.display())]
    BinaryHangs {
        /// Where it is.
        path: PathBuf,
    },
    /// The host's clocks or the name of its run could not be read.
    #[error("expected to read the host's clock: {source}")]
    Clock {
        /// Why not.
        source: io::Error,
    },
    /// A file or folder could not be read or changed.
    #[error("expected to {verb} {}: {source}", .path.display())]
    File {
        /// What was to be done, such as "write".
        verb: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A folder is not one that this node may use, or that may be deleted.
    #[error("expected {} to be the folder of this node, found {found}", .path.display())]
    Refused {
        /// The folder.
        path: PathBuf,
        /// What speaks against it.
        found: String,
    },
    /// A path holds bytes that are no text, or control characters, and cannot be written down in a file of lines.
    #[error("expected {} to be a path of printable text, found other bytes in it", .path.display())]
    NotText {
        /// The path.
        path: PathBuf,
    },
    /// The volume is too full.
    #[error("expected {needed} free at {}, found {available}", .path.display())]
    NoHeadroom {
        /// A folder on the volume.
        path: PathBuf,
        /// What is needed.
        needed: Bytes,
        /// What there is.
        available: Bytes,
    },
    /// A program is not the one that was put there.
    #[error("expected {} to be the program with SHA-256 {expected}, found {found}", .path.display())]
    ProgramChanged {
        /// The program.
        path: PathBuf,
        /// What was put there.
        expected: String,
        /// What is there: a digest, or "nothing".
        found: String,
    },
    /// The process of a node could not be started.
    #[error("expected to start {} for node {node}: {source}", .binary.display())]
    StartFailed {
        /// The node.
        node: NodeId,
        /// Its program.
        binary: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A process holds a node's lock, and so the node cannot be started.
    #[error("expected the lock of node {node} to be free, found it held by a process")]
    StillRuns {
        /// The node.
        node: NodeId,
    },
    /// The process of a node could not be signalled.
    #[error("expected to signal process {pid} of node {node}: {source}")]
    SignalFailed {
        /// The node.
        node: NodeId,
        /// Its process.
        pid: u32,
        /// Why not.
        source: io::Error,
    },
    /// The image that a node's container is made from is not on this host.
    #[error("expected the image {image} for node {node}, found none: `{command}` fetches it")]
    ImageMissing {
        /// The node.
        node: NodeId,
        /// The image.
        image: String,
        /// What makes it.
        command: String,
    },
    /// What a node would be called in its process manager is taken by something else.
    #[error("expected {what} to be free for node {node}, found it taken by {by}")]
    Taken {
        /// The node.
        node: NodeId,
        /// Which name.
        what: String,
        /// Whose it is.
        by: String,
    },
    /// The host's service manager is another one.
    #[error("expected systemd to be the service manager of this host, which {manager} needs, found that it is not")]
    NoSystemd {
        /// The process manager.
        manager: ManagerKind,
    },
    /// The user has no services of their own running.
    #[error(
        "expected a systemd of user {user}, found none: `loginctl enable-linger` starts one that stays, and \
         XDG_RUNTIME_DIR=/run/user/{user} names it"
    )]
    NoUserSession {
        /// The number of the user.
        user: u32,
    },
    /// `sudo` would ask for a password, and nobody is there to answer.
    #[error("expected sudo to allow `{command}` without a password, found that it asks for one")]
    SudoAsks {
        /// What was to be done as root.
        command: String,
    },
    /// Another program was not even asked, because it hung just before.
    #[error("expected to run `{command}`, found that it hung {ago} s ago: {before}")]
    NotAsked {
        /// The program and its arguments.
        command: String,
        /// Seconds since then.
        ago: u64,
        /// What was said then.
        before: String,
    },
    /// What the official manager of `antnode` remembers is not what it was asked for.
    #[error("expected node {node} in {}, found {found}", .path.display())]
    Registry {
        /// The node.
        node: NodeId,
        /// The registry.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// The processor time of all nodes together cannot be capped.
    #[error("expected a control group that holds all nodes, found that {found}")]
    NoCpuLimit {
        /// What is in the way.
        found: String,
    },
    /// The process manager needs the rights of root.
    #[error("expected to run as root, which {manager} needs, found another user")]
    NeedsRoot {
        /// The process manager.
        manager: ManagerKind,
    },
}

/// Returns the end of a message about a program: what it printed, when it printed anything.
fn printed_as_said(printed: &str) -> String {
    if printed.is_empty() { String::new() } else { format!("; it printed: {printed}") }
}
