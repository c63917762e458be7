//! The comparison of two policies: whether the second one would remove or stop nodes that the first one keeps.

use crate::model::observation::HostSample;
use crate::policy::pressure::{Measure, Signal, measures};
use crate::policy::thresholds::Policy;

/// A difference of a policy to the one before, through which it would remove or stop nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shrink {
    /// A lower node cap, below the number of nodes.
    NodeCap {
        /// The node cap before.
        before: u32,
        /// The node cap after.
        after: u32,
        /// The nodes above the new cap, at least 1.
        above: u32,
    },
    /// A high threshold below the present value of its signal, which was not over the one before.
    Threshold(Measure),
}

/// Returns the differences through which `after` would remove or stop nodes that `before` keeps, on a colony of `nodes`
/// nodes. Without a sample of the host, thresholds do not count. Load averages stop no node.
#[must_use]
pub fn shrinks(before: &Policy, after: &Policy, nodes: usize, host: Option<&HostSample>) -> Vec<Shrink> {
    let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
    let cap = (after.node_cap < before.node_cap && after.node_cap < nodes).then(|| Shrink::NodeCap {
        before: before.node_cap,
        after: after.node_cap,
        above: nodes - after.node_cap,
    });
    let mut found: Vec<Shrink> = cap.into_iter().collect();
    // Pressure without a node changes nothing.
    if let Some(host) = host.filter(|_| nodes > 0) {
        let is_load = |signal| matches!(signal, Signal::Load1 | Signal::Load5 | Signal::Load15);
        let was_exceeded = |signal| measures(before, host).any(|old| old.signal == signal && old.is_exceeded());
        let over =
            measures(after, host).filter(|new| new.is_exceeded() && !is_load(new.signal) && !was_exceeded(new.signal));
        found.extend(over.map(Shrink::Threshold));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::units::Percent;
    use crate::policy::settings::RawSettings;

    fn policy(changes: &[(&str, &str)]) -> Policy {
        let mut raw = RawSettings::default();
        for (key, value) in changes {
            raw.set(key, value).unwrap();
        }
        Policy::new(&raw, Some(4)).unwrap()
    }

    fn between(before: &[(&str, &str)], after: &[(&str, &str)], nodes: usize, cpu: Option<u32>) -> Vec<Shrink> {
        let cpu = cpu.map(|cpu| Percent::new(f64::from(cpu)).unwrap());
        let host = HostSample { cpu, ..HostSample::default() };
        shrinks(&policy(before), &policy(after), nodes, Some(&host))
    }

    #[test]
    fn lower_cap_counts_from_the_number_of_nodes_on() {
        let cap = |before, after, above| vec![Shrink::NodeCap { before, after, above }];
        assert_eq!(between(&[("node_cap", "50")], &[], 50, None), cap(50, 20, 30));
        assert_eq!(between(&[("node_cap", "50")], &[("node_cap", "5")], 6, None), cap(50, 5, 1));
        assert_eq!(between(&[("node_cap", "50")], &[("node_cap", "5")], 5, None), []);
        // A colony above its cap already shrinks; a higher cap keeps more.
        assert_eq!(between(&[("node_cap", "5")], &[("node_cap", "6")], 9, None), []);
        assert_eq!(between(&[("node_cap", "5")], &[("node_cap", "0")], 0, None), []);
    }

    #[test]
    fn threshold_counts_while_its_signal_lies_between_old_and_new() {
        let high: &[(&str, &str)] = &[("cpu_remove", "95"), ("cpu_less_than", "60")];
        let found = between(high, &[], 3, Some(80));
        assert!(matches!(found[..], [Shrink::Threshold(Measure { signal: Signal::Cpu, .. })]), "{found:?}");
        assert_eq!(between(high, &[], 3, Some(60)), []);
        assert_eq!(between(high, &[], 3, Some(99)), []);
        assert_eq!(between(high, &[], 0, Some(80)), []);
        assert_eq!(between(high, &[], 3, None), []);
        assert_eq!(shrinks(&policy(high), &policy(&[]), 3, None), []);
    }

    #[test]
    fn load_averages_stop_no_node() {
        let host = HostSample {
            load: Some(crate::model::observation::LoadAverages {
                one: crate::model::units::Load::new(9.0).unwrap(),
                five: crate::model::units::Load::new(9.0).unwrap(),
                fifteen: crate::model::units::Load::new(9.0).unwrap(),
            }),
            ..HostSample::default()
        };
        let high = policy(&[("max_load_average_allowed", "1000")]);
        assert_eq!(shrinks(&high, &policy(&[]), 3, Some(&host)), []);
    }
}
