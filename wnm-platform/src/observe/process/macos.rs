//! Processes of macOS.

use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

use super::{Isolation, Liveness, ProcessInfo};

/// Returns the process with this PID, or all processes.
pub(super) fn facts(pid: Option<u32>) -> Vec<ProcessInfo> {
    let Ok(mut system) = System::new() else { return Vec::new() };
    let wanted: Vec<Pid> = pid.into_iter().map(Pid::from_u32).collect();
    let which = if wanted.is_empty() { ProcessesToUpdate::All } else { ProcessesToUpdate::Some(&wanted) };
    let kind = ProcessRefreshKind::nothing()
        .with_exe(UpdateKind::Always)
        .with_cmd(UpdateKind::Always)
        .with_cwd(UpdateKind::Always);
    system.refresh_processes_specifics(which, true, kind);
    let mut found: Vec<ProcessInfo> = system
        .processes()
        .values()
        .map(|process| ProcessInfo {
            pid: process.pid().as_u32(),
            parent: process.parent().map_or(0, Pid::as_u32),
            start: process.start_time(),
            life: match process.status() {
                ProcessStatus::Zombie | ProcessStatus::Dead => Liveness::Ended,
                _ => Liveness::Alive,
            },
            user: None,
            executable: process.exe().map(Into::into),
            arguments: process.cmd().to_vec(),
            working_dir: process.cwd().map(Into::into),
            implied_root: None,
            isolation: Isolation::default(),
        })
        .collect();
    found.sort_by_key(|facts| facts.pid);
    found
}
