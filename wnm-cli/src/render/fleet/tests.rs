//! The pages of a fleet with two hosts that publish, one that is away and one whose state has another form.

use std::path::Path;
use std::time::Duration;

use anstream::adapter::strip_str;
use wnm_agent::fleet::command::{Command, Refusal, Stop, Target, Verb};
use wnm_agent::fleet::document::{HostEvents, HostState, NodeRow};
use wnm_agent::fleet::membership::{Login, Membership, Operator, Plaintext};
use wnm_agent::fleet::name::Name;
use wnm_agent::fleet::operator::{Carried, HostRecord};
use wnm_agent::fleet::rollout::carried::{CarriedRollout, CarriedStanding};
use wnm_agent::fleet::rollout::order::Program;
use wnm_agent::fleet::rollout::progress::{Failure, Progress, Rollout};
use wnm_agent::fleet::signature::PublicKey;
use wnm_core::{EngineUrl, Timestamp};

use super::{
    CreatedFleet, FleetEventView, FleetNodeView, FleetStatusView, HostView, Invited, Member, Obedience, RolloutView,
    Sent, created, event_line, events, expelled, hosts, invited, joined, left, nodes, rollout_change, sent, status,
};
use crate::render::page::Width;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn operator() -> Operator {
    let login = Login { user: "u".to_owned(), password: None, ca: None, client: None, plaintext: Plaintext::Refused };
    Operator {
        fleet: name("farm"),
        url: EngineUrl::new("rediss://redis.example.org").unwrap(),
        key: PublicKey::new("RWS73k8HdhP9jrL5Z0M3cPW9kc/yJnMtTmFyo4k8L6RipS4XKm4qXB2F").unwrap(),
        login,
        generation: 0,
        hosts: std::collections::BTreeMap::new(),
    }
}

fn state(change: serde_json::Value) -> HostState {
    let mut state = serde_json::json!({
        "session": {"since": 1, "id": "0"}, "sequence": 7, "at": NOW.as_millis() - 4_000, "wnm": "0.1.0",
        "phase": "running", "nodes": {"RUNNING": 38, "STOPPED": 2}, "desired": 40,
        "versions": {"0.4.16": 8, "0.4.17": 32},
        "signals": [{"signal": "cpu", "value": 71.0, "low": 49.0, "high": 70.0, "exceeded": true}],
        "holds": [], "failure": null, "generation": 5, "problem": null,
        "window": {"setting": "daily 22:00-06:00", "open": false},
        "last_action": {"at": NOW.as_millis() - 9_000, "text": "start antnode0003: done"}
    });
    state.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    serde_json::from_value(state).unwrap()
}

fn records() -> Vec<HostRecord> {
    let hold = serde_json::json!({"holds": [{"source": "fleet", "reason": "new kernel", "drain": false}]});
    let refused = serde_json::json!({"problem": "the command for all hosts is refused: it has ended"});
    let record = |host: &str, state| HostRecord { host: name(host), invited: NOW, state };
    vec![
        record("db-1", Some(Ok(state(hold)))),
        record("web-1", Some(Ok(state(serde_json::json!({}))))),
        record("web-2", Some(Ok(state(refused)))),
        record("web-3", None),
        record("web-4", Some(HostState::read(b"{"))),
    ]
}

fn carried() -> Vec<Carried> {
    let not_after = NOW.after(Duration::from_secs(7_200));
    let command = |verb, target| {
        Carried::Command(Command { fleet: name("farm"), generation: 5, target, issued: NOW, not_after, verb })
    };
    let stop = Stop {
        fleet: name("farm"),
        id: "0".repeat(32).try_into().unwrap(),
        target: Target::All,
        issued: NOW,
        not_after,
        reason: "a storm".to_owned(),
        drain: true,
    };
    vec![
        command(Verb::Hold { reason: "new kernel".to_owned(), drain: false }, Target::Host(name("db-1"))),
        command(Verb::Resume { lifts: Vec::new() }, Target::All),
        Carried::Stop(stop),
        Carried::Refused(Target::All, Refusal::Signature),
    ]
}

#[test]
fn rollouts_of_the_fleet() {
    let rollout = |phase: &str, hosts: serde_json::Value| -> Rollout {
        let seconds = |secs: u64| serde_json::json!({"secs": secs, "nanos": 0});
        serde_json::from_value(serde_json::json!({
            "plan": {"program": {"version": "0.4.18", "sha256": "ab".repeat(32)}, "canary": 1, "max_parallel": "50%",
                "max_failures": "1", "min_healthy_time": seconds(60), "healthy_deadline": seconds(60),
                "progress_deadline": seconds(60), "stagger": seconds(0), "auto_promote": false},
            "generation": 7, "started": NOW, "phase": phase, "hosts": hosts, "until": NOW, "canaries": 1,
            "last_lease": null, "last_change": NOW
        }))
        .unwrap()
    };
    let wait = |reason: &str| serde_json::json!({"waiting": reason});
    let leased = serde_json::json!({"leased": {"since": NOW, "until": NOW.after(Duration::from_secs(300)), "outdated": 7,
        "progress": NOW, "sequence": 1, "upgraded": null, "healthy": null}});
    let mut hosts = serde_json::json!({"web-01": "healthy", "web-02": leased});
    for (number, reason) in ["turn", "away", "program", "held", "window", "by_nodes", "unhealthy"].iter().enumerate() {
        hosts[format!("web-1{number}")] = wait(reason);
    }
    for (number, failure) in ["lease_lapsed", "refused", "no_progress", "unhealthy"].iter().enumerate() {
        hosts[format!("web-2{number}")] = serde_json::json!({"failed": failure});
    }
    let full = RolloutView::from(&rollout("waves", hosts));
    let mut pages = vec![plain(&super::rollout(&full)), serde_json::to_string_pretty(&full).unwrap()];
    let many: serde_json::Map<_, _> = (0..13).map(|number| (format!("h-{number:02}"), wait("away"))).collect();
    for phase in ["canary", "promotable", "complete", "incomplete", "stopped", "aborted"] {
        pages.push(plain(&super::rollout(&RolloutView::from(&rollout(phase, serde_json::json!({}))))));
    }
    pages.push(plain(&super::rollout(&RolloutView::from(&rollout("incomplete", many.into())))));
    let failed = Progress::Failed(Failure::Refused);
    pages.push([Progress::Healthy, failed].map(|progress| rollout_change(&name("web-1"), &progress)).join("\n"));
    insta::assert_snapshot!(pages.join("\n"));
}

fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

#[test]
fn state_of_the_fleet() {
    let view = FleetStatusView::new(&operator(), &records(), &carried(), None, NOW);
    insta::assert_snapshot!(plain(&status(&view)));
    let ended = NOW.after(Duration::from_secs(7_200));
    let empty = FleetStatusView::new(&operator(), &[], &carried()[..3], None, ended);
    insta::assert_snapshot!(plain(&status(&empty)));
}

#[test]
fn state_of_the_fleet_has_its_rollout() {
    let aborted = CarriedStanding::Aborted { reason: "nodes lose peers".to_owned() };
    let lines = [CarriedStanding::Driven, CarriedStanding::Idle, aborted].map(|standing| {
        let rollout = CarriedRollout {
            program: Program { version: "0.4.18".parse().unwrap(), sha256: "ab".repeat(32).parse().unwrap() },
            generation: 7,
            issued: NOW,
            until: NOW.after(Duration::from_secs(7_200)),
            standing,
            obeying: 4,
            leased: 1,
            upgraded: 3,
        };
        let view = |now| FleetStatusView::new(&operator(), &records(), &[], Some(&rollout), now);
        assert!(view(rollout.until).command_lines().is_empty());
        let json = serde_json::to_value(view(NOW)).unwrap();
        let page = plain(&status(&view(NOW)));
        format!("{}{}", page.lines().last().unwrap_or_default(), json["rollout"])
    });
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn hosts_of_the_fleet() {
    let views: Vec<HostView> = records().iter().map(|record| HostView::new(record, NOW)).collect();
    let page = |width| plain(&hosts(&views, width));
    insta::assert_snapshot!([page(Width::Full), page(Width::Columns(60))].join("\n"));
    insta::assert_snapshot!(hosts(&[], Width::Full));
}

#[test]
fn nodes_and_events_of_the_fleet() {
    let rows = serde_json::json!([
        {"id": 1, "status": "RUNNING", "version": "0.4.17", "peer_id": "12D3", "cpu": 0.2, "memory": 1, "uptime": 90000,
            "records": 1234, "peers": 210, "shunned": 2},
        {"id": 2, "status": "STOPPED", "version": null, "peer_id": null, "cpu": null, "memory": null, "uptime": null,
            "records": null, "peers": null, "shunned": null}
    ]);
    let rows: Vec<NodeRow> = serde_json::from_value(rows).unwrap();
    let views: Vec<FleetNodeView> = rows.into_iter().map(|row| FleetNodeView::new(&name("web-1"), row)).collect();
    let list = serde_json::json!({"session": {"since": 1, "id": "0"}, "events": [{"number": 1, "at": NOW.as_millis(),
        "event": "action_begun", "text": "add antnode0003 begun: room for another node", "node": 3}]});
    let list = HostEvents::read(list.to_string().as_bytes()).unwrap();
    let list: Vec<_> = list.events.into_iter().map(|event| FleetEventView::new(&name("web-1"), event)).collect();
    assert_eq!(events(&list), event_line(&list[0]));
    let page = [plain(&nodes(&views, Width::Full)), plain(&nodes(&views, Width::Columns(50))), events(&list)];
    insta::assert_snapshot!(page.join("\n"));
    assert_eq!((nodes(&[], Width::Full).as_str(), events(&[]).as_str()), ("no nodes\n", "no events\n"));
}

#[test]
fn sentences_of_members_and_commands() {
    let operator = operator();
    let membership = Membership {
        fleet: name("farm"),
        host: name("web-1"),
        key: operator.key.clone(),
        login: operator.login.clone(),
    };
    let member = Member::of(&membership, Some(&operator.url));
    let is_obeyed = |state: &HostState| state.holds.len() == 1;
    let all = Obedience::of(records().iter(), is_obeyed);
    let one = Obedience::of(records().iter().take(1), is_obeyed);
    let end = NOW.after(Duration::from_secs(7_200));
    let pages = [
        created(&CreatedFleet::of(&operator, Path::new("/f/fleet.json"), Path::new("/f/fleet.key"))),
        invited(&Invited::new(&name("web-1"), "wnm1.e30", end)),
        joined(&member),
        left(Some(&member)),
        left(None),
        expelled(&member),
        sent(&Sent::new("hold", Some(5), end, all)),
        sent(&Sent::new("resume", Some(6), end, one)),
    ];
    insta::assert_snapshot!(pages.join("\n"));
}
