//! The earnings of each day.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wnm_core::probe::Atto;
use wnm_core::{Address, Timestamp};

use super::rpc::Transfers;

/// The number of days that are kept.
pub const KEPT_DAYS: u16 = 400;
/// Seconds of a day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of a terabyte.
const TERABYTE: f64 = 1e12;

/// The earnings of a colony, as stored beside its database.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// The contract of the token; None before the first reading.
    pub contract: Option<Address>,
    /// The last block whose transfers are counted.
    pub block: Option<u64>,
    /// The blocks since then whose transfers are still to be read, as after a long absence of the daemon.
    pub left: u64,
    /// The latest attempt to read.
    pub asked: Option<Timestamp>,
    /// The last complete reading.
    pub read: Option<Timestamp>,
    /// The problem of the latest attempt; None after a complete reading.
    pub problem: Option<String>,
    /// The rewards addresses of the nodes at the last reading.
    pub accounts: BTreeMap<Address, Account>,
    /// The days by their date in UTC, such as `2026-11-30`. The first is incomplete.
    pub days: BTreeMap<String, Day>,
}

/// A rewards address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    /// The tokens at the last reading.
    pub balance: Atto,
    /// The tokens received since the first reading.
    pub received: Atto,
    /// The transfers to the address since the first reading.
    pub transfers: u64,
}

/// One day.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Day {
    /// The accounts with their balance at the end of the day, and the sums of the day.
    pub accounts: BTreeMap<Address, Account>,
    /// The time of all running nodes together, in seconds.
    pub node_seconds: f64,
    /// The disk space of the nodes multiplied with its time, in byte seconds.
    pub byte_seconds: f64,
}

/// A number of days up to today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub u16);

/// The earnings of some days.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Earned {
    /// The received tokens.
    pub received: Atto,
    /// The number of transfers.
    pub transfers: u64,
    /// The days of all running nodes together.
    pub node_days: f64,
    /// The terabytes of the nodes multiplied with the days.
    pub terabyte_days: f64,
}

impl Earned {
    /// Returns the tokens for each day of a node; None for less than one node-day, after which no rate is meaningful.
    #[must_use]
    pub fn per_node_day(&self) -> Option<f64> {
        (self.node_days >= 1.0).then(|| self.received.tokens() / self.node_days)
    }

    /// Returns the tokens for each day of a terabyte; None for less than a hundredth of a terabyte-day.
    #[must_use]
    pub fn per_terabyte_day(&self) -> Option<f64> {
        (self.terabyte_days >= 0.01).then(|| self.received.tokens() / self.terabyte_days)
    }
}

/// Returns the date of a time in UTC, such as `2026-11-30`.
#[must_use]
pub fn date(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default().strftime("%Y-%m-%d").to_string()
}

impl Record {
    /// Counts the nodes that ran for some time until `now`, with the space of their folders in bytes.
    pub fn count_nodes(&mut self, nodes: usize, bytes: u64, time: Duration, now: Timestamp) {
        let day = self.days.entry(date(now)).or_default();
        day.node_seconds += nodes as f64 * time.as_secs_f64();
        day.byte_seconds += bytes as f64 * time.as_secs_f64();
    }

    /// Takes over the balances of the accounts. An account that is not among them is no longer one of the nodes.
    pub fn set_balances(&mut self, balances: &BTreeMap<Address, Atto>, now: Timestamp) {
        self.accounts.retain(|account, _| balances.contains_key(account));
        let day = self.days.entry(date(now)).or_default();
        for (account, balance) in balances {
            self.accounts.entry(*account).or_default().balance = *balance;
            day.accounts.entry(*account).or_default().balance = *balance;
        }
        let first = date(now.before(DAY * u32::from(KEPT_DAYS)));
        self.days.retain(|date, _| *date > first);
    }

    /// Adds transfers up to a block.
    pub fn add_transfers(&mut self, transfers: &BTreeMap<Address, Transfers>, block: u64, now: Timestamp) {
        self.block = Some(block);
        let day = self.days.entry(date(now)).or_default();
        for (account, Transfers { received, count }) in transfers {
            for sums in [self.accounts.entry(*account).or_default(), day.accounts.entry(*account).or_default()] {
                sums.received = sums.received.plus(*received);
                sums.transfers += count;
            }
        }
    }

    /// Returns the sum of the balances.
    #[must_use]
    pub fn balance(&self) -> Atto {
        self.accounts.values().fold(Atto::default(), |sum, account| sum.plus(account.balance))
    }

    /// Returns the earnings of the last days, with today.
    #[must_use]
    pub fn earned(&self, Span(days): Span, now: Timestamp) -> Earned {
        let first = date(now.before(DAY * u32::from(days.saturating_sub(1))));
        self.days.range(first..).fold(Earned::default(), |sum, (_, day)| sum.plus(&day.earned()))
    }
}

impl Day {
    /// Returns the earnings of the day.
    #[must_use]
    pub fn earned(&self) -> Earned {
        let sums = self.accounts.values();
        Earned {
            received: sums.clone().fold(Atto::default(), |sum, account| sum.plus(account.received)),
            transfers: sums.map(|account| account.transfers).sum(),
            node_days: self.node_seconds / DAY.as_secs_f64(),
            terabyte_days: self.byte_seconds / TERABYTE / DAY.as_secs_f64(),
        }
    }

    /// Returns the sum of the balances at the end of the day.
    #[must_use]
    pub fn balance(&self) -> Atto {
        self.accounts.values().fold(Atto::default(), |sum, account| sum.plus(account.balance))
    }
}

impl Earned {
    fn plus(self, other: &Self) -> Self {
        Self {
            received: self.received.plus(other.received),
            transfers: self.transfers + other.transfers,
            node_days: self.node_days + other.node_days,
            terabyte_days: self.terabyte_days + other.terabyte_days,
        }
    }
}

#[cfg(test)]
mod tests {
    use wnm_core::FAUCET;

    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_796_040_000);

    fn transfers(attos: u128) -> BTreeMap<Address, Transfers> {
        BTreeMap::from([(FAUCET, Transfers { received: Atto(attos), count: 2 })])
    }

    #[test]
    fn days_are_kept_and_summed() {
        let mut record = Record::default();
        let day = |days: u32| NOON.after(DAY * days);
        assert_eq!((date(NOON).as_str(), date(day(1)).as_str()), ("2026-11-30", "2026-12-01"));
        for days in 0..500 {
            record.set_balances(&BTreeMap::from([(FAUCET, Atto(u128::from(days)))]), day(days));
            record.add_transfers(&transfers(1_000_000_000_000_000_000), u64::from(days), day(days));
            record.count_nodes(10, 500_000_000_000, DAY, day(days));
        }
        assert_eq!((record.days.len(), record.balance()), (usize::from(KEPT_DAYS), Atto(499)));
        assert_eq!(record.accounts[&FAUCET].transfers, 1000, "the sums of all time outlive the days");
        let today = record.earned(Span(1), day(499));
        assert_eq!((today.received.tokens(), today.transfers, today.node_days), (1.0, 2, 10.0));
        let week = record.earned(Span(7), day(499));
        assert_eq!((week.received.tokens(), week.terabyte_days), (7.0, 3.5));
        assert_eq!((week.per_node_day(), week.per_terabyte_day()), (Some(0.1), Some(2.0)));
        assert_eq!(record.earned(Span(7), day(520)), Earned::default());
        assert_eq!(Earned::default().per_node_day(), None);
    }

    #[test]
    fn record_is_stored_as_json() {
        let mut record = Record { contract: Some(FAUCET), asked: Some(NOON), ..Record::default() };
        record.set_balances(&BTreeMap::from([(FAUCET, Atto(u128::MAX))]), NOON);
        record.count_nodes(3, 7, Duration::from_millis(1500), NOON);
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        // Another account of the nodes: the one before stays in the days.
        record.set_balances(&BTreeMap::new(), NOON);
        assert!(record.accounts.is_empty() && record.days["2026-11-30"].accounts.contains_key(&FAUCET));
    }
}
