//! Stored settings.

use rusqlite::Connection;
use wnm_core::RawSettings;
use wnm_store::{Corruption, Store, StoreError};

use crate::fixtures::folder;

#[test]
fn settings_are_stored_and_unknown_ones_stay() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    let other = Connection::open(store.path()).unwrap();
    // Of a later version: its digest is that of its row.
    let digest =
        crc32fast::hash(&[b"\x03\x0d\0\0\0\0\0\0\0from_tomorrow".as_slice(), b"\x03\x01\0\0\0\0\0\0\0x"].concat());
    other.execute("INSERT INTO settings VALUES ('from_tomorrow', 'x', ?1)", [digest]).unwrap();
    let mut raw = RawSettings::default();
    let values = [
        ("cpu_remove", "70.1"),
        ("node_storage", "/a b,/c"),
        ("rewards_address", "faucet:1,donate:10"),
        ("node_cap", "3"),
    ];
    for (key, value) in values {
        raw.set(key, value).unwrap();
    }
    store.save_settings(&raw).unwrap();
    assert_eq!(store.settings().unwrap(), raw);
    raw.node_cap = None;
    store.save_settings(&raw).unwrap();
    assert_eq!(store.settings().unwrap(), raw);
    let kept: String =
        other.query_row("SELECT value FROM settings WHERE key = 'from_tomorrow'", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "x");
    other.execute("UPDATE settings SET value = 'much' WHERE key = 'cpu_remove'", []).unwrap();
    let error = store.settings().unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { cause: Corruption::Digest, .. }), "{error}");
}
