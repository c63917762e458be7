//! One suite that every process manager passes, on real processes: stand-ins of the node programs, which this very
//! executable plays when it is copied.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may")]

#[path = "conformance/crashes.rs"]
mod crashes;
#[path = "conformance/lifecycle.rs"]
mod lifecycle;
#[path = "conformance/stand.rs"]
mod stand;
#[path = "conformance/trouble.rs"]
mod trouble;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use wnm_core::ManagerKind;
use wnm_platform::{manager, standin};

/// What a process manager must stand.
type Check = fn(ManagerKind);

const CHECKS: &[(&str, Check)] = &[
    ("create", lifecycle::create),
    ("create_ant_node", lifecycle::create_ant_node),
    ("start_twice", lifecycle::start_twice),
    ("stop_twice", lifecycle::stop_twice),
    ("restart", lifecycle::restart),
    ("upgrade", lifecycle::upgrade),
    ("upgrade_that_fails_is_rolled_back", lifecycle::upgrade_that_fails_is_rolled_back),
    ("remove", lifecycle::remove),
    ("remove_what_is_half_removed", lifecycle::remove_what_is_half_removed),
    ("discover_after_the_database_is_lost", lifecycle::discover_after_the_database_is_lost),
    ("paths_with_spaces_and_dashes", lifecycle::paths_with_spaces_and_dashes),
    ("twenty_nodes_at_once", lifecycle::twenty_nodes_at_once),
    ("crash_during_add", crashes::add),
    ("crash_during_start", crashes::start),
    ("crash_during_start_with_upgrade", crashes::start_with_upgrade),
    ("crash_during_stop", crashes::stop),
    ("crash_during_restart", crashes::restart),
    ("crash_during_upgrade", crashes::upgrade),
    ("crash_during_upgrade_that_fails", crashes::upgrade_that_fails),
    ("crash_during_remove", crashes::remove),
    ("a_node_that_ignores_sigterm_is_killed_in_the_end", trouble::ignores_sigterm),
    ("a_node_that_upgrades_itself_stays_the_same_node", trouble::upgrades_itself),
    ("a_node_that_ends_at_once_is_rolled_back", trouble::ends_at_once),
    ("a_taken_port_is_not_fought_for", trouble::port_taken),
    ("a_foreign_process_on_the_folder_is_left_alone", trouble::folder_taken),
    ("the_folder_of_another_node_is_left_alone", trouble::folder_of_another),
    ("a_node_lingers_before_its_folder_goes", trouble::lingers),
    ("a_lost_folder_does_not_hide_its_process", trouble::folder_lost),
];

fn main() -> ExitCode {
    if standin::is_called().is_some() {
        return standin::main();
    }
    let mut trials = Vec::new();
    for kind in ManagerKind::ALL {
        // One that cannot work here, such as for want of rights, is shown as ignored.
        let is_here = manager::open(kind).is_ok();
        trials.extend(CHECKS.iter().map(|(name, check)| {
            let run = move || {
                check(kind);
                Ok::<(), Failed>(())
            };
            Trial::test(*name, run).with_kind(kind.to_string()).with_ignored_flag(!is_here)
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
