//! Trials of the host: programs on the storage folders, writing the log folder, the view of other processes, the metrics
//! servers, and a firewall that wnm does not manage.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use wnm_core::{BoundPort, FirewallKind, Node, NodeId, NodeState, Scope, Settings};
use wnm_platform::manager::Service;
use wnm_platform::observe::probe;
use wnm_platform::observe::process::Processes;
use wnm_platform::{Platform, firewall, places};
use wnm_store::Snapshot;

use super::{Check, counted, first_few, names};

/// Time for the connection to one metrics server, which is on the loopback.
const CONNECT: Duration = Duration::from_millis(200);
/// The number of connections at the same time: 200 servers that hang take less than a second.
const AT_ONCE: usize = 64;

/// Runs a program in each storage folder whose volume has no fault, and checks that missing folders can be created.
pub(super) fn storage(usable: &[PathBuf]) -> Check {
    const CHECK: &str = "storage";
    if let Some(folder) = places::unwritable(usable) {
        let hint = "make it writable for this user, or set node_storage";
        return Check::error(CHECK, format!("{} is not writable", folder.display()), hint);
    }
    let failed = usable.iter().filter(|folder| folder.is_dir()).find_map(|folder| places::try_program(folder).err());
    match failed {
        None => Check::ok(CHECK, first_few(usable.iter().map(|folder| folder.display().to_string()))),
        Some(error) => Check::error(CHECK, error.to_string(), error.hint().unwrap_or_default()),
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

/// Connects to the metrics server of each running node.
pub(super) fn metrics(settings: &Settings, platform: &Platform, snapshot: &Snapshot) -> Option<Check> {
    let host = probe::resolve(&settings.host)?;
    let is_settled = |id: &NodeId| matches!(snapshot.state.nodes.get(id), Some(NodeState::Running { .. }));
    let nodes: Vec<&Node> = snapshot.nodes.values().filter(|node| is_settled(&node.id)).collect();
    let services = platform.services(nodes.iter().copied());
    let runs = |node: &&&Node| matches!(services.get(&node.id), Some(Service::Running(_)));
    let ports = nodes.iter().filter(runs).filter_map(|node| Some((node.id, node.metrics_port()?)));
    let deaf = deaf(host, &ports.collect::<Vec<_>>());
    (!deaf.is_empty()).then(|| {
        let subject = counted(deaf.len(), "running node accepts", "running nodes accept");
        let message = format!("{subject} no connection on the metrics port: {}", names(&deaf));
        Check::warning("metrics", message, "`wnm node show NODE` prints the path of its log; `wnm node restart NODE`")
    })
}

/// Returns the nodes whose ports accept no connection. A server that hangs costs its whole time, so that many are tried at
/// once.
fn deaf(host: IpAddr, ports: &[(NodeId, u16)]) -> Vec<NodeId> {
    let refuses = |port: u16| TcpStream::connect_timeout(&SocketAddr::new(host, port), CONNECT).is_err();
    let tried = |some: &[(NodeId, u16)]| -> Vec<NodeId> {
        some.iter().filter(|(_, port)| refuses(*port)).map(|(id, _)| *id).collect()
    };
    let share = ports.len().div_ceil(AT_ONCE).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> = ports.chunks(share).map(|some| scope.spawn(move || tried(some))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
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
    use std::net::{Ipv4Addr, TcpListener};
    use std::time::Instant;

    use super::*;
    use crate::commands::doctor::{Level, settings_with};

    #[test]
    fn many_hung_servers_are_tried_at_the_same_time() {
        let id = |number: u16| NodeId::new(u32::from(number)).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        // The kernel lets one connection wait beyond this number.
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let _waiting = TcpStream::connect(address).unwrap();
        let answering = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut ports: Vec<_> = (1..=200).map(|number| (id(number), address.port())).collect();
        ports.push((id(201), answering.local_addr().unwrap().port()));
        let begun = Instant::now();
        assert_eq!(deaf(address.ip(), &ports), (1..=200).map(id).collect::<Vec<_>>());
        // One after the other they take 40 s.
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
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
        assert_eq!(storage(&usable).level, Level::Ok);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the trial leaves no file");
        // Every Linux mounts /proc with noexec, and root cannot write it either.
        assert_eq!(storage(&["/proc".into()]).level, Level::Error);
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
