//! The CPU limit: whether this host supports it, and which nodes it does not limit.

use wnm_core::{Cores, Settings};
use wnm_platform::cpu_limit::{CpuLimit, NoCpuLimit};
use wnm_store::Snapshot;

use super::{Check, counted};

/// Checks whether wnm can limit the CPU of the nodes. A host without support is no problem: `steady` then stops nodes
/// in place of limiting them.
pub(super) fn check(settings: &Settings, snapshot: Option<&Snapshot>) -> Check {
    if !settings.cpu_limit {
        return Check::ok(CHECK, "off (the setting cpu_limit is false)");
    }
    let cpu_limit = CpuLimit::of(settings);
    let applied = cpu_limit.look().map(|applied| applied.limit);
    let processes = snapshot.into_iter().flat_map(|snapshot| snapshot.samples.values());
    let processes = processes.filter_map(|sample| sample.process.as_ref());
    let unlimited = processes.filter(|process| !cpu_limit.holds(process.pid)).count();
    result(applied, unlimited)
}

const CHECK: &str = "cpu_limit";

/// Returns the check of an applied limit with this many running nodes outside of its control group.
fn result(applied: Result<Option<Cores>, NoCpuLimit>, unlimited: usize) -> Check {
    match applied {
        Ok(Some(limit)) if unlimited > 0 => {
            let nodes = counted(unlimited, "running node is", "running nodes are");
            Check::warning(
                CHECK,
                format!("{nodes} outside of the CPU limit of {limit}"),
                "`wnm node restart NODE` puts a node under the limit",
            )
        }
        Ok(Some(limit)) => Check::ok(CHECK, format!("{limit} for all nodes together")),
        Ok(None) => Check::ok(CHECK, "supported, not applied now"),
        Err(reason) => Check { hint: reason.hint(), ..Check::ok(CHECK, format!("not available: {reason}")) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Level;

    #[test]
    fn nodes_outside_of_the_limit_are_a_warning() {
        let limit = Cores::new(12.0).ok();
        let unsupported = || NoCpuLimit::ContainersNeedRoot;
        for (applied, unlimited, level, message) in [
            (Ok(limit), 0, Level::Ok, "12.00 cores for all nodes together"),
            (Ok(limit), 1, Level::Warning, "1 running node is outside of the CPU limit of 12.00 cores"),
            (Ok(limit), 2, Level::Warning, "2 running nodes are outside of the CPU limit of 12.00 cores"),
            (Ok(None), 2, Level::Ok, "supported, not applied now"),
            (Err(unsupported()), 2, Level::Ok, "not available: only root may limit containers"),
        ] {
            let check = result(applied, unlimited);
            assert_eq!((check.level, check.message.as_str()), (level, message));
        }
        assert_eq!(result(Err(unsupported()), 0).hint.as_deref(), Some("run wnm as root"));
    }
}
