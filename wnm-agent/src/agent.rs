//! The context of a cycle.

use std::path::PathBuf;

use wnm_core::{HostSample, Settings};

use crate::valves::Holds;

/// The source of the host's signals.
#[derive(Debug, Clone, PartialEq)]
pub enum Signals {
    /// Each observation measures the host.
    Measured,
    /// Each observation reports this sample of the host instead; the nodes are measured. For demonstrations.
    Scripted(Box<HostSample>),
}

/// A colony that cycles run on: the store, the platform, and the effective settings.
#[derive(Debug)]
pub struct Agent<S, P> {
    /// The durable memory of the colony.
    pub store: S,
    /// The host of the colony.
    pub platform: P,
    /// The effective settings. The owner of the agent refreshes them between cycles.
    pub settings: Settings,
    /// The source of the host's signals.
    pub signals: Signals,
    /// The folder in which each new node gets a folder for its logs; empty for one inside the node's own folder.
    pub logs: PathBuf,
    /// The sources of holds, and the zones of the windows.
    pub holds: Holds,
    /// Why the host refused the CPU limit in the last cycle. A daemon logs it when it changes, and not in every cycle.
    pub cpu_limit_refusal: Option<String>,
}

impl<S, P> Agent<S, P> {
    /// Returns an agent that measures its host, and whose nodes log into their own folders.
    pub fn new(store: S, platform: P, settings: Settings) -> Self {
        let holds = Holds::default();
        Self {
            store,
            platform,
            settings,
            signals: Signals::Measured,
            logs: PathBuf::new(),
            holds,
            cpu_limit_refusal: None,
        }
    }
}
