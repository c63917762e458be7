//! The signals of the host: which of them wnm cannot judge, and which limits of the host hold for the nodes.

use wnm_core::{HostSample, LoadScope, NodeId, NodeMap, NodeSample, ProcessIdentity, Program, Settings, WrongAnswer};
use wnm_platform::observe::host::Host;
use wnm_platform::observe::process::Processes;
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
        .chain(open_files(settings, open_files::limit(), &samples.map(short_of_files).unwrap_or_default()))
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

/// Returns the running nodes that may open fewer files than those under units of wnm, with their limit.
fn short_of_files(samples: &NodeMap<NodeSample>) -> Vec<(NodeId, u64)> {
    let processes = Processes::of_host();
    let limit = |process: &ProcessIdentity| {
        processes.look_up(process)?;
        open_files::limit_of(process.pid).filter(|limit| *limit < open_files::WANTED)
    };
    samples.iter().filter_map(|(id, sample)| Some((*id, limit(sample.process.as_ref()?)?))).collect()
}

/// Reports limits on open files below that of units: of running nodes, or of this process, from which nodes under setsid
/// inherit it.
fn open_files(settings: &Settings, own: Option<u64>, nodes: &[(NodeId, u64)]) -> Option<Check> {
    const WANTED: u64 = open_files::WANTED;
    let own = own.filter(|limit| *limit < WANTED && settings.manager.program == Program::Setsid);
    let message = match (nodes, own) {
        ([], None) => return None,
        ([], Some(limit)) => format!("a node may open {limit} files at once, fewer than {WANTED}"),
        (nodes, _) => {
            let few = first_few(nodes.iter().map(|(id, limit)| format!("{} ({limit})", id.name())));
            format!("{} may open fewer than {WANTED} files at once: {few}", counted(nodes.len(), "node", "nodes"))
        }
    };
    let hint = match settings.manager.program {
        // A shell that allows more passes it on.
        Program::Setsid if own.is_none() => RESTART.to_owned(),
        Program::Setsid => format!("allow more in /etc/security/limits.conf: `{} hard nofile {WANTED}`", user()),
        Program::Docker => format!("set nofile to {WANTED} in `default-ulimits` of the engine, then {RESTART}"),
        Program::Systemd | Program::Launchd | Program::Antctl => RESTART.to_owned(),
    };
    Some(Check::warning("open_files", message, hint))
}

const RESTART: &str = "run `wnm node restart --all`";

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
    fn limits_on_open_files_are_named() {
        let setsid = settings("setsid+user", "1.2");
        let systemd = settings("systemd+user", "1.2");
        assert_eq!(open_files(&setsid, None, &[]), None);
        assert_eq!(open_files(&setsid, Some(open_files::WANTED), &[]), None);
        assert_eq!(open_files(&systemd, Some(1024), &[]), None);
        let few = open_files(&setsid, Some(1024), &[]).unwrap();
        assert_eq!(few.message, "a node may open 1024 files at once, fewer than 65536");
        let nodes: Vec<_> = (1..=2).filter_map(NodeId::new).zip([1024, 4096]).collect();
        let said = "2 nodes may open fewer than 65536 files at once: antnode0001 (1024), antnode0002 (4096)";
        for (settings, own, hint) in [
            (&setsid, Some(1024), "limits.conf"),
            (&setsid, None, "`wnm node restart --all`"),
            (&systemd, Some(1024), "`wnm node restart --all`"),
            (&settings("docker", "1.2"), None, "`default-ulimits`"),
        ] {
            let check = open_files(settings, own, &nodes).unwrap();
            assert_eq!((check.level, check.message.as_str()), (Level::Warning, said));
            assert!(check.hint.as_ref().unwrap().contains(hint), "{check:?}");
        }
        // This process, by another start: the limit of an ended one says nothing.
        let process = Processes::of_host().identify(std::process::id()).unwrap();
        let other = ProcessIdentity { start: process.start + 1, ..process };
        let sample = NodeSample { process: Some(other), ..NodeSample::default() };
        assert_eq!(short_of_files(&[(NodeId::FIRST, sample)].into_iter().collect()), []);
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
