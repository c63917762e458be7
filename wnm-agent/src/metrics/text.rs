//! The formats: the text format of Prometheus, OpenMetrics, and JSON.
//!
//! No library writes both text formats: `prometheus` writes the first and `prometheus-client` the second, and each wants
//! metrics that live as long as the process, where these are read from one snapshot.

use std::fmt::Write as _;

use super::{Family, Kind, Labels, Sink};

/// A format of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// The text format of Prometheus, version 0.0.4.
    Prometheus,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
    /// An array of families as JSON.
    Json,
}

impl Format {
    /// Returns the best format for the header `Accept` of a scrape.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        // The weight of each range with this type; 1 without one, as RFC 9110 defines it.
        let weight = |wanted: [&str; 2]| {
            let ranges = accept.split(',').filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let kind = parts.next()?;
                let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |text| text.parse().ok());
                wanted.iter().any(|wanted| kind.eq_ignore_ascii_case(wanted)).then_some(weight?)
            });
            ranges.fold(0.0_f32, f32::max)
        };
        let open = weight(["application/openmetrics-text"; 2]);
        // Of two equal weights that of OpenMetrics counts: Prometheus and its forks accept any other type last.
        if open > 0.0 && open >= weight(["text/plain", "text/*"]) { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Returns the value of the header `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

/// The sink of a format, and its output.
pub(super) enum FormatSink {
    Text(TextSink),
    Json(JsonSink),
}

pub(super) fn sink(format: Format) -> FormatSink {
    match format {
        Format::Prometheus | Format::OpenMetrics => {
            FormatSink::Text(TextSink { format, text: String::new(), name: "" })
        }
        Format::Json => FormatSink::Json(JsonSink::default()),
    }
}

impl FormatSink {
    pub(super) fn as_sink(&mut self) -> &mut dyn Sink {
        match self {
            Self::Text(sink) => sink,
            Self::Json(sink) => sink,
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Text(TextSink { format, mut text, .. }) => {
                if format == Format::OpenMetrics {
                    text.push_str("# EOF\n");
                }
                text.into_bytes()
            }
            Self::Json(JsonSink { families }) => serde_json::to_vec(&families).unwrap_or_default(),
        }
    }
}

/// The two text formats.
pub(super) struct TextSink {
    format: Format,
    text: String,
    name: &'static str,
}

impl Sink for TextSink {
    fn family(&mut self, Family { name, help, kind }: Family) {
        self.name = name;
        // OpenMetrics names a family of counters without the suffix of its samples.
        let family = match (self.format, kind) {
            (Format::OpenMetrics, Kind::Counter) => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        let _ = writeln!(self.text, "# HELP {family} {help}\n# TYPE {family} {}", kind.word());
        if self.format == Format::OpenMetrics
            && let Some(unit) = unit(family)
        {
            let _ = writeln!(self.text, "# UNIT {family} {unit}");
        }
    }

    fn sample(&mut self, suffix: &'static str, labels: Labels<'_>, value: f64) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        for (i, (name, value)) in labels.iter().enumerate() {
            self.text.push(if i == 0 { '{' } else { ',' });
            self.text.push_str(name);
            self.text.push_str("=\"");
            push_escaped(&mut self.text, value);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// Returns the unit at the end of a name; None for a name without one.
fn unit(family: &str) -> Option<&'static str> {
    ["seconds", "bytes", "ratio", "cores"]
        .into_iter()
        .find(|unit| family.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
}

/// Appends the value of a label. A path may contain any character.
fn push_escaped(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            // A person who reads the metrics on a terminal must not get the escape codes of a node.
            control if control.is_control() => text.push('\u{fffd}'),
            other => text.push(other),
        }
    }
}

/// JSON.
#[derive(Default)]
pub(super) struct JsonSink {
    families: Vec<JsonFamily>,
}

#[derive(serde::Serialize)]
struct JsonFamily {
    name: &'static str,
    help: &'static str,
    r#type: &'static str,
    samples: Vec<JsonSample>,
}

#[derive(serde::Serialize)]
struct JsonSample {
    name: String,
    labels: std::collections::BTreeMap<&'static str, String>,
    value: f64,
}

impl Sink for JsonSink {
    fn family(&mut self, Family { name, help, kind }: Family) {
        self.families.push(JsonFamily { name, help, r#type: kind.word(), samples: Vec::new() });
    }

    fn sample(&mut self, suffix: &'static str, labels: Labels<'_>, value: f64) {
        if let Some(family) = self.families.last_mut() {
            let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            family.samples.push(JsonSample { name: format!("{}{suffix}", family.name), labels, value });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{counter, gauge};

    fn text(format: Format) -> String {
        let mut sink = sink(format);
        sink.as_sink().family(gauge("wnm_a_bytes", "A."));
        sink.as_sink().sample("", &[("folder", "/a \"b\"\\c\nd"), ("x", "\u{1b}\u{9b}")], 1.5e9);
        sink.as_sink().family(counter("wnm_b_total", "B."));
        sink.as_sink().sample("", &[], 2.0);
        String::from_utf8(sink.finish()).unwrap()
    }

    #[test]
    fn label_values_are_escaped_and_formats_differ_as_specified() {
        let a = "wnm_a_bytes{folder=\"/a \\\"b\\\"\\\\c\\nd\",x=\"\u{fffd}\u{fffd}\"} 1500000000\n";
        assert_eq!(
            text(Format::Prometheus),
            format!(
                "# HELP wnm_a_bytes A.\n# TYPE wnm_a_bytes gauge\n{a}# HELP wnm_b_total B.\n# TYPE wnm_b_total counter\nwnm_b_total 2\n"
            )
        );
        assert_eq!(
            text(Format::OpenMetrics),
            format!(
                "# HELP wnm_a_bytes A.\n# TYPE wnm_a_bytes gauge\n# UNIT wnm_a_bytes bytes\n{a}# HELP wnm_b B.\n# TYPE wnm_b counter\nwnm_b_total 2\n# EOF\n"
            )
        );
        let json: serde_json::Value = serde_json::from_str(&text(Format::Json)).unwrap();
        assert_eq!(json[0]["samples"][0]["labels"]["folder"], "/a \"b\"\\c\nd");
        assert_eq!((&json[1]["type"], &json[1]["samples"][0]["value"]), (&"counter".into(), &2.0.into()));
    }

    #[test]
    fn scraper_that_accepts_openmetrics_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
        for (accept, format) in [
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; version=1.0.0", Format::OpenMetrics),
            ("application/openmetrics-text;q=0", Format::Prometheus),
            ("application/openmetrics-text;q=0.5, text/plain", Format::Prometheus),
            ("application/openmetrics-text;q=0.5, text/*;q=0.4", Format::OpenMetrics),
            ("text/plain;q=0.5, application/openmetrics-text;q=0.5", Format::OpenMetrics),
            ("application/openmetrics-text;q=x", Format::Prometheus),
            ("application/openmetrics-textual", Format::Prometheus),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept}");
        }
    }
}
