//! How far long work has come, shown on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use wnm_core::ActionId;
use wnm_core::steps::{ActionRecord, Journal, JournalError, StepFailure, StepRecord};
use wnm_store::Store;

/// A bar that counts steps; it is drawn on standard error where that is a terminal, and nowhere else.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Returns a bar that counts nothing yet and is not drawn.
    pub(crate) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Returns a bar for work that somebody waits for.
    pub(crate) fn shown() -> Self {
        let bar = ProgressBar::new(0).with_finish(ProgressFinish::AndClear);
        bar.enable_steady_tick(Duration::from_millis(200));
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} steps, {eta} left  {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Takes up what a cycle is about to do.
    pub(crate) fn expect(&self, records: &[ActionRecord]) {
        let steps = records.iter().map(|record| record.planned.action.steps().len() as u64).sum();
        let done = records.iter().map(|record| record.done.len() as u64).sum();
        self.0.set_length(self.0.length().unwrap_or(0).max(steps));
        self.0.set_position(self.0.position().max(done));
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// The journal, and the bar that moves as it is written.
pub(crate) struct Watched<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) progress: &'a Progress,
}

impl Journal for Watched<'_> {
    fn step_done(&mut self, action: ActionId, record: &StepRecord) -> Result<(), JournalError> {
        self.progress.0.inc(1);
        self.progress.0.set_message(record.step.to_string());
        self.store.step_done(action, record)
    }

    fn turned_back(&mut self, action: ActionId, failure: &StepFailure) -> Result<(), JournalError> {
        self.store.turned_back(action, failure)
    }
}
