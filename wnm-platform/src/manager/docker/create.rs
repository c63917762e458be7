//! The arguments of `docker container create`.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use wnm_core::Node;

use super::super::adopt;
use crate::error::{FileOperation, PlatformError, not_serialized};
use crate::exec::{Call, Environment};
use crate::files;

/// The arguments of every container: restart after an exit, because nodes exit to upgrade themselves; no capabilities;
/// at most 30 MB of logs.
const ALWAYS: &[&str] = &[
    "--pull=never",
    "--network=host",
    "--pid=host",
    "--restart=unless-stopped",
    "--stop-signal=SIGTERM",
    "--stop-timeout=20",
    "--no-healthcheck",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--log-driver=json-file",
    "--log-opt=max-size=10m",
    "--log-opt=max-file=3",
];

/// The arguments of a container that prints the version of a program: it can reach and change nothing.
const CONFINED: &[&str] = &[
    "run",
    "--rm",
    "--pull=never",
    "--network=none",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=1g",
    "--pids-limit=64",
    "--log-driver=none",
];

/// The label of the node's number.
pub(super) const ID: &str = "wnm.id";
/// The label of the node's UUID.
pub(super) const UUID: &str = "wnm.uuid";
/// The label of the node's folder.
pub(super) const ROOT: &str = "wnm.root";
/// The label of the node's definition, for rebuilding a lost database.
pub(super) const DEFINITION: &str = "wnm.definition";
/// The label of the digest of all arguments, which detects changes.
pub(super) const DIGEST: &str = "wnm.digest";

/// The beginnings of the names of variables that the client of docker or podman itself obeys.
const OF_THE_CLIENT: [&str; 10] =
    ["HOME", "PATH", "LD_", "TMPDIR", "XDG_", "DOCKER_", "BUILDKIT_", "CONTAINER", "PODMAN_", "STORAGE_"];

/// Returns the arguments after `docker container create`, with the values of all variables, as the digest covers them.
pub(super) fn words(node: &Node, image: &str, parent: Option<&str>) -> Result<Vec<String>, PlatformError> {
    adopt::check_texts(node)?;
    let root = adopt::text(&node.root_dir)?;
    // The node runs as the owner of its folder, so that it can write there without capabilities.
    let owner = files::metadata(&node.root_dir).map_err(|source| PlatformError::File {
        operation: FileOperation::Inspect,
        path: node.root_dir.clone(),
        source,
    })?;
    let definition = serde_json::to_string(node).map_err(|error| not_serialized(&node.root_dir, error))?;
    let mut words = vec![format!("--name={}", node.service_name())];
    words.extend(ALWAYS.iter().map(|word| (*word).to_owned()));
    words.extend(parent.map(|parent| format!("--cgroup-parent={parent}")));
    words.push(format!("--user={}:{}", owner.uid(), owner.gid()));
    words.push(format!("--workdir={root}"));
    words.push(format!("--env=HOME={root}"));
    words.extend(node.environment.iter().map(|(name, value)| format!("--env={name}={value}")));
    words.push(format!("--label={ID}={}", node.id.get()));
    words.push(format!("--label={UUID}={}", node.uuid));
    words.push(format!("--label={ROOT}={root}"));
    words.push(format!("--label={DEFINITION}={definition}"));
    for folder in mounts(node) {
        words.push(format!("--mount={}", mount(&adopt::text(folder)?)));
    }
    words.push(format!("--entrypoint={}", adopt::text(&node.binary)?));
    words.push(image.to_owned());
    words.extend(node.flavor.arguments(node));
    let digest = digest(&words);
    words.insert(1, digest_label(&digest));
    Ok(words)
}

/// Returns the call that creates the container of a node, without the values of its variables: any user of the host may
/// read the arguments of a process. The client takes the values from its own environment, except for variables that it
/// obeys itself.
///
/// # Errors
/// The definition cannot be written as text.
pub(super) fn call(call: Call, node: &Node, words: Vec<String>) -> Result<Call, PlatformError> {
    let is_hidden = |name: &str| !OF_THE_CLIENT.iter().any(|start| name.to_uppercase().starts_with(start));
    let hidden: Vec<(String, String)> = node.environment.iter().filter(|(name, _)| is_hidden(name)).cloned().collect();
    let mut shown = node.clone();
    for (name, value) in &mut shown.environment {
        if is_hidden(name) {
            value.clear();
        }
    }
    let definition = serde_json::to_string(&shown).map_err(|error| not_serialized(&node.root_dir, error))?;
    let label = format!("--label={DEFINITION}=");
    let words = words.into_iter().map(|word| {
        if word.starts_with(&label) {
            return format!("{label}{definition}");
        }
        let pair = word.strip_prefix("--env=").and_then(|pair| pair.split_once('='));
        match pair.filter(|(name, _)| hidden.iter().any(|(of, _)| of == name)) {
            Some((name, _)) => format!("--env={name}"),
            None => word,
        }
    });
    let mut call = call.args(words);
    call.environment = Environment::Inherited(hidden);
    Ok(call)
}

/// Returns the arguments that run a program of a node in a container of its own, which reads only that program. None for
/// a path that is no text.
pub(super) fn version_words(node: &Node, image: &str, call: &Call) -> Option<Vec<OsString>> {
    let program = Path::new(&call.program).to_str()?;
    let owner = files::symlink_metadata(&node.root_dir).ok()?;
    let mut words: Vec<OsString> = CONFINED.iter().map(OsString::from).collect();
    words.push(format!("--user={}:{}", owner.uid(), owner.gid()).into());
    words.push(format!("--mount={},readonly", mount(program)).into());
    words.push(format!("--entrypoint={program}").into());
    words.push(image.into());
    words.extend(call.arguments.iter().cloned());
    Some(words)
}

/// Returns the argument that sets the digest label.
pub(super) fn digest_label(digest: &str) -> String {
    format!("--label={DIGEST}={digest}")
}

fn digest(words: &[String]) -> String {
    let mut hasher = Sha256::new();
    for word in words {
        hasher.update((word.len() as u64).to_le_bytes());
        hasher.update(word);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the folders to mount, without those inside another one.
fn mounts(node: &Node) -> Vec<&Path> {
    let mut folders = vec![node.root_dir.as_path()];
    for folder in [Some(node.log_dir.as_path()), node.binary.parent()].into_iter().flatten() {
        if !folders.iter().any(|known| folder.starts_with(known)) {
            folders.push(folder);
        }
    }
    folders
}

/// Returns the value of `--mount` for a folder at its own path: CSV fields, quoted because a path may contain commas.
fn mount(folder: &str) -> String {
    let field = |key: &str| format!("\"{key}={}\"", folder.replace('"', "\"\""));
    format!("type=bind,{},{}", field("source"), field("target"))
}
