use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use wnm_core::steps::Step;
use wnm_core::{ActionId, Node};

use super::copy::{Compare, Pass, Side};
use super::flush::Flusher;
use super::mover::Progress;
use super::place::{lock_file, staging};
use super::tree::DEPTH;
use super::verify::difference;
use super::*;
use crate::error::{PlatformError, Refusal};
use crate::node_dir;
use crate::node_dir::tests::node_at;

/// Two storage folders with a node in the first one.
struct Host {
    folder: tempfile::TempDir,
    roots: Vec<PathBuf>,
    from: Node,
    to: Node,
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let roots = ["one", "two"].map(|name| folder.path().join(name)).to_vec();
        roots.iter().for_each(|root| fs::create_dir(root).unwrap());
        let (from, to) = (node_at(&roots[0].join("antnode0001")), node_at(&roots[1].join("antnode0001")));
        node_dir::create(&from, &roots).unwrap();
        for (path, content) in [
            ("secret-key", "the identity"),
            ("antnode", "the program"),
            ("record_store/aa/0123456789abcdef0123456789abcdef", "a record"),
            ("logs/antnode.log", "a line"),
        ] {
            let path = from.root_dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::set_permissions(from.root_dir.join("secret-key"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(from.root_dir.join("antnode"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("secret-key", from.root_dir.join("link")).unwrap();
        Self { folder, roots, from, to }
    }

    fn work(&self, step: Step) -> Work {
        Work {
            step,
            from: self.from.clone(),
            to: self.to.clone(),
            rate: None,
            reserve: (step == Step::Copy).then_some(0),
        }
    }

    /// Makes a folder of another user, as any user can where a storage folder has the mode of /tmp.
    fn made_by_another(&self, folder: &str) -> PathBuf {
        let folder = self.folder.path().join(folder);
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::chown(&folder, Some(12345), Some(12345)).unwrap();
        folder
    }

    /// Runs the work of a step to its end.
    fn run(&self, step: Step) -> Result<(), PlatformError> {
        let movers = Movers::default();
        while let Polled::Running(_) = movers.poll(ActionId(1), || self.work(step))? {}
        Ok(())
    }
}

/// Returns the entries below a folder with their contents, the targets of links, and the modes.
fn listing(folder: &Path) -> Vec<(PathBuf, Vec<u8>, u32)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let facts = fs::symlink_metadata(&path).unwrap();
            let content = match facts {
                ref facts if facts.is_dir() => {
                    open.push(path.clone());
                    Vec::new()
                }
                ref facts if facts.is_symlink() => fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
                _ => fs::read(&path).unwrap(),
            };
            found.push((path.strip_prefix(folder).unwrap().to_owned(), content, facts.mode()));
        }
    }
    found.sort();
    found
}

#[test]
fn copy_is_equal_and_is_switched_to() {
    let host = Host::new();
    let before = listing(&host.from.root_dir);
    prepare(&host.from, &host.to, &host.roots).unwrap();
    for step in [Step::Copy, Step::CopyRest, Step::Verify] {
        host.run(step).unwrap();
    }
    assert_eq!(listing(&staging(&host.to)), before);
    // Each call may be repeated, as after a crash.
    for _ in 0..2 {
        switch(&host.from, &host.to).unwrap();
    }
    assert_eq!(listing(&host.to.root_dir), before);
    let moved = drop_source(&host.from, &host.to, &host.roots).unwrap().unwrap();
    assert!(is_moved_away(&moved) && !host.from.root_dir.exists());
    assert_eq!(drop_source(&host.from, &host.to, &host.roots).unwrap(), None);
    assert!(node_dir::list_trash(&host.roots).is_empty(), "a restore would make a second node of the identity");
    assert!(!host.roots[1].join(".moving").exists());
    let mode = fs::metadata(&host.to.root_dir).unwrap().mode();
    assert_eq!(mode & 0o777, fs::metadata(&moved).unwrap().mode() & 0o777);
}

#[test]
fn copy_has_the_modes_of_its_source_without_setuid() {
    let host = Host::new();
    let set = |name: &str, mode| fs::set_permissions(host.from.root_dir.join(name), fs::Permissions::from_mode(mode));
    set("antnode", 0o4755).unwrap();
    set("secret-key", 0o640).unwrap();
    prepare(&host.from, &host.to, &host.roots).unwrap();
    for step in [Step::Copy, Step::CopyRest, Step::Verify] {
        host.run(step).unwrap();
    }
    let mode = |name: &str| fs::metadata(staging(&host.to).join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("antnode"), mode("secret-key")), (0o755, 0o640));
}

#[test]
fn switch_back_restores_the_old_place() {
    let host = Host::new();
    let before = listing(&host.from.root_dir);
    prepare(&host.from, &host.to, &host.roots).unwrap();
    host.run(Step::Copy).unwrap();
    switch(&host.from, &host.to).unwrap();
    for _ in 0..2 {
        switch_back(&host.from, &host.to).unwrap();
        assert_eq!(drop_copy(&host.from, &host.to), Remaining::Nothing);
    }
    assert_eq!(listing(&host.from.root_dir), before);
    assert_eq!(fs::read_dir(&host.roots[1]).unwrap().count(), 0);
}

#[test]
fn folder_on_the_same_volume_is_renamed_and_renamed_back() {
    let host = Host::new();
    let before = listing(&host.from.root_dir);
    let inode = fs::metadata(&host.from.root_dir).unwrap().ino();
    prepare(&host.from, &host.to, &host.roots).unwrap();
    assert!(can_rename(&host.from, &host.to));
    assert_eq!(drop_copy(&host.from, &host.to), Remaining::Nothing);
    switch(&host.from, &host.to).unwrap();
    assert_eq!(fs::metadata(&host.to.root_dir).unwrap().ino(), inode);
    switch_back(&host.from, &host.to).unwrap();
    assert_eq!((listing(&host.from.root_dir), host.to.root_dir.exists()), (before, false));
    // The only copy is never deleted.
    switch(&host.from, &host.to).unwrap();
    assert_eq!(drop_copy(&host.from, &host.to), Remaining::Nothing);
    assert_eq!(fs::metadata(&host.to.root_dir).unwrap().ino(), inode);
}

#[test]
fn second_pass_copies_changes_only() {
    let host = Host::new();
    let path = |name: &str| host.from.root_dir.join(name);
    prepare(&host.from, &host.to, &host.roots).unwrap();
    host.run(Step::Copy).unwrap();
    let record = "record_store/aa/0123456789abcdef0123456789abcdef";
    let copied = fs::metadata(staging(&host.to).join(record)).unwrap().ino();
    let times = fs::metadata(path("secret-key")).unwrap().modified().unwrap();
    // A database that changes in place may keep size and time.
    fs::write(path("secret-key"), "THE IDENTITY").unwrap();
    fs::File::options().write(true).open(path("secret-key")).unwrap().set_modified(times).unwrap();
    fs::remove_file(path("logs/antnode.log")).unwrap();
    fs::create_dir(path("logs/antnode.log")).unwrap();
    fs::write(path("record_store/new"), "x").unwrap();
    assert!(matches!(host.run(Step::Verify), Err(PlatformError::CopyDiffers { .. })));
    host.run(Step::CopyRest).unwrap();
    host.run(Step::Verify).unwrap();
    assert_eq!(listing(&staging(&host.to)), listing(&host.from.root_dir));
    assert_eq!(fs::metadata(staging(&host.to).join(record)).unwrap().ino(), copied);
}

#[test]
fn interrupted_copy_continues_behind_its_lock() {
    let host = Host::new();
    fs::write(host.from.root_dir.join("large"), vec![7; 32 << 20]).unwrap();
    prepare(&host.from, &host.to, &host.roots).unwrap();
    let movers = Movers::default();
    let slow = || Work { rate: Some(1 << 20), ..host.work(Step::Copy) };
    // On a busy host the thread of a copy starts only later.
    let started = |movers: &Movers| loop {
        let Polled::Running(text) = movers.poll(ActionId(1), slow).unwrap() else { panic!("the limit has no effect") };
        if !text.starts_with("copied 0 ") {
            return text;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let text = started(&movers);
    assert!(text.starts_with("copied "), "{text}");
    let other = Movers::default();
    assert_eq!(started(&other), "another wnm copies the folder");
    drop(movers);
    while let Polled::Running(_) = other.poll(ActionId(1), || host.work(Step::Copy)).unwrap() {
        thread::sleep(Duration::from_millis(5));
    }
    host.run(Step::Verify).unwrap();
    assert!(lock_file(&host.to).exists());
}

#[test]
fn result_of_a_step_is_not_that_of_a_later_one() {
    let host = Host::new();
    fs::write(host.from.root_dir.join("large"), vec![7; 2 << 20]).unwrap();
    prepare(&host.from, &host.to, &host.roots).unwrap();
    let movers = Movers::default();
    assert!(!movers.wait(Duration::ZERO), "nothing is copied");
    let slow = || Work { rate: Some(4 << 20), ..host.work(Step::Copy) };
    assert!(matches!(movers.poll(ActionId(1), slow).unwrap(), Polled::Running(_)));
    assert!(movers.wait(Duration::from_secs(60)), "a cycle takes the result");
    // Another wnm went on to the verification meanwhile, and the copy is not equal.
    fs::write(staging(&host.to).join("large"), vec![8; 2 << 20]).unwrap();
    let verified = loop {
        match movers.poll(ActionId(1), || host.work(Step::Verify)) {
            Ok(Polled::Running(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(verified, Err(PlatformError::CopyDiffers { .. })), "{verified:?}");
    assert!(!movers.wait(Duration::ZERO));
}

#[test]
fn copy_that_no_cycle_asks_for_is_not_waited_for() {
    let host = Host::new();
    fs::write(host.from.root_dir.join("large"), vec![7; 2 << 20]).unwrap();
    prepare(&host.from, &host.to, &host.roots).unwrap();
    let movers = Movers::default();
    let slow = || Work { rate: Some(4 << 20), ..host.work(Step::Copy) };
    assert!(matches!(movers.poll(ActionId(1), slow).unwrap(), Polled::Running(_)));
    assert!(movers.wait(Duration::from_secs(60)));
    // The action ended elsewhere.
    assert!(!movers.wait(Duration::from_secs(60)));
}

#[test]
fn file_counts_as_copied_once_it_is_flushed() {
    use rustix::fs::{Timespec, Timestamps};
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a record"), "x").unwrap();
    let at = Timespec { tv_sec: 1_000_000, tv_nsec: 7 };
    let modified = || fs::metadata(folder.path().join("a record")).unwrap().mtime();
    let added = |bytes| {
        let mut flusher = Flusher::new(tree::open(folder.path()).unwrap());
        flusher.add("a record".into(), Timestamps { last_access: at, last_modification: at }, bytes).unwrap();
        flusher
    };
    // A pass that ends early leaves its last batch, which the next pass copies again.
    drop(added(1));
    assert!(modified() > 1_000_000);
    added(1).finish().unwrap();
    assert_eq!(modified(), 1_000_000);
    // A batch that is being flushed is completed before the lock of the copy is free.
    fs::write(folder.path().join("a record"), "y").unwrap();
    drop(added(1 << 40));
    assert_eq!(modified(), 1_000_000);
    // A failed flush ends the pass.
    fs::remove_file(folder.path().join("a record")).unwrap();
    assert!(added(1).finish().is_err());
}

#[test]
fn rate_limits_the_copy() {
    let host = Host::new();
    fs::write(host.from.root_dir.join("large"), vec![7; 4 << 20]).unwrap();
    prepare(&host.from, &host.to, &host.roots).unwrap();
    let begun = std::time::Instant::now();
    let movers = Movers::default();
    let limited = || Work { rate: Some(8 << 20), ..host.work(Step::Copy) };
    while let Polled::Running(_) = movers.poll(ActionId(1), limited).unwrap() {}
    assert!(begun.elapsed() >= Duration::from_millis(450), "{:?}", begun.elapsed());
}

#[test]
fn holes_of_a_sparse_file_stay_holes() {
    let host = Host::new();
    let sparse = host.from.root_dir.join("data.mdb");
    let file = fs::File::create(&sparse).unwrap();
    file.set_len(64 << 20).unwrap();
    prepare(&host.from, &host.to, &host.roots).unwrap();
    host.run(Step::Copy).unwrap();
    host.run(Step::Verify).unwrap();
    let copy = fs::metadata(staging(&host.to).join("data.mdb")).unwrap();
    assert_eq!(copy.len(), 64 << 20);
    assert!(copy.blocks() * 512 < 1 << 20, "{}", copy.blocks());
}

#[test]
fn places_are_checked() {
    let host = Host::new();
    fs::create_dir(&host.to.root_dir).unwrap();
    assert!(prepare(&host.from, &host.to, &host.roots).unwrap_err().to_string().contains("exists already"));
    fs::remove_dir(&host.to.root_dir).unwrap();
    let outside = node_at(&host.folder.path().join("elsewhere/antnode0001"));
    assert!(prepare(&host.from, &outside, &host.roots).is_err());
    let mut named = host.from.clone();
    named.uuid = "../x".to_owned();
    assert!(prepare(&named, &host.to, &host.roots).is_err());
    let gone = node_at(&host.roots[0].join("antnode0009"));
    assert!(prepare(&gone, &host.to, &host.roots).is_err());
    // A full volume is found before the copy.
    let full = Work { reserve: Some(u64::MAX / 2), ..host.work(Step::Copy) };
    prepare(&host.from, &host.to, &host.roots).unwrap();
    let movers = Movers::default();
    let error = loop {
        match movers.poll(ActionId(1), || full.clone()) {
            Ok(Polled::Running(_)) => {}
            other => break other.unwrap_err(),
        }
    };
    assert!(matches!(error, PlatformError::NoHeadroom { .. }), "{error}");
}

#[test]
fn link_in_place_of_a_folder_is_not_followed() {
    let host = Host::new();
    let outside = host.folder.path().join("precious");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("photo"), "x").unwrap();
    prepare(&host.from, &host.to, &host.roots).unwrap();
    // The node exchanges a folder of its own by a link between two passes.
    host.run(Step::Copy).unwrap();
    fs::remove_dir_all(host.from.root_dir.join("logs")).unwrap();
    symlink(&outside, host.from.root_dir.join("logs")).unwrap();
    host.run(Step::CopyRest).unwrap();
    let copy = staging(&host.to).join("logs");
    assert_eq!(fs::read_link(copy).unwrap(), outside);
    assert_eq!(fs::read_to_string(outside.join("photo")).unwrap(), "x");
    let (one, other) = (tree::open(&host.from.root_dir).unwrap(), tree::open(&staging(&host.to)).unwrap());
    let found = difference(&one, &other, Path::new(OsStr::new("")), &Progress::default(), DEPTH).unwrap();
    assert_eq!(found, None);
}

/// The hint of an error names the drive that failed, and a file that the target lacks is no file that the node deleted.
#[test]
fn failure_of_the_target_is_not_one_of_the_source() {
    let host = Host::new();
    let gone = host.folder.path().join("gone");
    fs::create_dir(&gone).unwrap();
    let target = tree::open(&gone).unwrap();
    fs::remove_dir(&gone).unwrap();
    let source = tree::open(&host.from.root_dir).unwrap();
    let (side, path, error) = Pass::run(source, target, Compare::Times, None, &Progress::default()).unwrap_err();
    assert_eq!((side, error.kind()), (Side::Copy, std::io::ErrorKind::NotFound), "{}", path.display());
}

/// Compares a whole move with `cp -a` of the same files. Both have the lowest priority, and both end with the files on the
/// drive.
#[test]
#[ignore = "writes 200,000 files; run it on an idle host, optimized, with `--release -- --ignored --nocapture rate_of_cp`"]
fn move_of_many_small_files_reaches_the_rate_of_cp() {
    const FILES: usize = 100_000;
    let host = Host::new();
    for number in 0..FILES {
        // One large folder, and 256 small ones.
        let folder =
            if number % 2 == 0 { "record_store".to_owned() } else { format!("chunks/{:02x}", number / 2 % 256) };
        let folder = host.from.root_dir.join(folder);
        if number < 600 {
            fs::create_dir_all(&folder).unwrap();
        }
        fs::write(folder.join(format!("{number:064x}")), vec![7; 4096]).unwrap();
    }
    rustix::fs::sync();
    let mut figures = Vec::new();
    for round in 0..3 {
        let copy = host.folder.path().join(format!("cp-{round}"));
        let begun = std::time::Instant::now();
        let mut cp = std::process::Command::new("nice");
        let copied =
            cp.args(["-n", "19", "ionice", "-c", "3", "cp", "-a"]).arg(&host.from.root_dir).arg(&copy).status();
        assert!(copied.unwrap().success());
        rustix::fs::sync();
        let by_cp = begun.elapsed();
        let begun = std::time::Instant::now();
        prepare(&host.from, &host.to, &host.roots).unwrap();
        for step in [Step::Copy, Step::CopyRest, Step::Verify] {
            host.run(step).unwrap();
        }
        let by_move = begun.elapsed();
        figures.push(by_cp.as_secs_f64() / by_move.as_secs_f64());
        println!("cp {by_cp:.1?}, move {by_move:.1?}: {:.0} %", figures[round] * 100.0);
        fs::remove_dir_all(copy).unwrap();
        fs::remove_dir_all(staging(&host.to)).unwrap();
    }
    figures.sort_by(f64::total_cmp);
    assert!(figures[1] >= 0.8, "{figures:?}");
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn nothing_moves_into_a_folder_of_another_user_as_root() {
    let host = Host::new();
    let refused = |moved: Result<(), PlatformError>, folder: &Path| {
        let error = moved.unwrap_err();
        let expected = Refusal::SharedFolder(folder.to_owned());
        assert!(matches!(&error, PlatformError::Refused { reason, .. } if *reason == expected), "{error}");
        assert!(error.hint().is_some());
    };
    let theirs = host.made_by_another("two/.moving");
    refused(prepare(&host.from, &host.to, &host.roots), &theirs);
    assert_eq!(fs::metadata(&theirs).unwrap().uid(), 12345);
    fs::remove_dir(&theirs).unwrap();
    prepare(&host.from, &host.to, &host.roots).unwrap();

    fs::remove_dir_all(host.roots[0].join(".trash")).unwrap();
    let theirs = host.made_by_another("one/.trash");
    refused(node_dir::trash(&host.from, &host.roots).map(drop), &theirs);
    assert!(host.from.root_dir.join("secret-key").exists());
}
