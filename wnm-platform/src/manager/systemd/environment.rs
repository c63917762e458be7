//! The environment of a node in a file of its own: any user of the host may read a unit, and ask systemd for its settings.

use std::io;
use std::path::PathBuf;

use wnm_core::Node;

use super::super::definition;
use super::unit::bare;
use crate::error::{PlatformError, Refusal};
use crate::guarded::{self, Trust};
use crate::node_dir;

/// The name of the file, in the protected folder of a node or else in the node's folder.
const NAME: &str = ".wnm-environment";
/// The characters that systemd reads with a backslash before them, in double quotes of an environment file.
const ESCAPED: [char; 4] = ['"', '\\', '`', '$'];

/// Returns the file with the environment of a node; None for a node without one.
pub(super) fn file(node: &Node) -> Option<PathBuf> {
    let folder = || node_dir::protected(node).unwrap_or_else(|| node.root_dir.clone());
    (!node.environment.is_empty()).then(|| folder().join(NAME))
}

/// Returns the value of `EnvironmentFile=` for the file of a node; None for a node without an environment.
///
/// # Errors
/// The path is not allowed in a unit file.
pub(super) fn setting(node: &Node) -> Result<Option<String>, PlatformError> {
    let Some(path) = file(node) else { return Ok(None) };
    let text = bare(&path).ok_or(PlatformError::Refused { path, reason: Refusal::NotForUnitFile })?;
    // The value is a pattern.
    let is_special = |c| ['*', '?', '[', '\\'].contains(&c);
    Ok(Some(text.chars().flat_map(|c| is_special(c).then_some('\\').into_iter().chain([c])).collect()))
}

/// Writes the file of a node with an environment. Only the user of wnm and root can read it.
pub(super) fn write(node: &Node) -> Result<(), PlatformError> {
    let Some(path) = file(node) else { return Ok(()) };
    node_dir::ensure_protected(node)?;
    node_dir::write(&path, text(&node.environment).as_bytes(), 0o600)
}

/// Removes the file, if it exists.
pub(super) fn remove(node: &Node) -> Result<(), PlatformError> {
    let folder = node_dir::protected(node).unwrap_or_else(|| node.root_dir.clone());
    definition::remove_file(&folder.join(NAME))
}

/// Returns the path in a value of `EnvironmentFile=`; None when only systemd can expand it.
fn path_of(setting: &str) -> Option<PathBuf> {
    let mut path = String::new();
    let mut chars = setting.chars();
    while let Some(c) = chars.next() {
        path.push(match c {
            '\\' => chars.next()?,
            '%' if chars.next()? != '%' => return None,
            c => c,
        });
    }
    Some(path.into())
}

/// Returns the variables of a file that wnm wrote; None for another file, and for one that another user can write.
pub(super) fn read(setting: &str) -> Option<Vec<(String, String)>> {
    let path = path_of(setting)?;
    if path.file_name()? != NAME {
        return None;
    }
    let text = guarded::read(&path, super::unit::LIMIT, Trust::Owner).ok()?;
    parse(std::str::from_utf8(&text).ok()?)
}

/// Returns the names in the file of another program, and perhaps more: a line within quotes may look like a variable. A file that
/// is not there sets none.
///
/// # Errors
/// The file cannot be read, or only systemd can expand its path.
pub(super) fn names(setting: &str) -> Result<Vec<String>, (PathBuf, io::Error)> {
    // systemd ignores a missing file with this prefix, and does not start the unit without it.
    let setting = setting.strip_prefix('-').unwrap_or(setting);
    let failed = |error| (PathBuf::from(setting), error);
    let path = path_of(setting).filter(|path| !path.to_string_lossy().contains(['*', '?', '[']));
    let path = path.ok_or_else(|| failed(io::Error::other("only systemd can expand its path")))?;
    let text = match guarded::read(&path, super::unit::LIMIT, Trust::Anyone) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let text = String::from_utf8_lossy(&text);
    let of_line = |line: &str| Some(line.trim_start().split_once('=')?.0.trim_end().to_owned());
    Ok(text.lines().filter_map(of_line).collect())
}

fn text(environment: &[(String, String)]) -> String {
    let mut text = "# Written by wnm at each start of the node.\n".to_owned();
    for (name, value) in environment {
        text.push_str(name);
        text.push_str("=\"");
        for c in value.chars() {
            if ESCAPED.contains(&c) {
                text.push('\\');
            }
            text.push(c);
        }
        text.push_str("\"\n");
    }
    text
}

/// Parses a text as [`text`] writes it.
fn parse(text: &str) -> Option<Vec<(String, String)>> {
    let mut rest = text.split_once('\n').filter(|(first, _)| first.starts_with('#'))?.1;
    let mut environment = Vec::new();
    while !rest.is_empty() {
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(chars.next()?.1),
                (_, c) => value.push(c),
            }
        };
        environment.push((name.to_owned(), value));
        rest = quoted[end..].strip_prefix("\"\n")?;
    }
    Some(environment)
}

/// Fuzz target: parses an environment file, and writes it again.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let Some(environment) = std::str::from_utf8(bytes).ok().and_then(parse) else { return };
    assert_eq!(parse(&text(&environment)), Some(environment));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_quoted_as_systemd_reads_them() {
        let pairs = [("A", "b c"), ("KEY", "x\"y\\z$HOME`id`"), ("EMPTY", ""), ("LINES", "a\nb")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            text(&pairs),
            "# Written by wnm at each start of the node.\nA=\"b c\"\nKEY=\"x\\\"y\\\\z\\$HOME\\`id\\`\"\nEMPTY=\"\"\nLINES=\"a\nb\"\n"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn file_is_read_back(pairs in proptest::collection::vec(("[A-Z_]{1,9}", "\\PC*|[\"\\\\$`\n a=]*"), 0..5)) {
            prop_assert_eq!(parse(&text(&pairs)), Some(pairs));
        }

        #[test]
        fn any_text_is_safe(text in "\\PC*|[#\"\\\\\n=A]*") {
            let _ = (parse(&text), read(&text));
        }
    }
}
