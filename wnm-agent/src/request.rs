//! Requests that reach a running daemon, and their answers.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use wnm_core::{ActionRecord, ChangeRequest, NodeId, Outcome, Refusal, Selection, Verb};

use crate::live::CycleFailure;
use crate::report::Report;
use crate::trigger::Trigger;

/// The maximum number of requests that wait for the daemon.
pub const MOST_REQUESTS: usize = 64;

/// A request of an operator for a daemon.
pub struct Request {
    /// The request itself.
    pub work: RequestedWork,
    /// The recipient of the answer.
    pub requester: Box<dyn Requester>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { work, requester: _ } = self;
        f.debug_struct("Request").field("work", work).finish_non_exhaustive()
    }
}

/// The work that an operator requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestedWork {
    /// The same action on each of some nodes.
    Action(Verb, Selection),
    /// Other settings or another storage folder for existing nodes.
    Changes(Vec<ChangeRequest>),
}

impl From<RequestedWork> for Trigger {
    fn from(work: RequestedWork) -> Self {
        match work {
            RequestedWork::Action(verb, selection) => Self::Requested(verb, selection),
            RequestedWork::Changes(changes) => Self::Changed(changes),
        }
    }
}

/// The recipient of the answer to a request.
pub trait Requester: Send {
    /// Returns whether the answer is still wanted. A request of a requester that has left is dropped.
    fn is_waiting(&self) -> bool;

    /// Receives the answer: the begun actions, or the failure of the cycle. It must not wait.
    fn answer(self: Box<Self>, answer: Result<Begun, CycleFailure>);
}

/// The actions that a request began.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Begun {
    /// The actions with their first outcomes.
    pub worked: Vec<(ActionRecord, Outcome)>,
    /// The parts of the request that were refused; the node is None where no node was available.
    pub refused: Vec<(Option<NodeId>, Refusal)>,
}

impl Begun {
    /// Returns the part of a report that answers its request. The cycle worked on earlier actions too.
    pub(crate) fn of(report: &Report) -> Self {
        let is_requested = |record: &ActionRecord| {
            record.begun == report.observation.now && report.decision.actions.contains(&record.planned)
        };
        let worked = report.worked.iter().filter(|(record, _)| is_requested(record));
        Self { worked: worked.cloned().collect(), refused: report.refused.clone() }
    }
}

/// The requests that wait for the daemon, in order. A clone shares them.
#[derive(Debug, Clone, Default)]
pub struct RequestQueue(Arc<Mutex<VecDeque<Request>>>);

impl RequestQueue {
    /// Adds a request. The caller then wakes the daemon with [`Wake::Requested`](crate::Wake::Requested).
    ///
    /// # Errors
    /// [`MOST_REQUESTS`] requests wait already: the request comes back.
    pub fn push(&self, request: Request) -> Result<(), Request> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= MOST_REQUESTS {
            queue.retain(|request| request.requester.is_waiting());
        }
        if queue.len() >= MOST_REQUESTS {
            return Err(request);
        }
        queue.push_back(request);
        Ok(())
    }

    /// Returns the next request whose requester still waits.
    pub fn pop(&self) -> Option<Request> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| queue.pop_front()).find(|request| request.requester.is_waiting())
    }
}
