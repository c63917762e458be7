//! The chart of a run: nodes by state, lanes of decisions, and one panel for each kind of signal.

use std::fmt::Display;

use plotters::coord::Shift;
use plotters::prelude::*;
use wnm_core::{Signal, Threshold};

use crate::SimError;
use crate::commands::chart::columns::{Column, Columns, SIGNALS, STATES};
use crate::commands::chart::{Drawing, NO_ACTIONS};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Width of a single run, and of each run where several are side by side.
const WIDTH: u32 = 1200;
const NARROW: u32 = 760;
const TITLE: u32 = 40;
const NODES: u32 = 210;
const LANE: u32 = 18;
const PANEL: u32 = 140;
/// Height of the time axis below the last panel.
const AXIS: u32 = 34;
/// Width of the names and axis labels on the left.
const LEFT: u32 = 190;

/// Colours for each state that people with colour blindness can distinguish (Okabe and Ito).
const STATE_COLORS: [RGBColor; STATES.len()] = [
    RGBColor(0, 158, 115),
    RGBColor(153, 153, 153),
    RGBColor(86, 180, 233),
    RGBColor(0, 114, 178),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(240, 228, 66),
    RGBColor(80, 80, 80),
    RGBColor(213, 94, 0),
];
const LINE_COLORS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(230, 159, 0), RGBColor(204, 121, 167)];
const LESS_THAN: RGBColor = RGBColor(0, 158, 115);
const REMOVE: RGBColor = RGBColor(213, 94, 0);

/// The signals of one unit.
pub(super) struct Panel {
    pub(super) name: &'static str,
    /// Indexes into [`SIGNALS`].
    pub(super) signals: Vec<usize>,
    /// The lowest upper end of the scale.
    least: f64,
    /// Low and high thresholds; empty without any.
    pub(super) marks: Vec<(f64, f64)>,
}

/// Returns the panels of all signals that have thresholds or are always shown.
pub(super) fn panels(drawing: &Drawing<'_>) -> Vec<Panel> {
    let policy = drawing.policy;
    let percent = |t: Threshold<wnm_core::Percent>| vec![(t.less_than.get(), t.remove.get())];
    let rates = |io: wnm_core::IoThresholds| {
        [io.read, io.write].iter().map(|t| (t.less_than.0 as f64, t.remove.0 as f64)).collect::<Vec<_>>()
    };
    let load = policy.load.map(|t| vec![(t.less_than.get(), t.remove.get())]).unwrap_or_default();
    let panel = |name, signals: &[Signal], least, marks| {
        let place = |signal: &Signal| SIGNALS.iter().position(|known| known == signal);
        Panel { name, signals: signals.iter().filter_map(place).collect(), least, marks }
    };
    let mut panels = vec![
        panel("cpu, %", &[Signal::Cpu], 100.0, percent(policy.cpu)),
        panel("memory, %", &[Signal::Memory], 100.0, percent(policy.memory)),
        panel("disk, %", &[Signal::Disk(0)], 100.0, percent(policy.disk)),
        panel("load averages, tasks", &[Signal::Load1, Signal::Load5, Signal::Load15], 1.0, load),
    ];
    if let Some(io) = policy.disk_io {
        panels.push(panel("disk, bytes/s", &[Signal::DiskRead, Signal::DiskWrite], 1.0, rates(io)));
    }
    if let Some(io) = policy.net_io {
        panels.push(panel("net, bytes/s", &[Signal::NetRead, Signal::NetWrite], 1.0, rates(io)));
    }
    panels
}

/// The time axis: elapsed time in a unit that gives short labels.
pub(super) struct Time {
    start: i64,
    unit: f64,
    pub(super) name: &'static str,
    pub(super) end: f64,
}

impl Time {
    pub(super) fn of(columns: &[Column]) -> Self {
        let start = columns.first().map_or(0, |column| column.from.as_millis());
        let end = columns.last().map_or(start, |column| column.to.as_millis());
        let length = (end.saturating_sub(start) as f64).max(1000.0);
        let (unit, name) = match length / 1000.0 {
            ..=300.0 => (1e3, "s"),
            ..=14_400.0 => (60e3, "min"),
            ..=345_600.0 => (3600e3, "h"),
            _ => (86_400e3, "d"),
        };
        Self { start, unit, name, end: length / unit }
    }

    pub(super) fn at(&self, time: wnm_core::Timestamp) -> f64 {
        time.as_millis().saturating_sub(self.start) as f64 / self.unit
    }
}

/// Draws runs side by side as SVG, with the same scale of nodes.
pub(super) fn draw(drawings: &[Drawing<'_>]) -> Result<String, SimError> {
    let mut svg = String::new();
    let title = drawings.first().map_or("", |drawing| drawing.title);
    let failed = |error: &dyn Display| SimError::input(format!("cannot draw {title}: {error}"));
    draw_into(drawings, &mut svg).map_err(|error| failed(&error))?;
    Ok(svg)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw_into(drawings: &[Drawing<'_>], svg: &mut String) -> Drawn {
    let most = |of: fn(&Drawing<'_>) -> usize| u32::try_from(drawings.iter().map(of).max().unwrap_or(0));
    let lanes = most(|drawing| drawing.columns.headings().len())?;
    // A chart without any action says so in a lane of its own.
    let lanes_height = lanes.max(1) * LANE + 8;
    let height = TITLE + NODES + lanes_height + PANEL * most(|drawing| panels(drawing).len())? + AXIS;
    let width = if drawings.len() > 1 { NARROW * u32::try_from(drawings.len())? } else { WIDTH };
    let root = SVGBackend::with_string(svg, (width, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let most_nodes = drawings.iter().map(|drawing| greatest_count(drawing.columns)).max().unwrap_or(0).max(1);
    for (area, drawing) in root.split_evenly((1, drawings.len())).iter().zip(drawings) {
        draw_one(area, drawing, most_nodes, lanes_height)?;
    }
    root.present()?;
    Ok(())
}

fn greatest_count(columns: &Columns) -> u32 {
    columns.all.iter().map(|column| column.nodes.iter().sum::<u32>()).max().unwrap_or(0)
}

fn draw_one(area: &Area<'_>, drawing: &Drawing<'_>, most_nodes: u32, lanes_height: u32) -> Drawn {
    let panels = panels(drawing);
    let time = Time::of(&drawing.columns.all);
    let (title, rest) = area.split_vertically(TITLE);
    title.draw_text(&heading(drawing), &("sans-serif", 15).into_text_style(&title), (12, 12))?;
    let (nodes, rest) = rest.split_vertically(NODES);
    draw_nodes(&nodes, drawing, most_nodes, &time)?;
    let (lanes_area, mut rest) = rest.split_vertically(lanes_height);
    if drawing.columns.headings().is_empty() {
        let style = ("sans-serif", 11).into_text_style(&lanes_area);
        lanes_area.draw_text(NO_ACTIONS, &style, (12, 3))?;
    } else {
        draw_lanes(&lanes_area, drawing, &time)?;
    }
    for (i, panel) in panels.iter().enumerate() {
        let is_last = i + 1 == panels.len();
        let (area, below) = if is_last { (rest.clone(), rest) } else { rest.split_vertically(PANEL) };
        rest = below;
        draw_panel(&area, panel, drawing, &time, if is_last { time.name } else { "" })?;
    }
    Ok(())
}

fn heading(drawing: &Drawing<'_>) -> String {
    let columns = &drawing.columns.all;
    let start = columns.first().map_or(0, |column| column.from.as_millis());
    let from = jiff::Timestamp::from_millisecond(start).map_or_else(|_| String::new(), |at| format!(", from {at}"));
    format!("{}{from}: {}", drawing.title, drawing.decided())
}

/// Splits the columns at gaps.
fn runs(columns: &[Column]) -> impl Iterator<Item = &[Column]> {
    columns.chunk_by(|_, next| !next.after_gap)
}

fn draw_nodes(area: &Area<'_>, drawing: &Drawing<'_>, most: u32, time: &Time) -> Drawn {
    let columns = &drawing.columns.all;
    let mut chart = ChartBuilder::on(area)
        .set_label_area_size(LabelAreaPosition::Left, LEFT)
        .margin_right(16)
        .margin_bottom(6)
        .build_cartesian_2d(0.0..time.end, 0.0..f64::from(most) * 1.05)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().y_labels(5).y_label_formatter(&|y| format!("{y:.0}")).light_line_style(TRANSPARENT).draw()?;
    let mut entries = Vec::new();
    let last = columns.last().map_or(0.0, |column| time.at(column.to));
    for (i, state) in STATES.iter().enumerate().filter(|(i, _)| columns.iter().any(|column| column.nodes[*i] > 0)) {
        let color = STATE_COLORS[i];
        let below = |column: &Column| f64::from(column.nodes[..i].iter().sum::<u32>());
        let above = |column: &Column| f64::from(column.nodes[..=i].iter().sum::<u32>());
        let mut areas = Vec::new();
        for run in runs(columns) {
            let mut top = steps(run, time, above);
            let mut bottom = steps(run, time, below);
            bottom.reverse();
            top.append(&mut bottom);
            areas.push(Polygon::new(top, color.filled()));
        }
        chart.draw_series(areas)?;
        entries.push((format!("{state:?}").to_lowercase(), color));
    }
    // The legend has the order of the stack, the topmost state first.
    entries.reverse();
    let cap = f64::from(drawing.policy.node_cap);
    // A node cap far above the count would flatten the curve.
    if cap <= f64::from(most) * 1.05 {
        chart.draw_series(LineSeries::new([(0.0, cap), (last, cap)], REMOVE))?;
        entries.push((format!("node cap {cap}"), REMOVE));
    }
    for (at, text) in &drawing.columns.notes {
        let x = time.at(*at).clamp(0.0, time.end);
        chart.draw_series(LineSeries::new([(x, 0.0), (x, f64::from(most) * 1.05)], BLACK.mix(0.5)))?;
        // Longer notes would run into each other.
        let short: String = text.chars().take(40).collect();
        chart.draw_series([Text::new(short, (x, f64::from(most)), ("sans-serif", 11))])?;
    }
    legend(area, "nodes, count", &entries)
}

/// Writes the legend of a panel at its left, one line for each colour.
fn legend(area: &Area<'_>, name: &str, entries: &[(String, RGBColor)]) -> Drawn {
    let (bold, plain) = (("sans-serif", 13).into_text_style(area), ("sans-serif", 11).into_text_style(area));
    area.draw_text(name, &bold, (12, 8))?;
    for (y, (entry, color)) in (28..).step_by(16).zip(entries) {
        area.draw(&Rectangle::new([(12, y), (22, y + 10)], color.filled()))?;
        area.draw_text(entry, &plain, (28, y))?;
    }
    Ok(())
}

/// Returns a step line, with points where the value changes.
fn steps(run: &[Column], time: &Time, value: impl Fn(&Column) -> f64) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for column in run {
        let (x, y) = (time.at(column.from), value(column));
        match points.last() {
            Some((_, before)) if *before == y => {}
            Some((_, before)) => points.extend([(x, *before), (x, y)]),
            None => points.push((x, y)),
        }
    }
    if let (Some(column), Some((_, y))) = (run.last(), points.last().copied()) {
        points.push((time.at(column.to), y));
    }
    points
}

fn draw_lanes(area: &Area<'_>, drawing: &Drawing<'_>, time: &Time) -> Drawn {
    let headings = drawing.columns.headings();
    let mut chart = ChartBuilder::on(area)
        .set_label_area_size(LabelAreaPosition::Left, LEFT)
        .margin_right(16)
        .margin_bottom(8)
        .build_cartesian_2d(0.0..time.end, 0.0..headings.len() as f64)?;
    let narrowest = time.end / f64::from(WIDTH);
    for (lane, (heading, count)) in headings.iter().enumerate() {
        let y = (headings.len() - lane) as f64;
        let color = match heading.verb {
            "add" | "start" | "enable" => LESS_THAN,
            "upgrade" | "restart" => LINE_COLORS[0],
            _ => REMOVE,
        };
        let label = format!("{heading} ({count})");
        area.draw_text(&label, &("sans-serif", 11).into_text_style(area), (12, i32::try_from(lane)? * 18 + 3))?;
        let mut boxes: Vec<(f64, f64)> = Vec::new();
        for column in drawing.columns.all.iter().filter(|column| column.marks.contains_key(heading)) {
            let (from, to) = (time.at(column.from), time.at(column.to));
            match boxes.last_mut() {
                // Marks closer than one and a half pixels merge into one box.
                Some(last) if from - last.1 <= narrowest * 1.5 => last.1 = to,
                _ => boxes.push((from, to)),
            }
        }
        chart.draw_series(boxes.into_iter().map(|(from, to)| {
            Rectangle::new([(from, y - 0.15), (to.max(from + narrowest), y - 0.85)], color.filled())
        }))?;
    }
    Ok(())
}

fn draw_panel(area: &Area<'_>, panel: &Panel, drawing: &Drawing<'_>, time: &Time, below: &str) -> Drawn {
    let columns = drawing.columns;
    let greatest = panel.signals.iter().filter_map(|signal| columns.greatest(*signal));
    let marks = panel.marks.iter().map(|marks| marks.1);
    let top = greatest.chain(marks).fold(panel.least, f64::max) * 1.05;
    let mut chart = ChartBuilder::on(area)
        .set_label_area_size(LabelAreaPosition::Left, LEFT)
        .set_label_area_size(LabelAreaPosition::Bottom, if below.is_empty() { 0 } else { AXIS })
        .margin_right(16)
        .margin_bottom(6)
        .build_cartesian_2d(0.0..time.end, 0.0..top)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().y_labels(5).y_label_formatter(&|y| figure(*y)).light_line_style(TRANSPARENT);
    if !below.is_empty() {
        mesh.x_desc(format!("time, {below}"));
    }
    mesh.draw()?;
    let mut entries = Vec::new();
    for (less_than, remove) in &panel.marks {
        chart.draw_series(LineSeries::new([(0.0, *less_than), (time.end, *less_than)], LESS_THAN))?;
        chart.draw_series(LineSeries::new([(0.0, *remove), (time.end, *remove)], REMOVE))?;
        entries.push((format!("high threshold {}", figure(*remove)), REMOVE));
        entries.push((format!("low threshold {}", figure(*less_than)), LESS_THAN));
    }
    for (i, signal) in panel.signals.iter().enumerate() {
        let color = LINE_COLORS[i % LINE_COLORS.len()];
        for run in runs(&columns.all) {
            chart.draw_series(LineSeries::new(line(run, *signal, time), color))?;
        }
        entries.push((SIGNALS[*signal].to_string(), color));
    }
    // Signals come before their thresholds in the legend.
    entries.rotate_right(panel.signals.len());
    legend(area, panel.name, &entries)
}

/// Formats the label of an axis; large values with a unit prefix.
fn figure(value: f64) -> String {
    match value {
        1e9.. => format!("{:.1} G", value / 1e9),
        1e6.. => format!("{:.1} M", value / 1e6),
        1e3.. => format!("{:.1} k", value / 1e3),
        10.0.. => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

/// Returns the line of a signal through the minimum and maximum of each column.
fn line(run: &[Column], signal: usize, time: &Time) -> Vec<(f64, f64)> {
    let mut points = Vec::with_capacity(run.len() * 2);
    for column in run {
        let Some(range) = column.signals[signal] else { continue };
        points.push((time.at(column.from), range.low));
        if range.high > range.low {
            points.push((time.at(column.from), range.high));
        }
    }
    points
}
