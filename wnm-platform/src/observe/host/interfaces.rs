//! Traffic of network interfaces that lead out of the host: that of bridges, bonds, VLANs and tunnels passes them.

use std::fs;
use std::path::Path;

use super::Traffic;
use super::interface_names::by_name;

/// Sums up the interfaces of `/proc/net/dev` that lead out of the host.
///
/// `class` is `/sys/class/net`; without it names decide. `routes` are the texts of `/proc/net/route` and
/// `/proc/net/ipv6_route`: in a container no interface has hardware, and the default route leads out.
pub(super) fn traffic(text: &str, class: &Path, routes: &str) -> Traffic {
    let rows: Vec<(&str, Traffic)> = text.lines().filter_map(row).filter(|(name, _)| *name != "lo").collect();
    let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    let chosen = if names.iter().any(|name| class.join(name).is_dir()) {
        by_topology(&names, class, routes)
    } else {
        by_name(&names)
    };
    let counted = rows.iter().filter(|(name, _)| chosen.contains(name));
    counted.fold(Traffic::default(), |sum, (_, traffic)| sum.plus(*traffic))
}

fn row(line: &str) -> Option<(&str, Traffic)> {
    let (name, counters) = line.split_once(':')?;
    let mut words = counters.split_ascii_whitespace();
    let read = words.next()?.parse().ok()?;
    let written = words.nth(7)?.parse().ok()?;
    Some((name.trim(), Traffic { read, written }))
}

fn by_topology<'a>(names: &[&'a str], class: &Path, routes: &str) -> Vec<&'a str> {
    let has_hardware = |name: &str| class.join(name).join("device").exists();
    // The virtual function below the interface of Hyper-V is hardware too, and both count its traffic.
    let is_below_hardware = |name: &str| master(&class.join(name)).is_some_and(|master| has_hardware(&master));
    // So are the ports of a switch chip, on top of the interface that leads to the processor.
    let is_switch_port = |name: &str| {
        let mut lower = lower(&class.join(name)).into_iter();
        lower.any(|below| has_hardware(&below) && master(&class.join(&below)).is_none_or(|master| master != name))
    };
    let physical = pick(names, |name| has_hardware(name) && !is_below_hardware(name) && !is_switch_port(name));
    if !physical.is_empty() {
        return physical;
    }
    let is_layer = |name: &str| class.join(name).join("master").exists() || !lower(&class.join(name)).is_empty();
    let outer = pick(names, |name| !is_layer(name));
    let routed = pick(&outer, |name| has_default_route(name, routes));
    if routed.is_empty() { outer } else { routed }
}

fn pick<'a>(names: &[&'a str], matches: impl Fn(&str) -> bool) -> Vec<&'a str> {
    names.iter().copied().filter(|name| matches(name)).collect()
}

/// Returns the interfaces below one such as a bridge or a VLAN.
fn lower(interface: &Path) -> Vec<String> {
    let entries = fs::read_dir(interface).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(entry.file_name().to_str()?.strip_prefix("lower_")?.to_owned())).collect()
}

/// Returns the interface that an interface is a part of.
fn master(interface: &Path) -> Option<String> {
    fs::read_link(interface.join("master")).ok()?.file_name()?.to_str().map(str::to_owned)
}

/// Tells whether a default route of IPv4 or IPv6 leaves through an interface.
fn has_default_route(name: &str, routes: &str) -> bool {
    routes.lines().any(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            // /proc/net/route: interface, destination, gateway, flags, three counters, mask.
            [interface, "00000000", _, _, _, _, _, "00000000", ..] => *interface == name,
            // /proc/net/ipv6_route: destination and its length, source and its length, …, interface. The kernel lists
            // a route that rejects, with `lo`, where there is none.
            [destination, "00", .., interface] => destination.bytes().all(|byte| byte == b'0') && *interface == name,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Returns a table in which each interface received and sent as many bytes.
    fn table(interfaces: &[(&str, u64)]) -> String {
        let rows =
            interfaces.iter().map(|(name, bytes)| format!("{name}: {bytes} 1 0 0 0 0 0 0 {bytes} 1 0 0 0 0 0 0\n"));
        std::iter::once("Inter-| Receive\n face |bytes\n    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n".to_owned())
            .chain(rows)
            .collect()
    }

    fn bytes(interfaces: &[(&str, u64)], class: &Path, routes: &str) -> u64 {
        let traffic = traffic(&table(interfaces), class, routes);
        assert_eq!(traffic.read, traffic.written);
        traffic.read
    }

    /// The interfaces of a host: each with the parts of its folder, where `master=NAME` is a link.
    fn class(interfaces: &[(&str, &[&str])]) -> tempfile::TempDir {
        let class = tempfile::tempdir().unwrap();
        for (name, parts) in interfaces {
            let folder = class.path().join(name);
            fs::create_dir_all(&folder).unwrap();
            for part in *parts {
                match part.split_once('=') {
                    Some((link, target)) => symlink(format!("../{target}"), folder.join(link)).unwrap(),
                    None => fs::create_dir(folder.join(part)).unwrap(),
                }
            }
        }
        class
    }

    #[test]
    fn layers_are_counted_once_by_name() {
        for (interfaces, sum) in [
            (&[("eth0", 9), ("br0", 9)][..], 9),
            (&[("eth0", 9), ("vlan100", 9)], 9),
            (&[("eth0", 9), ("tailscale0", 9), ("nordlynx", 9)], 9),
            (&[("eno1", 4), ("eno2", 5), ("bond0", 9), ("bond0.7", 9)], 9),
            (&[("wlp3s0", 9), ("wg0", 9), ("docker0", 9)], 9),
            (&[("lan", 9), ("br-lan", 9)], 9),
            (&[("br0", 9)], 9),
            (&[], 0),
        ] {
            assert_eq!(bytes(interfaces, Path::new("/no/sysfs"), ""), sum, "{interfaces:?}");
        }
    }

    #[test]
    fn hardware_leads_out_of_a_host() {
        let host = class(&[
            ("uplink", &["device", "master=team"]),
            ("spare", &["device"]),
            ("team", &["lower_uplink"]),
            ("office", &["lower_team"]),
            ("tunnel", &[]),
            ("azure", &["device", "lower_vf"]),
            ("vf", &["device", "master=azure"]),
        ]);
        let seen = [("uplink", 1), ("spare", 2), ("team", 99), ("office", 99), ("tunnel", 99), ("azure", 4), ("vf", 4)];
        assert_eq!(bytes(&seen, host.path(), ""), 7);
    }

    #[test]
    fn ports_of_a_switch_chip_are_counted_once() {
        let router = class(&[
            ("eth0", &["device"]),
            ("lan1", &["device", "lower_eth0", "master=br-lan"]),
            ("lan2", &["device", "lower_eth0"]),
            ("br-lan", &["lower_lan1"]),
            ("eth0.7", &["lower_eth0"]),
            ("wwan0", &["device"]),
        ]);
        let seen = [("eth0", 9), ("lan1", 4), ("lan2", 5), ("br-lan", 4), ("eth0.7", 3), ("wwan0", 2)];
        assert_eq!(bytes(&seen, router.path(), ""), 11);
    }

    #[test]
    fn default_route_leads_out_of_a_container() {
        let container =
            class(&[("eth0", &[]), ("wg0", &[]), ("docker0", &["lower_veth1"]), ("veth1", &["master=docker0"])]);
        let seen = [("eth0", 3), ("wg0", 2), ("docker0", 99), ("veth1", 99)];
        let ipv4 = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n\
                    eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                    wg0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n";
        assert_eq!(bytes(&seen, container.path(), ipv4), 3);
        let zero = "0".repeat(32);
        let ipv6 = format!(
            "{zero} 00 {zero} 00 {zero} 00000400 1 0 00000003 wg0\n{zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200 lo\n"
        );
        assert_eq!(bytes(&seen, container.path(), &ipv6), 2);
        assert_eq!(bytes(&seen, container.path(), "garbage\n\n"), 5, "no default route");
    }

    #[test]
    fn malformed_sysfs_is_read() {
        let host = class(&[("eth0", &["device", "master=/"]), ("eth1", &["device", "master=gone"]), ("br0", &[])]);
        fs::write(host.path().join("eth2"), "not a folder").unwrap();
        assert_eq!(bytes(&[("eth0", 1), ("eth1", 2), ("eth2", 4), ("br0", 8), ("../eth0", 16)], host.path(), ""), 3);
    }

    #[test]
    fn malformed_lines_are_ignored() {
        for text in ["eth0:", "eth0: -5 1 0 0 0 0 0 0 7", "eth0 5", "eth0: 1 2 3", ":::\n\u{0}"] {
            assert_eq!(traffic(text, Path::new("/no/sysfs"), text), Traffic::default(), "{text}");
        }
    }
}
