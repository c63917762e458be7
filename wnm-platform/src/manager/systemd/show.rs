//! The output of `systemctl show`.

use std::collections::BTreeMap;

use wnm_core::ExitStatus;

/// The requested properties.
pub(super) const PROPERTIES: &str = "--property=Id,ActiveState,SubState,MainPID,Result,ExecMainCode,ExecMainStatus,\
                                    ControlGroup,ExecMainStartTimestampMonotonic";
/// The value of `ExecMainCode` after a normal exit: CLD_EXITED of sigaction(2).
const EXITED: &str = "1";
/// The value of `ExecMainCode` after a signal: CLD_KILLED of sigaction(2).
const KILLED: &str = "2";
/// The value of `ExecMainCode` after a signal with a core dump: CLD_DUMPED of sigaction(2).
const DUMPED: &str = "3";

/// The properties of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct UnitStatus {
    pub(super) active: String,
    pub(super) sub: String,
    /// The main process; None when the unit has none.
    pub(super) pid: Option<u32>,
    /// The path of its control group; empty when it has none.
    pub(super) group: String,
    /// The start of the main process, in microseconds since the boot; 0 if unknown.
    pub(super) started_micros: u64,
    result: String,
    code: String,
    status: String,
}

impl UnitStatus {
    /// Tells whether the last run failed.
    pub(super) fn has_failed(&self) -> bool {
        !matches!(self.result.as_str(), "" | "success")
    }

    /// Tells whether systemd refused to start the unit because of its start limit.
    pub(super) fn was_started_too_often(&self) -> bool {
        self.result == "start-limit-hit"
    }

    /// Returns the status with which the last process ended; None before the first one, and where systemd does not tell.
    pub(super) fn exit(&self) -> Option<ExitStatus> {
        let status = self.status.parse().ok()?;
        match self.code.as_str() {
            EXITED => Some(ExitStatus::Code(status)),
            KILLED | DUMPED => Some(ExitStatus::Signal(status)),
            _ => None,
        }
    }

    /// Returns the result of the last run as text.
    pub(super) fn words(&self) -> String {
        format!("result {}, exit status {}", self.result, self.status)
    }

    /// Tells whether systemd restarts the unit in a moment.
    pub(super) fn is_coming_back(&self) -> bool {
        self.sub.starts_with("auto-restart")
    }

    /// Tells whether the last run reached the program itself, rather than failing during its set-up by systemd.
    pub(super) fn had_started(&self) -> bool {
        // systemd.exec(5) reserves these exit codes for its own failures before exec.
        let is_own = |status: u32| !(200..=245).contains(&status);
        match self.result.as_str() {
            "exit-code" => self.status.parse().is_ok_and(is_own),
            "success" => self.ended_well(),
            "signal" | "core-dump" => true,
            _ => false,
        }
    }

    /// Tells whether the process exited with code 0, as a node does after a self-upgrade.
    pub(super) fn ended_well(&self) -> bool {
        self.code == EXITED && self.status == "0"
    }
}

/// Parses the output: a block of `KEY=VALUE` lines for each unit, separated by empty lines. Invalid lines are skipped.
pub(super) fn parse(text: &str) -> BTreeMap<String, UnitStatus> {
    let mut units = BTreeMap::new();
    for block in text.split("\n\n") {
        let mut shown = UnitStatus::default();
        let mut id = None;
        for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
            let value = value.trim();
            match key {
                "Id" => id = Some(value.to_owned()),
                "ActiveState" => value.clone_into(&mut shown.active),
                "SubState" => value.clone_into(&mut shown.sub),
                "MainPID" => shown.pid = value.parse().ok().filter(|pid| *pid != 0),
                "ControlGroup" => value.clone_into(&mut shown.group),
                "ExecMainStartTimestampMonotonic" => shown.started_micros = value.parse().unwrap_or(0),
                "Result" => value.clone_into(&mut shown.result),
                "ExecMainCode" => value.clone_into(&mut shown.code),
                "ExecMainStatus" => value.clone_into(&mut shown.status),
                _ => {}
            }
        }
        if let Some(id) = id.filter(|_| !shown.active.is_empty()) {
            units.insert(id, shown);
        }
    }
    units
}

/// Parses the number of restarts of each unit.
pub(super) fn restarts(text: &str) -> BTreeMap<String, u32> {
    let value = |block: &str, key: &str| {
        block.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.trim().to_owned()))
    };
    let count = |block: &str| Some((value(block, "Id")?, value(block, "NRestarts")?.parse().ok()?));
    text.split("\n\n").filter_map(count).collect()
}

/// Fuzz target: parses the output of `systemctl show`.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for (id, unit) in parse(&text) {
        assert!(!unit.active.is_empty() && unit.pid != Some(0), "{id}: {unit:?}");
        _ = (unit.exit(), unit.words(), unit.had_started(), unit.ended_well(), unit.is_coming_back());
    }
    _ = restarts(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_parsed_separately() {
        let units = parse(concat!(
            "Id=antnode0001.service\nMainPID=4711\nLoadState=loaded\nActiveState=active\nSubState=running\n",
            "NeedDaemonReload=no\n\nMainPID=0\nResult=exit-code\nExecMainCode=1\nExecMainStatus=0\n",
            "Id=antnode0002.service\nActiveState=activating\nSubState=auto-restart\nNeedDaemonReload=yes\n",
            "\n\nId=antnode0003.service\n\ngarbage\n=\n\n",
        ));
        assert_eq!(units.len(), 2, "{units:?}");
        assert_eq!(units["antnode0001.service"].pid, Some(4711));
        let second = &units["antnode0002.service"];
        assert_eq!(second.pid, None);
        assert!(second.is_coming_back() && second.ended_well());
    }

    #[test]
    fn end_of_the_last_process() {
        for (code, status, exit) in [
            ("0", "0", None),
            ("1", "0", Some(ExitStatus::Code(0))),
            ("1", "203", Some(ExitStatus::Code(203))),
            ("2", "9", Some(ExitStatus::Signal(9))),
            ("3", "6", Some(ExitStatus::Signal(6))),
            ("1", "no number", None),
        ] {
            let unit =
                parse(&format!("Id=a.service\nActiveState=failed\nExecMainCode={code}\nExecMainStatus={status}\n"));
            assert_eq!(unit["a.service"].exit(), exit, "{code} {status}");
        }
    }
}
