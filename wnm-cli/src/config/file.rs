//! The config file: TOML, or `key=value` lines as the Python wnm reads them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use wnm_agent::settings_text::{self, Entry, NotToml};
use wnm_core::RawSettings;
use wnm_platform::{files, places};

use super::set;
use crate::error::{CliError, ConfigFileCause, ConfigFileError, EntryCause, EntryError};
use crate::legacy;

/// The maximum size of the file, in bytes. A path to a device must not fill the memory.
const LIMIT: u64 = 1024 * 1024;

/// The config file to read.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// The first existing file of the default places.
    Usual,
    /// A named file, which must exist.
    Named(PathBuf),
    /// None: the demo must not depend on the settings of this host.
    Nothing,
}

static CHOICE: OnceLock<Choice> = OnceLock::new();

/// Sets the config file of this process. Later calls have no effect.
pub(crate) fn choose(choice: Choice) {
    CHOICE.get_or_init(|| choice);
}

/// Returns the path of the config file; without an existing one, the path where it would be read first.
pub(crate) fn path() -> Option<PathBuf> {
    match CHOICE.get().unwrap_or(&Choice::Usual) {
        Choice::Named(path) => Some(path.clone()),
        Choice::Nothing => None,
        Choice::Usual => {
            let usual = places::config_files();
            usual.iter().find(|path| path.exists()).or(usual.first()).cloned()
        }
    }
}

/// Returns whether the operator named the config file.
pub(super) fn is_named() -> bool {
    matches!(CHOICE.get(), Some(Choice::Named(_)))
}

/// Returns whether a path is one of the default places.
pub(super) fn is_usual(path: &Path) -> bool {
    matches!(CHOICE.get(), None | Some(Choice::Usual)) && places::config_files().iter().any(|usual| usual == path)
}

/// The text of the config file at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    /// The file; None if no file is named and none exists.
    pub(super) path: Option<PathBuf>,
    text: String,
}

impl Content {
    /// Returns the settings in the file.
    ///
    /// # Errors
    /// The text is not valid.
    pub(super) fn settings(&self) -> Result<RawSettings, ConfigFileError> {
        let Some(path) = &self.path else { return Ok(RawSettings::default()) };
        let is_toml = path.extension() == Some(OsStr::new("toml"));
        let read = if is_toml { from_toml(&self.text) } else { from_lines(&self.text) };
        read.map_err(|cause| ConfigFileError { path: path.clone(), cause })
    }
}

/// Reads the settings of the config file; none if no file is named and none exists.
pub(crate) fn read() -> Result<RawSettings, CliError> {
    Ok(content()?.settings()?)
}

/// Reads the text of the config file.
///
/// # Errors
/// The file is missing although it was named, cannot be read, or another user can write it.
pub(super) fn content() -> Result<Content, ConfigFileError> {
    let none = Content { path: None, text: String::new() };
    let Some(path) = path() else { return Ok(none) };
    let failed = |cause| ConfigFileError { path: path.clone(), cause };
    // The file system of the file can hang, and must not hang a daemon.
    let opened = files::with_deadline(&path, open).and_then(|opened| opened);
    let opened = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named() => return Ok(none),
        other => other.map_err(|error| failed(ConfigFileCause::Unreadable(error)))?,
    };
    let bytes = match opened {
        Opened::Untrusted { owner } => return Err(failed(ConfigFileCause::Untrusted { owner })),
        Opened::Content(bytes) => bytes,
        // Its writer may take any time.
        Opened::Pipe => {
            File::open(&path).and_then(begin).map_err(|error| failed(ConfigFileCause::Unreadable(error)))?
        }
    };
    if bytes.len() as u64 > LIMIT {
        return Err(failed(ConfigFileCause::TooLong(LIMIT)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        failed(ConfigFileCause::NotUtf8 { line: settings_text::line_at(valid) })
    })?;
    Ok(Content { path: Some(path), text })
}

/// A config file that was opened.
enum Opened {
    /// The content of a regular file, up to one byte more than is allowed.
    Content(Vec<u8>),
    /// A pipe or a device such as `/dev/stdin`, which was not opened.
    Pipe,
    /// Another user than root and that of this process can write the file, which names the program that wnm runs.
    Untrusted { owner: u32 },
}

fn open(path: &Path) -> io::Result<Opened> {
    use std::os::unix::fs::MetadataExt as _;
    if !path.metadata()?.is_file() {
        return Ok(Opened::Pipe);
    }
    let file = File::open(path)?;
    let facts = file.metadata()?;
    Ok(if files::is_own(&facts) { Opened::Content(begin(file)?) } else { Opened::Untrusted { owner: facts.uid() } })
}

fn begin(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the line that sets a setting in a readable config file, from 1.
pub(crate) fn line_of(path: &Path, key: &str) -> Option<usize> {
    let text = std::fs::read_to_string(path).ok()?;
    settings_text::of_lines(&text).find(|entry| entry.key == key).map(|entry| entry.line)
}

pub(crate) fn from_toml(text: &str) -> Result<RawSettings, ConfigFileCause> {
    let entries =
        settings_text::of_toml(text).map_err(|NotToml { line, message }| ConfigFileCause::Syntax { line, message })?;
    let mut raw = RawSettings::default();
    let mut errors = Vec::new();
    for Entry { line, key, value } in entries {
        let set = match value {
            Ok(text) => set(&mut raw, &key, &text).map_err(EntryCause::Setting),
            Err(found) => Err(EntryCause::Type { key, found }),
        };
        errors.extend(set.err().map(|cause| EntryError { line, cause }));
    }
    if errors.is_empty() { Ok(raw) } else { Err(ConfigFileCause::Entries(errors)) }
}

fn from_lines(text: &str) -> Result<RawSettings, ConfigFileCause> {
    let mut raw = RawSettings::default();
    let mut seen = BTreeSet::new();
    let mut errors = Vec::new();
    for Entry { line, key, value } in settings_text::of_lines(text) {
        let cause = if !seen.insert(key.clone()) {
            EntryCause::Duplicate { key }
        } else if RawSettings::KEYS.contains(&key.as_str()) || !legacy::is_old_flag(&key) {
            match set(&mut raw, &key, &value.unwrap_or_default()) {
                Ok(()) => continue,
                Err(problem) => EntryCause::Setting(problem),
            }
        } else {
            tracing::debug!(key, "ignoring a flag of the Python wnm that is no setting");
            continue;
        };
        errors.push(EntryError { line, cause });
    }
    if errors.is_empty() { Ok(raw) } else { Err(ConfigFileCause::Entries(errors)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(raw: &RawSettings) -> Vec<(&str, String)> {
        RawSettings::KEYS.iter().filter_map(|key| Some((*key, raw.get(key)?))).collect()
    }

    #[test]
    fn toml_types_become_texts() {
        let text = "node_cap = 30\ncpu_remove = 80.5\nno_upnp = false\n\
                    node_storage = [\"/a b\", \"/c\"]\nstart_args = [\"--peer\", \"x y\"]\nnetwork = 'evm-arbitrum-one'\n";
        let raw = from_toml(text).unwrap();
        insta::assert_compact_debug_snapshot!(values(&raw), @r#"[("node_cap", "30"), ("cpu_remove", "80.5"), ("node_storage", "/a b,/c"), ("network", "evm-arbitrum-one"), ("start_args", "--peer 'x y'"), ("no_upnp", "false")]"#);
    }

    #[test]
    fn lines_of_the_python_wnm_are_read() {
        let text = "# by hand\n[wnm]\nnode_cap = 30\n--cpu-remove: 80 # busy\nno_upnp\nloglevel=DEBUG\n\
                    start_args = \"--peer 'x y'\" ; two words\nmem_remove 70\n";
        let raw = from_lines(text).unwrap();
        insta::assert_compact_debug_snapshot!(values(&raw), @r#"[("node_cap", "30"), ("cpu_remove", "80"), ("mem_remove", "70"), ("start_args", "--peer 'x y'"), ("no_upnp", "true")]"#);
    }

    #[test]
    fn every_error_names_its_line() {
        let toml = "node_cap = 'many'\ncpu_remov = 80\n\nmem_remove = 101\nstart_args = 'a \"b'\nhost = {}\n";
        let broken = "node_cap = 30\nnode_cap = 31\n";
        let old = "node_cap = 30\nnode-cap: 31\ncpu_remov = 80\nmem_remove=x\n";
        let errors = [from_toml(toml), from_toml(broken), from_toml("node_cap = \n"), from_lines(old)];
        let errors: Vec<_> = errors
            .into_iter()
            .map(|result| ConfigFileError { path: "FILE".into(), cause: result.unwrap_err() }.to_string())
            .collect();
        insta::assert_snapshot!(errors.join("\n\n"), @r#"
        cannot use config file FILE: line 1: invalid value "many" for node_cap: not a whole number
          line 2: unknown setting "cpu_remov" (did you mean cpu_remove?)
          line 4: invalid value "101" for mem_remove: not between 0 and 100 %
          line 5: invalid value "a \"b" for start_args: a quote is not closed
          line 6: invalid value for host: a table is not allowed

        cannot read config file FILE: line 2: invalid TOML: duplicate key

        cannot read config file FILE: line 1: invalid TOML: string values must be quoted, expected literal string

        cannot use config file FILE: line 2: node_cap is set twice
          line 3: unknown setting "cpu_remov" (did you mean cpu_remove?)
          line 4: invalid value "x" for mem_remove: not a number
        "#);
    }
}
