//! The cooldown of programs that hang or flood. Each call of such a program would cost a cycle its whole deadline,
//! whichever part of wnm makes it: one that failed so is not called again for a minute by any of them. The tools that hang
//! share one patience, so that a cycle in which several of them hang ends in time too. The programs of nodes share another
//! one: a node that was broken into must not keep wnm from its tools by a program that hangs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Call, DEADLINE, Output};
use crate::error::PlatformError;

/// The time without calls after a hang or a flood.
const COOLDOWN: Duration = Duration::from_secs(60);
/// The longest call of a tool with the usual deadline, and the time that all of them together may hang within a cooldown:
/// a cycle with 100 nodes ends within 10 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(7);
/// The least time for a call of a tool, also after other tools have hung.
const LEAST: Duration = Duration::from_secs(1);
/// The least time for the program of a node: a cycle may ask twenty of them. An idle host needs some milliseconds.
const LEAST_OF_NODE: Duration = Duration::from_millis(50);
/// The tools that several parts of wnm call.
const TOOLS: [&str; 13] = [
    "systemctl",
    "systemd-run",
    "docker",
    "podman",
    "antctl",
    "launchctl",
    "ufw",
    "loginctl",
    "crontab",
    "journalctl",
    "chrt",
    "ionice",
    SUDO,
];
/// The tool of each call that sudo makes of a program outside this list.
const SUDO: &str = "sudo";

/// A program with a cooldown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Program {
    /// A tool of the host.
    Tool(String),
    /// The program of a node that prints its version, as its whole call: as the user of the node, or in a container.
    OfNode(String),
}

impl Program {
    /// Returns the least time for a call.
    const fn least(&self) -> Duration {
        match self {
            Self::Tool(_) => LEAST,
            Self::OfNode(_) => LEAST_OF_NODE,
        }
    }

    /// Tells whether both programs share one patience.
    const fn shares_patience(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Tool(_), Self::Tool(_)) | (Self::OfNode(_), Self::OfNode(_)))
    }
}

/// The programs in their cooldown.
#[derive(Debug, Default)]
pub(super) struct Cooldowns(Mutex<BTreeMap<Program, Failed>>);

#[derive(Debug)]
struct Failed {
    at: Instant,
    /// The time that the call took.
    lost: Duration,
    error: String,
}

impl Failed {
    fn is_recent(&self, now: Instant) -> bool {
        now.duration_since(self.at) < COOLDOWN
    }
}

impl Cooldowns {
    /// Returns no programs in their cooldown.
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Makes a call, unless its program is in its cooldown, and remembers a hang or a flood. The deadline of the call is at
    /// most the rest of the patience.
    pub(super) fn around(
        &self,
        call: &Call,
        run: impl FnOnce(&Call) -> Result<Output, PlatformError>,
    ) -> Result<Output, PlatformError> {
        let Some(program) = program(call) else { return run(call) };
        let begun = Instant::now();
        let deadline = {
            let failed = self.lock();
            let recent =
                || failed.iter().filter(|(other, failed)| failed.is_recent(begun) && program.shares_patience(other));
            if let Some(failed) = failed.get(&program).filter(|failed| failed.is_recent(begun)) {
                let ago = begun.duration_since(failed.at).as_secs();
                return Err(PlatformError::NotAsked { command: call.summary(), ago, before: failed.error.clone() });
            }
            let left = PATIENCE.saturating_sub(recent().map(|(_, failed)| failed.lost).sum()).max(program.least());
            // A call with a longer deadline than usual is known to take long, as a download does.
            if call.deadline > DEADLINE { call.deadline } else { left.min(call.deadline) }
        };
        // Not locked during the call: other tools go on, and so do calls of this one that have begun.
        let result = run(&call.clone().within(deadline));
        match &result {
            Err(error @ (PlatformError::Hung { .. } | PlatformError::Flooded { .. })) => {
                let (at, lost) = (Instant::now(), begun.elapsed());
                self.lock().insert(program, Failed { at, lost, error: error.to_string() });
            }
            Ok(_) | Err(_) => _ = self.lock().remove(&program),
        }
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Program, Failed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the program of a call that has a cooldown; None for any other.
fn program(call: &Call) -> Option<Program> {
    let tool = tool(call);
    let asks_node = match tool.as_deref().map(Path::new).and_then(Path::file_name).and_then(OsStr::to_str) {
        // The program of the node in a confined unit or container.
        Some("systemd-run") => true,
        Some("docker" | "podman") => call.arguments.first().is_some_and(|word| word == "run"),
        Some(_) => false,
        None => call.arguments.iter().any(|word| word == "--version"),
    };
    if asks_node { Some(Program::OfNode(call.to_string())) } else { tool.map(Program::Tool) }
}

/// Returns the tool of a call, whatever `sudo` it runs under; None for any other program. The instances of systemd are
/// tools of their own, because that of a user can hang alone.
fn tool(call: &Call) -> Option<String> {
    let words = || std::iter::once(&call.program).chain(&call.arguments).map(Path::new);
    let is_sudo = Path::new(&call.program).file_name() == Some(OsStr::new("sudo"));
    let is_of_sudo =
        |word: &&Path| is_sudo && (*word == Path::new("sudo") || word.as_os_str().as_encoded_bytes().starts_with(b"-"));
    let is_tool = |word: &&Path| word.file_name().and_then(OsStr::to_str).is_some_and(|name| TOOLS.contains(&name));
    let program = words().find(|word| !is_of_sudo(word)).filter(is_tool).or_else(|| words().next().filter(is_tool))?;
    let is_user = program.ends_with("systemctl") && call.arguments.iter().any(|word| word == "--user");
    Some(format!("{}{}", program.display(), if is_user { " --user" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_is_recognised_through_sudo() {
        for (words, found) in [
            (&["systemctl", "--system", "start", "x"][..], Some("systemctl")),
            (&["systemctl", "--user", "start", "x"], Some("systemctl --user")),
            (&["sudo", "-n", "--", "systemctl", "--system", "stop", "x"], Some("systemctl")),
            (&["sudo", "-n", "--", "ufw", "status"], Some("ufw")),
            (&["/opt/bin/docker", "info"], Some("/opt/bin/docker")),
            (&["/srv/antnode", "--version"], None),
            (&["sudo"], Some("sudo")),
            (&["sudo", "-n", "--", "install", "-D", "ufw", "x"], Some("sudo")),
            (&["sh", "-c", "systemctl"], None),
        ] {
            let call = Call::new(words[0]).args(&words[1..]);
            assert_eq!(tool(&call).as_deref(), found, "{words:?}");
        }
    }

    #[test]
    fn tools_that_hang_share_one_patience() {
        let cooldowns = Cooldowns::new();
        let deadline = |words: [&str; 2]| {
            let mut given = Duration::ZERO;
            let call = Call::new(words[0]).arg(words[1]).within(Duration::from_secs(30));
            let _ = cooldowns.around(&call, |call| {
                given = call.deadline;
                Ok(Output::success(""))
            });
            given
        };
        assert_eq!(deadline(["docker", "info"]), PATIENCE);
        let download = Call::new("antctl").arg("add").within(Duration::from_secs(60));
        let ran = cooldowns.around(&download, |call| {
            assert_eq!(call.deadline, Duration::from_secs(60));
            Ok(Output::success(""))
        });
        assert!(ran.is_ok());
        assert_eq!(deadline(["sleep", "1"]), Duration::from_secs(30), "no tool");
        let failed = |lost| Failed { at: Instant::now(), lost, error: String::new() };
        let hang = |tool: &str, seconds| {
            cooldowns.lock().insert(Program::Tool(tool.to_owned()), failed(Duration::from_secs(seconds)))
        };
        hang("ufw", 4);
        assert_eq!(deadline(["docker", "info"]), Duration::from_secs(3));
        hang("systemctl", 3);
        assert_eq!(deadline(["docker", "info"]), LEAST);
        let short = Call::new("docker").within(Duration::from_millis(10));
        assert!(
            cooldowns
                .around(&short, |call| {
                    assert_eq!(call.deadline, Duration::from_millis(10));
                    Ok(Output::success(""))
                })
                .is_ok()
        );
    }

    /// The node chooses its program, and must not keep wnm from docker or systemd by one that hangs.
    #[test]
    fn node_program_that_hangs_costs_no_tool() {
        let confined = ["run", "--rm", "--entrypoint=/s/antnode0001/antnode", "debian", "--version"];
        let as_user = ["-n", "--", "systemd-run", "--pipe", "--", "/s/antnode0001/antnode", "--version"];
        for call in
            [Call::new("docker").args(confined), Call::new("sudo").args(as_user), Call::new("/s/x").arg("--version")]
        {
            let cooldowns = Cooldowns::new();
            let hung = |call: &Call| {
                std::thread::sleep(Duration::from_millis(5));
                let (command, deadline) = (call.summary(), call.deadline);
                Err(PlatformError::Hung { command, deadline, printed: String::new() })
            };
            assert!(cooldowns.around(&call, hung).is_err());
            assert!(matches!(cooldowns.around(&call, hung), Err(PlatformError::NotAsked { .. })), "{call}");
            for tool in ["docker", "systemctl", "sudo"] {
                let ran = cooldowns.around(&Call::new(tool).arg("stop"), |call| {
                    assert_eq!(call.deadline, PATIENCE);
                    Ok(Output::success(""))
                });
                assert!(ran.is_ok(), "{call}: {tool}");
            }
            let mut left = PATIENCE;
            let _ = cooldowns.around(&Call::new("/s/y").arg("--version"), |call| {
                left = call.deadline;
                Ok(Output::success(""))
            });
            assert!(left < PATIENCE, "{call}");
        }
    }

    #[test]
    fn tool_that_hangs_or_floods_rests_for_all_callers() {
        let hung = |call: &Call| {
            Err(PlatformError::Hung {
                command: call.summary(),
                deadline: Duration::from_secs(30),
                printed: String::new(),
            })
        };
        let flooded =
            |call: &Call| Err(PlatformError::Flooded { command: call.summary(), limit: wnm_core::Bytes(1 << 20) });
        let cooldowns = Cooldowns::new();
        let call = Call::new("docker").arg("info");
        assert!(cooldowns.around(&call, hung).is_err());
        let other = Call::new("docker").args(["container", "stop", "x"]);
        let error = cooldowns.around(&other, |_| Ok(Output::success(""))).unwrap_err().to_string();
        assert_eq!(
            error,
            "skipped `docker container stop x`: `docker info` did not exit within 30 s and was killed, 0 s ago"
        );
        let ufw = Call::new("ufw").arg("status");
        assert!(cooldowns.around(&ufw, |_| Ok(Output::failure(1, ""))).is_ok());
        assert!(cooldowns.around(&ufw, flooded).is_err());
        assert!(matches!(cooldowns.around(&ufw, |_| Ok(Output::default())), Err(PlatformError::NotAsked { .. })));
    }
}
