//! Text in HTML.

use std::fmt::{Display, Formatter, Result, Write};

use crate::render::printable::is_risky;

/// A value whose text is escaped for HTML, in content and in attributes.
struct Escaped<T>(T);

/// Returns a value as text of HTML, in which no character has a meaning for the markup.
pub(super) fn escaped<T: Display>(value: T) -> impl Display {
    Escaped(value)
}

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        struct Escape<'a, 'b>(&'a mut Formatter<'b>);
        impl Write for Escape<'_, '_> {
            fn write_str(&mut self, text: &str) -> Result {
                let mut plain = 0;
                for (at, character) in text.char_indices() {
                    let entity = match character {
                        '&' => "&amp;",
                        '<' => "&lt;",
                        '>' => "&gt;",
                        '"' => "&quot;",
                        '\'' => "&#39;",
                        // Escape codes and invisible characters could show another text than there is.
                        risky if risky == '\t' || is_risky(risky) => "\u{fffd}",
                        _ => continue,
                    };
                    self.0.write_str(&text[plain..at])?;
                    self.0.write_str(entity)?;
                    plain = at + character.len_utf8();
                }
                self.0.write_str(&text[plain..])
            }
        }
        write!(Escape(f), "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        for (text, html) in [
            ("antnode0003", "antnode0003"),
            ("<script>alert('1')</script>", "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"),
            ("\" onload=\"x & y", "&quot; onload=&quot;x &amp; y"),
            ("a\u{1b}[31m\u{202e}b\n", "a\u{fffd}[31m\u{fffd}b\n"),
            ("&lt;", "&amp;lt;"),
            ("größe", "größe"),
        ] {
            assert_eq!(escaped(text).to_string(), html);
        }
    }
}
