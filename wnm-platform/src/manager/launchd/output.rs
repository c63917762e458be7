//! The output of `launchctl`.

use std::collections::BTreeMap;

use wnm_core::ExitStatus;

use crate::exec::Output;

/// A loaded service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loaded {
    /// The PID; None when the service does not run.
    pub(super) pid: Option<u32>,
    /// The end of the last process; None when none has exited yet.
    pub(super) exit: Option<ExitStatus>,
}

/// Tells whether launchctl reported an unknown service.
pub(super) fn says_missing(output: &Output) -> bool {
    // 3 is ESRCH, 113 is launchd's own code. Both also stand for other errors, so the text decides.
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    match output.code {
        Some(3) => said.contains("no such process"),
        Some(113) => said.contains("could not find service") || said.contains("could not find specified service"),
        Some(_) | None => false,
    }
}

/// Tells whether launchctl reported that a domain does not exist: `gui/UID` without a graphical login.
pub(super) fn says_no_domain(output: &Output) -> bool {
    // 112 and 113 are launchd's own codes, 125 is "Domain does not support specified action".
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    match output.code {
        Some(125) => true,
        Some(112 | 113) => said.contains("could not find domain"),
        Some(_) | None => false,
    }
}

/// Tells whether `bootstrap` failed with one of these errors. macOS 14 also exits with 1 and names the error only in the
/// message.
pub(super) fn failed_with(output: &Output, errors: &[i32]) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    let named = said.split_once("Bootstrap failed: ").and_then(|(_, rest)| rest.split(':').next()?.trim().parse().ok());
    let code = if output.code == Some(1) { named.or(output.code) } else { output.code };
    code.is_some_and(|code| errors.contains(&code))
}

/// Parses `print SERVICE`: lines of `key = value`, those of the service itself indented by one tab.
pub(super) fn service(text: &str) -> Loaded {
    let own = text.lines().filter_map(|line| line.strip_prefix('\t').filter(|rest| !rest.starts_with('\t')));
    let entries: BTreeMap<&str, &str> = own.filter_map(|line| line.split_once(" = ")).collect();
    let number = |key: &str| entries.get(key).and_then(|value| value.split(':').next()?.trim().parse::<u32>().ok());
    // "(never exited)" is not a number, and a process that a signal ended has no exit code: "Killed: 9".
    let code = number("last exit code").and_then(|code| i32::try_from(code).ok()).map(ExitStatus::Code);
    let signal = entries.get("last terminating signal").and_then(|value| value.rsplit(':').next()?.trim().parse().ok());
    Loaded { pid: number("pid").filter(|pid| *pid != 0), exit: code.or_else(|| signal.map(ExitStatus::Signal)) }
}

/// Parses `print DOMAIN`: a line with PID, last exit code and label for each service. None without such a list.
pub(super) fn services(text: &str) -> Option<BTreeMap<String, Loaded>> {
    let mut lines = text.lines().skip_while(|line| line.trim() != "services = {");
    lines.next()?;
    let entries = lines.take_while(|line| line.trim() != "}").filter_map(|line| {
        let mut words = line.split_whitespace();
        let (pid, end, label) = (words.next()?, words.next()?, words.next()?);
        let pid = pid.parse().ok().filter(|pid| *pid != 0);
        // "-" means that it has not exited yet, a word in parentheses that it waits for its start.
        // launchctl(1): the number of a signal is negative.
        let status =
            |code: i32| if code < 0 { ExitStatus::Signal(code.saturating_neg()) } else { ExitStatus::Code(code) };
        Some((label.to_owned(), Loaded { pid, exit: end.parse().ok().map(status) }))
    });
    Some(entries.collect())
}

/// Fuzz target: parses the output of `launchctl print`.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let loaded = services(&text).unwrap_or_default().into_values().chain([service(&text)]);
    assert!(loaded.into_iter().all(|loaded| loaded.pid != Some(0)));
}
