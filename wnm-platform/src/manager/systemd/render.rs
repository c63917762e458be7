//! The unit file of a node.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use wnm_core::{Node, Scope};

use super::super::adopt::check_texts;
use super::environment;
use super::unit::{WordContext, bare, command_line, quote};
use super::version::{StandardError, Version};
use crate::error::{PlatformError, Refusal};
use crate::node_dir::{check_uuid, errors_log};

/// The user of system-level nodes, the same as that of antctl.
pub(super) const USER: &str = "ant";
/// The folder of `LogsDirectory=` for units of the system.
const SYSTEM_LOGS: &str = "/var/log";
/// The setting that marks a unit as wnm's. systemd ignores settings that begin with `X-`.
pub(super) const UUID: &str = "X-Wnm-Uuid";

/// Returns the part of a log folder for `LogsDirectory=`; None for a folder elsewhere. After a colon systemd expects the name
/// of a link: `journal:x` would give the journal of the host to the user of the nodes. It reads no escapes there.
pub(super) fn logs_directory(log_dir: &Path) -> Option<&Path> {
    let below = log_dir.strip_prefix(SYSTEM_LOGS).ok()?;
    let is_special = |byte: &u8| b":\"'\\".contains(byte) || byte.is_ascii_control();
    let is_plain =
        |part: Component<'_>| matches!(part, Component::Normal(name) if !name.as_bytes().iter().any(is_special));
    below.components().all(is_plain).then_some(below)
}

/// The group of the files that system-level nodes write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// The group of the node's user: wnm runs as root and needs no access of its own.
    Own,
    /// The group with this ID, to which the user of wnm belongs.
    Operator(u32),
}

/// The parts of a unit that do not depend on its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Surroundings<'a> {
    pub(super) scope: Scope,
    pub(super) group: Group,
    /// The slice; None for the default one.
    pub(super) slice: Option<&'a str>,
    pub(super) version: Version,
}

/// Returns the unit file of a node.
///
/// # Errors
/// A path or the UUID of the node is not allowed in a unit file.
pub(super) fn render(node: &Node, surroundings: Surroundings<'_>) -> Result<String, PlatformError> {
    let Surroundings { scope, group, slice, version } = surroundings;
    check_uuid(node)?;
    check_texts(node)?;
    let path = |path: &Path| {
        bare(path).ok_or_else(|| PlatformError::Refused { path: path.to_owned(), reason: Refusal::NotForUnitFile })
    };
    let (root, errors) = (path(&node.root_dir)?, path(&errors_log(node))?);
    let arguments = node.flavor.arguments(node);
    let program = node.binary.to_string_lossy();
    let mut text = Text(String::new());
    text.line("# Written by wnm at each start of the node. Put changes into a drop-in.");
    text.line("[Unit]");
    text.set("Description", format!("Autonomi node {}", node.service_name()));
    text.set(UUID, &node.uuid);
    if scope == Scope::Sudo {
        text.set("Wants", "network-online.target");
        text.set("After", "network-online.target");
    }
    text.set("StartLimitIntervalSec", 600);
    text.set("StartLimitBurst", 5);
    text.line("\n[Service]");
    text.set("Type", if version.has_type_exec() { "exec" } else { "simple" });
    text.set("ExecStart", command_line(&program, arguments.iter().map(String::as_str)));
    text.set("WorkingDirectory", root);
    text.set("StandardOutput", "null");
    match version.standard_error() {
        StandardError::Truncate => text.set("StandardError", format!("truncate:{errors}")),
        StandardError::Append => text.set("StandardError", format!("append:{errors}")),
        StandardError::Journal => text.set("StandardError", "journal"),
    }
    if scope == Scope::Sudo && !node.environment.iter().any(|(name, _)| name == "HOME") {
        // The user `ant` has no home folder, so programs that look for one get a writable folder.
        text.set("Environment", quote(&format!("HOME={}", node.root_dir.display()), WordContext::Other));
    }
    if let Some(file) = environment::setting(node)? {
        text.set("EnvironmentFile", file);
    }
    text.set("Restart", "always");
    text.set("RestartSec", 5);
    text.set("KillSignal", "SIGTERM");
    text.set("TimeoutStopSec", 30);
    text.set("LimitNOFILE", 65536);
    if let Some(slice) = slice {
        text.set("Slice", slice);
        // With version 1 of control groups, a limit on the slice applies only to units with a CPU group of their own.
        text.set("CPUAccounting", "yes");
    }
    match scope {
        Scope::User | Scope::Zen => text.install("default.target"),
        Scope::Sudo => {
            harden(&mut text, node, &arguments, group);
            text.install("multi-user.target");
        }
    }
    Ok(text.0)
}

/// Adds the sandbox of a system-level node: write access only to its own folders.
fn harden(text: &mut Text, node: &Node, arguments: &[String], group: Group) {
    text.set("User", USER);
    if let Group::Operator(group) = group {
        text.set("Group", group);
        text.set("UMask", "0002");
    }
    text.set("NoNewPrivileges", "yes");
    text.set("ProtectSystem", "strict");
    text.set("ProtectHome", "read-only");
    for setting in ["ProtectKernelTunables", "ProtectKernelModules", "ProtectControlGroups", "RestrictSUIDSGID"] {
        text.set(setting, "yes");
    }
    // systemd gives the folder with its contents to the user of the node, so it must be that of this node alone.
    let is_own = node.log_dir.ends_with(node.service_name());
    if let Some(logs) = logs_directory(&node.log_dir).filter(|_| is_own) {
        // systemd makes the folder at each start: a host may keep /var/log in memory.
        text.set("LogsDirectory", quote(&logs.display().to_string(), WordContext::Other));
        text.set("LogsDirectoryMode", if matches!(group, Group::Operator(_)) { "2775" } else { "0755" });
    }
    let cache = arguments.iter().skip_while(|word| *word != "--bootstrap-cache-dir").nth(1).map(PathBuf::from);
    for folder in [Some(node.root_dir.clone()), Some(node.log_dir.clone()), cache].into_iter().flatten() {
        // With a minus sign, a missing folder does not fail the start.
        text.set("ReadWritePaths", quote(&format!("-{}", folder.display()), WordContext::Other));
    }
}

struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn set(&mut self, key: &str, value: impl std::fmt::Display) {
        self.line(&format!("{key}={value}"));
    }

    fn install(&mut self, target: &str) {
        self.line("\n[Install]");
        self.set("WantedBy", target);
    }
}
