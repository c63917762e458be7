//! The pictures of a comparison: all policies beside each other, and scenario by scenario.

use std::error::Error;

use plotters::prelude::*;

use super::Round;
use super::contest::Against;
use super::field::{CLASSICS, STEADY};
use crate::SimError;
use crate::score::Sum;

const WIDTH: u32 = 900;
const HEIGHT: u32 = 560;
/// Of a scenario in the picture of differences.
const LINE: u32 = 24;
/// Lines below the scenarios, for the names of the policies.
const LEGEND: f64 = 3.0;
/// The least avoidable time that is shown, in percent of the time: the scale has no 0.
const LEAST: f64 = 0.01;
const CLASSIC: RGBColor = RGBColor(213, 94, 0);
const RIVAL: RGBColor = RGBColor(110, 110, 110);
const OURS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];

type Drawn = Result<(), Box<dyn Error>>;

fn color(policy: &str) -> RGBColor {
    let ours = STEADY.iter().position(|steady| *steady == policy).and_then(|i| OURS.get(i));
    ours.copied().unwrap_or(if CLASSICS.contains(&policy) { CLASSIC } else { RIVAL })
}

fn drawn(what: &str, draw: impl FnOnce(&mut String) -> Drawn) -> Result<String, SimError> {
    let mut svg = String::new();
    draw(&mut svg).map_err(|error| SimError::Input(format!("{what}: cannot be drawn: {error}")))?;
    Ok(svg)
}

/// A policy in the picture of the front: avoidable time in percent of the time, node-hours in percent of the best.
struct Spot<'a> {
    policy: &'a str,
    x: f64,
    y: f64,
}

/// Draws node-hours against avoidable time, over all policies.
///
/// # Errors
/// It cannot be drawn.
pub(super) fn front(round: &Round) -> Result<String, SimError> {
    let spot = |policy: &str| {
        let mean = |figure: fn(&Sum) -> f64| round.mean(policy, figure) * 100.0;
        (mean(|sum| sum.avoidable.mean).max(LEAST), mean(|sum| sum.yielded.mean))
    };
    let spots = round.ranking.iter().map(|rank| {
        let (x, y) = spot(&rank.policy);
        Spot { policy: &rank.policy, x, y }
    });
    let spots: Vec<_> = spots.collect();
    drawn("the front", |svg| draw_front(&spots, svg))
}

fn draw_front(spots: &[Spot<'_>], svg: &mut String) -> Drawn {
    let root = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
    root.fill(&WHITE)?;
    let right = spots.iter().map(|spot| spot.x).fold(1.0, f64::max) * 3.0;
    let left = spots.iter().map(|spot| spot.x).fold(1.0, f64::min) / 3.0;
    let lowest = spots.iter().map(|spot| spot.y).fold(100.0, f64::min);
    let highest = spots.iter().map(|spot| spot.y).fold(100.0, f64::max);
    let mut chart = ChartBuilder::on(&root)
        .margin(16)
        .caption("node-hours against avoidable time over limits, means over all scenarios", ("sans-serif", 15))
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d((left..right).log_scale(), (lowest - 4.0).max(0.0)..highest + 3.0)?;
    chart
        .configure_mesh()
        .x_desc("avoidable time over limits, % of the time")
        .y_desc("node-hours, % of the best possible")
        .x_label_formatter(&|x| format!("{x}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    // The front: the policies to which no other is better in both. Its line turns at what each of them reaches.
    let beats =
        |one: &Spot<'_>, other: &Spot<'_>| one.x <= other.x && one.y >= other.y && (one.x, one.y) != (other.x, other.y);
    let mut best: Vec<&Spot<'_>> = spots.iter().filter(|spot| !spots.iter().any(|other| beats(other, spot))).collect();
    best.sort_by(|one, other| one.x.total_cmp(&other.x));
    let mut line: Vec<(f64, f64)> = Vec::new();
    for spot in best {
        line.extend(line.last().map(|before| (spot.x, before.1)));
        line.push((spot.x, spot.y));
    }
    chart.draw_series(LineSeries::new(line, RIVAL.mix(0.5)))?;
    for Spot { policy, x, y } in spots {
        // Of two that are close to each other, the lower one has its name below.
        let is_close = |other: &Spot<'_>| (other.x / x).ln().abs() < 0.4 && (0.0..2.0).contains(&(other.y - y));
        let is_below = spots.iter().any(|other| other.policy != *policy && is_close(other));
        let spot = EmptyElement::at((*x, *y))
            + Circle::new((0, 0), 5, color(policy).filled())
            + Text::new((*policy).to_owned(), (9, if is_below { 0 } else { -14 }), ("sans-serif", 13));
        chart.draw_series([spot])?;
    }
    root.present()?;
    Ok(())
}

/// Draws by how much each variant of steady is above the better classic in each scenario, by the scalar.
///
/// # Errors
/// It cannot be drawn.
pub(super) fn differences(round: &Round) -> Result<String, SimError> {
    drawn("the differences", |svg| draw_differences(round, svg))
}

fn draw_differences(round: &Round, svg: &mut String) -> Drawn {
    let names: Vec<&str> = round
        .contests
        .first()
        .map_or(&[][..], |contest| &contest.scenarios)
        .iter()
        .map(|a| a.scenario.as_str())
        .collect();
    let all = || round.contests.iter().flat_map(|contest| &contest.scenarios).map(span);
    let (least, most) =
        all().fold((0.0, 0.0), |(least, most): (f64, f64), [low, _, high]| (least.min(low), most.max(high)));
    let margin = ((most - least) * 0.05).max(0.1);
    let lines = names.len() as f64;
    let height = LINE * (u32::try_from(names.len())? + LEGEND as u32) + 80;
    let root = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(16)
        .caption("scalar above that of the better classic, with 95 % confidence intervals", ("sans-serif", 15))
        .x_label_area_size(44)
        .y_label_area_size(140)
        .build_cartesian_2d(least - margin..most + margin, lines + LEGEND..0.0)?;
    chart
        .configure_mesh()
        .x_label_formatter(&|x| format!("{:+.2}", x.sinh() * SMALL))
        .disable_y_axis()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .draw()?;
    let count = round.contests.len() as f64;
    for (line, name) in names.iter().enumerate() {
        let at = (least - margin, line as f64 + 0.5);
        let name = EmptyElement::at(at) + Text::new((*name).to_owned(), (-130, -7), ("sans-serif", 13));
        chart.plotting_area().draw(&name)?;
    }
    chart.draw_series(LineSeries::new([(0.0, 0.0), (0.0, lines)], BLACK))?;
    for (i, contest) in round.contests.iter().enumerate() {
        let color = color(&contest.policy);
        let y = |line: usize| line as f64 + (i as f64 + 1.0) / (count + 1.0);
        let spans: Vec<_> = contest.scenarios.iter().map(span).enumerate().collect();
        let bounds =
            spans.iter().map(|(at, [low, _, high])| PathElement::new([(*low, y(*at)), (*high, y(*at))], color));
        chart.draw_series(bounds)?;
        chart
            .draw_series(spans.iter().map(|(at, [_, mean, _])| Circle::new((*mean, y(*at)), 3, color.filled())))?
            .label(contest.policy.as_str())
            .legend(move |(x, y)| Circle::new((x + 8, y), 4, color.filled()));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::LowerRight).background_style(WHITE).draw()?;
    root.present()?;
    Ok(())
}

/// Differences below this are shown in proportion, greater ones ever closer to each other.
const SMALL: f64 = 0.1;

/// Returns the difference of the scalars between its bounds, where they are in the picture.
fn span(against: &Against) -> [f64; 3] {
    let difference = against.figures.scalar.difference();
    let within = difference.within.unwrap_or(0.0);
    [-within, 0.0, within].map(|bound| ((difference.mean + bound) / SMALL).asinh())
}
