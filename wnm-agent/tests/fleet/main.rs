//! A fleet on a real engine: Debian's redis-server. `.ci/fleet-tests` gets the programs and runs the tests.
#![cfg(feature = "fleet")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod access;
mod engines;
mod figures;
mod hosts;
mod rollout;
mod rollout_figures;
mod server;
mod ten_thousand_figures;

use std::path::PathBuf;
use std::time::Duration;

use server::{Server, admin};
use wnm_agent::fleet::command::Target;
use wnm_agent::fleet::control::Control;
use wnm_agent::fleet::document::HostState;
use wnm_agent::fleet::invitation::accept;
use wnm_agent::fleet::membership::{Membership, Operator};
use wnm_agent::fleet::name::Name;
use wnm_agent::fleet::operator::{Fleet, Order};
use wnm_agent::fleet::publisher::{Documents, Publisher, Turn};
use wnm_agent::fleet::signature::SigningKey;
use wnm_core::{Hold, Timestamp};

/// The present, by the clock of this host, which is that of the engine too.
fn wall() -> Timestamp {
    wnm_platform::read_clock().unwrap().wall
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A fleet with its operator.
struct Farm {
    fleet: Fleet,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Farm {
    fn on(server: &Server, fleet: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.json");
        let fleet = Fleet::create(name(fleet), server.url(), &admin(), &path).unwrap();
        Self { fleet, path, _folder: folder }
    }

    fn key(&self) -> SigningKey {
        SigningKey::read(&Operator::key_path(&self.path)).unwrap()
    }

    fn join(&mut self, server: &Server, host: &str) -> Host {
        let invitation = self.fleet.invite(name(host), None, Duration::from_secs(60), wall(), &self.path).unwrap();
        Host::new(server, accept(invitation).unwrap())
    }

    fn order(&self, target: Target, span: Duration) -> Order {
        let issued = wall();
        let not_after = issued.after(span);
        Order { targets: vec![target], reason: "new kernel".to_owned(), drain: false, issued, not_after }
    }

    fn hold(&mut self, target: Target) -> u64 {
        let (key, order) = (self.key(), self.order(target, Duration::from_secs(1800)));
        self.fleet.hold(&key, &self.path, &order).unwrap()
    }

    fn resume(&mut self, target: Target) -> u64 {
        let (key, order) = (self.key(), self.order(target, Duration::from_secs(1800)));
        self.fleet.resume(&key, &self.path, &order).unwrap()
    }
}

/// A host with its publisher.
struct Host {
    membership: Membership,
    publisher: Publisher,
    control: Control,
    documents: Documents,
}

impl Host {
    fn new(server: &Server, membership: Membership) -> Self {
        static DAEMONS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let id = DAEMONS.fetch_add(1, std::sync::atomic::Ordering::SeqCst).to_string();
        let publisher = Publisher::new(server.url(), membership.clone(), id);
        Self { membership, publisher, control: Control::default(), documents: documents() }
    }

    #[track_caller]
    fn turn(&mut self) -> Turn {
        self.publisher.turn(&self.documents, &mut self.control, wall()).unwrap()
    }

    fn hold(&self) -> Option<Hold> {
        self.control.hold(wall())
    }
}

fn documents() -> Documents {
    let state: HostState = serde_json::from_value(serde_json::json!({
        "session": {"since": 0, "id": ""}, "sequence": 0, "at": 0, "wnm": "0.1.0", "phase": "running",
        "nodes": {"RUNNING": 3, "STOPPED": 1}, "desired": 4, "versions": {"0.4.17": 4},
        "signals": [{"signal": "cpu", "value": 40.0, "low": 49.0, "high": 70.0, "exceeded": false}],
        "holds": [], "failure": null, "generation": 0, "problem": null
    }))
    .unwrap();
    let row = serde_json::json!([{"id": 1, "status": "RUNNING", "version": "0.4.17", "peer_id": null, "cpu": 0.1,
        "memory": 1, "uptime": 1, "records": 1, "peers": 1, "shunned": 0}]);
    let rows: Vec<_> = serde_json::from_value(row).unwrap();
    let event = serde_json::json!([{"number": 1, "at": 1, "event": "daemon_started", "text": "x", "node": null}]);
    Documents {
        state: Some(state),
        nodes: wnm_agent::fleet::document::pack(&rows).unwrap(),
        events: serde_json::from_value(event).unwrap(),
    }
}
