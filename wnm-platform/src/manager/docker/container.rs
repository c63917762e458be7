//! What docker tells of containers.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use wnm_core::{ManagerKind, Node};

use super::super::{adopt, definition};
use super::create;
use crate::exec::Output;
use crate::node_dir::Folder;

/// What a survey asks of each container: one line of JSON, short enough for hundreds of them. What it runs is only
/// asked of those that carry no label of ours.
pub(super) const FORMAT: &str = r#"{"name":{{json .Name}},"status":{{json .State.Status}},"pid":{{json .State.Pid}},"code":{{json .State.ExitCode}},"root":{{json (index .Config.Labels "wnm.root")}},"digest":{{json (index .Config.Labels "wnm.digest")}}{{if not (index .Config.Labels "wnm.root")}},"arguments":{{json .Args}}{{end}}}"#;
/// What is asked to find nodes: everything they were made from.
pub(super) const LONG_FORMAT: &str = r#"{"name":{{json .Name}},"status":{{json .State.Status}},"pid":{{json .State.Pid}},"code":{{json .State.ExitCode}},"root":{{json (index .Config.Labels "wnm.root")}},"digest":{{json (index .Config.Labels "wnm.digest")}},"definition":{{json (index .Config.Labels "wnm.definition")}},"program":{{json .Path}},"arguments":{{json .Args}},"environment":{{json .Config.Env}}}"#;

/// What is asked to learn how often a container was started again.
pub(super) const RESTARTS: &str = "{{.Name}} {{.RestartCount}}";

/// One container.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) status: String,
    /// Its process as the host numbers it; 0 when it does not run.
    pub(super) pid: u32,
    /// The code its process last ended with.
    pub(super) code: i64,
    /// The folder of the node it was made for.
    #[serde(default, deserialize_with = "label")]
    pub(super) root: Option<String>,
    #[serde(default, deserialize_with = "label")]
    digest: Option<String>,
    #[serde(default, deserialize_with = "label")]
    definition: Option<String>,
    program: Option<String>,
    arguments: Option<Vec<String>>,
    environment: Option<Vec<String>>,
}

/// Reads a label; one that is not there is told as an empty text.
fn label<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty() && text != "<no value>"))
}

/// Reads what was asked for with a format, a container a line; what is no such line is left out.
pub(super) fn read(text: &str) -> Vec<Container> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Container>(line).ok());
    // Docker writes names as paths, podman does not.
    lines.map(|container| Container { name: container.name.trim_start_matches('/').to_owned(), ..container }).collect()
}

/// Reads how often each container was started again, one a line.
pub(super) fn restarts(text: &str) -> BTreeMap<String, u32> {
    let words = text.lines().filter_map(|line| line.trim().split_once(' '));
    let counts = words.filter_map(|(name, count)| Some((name.trim_start_matches('/').to_owned(), count.parse().ok()?)));
    counts.collect()
}

/// Tells whether docker said that there is no container of this name, and not that it cannot tell.
pub(super) fn says_missing(output: &Output, name: &str) -> bool {
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    let is_name = |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()) == name;
    said.lines().any(|line| line.contains("no such") && line.split_whitespace().any(is_name))
}

/// Tells whether docker said that there is no such image here.
pub(super) fn says_image_missing(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    ["no such image", "unable to find image", "image not known"].iter().any(|words| said.contains(words))
}

impl Container {
    /// Tells whether it runs a node, by whatever hand it was made.
    pub(super) fn is_of(&self, node: &Node) -> bool {
        self.root().is_some_and(|root| Path::new(&root) == node.root_dir)
    }

    /// Tells whether its process runs, or will again without anybody's doing.
    pub(super) fn is_up(&self) -> bool {
        self.pid != 0 || self.status == "restarting"
    }

    /// Returns the word that it was labelled with when it was made.
    pub(super) fn digest_label(&self) -> String {
        create::digest_label(self.digest.as_deref().unwrap_or_default())
    }

    /// Returns the folder of the node in it: labelled by us, or given to the program by somebody else.
    pub(super) fn root(&self) -> Option<String> {
        let given = || adopt::root_dir(self.arguments.as_deref()?);
        self.root.clone().or_else(given)
    }

    /// Returns the node in it, with this folder.
    ///
    /// # Errors
    /// What it runs cannot be read as a node, in words.
    pub(super) fn node(&self, kind: ManagerKind, folder: &Folder) -> Result<Node, String> {
        if let Some(definition) = &self.definition {
            let node = serde_json::from_str(definition).ok().filter(|node| definition::is_of(node, folder));
            return node.ok_or_else(|| format!("the container {} was made for another folder", self.name));
        }
        let untold = || format!("what the container {} runs is not told", self.name);
        let environment = self.environment.iter().flatten().filter_map(|pair| pair.split_once('='));
        let environment: BTreeMap<&str, &str> = environment.filter(|(name, _)| *name != "PATH").collect();
        let node = adopt::node(&adopt::Service {
            name: &self.name,
            manager: kind,
            program: Path::new(self.program.as_deref().ok_or_else(untold)?),
            arguments: self.arguments.as_deref().ok_or_else(untold)?,
            environment: environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            folder,
        })
        .map_err(|error| error.to_string())?;
        if node.id.name() != self.name {
            return Err(format!("expected its container to be called {}, found {}", node.id.name(), self.name));
        }
        Ok(node)
    }
}
