//! The fix for an error, where one is known.

use super::{EngineProblem, NameHolder, ParsedFile, PlatformError, Refusal};

impl PlatformError {
    /// Returns how the operator can fix the cause; None when there is no specific advice.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::BinaryMissing { .. } => "copy the node program there, or set another path with --antnode-path PATH",
            Self::BinaryNotExecutable { .. } => "run chmod +x on it, or set another path with --antnode-path PATH",
            Self::BinaryUnrecognized { .. } | Self::BinaryHangs { .. } => {
                "set the node program with --antnode-path PATH; for ant-node also set --flavor ant-node"
            }
            Self::BinaryUntrusted { at, .. } => {
                let at = at.display();
                return Some(format!(
                    "run `chown $(id -u) {at} && chmod o-w {at}`, or set another --antnode-path PATH"
                ));
            }
            Self::BinaryOtherMachine { .. } => "install the node program for this processor and C library",
            Self::StorageUnusable { .. } => "make the folder writable, or set another one with --node-storage FOLDER",
            Self::Volume { path, fault } => return Some(crate::volume::hint(path, *fault)),
            Self::Unparsable { file: ParsedFile::AntctlRegistry, .. } => {
                "restore the registry from a backup; antctl cannot read it either, and nothing was changed"
            }
            Self::SudoAsks { .. } | Self::SudoRefuses { .. } => {
                "run wnm as root, or allow the command without a password in /etc/sudoers"
            }
            Self::NeedsRoot { .. } => "run wnm as root",
            Self::CopyDiffers { .. } => "check both drives with `dmesg`, then move the node again",
            Self::NoHeadroom { .. } => "free disk space on the volume",
            Self::NoUserSession { user } => {
                return Some(format!(
                    "run `loginctl enable-linger`, and set XDG_RUNTIME_DIR=/run/user/{user} if it is not set"
                ));
            }
            Self::Engine { problem: EngineProblem::NotRunning, .. } => "start it with `systemctl start docker`",
            Self::Engine { problem: EngineProblem::NotPermitted, .. } => {
                "run wnm as root, or run `sudo usermod -aG docker $USER` and log in again"
            }
            Self::ImageMissing { command, .. } | Self::ImageAbsent { command, .. } => {
                return Some(format!("run `{command}`"));
            }
            Self::Taken { holder: NameHolder::Mask { unit }, .. } => {
                return Some(format!("run `systemctl unmask {unit}`"));
            }
            Self::Taken { holder: NameHolder::AntctlCounter { next }, .. } => {
                return Some(format!("set highest_node_id_used to {}", next.saturating_sub(1)));
            }
            Self::PortInUse { .. } | Self::FolderInUse { .. } => "stop the other process",
            Self::OtherService { .. } => "disable the other service",
            Self::Refused { reason: Refusal::ClosedTo { closed, .. }, .. } => {
                return Some(format!("run `chmod o+x {}`", closed.display()));
            }
            Self::Refused { reason: Refusal::SharedFolder(path), .. }
            | Self::StorageRefused { reason: Refusal::SharedFolder(path), .. } => {
                let path = path.display();
                return Some(format!("run `chown $(id -u) {path} && chmod o-w {path}`"));
            }
            Self::StorageRefused { .. } => "set another folder with --node-storage FOLDER",
            Self::NoCpuLimit(reason) => return reason.hint(),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
