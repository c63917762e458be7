//! Text of others on the terminal: names, paths, messages and versions that a node, a peer or another user chose.
//!
//! All output passes here on its way to the terminal. Escape codes could write into other windows, the clipboard or the title,
//! and invisible characters could show another text than there is.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns a text in which only line feeds, tabs and the styles of wnm have an effect. Each other control character, and each
/// one that is invisible or changes the direction, is written as its number: `\u{1b}`.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        // Most of a page is plain.
        let (run, other) = rest.split_at(rest.bytes().position(|byte| !is_plain(byte)).unwrap_or(rest.len()));
        plain.push_str(run);
        rest = other;
        let Some(c) = rest.chars().next() else { break };
        let length = style_at(rest).unwrap_or(c.len_utf8());
        if length > c.len_utf8() || !is_risky(c) {
            plain.push_str(&rest[..length]);
        } else {
            // Writing to a String does not fail.
            _ = write!(plain, "{}", c.escape_unicode());
        }
        rest = &rest[length..];
    }
    Cow::Owned(plain)
}

/// Returns JSON in which such characters are escapes of JSON: a program reads the same text.
pub(crate) fn printable_json(json: String) -> String {
    if json.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return json;
    }
    let mut plain = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_risky(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                _ = write!(plain, "\\u{unit:04x}");
            }
        } else {
            plain.push(c);
        }
    }
    plain
}

/// Tells whether a character is invisible, changes the direction of the text, or controls the terminal.
pub(crate) fn is_risky(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        c if c.is_control() => true,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// Returns the length of the escape code at the start of a text, if it is a style that wnm writes. Others could hide a text.
fn style_at(text: &str) -> Option<usize> {
    let (parameters, _) = text.strip_prefix("\x1b[")?.split_once('m')?;
    let is_known = |word: &str| {
        matches!(word, "" | "0" | "1" | "2" | "3" | "4" | "39") || matches!(word.as_bytes(), [b'3' | b'9', b'1'..=b'6'])
    };
    (parameters.len() <= 8 && parameters.split(';').all(is_known)).then_some("\x1b[".len() + parameters.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_styles_of_wnm_have_an_effect() {
        for (text, shown) in [
            ("antnode0001\t5 %\n", "antnode0001\t5 %\n"),
            ("größe ─ 日本", "größe ─ 日本"),
            ("\x1b[1m\x1b[31merror:\x1b[0m x", "\x1b[1m\x1b[31merror:\x1b[0m x"),
            ("\x1b[8mhidden\x1b[2J", "\\u{1b}[8mhidden\\u{1b}[2J"),
            ("\x1b]52;c;eA==\x07\x1bc", "\\u{1b}]52;c;eA==\\u{7}\\u{1b}c"),
            ("a\rb\x08\x7f\0", "a\\u{d}b\\u{8}\\u{7f}\\u{0}"),
            ("\u{9b}2J\u{9d}0;t\u{9c}", "\\u{9b}2J\\u{9d}0;t\\u{9c}"),
            ("a\u{202e}b\u{200b}\u{feff}\u{e0041}", "a\\u{202e}b\\u{200b}\\u{feff}\\u{e0041}"),
            ("\x1b[", "\\u{1b}["),
            ("\x1b[1;2", "\\u{1b}[1;2"),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert!(matches!(printable("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_reads_the_same() {
        let text = "a\u{1b}[2J\u{9b}\u{202e}\u{e0041}\u{7f}é\n";
        let json = printable_json(serde_json::to_string(text).unwrap());
        assert!(!json.contains(is_risky), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    /// Only these files write to the terminal: `output.rs` for all commands, and the screen of `wnm top`.
    #[test]
    fn all_output_passes_here() {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders = vec![source.clone()];
        let mut writers = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                    continue;
                }
                let text = std::fs::read_to_string(&entry).unwrap_or_default();
                let writes = ["println!(", "print!(", "stdout().lock()", "stderr().lock()", "execute!(io::stdout()"];
                let own = entry.ends_with("render/printable.rs") || entry.ends_with("tests.rs");
                if !own && writes.iter().any(|write| text.contains(write)) {
                    writers.push(entry.strip_prefix(&source).unwrap().display().to_string());
                }
            }
        }
        writers.sort();
        assert_eq!(writers, ["commands/top/screen.rs", "output.rs"]);
    }
}
