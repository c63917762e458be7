//! What `launchctl` says.

use std::collections::BTreeMap;

use crate::exec::Output;

/// What launchd has of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loaded {
    /// Its process; None when it does not run.
    pub(super) pid: Option<u32>,
    /// Whether it last ended with anything but 0.
    pub(super) failed: bool,
}

/// Tells whether the service was not there.
pub(super) fn says_missing(output: &Output) -> bool {
    // 3 is ESRCH; 113 is launchd's own.
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    match output.code {
        Some(3) => said.contains("no such process"),
        Some(113) => said.contains("could not find service") || said.contains("could not find specified service"),
        Some(_) | None => false,
    }
}

/// Reads what `print` says of one service: lines of `key = value`, those of its own one tabulator in.
pub(super) fn service(text: &str) -> Loaded {
    let own = text.lines().filter_map(|line| line.strip_prefix('\t').filter(|rest| !rest.starts_with('\t')));
    let entries: BTreeMap<&str, &str> = own.filter_map(|line| line.split_once(" = ")).collect();
    let number = |key: &str| entries.get(key).and_then(|value| value.split(':').next()?.trim().parse::<u32>().ok());
    Loaded {
        pid: number("pid").filter(|pid| *pid != 0),
        // Also "(never exited)".
        failed: number("last exit code").is_some_and(|code| code != 0),
    }
}

/// Reads what `print` says of a domain: its list of services, a line each of pid, last end and label. None when there
/// is no such list.
pub(super) fn services(text: &str) -> Option<BTreeMap<String, Loaded>> {
    let mut lines = text.lines().skip_while(|line| line.trim() != "services = {");
    lines.next()?;
    let entries = lines.take_while(|line| line.trim() != "}").filter_map(|line| {
        let mut words = line.split_whitespace();
        let (pid, end, label) = (words.next()?, words.next()?, words.next()?);
        let pid = pid.parse().ok().filter(|pid| *pid != 0);
        // A dash: it did not end yet. Anything in parentheses: it waits to be started.
        let failed = end.parse::<i64>().is_ok_and(|code| code != 0);
        Some((label.to_owned(), Loaded { pid, failed }))
    });
    Some(entries.collect())
}
