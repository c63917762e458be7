//! The live data of a daemon: the snapshot of its last cycle, its condition, and its latest events.
//!
//! The thread of the cycles publishes; any number of other threads read. A reader gets values that never change, and
//! neither side waits for the other.

mod changes;
mod event;
mod log;
mod series;
mod snapshot;
mod totals;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};

pub(crate) use changes::changes;
pub use event::Event;
pub use log::{Events, LOG_LENGTH, LoggedEvent};
pub use series::{KEPT_MINUTES, SignalMinute, SignalRecorder, SignalSeries};
pub use snapshot::{
    AccountSummary, AlertSummary, CertificateState, CycleFailure, DaemonPhase, DaemonStatus, EarningsSummary,
    InfluxSummary, Snapshot, Validity,
};
pub use totals::{ActionKind, CYCLE_BUCKETS, ProbeTotal, Totals};

use log::Log;
use wnm_core::Timestamp;
use wnm_core::probe::ProbeRun;

use crate::trigger::Trigger;

/// A function that the publishing thread calls after each change. It must not wait.
type Listener = Box<dyn Fn() + Send + Sync>;

/// The live data of a daemon. A clone shares the data.
#[derive(Clone, Default)]
pub struct Live(Arc<Shared>);

#[derive(Default)]
struct Shared {
    snapshot: ArcSwapOption<Snapshot>,
    status: ArcSwap<DaemonStatus>,
    log: Mutex<Log>,
    totals: Mutex<Totals>,
    listeners: Mutex<Vec<Listener>>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Live {
    /// Returns the colony after the last cycle of the daemon; None before the first.
    #[must_use]
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.0.snapshot.load_full()
    }

    /// Returns the condition of the daemon.
    #[must_use]
    pub fn status(&self) -> Arc<DaemonStatus> {
        self.0.status.load_full()
    }

    /// Returns the logged events with numbers above `after`, oldest first; 0 selects all that are still logged.
    #[must_use]
    pub fn events(&self, after: u64) -> Events {
        lock(&self.0.log).after(after)
    }

    /// Returns the counts since the start of the daemon.
    #[must_use]
    pub fn totals(&self) -> Totals {
        lock(&self.0.totals).clone()
    }

    /// Returns the number of the latest event; 0 without one.
    #[must_use]
    pub fn last_event(&self) -> u64 {
        lock(&self.0.log).last()
    }

    /// Calls `listener` after each publication, on the thread of the cycles. It must not wait.
    pub fn on_change(&self, listener: impl Fn() + Send + Sync + 'static) {
        lock(&self.0.listeners).push(Box::new(listener));
    }

    /// Replaces the condition of the daemon.
    pub(crate) fn set_status(&self, change: impl FnOnce(&mut DaemonStatus)) {
        let mut status = DaemonStatus::clone(&self.0.status.load());
        change(&mut status);
        self.0.status.store(Arc::new(status));
    }

    /// Sets the reason for which the settings before a change of the config file stay; None when the file is applied.
    pub fn set_config_file(&self, problem: Option<CycleFailure>) {
        if self.status().config_file != problem {
            self.set_status(|status| status.config_file = problem);
        }
    }

    /// Sets the numbers of alerts.
    pub fn set_alerts(&self, alerts: AlertSummary) {
        if self.status().alerts != alerts {
            self.set_status(|status| status.alerts = alerts);
        }
    }

    /// Sets the numbers of the lines for InfluxDB.
    pub fn set_influx(&self, influx: InfluxSummary) {
        if self.status().influx != influx {
            self.set_status(|status| status.influx = influx);
        }
    }

    /// Sets the time for which the certificate of the HTTP server is valid; None without TLS.
    pub fn set_certificate(&self, certificate: Option<Validity>) {
        if self.status().certificate != certificate {
            self.set_status(|status| status.certificate = certificate);
        }
    }

    /// Sets the numbers of the earnings.
    pub fn set_earnings(&self, earnings: EarningsSummary) {
        if self.status().earnings != earnings {
            self.set_status(|status| status.earnings = earnings);
        }
    }

    /// Replaces the snapshot, logs the events of its cycle, and calls the listeners.
    pub(crate) fn publish(&self, snapshot: Snapshot, trigger: &Trigger, events: Vec<Event>) {
        let at = snapshot.report.observation.now;
        lock(&self.0.totals).count_cycle(trigger, snapshot.took);
        // The snapshot comes first, so that a reader of an event finds its effect.
        self.0.snapshot.store(Some(Arc::new(snapshot)));
        self.log(at, events);
    }

    /// Counts the runs of probes that ended.
    pub fn count_probes(&self, runs: &[ProbeRun]) {
        let mut totals = lock(&self.0.totals);
        runs.iter().for_each(|run| totals.count_probe(run));
    }

    /// Counts a failed turn.
    pub(crate) fn count_failure(&self) {
        lock(&self.0.totals).failures += 1;
    }

    /// Logs events without a new snapshot, and calls the listeners.
    pub(crate) fn log(&self, at: Timestamp, events: Vec<Event>) {
        {
            let mut totals = lock(&self.0.totals);
            events.iter().for_each(|event| totals.count_event(event));
        }
        {
            let mut log = lock(&self.0.log);
            events.into_iter().for_each(|event| log.push(at, event));
        }
        lock(&self.0.listeners).iter().for_each(|listener| listener());
    }
}

/// Locks data that is complete after every statement, so that a panic of another thread leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
