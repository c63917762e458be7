//! The fix for an error, where one is known.

use std::io::{self, ErrorKind};
use std::path::Path;

use wnm_core::VolumeFault;

use super::{AntctlLimit, EngineProblem, FileOperation, NameHolder, ParsedFile, PlatformError, Refusal};

/// Returns a path as a word of a command that is typed into a shell.
pub(crate) fn typed(path: &Path) -> String {
    shell_words::quote(&path.to_string_lossy()).into_owned()
}

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
                let at = typed(at);
                format!(
                    "run `chown $(id -u) {at} && chmod go-w {at}`, or use a copy in a folder that no other user can write"
                )
            }
            Self::ArgumentsRefused { path, .. } => {
                format!("correct the settings start_args and network; `{} --help` lists the arguments", typed(path))
            }
            Self::NoExecution { path, .. } | Self::NoExec { path } => {
                let path = typed(path);
                format!("run `mount -o remount,exec \"$(findmnt -no TARGET -T {path})\"`, or set node_storage")
            }
            Self::Volume { path, fault } => crate::volume::hint(path, *fault),
            Self::File { operation: FileOperation::Write | FileOperation::Create, path, source }
                if source.kind() == ErrorKind::NotFound =>
            {
                // A missing file is no obstacle to a write, so that its folder is missing.
                let folder = path.parent().filter(|folder| *folder != Path::new(""))?;
                format!("create the folder {} first, or name another path", folder.display())
            }
            Self::StorageUnusable { path, source }
                if matches!(source.kind(), ErrorKind::AlreadyExists | ErrorKind::NotADirectory) =>
            {
                format!("name a folder: {} or a part of its path is a file", path.display())
            }
            Self::StorageUnusable { path, source } => return of_volume(path, source),
            Self::File { path, source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                format!("run wnm as a user with access to {}", path.parent().unwrap_or(path).display())
            }
            Self::File { path, source, .. } => return of_volume(path, source),
            Self::NoUserSession { user } => format!(
                "run `sudo loginctl enable-linger {user}`, and set XDG_RUNTIME_DIR=/run/user/{user} if it is not set"
            ),
            Self::ImageMissing { command, .. } | Self::ImageAbsent { command, .. } => format!("run `{command}`"),
            Self::Taken { holder: NameHolder::Mask { unit }, .. } => format!("run `systemctl unmask {unit}`"),
            Self::Taken { holder: NameHolder::AntctlCounter { next }, .. } => {
                format!("set highest_node_id_used to {}", next.saturating_sub(1))
            }
            Self::Refused { reason: Refusal::ClosedTo { closed, .. }, .. } => {
                format!("run `chmod o+x {}`", typed(closed))
            }
            Self::Refused { reason: Refusal::SharedFolder(path), .. }
            | Self::StorageRefused { reason: Refusal::SharedFolder(path), .. } => {
                let path = typed(path);
                format!("run `chown $(id -u) {path} && chmod go-w {path}`")
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
            Self::Refused { reason: Refusal::NotForUnitFile, .. } => {
                "use folders without control characters, blanks at the ends, and a backslash at the end"
            }
            Self::UnfitText { .. } => {
                "correct environment, start_args or network, and then the node with `wnm node update`"
            }
            Self::BinaryNotExecutable { .. } => "run chmod +x on it, or set another path with --antnode-path PATH",
            Self::BinaryUnrecognized { .. } | Self::BinaryHangs { .. } => {
                "set the node program with --antnode-path PATH; for ant-node also set --flavor ant-node"
            }
            Self::BinaryOtherMachine { .. } => "install the node program for this processor and C library",
            Self::StorageUnusable { .. } => "make the folder writable, or set another one with --node-storage FOLDER",
            Self::Antctl { limit: AntctlLimit::Word(_), .. } => {
                "use paths and arguments without blanks, quotes, backslashes, % and $, or another process manager"
            }
            Self::Unparsable { file: ParsedFile::AntctlRegistry, .. } => {
                "restore the registry from a backup; antctl cannot read it either, and nothing was changed"
            }
            Self::SudoAsks { .. } | Self::SudoRefuses { .. } => {
                "run wnm as root, or allow the command without a password in /etc/sudoers"
            }
            Self::NeedsRoot { .. } => "run wnm as root",
            Self::Clock { .. } => {
                "mount /proc with all of its files: with the option `subset=pid` it lacks those of the host"
            }
            Self::NoFirewall { .. } => "install it, or run `wnm config set firewall none`",
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

/// Returns a hint for an error of the volume that holds a path; None for an error of the path alone.
fn of_volume(path: &Path, error: &io::Error) -> Option<String> {
    Some(match error.kind() {
        ErrorKind::ReadOnlyFilesystem => crate::volume::hint(path, VolumeFault::ReadOnly),
        ErrorKind::TimedOut => crate::volume::hint(path, VolumeFault::Hung),
        ErrorKind::StaleNetworkFileHandle => crate::volume::hint(path, VolumeFault::Failing),
        ErrorKind::StorageFull => format!("free disk space on the volume of {}", path.display()),
        ErrorKind::QuotaExceeded => {
            format!("raise the disk quota of the user, or free disk space on the volume of {}", path.display())
        }
        _ if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
            crate::volume::hint(path, VolumeFault::Failing)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rustix::io::Errno;

    use super::*;

    #[test]
    fn commands_in_hints_quote_their_paths() {
        let path = || PathBuf::from("/srv/my nodes/$(id)");
        let shared = Refusal::SharedFolder(path());
        for (error, expected) in [
            (
                PlatformError::BinaryUntrusted { path: path(), at: path(), owner: 7 },
                "run `chown $(id -u) '/srv/my nodes/$(id)' && chmod go-w '/srv/my nodes/$(id)'`",
            ),
            (
                PlatformError::ArgumentsRefused { path: path(), printed: String::new() },
                "`'/srv/my nodes/$(id)' --help` lists",
            ),
            (
                PlatformError::Refused { path: path(), reason: Refusal::ClosedTo { closed: path(), user: "ant" } },
                "run `chmod o+x '/srv/my nodes/$(id)'`",
            ),
            (PlatformError::NoExec { path: path() }, "findmnt -no TARGET -T '/srv/my nodes/$(id)')"),
            (
                PlatformError::StorageRefused { path: path(), reason: shared },
                "run `chown $(id -u) '/srv/my nodes/$(id)' && chmod go-w",
            ),
        ] {
            let hint = error.hint().unwrap_or_default();
            assert!(hint.contains(expected), "{error}: {hint}");
        }
    }

    #[test]
    fn errors_of_a_volume_have_the_hint_of_their_cause() {
        for (errno, start) in [
            (Errno::ROFS, "`dmesg` shows why; after a check of the file system run `mount -o remount,rw`"),
            (Errno::NOSPC, "free disk space on the volume of /mnt/disk2/node"),
            (Errno::DQUOT, "raise the disk quota of the user"),
            (Errno::IO, "`dmesg` shows errors of the disk"),
            (Errno::STALE, "`dmesg` shows errors of the disk"),
        ] {
            let (path, source) = ("/mnt/disk2/node".into(), errno.into());
            let file = PlatformError::File { operation: FileOperation::CopyFolder, path, source };
            let (path, source) = ("/mnt/disk2/node".into(), errno.into());
            let storage = PlatformError::StorageUnusable { path, source };
            for error in [file, storage] {
                let hint = error.hint().unwrap_or_default();
                assert!(hint.starts_with(start), "{error}: {hint}");
            }
        }
        let (path, source) = ("/mnt/disk2/node".into(), Errno::NOENT.into());
        let hint = PlatformError::File { operation: FileOperation::Write, path, source }.hint();
        assert_eq!(hint.as_deref(), Some("create the folder /mnt/disk2 first, or name another path"));
        let (path, source) = ("/mnt/disk2/node".into(), Errno::NOENT.into());
        assert_eq!(PlatformError::File { operation: FileOperation::Read, path, source }.hint(), None);
        let (path, source) = ("/mnt/disk2/node".into(), Errno::ACCESS.into());
        let hint = PlatformError::StorageUnusable { path, source }.hint();
        assert_eq!(hint.as_deref(), Some("make the folder writable, or set another one with --node-storage FOLDER"));
        for (errno, expected) in [
            (Errno::ACCESS, "run wnm as a user with access to /mnt/disk2"),
            (Errno::PERM, "run wnm as a user with access to /mnt/disk2"),
        ] {
            let (path, source) = ("/mnt/disk2/node".into(), errno.into());
            let hint = PlatformError::File { operation: FileOperation::Read, path, source }.hint();
            assert_eq!(hint.as_deref(), Some(expected));
        }
        for errno in [Errno::EXIST, Errno::NOTDIR] {
            let (path, source) = ("/mnt/disk2/node".into(), errno.into());
            let hint = PlatformError::StorageUnusable { path, source }.hint();
            assert_eq!(hint.as_deref(), Some("name a folder: /mnt/disk2/node or a part of its path is a file"));
        }
    }
}
