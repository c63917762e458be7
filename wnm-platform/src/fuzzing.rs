//! The parsers as fuzz targets: each function takes any bytes and asserts the properties that hold for all of them.
//!
//! Each parser has its target beside it. The programs in `fuzz/` call them; a test replays the inputs of `fuzz/corpus`.

use crate::{firewall, manager, observe, service_install, volume};

/// A fuzz target.
#[cfg(test)]
type Target = fn(&[u8]);

/// Every target with its name, which is that of its folder in `fuzz/corpus`.
#[cfg(test)]
const TARGETS: [(&str, Target); 6] = [
    ("http_response", http_response),
    ("systemd_unit", systemd_unit),
    ("property_list", property_list),
    ("antctl_registry", antctl_registry),
    ("crontab", crontab),
    ("tool_output", tool_output),
];

/// Parses the response of a metrics server.
pub fn http_response(bytes: &[u8]) {
    observe::probe::fuzz_response(bytes);
}

/// Parses a unit file or an environment file of systemd.
pub fn systemd_unit(bytes: &[u8]) {
    manager::fuzzing::systemd::unit(bytes);
    manager::fuzzing::systemd::environment(bytes);
}

/// Parses a property list of launchd.
pub fn property_list(bytes: &[u8]) {
    manager::fuzzing::property_list(bytes);
}

/// Parses the registry of antctl.
pub fn antctl_registry(bytes: &[u8]) {
    manager::fuzzing::registry(bytes);
}

/// Finds the jobs of a crontab, and changes its line of wnm.
pub fn crontab(bytes: &[u8]) {
    service_install::fuzz_crontab(bytes);
    service_install::fuzz_cron(bytes);
}

/// Parses the output of systemctl, launchctl, docker and ufw, and the mounts of the kernel.
pub fn tool_output(bytes: &[u8]) {
    manager::fuzzing::systemd::show(bytes);
    manager::fuzzing::launchctl(bytes);
    manager::fuzzing::containers(bytes);
    firewall::fuzz_ufw(bytes);
    volume::fuzz_mounts(bytes);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn committed_inputs_pass() {
        for (name, target) in super::TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
            let mut replayed = 0;
            for input in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
                target(&fs::read(input.unwrap().path()).unwrap());
                replayed += 1;
            }
            assert!(replayed > 0, "{name} has no inputs");
        }
    }
}
