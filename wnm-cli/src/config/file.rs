//! The file of settings: TOML, or `key=value` lines as the Python wnm reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use toml::{Spanned, Value};
use wnm_core::RawSettings;
use wnm_platform::places;

use super::set;
use crate::error::CliError;
use crate::legacy;

/// The longest file that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// Which file is read.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// The first of the usual ones that is there.
    Usual,
    /// This one, which must be there.
    Named(PathBuf),
    /// None: what is done has nothing to do with this host's colony.
    Nothing,
}

static CHOICE: OnceLock<Choice> = OnceLock::new();

/// Says which file is read from now on; like the environment it is the same for the whole process.
pub(crate) fn choose(choice: Choice) {
    CHOICE.get_or_init(|| choice);
}

/// Returns the file that is read; where there is none, the one that would be.
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

/// Reads the layer of the file; empty where none was named and none is there.
pub(crate) fn read() -> Result<RawSettings, CliError> {
    let Some(path) = path() else { return Ok(RawSettings::default()) };
    let is_named = matches!(CHOICE.get(), Some(Choice::Named(_)));
    if !is_named && !path.exists() {
        return Ok(RawSettings::default());
    }
    let fault = |what: String| CliError::File { path: path.clone(), faults: vec![what] };
    let mut bytes = Vec::new();
    let length = File::open(&path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes));
    if length.map_err(|error| fault(error.to_string()))? as u64 > LIMIT {
        return Err(fault(format!("expected at most {LIMIT} bytes, found more")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        fault(format!("line {}: expected UTF-8, found other bytes", line_at(sound)))
    })?;
    let is_toml = path.extension() == Some(OsStr::new("toml"));
    let read = if is_toml { from_toml(&text) } else { from_lines(&text) };
    read.map_err(|faults| CliError::File { path: path.clone(), faults })
}

/// Returns the number of the line after these bytes.
fn line_at(before: &[u8]) -> usize {
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn from_toml(text: &str) -> Result<RawSettings, Vec<String>> {
    let line = |at: usize| line_at(&text.as_bytes()[..at.min(text.len())]);
    let table: BTreeMap<Spanned<String>, Spanned<Value>> = toml::from_str(text).map_err(|error| {
        let place = error.span().map(|span| format!("line {}: ", line(span.start)));
        vec![format!("{}{}", place.unwrap_or_default(), error.message())]
    })?;
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut raw = RawSettings::default();
    let mut faults = Vec::new();
    for (key, value) in entries {
        let set = as_text(key.get_ref(), value.get_ref())
            .and_then(|text| set(&mut raw, key.get_ref(), &text).map_err(|problem| problem.to_string()));
        if let Err(what) = set {
            faults.push(format!("line {}: {what}", line(key.span().start)));
        }
    }
    if faults.is_empty() { Ok(raw) } else { Err(faults) }
}

/// Returns a value as a flag would have it; lists of words, or of folders, may be lists.
fn as_text(key: &str, value: &Value) -> Result<String, String> {
    let wrong =
        || format!("{key}: expected a text, a number, a truth value or a list of texts, found {}", value.type_str());
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(is_on) => Ok(is_on.to_string()),
        Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            let items = items.ok_or_else(wrong)?;
            Ok(if key == "node_storage" { items.join(",") } else { shell_words::join(items) })
        }
        Value::Table(_) | Value::Datetime(_) => Err(wrong()),
    }
}

fn from_lines(text: &str) -> Result<RawSettings, Vec<String>> {
    let mut raw = RawSettings::default();
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some((key, value)) = entry(line) else { continue };
        let what = if !seen.insert(key.clone()) {
            format!("{key}: expected it once, found it again")
        } else if RawSettings::KEYS.contains(&key.as_str()) || !legacy::is_old_flag(&key) {
            match set(&mut raw, &key, &value) {
                Ok(()) => continue,
                Err(problem) => problem.to_string(),
            }
        } else {
            tracing::debug!(key, "an old flag in the file of settings is no setting, and is passed over");
            continue;
        };
        faults.push(format!("line {number}: {what}"));
    }
    if faults.is_empty() { Ok(raw) } else { Err(faults) }
}

/// Reads one line: `key = value`, `key: value`, `key value`, or a switch alone. None for what says nothing.
fn entry(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';', '[']) || line == "---" {
        return None;
    }
    let end = line.find(|c: char| c == '=' || c == ':' || c.is_whitespace()).unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let value = match quote.and_then(|quote| rest[1..].split_once(quote)) {
        Some((quoted, _)) => quoted,
        // A comment begins after a space.
        None => rest.find(" #").or(rest.find(" ;")).map_or(rest, |comment| rest[..comment].trim_end()),
    };
    let key = key.trim_start_matches('-').replace('-', "_");
    Some((key, if rest.is_empty() { "true".to_owned() } else { value.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(raw: &RawSettings) -> Vec<(&str, String)> {
        RawSettings::KEYS.iter().filter_map(|key| Some((*key, raw.get(key)?))).collect()
    }

    #[test]
    fn toml_says_settings_in_its_own_types() {
        let text = "node_cap = 30\ncpu_remove = 80.5\nno_upnp = false\n\
                    node_storage = [\"/a b\", \"/c\"]\nstart_args = [\"--peer\", \"x y\"]\nnetwork = 'evm-arbitrum-one'\n";
        let raw = from_toml(text).unwrap();
        insta::assert_compact_debug_snapshot!(said(&raw), @r#"[("node_cap", "30"), ("cpu_remove", "80.5"), ("node_storage", "/a b,/c"), ("network", "evm-arbitrum-one"), ("start_args", "--peer 'x y'"), ("no_upnp", "false")]"#);
    }

    #[test]
    fn old_lines_say_what_they_said() {
        let text = "# by hand\n[wnm]\nnode_cap = 30\n--cpu-remove: 80 # busy\nno_upnp\nloglevel=DEBUG\n\
                    start_args = \"--peer 'x y'\" ; two words\nmem_remove 70\n";
        let raw = from_lines(text).unwrap();
        insta::assert_compact_debug_snapshot!(said(&raw), @r#"[("node_cap", "30"), ("cpu_remove", "80"), ("mem_remove", "70"), ("start_args", "--peer 'x y'"), ("no_upnp", "true")]"#);
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let toml = "node_cap = 'many'\ncpu_remov = 80\n\nmem_remove = 101\nstart_args = 'a \"b'\nhost = {}\n";
        let broken = "node_cap = 30\nnode_cap = 31\n";
        let old = "node_cap = 30\nnode-cap: 31\ncpu_remov = 80\nmem_remove=x\n";
        let faults = [from_toml(toml), from_toml(broken), from_toml("node_cap = \n"), from_lines(old)];
        let faults: Vec<_> = faults.into_iter().map(|faults| faults.unwrap_err().join("\n")).collect();
        insta::assert_snapshot!(faults.join("\n\n"), @r#"
        line 1: invalid value "many" for node_cap: not a whole number
        line 2: unknown setting "cpu_remov" (did you mean cpu_remove?)
        line 4: invalid value "101" for mem_remove: not between 0 and 100 %
        line 5: invalid value "a \"b" for start_args: a quote is not closed
        line 6: host: expected a text, a number, a truth value or a list of texts, found table

        line 2: duplicate key

        line 1: string values must be quoted, expected literal string

        line 2: node_cap: expected it once, found it again
        line 3: unknown setting "cpu_remov" (did you mean cpu_remove?)
        line 4: invalid value "x" for mem_remove: not a number
        "#);
    }
}
