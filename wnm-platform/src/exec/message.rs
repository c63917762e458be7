//! The one line of a program's output that an error message quotes.

/// The maximum length of a quoted line, in characters.
const MAX_LENGTH: usize = 300;

/// Returns the first line of an output that carries a message; empty when there is none.
///
/// Escape sequences, backtraces and headings without content are skipped, and warnings if any other line follows.
pub(crate) fn first_meaningful_line(text: &str) -> String {
    let plain = without_escapes(text);
    let mut lines = plain.lines().map(content).filter(|line| is_message(line));
    let first = lines.next().unwrap_or_default();
    // systemctl and docker print warnings before the error.
    let is_warning = first.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("warning"));
    let line = if is_warning { lines.next().unwrap_or(first) } else { first };
    line.chars().filter(|c| !c.is_control()).take(MAX_LENGTH).collect()
}

/// Returns the last line of an output that is not blank; empty when there is none.
pub(crate) fn last_line(text: &str) -> String {
    let plain = without_escapes(text);
    let line = plain.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(MAX_LENGTH).collect()
}

/// Returns the content of a line without the numbering of `color_eyre`, which antctl prints: `0: message`.
fn content(line: &str) -> &str {
    let line = line.trim();
    line.strip_prefix("0: ").unwrap_or(line).trim()
}

fn is_message(line: &str) -> bool {
    // The message of a Rust panic is on the line after its place.
    let is_heading = line.ends_with(':') && (line == "Error:" || line == "error:" || line.contains(" panicked at "));
    !line.is_empty() && !is_heading && line != "Traceback (most recent call last):"
}

/// Removes ANSI escape sequences: ESC `[` … up to a letter.
pub(crate) fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            plain.push(c);
        } else if chars.clone().next() == Some('[') {
            chars.by_ref().skip(1).find(char::is_ascii_alphabetic);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_found_in_noise() {
        for (text, line) in [
            ("\n  Unit x.service not found.\n more\n", "Unit x.service not found."),
            ("Error: \n   0: \x1b[91mport 1 is used\x1b[0m\n\nLocation:\n   src/main.rs:1\n", "port 1 is used"),
            ("thread 'main' panicked at src/main.rs:1:5:\nno key\nnote: run with `RUST_BACKTRACE=1`\n", "no key"),
            ("Warning: unit changed on disk\nJob failed\n", "Job failed"),
            ("warning: only this\n", "warning: only this"),
            ("a\tb\x07\n", "ab"),
            ("", ""),
            ("\x1b[31m\n\x1b", ""),
        ] {
            assert_eq!(first_meaningful_line(text), line, "{text:?}");
        }
    }
}
