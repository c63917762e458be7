//! Readers, backups and the files beside the database.

use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use wnm_store::{Followed, Lock, Store, StoreError};

use crate::fixtures::{add, folder, node};

#[test]
fn reader_sees_the_last_commit_during_a_write() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    add(&mut store, node(1)).unwrap();
    let writer = Connection::open(store.path()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM nodes;").unwrap();
    let mut reader = Store::open_read_only(&path).unwrap();
    assert_eq!(reader.snapshot().unwrap().nodes.len(), 1);
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(reader.snapshot().unwrap().nodes.len(), 0);
    assert!(matches!(add(&mut reader, node(1)), Err(StoreError::ReadOnly { .. })));
}

#[test]
fn closed_database_has_no_log() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    add(&mut store, node(1)).unwrap();
    drop(store);
    assert!(!path.with_file_name("wnm.db-wal").exists());
    assert_eq!(Store::open_read_only(&path).unwrap().nodes().unwrap().len(), 1);
}

#[test]
fn backup_is_complete_and_can_be_restored() {
    let (folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    add(&mut store, node(1)).unwrap();
    let copy = folder.path().join("copy.db");
    Store::open_read_only(&path).unwrap().backup(&copy).unwrap();
    assert!(matches!(store.backup(&copy), Err(StoreError::CopyExists { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a folder and one copy");
    add(&mut store, node(2)).unwrap();
    std::mem::forget(store);

    let garbage = folder.path().join("garbage");
    fs::write(&garbage, "x".repeat(5000)).unwrap();
    assert!(Store::restore(&path, &garbage).is_err());
    assert!(matches!(Store::restore(&path, &folder.path().join("none")), Err(StoreError::File { .. })));
    let aside = Store::restore(&path, &copy).unwrap().unwrap();
    assert!(aside.exists());
    let restored = Store::open(&path).unwrap();
    assert_eq!(restored.nodes().unwrap().len(), 1, "and no log of the other one played into it");
    assert!(restored.check().unwrap().is_empty());
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn replaced_database_is_not_written_and_the_new_one_is_followed() {
    let (folder, path) = folder();
    let mut daemon = Store::create(&path).unwrap();
    add(&mut daemon, node(1)).unwrap();
    let copy = folder.path().join("copy.db");
    daemon.backup(&copy).unwrap();
    add(&mut daemon, node(2)).unwrap();
    assert_eq!(daemon.follow(&path).unwrap(), Followed::Unchanged);

    let aside = Store::restore(&path, &copy).unwrap().unwrap();
    assert!(matches!(add(&mut daemon, node(3)), Err(StoreError::Replaced { .. })));
    assert_eq!(daemon.follow(&path).unwrap(), Followed::Replaced);
    assert_eq!(daemon.nodes().unwrap().len(), 1);
    add(&mut daemon, node(3)).unwrap();
    assert_eq!(Store::open_read_only(&aside).unwrap().nodes().unwrap().len(), 2, "with the end of its log");

    // Removed, as by a teardown: no write brings it back.
    fs::rename(&path, folder.path().join("elsewhere.db")).unwrap();
    assert!(matches!(add(&mut daemon, node(4)), Err(StoreError::Replaced { .. })));
    assert!(matches!(daemon.follow(&path), Err(StoreError::NotInitialised { .. })));
    assert!(!path.exists());
    fs::rename(folder.path().join("elsewhere.db"), &path).unwrap();
    assert_eq!(daemon.follow(&path).unwrap(), Followed::Unchanged);
    add(&mut daemon, node(4)).unwrap();
}

#[test]
fn files_are_private() {
    let (folder, path) = folder();
    let store = Store::create(&path).unwrap();
    let _lock = Lock::acquire(&path, Duration::ZERO).unwrap();
    let copy = folder.path().join("copy.db");
    store.backup(&copy).unwrap();
    for name in ["wnm.db", "wnm.db-wal", "wnm.db-shm", "wnm.lock", "wnm.reserve"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&copy), 0o600);
    drop(store);
    // Of an earlier release.
    for (before, after) in [(0o644, 0o640), (0o664, 0o640), (0o600, 0o600)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(before)).unwrap();
        drop(Store::open(&path).unwrap());
        assert_eq!(mode(&path), after, "{before:o}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Untrusted { .. }), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("chmod go-w")));
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn database_that_another_group_can_write_is_refused_as_root() {
    let (_folder, path) = folder();
    drop(Store::create(&path).unwrap());
    std::os::unix::fs::chown(&path, None, Some(12345)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Untrusted { .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    drop(Store::open(&path).unwrap());
}

#[test]
fn log_of_a_lost_database_is_not_replayed() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    add(&mut store, node(1)).unwrap();
    std::mem::forget(store);
    fs::remove_file(&path).unwrap();
    assert!(path.with_file_name("wnm.db-wal").exists());
    assert!(Store::create(&path).unwrap().nodes().unwrap().is_empty());
}
