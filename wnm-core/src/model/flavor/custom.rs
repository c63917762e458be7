//! A node program that an operator describes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use super::{BoundPort, MetricsSource};
use crate::model::node::{Node, Ports};
use crate::model::units::Version;

/// The word a description begins with.
const CUSTOM: &str = "custom";
/// What stands for the version in the pattern of what `--version` prints.
const VERSION: &str = "{version}";
/// How a process is known to be a node's: the arguments must say it.
const ROOT: [&str; 2] = ["--root-dir", "{root_dir}"];

/// A node program as an operator describes it:
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
    /// Returns the description that a text holds, one and the same for equal ones.
    pub(super) fn read(text: &str) -> Result<&'static Self, NotCustom> {
        // Flavors are copied everywhere, and refer to what they are described by: each description is kept for good.
        static KNOWN: Mutex<BTreeSet<&'static Custom>> = Mutex::new(BTreeSet::new());
        let custom = text.parse::<Self>()?;
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(known.get(&custom).copied().unwrap_or_else(|| {
            let kept: &'static Self = Box::leak(Box::new(custom));
            known.insert(kept);
            kept
        }))
    }

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
        self.ports.split(',').filter_map(|word| bound_port(word, ports.all())).collect()
    }

    pub(super) fn arguments(&self, node: &Node) -> Vec<String> {
        let words = shell_words::split(&self.arguments).unwrap_or_default();
        words.iter().filter_map(|word| filled(word, |name| value_of(name, node))).collect()
    }
}

/// Returns what a name in braces stands for; None when it stands for nothing.
fn value_of(name: &str, node: &Node) -> Option<String> {
    Some(match name {
        "root_dir" => node.root_dir.display().to_string(),
        "log_dir" => node.log_dir.display().to_string(),
        "port" => node.ports.node.to_string(),
        "metrics_port" => node.ports.metrics.to_string(),
        "rpc_port" => node.ports.rpc.to_string(),
        "rewards_address" => node.wallet.to_string(),
        _ => return None,
    })
}

/// Returns a word with each name in braces replaced; None when one stands for nothing.
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

/// Returns the port that a word such as `udp:node` names among those of a node: node, metrics, rpc.
fn bound_port(word: &str, [node, metrics, rpc]: [u16; 3]) -> Option<BoundPort> {
    let (protocol, name) = word.split_once(':')?;
    let port = match name {
        "node" => node,
        "metrics" => metrics,
        "rpc" => rpc,
        _ => return None,
    };
    match protocol {
        "udp" => Some(BoundPort::Udp(port)),
        "tcp" => Some(BoundPort::LoopbackTcp(port)),
        _ => None,
    }
}

/// A description of a node program cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct NotCustom {
    expected: String,
    found: String,
}

impl FromStr for Custom {
    type Err = NotCustom;
    fn from_str(text: &str) -> Result<Self, NotCustom> {
        let wrong = |expected: &str, found: &str| NotCustom { expected: expected.to_owned(), found: found.to_owned() };
        let words = shell_words::split(text).map_err(|_| wrong("words as a shell reads them", text))?;
        let mut said: BTreeMap<&str, &str> = match words.split_first() {
            Some((first, rest)) if first == CUSTOM => {
                let pairs = rest.iter().map(|word| word.split_once('=').ok_or_else(|| wrong("KEY=VALUE", word)));
                pairs.collect::<Result<_, _>>()?
            }
            Some(_) | None => return Err(wrong("antnode, ant-node, or custom and a description", text)),
        };
        let mut take = |key: &str, expected: &str, is_right: &dyn Fn(&str) -> bool| {
            let value = said.remove(key).unwrap_or_default();
            let is_right = is_right(value) && !value.chars().any(char::is_control);
            if is_right { Ok(value.to_owned()) } else { Err(wrong(&format!("{key}={expected}"), value)) }
        };
        let is_name = |value: &str| !value.is_empty() && !value.starts_with('.') && !value.contains('/');
        let are_arguments = |value: &str| {
            let words = shell_words::split(value).unwrap_or_default();
            let is_known = |word: &String| {
                filled(word, |name| {
                    let names = ["root_dir", "log_dir", "port", "metrics_port", "rpc_port", "rewards_address"];
                    names.contains(&name).then(String::new)
                })
            };
            words.windows(2).any(|pair| pair == ROOT) && words.iter().all(|word| is_known(word).is_some())
        };
        let custom = Self {
            program: take("program", "the name of its file", &is_name)?,
            version: take("version", "the line it prints, with {version} in it", &|value| value.contains(VERSION))?,
            metrics: take("metrics", "http or process", &|value| matches!(value, "http" | "process"))?,
            identity: take("identity", "the name of a file in its folder", &is_name)?,
            ports: take("ports", "udp or tcp, a colon, and node, metrics or rpc; comma-separated", &|value| {
                value.split(',').all(|word| bound_port(word, [0; 3]).is_some())
            })?,
            arguments: take(
                "arguments",
                "words with --root-dir {root_dir}, and {log_dir} {port} {metrics_port} {rpc_port} {rewards_address}",
                &are_arguments,
            )?,
        };
        match said.first_key_value() {
            None => Ok(custom),
            Some((key, _)) => Err(wrong("program, version, metrics, identity, ports and arguments", key)),
        }
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
    fn a_description_is_read_back_from_its_text() {
        let flavor: Flavor = TEXT.parse().unwrap();
        assert_eq!(flavor.to_string().parse(), Ok(flavor));
        assert_eq!((flavor.program(), flavor.identity_file()), ("my-node", "key"));
        assert_eq!(flavor.metrics_source(), MetricsSource::Process);
        assert_eq!(flavor.version_in("my-node v1.2.3 (main)\nmore").unwrap().to_string(), "1.2.3");
        assert_eq!(flavor.version_in("their-node v1.2.3 (main)"), None);
        let (one, other) = (Custom::read(TEXT).unwrap(), Custom::read(TEXT).unwrap());
        assert!(std::ptr::eq(one, other));
        let json = serde_json::to_string(&flavor).unwrap();
        assert_eq!(serde_json::from_str::<Flavor>(&json).unwrap(), flavor);
    }

    #[test]
    fn what_cannot_be_used_says_what_should_be_there() {
        let said = |from: &str, to: &str| {
            let text = TEXT.replace(from, to);
            assert_ne!(text, TEXT);
            text.parse::<Flavor>().unwrap_err().to_string()
        };
        insta::assert_snapshot!([
            said("custom", "costum"),
            said("program=my-node", "program=a/b"),
            said("{version}", "1"),
            said("metrics=process", "metrics=grpc"),
            said("identity=key ", ""),
            said("tcp:rpc", "tcp:4"),
            said("--root-dir ", "--folder="),
            said("{port}", "{prot}"),
            said("ports=", "color=red ports="),
            said("'arguments", "arguments"),
        ].join("\n"), @r#"
        expected antnode, ant-node, or custom and a description, found "costum program=my-node 'version=my-node v{version} (main)' metrics=process identity=key ports=udp:node,tcp:rpc 'arguments=--root-dir {root_dir} --listen 0.0.0.0:{port} '\\''a b'\\'''"
        expected program=the name of its file, found "a/b"
        expected version=the line it prints, with {version} in it, found "my-node v1 (main)"
        expected metrics=http or process, found "grpc"
        expected identity=the name of a file in its folder, found ""
        expected ports=udp or tcp, a colon, and node, metrics or rpc; comma-separated, found "udp:node,tcp:4"
        expected arguments=words with --root-dir {root_dir}, and {log_dir} {port} {metrics_port} {rpc_port} {rewards_address}, found "--folder={root_dir} --listen 0.0.0.0:{port} 'a b'"
        expected arguments=words with --root-dir {root_dir}, and {log_dir} {port} {metrics_port} {rpc_port} {rewards_address}, found "--root-dir {root_dir} --listen 0.0.0.0:{prot} 'a b'"
        expected program, version, metrics, identity, ports and arguments, found "color"
        expected KEY=VALUE, found "{root_dir}"
        "#);
    }
}
