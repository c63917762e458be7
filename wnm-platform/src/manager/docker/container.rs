//! The output of `docker container inspect`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use wnm_core::{ExitStatus, ManagerKind, Node, resolved_below};

use super::super::{Described, FoundProcess, adopt, definition};
use super::create;
use crate::exec::Output;
use crate::node_dir::Folder;

/// The template of a survey: a line of JSON for each container. Arguments are included only for containers without the
/// label of wnm, to stay short with hundreds of containers.
pub(super) const FORMAT: &str = r#"{"name":{{json .Name}},"status":{{json .State.Status}},"pid":{{json .State.Pid}},"code":{{json .State.ExitCode}},"finished":{{json .State.FinishedAt}},"restarts":{{json .RestartCount}},"root":{{json (index .Config.Labels "wnm.root")}},"digest":{{json (index .Config.Labels "wnm.digest")}}{{if not (index .Config.Labels "wnm.root")}},"arguments":{{json .Args}}{{end}}}"#;
/// The template for the discovery of nodes, with the complete definition.
pub(super) const LONG_FORMAT: &str = r#"{"name":{{json .Name}},"status":{{json .State.Status}},"pid":{{json .State.Pid}},"code":{{json .State.ExitCode}},"root":{{json (index .Config.Labels "wnm.root")}},"digest":{{json (index .Config.Labels "wnm.digest")}},"definition":{{json (index .Config.Labels "wnm.definition")}},"program":{{json .Path}},"arguments":{{json .Args}},"environment":{{json .Config.Env}},"working_dir":{{json .Config.WorkingDir}},"starters":[{{json (index .Config.Labels "com.docker.compose.project")}},{{json (index .Config.Labels "com.docker.swarm.service.name")}},{{json (index .Config.Labels "PODMAN_SYSTEMD_UNIT")}}]}"#;

/// The tools that start the containers with the labels in the template, in the same order.
const STARTERS: [&str; 3] = ["docker compose project", "docker swarm service", "systemd unit"];

/// The template for the number of restarts.
pub(super) const RESTARTS: &str = "{{.Name}} {{.RestartCount}}";

/// The time in which podman starts an exited container again.
const RESTART_TIME: Duration = Duration::from_secs(3);

/// One container.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) status: String,
    /// The PID on the host; 0 when the container does not run.
    pub(super) pid: u32,
    /// The last exit code.
    pub(super) code: i64,
    /// The time of the last exit, as RFC 3339.
    #[serde(default)]
    finished: String,
    /// The number of restarts by the engine since the last requested start.
    #[serde(default)]
    restarts: u32,
    /// The folder of its node, from the label.
    #[serde(default, deserialize_with = "label")]
    pub(super) root: Option<String>,
    #[serde(default, deserialize_with = "label")]
    digest: Option<String>,
    #[serde(default, deserialize_with = "label")]
    definition: Option<String>,
    program: Option<String>,
    arguments: Option<Vec<String>>,
    environment: Option<Vec<String>>,
    working_dir: Option<PathBuf>,
    /// The values of the labels of [`STARTERS`].
    #[serde(default, deserialize_with = "labels")]
    starters: Vec<Option<String>>,
}

/// Reads a label. A missing label is an empty text or "<no value>".
fn label<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(given(Option::deserialize(deserializer)?))
}

fn labels<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Option<String>>, D::Error> {
    Ok(Vec::deserialize(deserializer)?.into_iter().map(given).collect())
}

fn given(label: Option<String>) -> Option<String> {
    label.filter(|text| !text.is_empty() && text != "<no value>")
}

/// Parses the output of a template, one container on each line. Invalid lines are skipped.
pub(super) fn read(text: &str) -> Vec<Container> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Container>(line).ok());
    // Docker prefixes names with a slash, podman does not.
    lines.map(|container| Container { name: container.name.trim_start_matches('/').to_owned(), ..container }).collect()
}

/// Parses the number of restarts of each container.
pub(super) fn restarts(text: &str) -> BTreeMap<String, u32> {
    let words = text.lines().filter_map(|line| line.trim().split_once(' '));
    let counts = words.filter_map(|(name, count)| Some((name.trim_start_matches('/').to_owned(), count.parse().ok()?)));
    counts.collect()
}

/// Parses the ends of containers, the oldest first, and returns the last one of each.
pub(super) fn ends(text: &str) -> BTreeMap<String, ExitStatus> {
    let words = text.lines().filter_map(|line| line.trim().rsplit_once(' '));
    words
        .filter_map(|(name, code)| Some((name.trim_start_matches('/').to_owned(), status(code.parse().ok()?))))
        .collect()
}

/// Returns the status of an exit code. Docker reports a signal as 128 and its number, as a shell does.
const fn status(code: i32) -> ExitStatus {
    if 129 <= code && code <= 192 { ExitStatus::Signal(code - 128) } else { ExitStatus::Code(code) }
}

/// Tells whether docker reported that the container does not exist. Its exit code is 1 for every error.
pub(super) fn says_missing(output: &Output, name: &str) -> bool {
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    let is_name = |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()) == name;
    said.lines().any(|line| line.contains("no such") && line.split_whitespace().any(is_name))
}

/// Tells whether podman failed because the process of the container ended while podman read its facts.
pub(super) fn says_ended(output: &Output) -> bool {
    !output.is_success() && String::from_utf8_lossy(&output.stderr).to_lowercase().contains("no such process")
}

/// Tells whether docker reported that the image is not on this host. docker and podman word it differently.
pub(super) fn says_image_missing(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    ["no such image", "unable to find image", "image not known"].iter().any(|words| said.contains(words))
}

impl Container {
    /// Tells whether the container is that of a node, also when wnm did not create it.
    pub(super) fn is_of(&self, node: &Node) -> bool {
        self.root().is_some_and(|root| Path::new(&root) == node.root_dir)
    }

    /// Tells whether the program of the container is that of a node.
    pub(super) fn runs_node(&self) -> bool {
        self.root.is_some() || adopt::is_node_program(self.program.as_ref())
    }

    /// Tells whether the container runs or docker restarts it in a moment.
    pub(super) fn is_up(&self) -> bool {
        self.pid != 0 || self.waits_for_restart()
    }

    /// Tells whether the process of the container has ended, and docker starts it again after a delay of up to a minute.
    pub(super) fn waits_for_restart(&self) -> bool {
        self.pid == 0 && self.status == "restarting"
    }

    /// Tells whether the container exited a moment ago.
    pub(super) fn has_just_ended(&self) -> bool {
        self.pid == 0 && self.ended_recently()
    }

    /// Tells whether the engine started the container a moment ago, after it had ended.
    pub(super) fn has_just_restarted(&self) -> bool {
        self.pid != 0 && self.restarts > 0 && self.ended_recently()
    }

    fn ended_recently(&self) -> bool {
        let finished = self.finished.parse::<jiff::Timestamp>().ok();
        let age =
            finished.and_then(|finished| Duration::try_from(jiff::Timestamp::now().duration_since(finished)).ok());
        age.is_some_and(|age| age < RESTART_TIME)
    }

    /// Returns the status with which the process of a stopped container ended.
    pub(super) fn exit(&self) -> Option<ExitStatus> {
        i32::try_from(self.code).ok().filter(|_| self.pid == 0 && self.status != "created").map(status)
    }

    /// Returns the argument of `create` that set its digest label.
    pub(super) fn digest_label(&self) -> String {
        create::digest_label(self.digest.as_deref().unwrap_or_default())
    }

    /// Returns the folder of its node: from the label of wnm, or else from the arguments.
    pub(super) fn root(&self) -> Option<String> {
        let given = || {
            let given = adopt::root_dir(self.arguments.as_deref()?)?;
            let Some(folder) = &self.working_dir else { return Some(given) };
            resolved_below(folder, Path::new(&given)).into_os_string().into_string().ok()
        };
        self.root.clone().or_else(given)
    }

    /// Returns a node with the values of its variables, of which the label has only the names.
    fn with_values(&self, mut node: Node) -> Node {
        for (name, value) in &mut node.environment {
            let mut pairs = self.environment.iter().flatten().filter_map(|pair| pair.split_once('='));
            if let Some((_, of_container)) = pairs.rfind(|(of, _)| *of == name.as_str()) {
                of_container.clone_into(value);
            }
        }
        node
    }

    /// Returns the node that the label of wnm defines, if it is the node of this folder.
    pub(super) fn defined(&self, folder: &Folder) -> Option<Node> {
        let node = serde_json::from_str(self.definition.as_ref()?).ok().filter(|node| definition::is_of(node, folder));
        node.map(|node| self.with_values(node))
    }

    /// Returns the node of the container.
    ///
    /// # Errors
    /// The definition belongs to another folder, or the command is not that of a node.
    pub(super) fn node(
        &self,
        kind: ManagerKind,
        folder: &Folder,
        process: Option<&FoundProcess>,
    ) -> Result<Described, String> {
        if self.definition.is_some() {
            return self
                .defined(folder)
                .map(Described::from)
                .ok_or_else(|| format!("container {} belongs to another folder", self.name));
        }
        let no_command = || format!("docker does not show the command of container {}", self.name);
        let environment = self.environment.iter().flatten().filter_map(|pair| pair.split_once('='));
        let environment: BTreeMap<&str, &str> = environment.filter(|(name, _)| *name != "PATH").collect();
        adopt::node(&adopt::Service {
            name: &self.name,
            manager: kind,
            program: Path::new(self.program.as_deref().ok_or_else(no_command)?),
            arguments: self.arguments.as_deref().ok_or_else(no_command)?,
            environment: environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            working_dir: self.working_dir.as_deref(),
            folder,
            process,
        })
        .map(|described| Described { starter: self.starter(), ..described })
        .map_err(|error| error.to_string())
    }

    /// Returns the tool that made the container, and starts it, or another one in its place, when it is asked for all of
    /// its services.
    fn starter(&self) -> Option<String> {
        let named = |(tool, name): (&str, &Option<String>)| name.as_ref().map(|name| format!("{tool} {name}"));
        STARTERS.into_iter().zip(&self.starters).find_map(named)
    }
}

/// Fuzz target: parses the output of `docker container inspect`.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for container in read(&text) {
        assert!(!container.name.starts_with('/'), "{container:?}");
        _ = (container.root(), container.exit(), container.is_up(), container.runs_node());
        _ = (container.has_just_ended(), container.has_just_restarted());
    }
    _ = restarts(&text);
}
