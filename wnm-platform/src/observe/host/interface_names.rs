//! Network interfaces that lead out of the host, by their names.

/// Returns the interfaces with names of hardware, for a host without sysfs and for macOS; without one, all that no layer has.
pub(super) fn by_name<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let pick = |matches: fn(&str) -> bool| names.iter().copied().filter(|name| matches(name)).collect::<Vec<_>>();
    let physical = pick(is_hardware_name);
    if !physical.is_empty() {
        return physical;
    }
    let plain = pick(|name| !is_layer_name(name));
    if plain.is_empty() { names.to_vec() } else { plain }
}

/// Tells whether a name is one that the kernel or systemd gives to hardware: `eth0`, `enp3s0`, `wlan0`, `wwan0`, `ib0`.
fn is_hardware_name(name: &str) -> bool {
    const PREFIXES: [&str; 8] = ["eth", "en", "wl", "ww", "em", "ib", "usb", "venet"];
    !name.contains('.') && PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn is_layer_name(name: &str) -> bool {
    const PREFIXES: [&str; 21] = [
        "veth",
        "docker",
        "br",
        "virbr",
        "vmbr",
        "vnet",
        "vlan",
        "vxlan",
        "cni",
        "flannel",
        "cali",
        "ifb",
        "dummy",
        "tun",
        "tap",
        "wg",
        "bond",
        "team",
        "tailscale",
        "zt",
        "podman",
    ];
    name.contains('.') || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
