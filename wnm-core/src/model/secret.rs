//! Secrets in environments and command lines of nodes, which messages, pages and JSON show as `***`.
//!
//! The database and the definitions of nodes hold the values; everything that is shown or logged passes here before.

/// The text in the place of a secret.
pub const MASK: &str = "***";
/// Parts of the names of secret variables, and ends of the names of secret flags and parameters.
const NAMES: [&str; 9] =
    ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "MNEMONIC", "CREDENTIAL", "CREDENTIALS"];
/// The least length of a part of a path that counts as a key: those of the providers of payment networks have 32.
const SHORTEST_KEY: usize = 20;

/// Returns the variables with secrets masked: the whole value of a name with `KEY`, `TOKEN` or the like, and the keys in
/// addresses.
#[must_use]
pub fn masked_variables(environment: &[(String, String)]) -> Vec<(String, String)> {
    let mask = |(name, value): &(String, String)| {
        let upper = name.to_uppercase();
        let is_secret = NAMES.iter().any(|part| upper.contains(part));
        (name.clone(), if is_secret { MASK.to_owned() } else { masked_addresses(value) })
    };
    environment.iter().map(mask).collect()
}

/// Returns words of a command line with secrets masked: the values of secret flags in both forms, `--key=VALUE` and
/// `--key VALUE`, of secret variables, `API_KEY=VALUE`, and the keys in addresses.
///
/// Only the end of a name counts: `--payment-token-address` of a custom network holds a public address.
#[must_use]
pub fn masked_words(words: &[String]) -> Vec<String> {
    let mut masked = Vec::with_capacity(words.len());
    let mut is_value = false;
    for word in words {
        let shown = match word.split_once('=') {
            _ if is_value => MASK.to_owned(),
            Some((name, _)) if is_secret_name(name) => format!("{name}={MASK}"),
            _ => masked_addresses(word),
        };
        let flag = word.trim_start_matches(['\'', '"']);
        // A flag such as `--no-ask-password` of systemctl has no value.
        is_value = !is_value && flag.starts_with('-') && !flag.starts_with("--no-") && is_secret_name(word);
        masked.push(shown);
    }
    masked
}

/// Returns a line of words with secrets masked, also where its quotes do not match.
#[must_use]
pub fn masked_line(line: &str) -> String {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    masked_words(&words).join(" ")
}

/// Returns a text with the secrets in its addresses masked: user and password, parameters with a secret name, and long
/// parts of a path with letters and digits, which are the keys of many providers.
fn masked_addresses(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at + "://".len());
        shown.push_str(before);
        let end = address.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(address.len());
        let (address, after) = address.split_at(end);
        let place = address.find(['/', '?', '#']).unwrap_or(address.len());
        let (host, place) = address.split_at(place);
        match host.rsplit_once('@') {
            Some((_, host)) => shown.extend([MASK, "@", host]),
            None => shown.push_str(host),
        }
        for part in place.split_inclusive(['/', '?', '#', '&']) {
            let mark = part.len() - usize::from(part.ends_with(['/', '?', '#', '&']));
            let (part, mark) = part.split_at(mark);
            match part.split_once('=') {
                Some((name, _)) if is_secret_name(name) => shown.extend([name, "=", MASK]),
                _ if is_key(part) => shown.push_str(MASK),
                _ => shown.push_str(part),
            }
            shown.push_str(mark);
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

fn is_secret_name(name: &str) -> bool {
    let upper = name.to_uppercase();
    NAMES.iter().any(|end| upper.ends_with(end))
}

fn is_key(part: &str) -> bool {
    part.len() >= SHORTEST_KEY
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        && part.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_names_are_masked() {
        let pairs = [
            ("API_KEY", "a"),
            ("my_token", "b"),
            ("RUST_LOG", "info"),
            ("Secret_Path", "c"),
            ("PASSWORD", ""),
            ("RPC_URL", "https://u:p@h/"),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let values: Vec<String> = masked_variables(&pairs).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["***", "***", "info", "***", "***", "https://***@h/"]);
    }

    #[test]
    fn values_of_secret_flags_are_masked() {
        let words = "--local --api-key abc --auth-token=x=y --payment-token-address 0x1 token --password --port 1 \
                     --rpc-url=https://u:p@h/x --mnemonic a --no-ask-password --no-pager MY_TOKEN=x A=b";
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        assert_eq!(
            masked_words(&words).join(" "),
            "--local --api-key *** --auth-token=*** --payment-token-address 0x1 token --password *** 1 \
             --rpc-url=https://***@h/x --mnemonic *** --no-ask-password --no-pager MY_TOKEN=*** \
             A=b"
        );
    }

    #[test]
    fn line_with_an_open_quote_is_masked() {
        assert_eq!(masked_line("'--api-key abc --port 1"), "'--api-key *** --port 1");
        assert_eq!(masked_line("a  b"), "a  b");
    }

    #[test]
    fn keys_in_addresses_are_masked() {
        for (address, shown) in [
            ("https://arb1.example.org/rpc", "https://arb1.example.org/rpc"),
            ("https://op:hunter2@h:8545/rpc?x=1", "https://***@h:8545/rpc?x=1"),
            ("https://h/v3/0123456789abcdef0123456789abcdef", "https://h/v3/***"),
            ("wss://h/v2/abcDEF0123-_456789abcd/x#y", "wss://h/v2/***/x#y"),
            ("https://h/a?chain=1&api_key=ab&x=2#token=c", "https://h/a?chain=1&api_key=***&x=2#token=***"),
            ("redis://:p@a, https://t@b", "redis://***@a, https://***@b"),
            ("https://h/a-long-path-without-any-number", "https://h/a-long-path-without-any-number"),
            ("op@example.org", "op@example.org"),
            ("://@", "://***@"),
        ] {
            assert_eq!(masked_addresses(address), shown);
        }
    }
}
