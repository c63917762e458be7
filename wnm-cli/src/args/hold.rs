//! The command that holds voluntary actions.

use std::str::FromStr;

use clap::Args;
use wnm_core::Timestamp;

use super::Moment;

#[derive(Debug, Args)]
pub(crate) struct Hold {
    /// Reason, which status, explain, doctor and alerts show
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// End of the hold: a time from now such as 2h, a date such as 2026-12-01, or a time such as 2026-12-01T06:00:00Z [default: until `wnm resume`]
    #[arg(long, alias = "for", value_name = "TIME")]
    pub(crate) until: Option<End>,
    /// Cancel removals in their delay too
    #[arg(long)]
    pub(crate) drain: bool,
}

/// The end of a hold, relative to the present or fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End(Moment);

/// A text that is no end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a time from now such as 2h, a date such as 2026-12-01, or a time such as 2026-12-01T06:00:00Z")]
pub(crate) struct NotAnEnd;

impl End {
    /// Returns the end for the present `now`.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self.0 {
            Moment::Ago(span) => now.after(span),
            Moment::At(at) => at,
        }
    }
}

impl FromStr for End {
    type Err = NotAnEnd;

    fn from_str(text: &str) -> Result<Self, NotAnEnd> {
        text.parse().map(Self).map_err(|_| NotAnEnd)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ends_are_later_or_fixed() {
        let now = Timestamp::from_secs(2_000_000_000);
        let end = |text: &str| text.parse::<End>().map(|end| end.at(now));
        assert_eq!(end("2h"), Ok(now.after(Duration::from_secs(7_200))));
        assert_eq!(end("2026-03-01T12:00:00Z"), Ok(Timestamp::from_secs(1_772_366_400)));
        assert_eq!(end("soon"), Err(NotAnEnd));
    }
}
