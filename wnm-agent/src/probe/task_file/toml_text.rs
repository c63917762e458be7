//! The TOML form of a task file.

use std::sync::LazyLock;

use toml::{Table, Value};
use wnm_core::probe::{KnownFile, ProbeTask, SeededFile, TaskCause, TaskProblem};

use super::list::{address, known_file, length, md5};
use super::{FileProblem, ReadPlan, TaskBuilder, TaskFileError, count, quoted, size_class, time};

pub(super) fn read(text: &str, into: &mut ReadPlan) -> Result<(), TaskFileError> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        TaskFileError::Toml { line, reason: quoted(error.message().lines().next().unwrap_or_default()) }
    })?;
    if let Some(key) = table.keys().find(|key| !["task", "file", "seed"].contains(&key.as_str())) {
        return Err(TaskFileError::UnknownKey(quoted(key)));
    }
    if table.is_empty() {
        return Err(TaskFileError::Empty);
    }
    for (at, entry) in entries(&table, "task") {
        let name = entry.get("name").map_or_else(|| at.to_string(), self::text);
        match task(name.clone(), entry) {
            Ok(task) => into.plan.tasks.push(task),
            Err(cause) => into.problems.push(TaskProblem::new(&name, cause).into()),
        }
    }
    let wrong = |entry: String, cause| FileProblem::Entry { entry, cause };
    for (at, entry) in entries(&table, "file") {
        match file(entry) {
            Ok(file) => into.plan.files.push(file),
            Err(cause) => into.problems.push(wrong(format!("file {at}"), cause)),
        }
    }
    for (at, entry) in entries(&table, "seed") {
        match seed(entry) {
            Ok(seed) => into.plan.seeds.push(seed),
            Err(cause) => into.problems.push(wrong(format!("seed {at}"), cause)),
        }
    }
    Ok(())
}

/// Returns the tables `[[key]]`, counted from 1 on. Another value counts as an empty table, of which a key is missing.
fn entries<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = (usize, &'a Table)> {
    static EMPTY: LazyLock<Table> = LazyLock::new(Table::new);
    let listed = match table.get(key) {
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    (1..).zip(listed.iter().map(|entry| entry.as_table().unwrap_or(&EMPTY)))
}

/// Returns a value as text: numbers may stand without quotes.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(is) => is.to_string(),
        Value::Datetime(time) => time.to_string(),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}

fn task(name: String, entry: &Table) -> Result<ProbeTask, TaskCause> {
    let mut builder = TaskBuilder::new(name);
    for (key, value) in entry {
        let text = text(value);
        match key.as_str() {
            "name" => {}
            "kind" => builder.kind("kind", &text)?,
            "size" => builder.size("size", &text)?,
            "every" => builder.task.every = time("every", &text)?,
            "offset" => builder.task.offset = time("offset", &text)?,
            "workers" => builder.task.workers = count("workers", &text)?,
            "repeat" => builder.task.repeat = count("repeat", &text)?,
            "timeout" => builder.task.timeout = time("timeout", &text)?,
            "retry" => builder.task.retry = count("retry", &text)?,
            _ => return Err(TaskCause::UnknownKey { key: quoted(key) }),
        }
    }
    builder.finish()
}

/// Returns the texts of an entry by key.
///
/// # Errors
/// The entry has a key that is not one of `known`.
fn known<const N: usize>(entry: &Table, known: [&str; N]) -> Result<[Option<String>; N], TaskCause> {
    match entry.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(TaskCause::UnknownKey { key: quoted(key) }),
        None => Ok(known.map(|key| entry.get(key).map(text))),
    }
}

const fn missing(key: &'static str) -> TaskCause {
    TaskCause::Missing { key }
}

fn file(entry: &Table) -> Result<KnownFile, TaskCause> {
    let [size, name, at, digest] = known(entry, ["size", "name", "address", "md5"])?;
    let address = address(&at.ok_or(missing("address"))?)?;
    let size = size_class("size", &size.ok_or(missing("size"))?)?;
    known_file(size, &name.unwrap_or_default(), address, digest.map_or(Ok(None), |digest| md5(&digest))?)
}

fn seed(entry: &Table) -> Result<SeededFile, TaskCause> {
    let [size, seed, bytes, digest] = known(entry, ["size", "seed", "bytes", "md5"])?;
    let size = size_class("size", &size.ok_or(missing("size"))?)?;
    let value = seed.ok_or(missing("seed"))?;
    Ok(SeededFile {
        size,
        seed: value.parse().map_err(|_| TaskCause::Form {
            key: "seed",
            value: quoted(&value),
            form: "a whole number",
        })?,
        bytes: bytes.map_or(Ok(size.usual()), |bytes| length(&bytes, size))?,
        md5: digest.map_or(Ok(None), |digest| md5(&digest))?,
    })
}
