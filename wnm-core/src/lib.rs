//! The pure heart of the Weave Node Manager.
//!
//! A *colony* is all nodes of one host; a *node* is one process with its folder, identity and ports. This crate
//! decides what is to be done with a colony, and never does it: it knows no clock, file, process or socket. All of
//! that comes in as values, so that the same code runs in the `wnm` command, in its daemon and, a million times a
//! second, in its simulator.
//!
//! One cycle is two pure calls with effects between them:
//!
//! ```text
//! load ──► observe ──► decide ──► begin ──► carry out ──► settle ──► finish
//! store    platform     core      store     platform       core      store
//! ```
//!
//! - [`decide`] looks at an [`Observation`] with a [`Policy`] and the [`EngineState`] remembered from the cycle before,
//!   and returns a [`Decision`]: actions, each with its [`Reason`], and what every rule said.
//! - [`steps`] carries an action out as a list of idempotent steps, through [`Executor`](steps::Executor) that touch the
//!   host and a [`Journal`](steps::Journal) that remembers.
//! - [`settle`] returns the state that the next cycle starts from.
//!
//! ```
//! use wnm_core::{EngineState, Observation, Policy, RawSettings, evaluate};
//!
//! let mut raw = RawSettings::default();
//! raw.set("node_cap", "3")?;
//! let policy = Policy::new(&raw, Some(4))?;
//!
//! // Nothing is known of the host: missing figures never cause a node to be added.
//! let observation = Observation::default();
//! let evaluation = evaluate(&policy, EngineState::default(), &observation);
//! assert!(evaluation.decision.actions.is_empty());
//! let state = evaluation.apply(&[]);
//! assert!(state.nodes.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod action;
mod engine;
mod format;
mod model;
mod policy;

pub use action::steps;
pub use format::{case, trace};

pub use action::decision::{Action, Decision, Planned, Reason, Relief};
pub use action::steps::{ActionId, ActionRecord, Outcome, StepRecord};
pub use action::verdict::{Anomaly, Blocker, Comparison, RuleVerdict, SkipReason, Verdict};
pub use engine::Forecast;
pub use engine::colony::{Colony, Counters, NodeCounters};
pub use engine::evaluate::{Evaluation, evaluate};
pub use engine::request::{Refusal, RequestEvaluation, Selection, Verb, evaluate_request};
pub use engine::state::EngineState;
pub use format::command_line::{CommandLine, NotANodeCommand};
pub use format::exposition::{parse_identity, parse_metrics};
pub use model::clock::{Clock, ClockReading};
pub use model::cpu_limit::{CpuLimitCounters, CpuLimitSample};
pub use model::firewall::{FirewallKind, NotAFirewall};
pub use model::flavor::{BoundPort, Custom, Flavor, FlavorCause, InvalidFlavor, MetricsSource};
pub use model::manager::{ManagerKind, NotAManager, Program, Scope};
pub use model::metrics::{NodeIdentity, NodeMetrics};
pub use model::node::{Node, NodeId, NodeMap, NodeState, NotANode, Ports, StopCause, Upnp};
pub use model::observation::{
    HostSample, LoadAverages, NodeSample, Observation, Presence, ProcessIdentity, Stalls, Volume,
};
pub use model::program_cache::{CachedProgram, ProgramCache, VersionResult};
pub use model::units::{Bytes, BytesPerSecond, Cores, Load, NotAVersion, OutOfRange, Percent, Timestamp, Version};
pub use model::wallet::{Address, FAUCET, Payee, Rewards, WalletCause, WalletError};
pub use policy::allocation::{AllocationError, NewNodeInputs, PortRanges, free_ids, new_node, storage_with_most_space};
pub use policy::pressure::{Features, Measure, Reading, Signal, measures};
pub use policy::settings::{
    DOCKER_IMAGE, FIXED, Folders, HostDefaults, Problem, ProblemCause, Problems, RawSettings, Relation, Settings,
    Thousands, Words,
};
pub use policy::thresholds::{Delays, IoThresholds, Limits, Policy, Preset, Threshold, Upgrades};
pub use policy::tuning::Tuning;
