//! The lock, between processes and within one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use wnm_store::{Lock, LockError, Store};

use crate::fixtures::folder;

/// Holds the lock until it is killed; only ever run by the test below.
#[test]
#[ignore = "run as another process by lock_is_released_by_the_end_of_its_holder"]
fn hold_the_lock() {
    let Some(path) = std::env::var_os("WNM_TEST_LOCK") else { return };
    let _lock = Lock::acquire(Path::new(&path), Duration::ZERO).unwrap();
    println!("held");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn lock_is_released_by_the_end_of_its_holder() {
    let (_folder, path) = folder();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lock::hold_the_lock", "--ignored", "--nocapture"])
        .env("WNM_TEST_LOCK", &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert!(lines.map_while(Result::ok).any(|line| line.contains("held")));

    let error = Lock::acquire(&path, Duration::from_millis(50)).unwrap_err();
    let text = error.to_string();
    let LockError::Held { holder: Some(holder), path: file } = error else { panic!("{text}") };
    assert_eq!(holder.pid, child.id());
    assert!(holder.since.as_secs() > 1_600_000_000);
    assert!(text.contains(&format!("(PID {})", child.id())), "{text}");

    child.kill().unwrap();
    child.wait().unwrap();
    let lock = Lock::acquire(&path, Duration::from_secs(5)).unwrap();
    drop(lock);
    assert!(file.exists(), "never removed");
}

#[test]
fn lock_excludes_other_handles_and_names() {
    let (folder, path) = folder();
    drop(Store::create(&path).unwrap());
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let lock = Lock::acquire(&path, Duration::ZERO).unwrap();
    assert!(matches!(Lock::acquire(&link, Duration::ZERO), Err(LockError::Held { .. })));
    let waiting = std::thread::spawn(move || Lock::acquire(&link, Duration::from_secs(10)).is_ok());
    std::thread::sleep(Duration::from_millis(50));
    drop(lock);
    assert!(waiting.join().unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn replaced_lock_file_excludes_later_processes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wnm.db");
    let lock = folder.path().join("wnm.lock");
    let waiting = {
        let held = Lock::acquire(&path, Duration::ZERO).unwrap();
        let path = path.clone();
        let waiting = std::thread::spawn(move || Lock::acquire(&path, Duration::from_secs(20)).unwrap());
        while std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .flatten()
            .filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|target| target == lock))
            .count()
            < 2
        {
            std::thread::yield_now();
        }
        std::fs::remove_file(&lock).unwrap();
        drop(held);
        waiting
    };
    let held = waiting.join().unwrap();
    assert!(matches!(Lock::acquire(&path, Duration::ZERO), Err(LockError::Held { .. })));
    drop(held);
    std::fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink("/dev/null", &lock).unwrap();
    assert!(matches!(Lock::acquire(&path, Duration::ZERO), Err(LockError::Unusable { .. })));
}

/// Gives a file to another user, as only root can.
fn give_away(path: &Path) {
    std::os::unix::fs::chown(path, Some(65_534), None).unwrap();
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn lock_of_another_user_is_neither_taken_nor_made_as_root() {
    let (_folder, path) = folder();
    drop(Store::create(&path).unwrap());
    let lock = path.with_file_name("wnm.lock");
    give_away(&path);
    let refused = |path: &Path| {
        let error = Lock::acquire(path, Duration::ZERO).unwrap_err();
        assert!(matches!(error, LockError::OtherOwner { .. }), "{error}");
        assert!(Lock::check(path).is_err());
        (error.to_string(), error.hint())
    };
    let (text, hint) = refused(&path);
    assert_eq!(text, format!("cannot lock {}: it belongs to user nobody", path.display()));
    assert_eq!(hint, format!("run wnm as nobody, as in `sudo -u nobody wnm --db {} status`", path.display()));
    assert!(!lock.exists(), "a lock file of root would shut out the owner");
    let text = Store::open(&path).unwrap_err().to_string();
    assert_eq!(text, format!("cannot open database {}: it belongs to user nobody", path.display()));

    std::os::unix::fs::chown(&path, Some(0), None).unwrap();
    drop(Lock::acquire(&path, Duration::ZERO).unwrap());
    give_away(&lock);
    assert!(refused(&path).0.contains(&lock.display().to_string()));
}
