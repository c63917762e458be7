//! The chaos model behind the agent's platform trait.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use wnm_agent::{Boot, NewNodeIdentity, Platform};
use wnm_core::steps::{Effect, Executor, Step, StepError};
use wnm_core::{
    Action, ActionRecord, Clock, ClockReading, Colony, Cores, Counters, Node, NodeId, Observation, Presence, Settings,
    Timestamp,
};

use crate::chaos::ChaosModel;
use crate::chaos::crash::CrashCountdown;
use crate::chaos::invariants::{Violation, check_clock};
use crate::chaos::ledger::{Ledger, storage_folder};

/// The chaos model as the platform of an agent.
///
/// It reads the ledger where a host would read the marker in a folder or the tombstone of a node.
#[derive(Debug)]
pub(crate) struct ChaosPlatform {
    pub(crate) model: ChaosModel,
    ledger: Rc<RefCell<Ledger>>,
    crash: Rc<CrashCountdown>,
    /// The last observation. The next one replaces it in place; a node that is not observed keeps its values.
    pub(crate) observed: Observation,
    identities: u64,
}

impl ChaosPlatform {
    pub(crate) fn new(model: ChaosModel, ledger: Rc<RefCell<Ledger>>, crash: Rc<CrashCountdown>) -> Self {
        Self { model, ledger, crash, observed: Observation::default(), identities: 0 }
    }
}

impl Platform for ChaosPlatform {
    type Error = Violation;
    type Executor<'a> = ChaosExecutor<'a>;

    fn read_clock(&mut self) -> Result<ClockReading, Violation> {
        let reading = self.model.clocks();
        if let Some(last) = &self.ledger.borrow().state.clock {
            check_clock(last, &reading)?;
        }
        Ok(reading)
    }

    fn observe(&mut self, colony: &Colony, clock: &Clock, boot: Boot) -> (Observation, Counters) {
        let mut observation = std::mem::take(&mut self.observed);
        observation.now = clock.now();
        observation.rebooted = boot == Boot::New;
        self.model.observe(&self.ledger.borrow().nodes, &colony.settings.policy, &mut observation);
        // The platform does not observe a node whose folder may be at either place.
        for record in &colony.unfinished {
            let is_moving = matches!(record.planned.action, Action::Move { .. });
            if is_moving
                && record.next_step() != Some(Step::Copy)
                && let Some(sample) = observation.nodes.get_mut(&record.node())
            {
                sample.presence = Presence::Unobserved;
            }
        }
        if self.crash.is_set() {
            // A crash loses the report of the cycle, which otherwise returns the observation.
            self.observed.clone_from(&observation);
        }
        (observation, Counters::default())
    }

    fn new_identity(&mut self) -> Result<NewNodeIdentity, Violation> {
        self.identities += 1;
        Ok(NewNodeIdentity { uuid: self.identities.to_string(), roll: 0 })
    }

    fn storage_for(&self, _: &Colony, _: &Observation, _: &BTreeMap<NodeId, Node>) -> Option<PathBuf> {
        // By the truth, not by the observation: where a node goes must not depend on a wrong figure, so that a
        // scenario without that fault differs in nothing else.
        Some(storage_folder(self.model.volume_with_most_free_space()))
    }

    fn set_cpu_limit(&mut self, limit: Cores, _: &[u32]) -> Result<(), Violation> {
        self.model.limit_cpu(Some(limit));
        Ok(())
    }

    fn lift_cpu_limit(&mut self) -> Result<(), Violation> {
        self.model.limit_cpu(None);
        Ok(())
    }

    fn executor<'a>(&'a mut self, _: &'a Settings, _: &'a BTreeMap<NodeId, Node>) -> ChaosExecutor<'a> {
        ChaosExecutor { model: &mut self.model, ledger: &self.ledger, crash: &self.crash }
    }
}

/// Executes steps on the model until the manager crashes.
pub(crate) struct ChaosExecutor<'a> {
    model: &'a mut ChaosModel,
    ledger: &'a RefCell<Ledger>,
    crash: &'a CrashCountdown,
}

impl Executor for ChaosExecutor<'_> {
    fn perform(&mut self, record: &ActionRecord, step: Step, now: Timestamp) -> Effect {
        if !self.crash.pass() {
            return Effect::NotYet("the manager has crashed".to_owned());
        }
        let stored = Ref::filter_map(self.ledger.borrow(), |ledger| ledger.nodes.get(&record.node()));
        let Ok(stored) = stored else {
            return Effect::Failed(StepError::new(format!("no such node: {}", record.node())));
        };
        let changed = record.changed(&stored.node).map(|changed| stored.changed(changed));
        let stored = changed.as_ref().unwrap_or(&stored);
        if self.model.half_performed(stored, record, step) && !self.crash.pass() {
            return Effect::NotYet("the manager has crashed".to_owned());
        }
        self.model.perform(stored, record, step, now)
    }
}
