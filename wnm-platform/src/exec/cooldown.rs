//! The cooldown of tools that hang or flood. Each call of such a tool would cost a cycle its whole deadline, whichever
//! part of wnm makes it: one that failed so is not called again for a minute by any of them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Call, Output};
use crate::error::PlatformError;

/// The time without calls after a hang or a flood.
const COOLDOWN: Duration = Duration::from_secs(60);
/// The tools that several parts of wnm call. A node program is none: `BinaryCache` counts its hangs.
const TOOLS: [&str; 10] =
    ["systemctl", "docker", "podman", "antctl", "launchctl", "ufw", "loginctl", "crontab", "chrt", "ionice"];

/// The tools in their cooldown.
#[derive(Debug, Default)]
pub(super) struct Cooldowns(Mutex<BTreeMap<String, Failed>>);

#[derive(Debug)]
struct Failed {
    at: Instant,
    error: String,
}

impl Cooldowns {
    /// Returns no tools in their cooldown.
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Makes a call, unless its tool is in its cooldown, and remembers a hang or a flood.
    pub(super) fn around(
        &self,
        call: &Call,
        run: impl FnOnce(&Call) -> Result<Output, PlatformError>,
    ) -> Result<Output, PlatformError> {
        let Some(tool) = tool(call) else { return run(call) };
        let at = Instant::now();
        if let Some(failed) = self.lock().get(&tool)
            && at.duration_since(failed.at) < COOLDOWN
        {
            let ago = at.duration_since(failed.at).as_secs();
            return Err(PlatformError::NotAsked { command: call.summary(), ago, before: failed.error.clone() });
        }
        // Not held over the call: other tools go on, and so do calls of this one that have begun.
        let result = run(call);
        match &result {
            Err(error @ (PlatformError::Hung { .. } | PlatformError::Flooded { .. })) => {
                self.lock().insert(tool, Failed { at: Instant::now(), error: error.to_string() });
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
    let program = words().find(|word| !is_of_sudo(word))?;
    let name = program.file_name()?.to_str().filter(|name| TOOLS.contains(name))?;
    let is_user = name == "systemctl" && call.arguments.iter().any(|word| word == "--user");
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
            (&["sudo"], None),
            (&["sh", "-c", "systemctl"], None),
        ] {
            let call = Call::new(words[0]).args(&words[1..]);
            assert_eq!(tool(&call).as_deref(), found, "{words:?}");
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
