//! The earnings of the colony: lines for people, and JSON.

use serde::Serialize;
use wnm_agent::earnings::{Account, Day, Earned, Record, Span};
use wnm_core::probe::Atto;
use wnm_core::{Address, Timestamp};

use super::{BOLD, YELLOW, duration, styled};
use crate::json::Time;

/// The days over which the rates are means.
const WEEK: Span = Span(7);
/// The number of days in JSON.
const DAYS: usize = 30;

/// The earnings at a time of the wall clock.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EarningsNow {
    pub(crate) now: Timestamp,
    pub(crate) record: Record,
}

/// The earnings as JSON. Amounts are texts with all 18 decimals.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EarningsView {
    /// The last complete reading; null before the first.
    read_at: Option<Time>,
    /// The problem of the latest reading; null without one.
    problem: Option<String>,
    /// The blocks whose transfers are still to be read, as after a long absence of the daemon.
    blocks_left: u64,
    /// The contract of the token; null before the first reading.
    contract: Option<Address>,
    /// The rewards addresses of the nodes.
    addresses: Vec<AddressView>,
    /// The last 30 days, the latest first. The first day on record is incomplete.
    days: Vec<DayView>,
    /// The received tokens for each day of a node, over the last 7 days; null for less than one node-day.
    tokens_per_node_day: Option<f64>,
    /// The received tokens for each day of a terabyte of the nodes, over the last 7 days; null for less than a hundredth of
    /// a terabyte-day.
    tokens_per_terabyte_day: Option<f64>,
}

/// A rewards address.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AddressView {
    /// The address.
    address: Address,
    /// The tokens at the last reading.
    balance_tokens: Atto,
    /// The tokens received since the first reading.
    received_tokens: Atto,
    /// The transfers to the address since the first reading.
    transfers: u64,
}

/// A day.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DayView {
    /// The date in UTC, such as 2026-11-30.
    date: String,
    /// The received tokens.
    received_tokens: Atto,
    /// The transfers to the addresses.
    transfers: u64,
    /// The tokens of all addresses at the end of the day.
    balance_tokens: Atto,
    /// The days of all running nodes together.
    node_days: f64,
    /// The terabytes of the nodes multiplied with the days.
    terabyte_days: f64,
}

impl From<&EarningsNow> for EarningsView {
    fn from(EarningsNow { now, record }: &EarningsNow) -> Self {
        let address = |(address, account): (&Address, &Account)| AddressView {
            address: *address,
            balance_tokens: account.balance,
            received_tokens: account.received,
            transfers: account.transfers,
        };
        let week = record.earned(WEEK, *now);
        Self {
            read_at: record.read.map(Time::from),
            problem: record.problem.clone(),
            blocks_left: record.left,
            contract: record.contract,
            addresses: record.accounts.iter().map(address).collect(),
            days: days(record, DAYS).map(|(date, day)| DayView::of(date, day)).collect(),
            tokens_per_node_day: week.per_node_day(),
            tokens_per_terabyte_day: week.per_terabyte_day(),
        }
    }
}

impl DayView {
    fn of(date: &str, day: &Day) -> Self {
        let Earned { received, transfers, node_days, terabyte_days } = day.earned();
        Self {
            date: date.to_owned(),
            received_tokens: received,
            transfers,
            balance_tokens: day.balance(),
            node_days,
            terabyte_days,
        }
    }
}

/// Returns the last days, the latest first.
pub(crate) fn days(record: &Record, most: usize) -> impl Iterator<Item = (&str, &Day)> {
    record.days.iter().rev().take(most).map(|(date, day)| (date.as_str(), day))
}

/// Returns an amount with four decimals: `0.0420 ANT`.
pub(crate) fn tokens(amount: f64) -> String {
    format!("{amount:.4} ANT")
}

/// Returns the facts with their names, for all pages.
pub(crate) fn facts(EarningsNow { now, record }: &EarningsNow) -> Vec<(&'static str, String)> {
    let Some(read) = record.read else { return Vec::new() };
    let addresses = match record.accounts.len() {
        1 => "1 address".to_owned(),
        count => format!("{count} addresses"),
    };
    let balance = tokens(record.balance().tokens());
    let (today, week) = (record.earned(Span(1), *now), record.earned(WEEK, *now));
    let received = [today, week].map(|earned| tokens(earned.received.tokens()));
    let rates = [(week.per_node_day(), "node-day"), (week.per_terabyte_day(), "TB-day")];
    let rates = rates.iter().filter_map(|(rate, unit)| rate.map(|rate| format!("{} for each {unit}", tokens(rate))));
    let rates = rates.collect::<Vec<_>>().join(", ");
    let mut facts = vec![
        ("balance", format!("{balance} on {addresses}, read {} ago", duration(now.since(read)))),
        ("received", format!("{} today, {} in 7 days", received[0], received[1])),
    ];
    if !rates.is_empty() {
        facts.push(("mean", rates));
    }
    facts
}

/// Returns the problem of the earnings in a sentence; None without one.
pub(crate) fn problem(EarningsNow { record, .. }: &EarningsNow) -> Option<String> {
    let problem = record.problem.as_ref().map(|problem| format!("the earnings cannot be read: {problem}"));
    problem
        .or_else(|| (record.left > 0).then(|| format!("the transfers of {} blocks are still to be read", record.left)))
}

/// Returns the lines of the earnings for `wnm status`, with their heading.
pub(crate) fn lines(earnings: &EarningsNow) -> String {
    let mut text = format!("\n{}\n\n", styled(BOLD, "earnings"));
    let facts = facts(earnings);
    let problem = problem(earnings);
    if facts.is_empty() && problem.is_none() {
        text.push_str("  not read yet\n");
    }
    text.extend(facts.iter().map(|(name, value)| format!("  {name:<12}{value}\n")));
    text.extend(problem.iter().map(|problem| format!("  {} {problem}\n", styled(YELLOW.bold(), "warning:"))));
    text
}
