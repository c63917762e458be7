//! The signals of the last hours against their thresholds, as SVG.

use wnm_agent::live::{SignalMinute, SignalSeries};
use wnm_core::{Measure, Reading, Signal};

use super::html::escaped;
use crate::render::status::Status;

/// The size of the drawing, in units of the view box.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 96.0;
/// The lengths of the axis of time, in minutes. The shortest one that holds all minutes is used.
const SPANS: [i64; 4] = [15, 60, 180, 360];
/// Minutes without a sample after which the line has a gap.
const GAP: i64 = 2;
/// Space above the highest value of a signal that has no natural end, as a factor.
const ABOVE: f64 = 1.15;

/// Returns a figure for each signal with thresholds; empty before the first cycle.
pub(super) fn all(status: &Status, signals: &[SignalSeries]) -> String {
    let now = status.now.as_secs().div_euclid(60);
    let figures = status.signals.iter().map(|measure| {
        let folder = match measure.signal {
            Signal::Disk(index) => status.volumes.get(index).map(|volume| &volume.root),
            _ => None,
        };
        let series = signals.iter().find(|series| series.signal == measure.signal && series.folder.as_ref() == folder);
        let name = match folder {
            Some(folder) => format!("disk {}", folder.display()),
            None => measure.signal.to_string(),
        };
        figure(&name, measure, series, now)
    });
    let figures: String = figures.collect();
    if figures.is_empty() { figures } else { format!("<div class=\"charts\">\n{figures}</div>\n") }
}

/// Returns the word and the class of a signal by its thresholds.
fn level(measure: &Measure) -> (&'static str, &'static str) {
    match measure.seen {
        None => ("unknown", "unknown"),
        Some(_) if measure.is_exceeded() => ("over the high threshold", "over"),
        Some(_) if measure.allows() => ("below the low threshold", "below"),
        Some(_) => ("between the thresholds", "between"),
    }
}

fn figure(name: &str, measure: &Measure, series: Option<&SignalSeries>, now: i64) -> String {
    let (word, class) = level(measure);
    let seen = measure.seen.map_or_else(|| "unknown".to_owned(), |seen| seen.to_string());
    let (low, high) = (measure.less_than.to_string(), measure.remove.to_string());
    let drawing = Drawing::new(measure, series, now);
    let span = drawing.span_text();
    format!(
        "<figure class=\"{class}\">\n<figcaption><b>{name}</b> <strong>{seen}</strong> <span>{word}</span></figcaption>\n\
         {svg}\
         <p><span>{span} ago</span><span>low {low} · high {high}</span><span>now</span></p>\n</figure>\n",
        name = escaped(name),
        seen = escaped(&seen),
        svg = drawing
            .svg(&format!("{name} over the last {span}: now {seen}; low threshold {low}, high threshold {high}")),
        low = escaped(&low),
        high = escaped(&high),
    )
}

/// The scale of a figure, and the minutes in it.
struct Drawing<'a> {
    measure: &'a Measure,
    minutes: Vec<&'a SignalMinute>,
    now: i64,
    span: i64,
    full: f64,
}

impl<'a> Drawing<'a> {
    fn new(measure: &'a Measure, series: Option<&'a SignalSeries>, now: i64) -> Self {
        let longest = SPANS[SPANS.len() - 1];
        let minutes: Vec<&SignalMinute> = series
            .iter()
            .flat_map(|series| &series.minutes)
            .filter(|minute| minute.minute > now - longest && minute.minute <= now)
            .collect();
        let age = minutes.first().map_or(0, |first| now - first.minute + 1);
        let span = SPANS.into_iter().find(|span| age <= *span).unwrap_or(longest);
        let most = minutes.iter().map(|minute| minute.most).fold(measure.remove.number(), f64::max);
        let full = if matches!(measure.remove, Reading::Percent(_)) { 100.0 } else { most * ABOVE };
        Self { measure, minutes, now, span, full: full.max(f64::MIN_POSITIVE) }
    }

    fn span_text(&self) -> &'static str {
        match self.span {
            15 => "15 min",
            60 => "1 h",
            180 => "3 h",
            _ => "6 h",
        }
    }

    fn x(&self, minute: i64) -> f64 {
        WIDTH * (1.0 - (self.now - minute) as f64 / self.span as f64)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT * (1.0 - (value / self.full).clamp(0.0, 1.0))
    }

    fn svg(&self, label: &str) -> String {
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">\n",
            escaped(label)
        );
        for run in self.minutes.chunk_by(|a, b| b.minute - a.minute <= GAP) {
            svg.push_str(&self.run(run));
        }
        let line = |class: &str, reading: Reading| {
            let y = self.y(reading.number());
            format!("<path class=\"{class}\" d=\"M0 {y:.1}H{WIDTH}\"/>\n")
        };
        svg.push_str(&line("low", self.measure.less_than));
        svg.push_str(&line("high", self.measure.remove));
        svg.push_str("</svg>\n");
        svg
    }

    /// Returns the range and the mean of minutes without a gap. One minute alone is a short line.
    fn run(&self, run: &[&SignalMinute]) -> String {
        let place = |minute: &SignalMinute, value: f64| format!("{:.1} {:.1}", self.x(minute.minute), self.y(value));
        let points = |points: &mut dyn Iterator<Item = String>| points.collect::<Vec<_>>().join("L");
        let most = points(&mut run.iter().map(|minute| place(minute, minute.most)));
        let least = points(&mut run.iter().rev().map(|minute| place(minute, minute.least)));
        let mean = points(&mut run.iter().map(|minute| place(minute, minute.mean)));
        let end = if run.len() == 1 { "h1" } else { "" };
        format!("<path class=\"range\" d=\"M{most}L{least}Z\"/>\n<path class=\"mean\" d=\"M{mean}{end}\"/>\n")
    }
}
