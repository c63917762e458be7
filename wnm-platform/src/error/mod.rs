//! Errors between wnm and the host, each with its cause and, where one exists, a hint.

pub(crate) mod hint;
mod kind;
mod reason;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use wnm_core::steps::StepError;
use wnm_core::{Bytes, FirewallKind, Flavor, ManagerKind, NodeId, UnfitText, VolumeFault};

pub use reason::{AntctlLimit, EngineProblem, FileOperation, NameHolder, ParsedFile, Refusal, RegistryProblem};

use crate::cpu_limit::NoCpuLimit;
use reason::{cause, suffix};
pub(crate) use reason::{json_fault, not_serialized};

/// An operation that the host refused or did not complete.
///
/// The text names the operation, then the cause; [`hint`](Self::hint) gives the fix.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// Another program could not be started.
    #[error("cannot run `{command}`: {}", cause(.source))]
    NotStarted {
        /// The program and its arguments, shortened.
        command: String,
        /// The error of the system call.
        source: io::Error,
    },
    /// Another program exceeded its deadline and was killed together with its process group.
    #[error("`{command}` did not exit within {} s and was killed{}", .deadline.as_secs_f64(), suffix(.printed))]
    Hung {
        /// The program and its arguments, shortened.
        command: String,
        /// The deadline.
        deadline: Duration,
        /// The first meaningful line of its output; empty when there was none.
        printed: String,
    },
    /// Another program printed more than its limit and was killed together with its process group.
    #[error("`{command}` printed more than {limit} and was killed")]
    Flooded {
        /// The program and its arguments, shortened.
        command: String,
        /// The limit for each stream.
        limit: Bytes,
    },
    /// Another program exited with an error.
    #[error("`{command}` failed with {ended}{}", suffix(.printed))]
    ProgramFailed {
        /// The program and its arguments, shortened.
        command: String,
        /// The exit code or the signal: "exit code 1", "signal 9".
        ended: String,
        /// The first meaningful line of its output; empty when there was none.
        printed: String,
    },
    /// A command was skipped because the same tool exceeded its deadline or its output limit shortly before.
    #[error("skipped `{command}`: {before}, {ago} s ago")]
    NotAsked {
        /// The program and its arguments, shortened.
        command: String,
        /// Seconds since that failure.
        ago: u64,
        /// The error of that failure.
        before: String,
    },
    /// A command needs root, and `sudo` needs a password.
    #[error("cannot run `{command}` as root: sudo asks for a password")]
    SudoAsks {
        /// The command without `sudo`.
        command: String,
    },
    /// Another process copies the folder of the node.
    #[error("another wnm copies the folder")]
    CopyBusy,
    /// A copy is not equal to its source, although the node does not run.
    #[error("the copy of {} differs from it: the drive or another program changed one of them", .path.display())]
    CopyDiffers {
        /// The first entry that differs.
        path: PathBuf,
    },
    /// A command needs root, and `sudo` refuses for another reason than a password.
    #[error("cannot run `{command}` as root: sudo refuses ({reason})")]
    SudoRefuses {
        /// The command without `sudo`.
        command: String,
        /// The reason in the words of `sudo`.
        reason: String,
    },
    /// A storage folder cannot be created or written to.
    #[error("cannot write to storage folder {}: {}", .path.display(), cause(.source))]
    StorageUnusable {
        /// The folder.
        path: PathBuf,
        /// The error of the system call.
        source: io::Error,
    },
    /// The volume of a storage folder runs no programs.
    #[error("cannot run programs in storage folder {}: {}", .path.display(), cause(.source))]
    NoExecution {
        /// The folder.
        path: PathBuf,
        /// The error of the system call.
        source: io::Error,
    },
    /// The volume of a storage folder has a fault.
    #[error("the volume of {} {}", .path.display(), .fault.sentence())]
    Volume {
        /// The storage folder.
        path: PathBuf,
        /// The fault.
        fault: VolumeFault,
    },
    /// A folder is no place for the folders of nodes.
    #[error("cannot use storage folder {}: {reason}", .path.display())]
    StorageRefused {
        /// The folder.
        path: PathBuf,
        /// The condition that the folder violates.
        reason: Refusal,
    },
    /// The node program does not exist.
    #[error("no node program at {}", .path.display())]
    BinaryMissing {
        /// The configured path.
        path: PathBuf,
    },
    /// The node program is not an executable file, or wnm may not execute it.
    #[error("cannot execute {}: not an executable file", .path.display())]
    BinaryNotExecutable {
        /// The configured path.
        path: PathBuf,
    },
    /// The version output of a program is not that of its flavor.
    #[error("{} is not {}: --version prints {printed:?}", .path.display(), .flavor.program())]
    BinaryUnrecognized {
        /// The configured path.
        path: PathBuf,
        /// The configured flavor.
        flavor: Flavor,
        /// The first meaningful line of the version output.
        printed: String,
    },
    /// Another user can replace a program that wnm would run or install.
    #[error("cannot use {}: another user can write {} (its owner is user {owner})", .path.display(), .at.display())]
    BinaryUntrusted {
        /// The configured path.
        path: PathBuf,
        /// The file or its folder.
        at: PathBuf,
        /// The ID of its owner.
        owner: u32,
    },
    /// The program is built for another processor, or its loader is missing.
    #[error("cannot execute {}: built for another kind of machine", .path.display())]
    BinaryOtherMachine {
        /// The configured path.
        path: PathBuf,
    },
    /// The program exceeded the deadline for `--version` too often.
    #[error("cannot read the version of {}: --version does not exit", .path.display())]
    BinaryHangs {
        /// The configured path.
        path: PathBuf,
    },
    /// The program exits with an error for `--version` beside the arguments of a node.
    #[error("{} refuses the arguments of new nodes: {printed}", .path.display())]
    ArgumentsRefused {
        /// The configured path.
        path: PathBuf,
        /// The first meaningful line of its output, or the way in which it ended.
        printed: String,
    },
    /// The configured firewall is not installed.
    #[error("the firewall of the settings is {kind}, and {kind} is not installed")]
    NoFirewall {
        /// The configured firewall.
        kind: FirewallKind,
    },
    /// The clock or the boot ID of the host is not readable.
    #[error("cannot read the boot ID of this host: {}", cause(.source))]
    Clock {
        /// The error of the system call.
        source: io::Error,
    },
    /// An operation on a file or folder failed.
    #[error("cannot {operation} {}: {}", .path.display(), cause(.source))]
    File {
        /// The operation.
        operation: FileOperation,
        /// The file or folder.
        path: PathBuf,
        /// The error of the system call.
        source: io::Error,
    },
    /// A file that another program or an earlier run wrote has unknown content.
    #[error("cannot parse {file} {}: {reason}", .path.display())]
    Unparsable {
        /// The kind of file.
        file: ParsedFile,
        /// The file.
        path: PathBuf,
        /// The fault, with line and column.
        reason: String,
    },
    /// A folder does not belong to this node, or may not be deleted.
    #[error("cannot use folder {} for this node: {reason}", .path.display())]
    Refused {
        /// The folder.
        path: PathBuf,
        /// The condition that the folder violates.
        reason: Refusal,
    },
    /// A name, path, argument or variable of a node cannot be given to its process manager unchanged.
    #[error("{} cannot be started: {text}", .node.name())]
    UnfitText {
        /// The node.
        node: NodeId,
        /// The text.
        text: UnfitText,
    },
    /// A path is not UTF-8, or contains characters that the reader of a text file takes for others: control characters, and
    /// backslashes in a crontab.
    #[error("cannot write path {} into a text file: it is not UTF-8, or contains special characters", .path.display())]
    NotText {
        /// The path.
        path: PathBuf,
    },
    /// The volume has too little free space.
    #[error("not enough disk space at {}: {needed} needed, {available} free", .path.display())]
    NoHeadroom {
        /// A folder on the volume.
        path: PathBuf,
        /// The bytes needed, including the reserve.
        needed: Bytes,
        /// The bytes available to this user.
        available: Bytes,
    },
    /// The volume has too few free inodes.
    #[error("not enough inodes on the volume of {}: {needed} needed, {available} free", .path.display())]
    NoInodes {
        /// A folder on the volume.
        path: PathBuf,
        /// The inodes needed.
        needed: u64,
        /// The inodes available to this user.
        available: u64,
    },
    /// No program can run from the volume.
    #[error("cannot run programs from {}: its volume is mounted with the option noexec", .path.display())]
    NoExec {
        /// A folder on the volume.
        path: PathBuf,
    },
    /// A program on disk is not the one that the journal names.
    #[error("program {} has changed: SHA-256 is {}, journal says {}", .path.display(),
        .found.as_deref().unwrap_or("missing"), .expected.as_deref().unwrap_or("missing"))]
    ProgramChanged {
        /// The program.
        path: PathBuf,
        /// The SHA-256 in the journal; None when it says that no program was there.
        expected: Option<String>,
        /// The SHA-256 on disk; None when the file is missing.
        found: Option<String>,
    },
    /// The process of a node could not be started.
    #[error("cannot start {} for node {node}: {}", .binary.display(), cause(.source))]
    StartFailed {
        /// The node.
        node: NodeId,
        /// The program of the node.
        binary: PathBuf,
        /// The error of the system call.
        source: io::Error,
    },
    /// A process holds the lock file of a node that wnm believed to be stopped.
    #[error("cannot start node {node}: another process holds its lock file")]
    StillRuns {
        /// The node.
        node: NodeId,
    },
    /// A process uses the folder of a node that is about to start.
    #[error("cannot start node {node}: process {pid} ({program}) uses its folder {}", .path.display())]
    FolderInUse {
        /// The node.
        node: NodeId,
        /// The folder of the node.
        path: PathBuf,
        /// The process.
        pid: u32,
        /// The executable of the process, or "unknown program".
        program: String,
    },
    /// A process holds a port of a node that is about to start.
    #[error("cannot start node {node}: {port} is in use by {holder}")]
    PortInUse {
        /// The node.
        node: NodeId,
        /// The port: "UDP port 55001".
        port: String,
        /// The process: "process 4711 (/usr/bin/x)", or "another process".
        holder: String,
    },
    /// A service that wnm does not manage would start the same node.
    #[error("cannot start node {node}: {holder} also starts it")]
    OtherService {
        /// The node.
        node: NodeId,
        /// The service: "unit /etc/systemd/system/x.service".
        holder: String,
    },
    /// The process of a node exited before it was up.
    #[error("node {node} exited within {} s after start: {}", .within.as_secs_f64().ceil(),
        .message.as_deref().unwrap_or("no output"))]
    ExitedAtStart {
        /// The node.
        node: NodeId,
        /// The time between the start and the observation of the exit.
        within: Duration,
        /// The first meaningful line of its logs; None when they are empty.
        message: Option<String>,
    },
    /// The journal names a node that the database does not contain.
    #[error("cannot find node {node} in the database")]
    UnknownNode {
        /// The node.
        node: NodeId,
    },
    /// The journal contains no program that was staged for an upgrade.
    #[error("cannot exchange the program of node {node}: the journal names no staged program")]
    NothingStaged {
        /// The node.
        node: NodeId,
    },
    /// The process of a node could not be signalled.
    #[error("cannot signal process {pid} of node {node}: {}", cause(.source))]
    SignalFailed {
        /// The node.
        node: NodeId,
        /// The process.
        pid: u32,
        /// The error of the system call.
        source: io::Error,
    },
    /// The priority of a node's process cannot be lowered.
    #[error("cannot lower the priority of node {node} (process {pid}): {source}")]
    PriorityFailed {
        /// The node.
        node: NodeId,
        /// The process.
        pid: u32,
        /// The error of the system call or of the program.
        source: io::Error,
    },
    /// The container image of a node is not on this host.
    #[error("cannot create the container of node {node}: image {image} is not on this host")]
    ImageMissing {
        /// The node.
        node: NodeId,
        /// The image.
        image: String,
        /// The command that fetches it.
        command: String,
    },
    /// The container image of new nodes is not on this host.
    #[error("image {image} is not on this host")]
    ImageAbsent {
        /// The image.
        image: String,
        /// The command that fetches it.
        command: String,
    },
    /// The engine of containers cannot be asked.
    #[error("{problem} (`{command}`)")]
    Engine {
        /// The command, shortened.
        command: String,
        /// The cause.
        problem: EngineProblem,
    },
    /// The name of a node in its process manager is taken.
    #[error("cannot define node {node}: {name} is taken by {holder}")]
    Taken {
        /// The node.
        node: NodeId,
        /// The name: "unit /etc/systemd/system/antnode0001.service", "number 1".
        name: String,
        /// The holder of the name.
        holder: NameHolder,
    },
    /// The host does not run systemd.
    #[error("process manager {manager} needs systemd, and this host does not run it")]
    NoSystemd {
        /// The process manager.
        manager: ManagerKind,
    },
    /// The user has no systemd instance.
    #[error("no systemd instance of user {user} is running")]
    NoUserSession {
        /// The user ID.
        user: u32,
    },
    /// launchd lists no services of a domain.
    #[error("launchctl shows no list of services in domain {domain}")]
    NoDomain {
        /// The domains that were asked.
        domain: String,
    },
    /// The registry of antctl does not contain the node as requested.
    #[error("antctl did not keep node {node} as requested: {problem} in {}", .path.display())]
    Registry {
        /// The node.
        node: NodeId,
        /// The registry file.
        path: PathBuf,
        /// The difference.
        problem: RegistryProblem,
    },
    /// antctl cannot manage a node with these properties.
    #[error("antctl cannot manage node {node}: {limit}")]
    Antctl {
        /// The node.
        node: NodeId,
        /// The property that antctl does not support.
        limit: AntctlLimit,
    },
    /// The CPU limit cannot be set on this host.
    #[error("cannot set the CPU limit: {0}")]
    NoCpuLimit(NoCpuLimit),
    /// The process manager needs root.
    #[error("process manager {manager} needs root")]
    NeedsRoot {
        /// The process manager.
        manager: ManagerKind,
    },
}

impl From<PlatformError> for StepError {
    fn from(error: PlatformError) -> Self {
        Self { message: error.to_string(), cause: error.kind_of_cause(), hint: error.hint() }
    }
}
