//! The metrics of alerts. A daemon without receivers has none.

use super::{Sink, gauge, single};
use crate::live::AlertSummary;

pub(super) fn write(alerts: &AlertSummary, sink: &mut dyn Sink) {
    if alerts.file.is_none() {
        return;
    }
    sink.family(gauge("wnm_alerts", "Alerts that last, by severity."));
    sink.sample("", &[("severity", "warning")], alerts.warnings as f64);
    sink.sample("", &[("severity", "critical")], alerts.critical as f64);
    let help = "Whether the file of receivers is not applied: 1 while the receivers before its change stay.";
    single(sink, gauge("wnm_alert_file_failing", help), Some(f64::from(u8::from(alerts.problem.is_some()))));
    if !alerts.failing.is_empty() {
        let help = "Receivers that did not take the latest alert; the value is always 1.";
        sink.family(gauge("wnm_alert_receiver_failing", help));
        for receiver in &alerts.failing {
            sink.sample("", &[("receiver", receiver.as_str())], 1.0);
        }
    }
}
