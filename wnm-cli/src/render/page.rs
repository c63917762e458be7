//! Pages that fit the terminal they are read on.

use std::io::{self, IsTerminal as _};

use terminal_size::terminal_size_of;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm, core::display_width};

/// How wide a page may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// As wide as it comes, which scripts know: no terminal shows it.
    Full,
    /// This many columns.
    Columns(usize),
}

impl Width {
    /// Returns the width of the terminal that standard output is, as it says itself or as `COLUMNS` does.
    pub(crate) fn of_output() -> Self {
        let out = io::stdout();
        if !out.is_terminal() {
            return Self::Full;
        }
        let told = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0);
        let size = terminal_size_of(out).map(|(width, _)| usize::from(width.0));
        size.or_else(told).map_or(Self::Full, Self::Columns)
    }

    /// Tells whether a line of this many columns fits.
    pub(crate) fn holds(self, columns: usize) -> bool {
        match self {
            Self::Full => true,
            Self::Columns(width) => columns <= width,
        }
    }

    /// Returns the columns that are left beside this many, at least `least` and at most `most`.
    pub(crate) fn beside(self, columns: usize, least: usize, most: usize) -> usize {
        match self {
            Self::Full => most,
            Self::Columns(width) => width.saturating_sub(columns).clamp(least, most),
        }
    }
}

/// Wraps the lines that are too long. What follows stands below the last column of its line that leaves some room,
/// so that tables and lists stay readable.
pub(crate) fn fitted(text: &str, width: Width) -> String {
    let Width::Columns(columns) = width else { return text.to_owned() };
    let mut page = String::with_capacity(text.len());
    for line in text.lines() {
        if display_width(line) <= columns {
            page.push_str(line);
        } else {
            let indent = " ".repeat(last_column(line, columns * 3 / 5));
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

/// Returns where the last column of a line begins that begins at `limit` at the latest: after two spaces or more.
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
    fn long_lines_go_on_below_their_last_column() {
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
