//! The engine behind the `docker` command, docker or podman, and its errors.

use wnm_core::Node;

use super::Docker;
use crate::error::{EngineProblem, PlatformError};
use crate::exec::{Call, Output};

/// The program behind the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    /// docker, with a daemon. It does not restart a container that `kill` ended.
    Docker,
    /// podman, without a daemon. Its restart policy starts a container again that `kill` ended.
    Podman,
}

/// The seconds between SIGTERM and SIGKILL of podman's own stop: as in the definition of the container.
const STOP_TIMEOUT: u32 = 20;

impl Docker {
    /// Returns the engine; docker where the command does not tell it.
    pub(super) fn engine(&self) -> Engine {
        *self.engine.get_or_init(|| {
            let told = self.exec.run(&Call::new(&self.command).arg("--version")).ok();
            // podman also has a command of the name docker.
            let is_podman = told.is_some_and(|output| output.text().starts_with("podman"));
            if is_podman { Engine::Podman } else { Engine::Docker }
        })
    }

    /// Runs a call; another exit code than 0 is an error.
    pub(super) fn succeed(&self, call: &Call) -> Result<Output, PlatformError> {
        let output = self.exec.run(call)?;
        if output.is_success() { Ok(output) } else { Err(failure(call, &output)) }
    }

    /// Begins podman's own stop, after which podman does not restart the container. The stop waits for the end of the node
    /// as a process of its own, so that a node that ignores SIGTERM does not hold up the others.
    pub(super) fn stop_by_podman(&self, node: &Node) -> Result<Output, PlatformError> {
        let call = Call::new("setsid").arg("--fork").arg(&self.command);
        let call = call.args(["container", "stop", "--time", &STOP_TIMEOUT.to_string()]);
        self.succeed(&call.arg(node.service_name()))
    }

    /// Checks that the engine answers and has the image of new containers.
    pub(super) fn try_engine(&self) -> Result<(), PlatformError> {
        self.succeed(&Call::new(&self.command).args(["ps", "--quiet", "--last", "1"]))?;
        let call = Call::new(&self.command).args(["image", "inspect", "--format", "{{.Id}}", &self.image]);
        let output = self.exec.run(&call)?;
        if output.is_success() {
            return Ok(());
        }
        Err(PlatformError::ImageAbsent {
            image: self.image.clone(),
            command: Call::new(&self.command).arg("pull").arg(&self.image).to_string(),
        })
    }
}

/// Returns the error for a call that failed.
pub(super) fn failure(call: &Call, output: &Output) -> PlatformError {
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
    let problem = if has(&["cannot connect to the docker daemon", "cannot connect to podman", "error during connect"]) {
        EngineProblem::NotRunning
    } else if has(&["permission denied while trying to connect"]) {
        EngineProblem::NotPermitted
    } else {
        let printed = sentence(&output.message());
        return PlatformError::ProgramFailed { command: call.summary(), ended: output.ended(), printed };
    };
    PlatformError::Engine { command: call.summary(), problem }
}

/// Returns the one sentence of a message that tells the cause: docker puts the sender before it and advice behind it.
fn sentence(message: &str) -> String {
    const SENDERS: [&str; 4] = ["docker: ", "Error response from daemon: ", "Error: ", "error: "];
    let mut rest = message.trim();
    while let Some(inner) = SENDERS.iter().find_map(|sender| rest.strip_prefix(sender)) {
        rest = inner.trim_start();
    }
    let mut sentences = rest.split(". ").map(|sentence| sentence.trim_end_matches('.'));
    match (sentences.next().unwrap_or_default(), sentences.next()) {
        // "Conflict. The container name … is already in use …"
        (heading, Some(cause)) if !heading.contains(' ') => format!("{heading}: {cause}"),
        (first, _) => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(stderr: &str) -> String {
        failure(&Call::new("docker").args(["container", "create"]), &Output::failure(125, stderr)).to_string()
    }

    #[test]
    fn errors_are_one_sentence() {
        for (stderr, text) in [
            (
                "Error response from daemon: Conflict. The container name \"/antnode0001\" is already in use by container \
                 \"abc\". You have to remove (or rename) that container to be able to reuse that name.\n",
                "`docker container create` failed with exit code 125: Conflict: The container name \"/antnode0001\" is \
                 already in use by container \"abc\"",
            ),
            (
                "docker: Error response from daemon: invalid mount config for type \"bind\": bind source path does not \
                 exist: /x.\nSee 'docker run --help'.\n",
                "`docker container create` failed with exit code 125: invalid mount config for type \"bind\": bind source \
                 path does not exist: /x",
            ),
            (
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n",
                "the docker daemon does not run (`docker container create`)",
            ),
            (
                "Got permission denied while trying to connect to the Docker daemon socket at \
                 unix:///var/run/docker.sock: Get \"http://x\": dial unix /var/run/docker.sock: connect: permission denied",
                "this user may not use the docker daemon (`docker container create`)",
            ),
            (
                "Error: short-name \"x\" did not resolve\n",
                "`docker container create` failed with exit code 125: short-name \"x\" did not resolve",
            ),
            ("", "`docker container create` failed with exit code 125"),
        ] {
            assert_eq!(error(stderr), text);
        }
    }
}
