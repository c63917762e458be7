//! The report of a calibration: as text, as JSON, and as the `[model]` table of a scenario.

use serde::Serialize;

use super::model::{self, Background, Constant};
use super::record::{Point, Record};
use super::signal::{Scope, Signal, Verdict};
use crate::table::{finish, table};

/// The report of a calibration.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    /// Processors of the host.
    cpus: u32,
    /// Samples of all traces.
    samples: u64,
    /// Length of the traces without gaps, in seconds.
    seconds: f64,
    /// Intervals between two samples that are too long to be used.
    gaps: u32,
    /// Reboots of the host.
    reboots: u32,
    /// Skipped invalid lines.
    skipped: u64,
    /// The most processes at one time.
    nodes: usize,
    /// Starts of processes.
    starts: u32,
    /// The fitted constants; those that the traces do not determine are missing.
    model: Vec<Constant>,
    /// The background load; absent where the CPU of the host or of the nodes is unknown.
    background: Option<Background>,
    /// The fit of each signal.
    signals: Vec<Signal>,
    /// The verdicts in words, one line each.
    verdict: Vec<String>,
}

impl Report {
    /// Fits the model to a record.
    pub(super) fn new(record: &Record) -> Self {
        let mut fitted = model::fitted(record);
        fitted.constants.iter_mut().for_each(|constant| constant.value = rounded(constant.value));
        Self {
            cpus: record.cpus,
            samples: record.samples,
            seconds: record.seconds.round(),
            gaps: record.gaps,
            reboots: record.reboots,
            skipped: record.skipped,
            nodes: record.points.iter().map(Point::up).max().unwrap_or_default(),
            starts: record.starts,
            verdict: verdict(&fitted.signals),
            model: fitted.constants,
            background: fitted.background,
            signals: fitted.signals,
        }
    }

    /// Returns the verdicts in words, one line for each.
    pub(crate) fn verdicts(&self) -> &[String] {
        &self.verdict
    }

    /// Returns the signals for which the model is not credible, or its credibility is unknown.
    pub(crate) fn doubted(&self) -> Vec<&'static str> {
        let doubted = self.signals.iter().filter(|signal| signal.verdict != Verdict::Credible);
        doubted.map(|signal| signal.signal.word()).collect()
    }

    /// Returns the fitted value of a constant where its signal is credible.
    pub(crate) fn credible(&self, name: &str) -> Option<f64> {
        let Constant { value, signal, .. } = self.model.iter().find(|constant| constant.name == name)?;
        let is_credible = |found: &&Signal| found.signal == *signal && found.verdict == Verdict::Credible;
        self.signals.iter().find(is_credible).map(|_| *value)
    }

    /// Returns the extent of the traces in one line.
    pub(crate) fn heading(&self) -> String {
        let counted = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let mut heading = vec![
            counted(self.cpus.into(), "processor"),
            format!("{} in {:.0} min", counted(self.samples, "sample"), self.seconds / 60.0),
            format!("up to {}", counted(self.nodes as u64, "node")),
            counted(self.starts.into(), "start"),
        ];
        for (count, what) in
            [(self.gaps.into(), "gap"), (self.reboots.into(), "reboot"), (self.skipped, "skipped line")]
        {
            if count > 0 {
                heading.push(counted(count, what));
            }
        }
        heading.join(", ")
    }

    /// Returns the report as text.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.heading());
        let mut constants = table(&["constant", "signal", "fitted"]);
        for Constant { name, value, signal } in &self.model {
            constants.add_row(vec![(*name).to_owned(), signal.word().to_owned(), value.to_string()]);
        }
        if !self.model.is_empty() {
            text.push_str(&format!("{}\n\n", finish(constants, 2)));
        }
        if let Some(background) = &self.background {
            let percent = background.cpu_percent;
            text.push_str(&format!("The background load uses {percent:.1} % of the processors (median).\n\n"));
        }
        let mut signals = table(&["signal", "of", "mean", "error", "bound", "held out", "verdict"]);
        for signal in &self.signals {
            let percent = |share: f64| format!("{:.1} %", share * 100.0);
            let of = match signal.of {
                Scope::Nodes => "nodes",
                Scope::Host => "host",
            };
            signals.add_row(vec![
                signal.signal.word().to_owned(),
                of.to_owned(),
                signal.mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.2} {}", signal.signal.unit())),
                signal.error.map_or_else(|| "-".to_owned(), percent),
                format!("{:.0} %", signal.bound * 100.0),
                signal.held_out.to_string(),
                word(signal.verdict).to_owned(),
            ]);
        }
        text.push_str(&format!("{}\n\n", finish(signals, 2)));
        for line in &self.verdict {
            text.push_str(&format!("{line}\n"));
        }
        text
    }

    /// Returns the `[model]` table; constants of signals that are not credible are comments.
    pub(crate) fn toml(&self) -> String {
        let mut text: String = self.verdict.iter().map(|line| format!("# {line}\n")).collect();
        if let Some(background) = &self.background {
            text.push_str(&format!(
                "# The background load uses {:.1} % of the processors: see [[load]].\n",
                background.cpu_percent
            ));
        }
        text.push_str("[model]\n");
        for Constant { name, value, signal } in &self.model {
            let verdict = self.signals.iter().find(|found| found.signal == *signal).map(|found| found.verdict);
            // A comment leaves the default of the model in effect and still shows the fitted value.
            let mark = if verdict == Some(Verdict::Credible) { "" } else { "# " };
            text.push_str(&format!("{mark}{name} = {value}\n"));
        }
        text
    }
}

/// Rounds to four significant digits.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Credible => "credible",
        Verdict::NotCredible => "not credible",
        Verdict::CannotTell => "cannot tell",
    }
}

/// Returns the verdicts in words: `credible for cpu, memory and load`, `cannot tell for disk: …`.
fn verdict(signals: &[Signal]) -> Vec<String> {
    let credible = signals.iter().filter(|signal| signal.verdict == Verdict::Credible);
    let credible: Vec<_> = credible.map(|signal| signal.signal.word()).collect();
    let mut lines = Vec::new();
    if let Some((last, others)) = credible.split_last() {
        let and = if others.is_empty() { "" } else { " and " };
        lines.push(format!("{} for {}{and}{last}", word(Verdict::Credible), others.join(", ")));
    }
    for verdict in [Verdict::NotCredible, Verdict::CannotTell] {
        for signal in signals.iter().filter(|signal| signal.verdict == verdict) {
            let why = signal.why.iter().map(|why| format!(": {why}")).collect::<String>();
            lines.push(format!("{} for {}{why}", word(verdict), signal.signal.word()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use serde_json::Value;

    use super::Report;

    #[test]
    fn schema_in_docs_is_current() {
        let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let schema = Value::from(generator.into_root_schema_for::<Report>());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema/sim-calibrate.json");
        if std::env::var_os("WNM_RENEW_SCHEMAS").is_some() {
            std::fs::write(path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
        }
        let kept = serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap_or_default()).ok();
        let renew = "WNM_RENEW_SCHEMAS=1 cargo test -p wnm-sim --lib schema";
        assert!(kept == Some(schema), "docs/schema/sim-calibrate.json is stale: run `{renew}`");
    }
}
