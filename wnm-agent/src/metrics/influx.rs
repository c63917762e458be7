//! The metrics as lines of the InfluxDB line protocol: `wnm_node` has a line for each node, and `wnm` one for each set of
//! labels.

use std::collections::BTreeMap;

use wnm_core::Timestamp;
use wnm_core::probe::influx_line;

use super::{Family, Labels, Sink};
use crate::live::Live;

/// Names with values: the tags or the fields of a line.
type Pairs = Vec<(String, String)>;

/// The lines of one moment. The fields of equal tags share a line.
#[derive(Default)]
struct LineSink {
    name: &'static str,
    /// The fields by their tags.
    lines: BTreeMap<Pairs, Pairs>,
}

impl Sink for LineSink {
    fn family(&mut self, family: Family) {
        self.name = family.name;
    }

    fn sample(&mut self, suffix: &'static str, labels: Labels<'_>, value: f64) {
        // The buckets of a histogram would be a series for each bound.
        if suffix == "_bucket" || !value.is_finite() {
            return;
        }
        let node = labels.iter().find(|(name, _)| *name == "node");
        let prefix = if node.is_some() { "wnm_node_" } else { "wnm_" };
        let field = format!("{}{suffix}", self.name.strip_prefix(prefix).unwrap_or(self.name));
        // Of a node only its name is a tag: a version or a state as a tag would begin a series with every change.
        let Some(node) = node else {
            let tags = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            self.lines.entry(tags).or_default().push((field, format!("{value:?}")));
            return;
        };
        let fields = self.lines.entry(vec![("node".to_owned(), node.1.to_owned())]).or_default();
        let others: Vec<_> = labels.iter().filter(|(name, value)| *name != "node" && !value.is_empty()).collect();
        if labels.len() == 1 {
            fields.push((field, format!("{value:?}")));
        }
        for (name, value) in others {
            fields.push(((*name).to_owned(), text(value)));
        }
    }
}

/// Returns a text as the value of a field.
fn text(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns the metrics of a daemon as lines with a time of the wall clock.
#[must_use]
pub fn lines(live: &Live, version: &str, host: &str, at: Timestamp) -> String {
    let mut sink = LineSink::default();
    super::write(live, version, &mut sink);
    let line = |(tags, fields): (&Pairs, &Pairs)| {
        let measurement = if tags.first().is_some_and(|(name, _)| name == "node") { "wnm_node" } else { "wnm" };
        let mut all = vec![("host", host)];
        all.extend(tags.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let fields: Vec<(&str, String)> = fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        influx_line(measurement, &all, &fields, at)
    };
    sink.lines.iter().map(line).collect()
}
