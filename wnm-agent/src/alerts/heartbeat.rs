//! The heartbeat: an address that is asked every few minutes while the daemon works. Its server tells the operator when
//! the requests stop, which no program on a host that is down can do.

use std::time::Duration;

use wnm_core::{HttpUrl, Timestamp};

/// The name of the heartbeat among the receivers.
pub const HEARTBEAT: &str = "heartbeat";
/// The time between two requests without a value in the file.
pub(super) const EVERY: Duration = Duration::from_secs(300);
/// The time until the next attempt after a request that failed.
const RETRY: Duration = Duration::from_secs(60);

/// The heartbeat of a file of receivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The address. Its path may be a secret.
    pub url: HttpUrl,
    /// The time between two requests, 30 s to an hour.
    pub every: Duration,
}

/// The condition that a request tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// The daemon works, and no critical alert lasts.
    Well,
    /// A critical alert lasts.
    Fail,
}

impl Heartbeat {
    /// Returns the address of a request: the path gets `/fail` behind it for a failure, as Healthchecks defines it.
    #[must_use]
    pub fn address(&self, beat: Beat) -> String {
        let url = self.url.as_str();
        let (path, query) = url.find(['?', '#']).map_or((url, ""), |at| url.split_at(at));
        match beat {
            Beat::Well => url.to_owned(),
            Beat::Fail => format!("{}/fail{query}", path.trim_end_matches('/')),
        }
    }
}

/// The requests of a heartbeat over time.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// The last request: its begin and its condition.
    last: Option<(Timestamp, Beat)>,
    /// Whether the last request failed.
    has_failed: bool,
}

impl Pulse {
    /// Tells whether a request is due: after its time, after a failed request, and at once when the condition changes.
    pub(super) fn is_due(&self, heartbeat: &Heartbeat, beat: Beat, now: Timestamp) -> bool {
        let Some((at, before)) = self.last else { return true };
        let wait = if self.has_failed { RETRY.min(heartbeat.every) } else { heartbeat.every };
        // A clock that goes back must not end the heartbeat.
        at > now || now.since(at) >= wait || (before != beat && !self.has_failed)
    }

    /// Records the begin of a request.
    pub(super) fn begun(&mut self, beat: Beat, now: Timestamp) {
        self.last = Some((now, beat));
    }

    /// Records the end of a request.
    pub(super) fn ended(&mut self, has_failed: bool) {
        self.has_failed = has_failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat(url: &str) -> Heartbeat {
        Heartbeat { url: HttpUrl::new(url).unwrap(), every: EVERY }
    }

    #[test]
    fn failure_has_an_address_of_its_own() {
        for (url, fail) in [
            ("https://hc-ping.com/uuid", "https://hc-ping.com/uuid/fail"),
            ("https://hc-ping.com/uuid/", "https://hc-ping.com/uuid/fail"),
            ("http://h/push/x?msg=OK", "http://h/push/x/fail?msg=OK"),
        ] {
            assert_eq!(heartbeat(url).address(Beat::Fail), fail);
            assert_eq!(heartbeat(url).address(Beat::Well), url);
        }
    }

    #[test]
    fn request_is_due_after_its_time_and_at_a_change() {
        let heartbeat = heartbeat("https://h/x");
        let at = |seconds| Timestamp::from_millis(1_795_000_000_000).after(Duration::from_secs(seconds));
        let mut pulse = Pulse::default();
        assert!(pulse.is_due(&heartbeat, Beat::Well, at(0)));
        pulse.begun(Beat::Well, at(0));
        pulse.ended(false);
        assert!(!pulse.is_due(&heartbeat, Beat::Well, at(299)));
        assert!(pulse.is_due(&heartbeat, Beat::Well, at(300)));
        assert!(pulse.is_due(&heartbeat, Beat::Fail, at(5)), "a failure is told at once");
        pulse.begun(Beat::Fail, at(5));
        pulse.ended(true);
        assert!(!pulse.is_due(&heartbeat, Beat::Fail, at(64)));
        assert!(pulse.is_due(&heartbeat, Beat::Fail, at(65)), "a request that failed is repeated");
        // The clock is set back by a year.
        let past = Timestamp::from_millis(1_763_000_000_000);
        assert!(pulse.is_due(&heartbeat, Beat::Fail, past));
    }
}
