//! The file that names the server. Its address may contain a key, so that only its owner may read the file.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use wnm_core::{Address, HttpUrl};

use crate::private_file::{self, PrivateFileError};

/// The contract of the token ANT on Arbitrum One: `ARBITRUM_ONE_PAYMENT_TOKEN_ADDRESS` of evmlib 0.9.
pub const ANT: &str = "0xa78d8321B20c4Ef90eCd72f2588AA985A4BDb684";
/// Least and greatest time between two readings, in seconds.
const EVERY: std::ops::RangeInclusive<u64> = 60..=86_400;
/// Time between two readings without a setting, in seconds.
const USUAL: u64 = 300;

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The address of the JSON-RPC server.
    pub url: HttpUrl,
    /// The contract of the token.
    pub contract: Address,
    /// The time between two readings, one minute to a day.
    pub every: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    url: String,
    contract: Option<String>,
    every: Option<u64>,
}

impl Source {
    /// Reads the file.
    ///
    /// # Errors
    /// The file cannot be read, other users can read it, or it is not valid.
    pub fn read(path: &Path) -> Result<Self, PrivateFileError> {
        private_file::read(path, Self::parse)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Content { url, contract, every } = private_file::parse(text)?;
        // The problem of an address would quote a key in it.
        let url = HttpUrl::new(&url).map_err(|_| "the url is invalid: it begins with no http:// or https://")?;
        let contract = contract.as_deref().unwrap_or(ANT).parse::<Address>();
        let contract = contract.map_err(|error| format!("the contract is invalid: {}", error.cause))?;
        let every = every.unwrap_or(USUAL);
        if !EVERY.contains(&every) {
            return Err(format!("every is not between {} and {} seconds", EVERY.start(), EVERY.end()));
        }
        Ok(Self { url, contract, every: Duration::from_secs(every) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_has_a_url_and_defaults() {
        let source = Source::parse("url = 'https://arb1.arbitrum.io/rpc'\n").unwrap();
        assert_eq!((source.contract.to_string().as_str(), source.every), (ANT, Duration::from_secs(300)));
        for (text, cause) in [
            ("", "missing field `url`"),
            ("url = 'wss://SECRET'\n", "the url is invalid"),
            ("url = 'http://user:SECRET@h'\n", "the url is invalid"),
            ("url = 'http://h'\nevery = 59\n", "every is not between 60 and 86400 seconds"),
            ("url = 'http://h'\ncontract = '0xSECRET'\n", "the contract is invalid: not 0x and 40 hexadecimal digits"),
            ("url = 'http://h'\nkey = 'SECRET'\n", "line 2: unknown field"),
        ] {
            let error = Source::parse(text).unwrap_err();
            assert!(error.contains(cause) && !error.contains("SECRET"), "{text:?}: {error}");
        }
    }
}
