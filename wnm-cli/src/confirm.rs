//! The question before a command removes nodes.

use std::io::{self, BufRead, IsTerminal as _};
use std::path::{Path, PathBuf};

use wnm_agent::{Mode, Trigger};
use wnm_core::{Bytes, Node, NodeId, RawSettings, Refusal, Selection, Verb};

use crate::args::{ConsentFlag, SettingFlags};
use crate::context::Context;
use crate::error::{CliError, CommandError};
use crate::output::Output;
use crate::render::page::Width;
use crate::render::table::Table;
use crate::render::{self, counted, shell_text};

/// A node that a command would remove.
struct Candidate {
    id: NodeId,
    age: String,
    /// The size of the folder; None before the first cycle that measured it.
    size: Option<Bytes>,
    folder: PathBuf,
}

/// Returns the nodes to remove: those that the operator agreed to, in the order of their removal.
///
/// Asks on a terminal, without the lock, so that cycles continue while the question waits. With the flag the selection
/// stays as it is.
///
/// # Errors
/// A node does not exist, the operator declines, or neither the flag nor a terminal gives consent.
pub(crate) fn removal(
    db: &Path,
    selection: Selection,
    consent: ConsentFlag,
    purpose: Purpose,
    output: &Output,
) -> Result<Selection, CliError> {
    if consent.is_given {
        return Ok(selection);
    }
    let candidates = candidates(db, &selection)?;
    if candidates.is_empty() && purpose != Purpose::Teardown {
        return Ok(selection);
    }
    ask(&candidates, purpose, output)?;
    Ok(match (purpose, selection) {
        // A teardown that left out a node which was added during the question would not be one.
        (Purpose::Teardown, _) => Selection::All,
        // The table lacks the nodes that cannot be removed now, and the command reports them as refused.
        (_, Selection::Named(named)) => Selection::Named(named),
        // Another count might select other nodes than those in the table.
        (_, Selection::Count(_) | Selection::All) => {
            Selection::Named(candidates.iter().map(|candidate| candidate.id).collect())
        }
    })
}

/// Asks before nodes of a backup are restored, which may still run on another host.
///
/// # Errors
/// As [`removal`].
pub(crate) fn restore(nodes: &[Node], consent: ConsentFlag, output: &Output) -> Result<(), CliError> {
    if consent.is_given || nodes.is_empty() {
        return Ok(());
    }
    let candidate =
        |node: &Node| Candidate { id: node.id, age: "-".to_owned(), size: None, folder: node.root_dir.clone() };
    ask(&nodes.iter().map(candidate).collect::<Vec<_>>(), Purpose::Restore, output)
}

/// The command that removes nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Remove,
    Reset,
    Teardown,
    Restore,
    /// A node cap below the number of nodes.
    NodeCap {
        cap: u32,
    },
}

impl Purpose {
    /// Returns the question on a terminal.
    fn question(self, count: usize) -> String {
        let nodes = counted(count, "node");
        match self {
            Self::Remove => format!("Remove {nodes}? The folders stay in the trash for up to a day. [y/N] "),
            Self::Reset => {
                format!("Give {nodes} a new identity? The old folders stay in the trash for up to a day. [y/N] ")
            }
            Self::Restore => {
                format!("Restore {nodes}? An identity that also runs on another host is excluded by its peers. [y/N] ")
            }
            Self::Teardown if count == 0 => "Empty the trash? The identities cannot be restored. [y/N] ".to_owned(),
            Self::Teardown => format!("Remove {nodes}, and empty the trash? The identities cannot be restored. [y/N] "),
            Self::NodeCap { cap } => {
                format!("Set node_cap to {cap}? The next cycles then remove {nodes}. [y/N] ")
            }
        }
    }
}

/// Returns the nodes that a removal of this selection would remove, from an observation that changes nothing.
fn candidates(db: &Path, selection: &Selection) -> Result<Vec<Candidate>, CliError> {
    // The pause between probes is for the load of periodic surveys, and here the operator waits.
    let once = RawSettings { survey_delay: Some(0), ..RawSettings::default() };
    let mut context = Context::open_once(db, &SettingFlags::default(), once, Mode::DryRun)?;
    let report = context.run_cycle(&Trigger::Requested(Verb::Remove, selection.clone()), Mode::DryRun)?;
    if let Some((Some(id), _)) = report.refused.iter().find(|(_, refusal)| *refusal == Refusal::NoSuchNode) {
        return Err(CommandError::NoSuchNode(*id).into());
    }
    let (nodes, observation) = (&report.colony.nodes, &report.observation);
    let candidate = |id: NodeId| {
        let node = nodes.get(&id)?;
        let age = render::duration(observation.now.since(node.born));
        let size = observation.nodes.get(&id).and_then(|sample| sample.disk);
        Some(Candidate { id, age, size, folder: node.root_dir.clone() })
    };
    Ok(report.decision.actions.iter().filter_map(|planned| candidate(planned.action.node())).collect())
}

/// Tells whether a person can answer a question.
pub(crate) fn can_ask(output: &Output) -> bool {
    !output.is_json() && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Returns the command line of this process with the consent in it.
pub(crate) fn this_line_with_yes() -> String {
    with_yes(std::env::args().skip(1).collect())
}

/// Shows the nodes and asks on a terminal.
fn ask(candidates: &[Candidate], purpose: Purpose, output: &Output) -> Result<(), CliError> {
    if !candidates.is_empty() && !output.is_json() {
        output.ask(&table(candidates, output.width()));
    }
    if !can_ask(output) {
        let nodes = candidates.iter().map(|candidate| candidate.id).collect();
        let line = this_line_with_yes();
        return Err(CommandError::Unconfirmed { purpose, nodes, line }.into());
    }
    output.ask(&format!("\n{}", purpose.question(candidates.len())));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CommandError::Declined.into()),
    }
}

fn table(candidates: &[Candidate], width: Width) -> String {
    let row = |candidate: &Candidate| {
        let size = candidate.size.map_or_else(|| "-".to_owned(), |size| size.to_string());
        vec![candidate.id.name(), candidate.age.clone(), size, candidate.folder.display().to_string()]
    };
    let rows = candidates.iter().map(row).collect();
    Table { header: &["NODE", "AGE", "SIZE", "FOLDER"], right: &[1, 2], optional: &[2, 1], rows }.text(width)
}

/// Returns a command line with the consent in it.
fn with_yes(mut words: Vec<String>) -> String {
    // Words after `--` are values, and so are words that begin with a hyphen after `config set`.
    let at = words.iter().position(|word| word == "--").or_else(|| {
        let verb = words.iter().position(|word| word == "set")?;
        words[..verb].iter().any(|word| word == "config").then_some(verb + 1)
    });
    words.insert(at.unwrap_or(words.len()), "--yes".to_owned());
    words.insert(0, "wnm".to_owned());
    shell_text(&words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_stands_where_it_is_parsed() {
        let line = |text: &str| with_yes(text.split(' ').map(str::to_owned).collect());
        assert_eq!(line("node remove 3"), "wnm node remove 3 --yes");
        assert_eq!(line("node remove -- 3"), "wnm node remove --yes -- 3");
        assert_eq!(line("--db /x config set node_cap 3"), "wnm --db /x config set --yes node_cap 3");
        assert_eq!(line("--force_action teardown"), "wnm --force_action teardown --yes");
    }

    #[test]
    fn questions_name_the_count() {
        assert!(Purpose::Teardown.question(0).starts_with("Empty the trash?"));
        let all = [Purpose::Remove, Purpose::Reset, Purpose::Teardown, Purpose::Restore, Purpose::NodeCap { cap: 3 }];
        insta::assert_snapshot!(
            all.map(|purpose| format!("{}\n{}", purpose.question(1), purpose.question(3))).join("\n")
        );
    }
}
