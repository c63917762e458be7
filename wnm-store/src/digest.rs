//! Digests of rows. The checks of SQLite find a damaged page, but not a changed letter inside a text: a setting of an
//! unknown name would fall back to its default, and a port or a folder would be another one.

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

/// Defines the SQL function `row_digest(…)`, which returns the CRC-32 of its arguments.
pub(crate) fn register(db: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    db.create_scalar_function("row_digest", -1, flags, |row| Ok(i64::from(of(row))))
}

fn of(row: &Context<'_>) -> u32 {
    let mut digest = crc32fast::Hasher::new();
    for at in 0..row.len() {
        // The type and the length tell `ab, c` from `a, bc`, and 1 from '1'.
        let mut add = |kind: u8, bytes: &[u8]| {
            digest.update(&[kind]);
            digest.update(&(bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        match row.get_raw(at) {
            ValueRef::Null => add(0, &[]),
            ValueRef::Integer(number) => add(1, &number.to_le_bytes()),
            ValueRef::Real(number) => add(2, &number.to_le_bytes()),
            ValueRef::Text(text) => add(3, text),
            ValueRef::Blob(bytes) => add(4, bytes),
        }
    }
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_of_a_row_changes_its_digest() {
        let db = Connection::open_in_memory().unwrap();
        register(&db).unwrap();
        let digest = |row: &str| -> i64 {
            db.query_row(&format!("SELECT row_digest({row})"), [], |found| found.get(0)).unwrap()
        };
        let rows =
            ["", "NULL", "1", "'1'", "x'31'", "1.0", "'ab', 'c'", "'a', 'bc'", "'node_cap', '9'", "'node_cqp', '9'"];
        let mut digests: Vec<i64> = rows.into_iter().map(digest).collect();
        assert_eq!(digest("'node_cap', '9'"), digests[8]);
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), rows.len());
    }
}
