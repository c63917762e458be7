//! `influx-resources`: lines of the InfluxDB line protocol. An unknown value has no field.

use wnm_core::{NodeState, Timestamp};

use super::Row;

/// A line under construction: its measurement with tags, and its fields.
struct Line {
    series: String,
    fields: Vec<String>,
}

impl Line {
    fn new(measurement: &str) -> Self {
        Self { series: escaped(measurement, &[',', ' ']), fields: Vec::new() }
    }

    /// Adds a tag. The protocol has no empty tags, so an empty one is omitted.
    fn tag(mut self, key: &str, value: &str) -> Self {
        let value = key_text(value);
        if !value.is_empty() {
            self.series.push_str(&format!(",{}={value}", key_text(key)));
        }
        self
    }

    fn text(self, key: &str, value: Option<&str>) -> Self {
        let value = value.filter(|value| !value.is_empty());
        self.field(key, value.map(|value| format!("\"{}\"", escaped(&on_one_line(value), &['"', '\\']))))
    }

    fn count(self, key: &str, value: Option<u64>) -> Self {
        // Integers of the protocol are signed with 64 bits; a larger one is omitted.
        self.field(key, value.and_then(|value| i64::try_from(value).ok()).map(|value| format!("{value}i")))
    }

    /// Adds a number given in hundredths.
    fn hundredths(self, key: &str, value: Option<u64>) -> Self {
        self.field(key, value.map(|value| format!("{:?}", value as f64 / 100.0)))
    }

    fn field(mut self, key: &str, value: Option<String>) -> Self {
        self.fields.extend(value.map(|value| format!("{}={value}", key_text(key))));
        self
    }

    /// Returns the line; None without a field, which the protocol does not allow.
    fn end(self, at: Option<Timestamp>) -> Option<String> {
        if self.fields.is_empty() {
            return None;
        }
        let nanos = at.and_then(|at| at.as_millis().checked_mul(1_000_000));
        let at = nanos.map_or_else(String::new, |nanos| format!(" {nanos}"));
        Some(format!("{} {}{at}\n", self.series, self.fields.join(",")))
    }
}

/// Returns a name or the value of a tag, escaped. The protocol cannot express a backslash before a special character
/// there, so a slash replaces each backslash.
fn key_text(text: &str) -> String {
    escaped(&on_one_line(text).replace('\\', "/"), &[',', '=', ' '])
}

fn on_one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn escaped(text: &str, special: &[char]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Returns a line for each node and two for the colony, with the time `at`. Without a time InfluxDB uses its own.
pub(crate) fn lines(rows: &[Row<'_>], at: Option<Timestamp>) -> String {
    let nodes = rows.iter().map(node).chain([totals(rows), network(rows)]);
    nodes.filter_map(|line| line.end(at)).collect()
}

fn node(row: &Row<'_>) -> Line {
    let rewards = row.rewards().map(|atto| atto.to_string());
    Line::new("nodes")
        .tag("id", &row.node.id.get().to_string())
        .text("PeerId", row.peer_id())
        .text("status", Some(row.status()))
        .text("version", row.version().as_deref())
        .count("puts", row.figure(|metrics| metrics.puts_ok))
        .count("up_time", row.figure(|metrics| metrics.uptime))
        .text("rewards", rewards.as_deref())
        .count("records", row.figure(|metrics| metrics.records))
        .count("connected_peers", row.figure(|metrics| metrics.connected_peers))
        .count("network_size", row.figure(|metrics| metrics.network_size))
        .count("open_connections", row.figure(|metrics| metrics.open_connections))
        .count("total_peers", row.figure(|metrics| metrics.routing_table_peers))
        .count("shunned_count", row.figure(|metrics| metrics.shunned_by_close_group))
        .count("bad_peers", row.figure(|metrics| metrics.bad_peers))
        .hundredths("mem", row.memory())
        .hundredths("cpu", row.cpu())
        .count("rel_records", row.figure(|metrics| metrics.relevant_records))
        .count("max_records", row.figure(|metrics| metrics.max_records))
        .count("payment_count", row.figure(|metrics| metrics.payment_count))
        .count("live_time", row.figure(|metrics| metrics.live_time))
}

fn totals(rows: &[Row<'_>]) -> Line {
    let known: Vec<u128> = rows.iter().filter_map(Row::rewards).collect();
    let sum = known.iter().fold(0_u128, |sum, rewards| sum.saturating_add(*rewards));
    // The Python wnm writes this sum as a float in a string; u128 keeps it exact.
    let sum = (!known.is_empty()).then(|| format!("{sum}.0"));
    let count = |wanted: fn(&NodeState) -> bool| rows.iter().filter(|row| row.state.is_some_and(wanted)).count() as u64;
    Line::new("nodes_totals")
        .text("rewards", sum.as_deref())
        .count("nodes_running", Some(count(|state| matches!(state, NodeState::Running { .. }))))
        .count("nodes_killed", Some(count(|state| matches!(state, NodeState::Stopped { .. } | NodeState::Dead { .. }))))
}

/// Returns the size of the network: the mean estimate of the running nodes.
fn network(rows: &[Row<'_>]) -> Line {
    let running = rows.iter().filter(|row| matches!(row.state, Some(NodeState::Running { .. })));
    let sizes: Vec<u64> =
        running.filter_map(|row| row.figure(|metrics| metrics.network_size)).filter(|size| *size > 0).collect();
    let sum: u128 = sizes.iter().map(|size| u128::from(*size)).sum();
    let mean = sum.checked_div(sizes.len() as u128).and_then(|mean| u64::try_from(mean).ok());
    Line::new("nodes_network").count("size", mean)
}

#[cfg(test)]
mod tests {
    use influxdb_line_protocol::{FieldValue, parse_lines};

    use super::*;

    #[test]
    fn written_lines_are_parsed_back() {
        for text in ["plain", "a b", "a,b=c", "say \"hi\"", "back\\slash", "end\\", "\\\"", "ünï", "two\nlines", "\\,"]
        {
            let line = Line::new("of nodes,all").tag("the key", text).text("a=b", Some(text)).count("n", Some(7));
            let line = line.end(Some(Timestamp::from_millis(1_795_211_466_632))).unwrap();
            assert_eq!(line.lines().count(), 1, "{line}");
            let read: Vec<_> = parse_lines(&line).collect::<Result<_, _>>().unwrap_or_else(|e| panic!("{e}: {line}"));
            assert_eq!(read[0].timestamp, Some(1_795_211_466_632_000_000));
            assert_eq!(read[0].series.measurement.as_str(), "of nodes,all");
            assert!(matches!(read[0].field_value("n"), Some(FieldValue::I64(7))), "{line}");
            let Some(FieldValue::String(value)) = read[0].field_value("a=b") else { panic!("{line}") };
            assert_eq!(value.as_str(), on_one_line(text), "{line}");
            let tag = read[0].tag_value("the key").unwrap();
            assert_eq!(tag.as_str(), on_one_line(text).replace('\\', "/"), "{line}");
        }
    }

    #[test]
    fn unknown_and_too_large_values_have_no_field() {
        let line = Line::new("nodes").text("PeerId", None).text("version", Some("")).count("n", Some(u64::MAX));
        assert_eq!(line.end(None), None);
        let line = Line::new("nodes").hundredths("mem", Some(9800)).hundredths("cpu", Some(4)).end(None);
        assert_eq!(line.as_deref(), Some("nodes mem=98.0,cpu=0.04\n"));
        let all = lines(&[], None);
        assert_eq!(all, "nodes_totals nodes_running=0i,nodes_killed=0i\n");
        assert_eq!(parse_lines(&all).filter_map(Result::ok).count(), 1);
    }
}
