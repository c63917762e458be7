//! The cooldown of tools that hang or flood. Each call of such a tool would cost a cycle its whole deadline, whichever
//! part of wnm makes it: one that failed so is not called again for a minute by any of them. The tools that hang share
//! one patience, so that a cycle in which several of them hang ends in time too.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Call, DEADLINE, Output};
use crate::error::PlatformError;

/// The time without calls after a hang or a flood.
const COOLDOWN: Duration = Duration::from_secs(60);
/// The longest call of a tool with the usual deadline, and the time that all of them together may hang within a cooldown: a cycle with 100 nodes
/// ends within 10 s.
const PATIENCE: Duration = Duration::from_secs(7);
/// The least time for a call, also after other tools have hung.
const LEAST: Duration = Duration::from_secs(1);
/// The tools that several parts of wnm call. A node program is none: `BinaryCache` counts its hangs.
const TOOLS: [&str; 12] = [
    "systemctl",
    "systemd-run",
    "docker",
    "podman",
    "antctl",
    "launchctl",
    "ufw",
    "loginctl",
    "crontab",
    "chrt",
    "ionice",
    SUDO,
];
/// sudo is the tool of every call under it of a program that is none.
const SUDO: &str = "sudo";

/// The tools in their cooldown.
#[derive(Debug, Default)]
pub(super) struct Cooldowns(Mutex<BTreeMap<String, Failed>>);

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
    /// Returns no tools in their cooldown.
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Makes a call, unless its tool is in its cooldown, and remembers a hang or a flood. The deadline of a tool's call is
    /// at most the rest of the patience.
    pub(super) fn around(
        &self,
        call: &Call,
        run: impl FnOnce(&Call) -> Result<Output, PlatformError>,
    ) -> Result<Output, PlatformError> {
        let Some(tool) = tool(call) else { return run(call) };
        let begun = Instant::now();
        let deadline = {
            let failed = self.lock();
            let recent = || failed.values().filter(|failed| failed.is_recent(begun));
            if let Some(failed) = failed.get(&tool).filter(|failed| failed.is_recent(begun)) {
                let ago = begun.duration_since(failed.at).as_secs();
                return Err(PlatformError::NotAsked { command: call.summary(), ago, before: failed.error.clone() });
            }
            let left = PATIENCE.saturating_sub(recent().map(|failed| failed.lost).sum()).max(LEAST);
            // A call with a longer deadline than usual is known to take long, as a download does.
            if call.deadline > DEADLINE { call.deadline } else { left.min(call.deadline) }
        };
        // Not locked during the call: other tools go on, and so do calls of this one that have begun.
        let result = run(&call.clone().within(deadline));
        match &result {
            Err(error @ (PlatformError::Hung { .. } | PlatformError::Flooded { .. })) => {
                let (at, lost) = (Instant::now(), begun.elapsed());
                self.lock().insert(tool, Failed { at, lost, error: error.to_string() });
            }
            Ok(_) | Err(_) => _ = self.lock().remove(&tool),
        }
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Failed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        cooldowns.lock().insert("ufw".to_owned(), failed(Duration::from_secs(4)));
        assert_eq!(deadline(["docker", "info"]), Duration::from_secs(3));
        cooldowns.lock().insert("systemctl".to_owned(), failed(Duration::from_secs(3)));
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
