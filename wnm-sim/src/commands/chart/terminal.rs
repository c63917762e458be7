//! The chart in the terminal: the same panels, coarser.

use std::fmt::Write;

use textplots::{Chart, Plot, Shape};

use crate::commands::chart::columns::{Column, SIGNALS};
use crate::commands::chart::svg::{Panel, Time, panels};
use crate::commands::chart::{Drawing, NO_ACTIONS};

/// Width in Braille dots, two per character.
const WIDTH: u32 = 150;
const HEIGHT: u32 = 32;
/// Width of the lanes in characters, equal to that of a plot.
const CELLS: usize = 75;

/// Returns the chart as text.
pub(super) fn draw(drawing: &Drawing<'_>) -> String {
    let time = Time::of(&drawing.columns.all);
    let mut text = String::new();
    let nodes = |column: &Column| Some(f64::from(column.nodes.iter().sum::<u32>()));
    let running = |column: &Column| Some(f64::from(column.nodes[0]));
    _ = writeln!(text, "{}: {}", drawing.title, drawing.decided());
    _ = writeln!(text, "nodes, count: total and running (node cap {})", drawing.policy.node_cap);
    let most = drawing.columns.all.iter().filter_map(nodes).fold(1.0, f64::max);
    plot(&mut text, &[points(drawing, &time, nodes), points(drawing, &time, running)], time.end, most);
    lanes(&mut text, drawing, &time);
    for panel in panels(drawing) {
        let names: Vec<String> = panel.signals.iter().map(|signal| SIGNALS[*signal].to_string()).collect();
        _ = write!(text, "\n{}", panel.name);
        if names.len() > 1 {
            _ = write!(text, " ({})", names.join(", "));
        }
        for (less_than, remove) in &panel.marks {
            _ = write!(text, ", thresholds {less_than} low, {remove} high");
        }
        text.push('\n');
        draw_panel(&mut text, &panel, drawing, &time);
    }
    _ = writeln!(text, "time, {}", time.name);
    text
}

fn draw_panel(text: &mut String, panel: &Panel, drawing: &Drawing<'_>, time: &Time) {
    let mut lines = Vec::new();
    let mut top = 0.0_f64;
    for signal in &panel.signals {
        top = top.max(drawing.columns.greatest(*signal).unwrap_or(0.0));
        lines.push(points(drawing, time, |column| column.signals[*signal].map(|range| range.high)));
    }
    for mark in panel.marks.iter().flat_map(|marks| [marks.0, marks.1]) {
        top = top.max(mark);
        lines.push(vec![(0.0, mark as f32), (time.end as f32, mark as f32)]);
    }
    plot(text, &lines, time.end, top.max(1.0));
}

fn points(drawing: &Drawing<'_>, time: &Time, value: impl Fn(&Column) -> Option<f64>) -> Vec<(f32, f32)> {
    let columns = drawing.columns.all.iter();
    columns.filter_map(|column| Some((time.at(column.from) as f32, value(column)? as f32))).collect()
}

fn plot(text: &mut String, lines: &[Vec<(f32, f32)>], end: f64, top: f64) {
    let shapes: Vec<Shape<'_>> = lines.iter().map(|line| Shape::Lines(line)).collect();
    let mut chart = Chart::new_with_y_range(WIDTH, HEIGHT, 0.0, end as f32, 0.0, top as f32);
    let mut chart = &mut chart;
    for shape in &shapes {
        chart = chart.lineplot(shape);
    }
    chart.axis();
    chart.figures();
    _ = write!(text, "{chart}");
}

/// Writes one line for each heading, with marks at the columns that have actions of it.
fn lanes(text: &mut String, drawing: &Drawing<'_>, time: &Time) {
    let headings = drawing.columns.headings();
    if headings.is_empty() {
        _ = writeln!(text, "{NO_ACTIONS}");
    }
    for (heading, count) in headings {
        let mut cells = ['·'; CELLS];
        for column in drawing.columns.all.iter().filter(|column| column.marks.contains_key(&heading)) {
            let share = time.at(column.from) / time.end;
            let cell = (share * CELLS as f64) as usize;
            cells[cell.min(CELLS - 1)] = '█';
        }
        _ = writeln!(text, "{} {heading} ({count})", cells.iter().collect::<String>());
    }
}
