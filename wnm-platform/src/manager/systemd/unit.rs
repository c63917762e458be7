//! Unit files as systemd reads them: words quoted and split, sections, continuation lines, drop-ins.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::environment;
use crate::error::{FileOperation, PlatformError};
use crate::guarded::{self, Trust};

/// The maximum size of a unit file, in bytes: real ones have a few kB.
pub(super) const LIMIT: u64 = 256 * 1024;

/// A shell script that replaces the shell by the program in `$0`.
const EXEC: &str = r#"exec "$0" "$@""#;

/// The position of a word, which decides whether `$` is special in addition to quotes, backslashes and `%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WordContext {
    /// An argument of a command line, where `$` starts a variable.
    Argument,
    /// The program of a command line, or a word of another list.
    Other,
}

/// Quotes a word so that systemd reads it back unchanged.
pub(super) fn quote(word: &str, place: WordContext) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,@+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let mut quoted = String::with_capacity(word.len() + 8);
    quoted.push('"');
    for c in word.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '%' => quoted.push_str("%%"),
            '$' if place == WordContext::Argument => quoted.push_str("$$"),
            c if c.is_ascii_control() => {
                // Writing to a String does not fail.
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Tells whether systemd reads a word of a command line back unchanged although it is not quoted.
pub(crate) fn is_bare_word(word: &str) -> bool {
    let is_special = |c: char| c.is_ascii_whitespace() || c.is_control() || "\"'\\%$".contains(c);
    !word.is_empty() && word != ";" && !word.contains(is_special)
}

/// Returns a command line for `ExecStart=`. systemd rejects a program whose path contains quotes or backslashes, so such
/// a program is started through a shell that replaces itself.
pub(crate) fn command_line<'a>(program: &'a str, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let is_taken = !program.chars().any(|c| "\"'\\".contains(c) || c.is_control());
    let mut line = if is_taken { quote(program, WordContext::Other) } else { "/bin/sh".to_owned() };
    let shell = if is_taken { Vec::new() } else { vec!["-c", EXEC, program] };
    for argument in shell.into_iter().chain(arguments) {
        line.push(' ');
        line.push_str(&quote(argument, WordContext::Argument));
    }
    line
}

/// Returns a path for a setting that takes the rest of the line as one value, where only `%` is special. None when the
/// path contains control characters or blanks at its ends.
pub(super) fn bare(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let is_sound = !text.chars().any(char::is_control) && text.trim() == text && !text.ends_with('\\');
    is_sound.then(|| text.replace('%', "%%"))
}

/// Splits a value into words as systemd does: both kinds of quotes, escapes, `%%`. None when a quote is not closed, or
/// the value depends on a specifier or variable that only systemd can expand.
pub(super) fn split(value: &str, place: WordContext) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = value.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Some(words);
        }
        let mut word = String::new();
        let mut open: Option<char> = None;
        // systemd allows a character beyond ASCII as a sequence of byte escapes.
        let mut bytes: Vec<u8> = Vec::new();
        while let Some(c) = chars.next_if(|c| open.is_some() || !c.is_ascii_whitespace()) {
            match c {
                '\'' | '"' if open == Some(c) => open = None,
                '\'' | '"' if open.is_none() => open = Some(c),
                '\\' => match escaped(&mut chars)? {
                    Escaped::Char(c) => push(&mut bytes, c),
                    Escaped::Byte(byte) => bytes.push(byte),
                },
                c => push(&mut bytes, c),
            }
        }
        if open.is_some() {
            return None;
        }
        word.push_str(std::str::from_utf8(&bytes).ok()?);
        let is_first = words.is_empty() && place == WordContext::Argument;
        words.push(unescape_specials(&word, if is_first { WordContext::Other } else { place })?);
    }
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

enum Escaped {
    Char(char),
    Byte(u8),
}

/// Reads an escape sequence after its backslash, as systemd.syntax(7) defines them.
fn escaped(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Escaped> {
    let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>, digits: u32, radix: u32| {
        (0..digits).try_fold(0, |sum: u32, _| Some(sum * radix + chars.next()?.to_digit(radix)?))
    };
    Some(match chars.next()? {
        'a' => Escaped::Byte(7),
        'b' => Escaped::Byte(8),
        'f' => Escaped::Byte(12),
        'n' => Escaped::Char('\n'),
        'r' => Escaped::Char('\r'),
        't' => Escaped::Char('\t'),
        'v' => Escaped::Byte(11),
        's' => Escaped::Char(' '),
        c @ ('\\' | '"' | '\'' | ';') => Escaped::Char(c),
        'x' => Escaped::Byte(u8::try_from(number(chars, 2, 16)?).ok().filter(|byte| *byte != 0)?),
        'u' => Escaped::Char(char::from_u32(number(chars, 4, 16)?)?),
        'U' => Escaped::Char(char::from_u32(number(chars, 8, 16)?)?),
        c @ '0'..='3' => {
            let high = c.to_digit(8)? * 64;
            Escaped::Byte(u8::try_from(high + number(chars, 2, 8)?).ok().filter(|byte| *byte != 0)?)
        }
        _ => return None,
    })
}

/// Replaces `%%` and, in arguments, `$$` by single characters. None for specifiers and variables.
fn unescape_specials(word: &str, place: WordContext) -> Option<String> {
    let mut plain = String::with_capacity(word.len());
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' if chars.next() != Some('%') => return None,
            '$' if place == WordContext::Argument && chars.next() != Some('$') => return None,
            c => plain.push(c),
        }
    }
    Some(plain)
}

/// The effective settings of a unit file and its drop-ins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Unit {
    /// Section, key and value of each setting, in order. An empty value has removed the earlier values of its key.
    settings: Vec<(String, String, String)>,
}

impl Unit {
    /// Reads a unit file and its drop-ins; None when the unit file does not exist.
    ///
    /// # Errors
    /// One of the files cannot be read.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, PlatformError> {
        let fail =
            |path: &Path, source| PlatformError::File { operation: FileOperation::Read, path: path.to_owned(), source };
        let text = match guarded::read(path, LIMIT, Trust::Anyone) {
            Ok(text) => text,
            Err(error) if super::is_missing(&error) => return Ok(None),
            Err(error) => return Err(fail(path, error)),
        };
        let mut unit = Self::default();
        unit.add(&String::from_utf8_lossy(&text));
        for path in drop_ins(path).map_err(|error| fail(path, error))? {
            let text = guarded::read(&path, LIMIT, Trust::Anyone).map_err(|error| fail(&path, error))?;
            unit.add(&String::from_utf8_lossy(&text));
        }
        Ok(Some(unit))
    }

    /// Parses the text of a unit file without drop-ins.
    pub(super) fn parse(text: &str) -> Self {
        let mut unit = Self::default();
        unit.add(text);
        unit
    }

    /// Adds the settings of a text to the earlier ones.
    fn add(&mut self, text: &str) {
        let mut section = String::new();
        for line in lines(text) {
            let line = line.trim();
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                name.clone_into(&mut section);
            } else if let Some((key, value)) = line.split_once('=') {
                let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
                if value.is_empty() {
                    self.settings.retain(|(of, name, _)| (of, name) != (&section, &key));
                } else {
                    self.settings.push((section.clone(), key, value));
                }
            }
        }
    }

    /// Returns all values of a key, in order.
    pub(super) fn values<'a>(&'a self, section: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
        let settings = self.settings.iter();
        settings.filter(move |(of, name, _)| of == section && name == key).map(|(_, _, value)| value.as_str())
    }

    /// Returns the effective value of a key, which is the last one.
    pub(super) fn value(&self, section: &str, key: &str) -> Option<&str> {
        let is_it = |(of, name, _): &&(String, String, String)| of == section && name == key;
        self.settings.iter().rev().find(is_it).map(|(_, _, value)| value.as_str())
    }

    /// Returns the words of the unit's command. None without a command, with several, or when only systemd can expand it.
    pub(super) fn command(&self) -> Option<Vec<String>> {
        let mut lines = self.values("Service", "ExecStart");
        let (line, None) = (lines.next()?, lines.next()) else { return None };
        let mut words = split(line, WordContext::Argument)?;
        let program = words.first_mut()?;
        *program = program.trim_start_matches(['@', '-', ':', '+', '!']).to_owned();
        if words.get(1..3).is_some_and(|words| words == ["-c", EXEC]) {
            words.drain(..3);
        }
        Some(words)
    }

    /// Tells whether the unit has one of these variables where any user can read it.
    pub(super) fn shows(&self, environment: &[(String, String)]) -> bool {
        let words = self.values("Service", "Environment").filter_map(|value| split(value, WordContext::Other));
        let shown: Vec<String> = words.flatten().collect();
        environment.iter().any(|(name, value)| shown.contains(&format!("{name}={value}")))
    }

    /// Returns the variables that the unit sets. None when only systemd knows them: with a specifier, an `EnvironmentFile=` of
    /// another program, or variables that systemd passes on or removes.
    pub(super) fn environment(&self) -> Option<Vec<(String, String)>> {
        if ["PassEnvironment", "UnsetEnvironment"].iter().any(|key| self.values("Service", key).next().is_some()) {
            return None;
        }
        let mut pairs = Vec::new();
        for value in self.values("Service", "Environment") {
            for word in split(value, WordContext::Other)? {
                let (name, value) = word.split_once('=')?;
                pairs.push((name.to_owned(), value.to_owned()));
            }
        }
        for file in self.values("Service", "EnvironmentFile") {
            let of_file = environment::read(file)?;
            pairs.retain(|(name, _)| !of_file.iter().any(|(other, _)| other == name));
            pairs.extend(of_file);
        }
        Some(pairs)
    }

    /// Returns the names of all variables that the unit sets or passes on, and perhaps more.
    ///
    /// # Errors
    /// An `EnvironmentFile=` exists and cannot be read.
    pub(super) fn variables(&self) -> Result<BTreeSet<String>, (PathBuf, io::Error)> {
        let words = self.values("Service", "Environment").flat_map(str::split_whitespace);
        let set = words.filter_map(|word| Some(word.trim_start_matches(['"', '\'']).split_once('=')?.0));
        let passed = self.values("Service", "PassEnvironment").flat_map(str::split_whitespace);
        let mut names: BTreeSet<String> = set.chain(passed).map(str::to_owned).collect();
        for file in self.values("Service", "EnvironmentFile") {
            names.extend(environment::names(file)?);
        }
        Ok(names)
    }
}

/// Returns the lines of a text without comments, with continued lines joined.
fn lines(text: &str) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let mut continues = false;
    for line in text.lines() {
        let is_comment = line.trim_start().starts_with(['#', ';']);
        if is_comment {
            // A comment is allowed between the parts of a continued line.
            continue;
        }
        let (part, goes_on) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match joined.last_mut().filter(|_| continues) {
            Some(last) => {
                last.push(' ');
                last.push_str(part);
            }
            None => joined.push(part.to_owned()),
        }
        continues = goes_on;
    }
    joined
}

/// Returns the drop-ins of a unit file, in the order in which systemd applies them.
pub(super) fn drop_ins(unit: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let entries = match fs::read_dir(drop_in_folder(unit)) {
        Ok(entries) => entries,
        Err(error) if super::is_missing(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    paths.sort();
    Ok(paths)
}

/// Returns the folder of the drop-ins of a unit file.
pub(super) fn drop_in_folder(unit: &Path) -> std::path::PathBuf {
    let mut name = unit.as_os_str().to_owned();
    name.push(".d");
    name.into()
}

/// Fuzz target: parses a unit, and writes its command again.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let unit = Unit::parse(&String::from_utf8_lossy(bytes));
    let environment = unit.environment().unwrap_or_default();
    assert!(environment.iter().all(|(name, _)| !name.contains('=')), "{environment:?}");
    assert!(environment.is_empty() || unit.value("Service", "Environment").is_none() || unit.shows(&environment));
    let Some(command) = unit.command() else { return };
    let Some((program, arguments)) = command.split_first().filter(|(program, _)| program.starts_with('/')) else {
        return;
    };
    // No process has a null byte in its arguments.
    if command.iter().any(|word| word.contains('\0')) || arguments.iter().any(|word| word == EXEC) {
        return;
    }
    let line = command_line(program, arguments.iter().map(String::as_str));
    let written = Unit::parse(&format!("[Service]\nExecStart={line}\n"));
    assert_eq!(written.command().as_ref(), Some(&command), "written as {line}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arguments(line: &str) -> Option<Vec<String>> {
        split(line, WordContext::Argument)
    }

    #[test]
    fn words_are_quoted_for_systemd() {
        for (word, quoted) in [
            ("/a/b-c_d.e", "/a/b-c_d.e"),
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("100%", r#""100%%""#),
            ("$HOME", r#""$$HOME""#),
            (r#"a"b'c\d"#, r#""a\"b'c\\d""#),
            (";", r#"";""#),
            ("a\nb\t", r#""a\x0ab\x09""#),
            ("é", "\"é\""),
        ] {
            assert_eq!(quote(word, WordContext::Argument), quoted);
        }
        assert_eq!(quote("$a", WordContext::Other), r#""$a""#);
    }

    #[test]
    fn external_words_are_split() {
        let words = |line: &str| arguments(line).map(|words| words.join("|"));
        assert_eq!(words(r#"/bin/x  'a b'  "c d" e\x20f g\sh"#).as_deref(), Some("/bin/x|a b|c d|e f|g h"));
        assert_eq!(words(r#"x --root-dir="/a b/c""#).as_deref(), Some("x|--root-dir=/a b/c"));
        assert_eq!(words(r"x \u00e9\xc3\xa9\303\251").as_deref(), Some("x|ééé"));
        assert_eq!(words("x 50%% $$a").as_deref(), Some("x|50%|$a"));
        assert_eq!(words("").as_deref(), Some(""));
        for bad in ["x 'a", "x \"a", "x \\", "x \\q", "x %h", "x $HOME", "x ${A}", "x \\x00", "x \\xff"] {
            assert_eq!(arguments(bad), None, "{bad}");
        }
    }

    #[test]
    fn variables_that_only_systemd_knows_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::write(at("a file"), "# NO=1\nA='x\ny=z'\n  B = 2\n;C=3\nnonsense\n").unwrap();
        let named = |lines: &str| {
            let unit = Unit::parse(&format!("[Service]\n{lines}\n"));
            assert_eq!(unit.environment(), None, "{lines}");
            unit.variables().map(|names| names.into_iter().collect::<Vec<_>>().join(" "))
        };
        let file = format!("EnvironmentFile={}", at("a file"));
        // A line in quotes and a comment only seem to be variables: the process has none of these names.
        assert_eq!(named(&file).unwrap(), "# NO ;C A B y");
        assert_eq!(named(&format!("EnvironmentFile=-{}", at("a file"))).unwrap(), "# NO ;C A B y");
        assert_eq!(named(&format!("EnvironmentFile=-{}", at("none"))).unwrap(), "");
        assert_eq!(named("Environment=D=1\nPassEnvironment=G").unwrap(), "D G");
        assert_eq!(named("Environment=\"D=%h\" 'E=1' F=2\nPassEnvironment=G H").unwrap(), "D E F G H");
        assert_eq!(named("Environment=D=1 E=2\nUnsetEnvironment=E").unwrap(), "D E");
        for (setting, why) in [
            ("EnvironmentFile=/etc/%n", "only systemd can expand its path"),
            ("EnvironmentFile=/etc/*.env", "only systemd can expand its path"),
            (&format!("EnvironmentFile={}", folder.path().display()), "not a regular file"),
        ] {
            let (_, error) = named(setting).unwrap_err();
            assert!(error.to_string().contains(why), "{setting}: {error}");
        }
    }

    #[test]
    fn external_unit_is_read() {
        let unit = Unit::parse(concat!(
            "# comment\n[Unit]\nDescription = a node\n\n[Service]\nUser=ant\n; another\n",
            "ExecStart=/var/antctl/services/antnode0001/antnode \\\n   --root-dir /var/antctl/services/antnode0001 \\\n",
            "# between\n   --port 55001 \\\n --rewards-address 0x00 evm-arbitrum-one\nEnvironment=A=1 \"B=2 3\"\n",
            "Environment=\nEnvironment='C=%%'\nnonsense\n=\n[broken\n",
        ));
        let command = unit.command().unwrap();
        assert_eq!(command.len(), 8, "{command:?}");
        assert_eq!(command[2], "/var/antctl/services/antnode0001");
        assert_eq!(unit.value("Service", "User"), Some("ant"));
        assert_eq!(unit.environment(), Some(vec![("C".to_owned(), "%".to_owned())]));
        assert_eq!(Unit::parse("[Service]\nExecStart=/a\nExecStart=/b").command(), None);
        assert_eq!(Unit::parse("[Service]\n").command(), None);
        assert_eq!(Unit::parse("").value("Unit", "Description"), None);
        assert_eq!(Unit::parse("[Service]\nExecStart=-@/a").command(), Some(vec!["/a".to_owned()]));
    }

    #[test]
    fn drop_ins_apply_in_name_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("antnode0001.service");
        assert_eq!(Unit::read(&path).unwrap(), None);
        fs::write(&path, "[Service]\nExecStart=/a\nUser=x\n").unwrap();
        fs::create_dir(drop_in_folder(&path)).unwrap();
        for (name, text) in [
            ("20-b.conf", "[Service]\nUser=z\n"),
            ("10-a.conf", "[Service]\nExecStart=\nExecStart=/b c\nUser=y\n"),
            ("other.txt", "[Service]\nUser=w\n"),
        ] {
            fs::write(drop_in_folder(&path).join(name), text).unwrap();
        }
        let unit = Unit::read(&path).unwrap().unwrap();
        assert_eq!(unit.command().unwrap(), ["/b", "c"]);
        assert_eq!(unit.value("Service", "User"), Some("z"));
    }

    proptest! {
        #[test]
        fn quoting_round_trips(
            program in "/[^\0]{0,20}|/a ['b]{1,2}",
            words in proptest::collection::vec("[^\0]{0,20}", 0..6),
        ) {
            let line = command_line(&program, words.iter().map(String::as_str));
            prop_assert!(!line.contains('\n'));
            let unit = Unit::parse(&format!("[Service]\nExecStart={line}\nUser=ant\n"));
            let read = unit.command().unwrap();
            prop_assert_eq!(&read[0], &program);
            prop_assert_eq!(&read[1..], &words[..]);
            prop_assert_eq!(unit.value("Service", "User"), Some("ant"));
        }

        #[test]
        fn any_text_is_parsed_without_panic(text in "(?s).{0,200}") {
            let unit = Unit::parse(&format!("[Service]\nExecStart={text}"));
            let _ = (unit.command(), unit.environment());
        }
    }
}
