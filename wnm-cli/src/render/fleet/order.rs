//! The result of a command to hosts.

use serde::Serialize;
use wnm_agent::fleet::document::HostState;
use wnm_agent::fleet::operator::HostRecord;
use wnm_core::Timestamp;

use super::member::until;
use crate::json::Time;

/// Most hosts that a sentence names.
const MOST_NAMED: usize = 10;

/// The hosts of a command by their answer.
#[derive(Debug, Default)]
pub(crate) struct Obedience {
    /// The hosts that obey.
    pub(crate) obeying: Vec<String>,
    /// The hosts that publish, and do not obey yet.
    pub(crate) waiting: Vec<String>,
    /// The hosts that are away, and obey when they come back.
    pub(crate) away: Vec<String>,
}

impl Obedience {
    pub(crate) fn of<'a>(
        records: impl Iterator<Item = &'a HostRecord>,
        is_obeyed: impl Fn(&HostState) -> bool,
    ) -> Self {
        let mut obedience = Self::default();
        for record in records {
            let list = match record.state() {
                Some(state) if is_obeyed(state) => &mut obedience.obeying,
                Some(_) => &mut obedience.waiting,
                None => &mut obedience.away,
            };
            list.push(record.host.to_string());
        }
        obedience
    }
}

/// A command that was sent.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Sent {
    /// The verb.
    #[cfg_attr(test, schemars(extend("enum" = ["hold", "resume", "set"])))]
    verb: &'static str,
    /// The generation; null for a hold without signature.
    generation: Option<u64>,
    /// The end of the command.
    until: Time,
    /// The hosts that obey.
    obeying: Vec<String>,
    /// The hosts that publish, and do not obey yet.
    waiting: Vec<String>,
    /// The hosts that are away, and obey when they come back before the end.
    away: Vec<String>,
    #[serde(skip)]
    end: Timestamp,
}

impl Sent {
    pub(crate) fn new(verb: &'static str, generation: Option<u64>, end: Timestamp, obedience: Obedience) -> Self {
        let Obedience { obeying, waiting, away } = obedience;
        Self { verb, generation, until: end.into(), obeying, waiting, away, end }
    }
}

/// Returns the page of a command that was sent.
pub(crate) fn sent(sent: &Sent) -> String {
    let Sent { verb, obeying, waiting, away, .. } = sent;
    let all = obeying.len() + waiting.len() + away.len();
    let (hosts, obey) = if all == 1 { ("host", "obeys") } else { ("hosts", "obey") };
    let mut text = format!("{verb} sent, {}; {} of {all} {hosts} {obey}\n", until(sent.end), obeying.len());
    for (names, word) in [(waiting, "not yet"), (away, "away")] {
        if !names.is_empty() {
            let more = names.len().saturating_sub(MOST_NAMED);
            let first = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            text.push_str(&format!("{word}: {first}{more}\n"));
        }
    }
    text
}
