//! The built-in scenarios.

use crate::SimError;
use crate::words::nearest;

macro_rules! scenarios {
    ($($name:literal)*) => {
        /// Names of the built-in scenarios, in the order in which they are listed.
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        /// Returns the text of a built-in scenario; None for an unknown name.
        pub(super) fn text(name: &str) -> Option<&'static str> {
            match name {
                $($name => Some(include_str!(concat!("../../scenarios/", $name, ".toml"))),)*
                _ => None,
            }
        }
    };
}

scenarios! {
    "calm" "noisy" "diurnal" "storms" "jump" "bursts" "neighbour" "disk-waiters" "memory-squeeze" "leaks"
    "filling-disk" "upgrades" "self-upgrades" "need-rise" "reboots" "deaths" "two-volumes" "trace-build" "trace-ramp"
}

/// Returns the error for an unknown scenario, with the closest name or all names as its hint.
pub(super) fn unknown(name: &str) -> SimError {
    // `NAME-16` is a scenario on one host.
    let (scenario, host) = name.rsplit_once('-').filter(|(_, host)| host.parse::<u32>().is_ok()).unzip();
    let host = host.filter(|host| ["64", "16", "4", "2"].contains(host));
    let host = host.map_or_else(String::new, |host| format!("-{host}"));
    let hint = nearest(scenario.unwrap_or(name), NAMES.iter().copied()).map_or_else(
        || {
            format!(
                "use all, a .toml file, or one of {}; NAME-64, NAME-16, NAME-4 and NAME-2 select one host",
                NAMES.join(", ")
            )
        },
        |near| format!("use {near}{host}"),
    );
    SimError::input(format!("no such scenario: {name}")).hint(hint)
}
