//! What came of a request, a line for each node.

use serde::Serialize;
use wnm_core::{Action, NodeId, NodeSample, NodeState, Outcome, Planned, Presence, Refusal};

use super::page::Width;
use super::table::Table;
use super::{DIM, GREEN, RED, YELLOW, reason, styled};

/// How far a request came with a node. The order is that of the table: what needs a look stands at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Came {
    /// It is done.
    Done,
    /// It would be done: this is a dry run.
    Planned,
    /// It has begun, and the next cycles go on with it.
    Pending,
    /// It was not begun.
    Refused,
    /// It was begun, and came to nothing.
    Failed,
}

impl Came {
    const ALL: [Self; 5] = [Self::Done, Self::Planned, Self::Pending, Self::Refused, Self::Failed];

    fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Planned => "would be done",
            Self::Pending => "under way",
            Self::Refused => "not done",
            Self::Failed => "failed",
        }
    }
}

/// What came of a request for one node.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Work {
    /// The node; None where no node could be had.
    pub(crate) node: Option<NodeId>,
    /// Its name.
    pub(crate) name: Option<String>,
    /// What was to be done.
    pub(crate) verb: &'static str,
    /// How far it came.
    pub(crate) result: Came,
    /// Why it came no further, or what else there is to say.
    pub(crate) why: Option<String>,
    /// Seconds from the request to its end; None where it has not ended.
    pub(crate) seconds: Option<f64>,
    /// Where the action stands; None where none was begun.
    pub(crate) outcome: Option<Outcome>,
    /// Why none was begun.
    pub(crate) refusal: Option<Refusal>,
}

impl Work {
    fn new(node: Option<NodeId>, verb: &'static str, result: Came, why: Option<String>) -> Self {
        let name = node.map(NodeId::name);
        Self { node, name, verb, result, why, seconds: None, outcome: None, refusal: None }
    }

    /// What would be done.
    pub(crate) fn planned(planned: &Planned) -> Self {
        let Planned { action, .. } = planned;
        Self::new(Some(action.node()), action.verb(), Came::Planned, versions(action))
    }

    /// What was begun, and how long it took.
    pub(crate) fn begun(planned: &Planned, outcome: Outcome, seconds: Option<f64>) -> Self {
        let action = &planned.action;
        let (result, why) = match &outcome {
            Outcome::Done => (Came::Done, versions(action)),
            Outcome::Pending { step, why, .. } => (Came::Pending, Some(format!("still to {step}: {why}"))),
            Outcome::Failed(failure) => (Came::Failed, Some(reason::failure(failure))),
        };
        let work = Self::new(Some(action.node()), action.verb(), result, why);
        Self { seconds: seconds.filter(|_| result != Came::Pending), outcome: Some(outcome), ..work }
    }

    /// What was not begun.
    pub(crate) fn refused(verb: &'static str, node: Option<NodeId>, refusal: Refusal) -> Self {
        let work = Self::new(node, verb, Came::Refused, Some(refusal.to_string()));
        Self { refusal: Some(refusal), ..work }
    }

    /// Takes up what came of the second half of a reset, when its first is done.
    pub(crate) fn go_on_as(&mut self, made: Self) {
        let seconds = self.seconds.zip(made.seconds).map(|(removal, addition)| removal + addition);
        *self = Self { verb: self.verb, seconds, ..made };
    }

    /// What was seen of a node that was looked at.
    pub(crate) fn seen(node: NodeId, state: Option<&NodeState>, sample: &NodeSample) -> Self {
        let seen = reason::presence(sample.presence);
        let (result, why) = match sample.presence {
            Presence::Unreachable => (Came::Failed, format!("look: {seen}")),
            _ => (Came::Done, format!("{}, {seen}", state.map_or("UNKNOWN", NodeState::word))),
        };
        Self::new(Some(node), "survey", result, Some(why))
    }
}

/// Returns the versions that an action is about.
fn versions(action: &Action) -> Option<String> {
    match action {
        Action::Start { upgrade_to: Some(to), .. } => Some(format!("with {to}")),
        Action::Upgrade { from: Some(from), to, .. } => Some(format!("from {from} to {to}")),
        Action::Upgrade { from: None, to, .. } => Some(format!("to {to}")),
        Action::Add { .. }
        | Action::Start { upgrade_to: None, .. }
        | Action::Stop { .. }
        | Action::Disable { .. }
        | Action::Enable { .. }
        | Action::Restart { .. }
        | Action::Remove { .. } => None,
    }
}

/// Returns the works as a table, what failed last, and how many came how far.
pub(crate) fn text(works: &[Work], width: Width) -> String {
    if works.is_empty() {
        return "nothing to do\n".to_owned();
    }
    let mut sorted: Vec<&Work> = works.iter().collect();
    sorted.sort_by_key(|work| work.result);
    let table = Table {
        header: &["NODE", "ACTION", "TOOK", "RESULT"],
        right: &[2],
        shed: &[],
        rows: sorted.into_iter().map(row).collect(),
    };
    let counts = Came::ALL.into_iter().filter_map(|came| {
        let count = works.iter().filter(|work| work.result == came).count();
        (count > 0).then(|| styled(style(came), format!("{count} {}", came.words())))
    });
    format!("{}\n{}\n", table.text(width), counts.collect::<Vec<_>>().join(", "))
}

fn row(work: &Work) -> Vec<String> {
    let words = styled(style(work.result), work.result.words());
    let between = if work.result == Came::Failed { " to " } else { ": " };
    vec![
        work.name.clone().unwrap_or_else(|| "-".to_owned()),
        work.verb.to_owned(),
        work.seconds.map_or_else(String::new, |seconds| format!("{seconds:.1} s")),
        work.why.as_ref().map_or_else(|| words.clone(), |why| format!("{words}{between}{why}")),
    ]
}

fn style(came: Came) -> anstyle::Style {
    match came {
        Came::Done => GREEN,
        Came::Planned => DIM,
        Came::Pending | Came::Refused => YELLOW,
        Came::Failed => RED,
    }
}

#[cfg(test)]
mod tests {
    use wnm_core::steps::{Failure, Step, StepFailure};
    use wnm_core::{Reason, Timestamp};

    use super::*;
    use crate::render::page::fitted;

    #[test]
    fn what_failed_stands_last_and_is_counted() {
        let node = |id| NodeId::new(id).unwrap();
        let planned = |action| Planned { action, reason: Reason::Requested };
        let failed = StepFailure {
            step: Step::Confirm,
            at: Timestamp::default(),
            error: "expected a process that stays up, found that it ended with exit code 1".to_owned(),
            hint: None,
        };
        let version = |text: &str| text.parse().unwrap();
        let upgrade = Action::Upgrade { node: node(2), from: Some(version("0.4.17")), to: version("0.4.18") };
        let pending = Outcome::Pending {
            step: Step::SeeGone,
            since: Timestamp::default(),
            why: "its process is still ending".to_owned(),
        };
        let works = [
            Work::begun(
                &planned(Action::Add { node: node(1) }),
                Outcome::Failed(Failure { failed, rolled_back: true }),
                Some(12.34),
            ),
            Work::begun(&planned(upgrade), Outcome::Done, Some(3.21)),
            Work::begun(&planned(Action::Stop { node: node(3) }), pending, Some(180.0)),
            Work::refused("start", Some(node(4)), Refusal::InState { state: "RUNNING".to_owned() }),
            Work::refused("add", None, Refusal::CapReached { total: 4, cap: 4 }),
            Work::planned(&planned(Action::Start { node: node(5), upgrade_to: Some(version("0.4.18")) })),
            Work::begun(&planned(Action::Restart { node: node(10_000) }), Outcome::Done, Some(0.05)),
            Work::seen(node(7), None, &NodeSample { presence: Presence::Answering, ..NodeSample::default() }),
        ];
        let page = |width| {
            let page = fitted(&text(&works, width), width);
            anstream::adapter::strip_str(&page).to_string()
        };
        insta::assert_snapshot!(page(Width::Full));
        insta::assert_snapshot!(page(Width::Columns(60)));
    }
}
