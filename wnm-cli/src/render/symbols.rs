//! The symbols of pages in a locale that shows only ASCII.

use std::borrow::Cow;
use std::sync::LazyLock;

/// Whether the locale is `C` or `POSIX`. Without any variable, as in cron, the pages keep their symbols.
pub(crate) static IS_ASCII: LazyLock<bool> = LazyLock::new(|| is_ascii(|name| std::env::var(name).ok()));

/// Returns whether the first variable that is set, in the order of POSIX, names a locale that shows only ASCII.
fn is_ascii(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    set.is_some_and(|locale| locale == "C" || locale == "POSIX")
}

/// Returns a text of wnm in symbols that the locale of this process can show.
pub(crate) fn for_locale(text: &str) -> Cow<'_, str> {
    if *IS_ASCII { in_ascii(text) } else { Cow::Borrowed(text) }
}

/// Returns a text with each symbol of pages as ASCII of the same width, so that columns stay in line; `…` becomes three
/// points. Other characters, as of a path, stay.
pub(crate) fn in_ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '…' => plain.push_str("..."),
            '─' | '–' | '−' => plain.push('-'),
            '│' => plain.push('|'),
            '█' | '▓' => plain.push('#'),
            '░' | '▒' | '·' => plain.push('.'),
            '►' | '→' => plain.push('>'),
            '×' => plain.push('x'),
            'µ' => plain.push('u'),
            '↑' => plain.push('^'),
            '↓' => plain.push('v'),
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locale_is_the_first_variable_that_is_set() {
        for (variables, expected) in [
            (&[][..], false),
            (&[("LANG", "C")], true),
            (&[("LANG", "POSIX")], true),
            (&[("LANG", "C.UTF-8")], false),
            (&[("LANG", "C"), ("LC_ALL", "")], true),
            (&[("LANG", "C"), ("LC_ALL", "en_US.UTF-8")], false),
            (&[("LANG", "en_US.UTF-8"), ("LC_CTYPE", "C")], true),
        ] {
            let value =
                |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(is_ascii(value), expected, "{variables:?}");
        }
    }

    #[test]
    fn symbols_become_ascii() {
        assert_eq!(in_ascii("─│█░· 0x… 3 × 5 – /home/é"), "-|#.. 0x... 3 x 5 - /home/é");
        assert!(matches!(in_ascii("plain"), Cow::Borrowed(_)));
    }
}
