//! A trial of systemd: a unit is written where those of nodes are, runs, and is removed.

use std::path::Path;

use super::rights::Bus;
use crate::error::PlatformError;

/// A unit that ends at once. systemd reads a unit that it has not loaded from its file, so that no `daemon-reload` is
/// needed, which takes long on hosts with many units.
const UNIT: &str = "\
# Written by `wnm doctor`, which removes it at once.
[Unit]
Description=Trial of wnm doctor
[Service]
Type=oneshot
ExecStart=/bin/sh -c :
TimeoutStartSec=5
";

/// Runs the trial. The unit is removed whatever happens.
///
/// # Errors
/// The folder of the units is not writable, or systemd does not run the unit.
pub(super) fn run(bus: &Bus, folder: &Path) -> Result<(), PlatformError> {
    let name = format!("wnm-trial-{}.service", std::process::id());
    let path = folder.join(&name);
    let ran = bus.write(&path, UNIT).and_then(|()| bus.change(["start", "--", &name]));
    let removed = bus.remove(&path);
    ran.and(removed.map(drop))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use wnm_core::Scope;

    use super::super::rights::Rights;
    use super::*;
    use crate::exec::{Exec, Output};

    #[test]
    fn trial_unit_runs_and_is_removed() {
        for (answer, is_good) in
            [(Output::success(""), true), (Output::failure(1, "Job for wnm-trial-1.service failed."), false)]
        {
            let folder = tempfile::tempdir().unwrap();
            let units = Arc::new(Mutex::new(Vec::new()));
            let (log, place) = (Arc::clone(&units), folder.path().to_owned());
            let exec = Exec::scripted(move |call| {
                let unit = call.arguments.last().map(|name| place.join(name)).unwrap_or_default();
                log.lock().unwrap().push(std::fs::read_to_string(unit).unwrap());
                Ok(answer.clone())
            });
            let bus = Bus { exec, scope: Scope::Sudo, rights: Rights::Own, runtime: None };
            assert_eq!(run(&bus, folder.path()).is_ok(), is_good);
            assert_eq!(*units.lock().unwrap(), [UNIT], "one call, while the unit is there");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn folder_that_cannot_be_written_is_named() {
        let exec = Exec::scripted(|_| Ok(Output::success("")));
        let bus = Bus { exec, scope: Scope::Sudo, rights: Rights::Own, runtime: None };
        let error = run(&bus, Path::new("/proc/self")).unwrap_err().to_string();
        assert!(error.contains("/proc/self"), "{error}");
    }
}
