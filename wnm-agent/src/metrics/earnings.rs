//! The metrics of the earnings. A daemon without a server for them has none.

use super::{Sink, counter, gauge, seconds, single};
use crate::live::{AccountSummary, EarningsSummary};

pub(super) fn write(earnings: &EarningsSummary, sink: &mut dyn Sink) {
    if earnings.file.is_none() {
        return;
    }
    let is_failing = earnings.problem.is_some();
    let help = "Whether the earnings cannot be read: 1 while they cannot.";
    single(sink, gauge("wnm_earnings_failing", help), Some(f64::from(u8::from(is_failing))));
    let help = "Last complete reading of the earnings, as a Unix time.";
    single(sink, gauge("wnm_earnings_read_timestamp_seconds", help), earnings.read.map(seconds));
    let families = [
        gauge("wnm_earnings_balance_tokens", "Tokens of a rewards address of the nodes."),
        counter(
            "wnm_earnings_received_tokens_total",
            "Tokens that a rewards address received since the first reading.",
        ),
        counter("wnm_earnings_transfers_total", "Transfers to a rewards address since the first reading."),
    ];
    let values: [fn(&AccountSummary) -> f64; 3] =
        [|account| account.balance.tokens(), |account| account.received.tokens(), |account| account.transfers as f64];
    for (family, value) in families.into_iter().zip(values) {
        sink.family(family);
        for (address, account) in &earnings.accounts {
            sink.sample("", &[("address", &address.to_string())], value(account));
        }
    }
}
