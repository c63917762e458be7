//! The engine of the Weave Node Manager, without effects.
//!
//! A *colony* is all nodes of one host; a *node* is one process with its folder, identity and ports. This crate decides
//! which actions a colony needs. It has no clock, files, processes or sockets: all input comes in as values, so that the
//! same code runs in the `wnm` command, in its daemon and in the simulator.
//!
//! One cycle has two pure calls, with effects between them:
//!
//! ```text
//! load ──► observe ──► evaluate ──► begin ──► execute ──► apply ──► finish
//! store    platform     core        store     platform    core      store
//! ```
//!
//! - [`evaluate`] derives an [`Evaluation`] from a [`Policy`], the [`EngineState`] of the cycle before and an
//!   [`Observation`]. Its [`Decision`] has the actions, each with its [`Reason`], and the verdict of every rule.
//! - [`steps`] executes an action as a list of idempotent steps, through an [`Executor`](steps::Executor) that changes
//!   the host and a [`Journal`](steps::Journal) that records each step.
//! - [`Evaluation::apply`] returns the state that the next cycle starts from.
//!
//! ```
//! use wnm_core::{EngineState, Observation, Policy, RawSettings, evaluate};
//!
//! let mut raw = RawSettings::default();
//! raw.set("node_cap", "3")?;
//! let policy = Policy::new(&raw, Some(4))?;
//!
//! // Without metrics no node is added.
//! let observation = Observation::default();
//! let evaluation = evaluate(&policy, EngineState::default(), &observation);
//! assert!(evaluation.decision.actions.is_empty());
//! let state = evaluation.apply(&[]);
//! assert!(state.nodes.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod action;
mod engine;
pub mod fleet;
mod format;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod model;
mod policy;
pub mod probe;

pub use action::steps;
pub use format::{case, trace};

pub use action::decision::{Action, Afterwards, Cancellation, Decision, Ended, Planned, Reason, ReasonGone, Relief};
pub use action::failure_cause::FailureCause;
pub use action::steps::{ActionId, ActionRecord, Outcome, StepRecord};
pub use action::valve::ClosedValve;
pub use action::verdict::{Anomaly, Blocker, Comparison, MoveObstacle, RuleVerdict, SkipReason, Verdict};
pub use engine::Forecast;
pub use engine::ceiling::RecentActions;
pub use engine::change::{check_change, evaluate_changes};
pub use engine::colony::{Colony, Counters, NodeCounters};
pub use engine::evaluate::{Evaluation, evaluate, evaluate_parity};
pub use engine::failures::FailedAction;
pub use engine::newest_program::{NewestProgram, newest_program};
pub use engine::own_upgrades::{FailedVersion, OwnUpgrade};
pub use engine::recovery::Recovery;
pub use engine::request::{Refusal, RequestEvaluation, Selection, Verb, evaluate_request};
pub use engine::state::EngineState;
pub use format::command_line::{CommandLine, NotANodeCommand, Surroundings, resolved_below};
pub use format::exposition::{is_node_metrics, parse_identity, parse_metrics};
pub use model::clock::{Clock, ClockReading};
pub use model::cpu_limit::{CpuLimitCounters, CpuLimitSample, CpuQuotaCounters};
pub use model::exit::{Exit, ExitStatus};
pub use model::firewall::{FirewallKind, NotAFirewall};
pub use model::flavor::{BoundPort, Custom, Flavor, FlavorCause, InvalidFlavor, MetricsSource};
pub use model::fleet_limits::{FleetLimits, FleetLimitsSample};
pub use model::hold::{Hold, HoldSource, HoldTrouble, ValveSample};
pub use model::manager::{ManagerKind, NotAManager, Program, Scope};
pub use model::metrics::{NodeIdentity, NodeMetrics};
pub use model::node::{Desired, Node, NodeId, NodeMap, NodeState, NotANode, Ports, StopCause, Upnp};
pub use model::node_day::{Day, DayReading, NodeDay};
pub use model::node_health::{DayCounts, Health, NodeHealth, Trend};
pub use model::node_update::{ChangeRequest, NodeChange, NodeUpdate};
pub use model::observation::{
    HostSample, LoadAverages, LoadScope, NodeSample, Observation, Presence, ProcessIdentity, WrongAnswer,
};
pub use model::pressure_stall::{Psi, Stall, StallTime, Stalls};
pub use model::program_cache::{CachedProgram, ProgramCache, VersionResult};
pub use model::rollout::{RolloutSample, RolloutWait};
pub use model::secret;
pub use model::unfit_text::UnfitText;
pub use model::units::{Bytes, BytesPerSecond, Cores, Load, NotAVersion, OutOfRange, Percent, Timestamp, Version};
pub use model::unlisted::UnlistedFolder;
pub use model::upgrade_source::UpgradeSource;
pub use model::volume::{Volume, VolumeFault};
pub use model::wallet::{Address, FAUCET, Payee, Rewards, WalletCause, WalletError};
pub use model::webrtc::WebRtc;
pub use model::weight::{NotAWeight, Weight, WeightMeans, WeightSample};
pub use model::window::{Access, NotAWindow, Period, TimeOfDay, Window, WindowState, Windows};
pub use policy::allocation::{AllocationError, NewNodeInputs, PortRanges, free_ids, new_node, storage_with_most_space};
pub use policy::node_settings::{NODE_SETTINGS, update_to};
pub use policy::pressure::{Features, Measure, Reading, Signal, measures};
pub use policy::settings::{
    Affects, DOCKER_IMAGE, EngineUrl, Facts, Folder, Folders, HostDefaults, HostName, HttpUrl, Listen, ListenSettings,
    OldVariable, Path, ProbeSettings, Problem, ProblemCause, Problems, RawSettings, Relation, Setting, Settings, Shape,
    TakesEffect, Thousands, Tls, TlsFiles, Unit, Words,
};
pub use policy::shrink::{Shrink, shrinks};
pub use policy::thresholds::{DefaultThresholds, Delays, IoThresholds, Limits, Policy, Preset, Threshold, Upgrades};
pub use policy::tuning::Tuning;
pub use policy::valves::{
    MaxUnavailable, NotMaxUnavailable, Valves, WindowEnd, is_mass_disappearance, is_mass_silence,
};
