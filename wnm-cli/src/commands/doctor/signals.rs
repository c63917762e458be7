//! The signals of the host: which of them wnm cannot judge, and which limits of the host hold for the nodes.

use wnm_core::{HostSample, LoadScope, NodeMap, NodeSample, Program, Settings, WrongAnswer};
use wnm_platform::observe::host::Host;
use wnm_platform::open_files;
use wnm_store::Snapshot;

use super::{Check, counted, first_few};

pub(super) fn check(settings: &Settings, snapshot: Option<&Snapshot>) -> Vec<Check> {
    let host = snapshot.and_then(|snapshot| snapshot.last.as_ref()).map(|cycle| &cycle.host);
    let samples = snapshot.map(|snapshot| &snapshot.samples);
    let load = load(settings, Host::real().load_scope());
    let answers = samples.map(wrong_answers).unwrap_or_default();
    load.into_iter()
        .chain(host.and_then(cpu_quota))
        .chain(open_files(settings, open_files::limit()))
        .chain(answers)
        .collect()
}

/// Reports that the thresholds of the load average have no effect.
fn load(settings: &Settings, scope: LoadScope) -> Option<Check> {
    let is_judged = scope == LoadScope::Own || settings.policy.load.is_none();
    let message = "not judged: in this container it is the load of the host; the thresholds of the CPU apply";
    (!is_judged).then(|| Check::ok("load", message))
}

/// Reports a CPU quota around the nodes that another program has set.
fn cpu_quota(host: &HostSample) -> Option<Check> {
    let quota = host.cpu_quota?;
    let limit = quota.limit?;
    let throttled = quota.throttled.map_or(0.0, |share| share.get());
    let message = format!("a control group limits the nodes to {limit}: CPU use counts against it");
    Some(if throttled > THROTTLED {
        let message = format!("{message}; it throttled them {throttled:.0} % of the time");
        Check::warning(CPU_QUOTA, message, "raise the CPU quota of the container or of the service, or lower node_cap")
    } else {
        Check::ok(CPU_QUOTA, message)
    })
}

const CPU_QUOTA: &str = "cpu_quota";
/// Share of throttled time, in percent, from which it is reported: below it, throttling comes from short bursts.
const THROTTLED: f64 = 10.0;

/// Compares the limit on open files with that of units. Nodes under other managers than setsid get theirs from a
/// service.
fn open_files(settings: &Settings, limit: Option<u64>) -> Option<Check> {
    let limit = limit.filter(|limit| *limit < open_files::WANTED && settings.manager.program == Program::Setsid)?;
    let message = format!("a node may open {limit} files at once, fewer than {}", open_files::WANTED);
    let hint = format!("allow more in /etc/security/limits.conf: `{} hard nofile {}`", user(), open_files::WANTED);
    Some(Check::warning("open_files", message, hint))
}

fn user() -> String {
    std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "*".to_owned())
}

/// Lists the nodes on whose metrics port another program or another node answers.
fn wrong_answers(samples: &NodeMap<NodeSample>) -> Vec<Check> {
    const CHECK: &str = "answers";
    const HINT: &str = "`ss -lntp` shows the process: end it, or give the node another port";
    let with = |wanted: fn(&WrongAnswer) -> Option<String>| {
        let found =
            samples.iter().filter_map(move |(id, sample)| Some((id.name(), wanted(sample.wrong_answer.as_ref()?)?)));
        found.map(|(name, text)| format!("{name}{text}")).collect::<Vec<String>>()
    };
    let others = with(|wrong| matches!(wrong, WrongAnswer::NotMetrics).then(String::new));
    let peers = with(|wrong| match wrong {
        WrongAnswer::NotMetrics => None,
        WrongAnswer::OtherPeer { answered, known } => {
            let known = known.as_ref().map_or_else(String::new, |known| format!(", not {known}"));
            Some(format!(" (peer id {answered}{known})"))
        }
    });
    let mut checks = Vec::new();
    if !others.is_empty() {
        let nodes = counted(others.len(), "node", "nodes");
        let message =
            format!("another program answers on the metrics port of {nodes}: {}", first_few(others.into_iter()));
        checks.push(Check::error(CHECK, message, HINT));
    }
    if !peers.is_empty() {
        let nodes = counted(peers.len(), "node", "nodes");
        let message = format!("another node answers on the metrics port of {nodes}: {}", first_few(peers.into_iter()));
        checks.push(Check::error(CHECK, message, HINT));
    }
    checks
}

#[cfg(test)]
mod tests {
    use wnm_core::{Cores, CpuLimitSample, NodeId, Percent};

    use super::*;
    use crate::commands::doctor::{Level, settings_with};

    fn settings(manager: &str, load: &str) -> Settings {
        settings_with(&[("process_manager", manager), ("desired_load_average", load)])
    }

    #[test]
    fn limits_of_the_host_are_named() {
        let setsid = settings("setsid+user", "1.2");
        assert_eq!(load(&setsid, LoadScope::Own), None);
        assert_eq!(load(&setsid, LoadScope::Container).unwrap().level, Level::Ok);
        assert_eq!(open_files(&setsid, None), None);
        assert_eq!(open_files(&setsid, Some(open_files::WANTED)), None);
        assert_eq!(open_files(&settings("systemd+user", "1.2"), Some(1024)), None);
        let few = open_files(&setsid, Some(1024)).unwrap();
        assert_eq!(few.message, "a node may open 1024 files at once, fewer than 65536");
        let quota = |throttled| HostSample {
            cpu_quota: Some(CpuLimitSample { limit: Cores::new(1.5).ok(), throttled: Percent::new(throttled).ok() }),
            ..HostSample::default()
        };
        assert_eq!(cpu_quota(&HostSample::default()), None);
        assert_eq!(cpu_quota(&quota(5.0)).unwrap().level, Level::Ok);
        assert_eq!(
            cpu_quota(&quota(42.0)).unwrap().message,
            "a control group limits the nodes to 1.50 cores: CPU use counts against it; it throttled them 42 % of the time"
        );
    }

    #[test]
    fn wrong_answers_name_node_and_peer() {
        let peer =
            |known: Option<&str>| WrongAnswer::OtherPeer { answered: "12D3b".into(), known: known.map(Into::into) };
        let all = [None, Some(WrongAnswer::NotMetrics), Some(peer(Some("12D3a"))), Some(peer(None))];
        let samples = (1..)
            .filter_map(NodeId::new)
            .zip(all.map(|wrong_answer| NodeSample { wrong_answer, ..NodeSample::default() }));
        let messages: Vec<String> = wrong_answers(&samples.collect()).into_iter().map(|check| check.message).collect();
        assert_eq!(
            messages,
            [
                "another program answers on the metrics port of 1 node: antnode0002",
                "another node answers on the metrics port of 2 nodes: antnode0003 (peer id 12D3b, not 12D3a), \
                 antnode0004 (peer id 12D3b)",
            ]
        );
    }
}
