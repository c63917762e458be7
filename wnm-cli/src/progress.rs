//! A progress bar for actions, on a terminal only.

use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle, WeakProgressBar};
use wnm_agent::Observer;
use wnm_core::{ActionRecord, StepRecord};

/// A bar that counts steps. It is drawn on standard error where that is a terminal, and nowhere else.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Returns a bar that is never drawn.
    pub(crate) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Returns a bar for a command that waits for its actions.
    pub(crate) fn shown() -> Self {
        let bar = ProgressBar::new(0).with_finish(ProgressFinish::AndClear);
        if !bar.is_hidden() {
            tick(bar.downgrade());
        }
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} steps, {eta} left  {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Shows how far the present step is.
    pub(crate) fn note(&self, text: &str) {
        self.0.set_message(text.to_owned());
    }

    /// Clears the bar.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

/// Draws the bar again every 200 ms until it ends. A host without tasks left refuses the thread, for which indicatif would
/// panic; the bar then moves with each step only.
fn tick(bar: WeakProgressBar) {
    let draw = move || {
        while let Some(bar) = bar.upgrade().filter(|bar| !bar.is_finished()) {
            bar.tick();
            drop(bar);
            thread::sleep(Duration::from_millis(200));
        }
    };
    _ = thread::Builder::new().spawn(draw);
}

impl Observer for Progress {
    fn executing(&mut self, records: &[ActionRecord]) {
        let steps = records.iter().map(|record| record.planned.action.steps().len() as u64).sum();
        let done = records.iter().map(|record| record.done.len() as u64).sum();
        // A command runs several cycles. The bar counts the steps of all of them and never goes back.
        self.0.set_length(self.0.length().unwrap_or(0).max(steps));
        self.0.set_position(self.0.position().max(done));
    }

    fn step_done(&mut self, step: &StepRecord) {
        self.0.inc(1);
        self.0.set_message(step.step.to_string());
    }
}
