//! The parsers as fuzz targets: each function takes any bytes and asserts the properties that hold for all of them.
//!
//! The programs in `fuzz/` call them; a test replays the inputs of `fuzz/corpus`.

use wnm_core::RawSettings;

use crate::alerts::Receivers;
use crate::earnings::Source;
use crate::fleet::command::{Command, Stop};
use crate::fleet::document::{HostEvents, HostState, read_nodes};
use crate::fleet::membership::Invitation;
use crate::fleet::signature::PublicKey;
use crate::influx::Target;
use crate::probe;
use crate::settings_text::{self, Entry};

/// A fuzz target.
#[cfg(test)]
type FuzzTarget = fn(&[u8]);

/// Every target with its name, which is that of its folder in `fuzz/corpus`.
#[cfg(test)]
const TARGETS: [(&str, FuzzTarget); 3] = [("config_file", config_file), ("fleet", fleet), ("task_file", task_file)];

/// Parses a config file as TOML and as lines, and the files of receivers, of the InfluxDB server and of the earnings.
pub fn config_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lines = settings_text::line_at(bytes);
    let of_toml = settings_text::of_toml(text);
    if let Err(error) = &of_toml {
        assert!(error.line.is_none_or(|line| (1..=lines).contains(&line)), "{error:?}");
    }
    for entries in [of_toml.unwrap_or_default(), settings_text::of_lines(text).collect()] {
        assert!(entries.is_sorted_by_key(|entry| entry.line), "{entries:?}");
        let mut raw = RawSettings::default();
        for Entry { line, key, value } in entries {
            assert!((1..=lines).contains(&line), "{key} in line {line} of {lines}");
            if let Some(Err(problem)) = value.ok().map(|value| raw.set(&key, &value)) {
                assert!(!problem.to_string().is_empty());
            }
        }
    }
    let causes = [Receivers::parse(text).err(), Target::parse(text).err(), Source::parse(text).err()];
    assert!(causes.iter().flatten().all(|cause| !cause.is_empty()));
}

/// Parses the documents of a fleet: the state, the nodes and the events of a host, commands, holds and invitations.
pub fn fleet(bytes: &[u8]) {
    let is_clean = |text: &str| !text.contains(char::is_control);
    if let Ok(state) = HostState::read(bytes) {
        assert!(is_clean(&state.wnm) && state.failure.as_deref().is_none_or(is_clean), "{state:?}");
        _ = state.up();
    }
    if let Ok(rows) = read_nodes(bytes) {
        assert!(rows.iter().all(|row| is_clean(&row.status)), "{rows:?}");
    }
    if let Ok(events) = HostEvents::read(bytes) {
        assert!(events.events.iter().all(|event| is_clean(&event.text)), "{events:?}");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = PublicKey::new("RWS73k8HdhP9jrL5Z0M3cPW9kc/yJnMtTmFyo4k8L6RipS4XKm4qXB2F") {
        _ = <Command>::read(text, &key);
    }
    if let Ok(stop) = Stop::read(text) {
        assert!(is_clean(&stop.reason), "{stop:?}");
    }
    if let Ok(invitation) = Invitation::decode(text) {
        let again = invitation.encode().map(|text| Invitation::decode(&text));
        assert!(matches!(&again, Ok(Ok(again)) if *again == invitation), "{again:?}");
    }
}

/// Parses a file with tasks of probes: TOML, XML or a list.
pub fn task_file(bytes: &[u8]) {
    match probe::read_plan([bytes]) {
        Ok(read) => assert!(read.problems.iter().all(|problem| !problem.to_string().is_empty())),
        Err((at, error)) => assert!(at == 0 && !error.to_string().is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn committed_inputs_pass() {
        for (name, target) in super::TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
            let mut replayed = 0;
            for input in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
                target(&fs::read(input.unwrap().path()).unwrap());
                replayed += 1;
            }
            assert!(replayed > 0, "{name} has no inputs");
        }
    }
}
