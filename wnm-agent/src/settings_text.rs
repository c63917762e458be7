//! The entries of a config file: TOML, or `key=value` lines as the Python wnm reads them.

use std::collections::BTreeMap;

use toml::{Spanned, Value};

/// An entry of a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The line of the key, from 1.
    pub line: usize,
    /// The key. It need not be that of a setting.
    pub key: String,
    /// The value as the text of a flag; the name of the type for a type of TOML without a text form, such as a table.
    pub value: Result<String, &'static str>,
}

/// A text that is not TOML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid TOML: {message}")]
pub struct NotToml {
    /// The line, from 1; None where the parser names none.
    pub line: Option<usize>,
    /// The message of the parser.
    pub message: String,
}

/// Returns the number of the line that begins after these bytes, from 1.
#[must_use]
pub fn line_at(before: &[u8]) -> usize {
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Returns the entries of a TOML text, in their order.
///
/// # Errors
/// The text is not TOML, or has a key twice.
pub fn of_toml(text: &str) -> Result<Vec<Entry>, NotToml> {
    let line = |at: usize| line_at(&text.as_bytes()[..at.min(text.len())]);
    let table: BTreeMap<Spanned<String>, Spanned<Value>> = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line(span.start));
        NotToml { line, message: error.message().to_owned() }
    })?;
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (Spanned<String>, Spanned<Value>)| {
        let line = line(key.span().start);
        let key = key.into_inner();
        let value = as_text(&key, value.get_ref());
        Entry { line, key, value }
    };
    Ok(entries.into_iter().map(entry).collect())
}

/// Returns a value as the text of a flag. A list of words or of folders may be an array.
fn as_text(key: &str, value: &Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(is_on) => Ok(is_on.to_string()),
        Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            let items = items.ok_or_else(|| value.type_str())?;
            Ok(if key == "node_storage" { items.join(",") } else { shell_words::join(items) })
        }
        Value::Table(_) | Value::Datetime(_) => Err(value.type_str()),
    }
}

/// Returns the entries of a text of lines `key = value`, `key: value`, `key value`, or of a switch alone. Comments,
/// sections and empty lines are skipped. These are the forms of Python's ConfigArgParse.
pub fn of_lines(text: &str) -> impl Iterator<Item = Entry> {
    (1..).zip(text.lines()).filter_map(|(line, text)| {
        let (key, value) = entry(text)?;
        Some(Entry { line, key, value: Ok(value) })
    })
}

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
        // A comment begins after a space: values such as colours or URLs may contain # and ;.
        None => rest.find(" #").or(rest.find(" ;")).map_or(rest, |comment| rest[..comment].trim_end()),
    };
    let key = key.trim_start_matches('-').replace('-', "_");
    Some((key, if rest.is_empty() { "true".to_owned() } else { value.to_owned() }))
}
