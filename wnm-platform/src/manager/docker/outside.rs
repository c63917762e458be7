//! Containers of other tools with nodes inside, which wnm reads and copies, and never starts, stops or changes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::container::says_missing;
use super::engine;
use crate::error::PlatformError;
use crate::exec::{Call, Exec};
use crate::manager::Options;

/// The maximum time for the copy of one folder: a node has up to some hundred GB.
const COPY_DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);
/// The template of the facts about a container.
const FACTS: &str = r#"{"status":{{json .State.Status}},"restart":{{json .HostConfig.RestartPolicy.Name}}}"#;

/// A container of another tool.
#[derive(Debug, Clone)]
pub struct OtherContainer {
    exec: Exec,
    command: PathBuf,
    name: String,
}

/// Whether the processes of a container run, or can start without their operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It runs, or starts in a moment.
    Runs,
    /// It does not run, and the engine starts it when the engine itself starts.
    StartsWithEngine,
    /// It starts only by command.
    Rests,
}

#[derive(Deserialize)]
struct Facts {
    status: String,
    restart: String,
}

impl OtherContainer {
    /// Returns the container of a name or an identifier, which may not exist.
    #[must_use]
    pub fn named(name: &str, options: &Options) -> Self {
        Self { exec: Exec::real(), command: options.docker.clone(), name: name.to_owned() }
    }

    /// Returns the name or the identifier.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the activity of the container; None when it does not exist.
    ///
    /// # Errors
    /// The engine does not answer.
    pub fn activity(&self) -> Result<Option<Activity>, PlatformError> {
        // The name must not be an option of docker.
        if !self.name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        let call = Call::new(&self.command).args(["container", "inspect", "--format", FACTS, &self.name]);
        let output = self.exec.run(&call)?;
        if says_missing(&output, &self.name) {
            return Ok(None);
        }
        let facts: Option<Facts> = output.text().lines().find_map(|line| serde_json::from_str(line).ok());
        let Some(facts) = facts.filter(|_| output.is_success()) else { return Err(engine::failure(&call, &output)) };
        Ok(Some(match (facts.status.as_str(), facts.restart.as_str()) {
            ("exited" | "created" | "dead" | "stopped" | "configured", "always") => Activity::StartsWithEngine,
            ("exited" | "created" | "dead" | "stopped" | "configured", _) => Activity::Rests,
            // A paused container holds its ports, and goes on where it stopped.
            _ => Activity::Runs,
        }))
    }

    /// Copies a file or a folder out of the container to a path that does not exist, with its times and modes. Returns
    /// whether it exists in the container.
    ///
    /// # Errors
    /// The engine does not answer, or the copy fails, as on a full volume. It may then be there in part.
    pub fn copy(&self, inside: &Path, to: &Path) -> Result<bool, PlatformError> {
        let mut from = std::ffi::OsString::from(&self.name);
        from.push(":");
        from.push(inside);
        let call = Call::new(&self.command).arg("cp").arg(from).arg(to).within(COPY_DEADLINE);
        let output = self.exec.run(&call)?;
        // docker and podman word it differently.
        let absent = ["could not find the file", "could not be found", "no such file or directory"];
        match output.is_success() {
            true => Ok(true),
            false if absent.iter().any(|words| output.error_contains(words)) => Ok(false),
            false => Err(engine::failure(&call, &output)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Output;

    fn container(name: &str, output: Output) -> OtherContainer {
        let exec = Exec::scripted(move |_| Ok(output.clone()));
        OtherContainer { exec, command: "docker".into(), name: name.to_owned() }
    }

    #[test]
    fn activity_is_told_by_status_and_restart_policy() {
        for (status, restart, activity) in [
            ("running", "no", Activity::Runs),
            ("restarting", "always", Activity::Runs),
            ("paused", "no", Activity::Runs),
            ("exited", "always", Activity::StartsWithEngine),
            ("exited", "unless-stopped", Activity::Rests),
            ("exited", "", Activity::Rests),
            ("created", "on-failure", Activity::Rests),
        ] {
            let text = format!("{{\"status\":\"{status}\",\"restart\":\"{restart}\"}}\n");
            let container = container("ants", Output::success(text));
            assert_eq!(container.activity().unwrap(), Some(activity), "{status} {restart}");
        }
        let missing = Output::failure(1, "Error response from daemon: No such container: ants\n");
        assert_eq!(container("ants", missing).activity().unwrap(), None);
        assert_eq!(container("--help", Output::success("")).activity().unwrap(), None);
        let dead = Output::failure(1, "Cannot connect to the Docker daemon at unix:///x. Is it running?");
        assert!(matches!(container("ants", dead).activity(), Err(PlatformError::Engine { .. })));
    }

    #[test]
    fn absent_file_is_no_failure_of_a_copy() {
        let copied = |output| container("ants", output).copy(Path::new("/a"), Path::new("/b"));
        assert!(copied(Output::success("")).unwrap());
        for said in [
            "Error response from daemon: Could not find the file /a in container ants",
            "Error: \"/a\" could not be found on container ants: no such file or directory",
        ] {
            assert!(!copied(Output::failure(1, said)).unwrap(), "{said}");
        }
        assert!(copied(Output::failure(1, "write /b: no space left on device")).is_err());
    }
}
