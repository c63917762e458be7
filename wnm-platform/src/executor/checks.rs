//! The checks of an addition before it writes a byte: a failed one leaves no files and costs no copy of the program.

use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};
use wnm_core::steps::ActionRecord;
use wnm_core::{Node, Timestamp};

use super::{DONE, HostExecutor, Performed, check_owner};
use crate::error::PlatformError;
use crate::node_dir::{self, Owner, check_free_space};

/// The inodes of a new node at its start: its folders, program, logs and first records. The policy has its own, larger
/// number for the growth of the node.
const INODES: u64 = 100;

/// The mount option that forbids programs. statvfs(3) of macOS does not report it.
#[cfg(target_os = "linux")]
const NOEXEC: StatVfsMountFlags = StatVfsMountFlags::NOEXEC;
#[cfg(not(target_os = "linux"))]
const NOEXEC: StatVfsMountFlags = StatVfsMountFlags::empty();

impl HostExecutor<'_> {
    /// Checks process manager, ports, name, folder, program and volume for a new node, and creates its folders.
    pub(super) fn folder(&self, record: &ActionRecord, now: Timestamp, node: &Node) -> Performed {
        check_owner(node)?;
        self.manager.supports(node)?;
        if let Some(wait) = self.check_unused(node, now.since(record.waiting_since()))? {
            return Ok(wait);
        }
        self.manager.check_name(node)?;
        let program = if node.manager.chooses_program() { None } else { Some(self.check_program()?) };
        let (storage, crisis) = (self.settings.storage.clone(), self.settings.crisis.0);
        self.on_volume(node, move |node| {
            // The folder of an interrupted step has passed the checks.
            if node_dir::owner(node)? != Owner::This {
                check_volume(node, crisis, program)?;
            }
            node_dir::create(node, &storage)?;
            DONE
        })
    }

    /// Checks that the node program is one of its flavor for this machine, and returns its size in bytes.
    fn check_program(&self) -> Result<u64, PlatformError> {
        if let Some(platform) = self.platform {
            platform.program_version(self.settings)?;
        }
        Ok(self.settings.binary.metadata().map_or(0, |file| file.len()))
    }
}

/// Checks that a volume has space and inodes for a new node, and can run its program of this size in bytes.
fn check_volume(node: &Node, crisis: u64, program: Option<u64>) -> Result<(), PlatformError> {
    let place = existing(&node.root_dir);
    check_inodes(place, INODES)?;
    check_free_space(place, crisis.saturating_add(program.unwrap_or_default()))?;
    match program {
        Some(_) => check_executable(existing(&node_dir::installed(node))),
        None => Ok(()),
    }
}

/// Returns the closest folder on the way to a path that exists.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|folder| folder.exists()).unwrap_or(path)
}

/// Checks that a volume has inodes for more files. A file system without a fixed number of inodes has none to count.
fn check_inodes(folder: &Path, needed: u64) -> Result<(), PlatformError> {
    let Ok(volume) = statvfs(folder) else { return Ok(()) };
    if volume.f_files == 0 || volume.f_favail >= needed {
        return Ok(());
    }
    Err(PlatformError::NoInodes { path: folder.to_owned(), needed, available: volume.f_favail })
}

/// Checks that programs can run from a volume.
fn check_executable(folder: &Path) -> Result<(), PlatformError> {
    statvfs(folder).map_or(Ok(()), |volume| refuse_noexec(folder, volume.f_flag))
}

fn refuse_noexec(folder: &Path, flags: StatVfsMountFlags) -> Result<(), PlatformError> {
    if flags.intersects(NOEXEC) {
        return Err(PlatformError::NoExec { path: folder.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use wnm_core::steps::{ActionId, Effect, Executor as _, Step};
    use wnm_core::{
        Action, FirewallKind, HostDefaults, ManagerKind, NodeId, Planned, Program, RawSettings, Reason, Scope, Settings,
    };

    use super::*;
    use crate::error::NameHolder;
    use crate::firewall;
    use crate::manager::{Found, Listed, ProcessManager, Service, StopSignal};
    use crate::node_dir::tests::node_at;
    use crate::transfer::Movers;

    const SETSID: ManagerKind = ManagerKind::new(Program::Setsid, Scope::User);

    /// A manager in which another service has each name.
    struct Full;

    impl ProcessManager for Full {
        fn kind(&self) -> ManagerKind {
            SETSID
        }
        fn check_name(&self, node: &Node) -> Result<(), PlatformError> {
            let name = node.id.name();
            Err(PlatformError::Taken { node: node.id, name, holder: NameHolder::ExternalUnit })
        }
        fn define(&self, _: &Node) -> Result<(), PlatformError> {
            Ok(())
        }
        fn start(&self, _: &Node) -> Result<(), PlatformError> {
            Ok(())
        }
        fn stop(&self, _: &Node, _: StopSignal) -> Result<(), PlatformError> {
            Ok(())
        }
        fn undefine(&self, _: &Node) -> Result<(), PlatformError> {
            Ok(())
        }
        fn survey(&self, nodes: &[&Node]) -> BTreeMap<NodeId, Service> {
            nodes.iter().map(|node| (node.id, Service::Stopped)).collect()
        }
        fn discover(&self, _: &[PathBuf]) -> Result<Vec<Found>, PlatformError> {
            Ok(Vec::new())
        }
        fn services(&self) -> Result<Vec<Listed>, PlatformError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn addition_under_a_taken_name_makes_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let storage = folder.path().join("node");
        let programs = folder.path().to_owned();
        let host = HostDefaults { cpus: 2, storage: storage.clone(), programs, manager: SETSID };
        let mut raw = RawSettings::default();
        raw.set("rewards_address", "faucet").unwrap();
        let settings = Settings::new(&raw, &host).unwrap();
        let node = Node { manager: SETSID, ..node_at(&storage.join("antnode0001")) };
        let planned =
            Planned { action: Action::Add { node: node.id }, reason: Reason::HeadroomToAdd { total: 0, cap: 1 } };
        let record = ActionRecord::new(ActionId(1), planned, Timestamp::default());
        let (firewall, movers) = (firewall::open(FirewallKind::None), Movers::default());
        let nodes = BTreeMap::from([(node.id, node)]);
        let mut executor = HostExecutor::new(&Full, firewall.as_ref(), &movers, &settings, &nodes);
        let effect = executor.perform(&record, Step::Folder, Timestamp::default());
        assert!(matches!(&effect, Effect::Failed(error) if error.message.contains("is taken")), "{effect:?}");
        assert!(!storage.exists(), "a folder was made");
    }

    #[test]
    fn volume_without_programs_is_recognised() {
        let at = Path::new("/x");
        let nosuid = StatVfsMountFlags::NOSUID;
        assert!(NOEXEC.is_empty() || refuse_noexec(at, NOEXEC | nosuid).is_err());
        refuse_noexec(at, nosuid).unwrap();
        let folder = tempfile::tempdir().unwrap();
        check_executable(existing(&folder.path().join("a/b"))).unwrap();
        check_inodes(folder.path(), 1).unwrap();
        let files = statvfs(folder.path()).unwrap().f_files;
        assert_eq!(check_inodes(folder.path(), u64::MAX).is_err(), files > 0);
    }
}
