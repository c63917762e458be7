//! The cap on the CPU of all nodes together: whether this host can have one, and whom it would hold back.

use wnm_core::{Cores, Settings};
use wnm_platform::cpu_limit::{CpuLimit, NoCpuLimit};
use wnm_store::Snapshot;

use super::Check;

/// Tells whether the nodes can be capped, and why they cannot. That they cannot is no fault: it is done without.
pub(super) fn check(settings: &Settings, snapshot: Option<&Snapshot>) -> Check {
    if !settings.cpu_limit {
        return Check::fine("CPU cpu_limit", "off by the setting cpu_limit");
    }
    let cpu_limit = CpuLimit::of(settings);
    let seen = cpu_limit.look().map(|seen| seen.limit);
    let processes = snapshot.into_iter().flat_map(|snapshot| snapshot.samples.values());
    let processes = processes.filter_map(|sample| sample.process.as_ref());
    let outside = processes.filter(|process| !cpu_limit.holds(process.pid)).count();
    judge(seen, outside)
}

fn judge(seen: Result<Option<Cores>, NoCpuLimit>, outside: usize) -> Check {
    const WHAT: &str = "CPU cpu_limit";
    match seen {
        Ok(Some(limit)) if outside > 0 => Check::doubtful(
            WHAT,
            format!("{limit}, and {outside} nodes that it does not hold back"),
            "wnm node restart NODE puts a node with the others",
        ),
        Ok(Some(limit)) => Check::fine(WHAT, format!("{limit} for all nodes")),
        Ok(None) => Check::fine(WHAT, "can be set, and is not"),
        Err(reason) => Check { hint: reason.hint(), ..Check::fine(WHAT, format!("cannot be set: {reason}")) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Health;

    #[test]
    fn what_holds_the_nodes_back_is_told() {
        let limit = Cores::new(12.0).ok();
        let cannot = NoCpuLimit::ReadOnly;
        for (seen, outside, health, found) in [
            (Ok(limit), 0, Health::Fine, "12.00 cores for all nodes"),
            (Ok(limit), 2, Health::Doubtful, "12.00 cores, and 2 nodes that it does not hold back"),
            (Ok(None), 2, Health::Fine, "can be set, and is not"),
            (Err(cannot), 2, Health::Fine, "cannot be set: control groups are mounted read-only"),
        ] {
            let check = judge(seen, outside);
            assert_eq!((check.health, check.found.as_str()), (health, found));
        }
    }
}
