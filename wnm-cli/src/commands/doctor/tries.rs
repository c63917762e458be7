//! Trials of the host: programs on the storage folders, writing the log folder, the view of other processes, the metrics
//! servers, and a firewall that wnm does not manage.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::{BoundPort, FirewallKind, Node, NodeId, NodeState, Scope, Settings};
use wnm_platform::manager::Service;
use wnm_platform::observe::probe::{self, AskIdentity, Limits, Priority, Target};
use wnm_platform::observe::process::Processes;
use wnm_platform::volume::volume_of;
use wnm_platform::{Platform, files, firewall, places};
use wnm_store::Snapshot;

use super::{Check, counted, first_few, names};

/// Time for the answers of all metrics servers, which are on the loopback. A cycle waits longer; here a late answer is worth
/// a warning.
const ANSWERS: Duration = Duration::from_secs(1);

/// Runs a program in each storage folder whose volume has no fault, and checks that missing folders can be created.
pub(super) fn storage(settings: &Settings, usable: &[PathBuf], snapshot: Option<&Snapshot>) -> Vec<Check> {
    const CHECK: &str = "storage";
    const HINT: &str = "make it writable for this user, or set node_storage";
    let nodes: Vec<&Node> = snapshot.into_iter().flat_map(|snapshot| snapshot.nodes.values()).collect();
    let of_nodes = |folder: &Path| {
        let is_in = |node: &&&Node| {
            let storage = volume_of(&node.root_dir, &settings.storage).and_then(|at| settings.storage.get(at));
            storage.is_some_and(|storage| storage == folder)
        };
        let ids: Vec<NodeId> = nodes.iter().filter(is_in).map(|node| node.id).collect();
        if ids.is_empty() {
            String::new()
        } else {
            format!("; {}: {}", counted(ids.len(), "node", "nodes"), names(&ids))
        }
    };
    let problem = |folder: &PathBuf| {
        if places::unwritable(std::slice::from_ref(folder)).is_some() {
            let message = format!("{} is not writable{}", folder.display(), of_nodes(folder));
            return Some(Check::error(CHECK, message, HINT));
        }
        let error = places::try_program(folder).err().filter(|_| files::is_dir(folder))?;
        let hint = error.hint().unwrap_or_else(|| HINT.to_owned());
        Some(Check::error(CHECK, format!("{error}{}", of_nodes(folder)), hint))
    };
    let problems: Vec<Check> = usable.iter().filter_map(problem).collect();
    if problems.is_empty() {
        vec![Check::ok(CHECK, first_few(usable.iter().map(|folder| folder.display().to_string())))]
    } else {
        problems
    }
}

/// Runs a short program as a service of the process manager, for managers with services.
pub(super) fn service(settings: &Settings, platform: &Platform) -> Option<Check> {
    const CHECK: &str = "trial_service";
    let kind = settings.manager;
    Some(match platform.try_service()? {
        Ok(()) => Check::ok(CHECK, format!("{kind} ran a trial service")),
        Err(error) => {
            let hint = error.hint().unwrap_or_else(|| format!("{} shows the cause", journal(settings)));
            Check::error(CHECK, format!("{kind} did not run a trial service: {error}"), hint)
        }
    })
}

/// Returns the command that prints the messages of the process manager.
fn journal(settings: &Settings) -> &'static str {
    match settings.manager.scope {
        Scope::Sudo => "`journalctl --unit 'wnm-trial-*'`",
        Scope::User | Scope::Zen => "`journalctl --user-unit 'wnm-trial-*'`",
    }
}

/// Checks that the log folder of new nodes is writable; None when each node logs into its own folder.
pub(super) fn logs(settings: &Settings) -> Option<Check> {
    let logs = places::logs_of(settings);
    // Another user creates it through `sudo`.
    let is_own = settings.manager.scope == places::own_scope() || places::own_scope() == Scope::Sudo;
    let folder = Some(logs).filter(|logs| is_own && !logs.as_os_str().is_empty())?;
    let closed = places::unwritable(std::slice::from_ref(&folder))?;
    let message = format!("{} is not writable: new nodes cannot log there", closed.display());
    Some(Check::error("logs", message, "make it writable for this user, or set log_dir"))
}

/// Reports that the kernel hides the processes of other users.
pub(super) fn processes(settings: &Settings, processes: &Processes) -> Option<Check> {
    processes.hides_others().then(|| {
        let message = "/proc hides the processes of other users (hidepid)";
        if settings.manager.scope == places::own_scope() {
            Check::ok("processes", format!("{message}; those of the nodes are visible"))
        } else {
            let message = format!("{message}: wnm knows the nodes only from {}", settings.manager);
            Check::warning("processes", message, "run wnm as root, or mount /proc with gid=GROUP of this user")
        }
    })
}

/// Asks the metrics server of each node that runs or may run.
pub(super) fn metrics(settings: &Settings, services: &BTreeMap<NodeId, Service>, snapshot: &Snapshot) -> Option<Check> {
    let host = probe::resolve(&settings.host)?;
    let is_settled = |id: &NodeId| {
        matches!(snapshot.state.nodes.get(id), Some(NodeState::Running { .. } | NodeState::Unknown { .. }))
    };
    let runs = |node: &&Node| is_settled(&node.id) && matches!(services.get(&node.id), Some(Service::Running(_)));
    let ports = snapshot.nodes.values().filter(runs).filter_map(|node| Some((node.id, node.metrics_port()?)));
    let deaf = deaf(host, &ports.collect::<Vec<_>>());
    (!deaf.is_empty()).then(|| {
        let subject = counted(deaf.len(), "running node does", "running nodes do");
        let message = format!("{subject} not answer on the metrics port: {}", names(&deaf));
        Check::warning("metrics", message, "`wnm node show NODE` prints the path of its log; `wnm node restart NODE`")
    })
}

/// Returns the nodes that do not answer in time. The kernel accepts a connection for a process that hangs, so that only an
/// answer counts; that of another program is the result of another check.
fn deaf(host: IpAddr, ports: &[(NodeId, u16)]) -> Vec<NodeId> {
    let target = |(node, port): &(NodeId, u16)| Target {
        node: *node,
        address: SocketAddr::new(host, *port),
        priority: Priority::First,
        identity: AskIdentity::IfYounger(0),
    };
    let limits = Limits { deadline: ANSWERS, ..Limits::default() };
    let answers = probe::probe(ports.iter().map(target).collect(), &limits);
    ports.iter().map(|(id, _)| *id).filter(|id| !answers.contains_key(id)).collect()
}

/// Reports an active ufw whose rules wnm does not change, so that peers may not reach the nodes.
pub(super) fn unmanaged_firewall(settings: &Settings, root: &Path) -> Option<Check> {
    if settings.firewall != FirewallKind::None || !firewall::ufw_is_active(root) {
        return None;
    }
    let ranges = udp_ranges(settings);
    let message = "ufw is active, and the setting firewall is none: wnm opens no port";
    let command: Vec<String> = ranges.iter().map(|range| format!("sudo ufw allow {range}/udp")).collect();
    Some(Check::warning("firewall", message, format!("`{}` opens the ports of all nodes", command.join(" && "))))
}

/// Returns the ranges of the UDP ports of a full colony, such as `55001:55020`.
fn udp_ranges(settings: &Settings) -> Vec<String> {
    let ports = |number: u32| {
        let ports = NodeId::new(number).and_then(|id| settings.ports.of(id));
        ports.map(|ports| settings.flavor.bound_ports(&ports)).unwrap_or_default()
    };
    let both = ports(1).into_iter().zip(ports(settings.policy.node_cap));
    both.filter_map(|range| match range {
        (BoundPort::Udp(first), BoundPort::Udp(last)) if first == last => Some(first.to_string()),
        (BoundPort::Udp(first), BoundPort::Udp(last)) => Some(format!("{first}:{last}")),
        _ => None,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::commands::doctor::{Level, settings_with};

    #[test]
    fn many_hung_servers_are_tried_at_the_same_time() {
        let id = |number: u16| NodeId::new(u32::from(number)).unwrap();
        // The kernel accepts connections for this server, which never answers.
        let hung = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let answering = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (address, port) = (hung.local_addr().unwrap(), answering.local_addr().unwrap().port());
        thread::spawn(move || {
            let (mut client, _) = answering.accept().unwrap();
            let _ = client.read(&mut [0; 1024]);
            let body = "ant_node_uptime 5\n";
            write!(client, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        });
        let mut ports: Vec<_> = (1..=199).map(|number| (id(number), address.port())).collect();
        ports.push((id(200), closed.port()));
        ports.push((id(201), port));
        let begun = Instant::now();
        assert_eq!(deaf(address.ip(), &ports), (1..=200).map(id).collect::<Vec<_>>());
        // One after the other they take 200 s.
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        assert_eq!(deaf(address.ip(), &[]), []);
    }

    fn settings(manager: &[(&str, &str)]) -> Settings {
        settings_with(&[&[("node_cap", "9")], manager].concat())
    }

    #[test]
    fn active_firewall_without_management_is_told() {
        let root = tempfile::tempdir().unwrap();
        let user = settings(&[("process_manager", "setsid+user")]);
        assert_eq!(unmanaged_firewall(&user, root.path()), None);
        std::fs::create_dir_all(root.path().join("etc/ufw")).unwrap();
        for (text, is_told) in
            [("ENABLED=no\n", false), ("# ENABLED=yes\n", false), ("LOGLEVEL=low\nENABLED=yes\n", true)]
        {
            std::fs::write(root.path().join("etc/ufw/ufw.conf"), text).unwrap();
            assert_eq!(unmanaged_firewall(&user, root.path()).is_some(), is_told, "{text}");
        }
        let check = unmanaged_firewall(&user, root.path()).unwrap();
        assert_eq!(check.hint.as_deref(), Some("`sudo ufw allow 55001:55009/udp` opens the ports of all nodes"));
        let managed = settings(&[("process_manager", "setsid+user"), ("firewall", "ufw")]);
        assert_eq!(unmanaged_firewall(&managed, root.path()), None);
    }

    #[test]
    fn storage_that_runs_no_program_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let usable = vec![folder.path().to_owned(), folder.path().join("new")];
        let none = settings(&[]);
        assert_eq!(storage(&none, &usable, None).first().unwrap().level, Level::Ok);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the trial leaves no file");
        // Every Linux mounts /proc with noexec, and root cannot write it either.
        let all = [folder.path().into(), "/proc".into(), "/sys".into()];
        let failed = storage(&none, &all, None);
        assert_eq!(failed.iter().map(|check| check.level).collect::<Vec<_>>(), [Level::Error; 2]);
        for (check, name) in failed.iter().zip(["/proc", "/sys"]) {
            assert!(
                check.message.contains(name) && check.hint.as_ref().is_some_and(|hint| !hint.is_empty()),
                "{check:?}"
            );
        }
    }

    #[test]
    fn hidden_processes_are_told_where_they_matter() {
        let proc = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(proc.path().join("self")).unwrap();
        let view = Processes::below(proc.path());
        let own = settings(&[(
            "process_manager",
            if places::own_scope() == Scope::Sudo { "setsid+sudo" } else { "setsid+user" },
        )]);
        assert_eq!(processes(&own, &view).unwrap().level, Level::Ok);
        let other = settings(&[(
            "process_manager",
            if places::own_scope() == Scope::Sudo { "setsid+user" } else { "systemd+sudo" },
        )]);
        assert_eq!(processes(&other, &view).unwrap().level, Level::Warning);
        std::fs::create_dir_all(proc.path().join("1")).unwrap();
        std::fs::write(proc.path().join("1/stat"), "1 (init) S").unwrap();
        assert_eq!(processes(&other, &view), None);
    }
}
