//! One suite that every process manager passes, on real processes: fake nodes of the node programs, which this very
//! executable plays when it is copied.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may")]

#[path = "conformance/antctl.rs"]
mod antctl;
#[path = "conformance/changes.rs"]
mod changes;
#[path = "conformance/colony.rs"]
mod colony;
#[path = "conformance/cpu_limit.rs"]
mod cpu_limit;
#[path = "conformance/crashes.rs"]
mod crashes;
#[path = "conformance/figures.rs"]
mod figures;
#[path = "conformance/launchctl.rs"]
mod launchctl;
#[path = "conformance/lifecycle.rs"]
mod lifecycle;
#[path = "conformance/trouble.rs"]
mod trouble;
#[path = "conformance/weight.rs"]
mod weight;

use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use wnm_core::{ManagerKind, Program, Scope};
use wnm_platform::fake_node;

/// What a process manager must stand.
type Check = fn(ManagerKind);

const CHECKS: &[(&str, Check)] = &[
    ("create", lifecycle::create),
    ("create_ant_node", lifecycle::create_ant_node),
    ("create_custom", lifecycle::create_custom),
    ("start_twice", lifecycle::start_twice),
    ("stop_twice", lifecycle::stop_twice),
    ("restart", lifecycle::restart),
    ("upgrade", lifecycle::upgrade),
    ("failed_upgrade_is_rolled_back", lifecycle::failed_upgrade_is_rolled_back),
    ("remove", lifecycle::remove),
    ("remove_partly_removed_nodes", lifecycle::remove_partly_removed_nodes),
    ("discover_after_database_loss", lifecycle::discover_after_database_loss),
    ("paths_with_spaces_and_dashes", lifecycle::paths_with_spaces_and_dashes),
    ("twenty_nodes_at_once", lifecycle::twenty_nodes_at_once),
    ("crash_during_add", crashes::add),
    ("crash_during_start", crashes::start),
    ("crash_during_start_with_upgrade", crashes::start_with_upgrade),
    ("crash_during_stop", crashes::stop),
    ("crash_during_restart", crashes::restart),
    ("crash_during_upgrade", crashes::upgrade),
    ("crash_during_failing_upgrade", crashes::upgrade_that_fails),
    ("crash_during_remove", crashes::remove),
    ("crash_during_move_to_another_volume", changes::moves_to_another_volume),
    ("crash_during_move_on_the_same_volume", changes::moves_on_the_same_volume),
    ("crash_during_move_of_a_stopped_node", changes::moves_stopped),
    ("crash_during_failing_move", changes::fails_to_move),
    ("crash_during_update", changes::updates),
    ("crash_during_failing_update", changes::fails_to_update),
    ("node_ignoring_sigterm_is_killed", trouble::ignores_sigterm),
    ("self_upgrade_keeps_node_running", trouble::upgrades_itself),
    ("ant_node_self_upgrade_keeps_node_running", trouble::ant_node_upgrades_itself),
    ("node_that_exits_at_start_is_rolled_back", trouble::ends_at_once),
    ("port_in_use_fails_the_start", trouble::port_taken),
    ("external_process_on_folder_is_unchanged", trouble::folder_taken),
    ("folder_of_another_node_is_unchanged", trouble::folder_of_another),
    ("removed_node_lingers", trouble::lingers),
    ("process_without_folder_is_found", trouble::folder_lost),
];

fn main() -> ExitCode {
    if fake_node::is_called().is_some() {
        return fake_node::main();
    }
    if antctl::is_called() {
        return antctl::main();
    }
    if launchctl::is_called() {
        return launchctl::main();
    }
    let mut trials = Vec::new();
    for kind in ManagerKind::ALL {
        let is_here = can_work_here(kind);
        // The official manager knows one program only.
        // It also decides the folders and the arguments of its nodes.
        let is_change = |name: &str| name.contains("move_") || name.ends_with("move") || name.ends_with("update");
        let fits = |name: &str| {
            kind.program != Program::Antctl || !name.contains("ant_node") && name != "create_custom" && !is_change(name)
        };
        trials.extend(CHECKS.iter().filter(|(name, _)| fits(name)).map(|(name, check)| {
            let run = move || {
                let _alone = alone(kind);
                check(kind);
                Ok::<(), Failed>(())
            };
            Trial::test(*name, run).with_kind(kind.to_string()).with_ignored_flag(!is_here)
        }));
    }
    for kind in ManagerKind::ALL {
        let run = move || {
            let _alone = alone(kind);
            cpu_limit::throttles_nodes(kind);
            Ok::<(), Failed>(())
        };
        let trial = Trial::test("cpu_limit_throttles_nodes", run).with_kind(kind.to_string());
        trials.push(trial.with_ignored_flag(!can_work_here(kind) || !cpu_limit::can_be_tried(kind)));
    }
    for kind in ManagerKind::ALL {
        let is_launchd = kind.program == Program::Launchd;
        let run = move || {
            let _alone = alone(kind);
            if is_launchd {
                weight::is_in_definitions(kind)
            } else {
                weight::puts_nodes_behind(kind)
            }
            Ok::<(), Failed>(())
        };
        let trial = Trial::test("weight_puts_nodes_behind", run).with_kind(kind.to_string());
        let can_be_tried = can_work_here(kind) && (is_launchd || weight::can_be_tried(kind));
        trials.push(trial.with_ignored_flag(!can_be_tried));
    }
    let system = ManagerKind::new(Program::Systemd, Scope::Sudo);
    let figures = move || {
        let _alone = alone(system);
        figures::two_hundred_nodes(system);
        Ok::<(), Failed>(())
    };
    let trial = Trial::test("two_hundred_nodes", figures).with_kind(system.to_string());
    trials.push(trial.with_ignored_flag(!can_work_here(system)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Tells whether a process manager can be tried on this host; one that cannot is shown as ignored.
fn can_work_here(kind: ManagerKind) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    match kind.program {
        // Against a launchctl and an antctl that are played.
        Program::Setsid | Program::Launchd | Program::Antctl => kind.scope != Scope::Sudo || is_root,
        Program::Systemd => {
            (kind.scope == Scope::Sudo) == is_root && std::path::Path::new("/run/systemd/system").exists()
        }
        // Said to be there by who provides it.
        Program::Docker => std::env::var_os(colony::DOCKER_IMAGE).is_some(),
    }
}

/// Keeps checks apart whose nodes would have the same names in one process manager of the host.
fn alone(kind: ManagerKind) -> Option<MutexGuard<'static, ()>> {
    static ONE: Mutex<()> = Mutex::new(());
    match kind.program {
        // Names are by folder.
        Program::Setsid | Program::Launchd => None,
        Program::Antctl if colony::real_antctl().is_none() => None,
        Program::Systemd | Program::Docker | Program::Antctl => {
            Some(ONE.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }
}
