//! Versions of node programs on disk. A file runs with `--version` only once; the result is cached.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use wnm_core::{CachedProgram, Flavor, Node, ProgramCache, Settings, Version, VersionResult};

use crate::error::PlatformError;
use crate::exec::{self, Call, Environment, Exec};
pub use crate::exec::{check_owner, check_owner_as_root};
use crate::files;

/// The time that a program has to print its version, unless other ones have used it up in the last minute.
const DEADLINE: Duration = exec::PATIENCE;
/// The number of timeouts after which a file does not run again: each costs a cycle the whole deadline.
const MAX_TIMEOUTS: u32 = 3;
/// The value of `PATH` for `--version`, the only variable in the environment.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Returns the version of the program that new nodes get, by running it.
///
/// # Errors
/// The program is missing, not executable, for another machine, another program, or does not exit in time.
pub fn version_of(settings: &Settings) -> Result<Version, PlatformError> {
    check_owner(&settings.binary)?;
    BinaryCache::default().version(&Exec::real(), &settings.flavor, &settings.binary)
}

/// The cache of program versions, indexed by file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BinaryCache {
    entries: BTreeMap<FileKey, Entry>,
}

/// The device and inode numbers of a file. A file that replaces another one usually gets a new inode.
type FileKey = (u64, u64);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    program: CachedProgram,
    /// Whether a lookup found the entry since the last [`BinaryCache::forget_unused`].
    is_used: bool,
}

impl BinaryCache {
    /// Builds the index of a stored cache.
    #[must_use]
    pub fn load(stored: ProgramCache) -> Self {
        let entry = |program: CachedProgram| ((program.device, program.inode), Entry { program, is_used: false });
        Self { entries: stored.files.into_iter().map(entry).collect() }
    }

    /// Returns the cache in the form that the store saves.
    #[must_use]
    pub fn save(&self) -> ProgramCache {
        ProgramCache::new(self.entries.values().map(|entry| entry.program.clone()).collect())
    }

    /// Removes every entry that no lookup found since the last call.
    pub fn forget_unused(&mut self) {
        self.entries.retain(|_, entry| std::mem::take(&mut entry.is_used));
    }

    /// Returns the cached version of a program; None when the program has to run.
    ///
    /// # Errors
    /// The file is missing or not executable, or the cache says that it is not a usable program of this flavor.
    pub fn known(&mut self, flavor: &Flavor, path: &Path) -> Result<Option<Version>, PlatformError> {
        let file = examine(path)?;
        match self.lookup(flavor, &file) {
            None => Ok(None),
            Some(VersionResult::TimedOut(times)) if *times < MAX_TIMEOUTS => Ok(None),
            Some(result) => into_version(result.clone(), flavor, path).map(Some),
        }
    }

    /// Returns the version of a program, from the cache or else by running it.
    ///
    /// # Errors
    /// The file is missing, not executable, for another machine, another program, or does not exit in time.
    pub fn version(&mut self, exec: &Exec, flavor: &Flavor, path: &Path) -> Result<Version, PlatformError> {
        self.version_with(exec, flavor, path, |call| call)
    }

    /// Returns the version of a program as [`version`](Self::version), and runs the call that `rights` makes of it.
    ///
    /// # Errors
    /// As [`version`](Self::version).
    pub(crate) fn version_with(
        &mut self,
        exec: &Exec,
        flavor: &Flavor,
        path: &Path,
        rights: impl FnOnce(Call) -> Call,
    ) -> Result<Version, PlatformError> {
        if let Some(version) = self.known(flavor, path)? {
            return Ok(version);
        }
        // Examined before the run: a file that changes meanwhile then gets an entry that no lookup matches.
        let file = examine(path)?;
        let timeouts = match self.lookup(flavor, &file) {
            Some(VersionResult::TimedOut(times)) => *times,
            Some(_) | None => 0,
        };
        let result = match run_for_version(exec, flavor, rights(version_call(path))) {
            Ok(result) => result,
            // Less time is no evidence against this program: others were slow.
            Err(PlatformError::Hung { deadline, .. }) if deadline >= DEADLINE => VersionResult::TimedOut(timeouts + 1),
            // The hang that this call waits for is a hang of this program.
            Err(PlatformError::NotAsked { .. }) if timeouts > 0 => VersionResult::TimedOut(timeouts),
            Err(error) => return Err(error),
        };
        let program = CachedProgram {
            device: file.dev(),
            inode: file.ino(),
            modified: file.mtime(),
            modified_nanos: file.mtime_nsec(),
            size: file.size(),
            flavor: flavor.clone(),
            result: result.clone(),
        };
        self.entries.insert((file.dev(), file.ino()), Entry { program, is_used: true });
        into_version(result, flavor, path)
    }

    fn lookup(&mut self, flavor: &Flavor, file: &Metadata) -> Option<&VersionResult> {
        let entry = self.entries.get_mut(&(file.dev(), file.ino()))?;
        let known = &entry.program;
        // An inode number is reused after a deletion, so time and size are compared too.
        let is_same = known.flavor == *flavor
            && (known.modified, known.modified_nanos) == (file.mtime(), file.mtime_nsec())
            && known.size == file.size();
        entry.is_used |= is_same;
        is_same.then_some(&entry.program.result)
    }
}

fn into_version(result: VersionResult, flavor: &Flavor, path: &Path) -> Result<Version, PlatformError> {
    let path = path.to_owned();
    match result {
        VersionResult::Version(version) => Ok(version),
        VersionResult::OtherProgram(printed) => {
            Err(PlatformError::BinaryUnrecognized { path, flavor: flavor.clone(), printed })
        }
        VersionResult::OtherMachine => Err(PlatformError::BinaryOtherMachine { path }),
        VersionResult::TimedOut(_) => Err(PlatformError::BinaryHangs { path }),
    }
}

/// Checks that a file exists and is executable, without running it.
fn examine(path: &Path) -> Result<Metadata, PlatformError> {
    let file = files::metadata(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            PlatformError::BinaryMissing { path: path.to_owned() }
        }
        _ => PlatformError::BinaryNotExecutable { path: path.to_owned() },
    })?;
    if file.is_file() && files::is_accessible(path, rustix::fs::Access::EXEC_OK) {
        Ok(file)
    } else {
        Err(PlatformError::BinaryNotExecutable { path: path.to_owned() })
    }
}

/// Returns the call that prints the version of a program.
pub(crate) fn version_call(path: &Path) -> Call {
    // Without the environment of wnm: `ant-node` reads its settings from `ANT_*` variables.
    Call::new(path).arg("--version").within(DEADLINE).only_environment([("PATH".to_owned(), PATH.to_owned())])
}

/// Checks that the program of new nodes accepts the arguments of a node, by a run that prints its version, with the
/// configured environment of the node. A custom program is not run: it may read `--version` beside other arguments
/// differently.
///
/// # Errors
/// The program refuses the arguments, or does not exit in time.
pub(crate) fn check_arguments(exec: &Exec, settings: &Settings, node: &Node) -> Result<(), PlatformError> {
    let mut call = version_call(&settings.binary);
    if let Environment::Only(variables) = &mut call.environment {
        variables.extend(node.environment.iter().cloned());
    }
    match node.flavor {
        // Arguments after the payment network belong to it, as it is a subcommand.
        Flavor::Antnode => call.arguments.extend(node.flavor.arguments(node).into_iter().map(OsString::from)),
        // ant-node reads no arguments after `--version`.
        Flavor::AntNode => {
            call.arguments.splice(0..0, node.flavor.arguments(node).into_iter().map(OsString::from));
        }
        Flavor::Custom(_) => return Ok(()),
    }
    let refused = |printed| Err(PlatformError::ArgumentsRefused { path: settings.binary.clone(), printed });
    match exec.run(&call) {
        Ok(output) if output.is_success() => Ok(()),
        Ok(output) => refused(Some(output.message()).filter(|line| !line.is_empty()).unwrap_or_else(|| output.ended())),
        Err(PlatformError::Hung { deadline, .. }) => {
            refused(format!("--version does not exit within {} s", deadline.as_secs_f64()))
        }
        Err(error) => Err(error),
    }
}

/// Runs a program with `--version` and reads the output.
fn run_for_version(exec: &Exec, flavor: &Flavor, call: Call) -> Result<VersionResult, PlatformError> {
    match exec.run(&call) {
        Ok(output) => Ok(match flavor.version_in(&output.text()) {
            Some(version) => VersionResult::Version(version),
            None => VersionResult::OtherProgram(output.message()),
        }),
        Err(PlatformError::NotStarted { source, .. }) if is_other_machine(&source) => Ok(VersionResult::OtherMachine),
        Err(error) => Err(error),
    }
}

/// Tells whether the kernel refused an existing file because of its format.
///
/// `execve` answers ENOEXEC for another processor, and ENOENT when the loader or the interpreter named in the file is
/// missing, as on musl hosts for glibc programs. The file itself exists: [`examine`] has seen it.
fn is_other_machine(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::exec::Output;

    fn program(folder: &Path, name: &str, content: &[u8]) -> std::path::PathBuf {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn antnode(folder: &Path, text: &str) -> std::path::PathBuf {
        program(folder, "antnode", format!("#!/bin/sh\n# {text}\necho '{text}'\n").as_bytes())
    }

    fn version_now(path: &Path) -> Result<Version, PlatformError> {
        BinaryCache::default().version(&Exec::real(), &Flavor::Antnode, path)
    }

    #[test]
    fn program_runs_once_until_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = antnode(folder.path(), "one");
        let runs = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&runs);
        let exec = Exec::scripted(move |call| {
            assert_eq!(call.arguments, ["--version"]);
            let n = count.fetch_add(1, Ordering::Relaxed);
            Ok(Output::success(format!("Autonomi Node v0.4.{n}\n")))
        });
        let mut cache = BinaryCache::default();
        let version = |cache: &mut BinaryCache| cache.version(&exec, &Flavor::Antnode, &path).unwrap();
        assert_eq!(version(&mut cache), Version::new(0, 4, 0));
        let mut restored = BinaryCache::load(cache.save());
        assert_eq!(version(&mut restored), Version::new(0, 4, 0));
        antnode(folder.path(), "another text");
        assert_eq!(version(&mut restored), Version::new(0, 4, 1));
        assert_eq!(runs.load(Ordering::Relaxed), 2);
        restored.forget_unused();
        assert_ne!(restored, BinaryCache::default());
        restored.forget_unused();
        assert_eq!(restored, BinaryCache::default());
    }

    #[test]
    fn unusable_programs_are_distinguished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert_eq!(version_now(&antnode(path, "Autonomi Node v0.4.10-rc.1")).unwrap().to_string(), "0.4.10-rc.1");
        assert!(matches!(version_now(&path.join("none")), Err(PlatformError::BinaryMissing { .. })));
        assert!(matches!(version_now(path), Err(PlatformError::BinaryNotExecutable { .. })));
        let other = version_now(&program(path, "bash", b"#!/bin/sh\necho 'GNU bash, version 5.2.15'\n"));
        assert!(
            matches!(other, Err(PlatformError::BinaryUnrecognized { ref printed, .. }) if printed.contains("GNU bash"))
        );
        let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xff\xff\x01\0\0\0".to_vec();
        elf.resize(200, 0);
        assert!(matches!(version_now(&program(path, "other", &elf)), Err(PlatformError::BinaryOtherMachine { .. })));
        let no_loader = program(path, "loader", b"#!/no/such/loader\n");
        assert!(matches!(version_now(&no_loader), Err(PlatformError::BinaryOtherMachine { .. })));
        let plain = path.join("plain");
        fs::write(&plain, "#!/bin/sh\n").unwrap();
        assert!(matches!(version_now(&plain), Err(PlatformError::BinaryNotExecutable { .. })));
    }

    #[test]
    fn program_does_not_run_after_three_timeouts() {
        let folder = tempfile::tempdir().unwrap();
        let path = antnode(folder.path(), "x");
        // Each with cooldowns of its own, as a process of wnm has them.
        let hanging = || {
            Exec::scripted(|call| {
                Err(PlatformError::Hung { command: call.to_string(), deadline: call.deadline, printed: String::new() })
            })
        };
        let mut cache = BinaryCache::default();
        for _ in 0..MAX_TIMEOUTS {
            assert!(matches!(cache.known(&Flavor::Antnode, &path), Ok(None)));
            let exec = hanging();
            assert!(matches!(cache.version(&exec, &Flavor::Antnode, &path), Err(PlatformError::BinaryHangs { .. })));
            let again = cache.version(&exec, &Flavor::Antnode, &path);
            assert!(matches!(again, Err(PlatformError::NotAsked { .. } | PlatformError::BinaryHangs { .. })));
        }
        assert!(matches!(cache.known(&Flavor::Antnode, &path), Err(PlatformError::BinaryHangs { .. })));
    }

    #[test]
    fn arguments_are_tried_beside_the_version() {
        let folder = tempfile::tempdir().unwrap();
        let host = wnm_core::HostDefaults {
            cpus: 1,
            storage: folder.path().join("node"),
            programs: "/opt".into(),
            manager: wnm_core::ManagerKind::ALL[0],
        };
        let mut raw = wnm_core::RawSettings::default();
        raw.set("rewards_address", "faucet").unwrap();
        let settings = Settings::new(&raw, &host).unwrap();
        let node = |flavor| Node {
            flavor,
            arguments: vec!["--no-such".to_owned()],
            network: vec!["evm-arbitrum-one".to_owned()],
            environment: vec![("ANT_LOG".to_owned(), "x".to_owned())],
            ..crate::node_dir::tests::node_at(&folder.path().join("node/antnode0001"))
        };
        let usage = || Ok(Output::failure(2, "error: unexpected argument '--no-such' found\n\nUsage: antnode\n"));
        let hung = || {
            let deadline = DEADLINE;
            Err(PlatformError::Hung { command: String::new(), deadline, printed: String::new() })
        };
        type Answer = fn() -> Result<Output, PlatformError>;
        let answers: [(Answer, Option<&str>); 4] = [
            (|| Ok(Output::success("Autonomi Node v0.4.1\n")), None),
            (usage, Some("unexpected argument '--no-such' found")),
            (|| Ok(Output::failure(101, "")), Some("exit code 101")),
            (hung, Some("--version does not exit within 7 s")),
        ];
        for (flavor, is_first) in [(Flavor::Antnode, true), (Flavor::AntNode, false)] {
            for (answer, refused) in answers {
                let exec = Exec::scripted(move |call| {
                    let place = call.arguments.iter().position(|word| word == "--version").unwrap();
                    assert_eq!(place, if is_first { 0 } else { call.arguments.len() - 1 });
                    assert!(call.arguments.iter().any(|word| word == "--no-such"));
                    let Environment::Only(variables) = &call.environment else { panic!("{:?}", call.environment) };
                    assert!(variables.contains(&("ANT_LOG".to_owned(), "x".to_owned())), "{variables:?}");
                    answer()
                });
                let checked = check_arguments(&exec, &settings, &node(flavor.clone()));
                match (checked, refused) {
                    (Ok(()), None) => {}
                    (Err(PlatformError::ArgumentsRefused { printed, .. }), Some(text)) => {
                        assert!(printed.contains(text), "{printed}");
                    }
                    (checked, _) => panic!("{flavor}: {checked:?}"),
                }
            }
        }
    }

    fn is_trusted(path: &Path) -> bool {
        match check_owner(path) {
            Ok(()) => true,
            Err(PlatformError::BinaryUntrusted { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn program_that_another_user_can_replace_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = antnode(folder.path(), "Autonomi Node v0.4.1");
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(is_trusted(&path));
        set(&path, 0o757);
        assert!(!is_trusted(&path));
        set(&path, 0o775);
        assert!(is_trusted(&path), "the group of the user is no other user");
        set(folder.path(), 0o777);
        assert!(!is_trusted(&path), "the file can be exchanged");
        set(folder.path(), 0o1777);
        assert!(is_trusted(&path));
    }

    #[test]
    #[ignore = "needs root; .ci/root-tests runs it"]
    fn program_of_another_user_is_not_run_as_root() {
        let folder = tempfile::tempdir().unwrap();
        let path = antnode(folder.path(), "Autonomi Node v0.4.1");
        assert!(is_trusted(&path));
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        assert!(!is_trusted(&path));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(!is_trusted(&link), "also behind a link of root");
        // A folder of root in which a group can exchange the program, such as that of the user of the nodes.
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        assert!(is_trusted(&path));
        std::os::unix::fs::chown(folder.path(), None, Some(12345)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o775)).unwrap();
        assert!(!is_trusted(&path), "the group can exchange the file");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_trusted(&path));
    }
}
