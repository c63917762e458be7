//! Node programs that the setting `flavor` describes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{BoundPort, MetricsSource};
use crate::model::node::{Node, Ports};
use crate::model::units::Version;

/// The first word of a description.
const CUSTOM: &str = "custom";
/// The placeholder for the version in the pattern of the `--version` output.
const VERSION: &str = "{version}";
/// The arguments that every description must contain: wnm recognizes the process of a node by its `--root-dir`.
const ROOT: [&str; 2] = ["--root-dir", "{root_dir}"];

/// The names that may stand in braces in the arguments.
const PLACEHOLDERS: [&str; 6] = ["root_dir", "log_dir", "port", "metrics_port", "rpc_port", "rewards_address"];

/// The description of a node program, as text
/// `custom program=my-node version='my-node {version}' metrics=process identity=key ports=udp:node,tcp:metrics
/// arguments='--root-dir {root_dir} --port {port}'`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Custom {
    program: String,
    version: String,
    metrics: String,
    identity: String,
    ports: String,
    arguments: String,
}

impl Custom {
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    pub(super) fn identity_file(&self) -> &str {
        &self.identity
    }

    pub(super) fn metrics_source(&self) -> MetricsSource {
        if self.metrics == "http" { MetricsSource::Http } else { MetricsSource::Process }
    }

    pub(super) fn version_in(&self, first_line: &str) -> Option<Version> {
        let (before, after) = self.version.split_once(VERSION)?;
        first_line.trim_end().strip_prefix(before)?.strip_suffix(after)?.parse().ok()
    }

    pub(super) fn bound_ports(&self, ports: &Ports) -> Vec<BoundPort> {
        self.ports.split(',').filter_map(|word| bound_port(word, ports)).collect()
    }

    pub(super) fn arguments(&self, node: &Node) -> Vec<String> {
        let words = shell_words::split(&self.arguments).unwrap_or_default();
        words.iter().filter_map(|word| filled(word, |name| value_of(name, node))).collect()
    }
}

/// Returns the value of a placeholder; None for an unknown name.
fn value_of(name: &str, node: &Node) -> Option<String> {
    Some(match name {
        "root_dir" => node.root_dir.display().to_string(),
        "log_dir" => node.log_dir.display().to_string(),
        "port" => node.ports.node.to_string(),
        "metrics_port" => node.ports.metrics?.to_string(),
        "rpc_port" => node.ports.rpc?.to_string(),
        "rewards_address" => node.wallet.to_string(),
        _ => return None,
    })
}

/// Returns a word with its placeholders replaced; None if `value` is None for one.
fn filled(word: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut parts = word.split('{');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}')?;
        text += &value(name)?;
        text += rest;
    }
    Some(text)
}

/// Returns the port for a word such as `udp:node`; None for a port that the node does not have.
fn bound_port(word: &str, ports: &Ports) -> Option<BoundPort> {
    let (protocol, name) = word.split_once(':')?;
    let port = match name {
        "node" => ports.node,
        "metrics" => ports.metrics?,
        "rpc" => ports.rpc?,
        _ => return None,
    };
    match protocol {
        "udp" => Some(BoundPort::Udp(port)),
        "tcp" => Some(BoundPort::LoopbackTcp(port)),
        _ => None,
    }
}

/// A text that describes no node program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid flavor {text:?}: {cause}")]
pub struct InvalidFlavor {
    /// The text, cut to 60 characters.
    pub text: String,
    /// The reason.
    pub cause: FlavorCause,
}

/// The reason why a text describes no node program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlavorCause {
    /// A quote is not closed, so that the text cannot be split into words.
    #[error("a quote is not closed")]
    UnclosedQuote,
    /// The text does not begin with the name of a known program or with `custom`.
    #[error("not antnode, ant-node, or custom with a description")]
    UnknownProgram,
    /// A word of the description is not `KEY=VALUE`.
    #[error("{word:?} is not KEY=VALUE")]
    NotAPair {
        /// The word.
        word: String,
    },
    /// A key has a value that it does not accept, or is absent.
    #[error("{key}={value:?} is not {accepted}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// The value; empty where the key is absent.
        value: String,
        /// The accepted values as a noun phrase.
        accepted: &'static str,
    },
    /// The arguments do not contain `--root-dir {root_dir}`, by which a process is recognized as a node.
    #[error("arguments do not contain --root-dir {{root_dir}}")]
    NoRootDir,
    /// A word of the arguments has an unknown name in braces.
    #[error("unknown placeholder in {word:?}, not one of {}", PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", "))]
    UnknownPlaceholder {
        /// The word.
        word: String,
    },
    /// A description has no such key.
    #[error("unknown key {key:?}, not one of program, version, metrics, identity, ports, arguments")]
    UnknownKey {
        /// The key.
        key: String,
    },
}

impl FromStr for Custom {
    type Err = InvalidFlavor;
    fn from_str(text: &str) -> Result<Self, InvalidFlavor> {
        Self::parse(text).map_err(|cause| InvalidFlavor { text: text.chars().take(60).collect(), cause })
    }
}

/// The values of a description that are not yet taken, by key.
struct Description<'a>(BTreeMap<&'a str, &'a str>);

impl Description<'_> {
    /// Takes the value of a key; control characters are never accepted.
    fn take(
        &mut self,
        key: &'static str,
        accepted: &'static str,
        is_accepted: impl Fn(&str) -> bool,
    ) -> Result<String, FlavorCause> {
        let value = self.0.remove(key).unwrap_or_default().to_owned();
        let is_accepted = is_accepted(&value) && !value.chars().any(char::is_control);
        if is_accepted { Ok(value) } else { Err(FlavorCause::BadValue { key, value, accepted }) }
    }
}

impl Custom {
    fn parse(text: &str) -> Result<Self, FlavorCause> {
        let words = shell_words::split(text).map_err(|_| FlavorCause::UnclosedQuote)?;
        let mut description = match words.split_first() {
            Some((first, rest)) if first == CUSTOM => {
                let pair = |word| str::split_once(word, '=').ok_or(FlavorCause::NotAPair { word: word.to_owned() });
                Description(rest.iter().map(String::as_str).map(pair).collect::<Result<_, _>>()?)
            }
            Some(_) | None => return Err(FlavorCause::UnknownProgram),
        };
        let custom = Self {
            program: description.take("program", "a file name", is_file_name)?,
            version: description
                .take("version", "the line of --version with {version} in it", |value| value.contains(VERSION))?,
            metrics: description.take("metrics", "http or process", |value| matches!(value, "http" | "process"))?,
            identity: description.take("identity", "the name of a file in the folder of the node", is_file_name)?,
            ports: description.take("ports", "a list such as udp:node,tcp:metrics,udp:rpc", |value| {
                let any = Ports { node: 0, metrics: Some(0), rpc: Some(0) };
                value.split(',').all(|word| bound_port(word, &any).is_some())
            })?,
            arguments: description.take("arguments", "a text without control characters", |_| true)?,
        };
        check_arguments(&custom.arguments)?;
        match description.0.first_key_value() {
            None => Ok(custom),
            Some((key, _)) => Err(FlavorCause::UnknownKey { key: (*key).to_owned() }),
        }
    }
}

fn is_file_name(value: &str) -> bool {
    !value.is_empty() && !value.starts_with('.') && !value.contains('/')
}

/// Checks that the arguments name the root folder, and use only known names in braces.
fn check_arguments(text: &str) -> Result<(), FlavorCause> {
    let words = shell_words::split(text).map_err(|_| FlavorCause::UnclosedQuote)?;
    if !words.windows(2).any(|pair| pair == ROOT) {
        return Err(FlavorCause::NoRootDir);
    }
    let is_known = |word: &String| filled(word, |name| PLACEHOLDERS.contains(&name).then(String::new)).is_some();
    match words.into_iter().find(|word| !is_known(word)) {
        Some(word) => Err(FlavorCause::UnknownPlaceholder { word }),
        None => Ok(()),
    }
}

impl fmt::Display for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = [
            ("program", &self.program),
            ("version", &self.version),
            ("metrics", &self.metrics),
            ("identity", &self.identity),
            ("ports", &self.ports),
            ("arguments", &self.arguments),
        ];
        let words = pairs.map(|(key, value)| format!("{key}={value}"));
        write!(f, "{CUSTOM} {}", shell_words::join(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Flavor;

    const TEXT: &str = "custom program=my-node 'version=my-node v{version} (main)' metrics=process identity=key \
        ports=udp:node,tcp:rpc 'arguments=--root-dir {root_dir} --listen 0.0.0.0:{port} '\\''a b'\\'''";

    #[test]
    fn descriptions_round_trip_through_text() {
        let flavor: Flavor = TEXT.parse().unwrap();
        assert_eq!(flavor.to_string().parse().as_ref(), Ok(&flavor));
        assert_eq!((flavor.program(), flavor.identity_file()), ("my-node", "key"));
        assert_eq!(flavor.metrics_source(), MetricsSource::Process);
        assert_eq!(flavor.version_in("my-node v1.2.3 (main)\nmore").unwrap().to_string(), "1.2.3");
        assert_eq!(flavor.version_in("their-node v1.2.3 (main)"), None);
        let json = serde_json::to_string(&flavor).unwrap();
        assert_eq!(serde_json::from_str::<Flavor>(&json).unwrap(), flavor);
    }

    #[test]
    fn invalid_descriptions_have_a_cause() {
        let error = |from: &str, to: &str| {
            let text = TEXT.replace(from, to);
            assert_ne!(text, TEXT);
            text.parse::<Flavor>().unwrap_err().to_string()
        };
        insta::assert_snapshot!([
            error("custom", "costum"),
            error("program=my-node", "program=a/b"),
            error("{version}", "1"),
            error("metrics=process", "metrics=grpc"),
            error("identity=key ", ""),
            error("tcp:rpc", "tcp:4"),
            error("--root-dir ", "--folder="),
            error("{port}", "{prot}"),
            error("ports=", "color=red ports="),
            error("'arguments", "arguments"),
        ].join("\n"), @r#"
        invalid flavor "costum program=my-node 'version=my-node v{version} (main)' m": not antnode, ant-node, or custom with a description
        invalid flavor "custom program=a/b 'version=my-node v{version} (main)' metri": program="a/b" is not a file name
        invalid flavor "custom program=my-node 'version=my-node v1 (main)' metrics=p": version="my-node v1 (main)" is not the line of --version with {version} in it
        invalid flavor "custom program=my-node 'version=my-node v{version} (main)' m": metrics="grpc" is not http or process
        invalid flavor "custom program=my-node 'version=my-node v{version} (main)' m": identity="" is not the name of a file in the folder of the node
        invalid flavor "custom program=my-node 'version=my-node v{version} (main)' m": ports="udp:node,tcp:4" is not a list such as udp:node,tcp:metrics,udp:rpc
        invalid flavor "custom program=my-node 'version=my-node v{version} (main)' m": arguments do not contain --root-dir {root_dir}
        invalid flavor "custom program=my-node 'version=my-node v{version} (main)' m": unknown placeholder in "0.0.0.0:{prot}", not one of {root_dir}, {log_dir}, {port}, {metrics_port}, {rpc_port}, {rewards_address}
        invalid flavor "custom program=my-node 'version=my-node v{version} (main)' m": unknown key "color", not one of program, version, metrics, identity, ports, arguments
        invalid flavor "custom program=my-node 'version=my-node v{version} (main)' m": "{root_dir}" is not KEY=VALUE
        "#);
    }
}
