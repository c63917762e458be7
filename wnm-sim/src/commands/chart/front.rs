//! The chart of gain against cost of policies, with the line through the Pareto front.

use std::error::Error;

use plotters::prelude::*;

use crate::SimError;
use crate::statistics::Mean;

const PANEL: u32 = 640;
const HEIGHT: u32 = 520;
/// The lower end of the logarithmic cost axis.
const LEAST: f64 = 0.01;

/// The role of a policy, shown by colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The subject of the comparison.
    Found,
    /// The reference of the comparison.
    Reference,
    /// Any other policy.
    Other,
}

impl Kind {
    const fn color(self) -> RGBColor {
        match self {
            Self::Found => RGBColor(0, 114, 178),
            Self::Reference => RGBColor(213, 94, 0),
            Self::Other => RGBColor(153, 153, 153),
        }
    }
}

/// A policy with its figures and their intervals; a spot without a name has no label.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub(crate) name: String,
    /// Cost: less is better.
    pub(crate) cost: Mean,
    /// Gain: more is better.
    pub(crate) gain: Mean,
    pub(crate) kind: Kind,
}

/// The policies of one panel, which must have run on the same hosts.
pub(crate) struct Front {
    pub(crate) caption: String,
    pub(crate) spots: Vec<Spot>,
}

/// Draws panels side by side, as SVG.
pub(crate) fn draw(fronts: &[Front], cost: &str, gain: &str) -> Result<String, SimError> {
    let mut svg = String::new();
    draw_into(fronts, cost, gain, &mut svg)
        .map_err(|error| SimError::input(format!("cannot draw front.svg: {error}")))?;
    Ok(svg)
}

fn draw_into(fronts: &[Front], cost: &str, gain: &str, svg: &mut String) -> Result<(), Box<dyn Error>> {
    let count = u32::try_from(fronts.len().max(1))?;
    let root = SVGBackend::with_string(svg, (PANEL * count, HEIGHT)).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, front) in root.split_evenly((1, fronts.len().max(1))).iter().zip(fronts) {
        draw_front(area, front, cost, gain)?;
    }
    root.present()?;
    Ok(())
}

/// Returns the ends of the confidence interval.
fn ends(mean: Mean) -> (f64, f64) {
    let within = mean.within.unwrap_or(0.0);
    (mean.mean - within, mean.mean + within)
}

fn draw_front(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    front: &Front,
    cost: &str,
    gain: &str,
) -> Result<(), Box<dyn Error>> {
    let spots = &front.spots;
    // A cost of 0 has no place on a logarithmic axis; it is drawn at the left end.
    let left = spots.iter().map(|spot| spot.cost.mean / 3.0).fold(1.0, f64::min).max(LEAST);
    let right = spots.iter().map(|spot| ends(spot.cost).1).fold(1.0, f64::max) * 3.0;
    let lowest = spots.iter().map(|spot| ends(spot.gain).0).fold(f64::INFINITY, f64::min);
    let highest = spots.iter().map(|spot| ends(spot.gain).1).fold(f64::NEG_INFINITY, f64::max);
    let (lowest, highest) = if lowest <= highest { (lowest, highest) } else { (0.0, 100.0) };
    let room = (highest - lowest).max(1.0) * 0.08;
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .caption(&front.caption, ("sans-serif", 15))
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d((left..right).log_scale(), lowest - room..highest + room)?;
    chart
        .configure_mesh()
        .x_desc(cost)
        .y_desc(gain)
        .x_label_formatter(&|x| format!("{x}"))
        .y_label_formatter(&|y| format!("{y:.1}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    let at = |spot: &Spot| (spot.cost.mean.max(left), spot.gain.mean);
    // The steps of the line are the policies that no other policy beats in both figures.
    let mut order: Vec<&Spot> = spots.iter().collect();
    order.sort_by(|one, other| at(one).0.total_cmp(&at(other).0).then(at(other).1.total_cmp(&at(one).1)));
    let mut line: Vec<(f64, f64)> = Vec::new();
    for (x, y) in order.into_iter().map(at) {
        if line.last().is_none_or(|before| y > before.1) {
            line.extend(line.last().map(|before| (x, before.1)));
            line.push((x, y));
        }
    }
    chart.draw_series(LineSeries::new(line, Kind::Found.color().mix(0.4)))?;
    for spot in spots {
        let ((x, y), color) = (at(spot), spot.kind.color());
        let (costs, gains) = (ends(spot.cost), ends(spot.gain));
        let bars = [vec![(costs.0.max(left), y), (costs.1.max(left), y)], vec![(x, gains.0), (x, gains.1)]];
        chart.draw_series(bars.map(|bar| PathElement::new(bar, color.mix(0.5))))?;
        let radius = if spot.name.is_empty() { 2 } else { 5 };
        // Of two spots close to each other, the lower one has its label below.
        let is_close = |other: &Spot| {
            let (to, up) = (at(other).0 / x, (other.gain.mean - y) / (highest - lowest).max(1.0));
            other.name != spot.name && to.ln().abs() < 0.5 && (0.0..0.04).contains(&up)
        };
        let below = if spots.iter().any(is_close) { 0 } else { -14 };
        let mark = EmptyElement::at((x, y))
            + Circle::new((0, 0), radius, color.filled())
            + Text::new(spot.name.clone(), (9, below), ("sans-serif", 13));
        chart.draw_series([mark])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spots_have_labels_and_zero_cost_has_a_place() {
        let spot = |name: &str, cost, gain, within| Spot {
            name: name.to_owned(),
            cost: Mean { mean: cost, within },
            gain: Mean { mean: gain, within },
            kind: Kind::Found,
        };
        let spots = vec![spot("free", 0.0, 90.0, None), spot("dear", 2.0, 95.0, Some(5.0)), spot("", 3.0, 80.0, None)];
        let fronts =
            [Front { caption: "those".to_owned(), spots }, Front { caption: "none".to_owned(), spots: vec![] }];
        let svg = draw(&fronts, "cost", "gain").unwrap();
        for text in ["those", "none", "free", "dear", "cost", "gain"] {
            assert!(svg.contains(&format!("\n{text}\n")), "{text}: {svg}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
