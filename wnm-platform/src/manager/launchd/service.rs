//! The property list that is a node's service.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plist::stream::{BinaryReader, Event, OwnedEvent, XmlReader};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use wnm_core::{Node, Scope};

use super::super::adopt;
use super::PREFIX;
use crate::error::{FileOperation, PlatformError};
use crate::guarded::{self, Trust};
use crate::node_dir::STDERR_LOG;
use crate::weight::Weights;

/// The maximum size of a property list, in bytes.
const LIMIT: u64 = 256 * 1024;
/// The maximum number of values in a property list, and of the begins and ends of its arrays and dictionaries.
const MOST_EVENTS: usize = 10_000;
/// The maximum number of arrays and dictionaries in each other; that of a node has two.
const DEEPEST: i32 = 16;

/// The property list of a node. Unknown keys of external lists are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Plist {
    pub(super) label: String,
    pub(super) program_arguments: Vec<String>,
    #[serde(default)]
    pub(super) environment_variables: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) working_directory: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    standard_out_path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    standard_error_path: Option<String>,
    #[serde(default)]
    run_at_load: bool,
    /// Restart after any exit code: a node exits with 0 to upgrade itself.
    #[serde(default, skip_deserializing)]
    keep_alive: bool,
    /// Seconds between SIGTERM and SIGKILL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit_time_out: Option<u32>,
    /// `Background` gives the CPU time that other work leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    process_type: Option<String>,
    /// Disk access with low priority.
    #[serde(default, rename = "LowPriorityIO", skip_serializing_if = "Option::is_none")]
    low_priority_io: Option<bool>,
    /// The sessions that load the service: with `Background`, also the domain `user/UID` of a Mac without a graphical
    /// login does. An external list may have a single text here.
    #[serde(default, skip_deserializing, skip_serializing_if = "<[&str]>::is_empty")]
    limit_load_to_session_type: &'static [&'static str],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    soft_resource_limits: Option<Limits>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hard_resource_limits: Option<Limits>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Limits {
    #[serde(default)]
    number_of_files: u32,
}

impl Plist {
    /// Returns the list of a node.
    pub(super) fn of(node: &Node, label: &str, weights: Option<Weights>) -> Result<Self, PlatformError> {
        adopt::check_texts(node)?;
        let files = Some(Limits { number_of_files: 65_536 });
        let mut program_arguments = vec![adopt::text(&node.binary)?];
        program_arguments.extend(node.flavor.arguments(node));
        Ok(Self {
            label: label.to_owned(),
            program_arguments,
            environment_variables: node.environment.iter().cloned().collect(),
            working_directory: Some(node.root_dir.clone()),
            standard_out_path: Some("/dev/null".to_owned()),
            standard_error_path: Some(adopt::text(&node.log_dir.join(STDERR_LOG))?),
            run_at_load: true,
            keep_alive: true,
            exit_time_out: Some(30),
            process_type: weights.filter(|it| it.cpu.is_behind()).map(|_| "Background".to_owned()),
            low_priority_io: weights.filter(|it| it.io.is_behind()).map(|_| true),
            limit_load_to_session_type: match node.manager.scope {
                Scope::User | Scope::Zen => &["Aqua", "Background"],
                Scope::Sudo => &[],
            },
            soft_resource_limits: files,
            hard_resource_limits: files,
        })
    }

    /// Tells whether the service runs behind other work.
    pub(super) fn is_behind(&self) -> bool {
        self.process_type.as_deref() == Some("Background") || self.low_priority_io == Some(true)
    }

    /// Returns the `--root-dir` of its program; None without this flag.
    pub(super) fn root(&self) -> Option<PathBuf> {
        adopt::root_dir(self.program_arguments.get(1..)?).map(PathBuf::from)
    }

    /// Returns the XML of the list.
    pub(super) fn to_text(&self, path: &Path) -> Result<Vec<u8>, PlatformError> {
        let mut text = Vec::new();
        plist::to_writer_xml(&mut text, self).map_err(|error| PlatformError::File {
            operation: FileOperation::Write,
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidInput, error),
        })?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Returns a property list; None if it is missing or unreadable.
pub(super) fn read(path: &Path) -> Option<Plist> {
    parse(&guarded::read(path, LIMIT, Trust::Anyone).ok()?).ok()
}

/// Parses an XML or binary list. The bounds are for files of other users: arrays of a binary list can contain each other
/// many times, so that 400 bytes take minutes, and each level takes room on the stack.
///
/// A list with a date is an error: no key of a service has one, and the library panics at one outside of the years 0 to 9999.
fn parse(bytes: &[u8]) -> Result<Plist, plist::Error> {
    let date = || plist::Error::custom("a date");
    let events: Box<dyn Iterator<Item = Result<OwnedEvent, plist::Error>> + '_> = if bytes.starts_with(b"bplist00") {
        Box::new(BinaryReader::new(io::Cursor::new(bytes)))
    } else if bytes.windows(5).any(|part| part == b"<date") {
        return Err(date());
    } else {
        Box::new(XmlReader::new(bytes))
    };
    let dateless = events.map(|event| if matches!(event, Ok(Event::Date(_))) { Err(date()) } else { event });
    let mut depth = 0;
    let bounded = dateless.take(MOST_EVENTS).take_while(|event| {
        match event {
            Ok(Event::StartArray(_) | Event::StartDictionary(_)) => depth += 1,
            Ok(Event::EndCollection) => depth -= 1,
            Ok(_) | Err(_) => {}
        }
        depth <= DEEPEST
    });
    Plist::deserialize(&mut plist::Deserializer::new(bounded))
}

/// Returns the property lists of nodes in a folder with their labels; None for an unreadable list with a label of wnm.
pub(super) fn below(folder: &Path) -> Result<Vec<(String, Option<Plist>)>, PlatformError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(PlatformError::File { operation: FileOperation::List, path: folder.to_owned(), source });
        }
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let labelled = |path: PathBuf| {
        let label = path.file_name()?.to_str()?.strip_suffix(".plist")?.to_owned();
        let is_named = label.starts_with(PREFIX);
        let list = read(&path);
        if !is_named && !list.as_ref().is_some_and(|list| adopt::is_node_program(list.program_arguments.first())) {
            return None;
        }
        if list.is_none() {
            tracing::warn!(path = %path.display(), "ignored a service with an unreadable property list");
        }
        Some((label, list))
    };
    Ok(paths.into_iter().filter_map(labelled).collect())
}

/// Fuzz target: parses a property list in any of its formats, and writes it as XML.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let Ok(list) = parse(bytes) else { return };
    _ = (list.root(), list.is_behind());
    let Ok(written) = list.to_text(Path::new("fuzz")) else { return };
    let again = parse(&written).map(|again| (again.label, again.program_arguments, again.environment_variables));
    let facts = (list.label, list.program_arguments, list.environment_variables);
    assert!(again.as_ref().is_ok_and(|again| *again == facts), "{facts:?} is written as {again:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_with_a_date_is_an_error() {
        let xml = |date: &str| {
            format!(
                "<plist><dict><key>Label</key><string>a</string><key>ProgramArguments</key><array/>\
                 <key>Other</key>{date}</dict></plist>"
            )
        };
        assert_eq!(parse(xml("<true/>").as_bytes()).unwrap().label, "a");
        for date in ["2026-01-01T00:00:00Z", "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "x"] {
            assert!(parse(xml(&format!("<date>{date}</date>")).as_bytes()).is_err(), "{date}");
        }
        let epoch = std::time::SystemTime::UNIX_EPOCH;
        let years = |years: u64| std::time::Duration::from_secs(years * 365 * 24 * 60 * 60);
        for date in [epoch, epoch - years(1980), epoch + years(7000)] {
            let mut list = plist::from_bytes::<plist::Dictionary>(xml("<true/>").as_bytes()).unwrap();
            list.insert("Other".to_owned(), plist::Date::from(date).into());
            let mut bytes = Vec::new();
            plist::Value::from(list).to_writer_binary(&mut bytes).unwrap();
            assert!(bytes.starts_with(b"bplist00") && parse(&bytes).is_err(), "{date:?}");
        }
    }

    #[test]
    fn hostile_texts_are_read_back_from_a_property_list_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut written = 0;
        for (field, node) in crate::node_dir::tests::hostile_nodes(folder.path()) {
            let list = match Plist::of(&node, "com.autonomi.antnode0001", None) {
                Ok(list) => list,
                Err(error) => {
                    assert!(error.hint().is_some(), "{field}: {error}");
                    continue;
                }
            };
            written += 1;
            let read = parse(&list.to_text(Path::new("test")).unwrap()).unwrap();
            let command = [vec![node.binary.display().to_string()], node.flavor.arguments(&node)].concat();
            assert_eq!(read.program_arguments, command, "{field}");
            assert_eq!(read.environment_variables, node.environment.iter().cloned().collect(), "{field}");
            assert_eq!(read.working_directory.as_ref(), Some(&node.root_dir), "{field}");
        }
        assert!(written > 70, "{written}");
    }
}
