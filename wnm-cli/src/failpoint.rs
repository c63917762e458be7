//! The end of the process at a point between two effects, for tests. Only builds with debug assertions have it.
//!
//! The points are the trace events before and after each step and each write of the database: `before step Start`,
//! `after write begin`. `WNM_FAILPOINT` names the point at which the process ends, or its number in this process, from 1 on.
//! `WNM_FAILPOINT_LOG` names a file to which each point is written when the process reaches it.

use std::fmt::Debug;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Follows the points instead of logging, if the environment asks for it. Returns whether it does.
pub(crate) fn install() -> bool {
    let end = std::env::var("WNM_FAILPOINT").ok().filter(|point| !point.is_empty());
    let log = std::env::var_os("WNM_FAILPOINT_LOG").map(PathBuf::from);
    if end.is_none() && log.is_none() {
        return false;
    }
    tracing_subscriber::registry().with(Points { end, log, reached: AtomicUsize::new(0) }).init();
    true
}

struct Points {
    end: Option<String>,
    log: Option<PathBuf>,
    reached: AtomicUsize,
}

impl<S: Subscriber> Layer<S> for Points {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut point = Point::default();
        event.record(&mut point);
        let (Some(moment), Some(effect)) = (point.moment, point.effect) else { return };
        let name = format!("{moment} {effect}");
        let number = self.reached.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(path) = &self.log {
            let log = File::options().append(true).create(true).open(path);
            // Without its line the test that wants it fails.
            let _ = log.and_then(|mut log| writeln!(log, "{name}"));
        }
        if self.end.as_ref().is_some_and(|end| *end == name || *end == number.to_string()) {
            // As a crash of the host: no destructor runs and nothing is flushed.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

/// The fields of an event that make it a point.
#[derive(Default)]
struct Point {
    moment: Option<String>,
    effect: Option<String>,
}

impl Visit for Point {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "moment" => self.moment = Some(value.to_owned()),
            "write" => self.effect = Some(format!("write {value}")),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "step" {
            self.effect = Some(format!("step {value:?}"));
        }
    }
}
