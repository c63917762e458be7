//! Readers, backups and the files beside the database.

use rusqlite::Connection;
use std::fs;
use wnm_store::{Store, StoreError};

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
