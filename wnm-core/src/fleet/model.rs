//! A model of a fleet in which time is a number: hosts with their leases, an engine that loses data, partitions, clocks
//! that are wrong, drivers that end. It checks the properties of rollouts after every turn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::command::{Command, Target};
use super::host_state::{HostRollout, HostState, HostWindow};
use super::lease::{Leases, trusted};
use super::name::Name;
use super::order::{Program, RolloutOrder, RolloutVerb};
use super::plan::{LEASE, RolloutPlan};
use super::progress::{Failure, Phase, Progress, Rollout, Wait};
use super::session::Session;
use crate::model::rollout::RolloutWait;
use crate::model::units::Timestamp;
use crate::policy::valves::MaxUnavailable;

const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const TURN: Duration = Duration::from_secs(10);

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn program(version: &str) -> Program {
    Program { version: version.parse().unwrap(), sha256: "ab".repeat(32).parse().unwrap() }
}

fn plan() -> RolloutPlan {
    RolloutPlan {
        program: program("0.4.18"),
        canary: 2,
        max_parallel: MaxUnavailable::Nodes(3),
        max_failures: MaxUnavailable::Nodes(0),
        min_healthy_time: Duration::from_secs(60),
        healthy_deadline: Duration::from_secs(300),
        progress_deadline: Duration::from_secs(600),
        stagger: Duration::ZERO,
        auto_promote: true,
    }
}

/// The way of a host during a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Good,
    /// Its nodes do not start with the new version.
    Sick,
    /// It refuses the version.
    Refuses,
    /// It upgrades no node.
    Stuck,
    /// It has another node program.
    OtherProgram,
    /// Its nodes upgrade themselves.
    ByNodes,
    /// A hold of its own is in effect.
    Held,
}

/// A host.
#[derive(Debug, Clone)]
struct ModelHost {
    way: Way,
    leases: Leases,
    outdated: u64,
    nodes: u64,
    sequence: u64,
    /// The time of the engine when it was last read, and the real time then.
    engine: Option<(Timestamp, Timestamp)>,
    /// The upgrades that began, by real time.
    begun: Vec<Timestamp>,
    clock_ahead: i64,
    /// Its window is closed.
    is_closed: bool,
}

impl ModelHost {
    fn new(way: Way, nodes: u64) -> Self {
        let (leases, begun) = (Leases::default(), Vec::new());
        Self { way, leases, outdated: nodes, nodes, sequence: 0, engine: None, begun, clock_ahead: 0, is_closed: false }
    }

    fn wall(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis() + self.clock_ahead)
    }

    fn own(&self) -> Program {
        program(if self.way == Way::OtherProgram { "0.4.19" } else { "0.4.18" })
    }

    /// Begins the upgrade of one node, as its policy with the rollout allows.
    fn cycle(&mut self, now: Timestamp) {
        let engine = self.engine.and_then(|(time, read)| trusted(time, now.since(read)));
        let own = self.own();
        let sample = self.leases.sample(Some(&own), self.wall(now), engine);
        let policy_allows = !matches!(self.way, Way::ByNodes | Way::Held) && !self.is_closed;
        let fleet_allows = sample.as_ref().is_none_or(|sample| sample.wait_for(&own.version).is_none());
        if policy_allows && fleet_allows && self.outdated > 0 && self.way != Way::Stuck {
            self.begun.push(now);
            if self.way != Way::Refuses {
                self.outdated -= 1;
            }
        }
    }

    fn state(&self, now: Timestamp) -> HostState {
        let upgraded = self.nodes - self.outdated;
        let up = if self.way == Way::Sick { self.outdated } else { self.outdated + upgraded };
        let held = serde_json::json!([{"source": "command", "reason": "x", "drain": false}]);
        HostState {
            session: Session::default(),
            sequence: self.sequence,
            at: self.wall(now),
            wnm: String::new(),
            phase: "running".to_owned(),
            nodes: BTreeMap::from([("RUNNING".to_owned(), up)]),
            desired: self.nodes,
            versions: BTreeMap::new(),
            signals: Vec::new(),
            holds: if self.way == Way::Held { serde_json::from_value(held).unwrap() } else { Vec::new() },
            window: Some(HostWindow { setting: "daily 22:00-06:00".to_owned(), open: Some(!self.is_closed) }),
            last_action: None,
            failure: None,
            generation: 0,
            limits: 0,
            stops: Vec::new(),
            problem: None,
            rollout: HostRollout {
                generation: self.leases.rollout(),
                lease: self.leases.lease(),
                program: Some(self.own()),
                outdated: self.outdated,
                refused: self.way == Way::Refuses && !self.begun.is_empty(),
                by_nodes: self.way == Way::ByNodes,
            },
        }
    }
}

/// The engine: the documents, and the states of the hosts with their ends.
#[derive(Debug, Default)]
struct ModelEngine {
    orders: BTreeMap<Target, RolloutOrder>,
    states: BTreeMap<Name, (HostState, Timestamp)>,
}

struct Model {
    now: Timestamp,
    engine: ModelEngine,
    hosts: BTreeMap<Name, ModelHost>,
    rollout: Rollout,
    /// The parts that do not reach the engine: hosts by name, and the driver.
    cut: BTreeSet<Name>,
    driver_is_cut: bool,
    generation: u64,
}

impl Model {
    fn new(plan: RolloutPlan, ways: &[Way]) -> Self {
        let host = |(i, way): (usize, &Way)| (name(&format!("web-{i:04}")), ModelHost::new(*way, 3));
        let until = START.after(Duration::from_secs(30 * 86_400));
        let mut model = Self {
            now: START,
            engine: ModelEngine::default(),
            hosts: ways.iter().enumerate().map(host).collect(),
            rollout: Rollout::new(plan, 1, START, until),
            cut: BTreeSet::new(),
            driver_is_cut: false,
            generation: 1,
        };
        model.send_rollout();
        // The hosts read the rollout before any has a turn to upgrade.
        model.publish();
        model
    }

    fn order(&self, target: Target, generation: u64, verb: RolloutVerb, not_after: Timestamp) -> RolloutOrder {
        Command { fleet: name("farm"), generation, target, issued: START, not_after, verb }
    }

    fn send_rollout(&mut self) {
        let verb = RolloutVerb::Rollout { program: self.rollout.plan.program.clone() };
        let order = self.order(Target::All, 1, verb, self.rollout.until);
        self.engine.orders.insert(Target::All, order);
    }

    fn publish(&mut self) {
        let now = self.now;
        for (host, model) in self.hosts.iter_mut().filter(|(host, _)| !self.cut.contains(*host)) {
            model.engine = Some((now, now));
            for target in [Target::All, Target::Host(host.clone())] {
                if let Some(order) = self.engine.orders.get(&target) {
                    _ = model.leases.take(order.clone(), &name("farm"), host, now);
                }
            }
            model.sequence += 1;
            self.engine.states.insert(host.clone(), (model.state(now), now.after(Duration::from_secs(90))));
        }
    }

    fn drive(&mut self) {
        if self.driver_is_cut {
            return;
        }
        if self.engine.orders.get(&Target::All).is_none_or(|order| order.generation < 1) {
            self.send_rollout();
        }
        let state = |host: &Name| {
            let (state, end) = self.engine.states.get(host)?;
            (*end > self.now).then(|| state.clone())
        };
        let states = self.hosts.keys().map(|host| (host.clone(), state(host))).collect();
        let was_running = self.rollout.phase.is_running();
        for host in self.rollout.step(&states, self.now) {
            self.generation += 1;
            let Progress::Leased(leased) = &self.rollout.hosts[&host] else { panic!("a lease for {host}") };
            let until = leased.until;
            let target = Target::Host(host);
            let order = self.order(target.clone(), self.generation, RolloutVerb::Lease { rollout: 1 }, until);
            self.engine.orders.insert(target, order);
        }
        if was_running && self.rollout.phase == Phase::Stopped {
            self.generation += 1;
            let verb = RolloutVerb::Abort { program: self.rollout.plan.program.clone(), reason: String::new() };
            let order = self.order(Target::All, self.generation, verb, self.rollout.until);
            self.engine.orders.insert(Target::All, order);
        }
    }

    fn turn(&mut self) {
        self.now = self.now.after(TURN);
        self.publish();
        self.drive();
        let now = self.now;
        self.hosts.values_mut().for_each(|host| host.cycle(now));
    }

    fn run(&mut self, turns: u32) {
        (0..turns).for_each(|_| self.turn());
    }

    fn begun(&self) -> usize {
        self.hosts.values().filter(|host| !host.begun.is_empty()).count()
    }

    fn failures(&self) -> Vec<Failure> {
        let failure =
            |progress: &Progress| if let Progress::Failed(failure) = progress { Some(*failure) } else { None };
        self.rollout.hosts.values().filter_map(failure).collect()
    }
}

#[test]
fn good_hosts_upgrade_canaries_first_and_a_few_at_a_time() {
    let mut model = Model::new(RolloutPlan { auto_promote: false, ..plan() }, &[Way::Good; 10]);
    model.run(40);
    assert_eq!((model.rollout.phase.clone(), model.begun()), (Phase::Promotable, 2));
    let now = model.now;
    model.rollout.promote(now);
    let mut most = 0;
    while model.rollout.phase.is_running() {
        model.turn();
        most = most.max(model.rollout.count(|progress| matches!(progress, Progress::Leased(_))));
    }
    assert_eq!((model.rollout.phase.clone(), model.begun(), most), (Phase::Complete, 10, 3));
    assert!(model.hosts.values().all(|host| host.outdated == 0));
}

#[test]
fn each_way_to_fail_stops_the_rollout() {
    for (way, failure) in
        [(Way::Sick, Failure::Unhealthy), (Way::Refuses, Failure::Refused), (Way::Stuck, Failure::NoProgress)]
    {
        let mut model = Model::new(plan(), &[Way::Good, way, Way::Good, Way::Good]);
        model.run(120);
        assert_eq!((model.rollout.phase.clone(), model.failures()), (Phase::Stopped, vec![failure]));
        // The others wait, and the abort reached them.
        assert_eq!(model.begun(), if way == Way::Stuck { 1 } else { 2 });
        let sample = model.hosts[&name("web-0003")].leases.sample(None, model.now, Some(model.now)).unwrap();
        assert_eq!(sample.wait, Some(RolloutWait::Aborted));
    }
}

#[test]
fn hosts_that_cannot_upgrade_wait_with_their_reason() {
    let ways = [Way::Good, Way::OtherProgram, Way::ByNodes, Way::Held];
    let mut model = Model::new(RolloutPlan { canary: 0, ..plan() }, &ways);
    model.run(200);
    assert_eq!(model.rollout.phase, Phase::Incomplete);
    let waits: Vec<_> = model.rollout.hosts.values().cloned().collect();
    let wait = Progress::Waiting;
    assert_eq!(waits, [Progress::Healthy, wait(Wait::Program), wait(Wait::ByNodes), wait(Wait::Held)]);
    assert_eq!(model.begun(), 1);
    // Nodes that upgrade themselves are no reason to wait.
    let mut model = Model::new(RolloutPlan { canary: 0, ..plan() }, &[Way::Good, Way::ByNodes]);
    model.run(40);
    assert_eq!(model.rollout.phase, Phase::Complete);
    // A rollout in which no host takes part upgraded nothing: it waits for one, and is not complete.
    let mut model = Model::new(RolloutPlan { canary: 0, ..plan() }, &[Way::ByNodes; 2]);
    model.turn();
    assert!(model.rollout.phase.is_running());
    model.run(200);
    assert_eq!(model.rollout.phase, Phase::Incomplete);
}

#[test]
fn closed_windows_delay_a_rollout_and_fail_no_host() {
    let mut model = Model::new(RolloutPlan { canary: 0, ..plan() }, &[Way::Good; 2]);
    let set = |model: &mut Model, is_closed| model.hosts.values_mut().for_each(|host| host.is_closed = is_closed);
    let longer_than_deadlines = u32::try_from(2 * plan().progress_deadline.as_secs() / TURN.as_secs()).unwrap();
    set(&mut model, true);
    model.run(longer_than_deadlines);
    assert!(model.rollout.phase.is_running() && model.begun() == 0);
    assert_eq!(model.rollout.count(|progress| *progress == Progress::Waiting(Wait::Window)), 2);
    set(&mut model, false);
    model.run(3);
    assert!(model.begun() > 0 && model.hosts.values().any(|host| host.outdated > 0));
    // The windows close again before all nodes are upgraded.
    set(&mut model, true);
    model.run(longer_than_deadlines);
    assert!(model.rollout.phase.is_running() && model.failures().is_empty());
    set(&mut model, false);
    model.run(200);
    assert_eq!((model.rollout.phase.clone(), model.failures()), (Phase::Complete, vec![]));
}

#[test]
fn failures_within_the_budget_do_not_stop_and_those_of_canaries_do() {
    let budget = RolloutPlan { max_failures: "10%".parse().unwrap(), canary: 1, ..plan() };
    let mut ways = vec![Way::Good; 20];
    (ways[5], ways[9]) = (Way::Refuses, Way::Refuses);
    let mut model = Model::new(budget.clone(), &ways);
    model.run(400);
    assert_eq!((model.rollout.phase.clone(), model.failures().len()), (Phase::Complete, 2));
    ways[12] = Way::Refuses;
    let mut model = Model::new(budget.clone(), &ways);
    model.run(400);
    assert_eq!((model.rollout.phase.clone(), model.failures().len()), (Phase::Stopped, 3));
    ways = vec![Way::Good; 20];
    ways[0] = Way::Refuses;
    let mut model = Model::new(budget, &ways);
    model.run(400);
    assert_eq!((model.rollout.phase.clone(), model.begun()), (Phase::Stopped, 1));
}

/// Property 30 for a host that is lost, and for a command that is away for longer than a lease.
#[test]
fn lapsed_lease_is_a_failure_and_stops_the_rollout() {
    let lapse = u32::try_from(LEASE.as_secs() / TURN.as_secs()).unwrap();
    let slow = RolloutPlan { progress_deadline: LEASE * 10, ..plan() };
    for is_host in [true, false] {
        let mut model = Model::new(slow.clone(), &[Way::Stuck, Way::Good, Way::Good, Way::Good]);
        model.run(2);
        let lost = name("web-0000");
        assert!(matches!(model.rollout.hosts[&lost], Progress::Leased(_)));
        if is_host {
            model.cut.insert(lost);
            model.run(lapse + 1);
        } else {
            model.driver_is_cut = true;
            model.run(lapse + 1);
            model.driver_is_cut = false;
            model.run(1);
        }
        assert_eq!(model.rollout.phase, Phase::Stopped);
        assert!(model.failures().contains(&Failure::LeaseLapsed));
        let begun = model.begun();
        model.run(lapse);
        assert_eq!(model.begun(), begun);
    }
}

#[test]
fn stagger_separates_first_leases() {
    let plan = RolloutPlan { canary: 0, stagger: Duration::from_secs(60), ..plan() };
    let mut model = Model::new(plan, &[Way::Good; 3]);
    model.run(30);
    let mut begun: Vec<_> = model.hosts.values().map(|host| host.begun[0]).collect();
    begun.sort_unstable();
    assert!(begun.windows(2).all(|pair| pair[1].since(pair[0]) >= Duration::from_secs(60)), "{begun:?}");
}

#[test]
fn a_thousand_hosts_stop_at_the_failure_budget() {
    let plan =
        RolloutPlan { canary: 5, max_parallel: "10%".parse().unwrap(), max_failures: "1%".parse().unwrap(), ..plan() };
    let mut model = Model::new(plan.clone(), &[Way::Good; 1_000]);
    let mut turns = 0;
    while model.rollout.phase.is_running() {
        model.turn();
        turns += 1;
    }
    assert_eq!((model.rollout.phase.clone(), model.begun()), (Phase::Complete, 1_000));
    assert!(turns < 150, "{turns}");
    // Every tenth host refuses the version, none of them a canary.
    let ways: Vec<Way> = (0..1_000).map(|i| if i % 10 == 9 { Way::Refuses } else { Way::Good }).collect();
    let mut model = Model::new(plan, &ways);
    model.run(150);
    assert_eq!(model.rollout.phase, Phase::Stopped);
    assert!(model.failures().len() == 11 || model.failures().len() <= 20, "{}", model.failures().len());
    assert!(model.begun() < 220, "{}", model.begun());
}

/// One turn of the generated course: the parts that are cut, and the events before it.
#[derive(Debug, Clone)]
struct Event {
    cut: Vec<usize>,
    driver_is_cut: bool,
    engine_is_emptied: bool,
    clock: Option<(usize, i64)>,
    replayed: Option<usize>,
}

fn event() -> impl Strategy<Value = Event> {
    let clock = prop::option::weighted(0.05, (0_usize..8, -7_200_000_i64..7_200_000));
    let replayed = prop::option::weighted(0.1, any::<usize>());
    let cut = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(0_usize..8, 0..4)];
    (cut, prop::bool::weighted(0.15), prop::bool::weighted(0.03), clock, replayed).prop_map(
        |(cut, driver_is_cut, engine_is_emptied, clock, replayed)| Event {
            cut,
            driver_is_cut,
            engine_is_emptied,
            clock,
            replayed,
        },
    )
}

fn way() -> impl Strategy<Value = Way> {
    let rare =
        prop::sample::select(vec![Way::Sick, Way::Refuses, Way::Stuck, Way::OtherProgram, Way::ByNodes, Way::Held]);
    prop_oneof![4 => Just(Way::Good), 1 => rare]
}

/// Returns whether a lease for a host was signed that has not ended.
fn is_leased(signed: &[RolloutOrder], host: &Name, at: Timestamp) -> bool {
    signed.iter().any(|order| order.target == Target::Host(host.clone()) && order.not_after > at)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Properties 29 and 30 on partitions, lost data, wrong clocks and replayed documents.
    #[test]
    fn leases_bound_every_upgrade(
        ways in prop::collection::vec(way(), 1..8),
        events in prop::collection::vec((event(), 1_u32..40), 1..25),
        budget in 0_u32..3,
    ) {
        let plan = RolloutPlan { max_failures: MaxUnavailable::Nodes(budget), canary: 1, ..plan() };
        let most = plan.most_parallel(ways.len());
        let mut model = Model::new(plan, &ways);
        let names: Vec<Name> = model.hosts.keys().cloned().collect();
        let mut signed: Vec<RolloutOrder> = Vec::new();
        for (event, turns) in events {
            model.cut = event.cut.iter().filter_map(|i| names.get(*i).cloned()).collect();
            model.driver_is_cut = event.driver_is_cut;
            if event.engine_is_emptied {
                model.engine = ModelEngine::default();
            }
            if let Some((i, ahead)) = event.clock
                && let Some(host) = names.get(i).and_then(|host| model.hosts.get_mut(host))
            {
                host.clock_ahead = ahead;
            }
            if let Some(order) = event.replayed.and_then(|i| signed.get(i % signed.len().max(1))) {
                model.engine.orders.insert(order.target.clone(), order.clone());
            }
            for _ in 0..turns {
                let before: Vec<usize> = model.hosts.values().map(|host| host.begun.len()).collect();
                let ended = !model.rollout.phase.is_running();
                let leased_before = model.rollout.count(|progress| matches!(progress, Progress::Leased(_)));
                model.turn();
                for order in model.engine.orders.values() {
                    if !signed.contains(order) {
                        signed.push(order.clone());
                    }
                }
                let leased = model.rollout.count(|progress| matches!(progress, Progress::Leased(_)));
                prop_assert!(leased <= most);
                for ((host, of), before) in model.hosts.iter().zip(before) {
                    if of.begun.len() == before {
                        continue;
                    }
                    // Property 29: the fleet never causes an action that the host's own policy forbids.
                    prop_assert!(!matches!(of.way, Way::ByNodes | Way::Held | Way::OtherProgram), "{host}: {:?}", of.way);
                    // No upgrade begins without a signed lease that has not ended.
                    prop_assert!(is_leased(&signed, host, model.now), "{host} at {:?}", model.now);
                }
                let is_lapsed = |progress: &Progress| matches!(progress, Progress::Leased(of) if of.until <= model.now);
                prop_assert!(model.driver_is_cut || ended || model.rollout.count(is_lapsed) == 0);
                // Property 30: a lapsed lease is a failure, and with more failures than allowed no lease follows.
                let lapsed = |progress: &Progress| *progress == Progress::Failed(Failure::LeaseLapsed);
                if model.rollout.count(lapsed) > budget as usize {
                    prop_assert_eq!(&model.rollout.phase, &Phase::Stopped);
                }
                if ended {
                    prop_assert!(leased <= leased_before);
                }
            }
        }
        // Whatever came before: without a driver every upgrade ends within the life of a lease.
        model.driver_is_cut = true;
        model.run(u32::try_from(LEASE.as_secs() / TURN.as_secs()).unwrap() + 1);
        let begun: Vec<usize> = model.hosts.values().map(|host| host.begun.len()).collect();
        model.run(20);
        prop_assert_eq!(begun, model.hosts.values().map(|host| host.begun.len()).collect::<Vec<_>>());
    }
}
