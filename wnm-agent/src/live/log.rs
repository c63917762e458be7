//! The log of the latest events, of bounded length.

use std::collections::VecDeque;
use std::sync::Arc;

use wnm_core::Timestamp;

use super::event::Event;

/// The maximum number of logged events: the events of a cycle that changes 1000 nodes, and two times as many before it.
/// The history in the database holds all actions.
pub const LOG_LENGTH: usize = 4096;

/// An event with its number and its time.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedEvent {
    /// The number, from 1 and without gaps. A daemon that starts again counts from 1 again.
    pub number: u64,
    /// The time of the cycle, on the colony's clock.
    pub at: Timestamp,
    /// The event.
    pub event: Event,
}

/// Events of the log, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Events {
    /// The events.
    pub events: Vec<Arc<LoggedEvent>>,
    /// The number of selected events that the log had to drop before this call.
    pub missed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    events: VecDeque<Arc<LoggedEvent>>,
    /// The number of the latest event; 0 without one.
    last: u64,
}

impl Log {
    pub(super) fn push(&mut self, at: Timestamp, event: Event) {
        if self.events.len() == LOG_LENGTH {
            self.events.pop_front();
        }
        self.last += 1;
        self.events.push_back(Arc::new(LoggedEvent { number: self.last, at, event }));
    }

    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn after(&self, after: u64) -> Events {
        // The number of the event before the first logged one.
        let dropped = self.last - self.events.len() as u64;
        let skip = usize::try_from(after.saturating_sub(dropped)).unwrap_or(usize::MAX);
        Events { events: self.events.iter().skip(skip).cloned().collect(), missed: dropped.saturating_sub(after) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(events: usize) -> Log {
        let mut log = Log::default();
        (0..events).for_each(|_| log.push(Timestamp::default(), Event::HostRestarted));
        log
    }

    fn numbers(events: &Events) -> Vec<u64> {
        events.events.iter().map(|event| event.number).collect()
    }

    #[test]
    fn reader_gets_each_event_once() {
        let log = log(3);
        assert_eq!(numbers(&log.after(0)), [1, 2, 3]);
        assert_eq!(numbers(&log.after(2)), [3]);
        assert_eq!(log.after(3), Events::default());
        // A reader of an earlier daemon may ask for a number that does not exist yet.
        assert_eq!(log.after(u64::MAX), Events::default());
    }

    #[test]
    fn full_log_drops_the_oldest_and_counts_them() {
        let log = log(LOG_LENGTH + 10);
        let all = log.after(0);
        assert_eq!((all.events.len(), all.missed, all.events[0].number), (LOG_LENGTH, 10, 11));
        let late = log.after(4);
        assert_eq!((late.missed, late.events[0].number), (6, 11));
        let current = log.after(12);
        assert_eq!((current.missed, current.events[0].number), (0, 13));
    }
}
