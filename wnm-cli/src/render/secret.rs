//! Secrets in environments and command lines, which pages and JSON show as `***`.

use super::shell_text;

/// The text in the place of a secret.
const MASK: &str = "***";
/// Parts of the names of secret variables.
const PARTS: [&str; 4] = ["KEY", "TOKEN", "SECRET", "PASSWORD"];

/// Returns the variables with the values of secrets masked.
pub(crate) fn masked(environment: Vec<(String, String)>) -> Vec<(String, String)> {
    let mask = |(name, value): (String, String)| {
        let upper = name.to_uppercase();
        let is_secret = PARTS.iter().any(|part| upper.contains(part));
        (name, if is_secret { MASK.to_owned() } else { value })
    };
    environment.into_iter().map(mask).collect()
}

/// Returns words of a command line with the values of secret flags masked, in both forms: `--key=VALUE` and `--key VALUE`.
///
/// Only the end of a name counts: `--payment-token-address` of a custom network holds a public address.
pub(crate) fn masked_words(words: &[String]) -> Vec<String> {
    let is_secret = |flag: &str| {
        let upper = flag.to_uppercase();
        flag.starts_with('-') && PARTS.iter().any(|part| upper.ends_with(part))
    };
    let mut masked = Vec::with_capacity(words.len());
    let mut is_value = false;
    for word in words {
        let shown = match word.split_once('=') {
            _ if is_value => MASK.to_owned(),
            Some((flag, _)) if is_secret(flag) => format!("{flag}={MASK}"),
            _ => word.clone(),
        };
        is_value = !is_value && is_secret(word);
        masked.push(shown);
    }
    masked
}

/// Returns masked words as a line of a shell, without quotes around the masks.
pub(crate) fn line(words: &[String]) -> String {
    let word = |word: &String| if word.ends_with(MASK) { word.clone() } else { shell_text(&[word]) };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_names_are_masked() {
        let pairs = [("API_KEY", "a"), ("my_token", "b"), ("RUST_LOG", "info"), ("Secret_Path", "c"), ("PASSWORD", "")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let values: Vec<String> = masked(pairs).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["***", "***", "info", "***", "***"]);
    }

    #[test]
    fn values_of_secret_flags_are_masked() {
        let words = "--local --api-key abc --auth-token=x=y --payment-token-address 0x1 token --password --port 1";
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        assert_eq!(
            masked_words(&words).join(" "),
            "--local --api-key *** --auth-token=*** --payment-token-address 0x1 token --password *** 1"
        );
    }
}
