//! The weight of the nodes: by which means they run behind the host's other work, or why they do not.

use wnm_core::{ManagerKind, Program, Settings, WeightMeans};
use wnm_platform::weight::{ColonyWeight, NoWeight, RunningNode};
use wnm_store::Snapshot;

use super::Check;

/// Checks the weight for CPU time and that for disks.
pub(super) fn check(settings: &Settings, snapshot: Option<&Snapshot>) -> [Check; 2] {
    let samples = snapshot.into_iter().flat_map(|snapshot| {
        let pid = |id| snapshot.samples.get(id)?.process.as_ref().map(|process| process.pid);
        snapshot.nodes.iter().filter_map(move |(id, node)| Some(RunningNode { node, pid: pid(id)? }))
    });
    let nodes: Vec<RunningNode<'_>> = samples.collect();
    let applied = ColonyWeight::of(settings).look(&nodes);
    let kind = settings.manager;
    [
        result("cpu_weight", kind, &settings.cpu_weight.to_string(), &applied.cpu),
        result("io_weight", kind, &settings.io_weight.to_string(), &applied.io),
    ]
}

fn result(check: &'static str, kind: ManagerKind, weight: &str, applied: &Result<WeightMeans, NoWeight>) -> Check {
    let means = match applied {
        Ok(means) => means,
        // Hosts without such disks cannot be changed by a setting, and an operator chose the weight of an equal.
        Err(reason @ (NoWeight::Ordinary | NoWeight::NoDisk)) => {
            return Check::ok(check, format!("nodes compete with other work as equals: {reason}"));
        }
        Err(reason) => {
            let message = format!("nodes compete with other work as equals: {reason}");
            let hint = reason.hint().unwrap_or_else(|| "`wnm config describe cpu_weight` lists the means".to_owned());
            return Check::warning(check, message, hint);
        }
    };
    match means {
        WeightMeans::Group => Check::ok(check, format!("{weight}, by a control group around all nodes")),
        WeightMeans::Priority => Check::ok(check, priority(kind, weight)),
        WeightMeans::UserGroup => Check::warning(
            check,
            format!("{weight}, but only against other services of this user"),
            "the process manager systemd+sudo puts nodes behind all work of the host",
        ),
        WeightMeans::NodeGroups => Check::warning(
            check,
            format!("{weight}, but only against other containers"),
            "run wnm as root, which puts nodes behind all work of the host",
        ),
    }
}

fn priority(kind: ManagerKind, weight: &str) -> String {
    match kind.program {
        Program::Launchd => "by ProcessType=Background and LowPriorityIO of launchd".to_owned(),
        Program::Setsid | Program::Systemd | Program::Docker | Program::Antctl => {
            format!("{weight}, by a low scheduling priority of each process")
        }
    }
}

#[cfg(test)]
mod tests {
    use wnm_platform::cpu_limit::NoCpuLimit;

    use super::*;
    use crate::commands::doctor::Level;

    #[test]
    fn means_that_do_not_reach_all_work_are_a_warning() {
        let kind = "setsid+user".parse().unwrap();
        for (applied, level, message) in [
            (Ok(WeightMeans::Group), Level::Ok, "10, by a control group around all nodes"),
            (Ok(WeightMeans::Priority), Level::Ok, "10, by a low scheduling priority of each process"),
            (Ok(WeightMeans::UserGroup), Level::Warning, "10, but only against other services of this user"),
            (Ok(WeightMeans::NodeGroups), Level::Warning, "10, but only against other containers"),
            (
                Err(NoWeight::Ordinary),
                Level::Ok,
                "nodes compete with other work as equals: the setting gives the nodes the weight of an ordinary service",
            ),
            (
                Err(NoWeight::Outside(2)),
                Level::Warning,
                "nodes compete with other work as equals: 2 running nodes are outside of the control group",
            ),
            (
                Err(NoWeight::NoGroup(NoCpuLimit::ReadOnly)),
                Level::Warning,
                "nodes compete with other work as equals: control groups are mounted read-only",
            ),
        ] {
            let check = result("cpu_weight", kind, "10", &applied);
            assert_eq!((check.level, check.message.as_str()), (level, message));
            assert_eq!(check.hint.is_some(), level == Level::Warning);
        }
    }
}
