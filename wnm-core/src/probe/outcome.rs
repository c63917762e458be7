//! The result of one run.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::plan::{ProbeKind, SizeClass};
use crate::model::units::{Bytes, Timestamp};

/// The result of a run in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProbeOutcome {
    /// The client succeeded, and the content is the expected one as far as it is known.
    Ok,
    /// The client was ended after its timeout, or because it wrote too much.
    Killed,
    /// The client was ended before its time: at the end of the window, under a hold, or with the daemon.
    Stopped,
    /// The client failed for a reason of this host, such as a wrong argument, a full disk or an empty wallet.
    ClientError,
    /// The client did not reach the network, or the network did not answer in time.
    NetworkError,
    /// The network does not have the file any more, or has other content.
    DataLoss,
    /// The client failed, and its answer does not tell why.
    Unknown,
}

impl ProbeOutcome {
    /// Every outcome.
    pub const ALL: [Self; 7] =
        [Self::Ok, Self::Killed, Self::Stopped, Self::ClientError, Self::NetworkError, Self::DataLoss, Self::Unknown];

    /// Returns the word in output and in the database, such as `network_error`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Killed => "killed",
            Self::Stopped => "stopped",
            Self::ClientError => "client_error",
            Self::NetworkError => "network_error",
            Self::DataLoss => "data_loss",
            Self::Unknown => "unknown",
        }
    }

    /// Tells whether the run tells against the network: it is neither a success, nor a fault of this host, nor ended by
    /// wnm. A client that is still waiting at its timeout mostly waits for the network.
    #[must_use]
    pub const fn is_network_failure(self) -> bool {
        matches!(self, Self::Killed | Self::NetworkError | Self::DataLoss | Self::Unknown)
    }
}

impl fmt::Display for ProbeOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The comparison of a content with its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ContentCheck {
    /// No digest is known, or no content arrived.
    Unchecked,
    /// The content has the digest.
    Valid,
    /// The content has another digest.
    Invalid,
}

/// An amount of tokens in attos: 10⁻¹⁸ of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
#[serde(try_from = "String", into = "String")]
pub struct Atto(pub u128);

/// The attos of one token.
const TOKEN: u128 = 1_000_000_000_000_000_000;

impl Atto {
    /// Returns the sum of two amounts, bounded by the greatest one.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns the amount in tokens, with the precision of a float.
    #[must_use]
    pub const fn tokens(self) -> f64 {
        self.0 as f64 / TOKEN as f64
    }
}

impl fmt::Display for Atto {
    /// Writes tokens with all their decimals, as the clients do: `0.000000000000000042`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:018}", self.0 / TOKEN, self.0 % TOKEN)
    }
}

impl From<Atto> for String {
    fn from(amount: Atto) -> Self {
        amount.to_string()
    }
}

impl TryFrom<String> for Atto {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Atto {
    type Err = &'static str;

    /// Reads tokens with at most 18 decimals, such as `0.5` or `2`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "not an amount of tokens, such as 0.5";
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(part) || part.len() > 18 || text.trim().ends_with('.') {
            return Err(WRONG);
        }
        let whole: u128 = whole.parse().map_err(|_| WRONG)?;
        let part: u128 = format!("{part:0<18}").parse().map_err(|_| WRONG)?;
        whole.checked_mul(TOKEN).and_then(|attos| attos.checked_add(part)).map(Self).ok_or(WRONG)
    }
}

/// One run of a client program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProbeRun {
    /// The name of its task.
    pub task: String,
    /// The operation.
    pub kind: ProbeKind,
    /// The class of the file.
    pub size: SizeClass,
    /// The file: its name on the network, or `seed N`.
    pub file: String,
    /// The client program with its version, such as `ant 0.2.4`.
    pub client: String,
    /// The time of the start, in milliseconds since 1970 UTC.
    #[cfg_attr(feature = "schema", schemars(with = "i64"))]
    pub started: Timestamp,
    /// The time that the client took.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub took: Duration,
    /// The bytes of the content: those that a download wrote, or the length of the file of a quote or an upload.
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub bytes: Bytes,
    /// The comparison of the content with its digest.
    pub content: ContentCheck,
    /// The price that the client named; None if it named none.
    pub cost: Option<Atto>,
    /// The address of an uploaded file, in hexadecimal digits.
    #[serde(default)]
    pub address: Option<String>,
    /// The attempt, from 1 on.
    pub attempt: u32,
    /// The result.
    pub outcome: ProbeOutcome,
    /// The exit code of the client; None if it was killed or did not start.
    pub exit_code: Option<i32>,
    /// The cause of a failure: the last line of the client's errors, or the limit that it exceeded.
    pub cause: Option<String>,
}

impl ProbeRun {
    /// Returns the transferred bytes a second; None for quotes, which transfer no content, and for failures.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let is_transfer = self.outcome == ProbeOutcome::Ok && self.kind != ProbeKind::Quote;
        (is_transfer && !self.took.is_zero()).then(|| self.bytes.0 as f64 / self.took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_round_trip() {
        for (text, attos) in [
            ("0.000000000000000042", 42),
            ("0.5", TOKEN / 2),
            ("12", 12 * TOKEN),
            (" 1.000000000000000001 ", TOKEN + 1),
        ] {
            let amount: Atto = text.parse().unwrap();
            assert_eq!(amount, Atto(attos));
            assert_eq!(amount.to_string().parse(), Ok(amount));
        }
        for text in ["", ".", "1.", ".5", "-1", "1e3", "0.0000000000000000001", "1,5", "999999999999999999999999999"] {
            assert!(text.parse::<Atto>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_transfers_have_a_rate() {
        let run = ProbeRun {
            task: "t".to_owned(),
            kind: ProbeKind::Download,
            size: SizeClass::Tiny,
            file: "f".to_owned(),
            client: "ant 1.0.0".to_owned(),
            started: Timestamp::from_millis(0),
            took: Duration::from_millis(500),
            bytes: Bytes(1000),
            content: ContentCheck::Valid,
            cost: None,
            address: None,
            attempt: 1,
            outcome: ProbeOutcome::Ok,
            exit_code: Some(0),
            cause: None,
        };
        assert_eq!(run.rate(), Some(2000.0));
        assert_eq!(ProbeRun { kind: ProbeKind::Quote, ..run.clone() }.rate(), None);
        assert_eq!(ProbeRun { took: Duration::ZERO, ..run.clone() }.rate(), None);
        assert_eq!(ProbeRun { outcome: ProbeOutcome::Killed, ..run }.rate(), None);
    }
}
