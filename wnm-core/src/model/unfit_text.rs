//! The texts of a node that other programs get: names, paths, arguments and variables.
//!
//! They come from settings, backups, and the definitions, databases and processes of other tools, and become lines of units,
//! property lists and environment files. A text that one of the process managers reads differently is refused everywhere.

use std::path::{Path, PathBuf};

use super::node::Node;

/// The maximum length of one name or path of a node, in bytes: `PATH_MAX` of Linux.
const LONGEST: usize = 4096;
/// The maximum length of all texts of a node together, in bytes. Linux accepts 128 KiB for one argument of a program, and a
/// description of the node in JSON is one.
const LONGEST_IN_ALL: usize = 32 * 1024;
/// The number of characters of a refused text that a message quotes.
const QUOTED: usize = 60;

/// A text that cannot be given to every program unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnfitText {
    /// The name of the service has other characters.
    #[error("{} is not the name of a service: letters, digits and :._@- only", quoted(.0))]
    Service(String),
    /// A path is not UTF-8, too long, or contains control characters.
    #[error("the path {} is not printable UTF-8 of at most {LONGEST} bytes", quoted(&.0.to_string_lossy()))]
    Path(PathBuf),
    /// The name of a variable has other characters.
    #[error("{} is not the name of a variable: letters, digits and _ only, and no digit first", quoted(.0))]
    Variable(String),
    /// The value of this variable contains a control character. The value may be a secret.
    #[error("the value of the variable {0} contains a control character")]
    Value(String),
    /// An argument, counted from 1, contains a control character. It may be a secret.
    #[error("argument {0} contains a control character")]
    Argument(usize),
    /// The texts are too long.
    #[error("its arguments and variables have {0} bytes, and at most {LONGEST_IN_ALL} are possible")]
    TooLong(usize),
}

impl UnfitText {
    /// Returns the first text of a node that not all programs read unchanged; None when all are fit.
    #[must_use]
    pub fn of(node: &Node) -> Option<Self> {
        let of_service = || node.service.as_ref().filter(|name| !is_service(name)).cloned().map(Self::Service);
        let paths = [&node.root_dir, &node.log_dir, &node.binary];
        let of_paths = || paths.into_iter().find(|path| !is_path(path)).cloned().map(Self::Path);
        let pairs = || node.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let of_pairs = || pairs().find_map(|(name, value)| Self::of_variable(name, value));
        let words = || node.arguments.iter().chain(&node.network).map(String::as_str);
        let of_length = || {
            let length = words().chain(pairs().flat_map(|(name, value)| [name, value])).map(str::len).sum();
            (length > LONGEST_IN_ALL).then_some(Self::TooLong(length))
        };
        // The length first, so that no message quotes a part of a megabyte.
        of_length().or_else(of_service).or_else(of_paths).or_else(of_pairs).or_else(|| Self::of_words(words()))
    }

    /// Returns the fault of a variable; None when it is fit.
    #[must_use]
    pub fn of_variable(name: &str, value: &str) -> Option<Self> {
        if !is_variable(name) {
            return Some(Self::Variable(name.to_owned()));
        }
        value.contains(is_unprintable).then(|| Self::Value(name.to_owned()))
    }

    /// Returns the fault of the first argument that is not fit.
    #[must_use]
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        words.into_iter().position(|word| word.contains(is_unprintable)).map(|at| Self::Argument(at + 1))
    }
}

fn quoted(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(QUOTED).collect();
    let more = if chars.next().is_some() { " …" } else { "" };
    format!("{start:?}{more}")
}

/// Tells whether a character is one that systemd refuses in a variable, or that XML cannot contain.
fn is_unprintable(c: char) -> bool {
    c.is_ascii_control() && !matches!(c, '\t' | '\n') || matches!(c, '\u{fffe}' | '\u{ffff}')
}

fn is_variable(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.len() <= LONGEST && name.chars().all(fits) && name.starts_with(|c: char| !c.is_ascii_digit())
}

fn is_service(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || ":._@-".contains(c);
    // A file has this name with a suffix.
    (1..=200).contains(&name.len()) && name.chars().all(fits) && !name.starts_with(['.', '-'])
}

fn is_path(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.len() <= LONGEST && !text.contains(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::flavor::Flavor;
    use crate::model::manager::ManagerKind;
    use crate::model::node::{NodeId, Ports, Upnp};
    use crate::model::units::Timestamp;
    use crate::model::wallet::FAUCET;

    fn node() -> Node {
        Node {
            id: NodeId::FIRST,
            uuid: "u".to_owned(),
            flavor: Flavor::Antnode,
            manager: ManagerKind::ALL[0],
            service: None,
            root_dir: "/s/antnode0001".into(),
            log_dir: "/l/antnode0001".into(),
            binary: "/s/antnode0001/antnode".into(),
            ports: Ports { node: 1, metrics: None, rpc: None },
            wallet: FAUCET,
            network: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            upnp: Upnp::Off,
            born: Timestamp::default(),
        }
    }

    #[test]
    fn hostile_texts_are_refused_in_each_field() {
        type Set = fn(&mut Node, &str);
        let set: [(&str, Set); 8] = [
            ("service", |node, text| node.service = Some(text.to_owned())),
            ("root_dir", |node, text| node.root_dir = format!("/s/{text}").into()),
            ("log_dir", |node, text| node.log_dir = format!("/l/{text}").into()),
            ("binary", |node, text| node.binary = format!("/b/{text}").into()),
            ("name", |node, text| node.environment = vec![(text.to_owned(), "v".to_owned())]),
            ("value", |node, text| node.environment = vec![("N".to_owned(), text.to_owned())]),
            ("argument", |node, text| node.arguments = vec![text.to_owned()]),
            ("network", |node, text| node.network = vec![text.to_owned()]),
        ];
        let long = "x".repeat(1 << 20);
        // The text, and the fields that may have it.
        let texts: [(&str, &[&str]); 17] = [
            ("plain", &["service", "root_dir", "log_dir", "binary", "name", "value", "argument", "network"]),
            ("a b", &["root_dir", "log_dir", "binary", "value", "argument", "network"]),
            ("50%n", &["root_dir", "log_dir", "binary", "value", "argument", "network"]),
            ("$HOME`id`\"'\\", &["root_dir", "log_dir", "binary", "value", "argument", "network"]),
            ("1x", &["service", "root_dir", "log_dir", "binary", "value", "argument", "network"]),
            ("a=b", &["root_dir", "log_dir", "binary", "value", "argument", "network"]),
            ("..", &["root_dir", "log_dir", "binary", "value", "argument", "network"]),
            ("../../etc/x", &["root_dir", "log_dir", "binary", "value", "argument", "network"]),
            ("-x", &["root_dir", "log_dir", "binary", "value", "argument", "network"]),
            ("", &["root_dir", "log_dir", "binary", "value", "argument", "network"]),
            ("a\nExecStartPre=/bin/x", &["value", "argument", "network"]),
            ("a\0b", &[]),
            ("a\x1b[2J", &[]),
            ("a\rb", &[]),
            ("\u{202e}é\u{200b}", &["root_dir", "log_dir", "binary", "value", "argument", "network"]),
            ("a\u{9b}b", &["value", "argument", "network"]),
            (&long, &[]),
        ];
        for (text, allowed) in texts {
            for (field, set) in set {
                let mut node = node();
                set(&mut node, text);
                let found = UnfitText::of(&node);
                let shown: String = text.chars().take(20).collect();
                assert_eq!(found.is_none(), allowed.contains(&field), "{field} {shown:?}: {found:?}");
                let message = found.map(|found| found.to_string()).unwrap_or_default();
                assert!(message.len() < 400 && !message.contains(char::is_control), "{message:?}");
            }
        }
        let mut node = node();
        let bytes: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"/l/\xff");
        node.log_dir = PathBuf::from(bytes);
        assert!(matches!(UnfitText::of(&node), Some(UnfitText::Path(_))));
    }
}
