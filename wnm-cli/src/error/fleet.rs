//! Errors of the commands on a fleet.

use std::net::SocketAddr;
use std::path::PathBuf;

use wnm_agent::control::FailureInfo;
use wnm_agent::fleet::engine::{EngineError, Fault};
use wnm_agent::fleet::name::Name;
use wnm_agent::fleet::operator::FleetError;
use wnm_agent::fleet::secret_file::SecretFileError;
use wnm_agent::fleet::signature::KeyError;

use crate::render::typed;

/// The reason why a command on a fleet cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetCommandError {
    #[error(transparent)]
    Fleet(#[from] FleetError),
    #[error("this user is the operator of no fleet: {} does not exist", .0.display())]
    NoOperator(PathBuf),
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    #[error("this host is in the fleet {0} already")]
    Member(Name),
    #[error("this host is in no fleet")]
    NoMember,
    #[error("cannot use {}: {cause}", path.display())]
    Authorities { path: PathBuf, cause: String },
    #[error("cannot create {}: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("the end of the command (--until) is not in the future")]
    Ended,
    #[error("cannot use {}: {cause}", path.display())]
    Program { path: PathBuf, cause: String },
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot listen on {address}, which other hosts reach, without {}", flags(missing))]
    ListenNeeds { address: SocketAddr, missing: Vec<&'static str> },
    #[error("{}", .0.error)]
    ListenFiles(FailureInfo),
    #[error("no such host: {0}")]
    UnknownHost(String),
    #[error("no reason is given (--reason)")]
    NoReason,
}

/// Returns the flags of settings, such as `--listen-cert`.
fn flags(settings: &[&str]) -> String {
    let flags = settings.iter().map(|name| format!("--{}", name.replace('_', "-")));
    flags.collect::<Vec<_>>().join(", ")
}

impl From<SecretFileError> for FleetCommandError {
    fn from(error: SecretFileError) -> Self {
        Self::Fleet(error.into())
    }
}

impl FleetCommandError {
    /// Returns how the operator can fix the cause; None when there is no specific advice.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Fleet(error) => return fleet_hint(error),
            Self::NoOperator(_) => {
                "create a fleet with `wnm fleet init NAME URL`, or name the file with `--fleet FILE`"
            }
            Self::Exists(_) => "choose another file with `--fleet FILE`",
            Self::Member(_) => "leave it first with `wnm fleet leave`",
            Self::NoMember => "join one with `wnm fleet join INVITATION`; its operator runs `wnm fleet invite HOST`",
            Self::Authorities { .. } => "name a file with certificates in PEM form",
            Self::Folder { .. } => "choose another file with `--fleet FILE`",
            Self::Ended => "give a later time, such as --until 2h",
            Self::Program { .. } => "name a copy of the node program, or give its digest with `--sha256`",
            Self::Listen { .. } => "choose another address with `--listen ADDRESS`",
            Self::ListenNeeds { .. } => "give the flags, or listen on 127.0.0.1 and read it through ssh",
            Self::ListenFiles(failure) => return failure.hint.clone(),
            Self::UnknownHost(_) => "list the hosts with `wnm fleet hosts`",
            Self::NoReason => "give a reason, such as --reason 'new kernel'",
        };
        Some(hint.to_owned())
    }
}

fn fleet_hint(error: &FleetError) -> Option<String> {
    let hint = match error {
        FleetError::Engine(error) => return Some(engine_hint(error).to_owned()),
        FleetError::File(error) => return file_hint(error),
        FleetError::Key(KeyError::File(error)) if error.is_missing() => {
            "copy the key to this host, or send a hold without it with `--unsigned`"
        }
        FleetError::Key(KeyError::File(error)) => return file_hint(error),
        FleetError::Key(KeyError::Encrypted { path }) => {
            return Some(format!("remove the password of the key with `minisign -C -W -s {}`", path.display()));
        }
        FleetError::Key(KeyError::NotAKey { .. }) => "restore the key from a copy",
        FleetError::Invitation(_) => "copy the whole line that `wnm fleet invite HOST` prints",
        FleetError::InvitationUsed(host) => {
            return Some(format!("the operator of the fleet makes another one with `wnm fleet invite {host}`"));
        }
        FleetError::NoSuchHost(_) => "list the hosts with `wnm fleet hosts`",
        FleetError::NoRollout => "start one with `wnm fleet rollout start VERSION --program FILE`",
        FleetError::RolloutEnded(version) => {
            return Some(format!("start it again with `wnm fleet rollout start {version} --program FILE`"));
        }
        FleetError::RolloutDriven => "wait a minute, or end it with `wnm fleet rollout abort`",
        FleetError::TooManyStops(_) => "resume some hosts first with `wnm fleet resume --host HOST`",
        FleetError::Key(KeyError::Sign(_)) | FleetError::Random(_) | FleetError::Json(_) => return None,
    };
    Some(hint.to_owned())
}

/// Returns how the operator can fix a file with a secret; None when there is no specific advice.
fn file_hint(error: &SecretFileError) -> Option<String> {
    match error {
        SecretFileError::Readable { path, .. } => Some(format!("run `chmod 600 {}`", typed(path))),
        SecretFileError::OtherOwner { path, .. } => Some(format!("run `sudo chown $(id -u) {}`", typed(path))),
        SecretFileError::Damaged { .. } | SecretFileError::Unusual { .. } => Some("restore it from a copy".to_owned()),
        SecretFileError::System { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => {
            Some("choose another file with `--fleet FILE`".to_owned())
        }
        SecretFileError::System { .. } => None,
    }
}

/// Returns how the operator can fix the use of the engine.
pub(crate) const fn engine_hint(error: &EngineError) -> &'static str {
    match error {
        EngineError::Plaintext { .. } => "use rediss://, or allow it with `--unencrypted` where the network encrypts",
        EngineError::Authorities { .. } => "name a file with certificates in PEM form",
        EngineError::Client { .. } => {
            "name the certificate with `--client-cert` and its key, of mode 0600, with `--client-key`"
        }
        EngineError::Unreachable { .. } => "check that the engine runs, its address, and its certificate",
        EngineError::Login { .. } => "check user and password; users of a server without aclfile end with its restart",
        EngineError::Old { .. } => "install Redis or Valkey in version 7 or later",
        EngineError::Fault { fault, .. } => match fault {
            Fault::ReadOnly => "name the primary server instead of its replica",
            Fault::Full => "raise maxmemory of the engine, or remove other keys from it",
            Fault::Disk => "free space on the disk of the engine",
            Fault::Loading => "try again in a minute",
            Fault::NoRight => "the fleet needs a user that may change users for `init`, and its own users later",
            Fault::WrongType => "remove the keys of the fleet that another program has written",
            Fault::Other(_) => "see the log of the engine",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_hints() {
        let url = || "redis://10.8.0.1:6379".to_owned();
        let file = || PathBuf::from("/f/fleet.json");
        let fault = |fault| EngineError::Fault { url: url(), fault };
        let engines = [
            EngineError::Plaintext { url: url() },
            EngineError::Authorities { cause: "invalid".to_owned() },
            EngineError::Client { cause: "cannot read /f/client.pem: permission denied".to_owned() },
            EngineError::Unreachable { url: url(), cause: "connection refused".to_owned() },
            EngineError::Login { url: url(), user: "default".to_owned() },
            EngineError::Old { url: url(), version: "6.2.14".to_owned() },
            fault(Fault::ReadOnly),
            fault(Fault::Full),
            fault(Fault::Disk),
            fault(Fault::Loading),
            fault(Fault::NoRight),
            fault(Fault::WrongType),
            fault(Fault::Other("ERR unknown".to_owned())),
        ];
        let readable = || SecretFileError::Readable { path: file(), mode: 0o644 };
        let name = |text: &str| text.parse::<Name>().unwrap();
        let others = [
            FleetCommandError::NoOperator(file()),
            FleetCommandError::Exists(file()),
            FleetCommandError::Member(name("farm")),
            FleetCommandError::NoMember,
            FleetCommandError::Authorities { path: file(), cause: "it holds no certificate in PEM form".to_owned() },
            FleetCommandError::Folder { path: file(), source: std::io::ErrorKind::PermissionDenied.into() },
            FleetCommandError::Ended,
            FleetCommandError::NoReason,
            FleetCommandError::Listen {
                address: "127.0.0.1:9911".parse().unwrap(),
                source: std::io::ErrorKind::AddrInUse.into(),
            },
            FleetCommandError::ListenNeeds {
                address: "0.0.0.0:9911".parse().unwrap(),
                missing: vec!["listen_token_file", "listen_cert", "listen_key"],
            },
            FleetCommandError::UnknownHost("web-9".to_owned()),
            FleetCommandError::Program { path: file(), cause: "it does not exist".to_owned() },
            FleetError::NoRollout.into(),
            FleetError::RolloutEnded("0.4.18".parse().unwrap()).into(),
            FleetError::RolloutDriven.into(),
            FleetError::File(readable()).into(),
            FleetError::File(SecretFileError::OtherOwner { path: file(), owner: 1001 }).into(),
            FleetError::File(SecretFileError::Unusual { path: file(), largest: 65_536 }).into(),
            FleetError::File(SecretFileError::Damaged { path: file(), cause: "EOF".to_owned() }).into(),
            FleetError::Key(KeyError::Encrypted { path: file() }).into(),
            FleetError::Key(KeyError::NotAKey { path: file() }).into(),
            FleetError::InvitationUsed(name("web-1")).into(),
            FleetError::NoSuchHost(name("web-1")).into(),
            FleetError::TooManyStops(2000).into(),
        ];
        let engines = engines.into_iter().map(|error| FleetCommandError::from(FleetError::from(error)));
        let text = |error: FleetCommandError| format!("{error}\n  hint: {}\n", error.hint().unwrap_or_default());
        insta::assert_snapshot!(engines.chain(others).map(text).collect::<String>());
    }
}
