use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::node_dir::tests::node_at;

/// A folder laid out as `/proc` with one process in it.
fn host(state: &str, executable: &Path, words: &[&str]) -> tempfile::TempDir {
    let proc = tempfile::tempdir().unwrap();
    let random = proc.path().join("sys/kernel/random");
    fs::create_dir_all(&random).unwrap();
    fs::write(random.join("boot_id"), "b00t\n").unwrap();
    let folder = proc.path().join("7");
    fs::create_dir(&folder).unwrap();
    let zeros = "0 ".repeat(17);
    fs::write(folder.join("stat"), format!("7 (a ) b) (c) {state} 3 {zeros}4711 9 9")).unwrap();
    fs::write(folder.join("cmdline"), words.iter().map(|word| format!("{word}\0")).collect::<String>()).unwrap();
    symlink(executable, folder.join("exe")).unwrap();
    proc
}

fn runs(executable: &str, words: &[&str]) -> bool {
    let proc = host("S", Path::new(executable), words);
    let node = node_at(Path::new("/s p/antnode0001"));
    let processes = Processes::below(proc.path());
    let identity = ProcessIdentity { boot: "b00t".into(), pid: 7, start: 4711 };
    assert_eq!(processes.identify(7), Some(identity.clone()));
    processes.matches(&identity, &node)
}

#[test]
fn executable_and_root_dir_identify_a_node() {
    let exe = "/s p/antnode0001/antnode";
    let words = ["antnode", "--port", "1", "--root-dir", "/s p/antnode0001"];
    assert!(runs(exe, &words));
    assert!(runs("/s p/antnode0001/antnode (deleted)", &words));
    assert!(runs("/s p/antnode0001/antnode.old", &words));
    assert!(runs("/s p/antnode0001/antnode.backup (deleted)", &words));
    assert!(runs(exe, &["antnode", "--root-dir=/s p/antnode0001"]));
    assert!(!runs("/s p/antnode0001/antnode2", &words));
    assert!(!runs("/usr/bin/antnode", &words));
    assert!(!runs(exe, &["antnode", "--root-dir", "/s p/antnode00012"]));
    assert!(!runs(exe, &["antnode", "--root-dir"]));
    assert!(!runs(exe, &["antnode", "x--root-dir=/s p/antnode0001"]));
    assert!(!runs(exe, &[]));
}

/// Any user can start the program of a node with its arguments.
#[test]
fn process_of_another_user_runs_no_node() {
    let folder = tempfile::tempdir().unwrap();
    let node = node_at(folder.path());
    let words = ["antnode", "--root-dir", folder.path().to_str().unwrap()];
    let proc = host("S", &node.binary, &words);
    let processes = Processes::below(proc.path());
    let own = processes.facts(7).unwrap();
    assert!(own.user.is_some() && own.runs(&node), "{own:?}");
    let other = ProcessInfo { user: own.user.map(|user| user + 1), ..own };
    assert!(!other.runs(&node));
    assert!(ProcessInfo { user: Some(0), ..other.clone() }.runs(&node));
    // A node that lost its folder still runs.
    let gone = node_at(Path::new("/s p/antnode0001"));
    let words = ["antnode".into(), "--root-dir=/s p/antnode0001".into()].to_vec();
    assert!(ProcessInfo { executable: Some(gone.binary.clone()), arguments: words, ..other }.runs(&gone));
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn process_of_the_owner_of_a_folder_runs_its_node_as_root() {
    use std::os::unix::fs::chown;
    let folder = tempfile::tempdir().unwrap();
    let node = node_at(folder.path());
    let proc = host("S", &node.binary, &["antnode", "--root-dir", folder.path().to_str().unwrap()]);
    let processes = Processes::below(proc.path());
    for (owner, user, expected) in [(0, 0, true), (0, 12345, false), (12345, 12345, true), (12345, 12346, false)] {
        chown(folder.path(), Some(owner), None).unwrap();
        chown(proc.path().join("7"), Some(user), None).unwrap();
        assert_eq!(processes.running(&node).len(), usize::from(expected), "{owner} {user}");
    }
    // A program with the setuid bit, whose words another user has chosen.
    chown(folder.path(), Some(0), None).unwrap();
    chown(proc.path().join("7"), Some(0), None).unwrap();
    for (status, expected) in [("Uid:\t12345\t0\t0\t0\n", false), ("Name:\tx\nUid:\t0\t0\t0\t0\n", true), ("", true)] {
        fs::write(proc.path().join("7/status"), status).unwrap();
        assert_eq!(processes.running(&node).len(), usize::from(expected), "{status:?}");
    }
}

#[test]
fn executable_on_a_detached_volume_has_the_end_of_its_path() {
    let words = ["antnode", "--root-dir", "/s p/antnode0001"];
    assert!(runs("/antnode0001/antnode", &words), "the volume was mounted on the storage folder");
    assert!(runs("/antnode", &words), "the volume was mounted on the folder of the node");
    assert!(!runs("/0001/antnode", &words));
    assert!(!runs("/antnode0002/antnode", &words));
    assert!(!runs("/", &words));
}

#[test]
fn relative_root_dir_is_below_the_working_directory() {
    let node = node_at(Path::new("/s/n/antnode0001"));
    for given in ["antnode0001", "./antnode0001/", "../n/antnode0001"] {
        let proc = host("S", Path::new("/s/n/antnode0001/antnode"), &["antnode", "--root-dir", given]);
        let processes = Processes::below(proc.path());
        assert!(processes.running(&node).is_empty(), "the working directory is unknown");
        symlink("/s/n", proc.path().join("7/cwd")).unwrap();
        assert_eq!(processes.running(&node).len(), 1, "{given}");
    }
}

#[test]
fn process_whose_memory_cannot_be_read_is_known_by_its_program() {
    let words = ["antnode", "--root-dir", "/s/antnode0001"];
    let proc = host("D", Path::new("/s/antnode0001/antnode"), &words);
    let line = proc.path().join("7/cmdline");
    fs::remove_file(&line).unwrap();
    // A pipe without a writer: opening it waits.
    crate::guarded::make_pipe(&line);
    let processes = Processes { patience: Duration::from_millis(50), ..Processes::below(proc.path()) };
    let node = node_at(Path::new("/s/antnode0001"));
    let identity = ProcessIdentity { boot: "b00t".into(), pid: 7, start: 4711 };
    for _ in 0..3 {
        assert!(processes.matches(&identity, &node));
        assert_eq!(processes.running(&node).len(), 1);
    }
    assert!(processes.running(&node_at(Path::new("/s/antnode0002"))).is_empty());
    // The pipe gets a writer, which ends.
    drop(fs::OpenOptions::new().read(true).write(true).open(&line).unwrap());
}

#[test]
fn folder_is_implied_by_environment_or_open_files() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("autonomi/node/12D3KooW");
    fs::create_dir_all(root.join("logs")).unwrap();
    let proc = host("S", Path::new("/opt/antnode"), &["/opt/antnode", "--port", "1"]);
    let folder_of = || Processes::below(proc.path()).facts(7).unwrap().root_dir().map(PathBuf::from);
    let process = proc.path().join("7");
    fs::create_dir(process.join("fd")).unwrap();
    symlink(root.join("logs/antnode.log"), process.join("fd/3")).unwrap();
    symlink("socket:[7]", process.join("fd/4")).unwrap();
    assert_eq!(folder_of(), None, "the folder holds no identity");
    fs::write(root.join("secret-key"), [7; 32]).unwrap();
    assert_eq!(folder_of(), Some(root));
    fs::write(process.join("environ"), "HOME=/\0ANT_ROOT_DIR=n/1\0").unwrap();
    assert!(folder_of().is_some_and(|folder| folder.starts_with(home.path())), "antnode reads no such variable");
    fs::write(process.join("cmdline"), "/opt/ant-node\0--ipv4-only\0").unwrap();
    symlink("/srv", process.join("cwd")).unwrap();
    assert_eq!(folder_of(), Some("/srv/n/1".into()));
    fs::write(process.join("cmdline"), "/usr/bin/tail\0-f\0").unwrap();
    assert_eq!(folder_of(), None);
}

#[test]
fn node_in_a_container_is_another_node() {
    let words = ["antnode", "--root-dir", "/s/antnode0001"];
    let proc = host("S", Path::new("/s/antnode0001/antnode"), &words);
    for (name, inode) in [("self", 1), ("7", 2)] {
        fs::create_dir_all(proc.path().join(name).join("ns")).unwrap();
        symlink(format!("pid:[{inode}]"), proc.path().join(name).join("ns/pid")).unwrap();
    }
    let node = node_at(Path::new("/s/antnode0001"));
    assert!(Processes::below(proc.path()).running(&node).is_empty());
}

#[test]
fn boot_start_and_pid_identify_a_process() {
    let words = ["antnode", "--root-dir", "/s/antnode0001"];
    let proc = host("S", Path::new("/s/antnode0001/antnode"), &words);
    let node = node_at(Path::new("/s/antnode0001"));
    let processes = Processes::below(proc.path());
    let identity = processes.identify(7).unwrap();
    assert!(processes.matches(&identity, &node));
    assert!(processes.is_alive(&identity));
    for other in [
        ProcessIdentity { boot: "other".into(), ..identity.clone() },
        ProcessIdentity { start: 4712, ..identity.clone() },
        ProcessIdentity { pid: 8, ..identity },
    ] {
        assert!(!processes.matches(&other, &node) && !processes.is_alive(&other), "{other:?}");
    }
    assert_eq!(processes.running(&node).len(), 1);
}

#[test]
fn ended_process_does_not_run_node() {
    let words = ["antnode", "--root-dir", "/s/antnode0001"];
    let proc = host("Z", Path::new("/s/antnode0001/antnode"), &words);
    let facts = Processes::below(proc.path()).facts(7).unwrap();
    assert_eq!((facts.life, facts.parent, facts.start), (Liveness::Ended, 3, 4711));
    assert!(!facts.runs(&node_at(Path::new("/s/antnode0001"))));
}

#[test]
fn process_is_ending_until_its_last_thread_has_ended() {
    let proc = host("S", Path::new("/s/antnode0001/antnode"), &[]);
    let processes = Processes::below(proc.path());
    let stat = |state: &str, threads: u32| {
        let zeros = "0 ".repeat(15);
        fs::write(proc.path().join("7/stat"), format!("7 (a) {state} 3 {zeros}{threads} 0 4711 9 9")).unwrap();
        processes.facts(7).unwrap()
    };
    assert!(!stat("S", 3).is_ending(), "its arguments are empty");
    fs::remove_file(proc.path().join("7/exe")).unwrap();
    for (state, threads, life) in
        [("R", 1, Liveness::Alive), ("D", 9, Liveness::Alive), ("Z", 2, Liveness::Alive), ("Z", 1, Liveness::Ended)]
    {
        let facts = stat(state, threads);
        assert_eq!((facts.life, facts.is_ending()), (life, life == Liveness::Alive), "{state} {threads}");
    }
}
