//! The checks of an addition before it writes a byte: a failed one leaves no files and costs no copy of the program.

use std::path::Path;

use rustix::fs::StatVfsMountFlags;
use wnm_core::steps::ActionRecord;
use wnm_core::{FirewallKind, Node, Timestamp};

use super::{DONE, HostExecutor, Performed, check_owner};
use crate::error::PlatformError;
use crate::files;
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
    /// Checks process manager, ports, name, firewall, program, arguments, rights and volume for a new node, and creates its
    /// folders.
    pub(super) fn folder(&mut self, record: &ActionRecord, now: Timestamp, node: &Node) -> Performed {
        check_owner(node)?;
        self.manager.supports(node)?;
        if let Some(wait) = self.check_unused(node, now.since(record.waiting_since()))? {
            return Ok(wait);
        }
        self.check_tools()?;
        self.manager.check_name(node)?;
        let program = if node.manager.chooses_program() { None } else { Some(self.check_program(node)?) };
        let (storage, crisis) = (self.settings.storage.clone(), self.settings.crisis.0);
        self.on_volume(node, move |node| {
            // The folder of an interrupted step has passed the checks.
            if node_dir::owner(node)? != Owner::This {
                node_dir::check_around(node)?;
                check_volume(node, crisis, program)?;
            }
            node_dir::create(node, &storage)?;
            DONE
        })
    }

    /// Checks process manager and firewall, once for all additions of a cycle.
    fn check_tools(&mut self) -> Result<(), PlatformError> {
        if self.has_tools {
            return Ok(());
        }
        self.manager.check()?;
        match self.firewall.check() {
            // The default firewall of a process manager opens the ports where it is installed.
            Err(PlatformError::NoFirewall { kind }) if kind == FirewallKind::of(self.settings.manager) => {}
            checked => checked?,
        }
        self.has_tools = true;
        Ok(())
    }

    /// Checks that the node program is one of its flavor for this machine and accepts the arguments of a node, and returns
    /// its size in bytes; where new nodes get the program of another node, the size of that.
    fn check_program(&self, node: &Node) -> Result<u64, PlatformError> {
        let size = |program: &Path| files::symlink_metadata(program).map_or(0, |file| file.len());
        if let Some(largest) =
            self.donors().and_then(|(_, donors)| donors.iter().map(|donor| size(&donor.binary)).max())
        {
            return Ok(largest);
        }
        if let Some(platform) = self.platform {
            platform.program_version(self.settings)?;
            platform.check_arguments(self.settings, node)?;
        }
        Ok(files::metadata(&self.settings.binary).map_or(0, |file| file.len()))
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
    path.ancestors().find(|folder| files::exists(folder)).unwrap_or(path)
}

/// Checks that a volume has inodes for more files. A file system without a fixed number of inodes has none to count.
fn check_inodes(folder: &Path, needed: u64) -> Result<(), PlatformError> {
    let Ok(volume) = files::statvfs(folder) else { return Ok(()) };
    if volume.f_files == 0 || volume.f_favail >= needed {
        return Ok(());
    }
    Err(PlatformError::NoInodes { path: folder.to_owned(), needed, available: volume.f_favail })
}

/// Checks that programs can run from a volume.
fn check_executable(folder: &Path) -> Result<(), PlatformError> {
    files::statvfs(folder).map_or(Ok(()), |volume| refuse_noexec(folder, volume.f_flag))
}

fn refuse_noexec(folder: &Path, flags: StatVfsMountFlags) -> Result<(), PlatformError> {
    if flags.intersects(NOEXEC) {
        return Err(PlatformError::NoExec { path: folder.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use wnm_core::steps::{ActionId, Effect, Executor as _, Outcome, Step, take_step};
    use wnm_core::{
        Action, FailureCause, FirewallKind, HostDefaults, ManagerKind, NodeId, Planned, Program, RawSettings, Reason,
        Scope, Settings,
    };

    use super::*;
    use crate::error::{EngineProblem, FileOperation, NameHolder, Refusal};
    use crate::firewall::{Closed, Firewall, Rule};
    use crate::manager::{Found, Listed, ProcessManager, Service, StopSignal};
    use crate::node_dir::tests::node_at;
    use crate::transfer::Movers;

    const SETSID: ManagerKind = ManagerKind::new(Program::Setsid, Scope::User);
    const SYSTEM: ManagerKind = ManagerKind::new(Program::Systemd, Scope::Sudo);

    /// A part of a host that refuses an addition, with an error that only it makes.
    #[derive(Clone, Copy)]
    enum Fault {
        None,
        Manager(fn() -> PlatformError),
        Name(fn() -> PlatformError),
        Node(fn() -> PlatformError),
        Firewall(fn() -> PlatformError),
    }

    struct FaultyManager(Fault);

    impl ProcessManager for FaultyManager {
        fn kind(&self) -> ManagerKind {
            SETSID
        }
        fn check(&self) -> Result<(), PlatformError> {
            if let Fault::Manager(error) = self.0 { Err(error()) } else { Ok(()) }
        }
        fn check_name(&self, _: &Node) -> Result<(), PlatformError> {
            if let Fault::Name(error) = self.0 { Err(error()) } else { Ok(()) }
        }
        fn supports(&self, _: &Node) -> Result<(), PlatformError> {
            if let Fault::Node(error) = self.0 { Err(error()) } else { Ok(()) }
        }
        fn define(&self, _: &Node) -> Result<(), PlatformError> {
            panic!("a node was defined")
        }
        fn start(&self, _: &Node) -> Result<(), PlatformError> {
            panic!("a node was started")
        }
        fn stop(&self, _: &Node, _: StopSignal) -> Result<(), PlatformError> {
            panic!("a node was stopped")
        }
        fn undefine(&self, _: &Node) -> Result<(), PlatformError> {
            panic!("a node was undefined")
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

    struct FaultyFirewall(Fault);

    impl Firewall for FaultyFirewall {
        fn check(&self) -> Result<(), PlatformError> {
            if let Fault::Firewall(error) = self.0 { Err(error()) } else { Ok(()) }
        }
        fn open(&self, _: u16, _: &str) -> Result<(), PlatformError> {
            panic!("a port was opened")
        }
        fn close(&self, _: u16, _: &str) -> Result<(), PlatformError> {
            panic!("a port was closed")
        }
        fn rules(&self) -> Result<Vec<Rule>, PlatformError> {
            Ok(Vec::new())
        }
        fn closed(&self, _: &BTreeSet<u16>) -> Result<BTreeMap<u16, Closed>, PlatformError> {
            Ok(BTreeMap::new())
        }
    }

    struct NoJournal;

    impl wnm_core::steps::Journal for NoJournal {
        fn step_done(
            &mut self,
            _: ActionId,
            _: &wnm_core::steps::StepRecord,
        ) -> Result<(), wnm_core::steps::JournalError> {
            Ok(())
        }
        fn turned_back(
            &mut self,
            _: ActionId,
            _: &wnm_core::steps::StepFailure,
        ) -> Result<(), wnm_core::steps::JournalError> {
            Ok(())
        }
    }

    /// Adds a node below a storage folder, and returns the effect of the first step and the outcome if that failed.
    fn add(storage: &Path, manager: ManagerKind, fault: Fault) -> (Effect, Option<Outcome>) {
        let programs = storage.with_file_name("programs");
        fs::create_dir_all(&programs).unwrap();
        fs::write(programs.join("antnode"), "").unwrap();
        let host = HostDefaults { cpus: 2, storage: storage.to_owned(), programs, manager };
        let mut raw = RawSettings::default();
        raw.set("rewards_address", "faucet").unwrap();
        let settings = Settings::new(&raw, &host).unwrap();
        let node = Node { manager, ..node_at(&storage.join("antnode0001")) };
        let planned =
            Planned { action: Action::Add { node: node.id }, reason: Reason::HeadroomToAdd { total: 0, cap: 1 } };
        let mut record = ActionRecord::new(ActionId(1), planned, Timestamp::default());
        let (manager, firewall, movers) = (FaultyManager(fault), FaultyFirewall(fault), Movers::default());
        let nodes = BTreeMap::from([(node.id, node)]);
        let mut executor = HostExecutor::new(&manager, &firewall, &movers, &settings, &nodes);
        let effect = executor.perform(&record, Step::Folder, Timestamp::default());
        if !matches!(effect, Effect::Failed(_)) {
            return (effect, None);
        }
        for _ in 0..20 {
            let outcome = take_step(&mut record, &mut executor, &mut NoJournal, Timestamp::default());
            if outcome.is_some() {
                return (effect, outcome);
            }
        }
        panic!("the addition does not end");
    }

    /// Each cause is found before a file exists, has its kind, and its undo neither calls a tool nor touches a folder.
    #[test]
    fn impossible_addition_makes_no_folder() {
        let taken: fn() -> PlatformError = || PlatformError::Taken {
            node: NodeId::FIRST,
            name: "unit x".to_owned(),
            holder: NameHolder::ExternalUnit,
        };
        let engine: fn() -> PlatformError =
            || PlatformError::Engine { command: "docker ps".to_owned(), problem: EngineProblem::NotRunning };
        let image: fn() -> PlatformError =
            || PlatformError::ImageAbsent { image: "x".to_owned(), command: "docker pull x".to_owned() };
        let closed: fn() -> PlatformError =
            || PlatformError::Engine { command: "docker ps".to_owned(), problem: EngineProblem::NotPermitted };
        let asks: fn() -> PlatformError = || PlatformError::SudoAsks { command: "ufw show added".to_owned() };
        let hung: fn() -> PlatformError = || PlatformError::Hung {
            command: "ufw show added".to_owned(),
            deadline: std::time::Duration::from_secs(7),
            printed: String::new(),
        };
        let absent: fn() -> PlatformError = || PlatformError::NoFirewall { kind: FirewallKind::Ufw };
        let unreachable: fn() -> PlatformError = || PlatformError::Refused {
            path: "/x/antnode0001".into(),
            reason: Refusal::ClosedTo { closed: "/x".into(), user: "ant" },
        };
        for (fault, cause, text) in [
            (Fault::Name(taken), FailureCause::Number, "is taken"),
            (Fault::Manager(engine), FailureCause::Tool, "daemon does not run"),
            (Fault::Manager(image), FailureCause::Tool, "is not on this host"),
            (Fault::Manager(closed), FailureCause::Rights, "may not use the docker daemon"),
            (Fault::Manager(asks), FailureCause::Rights, "sudo asks for a password"),
            (Fault::Firewall(asks), FailureCause::Rights, "sudo asks for a password"),
            (Fault::Firewall(hung), FailureCause::Tool, "did not exit"),
            (Fault::Firewall(absent), FailureCause::Tool, "ufw is not installed"),
            (Fault::Node(unreachable), FailureCause::Rights, "may not enter /x"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let storage = folder.path().join("node");
            let (effect, outcome) = add(&storage, SETSID, fault);
            let Effect::Failed(error) = effect else { panic!("{text}: {effect:?}") };
            assert!(error.message.contains(text), "{error}");
            assert_eq!(error.cause, cause, "{error}");
            let Some(Outcome::Failed(failure)) = outcome else { panic!("{text}: {outcome:?}") };
            assert!(failure.rolled_back, "{failure:?}");
            assert!(!storage.exists(), "{text}: a folder was made");
        }
    }

    /// Another user could exchange the files that root believes.
    #[test]
    fn storage_folder_of_several_users_gets_no_node_of_root() {
        let folder = tempfile::tempdir().unwrap();
        let storage = folder.path().join("node");
        fs::create_dir(&storage).unwrap();
        fs::set_permissions(&storage, fs::Permissions::from_mode(0o777)).unwrap();
        let (effect, _) = add(&storage, SYSTEM, Fault::None);
        let Effect::Failed(error) = effect else { panic!("{effect:?}") };
        assert_eq!(error.cause, FailureCause::Rights, "{error}");
        assert!(error.message.contains("another user can write"), "{error}");
        assert_eq!(fs::read_dir(&storage).unwrap().count(), 0);
        fs::set_permissions(&storage, fs::Permissions::from_mode(0o755)).unwrap();
        let (effect, _) = add(&storage, SYSTEM, Fault::None);
        assert!(matches!(effect, Effect::Done(_)), "{effect:?}");
    }

    /// The default firewall of a process manager opens the ports where it is installed.
    #[test]
    fn default_firewall_may_be_absent() {
        let folder = tempfile::tempdir().unwrap();
        let absent = Fault::Firewall(|| PlatformError::NoFirewall { kind: FirewallKind::Ufw });
        let (effect, _) = add(&folder.path().join("node"), SYSTEM, absent);
        assert!(matches!(effect, Effect::Done(_)), "{effect:?}");
    }

    /// A right that the user lacks has nothing to do with the number, except where another user made its folder.
    #[test]
    fn closed_marker_is_a_taken_number() {
        for (path, cause) in
            [("/x/antnode0001", FailureCause::Rights), ("/x/antnode0001/.wnm-node", FailureCause::Number)]
        {
            let source = rustix::io::Errno::ACCESS.into();
            let error = PlatformError::File { operation: FileOperation::Read, path: path.into(), source };
            assert_eq!(error.kind_of_cause(), cause, "{path}");
        }
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
        let files = files::statvfs(folder.path()).unwrap().f_files;
        assert_eq!(check_inodes(folder.path(), u64::MAX).is_err(), files > 0);
    }
}
