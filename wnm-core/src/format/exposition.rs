//! The parser of the OpenMetrics text that an `antnode` serves, in one pass.

use memchr::memchr;

use crate::model::metrics::{NodeIdentity, NodeMetrics};

/// Parses the text of `/metrics`.
///
/// Never fails: unknown lines are ignored, and any bytes are accepted.
#[must_use]
pub fn parse_metrics(text: &[u8]) -> NodeMetrics {
    let mut metrics = NodeMetrics::default();
    for line in lines(text) {
        if line.first() == Some(&b'#') {
            if declared_counter(line) == Some(b"ant_node_put_record_ok") {
                // A counter with labels has no sample before its first event. Its declaration alone means 0.
                metrics.puts_ok.get_or_insert(0);
            }
            continue;
        }
        // 370 of the 421 lines of an antnode 0.4.17 have other names, most of them histograms of libp2p: this check
        // skips them before the slower parse. A line with a quoted name starts with its braces.
        if !(line.starts_with(b"ant_n") || line.starts_with(b"libp2p_bandwidth") || line.starts_with(b"{")) {
            continue;
        }
        let Some(sample) = Sample::read(line) else { continue };
        match sample.name {
            b"ant_node_uptime" => metrics.uptime = sample.seconds(),
            b"ant_node_current_reward_wallet_balance" => metrics.reward_balance = sample.integer(),
            b"ant_node_put_record_ok_total" => add(&mut metrics.puts_ok, sample.count()),
            b"ant_node_put_record_err_total" => metrics.puts_failed = sample.count(),
            b"libp2p_bandwidth_bytes_total" => add(&mut metrics.network_bytes, sample.count()),
            b"ant_networking_records_stored" => metrics.records = sample.count(),
            b"ant_networking_relevant_records" => metrics.relevant_records = sample.count(),
            b"ant_networking_max_records" => metrics.max_records = sample.count(),
            b"ant_networking_received_payment_count" => metrics.payment_count = sample.count(),
            b"ant_networking_live_time" => metrics.live_time = sample.count(),
            b"ant_networking_connected_peers" => metrics.connected_peers = sample.count(),
            b"ant_networking_peers_in_routing_table" => metrics.routing_table_peers = sample.count(),
            b"ant_networking_open_connections" => metrics.open_connections = sample.count(),
            b"ant_networking_estimated_network_size" => metrics.network_size = sample.count(),
            b"ant_networking_process_memory_used_mb" => metrics.memory_mb = sample.float(),
            b"ant_networking_process_cpu_usage_percentage" => metrics.cpu_percent = sample.float(),
            b"ant_networking_shunned_by_close_group" => metrics.shunned_by_close_group = sample.count(),
            b"ant_networking_shunned_count_total" => metrics.shunned_count = sample.count(),
            b"ant_networking_bad_peers_count_total" => metrics.bad_peers = sample.count(),
            _ => {}
        }
    }
    metrics
}

/// Tells whether a text of `/metrics` is that of a node: it declares or contains a metric of `antnode` or of its network
/// library.
#[must_use]
pub fn is_node_metrics(text: &[u8]) -> bool {
    let is_of_node = |name: &[u8]| name.starts_with(b"ant_") || name.starts_with(b"libp2p_");
    lines(text).any(|line| {
        let declared = line.strip_prefix(b"#").map(<[u8]>::trim_ascii_start);
        let declared = declared.and_then(|line| line.strip_prefix(b"TYPE").or_else(|| line.strip_prefix(b"HELP")));
        let quoted = line.strip_prefix(b"{").map(<[u8]>::trim_ascii_start).and_then(|line| line.strip_prefix(b"\""));
        is_of_node(declared.map(<[u8]>::trim_ascii_start).or(quoted).unwrap_or(line))
    })
}

/// Parses the text of `/metadata`. Never fails.
#[must_use]
pub fn parse_identity(text: &[u8]) -> NodeIdentity {
    let mut identity = NodeIdentity::default();
    for line in lines(text) {
        let Some(sample) = Sample::read(line) else { continue };
        match sample.name {
            b"ant_node_antnode_version_info" => {
                identity.version = sample.label(b"antnode_version").and_then(|text| text.parse().ok());
            }
            b"ant_networking_peer_id_info" => {
                let peer = sample.label(b"peer_id").filter(|id| is_peer_id(id));
                identity.peer_id = peer.map(str::to_owned);
            }
            _ => {}
        }
    }
    identity
}

/// Tells whether a text can be a peer id: 1 to 128 ASCII letters and digits.
///
/// Reports print peer ids to terminals, so that control characters must not pass.
fn is_peer_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn add(sum: &mut Option<u64>, value: Option<u64>) {
    if let Some(value) = value {
        *sum = Some(sum.unwrap_or(0).saturating_add(value));
    }
}

/// Returns the name in a `# TYPE name counter` line.
fn declared_counter(line: &[u8]) -> Option<&[u8]> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (hash, keyword, name, kind) = (words.next()?, words.next()?, words.next()?, words.next()?);
    (hash == b"#" && keyword == b"TYPE" && kind == b"counter" && words.next().is_none()).then_some(name)
}

/// Returns the lines without the blanks around them, and without a byte order mark.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', rest);
        let (line, after) = end.map_or((rest, &rest[rest.len()..]), |at| (&rest[..at], &rest[at + 1..]));
        rest = after;
        Some(line.trim_ascii())
    })
}

/// One line: a name, optional labels in braces, a value, with any blanks between them.
struct Sample<'a> {
    name: &'a [u8],
    labels: &'a [u8],
    value: &'a [u8],
}

impl<'a> Sample<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let name_end = line.iter().position(|b| *b == b'{' || b.is_ascii_whitespace())?;
        let (name, rest) = line.split_at(name_end);
        let (labels, value) = match rest.trim_ascii_start().strip_prefix(b"{") {
            Some(inside) => {
                let (labels, rest) = inside.split_at(end_of_labels(inside)?);
                (labels, rest.strip_prefix(b"}")?)
            }
            None => (&rest[..0], rest),
        };
        let (name, labels) = if name.is_empty() { quoted_name(labels)? } else { (name, labels) };
        // OpenMetrics allows a timestamp after the value.
        let value = value.trim_ascii_start().split(u8::is_ascii_whitespace).next()?;
        Some(Self { name, labels, value })
    }

    /// Returns the value of a label; None if it contains an escape.
    fn label(&self, name: &[u8]) -> Option<&'a str> {
        let mut rest = self.labels;
        loop {
            let equals = memchr(b'=', rest)?;
            let (key, quoted) = (rest[..equals].trim_ascii(), rest[equals + 1..].trim_ascii_start());
            let quoted = quoted.strip_prefix(b"\"")?;
            let end = end_of_quoted(quoted)?;
            if key == name {
                let text = std::str::from_utf8(&quoted[..end]).ok()?;
                return (!text.contains('\\')).then_some(text);
            }
            rest = quoted[end + 1..].trim_ascii_start().strip_prefix(b",")?;
        }
    }

    fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.value).ok()
    }

    /// Returns the value if it is finite and not negative.
    fn float(&self) -> Option<f64> {
        self.text()?.parse().ok().filter(|v: &f64| v.is_finite() && *v >= 0.0)
    }

    /// Returns the value if it is a whole number; `12.0` counts as one.
    fn count(&self) -> Option<u64> {
        let text = self.text()?;
        // 2^53: beyond it a float no longer identifies one whole number.
        let whole = |v: &f64| v.fract() == 0.0 && *v <= 9_007_199_254_740_992.0;
        text.parse().ok().or_else(|| self.float().filter(whole).map(|v| v as u64))
    }

    /// Returns a duration in whole seconds, without the fraction that some programs report.
    fn seconds(&self) -> Option<u64> {
        self.count().or_else(|| self.float().filter(|v| *v <= 9_007_199_254_740_992.0).map(|v| v as u64))
    }

    fn integer(&self) -> Option<u128> {
        self.text()?.parse().ok().or_else(|| self.count().map(u128::from))
    }
}

/// Returns the name that stands quoted before the labels, as in `{"name", label="value"}`, and the labels.
fn quoted_name(labels: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = labels.trim_ascii_start().strip_prefix(b"\"")?;
    let (name, rest) = inside.split_at(end_of_quoted(inside)?);
    let rest = rest[1..].trim_ascii();
    Some((name, if rest.is_empty() { rest } else { rest.strip_prefix(b",")? }))
}

/// Returns the position of the closing brace; braces within quotes do not count.
fn end_of_labels(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'}' => return Some(at),
            b'"' => at += end_of_quoted(&text[at + 1..])? + 2,
            _ => at += 1,
        }
    }
}

/// Returns the position of the closing quote; escaped quotes do not count.
fn end_of_quoted(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
