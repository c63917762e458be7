//! The scenarios that are built in.

use crate::words::nearest;

macro_rules! scenarios {
    ($($name:literal)*) => {
        /// Their names, in the order in which they are told.
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        /// Returns the text of one; None where there is none of this name.
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
    "filling-disk" "upgrades" "reboots" "deaths" "two-volumes" "trace-build" "trace-ramp"
}

/// Says that there is no such scenario, and which there are.
pub(super) fn unknown(name: &str) -> String {
    let hint = nearest(name, NAMES.iter().copied()).map(|near| format!("did you mean {near}? ")).unwrap_or_default();
    format!(
        "scenario {name:?} is not known; {hint}There are {}, each also as NAME-16 and NAME-2, all, or a .toml file",
        NAMES.join(", ")
    )
}
