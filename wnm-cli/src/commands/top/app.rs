//! The state of the display: the data, the view, the selection, and a question to the operator.

use ratatui::widgets::TableState;
use wnm_core::{HoldSource, NodeId, Verb};

use super::feed::{Data, Probes, Wanted};
use crate::args::Column;
use crate::render::node_list;
use crate::render::nodes::NodeView;

/// The columns of the table, in the order of their display and of the key for the next sort column.
pub(super) const COLUMNS: [Column; 15] = [
    Column::Name,
    Column::State,
    Column::Since,
    Column::Reason,
    Column::Cpu,
    Column::Memory,
    Column::Disk,
    Column::Records,
    Column::Health,
    Column::Peers,
    Column::Restarts,
    Column::Version,
    Column::Port,
    Column::Age,
    Column::PeerId,
];

/// A page of the display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Nodes,
    Activity,
    Probes,
    /// One node with its events and its log.
    Details(NodeId),
    Help,
}

impl View {
    /// The pages with a tab.
    pub(super) const TABS: [(Self, &'static str); 3] =
        [(Self::Nodes, "1 nodes"), (Self::Activity, "2 activity"), (Self::Probes, "3 probes")];
}

/// The receiver of the next keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    None,
    /// The text of the filter.
    Filter,
    /// The answer to a question.
    Question(Request),
}

/// A change that the operator asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Act { verb: Verb, node: NodeId },
    Hold,
    Resume,
}

impl Request {
    /// Returns the question before the change.
    pub(super) fn question(self) -> String {
        match self {
            Self::Act { verb: Verb::Remove, node } => {
                format!("Remove {}? Its folder stays in the trash for up to a day. [y/N] ", node.name())
            }
            Self::Act { verb, node } => {
                let mut word = verb.word().to_owned();
                word[..1].make_ascii_uppercase();
                format!("{word} {}? [y/N] ", node.name())
            }
            Self::Hold => "Hold voluntary actions until `wnm resume`? [y/N] ".to_owned(),
            Self::Resume => "End the hold by command? [y/N] ".to_owned(),
        }
    }

    /// Returns the change while it is under way.
    fn under_way(self) -> String {
        match self {
            Self::Act { verb, node } => format!("{} {} …", verb.word(), node.name()),
            Self::Hold => "hold …".to_owned(),
            Self::Resume => "resume …".to_owned(),
        }
    }
}

/// The effect of a message beyond the state of the display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    /// The data for the present view are wanted.
    Read,
    Begin(Request),
    /// Another program may have written on the screen.
    Redraw,
    Suspend,
    Quit,
}

/// The direction of the sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// That of `wnm node list`: texts upwards, numbers from the largest down.
    Usual,
    Reversed,
}

/// The state of the display.
#[derive(Debug)]
pub(super) struct App {
    /// The last data; None before the first.
    pub(super) data: Option<Data>,
    /// Why the last reading failed; None after a complete one.
    pub(super) failure: Option<String>,
    pub(super) view: View,
    pub(super) prompt: Prompt,
    pub(super) sort: Column,
    pub(super) order: Order,
    pub(super) filter: String,
    /// The selected node, which stays selected when it moves.
    pub(super) selected: Option<NodeId>,
    /// The place of the selection and the first row of the table.
    pub(super) table: TableState,
    /// The first line of a page of text.
    pub(super) scroll: usize,
    /// The lines that the body of the last frame showed, and those of its text.
    pub(super) rows: usize,
    pub(super) lines: usize,
    /// The result of the last request, or the one under way.
    pub(super) message: String,
    /// Whether a request is under way.
    pub(super) is_busy: bool,
}

impl App {
    pub(super) fn new(sort: Column, filter: String) -> Self {
        Self {
            data: None,
            failure: None,
            view: View::Nodes,
            prompt: Prompt::None,
            sort,
            order: Order::Usual,
            filter,
            selected: None,
            table: TableState::new(),
            scroll: 0,
            rows: 0,
            lines: 0,
            message: String::new(),
            is_busy: false,
        }
    }

    /// Takes new data. After a failure the last data stay.
    pub(super) fn update(&mut self, data: Result<Data, String>) {
        match data {
            Ok(data) => {
                self.data = Some(data);
                self.failure = None;
                self.arrange();
            }
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// Takes the result of a request.
    pub(super) fn end(&mut self, result: String) {
        self.is_busy = false;
        self.message = result;
    }

    /// Takes the consent to a request. One is carried out at a time.
    pub(super) fn consent(&mut self, request: Request) -> Effect {
        if self.is_busy {
            "another action is under way".clone_into(&mut self.message);
            return Effect::Nothing;
        }
        self.is_busy = true;
        self.message = request.under_way();
        Effect::Begin(request)
    }

    /// Returns the parts of the data that the view needs.
    pub(super) fn wanted(&self) -> Wanted {
        let details = if let View::Details(node) = self.view { Some(node) } else { None };
        Wanted { details, probes: if self.view == View::Probes { Probes::Shown } else { Probes::Hidden } }
    }

    /// Opens a view at its begin.
    pub(super) fn open(&mut self, view: View) -> Effect {
        self.view = view;
        self.scroll = 0;
        Effect::Read
    }

    /// Returns the nodes that the filter leaves, in the order of the table.
    pub(super) fn shown(&self) -> impl Iterator<Item = &NodeView> {
        let nodes = self.data.as_ref().map_or(&[][..], |data| &data.nodes);
        let filter = self.filter.to_lowercase();
        nodes.iter().filter(move |view| matches(view, &filter))
    }

    /// Sorts the nodes, and puts the selection on its node; on the row where a node that is gone was.
    pub(super) fn arrange(&mut self) {
        if let Some(data) = &mut self.data {
            data.nodes.sort_by_key(|view| view.node.id);
            node_list::sort(&mut data.nodes, self.sort);
            if self.order == Order::Reversed {
                data.nodes.reverse();
            }
        }
        let at = self.shown().position(|view| Some(view.node.id) == self.selected);
        self.select(at.or(self.table.selected()).unwrap_or(0));
    }

    /// Selects the node in a row; the last one beyond the end.
    pub(super) fn select(&mut self, row: usize) {
        let last = self.shown().count().checked_sub(1);
        let row = last.map(|last| row.min(last));
        self.selected = row.and_then(|row| self.shown().nth(row)).map(|view| view.node.id);
        self.table.select(row);
    }

    /// Returns whether a hold by command is in effect.
    pub(super) fn has_hold(&self) -> bool {
        let valves = self.data.as_ref().and_then(|data| data.status.valves.as_ref());
        valves.is_some_and(|valves| valves.sample.holds.iter().any(|hold| hold.source == HoldSource::Command))
    }
}

/// Returns whether a node has a text, in lower case, in one of its words.
fn matches(view: &NodeView, text: &str) -> bool {
    let has = |word: &str| word.to_lowercase().contains(text);
    has(&view.name)
        || has(view.status)
        || view.reason.as_deref().is_some_and(has)
        || view.version().is_some_and(|version| has(&version.to_string()))
        || view.peer_id().is_some_and(has)
}
