//! The width of the terminal, and the wrapping of long lines.

use std::io::{self, IsTerminal as _};

use terminal_size::terminal_size_of;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm, core::display_width};

/// The width of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// Unlimited: the output is no terminal, and a script reads the full layout.
    Full,
    /// At most this many columns.
    Columns(usize),
}

impl Width {
    /// Returns the width of the terminal at standard output, or `COLUMNS` if the terminal does not report one.
    pub(crate) fn of_output() -> Self {
        let out = io::stdout();
        if !out.is_terminal() {
            return Self::Full;
        }
        let from_environment = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0);
        let size = terminal_size_of(out).map(|(width, _)| usize::from(width.0));
        size.or_else(from_environment).map_or(Self::Full, Self::Columns)
    }

    /// Returns whether a line of this many columns fits.
    pub(crate) fn holds(self, columns: usize) -> bool {
        match self {
            Self::Full => true,
            Self::Columns(width) => columns <= width,
        }
    }

    /// Returns the columns that remain beside `columns`, at least `least` and at most `most`.
    pub(crate) fn beside(self, columns: usize, least: usize, most: usize) -> usize {
        match self {
            Self::Full => most,
            Self::Columns(width) => width.saturating_sub(columns).clamp(least, most),
        }
    }
}

/// Largest indentation of a continuation line, in percent of the width: a further one leaves too few words per line.
const MOST_INDENT: usize = 60;

/// Wraps the lines that are too long. A continuation line is indented to the last column of its line, so that tables
/// and lists stay readable.
pub(crate) fn fitted(text: &str, width: Width) -> String {
    let Width::Columns(columns) = width else { return text.to_owned() };
    let mut page = String::with_capacity(text.len());
    for line in text.lines() {
        if display_width(line) <= columns {
            page.push_str(line);
        } else {
            let indent = " ".repeat(last_column(line, columns * MOST_INDENT / 100));
            let options = Options::new(columns)
                .subsequent_indent(&indent)
                .word_separator(WordSeparator::AsciiSpace)
                .word_splitter(WordSplitter::NoHyphenation)
                .wrap_algorithm(WrapAlgorithm::FirstFit);
            page.push_str(&textwrap::wrap(line, options).join("\n"));
        }
        page.push('\n');
    }
    page
}

/// Returns the start of the last column of a line, not after `limit`. Two spaces or more separate columns.
fn last_column(line: &str, limit: usize) -> usize {
    let plain = anstream::adapter::strip_str(line).to_string();
    let (mut last, mut spaces) = (0, 0);
    for (at, c) in plain.chars().enumerate().take_while(|(at, _)| *at <= limit) {
        if c != ' ' && spaces >= 2 {
            last = at;
        }
        spaces = if c == ' ' { spaces + 1 } else { 0 };
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{RED, styled};

    #[test]
    fn long_lines_continue_below_their_last_column() {
        let coloured = format!("wrong {:<8}  {}", "ports", styled(RED, "12 of nodes to come are taken"));
        let text = format!(
            "short\n  wallet   one two three four five\n{coloured}\n/a/path/without/a/single/space/in/it\n\nend"
        );
        let page = fitted(&text, Width::Columns(30));
        assert!(page.lines().all(|line| display_width(line) <= 30), "{page}");
        insta::assert_snapshot!(anstream::adapter::strip_str(&page), @r"
        short
          wallet   one two three four
                   five
        wrong ports     12 of nodes to
                        come are taken
        /a/path/without/a/single/space
        /in/it

        end
        ");
        assert_eq!(fitted(&text, Width::Full), text);
    }
}
