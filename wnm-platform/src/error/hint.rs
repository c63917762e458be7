//! The fix for an error, where one is known.

use super::{EngineProblem, NameHolder, ParsedFile, PlatformError, Refusal};

impl PlatformError {
    /// Returns how the operator can fix the cause; None when there is no specific advice.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.hint_with_names().or_else(|| self.fixed_hint().map(str::to_owned))
    }

    /// Returns a hint that names a path, a user or a unit of this error.
    fn hint_with_names(&self) -> Option<String> {
        Some(match self {
            Self::BinaryUntrusted { at, .. } => {
                let at = at.display();
                format!("run `chown $(id -u) {at} && chmod o-w {at}`, or set another --antnode-path PATH")
            }
            Self::NoExecution { path, .. } | Self::NoExec { path } => {
                let path = path.display();
                format!("run `mount -o remount,exec \"$(findmnt -no TARGET -T '{path}')\"`, or set node_storage")
            }
            Self::Volume { path, fault } => crate::volume::hint(path, *fault),
            Self::NoUserSession { user } => format!(
                "run `sudo loginctl enable-linger {user}`, and set XDG_RUNTIME_DIR=/run/user/{user} if it is not set"
            ),
            Self::ImageMissing { command, .. } | Self::ImageAbsent { command, .. } => format!("run `{command}`"),
            Self::Taken { holder: NameHolder::Mask { unit }, .. } => format!("run `systemctl unmask {unit}`"),
            Self::Taken { holder: NameHolder::AntctlCounter { next }, .. } => {
                format!("set highest_node_id_used to {}", next.saturating_sub(1))
            }
            Self::Refused { reason: Refusal::ClosedTo { closed, .. }, .. } => {
                format!("run `chmod o+x {}`", closed.display())
            }
            Self::Refused { reason: Refusal::SharedFolder(path), .. }
            | Self::StorageRefused { reason: Refusal::SharedFolder(path), .. } => {
                let path = path.display();
                format!("run `chown $(id -u) {path} && chmod o-w {path}`")
            }
            Self::NoCpuLimit(reason) => return reason.hint(),
            Self::NotStarted { command, source } if source.kind() == std::io::ErrorKind::NotFound => {
                let program = command.split_whitespace().next().unwrap_or("the program");
                format!("install {program}, or add its folder to PATH; `wnm doctor` checks this host")
            }
            _ => return None,
        })
    }

    /// Returns a hint that is the same for all errors of a kind.
    const fn fixed_hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::BinaryMissing { .. } => "copy the node program there, or set another path with --antnode-path PATH",
            Self::BinaryNotExecutable { .. } => "run chmod +x on it, or set another path with --antnode-path PATH",
            Self::BinaryUnrecognized { .. } | Self::BinaryHangs { .. } => {
                "set the node program with --antnode-path PATH; for ant-node also set --flavor ant-node"
            }
            Self::BinaryOtherMachine { .. } => "install the node program for this processor and C library",
            Self::StorageUnusable { .. } => "make the folder writable, or set another one with --node-storage FOLDER",
            Self::Unparsable { file: ParsedFile::AntctlRegistry, .. } => {
                "restore the registry from a backup; antctl cannot read it either, and nothing was changed"
            }
            Self::SudoAsks { .. } | Self::SudoRefuses { .. } => {
                "run wnm as root, or allow the command without a password in /etc/sudoers"
            }
            Self::NeedsRoot { .. } => "run wnm as root",
            Self::CopyDiffers { .. } => "check both drives with `dmesg`, then move the node again",
            Self::NoHeadroom { .. } => "free disk space on the volume",
            Self::NoInodes { .. } => "delete files on the volume, or set another folder with --node-storage FOLDER",
            Self::Engine { problem: EngineProblem::NotRunning, .. } => "start it with `systemctl start docker`",
            Self::Engine { problem: EngineProblem::NotPermitted, .. } => {
                "run wnm as root, or run `sudo usermod -aG docker $USER` and log in again"
            }
            Self::PortInUse { .. } | Self::FolderInUse { .. } => "stop the other process",
            Self::OtherService { .. } => "disable the other service",
            Self::StorageRefused { .. } => "set another folder with --node-storage FOLDER",
            Self::NoSystemd { .. } => {
                "use another process manager, as in `wnm init --process-manager setsid+user --rewards-address 0x…`"
            }
            Self::NotStarted { .. } | Self::Hung { .. } => "check this host with `wnm doctor`",
            _ => return None,
        })
    }
}
