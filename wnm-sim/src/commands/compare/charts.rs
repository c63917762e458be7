//! The charts of a comparison: all policies, and the difference in each scenario.

use std::error::Error;

use plotters::prelude::*;

use super::Round;
use super::policies::{CLASSICS, STEADY};
use super::variant::ScenarioComparison;
use crate::SimError;
use crate::commands::chart::front::{self, Front, Kind, Spot};
use crate::commands::score::Rank;
use crate::statistics::Mean;

const WIDTH: u32 = 900;
/// Height of a scenario in the chart of differences, in pixels.
const LINE: u32 = 24;
/// Lines reserved below the scenarios for the names of the policies.
const LEGEND: f64 = 3.0;
const COLORS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];

type Drawn = Result<(), Box<dyn Error>>;

/// Draws node-hours against avoidable time for all policies, one chart for each length of cycle.
///
/// # Errors
/// The chart cannot be drawn.
pub(super) fn front(rounds: &[Round]) -> Result<String, SimError> {
    let fronts = rounds.iter().map(|round| {
        let spot = |rank: &Rank| {
            let mean = |figure| Mean { mean: round.mean(&rank.policy, figure) * 100.0, within: None };
            let is = |names: &[&str]| names.contains(&rank.policy.as_str());
            let kind = match () {
                () if is(&STEADY) => Kind::Found,
                () if is(&CLASSICS) => Kind::Reference,
                () => Kind::Other,
            };
            let (cost, gain) = (mean(|sum| sum.avoidable.mean), mean(|sum| sum.yielded.mean));
            Spot { name: rank.policy.clone(), cost, gain, kind }
        };
        let caption = format!("cycles of {} s, means over all scenarios", round.cycle);
        Front { caption, spots: round.ranking.iter().map(spot).collect() }
    });
    let (cost, gain) = ("avoidable time over limits, % of the time", "node-hours, % of the best possible");
    front::draw(&fronts.collect::<Vec<_>>(), cost, gain)
}

/// Draws the difference of the scalar between each variant of steady and the better classic in each scenario.
///
/// # Errors
/// The chart cannot be drawn.
pub(super) fn differences(round: &Round) -> Result<String, SimError> {
    let mut svg = String::new();
    draw_differences(round, &mut svg)
        .map_err(|error| SimError::input(format!("cannot draw differences.svg: {error}")))?;
    Ok(svg)
}

fn draw_differences(round: &Round, svg: &mut String) -> Drawn {
    let names: Vec<&str> = round
        .comparisons
        .first()
        .map_or(&[][..], |compared| &compared.scenarios)
        .iter()
        .map(|a| a.scenario.as_str())
        .collect();
    let all = || round.comparisons.iter().flat_map(|compared| &compared.scenarios).map(span);
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
    let count = round.comparisons.len() as f64;
    for (line, name) in names.iter().enumerate() {
        let at = (least - margin, line as f64 + 0.5);
        let name = EmptyElement::at(at) + Text::new((*name).to_owned(), (-130, -7), ("sans-serif", 13));
        chart.plotting_area().draw(&name)?;
    }
    chart.draw_series(LineSeries::new([(0.0, 0.0), (0.0, lines)], BLACK))?;
    for ((i, compared), color) in round.comparisons.iter().enumerate().zip(COLORS) {
        let y = |line: usize| line as f64 + (i as f64 + 1.0) / (count + 1.0);
        let spans: Vec<_> = compared.scenarios.iter().map(span).enumerate().collect();
        let bounds =
            spans.iter().map(|(at, [low, _, high])| PathElement::new([(*low, y(*at)), (*high, y(*at))], color));
        chart.draw_series(bounds)?;
        chart
            .draw_series(spans.iter().map(|(at, [_, mean, _])| Circle::new((*mean, y(*at)), 3, color.filled())))?
            .label(compared.policy.as_str())
            .legend(move |(x, y)| Circle::new((x + 8, y), 4, color.filled()));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::LowerRight).background_style(WHITE).draw()?;
    root.present()?;
    Ok(())
}

/// The scale is linear up to about this difference and logarithmic beyond, so that one outlier does not hide the rest.
const SMALL: f64 = 0.1;

/// Returns the ends and the middle of the confidence interval, in coordinates of the chart.
fn span(scenario: &ScenarioComparison) -> [f64; 3] {
    let difference = scenario.figures.scalar.difference();
    let within = difference.within.unwrap_or(0.0);
    [-within, 0.0, within].map(|bound| ((difference.mean + bound) / SMALL).asinh())
}
