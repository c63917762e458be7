//! Reasons of skipped rules: they name only signals of their rule, and agree with the measures of the decision.

use std::time::Duration;

use wnm_core::{
    Blocker, Bytes, BytesPerSecond, Comparison, Cores, Decision, Load, LoadAverages, Reading, Signal, SkipReason,
    Verdict, Volume, evaluate,
};

use crate::colony::{Colony, NOW, percent};

const SETTINGS: [(&str, &str); 6] = [
    ("desired_load_average", "6"),
    ("max_load_average_allowed", "10"),
    ("hdio_read_less_than", "1000"),
    ("hdio_read_remove", "2000"),
    ("hdio_write_less_than", "1000"),
    ("hdio_write_remove", "2000"),
];

/// Levels of a signal, as shares of its high threshold.
const LEVELS: [f64; 5] = [0.1, 0.9, 0.96, 1.0, 1.3];

const SIGNALS: [Signal; 8] = [
    Signal::Cpu,
    Signal::Memory,
    Signal::Disk(0),
    Signal::Disk(1),
    Signal::Load1,
    Signal::Load15,
    Signal::DiskRead,
    Signal::DiskWrite,
];

/// Returns a host of ten processors with two nodes and two volumes, on which every signal is low.
fn calm(preset: &str) -> Colony {
    let mut colony = Colony::new(&[&SETTINGS[..], &[("preset", preset)]].concat()).running(1).running(2);
    let host = &mut colony.look.host;
    host.cpus = Some(10);
    host.memory_total = Some(Bytes(10_000_000_000));
    let volume = |root: &str| Volume {
        root: root.into(),
        used: percent(20.0),
        total: Some(Bytes(1_000_000_000_000)),
        ..Volume::default()
    };
    host.volumes = vec![volume("/one"), volume("/two")];
    (host.disk_read, host.disk_write) = (Some(BytesPerSecond(10)), Some(BytesPerSecond(10)));
    for (_, sample) in &mut colony.look.nodes {
        (sample.cpu, sample.memory) = (Some(Cores::clamped(0.5).unwrap_or_default()), Some(Bytes(100_000_000)));
        sample.disk = Some(Bytes(10_000_000_000));
    }
    colony
}

/// Sets a signal to a share of its high threshold.
fn set(colony: &mut Colony, signal: Signal, share: f64) {
    let host = &mut colony.look.host;
    let load = |high: f64| Load::clamped(high * share).unwrap_or_default();
    let averages = host.load.unwrap_or(LoadAverages { one: load(1.0), five: load(1.0), fifteen: load(1.0) });
    match signal {
        Signal::Cpu => host.cpu = percent(70.0 * share),
        Signal::Memory => host.memory = percent(75.0 * share),
        Signal::Disk(volume) => host.volumes[volume].used = percent(90.0 * share),
        Signal::Load1 => host.load = Some(LoadAverages { one: load(10.0), ..averages }),
        Signal::Load5 => host.load = Some(LoadAverages { five: load(10.0), ..averages }),
        Signal::Load15 => host.load = Some(LoadAverages { fifteen: load(10.0), ..averages }),
        Signal::DiskRead => host.disk_read = Some(BytesPerSecond((2000.0 * share) as u64)),
        Signal::DiskWrite => host.disk_write = Some(BytesPerSecond((2000.0 * share) as u64)),
        Signal::NetRead => host.net_read = Some(BytesPerSecond((2000.0 * share) as u64)),
        Signal::NetWrite => host.net_write = Some(BytesPerSecond((2000.0 * share) as u64)),
    }
}

/// Returns whether a rule is about a signal.
fn is_about(rule: &str, signal: Signal) -> bool {
    match rule {
        "grow" | "grow_steadily" => true,
        "relieve_pressure" => !matches!(signal, Signal::Disk(_) | Signal::Load1 | Signal::Load5 | Signal::Load15),
        "relieve_cpu" => signal == Signal::Cpu,
        "relieve_memory" => signal == Signal::Memory,
        "move_nodes" | "relieve_disk" => matches!(signal, Signal::Disk(_)),
        "relieve_traffic" => {
            matches!(signal, Signal::DiskRead | Signal::DiskWrite | Signal::NetRead | Signal::NetWrite)
        }
        _ => false,
    }
}

/// Asserts that a comparison is about the rule and has the value of the measures, unless it is a mean.
fn assert_agrees(decision: &Decision, rule: &str, comparison: &Comparison) {
    assert!(is_about(rule, comparison.signal), "{rule} names {}", comparison.signal);
    let measure = decision.measures.iter().find(|measure| measure.signal == comparison.signal);
    let seen = measure.and_then(|measure| measure.seen);
    match comparison.mean_over {
        None => assert_eq!(seen, Some(comparison.seen), "{rule}: {comparison:?}"),
        Some(time) => assert_eq!((comparison.signal, time), (Signal::Cpu, Duration::from_secs(60)), "{rule}"),
    }
}

/// Asserts that no reason of a decision contradicts its measures.
fn assert_consistent(decision: &Decision) {
    for judged in &decision.verdicts {
        let rule = judged.rule.as_ref();
        match &judged.verdict {
            Verdict::Skip(SkipReason::BelowThreshold { nearest }) => {
                let nearest = nearest.as_ref().expect("every rule has a signal here");
                assert!(nearest.seen <= nearest.threshold, "{rule}: {nearest:?}");
                assert_agrees(decision, rule, nearest);
                let mut exceeded = decision.measures.iter().filter(|m| m.is_exceeded() && is_about(rule, m.signal));
                let is_mean = nearest.mean_over.is_some();
                assert!(is_mean || exceeded.next().is_none(), "{rule} denies {:?}", decision.measures);
            }
            Verdict::Skip(SkipReason::Blocked(Blocker::OverThreshold(comparison))) => {
                assert!(comparison.seen >= comparison.threshold, "{rule}: {comparison:?}");
                assert_agrees(decision, rule, comparison);
            }
            Verdict::Skip(SkipReason::Blocked(Blocker::NoHeadroom { expected, ceiling, .. })) => {
                assert!(expected >= ceiling, "{rule}: {expected} of {ceiling}");
            }
            _ => {}
        }
    }
}

#[test]
fn reasons_agree_with_the_measures_for_every_preset_and_signal() {
    for preset in ["classic", "steady"] {
        for signal in SIGNALS {
            for level in LEVELS {
                let mut colony = calm(preset);
                // Cycles of 20 s: the mean of a minute lags behind the sample, up and then down.
                for cycle in 0..24_u64 {
                    colony.look.now = NOW.after(Duration::from_secs(20 * cycle));
                    set(&mut colony, signal, if cycle % 12 < 8 { level } else { 0.2 });
                    let state = std::mem::take(&mut colony.state);
                    let evaluation = evaluate(&colony.policy, state, &colony.look);
                    assert_consistent(&evaluation.decision);
                    colony.state = evaluation.apply(&[]);
                }
            }
        }
    }
}

#[test]
fn short_peak_of_cpu_is_compared_by_its_mean() {
    let mut colony = calm("steady");
    for cycle in 0..4_u64 {
        colony.look.now = NOW.after(Duration::from_secs(20 * cycle));
        colony.look.host.cpu = percent(if cycle == 3 { 100.0 } else { 20.0 });
        let state = std::mem::take(&mut colony.state);
        let evaluation = evaluate(&colony.policy, state, &colony.look);
        if cycle == 3 {
            let verdicts = &evaluation.decision.verdicts;
            let cpu = verdicts.iter().find(|judged| judged.rule == "relieve_cpu").map(|judged| &judged.verdict);
            let Some(Verdict::Skip(SkipReason::BelowThreshold { nearest: Some(mean) })) = cpu else {
                panic!("{cpu:?}")
            };
            assert_eq!(mean.mean_over, Some(Duration::from_secs(60)));
            assert_eq!(mean.seen, Reading::Percent(percent(140.0 / 3.0).unwrap_or_default()));
        }
        colony.state = evaluation.apply(&[]);
    }
}
