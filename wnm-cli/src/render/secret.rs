//! Lines of a shell with secrets as `***`; `wnm_core::secret` masks them.

use wnm_core::secret::MASK;

use super::shell_text;

/// Returns masked words as a line of a shell, without quotes around the masks.
pub(crate) fn line(words: &[String]) -> String {
    let word = |word: &String| if word.ends_with(MASK) { word.clone() } else { shell_text(&[word]) };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Returns variables as a line of `NAME=VALUE` words, with secrets masked.
pub(crate) fn variables(environment: &[(String, String)]) -> String {
    let masked = wnm_core::secret::masked_variables(environment).into_iter();
    line(&masked.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>())
}
