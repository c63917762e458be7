//! State and holders of ports.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};

use wnm_core::BoundPort;

/// Returns those of some ports that are in use, in their order.
///
/// The kernel's tables tell, where they can be read. Elsewhere each port is bound for a moment; a process that is started
/// in that moment inherits the socket, and the port stays in use until its program runs.
#[must_use]
pub fn taken(ports: impl IntoIterator<Item = BoundPort>) -> Vec<BoundPort> {
    #[cfg(target_os = "linux")]
    if let Some(in_use) = linux::in_use() {
        return ports.into_iter().filter(|port| in_use.contains(port)).collect();
    }
    ports.into_iter().filter(|port| !can_be_bound(*port)).collect()
}

fn can_be_bound(port: BoundPort) -> bool {
    let bound = match port {
        BoundPort::LoopbackTcp(port) => TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop),
        BoundPort::Udp(port) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))
            .map(drop)
            .and_then(|()| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)).map(drop)),
    };
    // Other errors, such as EAFNOSUPPORT on a host without IPv6, say nothing about the port.
    !bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

/// Tells whether a process has bound a port, from the socket tables of the kernel; false where there are none.
#[must_use]
pub fn is_bound(port: BoundPort) -> bool {
    #[cfg(target_os = "linux")]
    return !linux::sockets(port).is_empty();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = port;
        false
    }
}

/// Returns the name of a port: "UDP port 55001".
#[must_use]
pub fn name(port: BoundPort) -> String {
    match port {
        BoundPort::Udp(port) => format!("UDP port {port}"),
        BoundPort::LoopbackTcp(port) => format!("TCP port {port}"),
    }
}

/// Returns the process that holds a port: "process 4711 (/usr/bin/x)". None without a holder, or without the rights to
/// see it.
#[must_use]
pub fn holder(port: BoundPort) -> Option<String> {
    #[cfg(target_os = "linux")]
    return linux::holder(port);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = port;
        None
    }
}

/// Tells whether a process holds a port; None without the rights to see it.
pub(crate) fn is_held_by(port: BoundPort, pid: u32) -> Option<bool> {
    #[cfg(target_os = "linux")]
    return linux::is_held_by(port, pid);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (port, pid);
        None
    }
}

/// Returns the UDP ports that a process has opened: those of IPv4, or those of IPv6 where it has no other. Empty without
/// the rights to see them.
///
/// A node that chooses its port itself chooses one for each of both families.
#[must_use]
pub fn udp_of(pid: u32) -> Vec<u16> {
    #[cfg(target_os = "linux")]
    return linux::udp_of(pid);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = pid;
        Vec::new()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::net::IpAddr;

    use procfs::net::TcpState;
    use procfs::process::{FDTarget, Process, all_processes};
    use wnm_core::BoundPort;

    /// Returns the ports of all UDP sockets, and of all TCP sockets that listen for this host. None without the tables
    /// of IPv4; a host without IPv6 has none of IPv6.
    pub(super) fn in_use() -> Option<BTreeSet<BoundPort>> {
        let udp = procfs::net::udp().ok()?.into_iter().chain(procfs::net::udp6().into_iter().flatten());
        let tcp = procfs::net::tcp().ok()?.into_iter().chain(procfs::net::tcp6().into_iter().flatten());
        let is_for_host = |address: &IpAddr| address.is_unspecified() || address.is_loopback();
        let udp = udp.map(|entry| BoundPort::Udp(entry.local_address.port()));
        let tcp = tcp
            .filter(|entry| entry.state == TcpState::Listen && is_for_host(&entry.local_address.ip()))
            .map(|entry| BoundPort::LoopbackTcp(entry.local_address.port()));
        Some(udp.chain(tcp).collect())
    }

    pub(super) fn holder(port: BoundPort) -> Option<String> {
        let sockets = sockets(port);
        all_processes().ok()?.filter_map(Result::ok).find(|process| holds(process, &sockets)).map(|process| {
            let program = process.exe().map(|path| path.display().to_string());
            let name = program.or_else(|_| process.stat().map(|stat| stat.comm));
            name.map_or_else(|_| format!("process {}", process.pid), |name| format!("process {} ({name})", process.pid))
        })
    }

    pub(super) fn is_held_by(port: BoundPort, pid: u32) -> Option<bool> {
        let files = Process::new(i32::try_from(pid).ok()?).ok()?.fd().ok()?;
        let sockets = sockets(port);
        let mut open = files.flatten();
        Some(open.any(|file| matches!(file.target, FDTarget::Socket(inode) if sockets.contains(&inode))))
    }

    fn holds(process: &Process, sockets: &BTreeSet<u64>) -> bool {
        let Ok(open) = process.fd() else { return false };
        open.flatten().any(|file| matches!(file.target, FDTarget::Socket(inode) if sockets.contains(&inode)))
    }

    pub(super) fn udp_of(pid: u32) -> Vec<u16> {
        let files = i32::try_from(pid).ok().and_then(|pid| Process::new(pid).ok()?.fd().ok());
        let own: BTreeSet<u64> = files
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|file| match file.target {
                FDTarget::Socket(inode) => Some(inode),
                _ => None,
            })
            .collect();
        let families = [procfs::net::udp(), procfs::net::udp6()];
        let bound = families.into_iter().map(|family| -> BTreeSet<u16> {
            let entries = family.into_iter().flatten().filter(|entry| own.contains(&entry.inode));
            entries.map(|entry| entry.local_address.port()).filter(|port| *port != 0).collect()
        });
        bound.into_iter().find(|ports| !ports.is_empty()).into_iter().flatten().collect()
    }

    /// Returns the inodes of the sockets that are bound to a port.
    pub(super) fn sockets(port: BoundPort) -> BTreeSet<u64> {
        match port {
            BoundPort::Udp(port) => {
                let both = [procfs::net::udp(), procfs::net::udp6()].into_iter().flatten().flatten();
                both.filter(|entry| entry.local_address.port() == port).map(|entry| entry.inode).collect()
            }
            BoundPort::LoopbackTcp(port) => {
                let both = [procfs::net::tcp(), procfs::net::tcp6()].into_iter().flatten().flatten();
                let listens = |entry: &procfs::net::TcpNetEntry| entry.state == TcpState::Listen;
                both.filter(|entry| entry.local_address.port() == port && listens(entry))
                    .map(|entry| entry.inode)
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_for_this_host_take_their_ports() {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let tcp = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let (udp, tcp) = (udp.local_addr().unwrap().port(), tcp.local_addr().unwrap().port());
        let both = |port| [BoundPort::Udp(port), BoundPort::LoopbackTcp(port)];
        let taken = taken(both(tcp).into_iter().chain(both(udp)));
        assert!(taken.contains(&BoundPort::Udp(udp)) && taken.contains(&BoundPort::LoopbackTcp(tcp)), "{taken:?}");
    }
}
