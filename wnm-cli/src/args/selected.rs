//! The nodes that a command selects: by name, range, count, state, or all of them.

use std::str::FromStr;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, ValueEnum};
use wnm_core::{NodeId, NodeState, NotANode};

use super::numbers;

/// One node, or the nodes of a range of numbers such as `5-9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeRange {
    pub(crate) first: NodeId,
    pub(crate) last: NodeId,
}

impl From<NodeId> for NodeRange {
    fn from(node: NodeId) -> Self {
        Self { first: node, last: node }
    }
}

/// A word that names neither a node nor a range of nodes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotNodes {
    #[error(transparent)]
    Node(#[from] NotANode),
    #[error("the range runs backwards, write {}-{}", .last.get(), .first.get())]
    Backwards { first: NodeId, last: NodeId },
}

impl FromStr for NodeRange {
    type Err = NotNodes;

    fn from_str(text: &str) -> Result<Self, NotNodes> {
        let Some((first, last)) = text.split_once('-') else {
            let node = text.parse()?;
            return Ok(Self { first: node, last: node });
        };
        // A part alone, such as the empty one of `5-`, is not the word that was typed.
        let part = |part: &str| part.parse::<NodeId>().or_else(|_| text.parse());
        let (first, last) = (part(first)?, part(last)?);
        if first > last { Err(NotNodes::Backwards { first, last }) } else { Ok(Self { first, last }) }
    }
}

/// A state of nodes, as `wnm node list` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum StateName {
    Running,
    Unknown,
    Stopped,
    Restarting,
    Upgrading,
    Migrating,
    Removing,
    Dead,
    Disabled,
}

impl StateName {
    /// Tells whether a node is in this state.
    pub(crate) fn is_of(self, state: &NodeState) -> bool {
        match self {
            Self::Running => matches!(state, NodeState::Running { .. }),
            Self::Unknown => matches!(state, NodeState::Unknown { .. }),
            Self::Stopped => matches!(state, NodeState::Stopped { .. }),
            Self::Restarting => matches!(state, NodeState::Restarting { .. }),
            Self::Upgrading => matches!(state, NodeState::Upgrading { .. }),
            Self::Migrating => matches!(state, NodeState::Migrating { .. }),
            Self::Removing => matches!(state, NodeState::Removing { .. }),
            Self::Dead => matches!(state, NodeState::Dead { .. }),
            Self::Disabled => matches!(state, NodeState::Disabled { .. }),
        }
    }
}

/// Which nodes a command acts on. A command without a selection is an error: a guess might stop the wrong node.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").args(["nodes", "count", "all", "state"]).required(true))]
pub(crate) struct Selected {
    /// Nodes, such as 3, 0003, antnode0003 or 5-9, separated by spaces or commas
    #[arg(value_name = "NODE", value_delimiter = ',')]
    pub(crate) nodes: Vec<NodeRange>,
    /// Number of nodes, chosen by age
    #[arg(long, value_name = "N", value_parser = numbers::count)]
    pub(crate) count: Option<u32>,
    /// All nodes that allow the action
    #[arg(long)]
    pub(crate) all: bool,
    /// All nodes in these states, such as STOPPED, separated by commas
    #[arg(
        long,
        value_name = "STATE",
        value_enum,
        ignore_case = true,
        value_delimiter = ',',
        hide_possible_values = true
    )]
    pub(crate) state: Vec<StateName>,
    /// Pause between the actions on two nodes, such as 500ms or 10s [default: action_delay]
    #[arg(long, value_name = "TIME", value_parser = numbers::milliseconds)]
    pub(crate) interval: Option<u64>,
    /// Show the actions, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A selection of nodes whose identities a command removes.
#[derive(Debug, Args)]
pub(crate) struct Removed {
    #[command(flatten)]
    pub(crate) which: Selected,
    #[command(flatten)]
    pub(crate) consent: ConsentFlag,
}

/// The consent to a command that removes nodes.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ConsentFlag {
    /// Do not ask for confirmation; required without a terminal
    #[arg(short = 'y', long = "yes", alias = "confirm")]
    pub(crate) is_given: bool,
}

/// Returns the command with usage lines that fit the narrowest terminal, 60 columns. clap would write the choices of a
/// selection on one line of 75 columns.
pub(super) fn with_usage(command: clap::Command) -> clap::Command {
    let has_selection = |verb: &clap::Command| verb.get_groups().any(|group| group.get_id() == "which");
    command.mut_subcommand("node", |node| {
        node.mut_subcommands(|verb| {
            if !has_selection(&verb) {
                return verb;
            }
            let line = format!("wnm node {} [OPTIONS]", verb.get_name());
            verb.override_usage(format!("{line} NODE...\n       {line} --count N|--all|--state STATE"))
        })
    })
}

/// Adds the ways to select nodes to the error of a command without a selection.
pub(super) fn with_choices(mut error: clap::Error) -> clap::Error {
    let is_selection = |context: &ContextValue| match context {
        ContextValue::Strings(missing) => missing.iter().any(|missing| missing.contains("--all")),
        _ => false,
    };
    let is_missing = error.kind() == ErrorKind::MissingRequiredArgument;
    if is_missing && error.get(ContextKind::InvalidArg).is_some_and(is_selection) {
        let choices = "name nodes such as 3 or antnode0003, a range 5-9 or a list 1,3, or use --all, --count N or \
                       --state STOPPED";
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(choices)]));
    }
    error
}

#[cfg(test)]
mod tests {
    use wnm_core::NodeState;

    use super::*;

    #[test]
    fn ranges_and_names_are_parsed() {
        let range = |text: &str| text.parse::<NodeRange>().map(|range| (range.first.get(), range.last.get()));
        assert_eq!(range("3"), Ok((3, 3)));
        assert_eq!(range("antnode0003.service"), Ok((3, 3)));
        assert_eq!(range("5-9"), Ok((5, 9)));
        assert_eq!(range("antnode0005-antnode0009"), Ok((5, 9)));
        assert_eq!(range("4-4"), Ok((4, 4)));
        assert!(range("9-5").unwrap_err().to_string().ends_with("write 5-9"));
        for text in ["", "-", "-3", "3-", "1-2-3", "0-2", "x-y", "3..5"] {
            assert!(matches!(range(text), Err(NotNodes::Node(_))), "{text}");
        }
    }

    #[test]
    fn state_names_are_the_words_of_states() {
        let stopped = NodeState::Disabled { since: wnm_core::Timestamp::default() };
        let names: Vec<_> = StateName::value_variants().iter().filter(|name| name.is_of(&stopped)).collect();
        assert_eq!(names, [&StateName::Disabled]);
        let name = StateName::Disabled.to_possible_value().unwrap();
        assert_eq!(name.get_name(), stopped.word());
    }
}
