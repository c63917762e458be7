//! What `systemctl show` tells of units.

use std::collections::BTreeMap;

/// The properties that are asked for.
pub(super) const PROPERTIES: &str = "--property=Id,ActiveState,SubState,MainPID,Result,ExecMainCode,ExecMainStatus";
/// What `ExecMainCode` is when the process ended by itself.
const EXITED: &str = "1";

/// What is told of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shown {
    pub(super) active: String,
    pub(super) sub: String,
    /// None when there is no process.
    pub(super) pid: Option<u32>,
    result: String,
    code: String,
    status: String,
}

impl Shown {
    /// Tells whether systemd counts the last run as failed.
    pub(super) fn has_failed(&self) -> bool {
        !matches!(self.result.as_str(), "" | "success")
    }

    /// Tells whether systemd refused to start it because it had done so too often.
    pub(super) fn was_started_too_often(&self) -> bool {
        self.result == "start-limit-hit"
    }

    /// Returns words for how the process ended.
    pub(super) fn words(&self) -> String {
        format!("systemd says {}, exit status {}", self.result, self.status)
    }

    /// Tells whether systemd is about to start the unit again after its process ended.
    pub(super) fn is_coming_back(&self) -> bool {
        self.sub.starts_with("auto-restart")
    }

    /// Tells whether the process was the node's own program when it ended, and not systemd on its way to start it.
    pub(super) fn had_started(&self) -> bool {
        // systemd keeps these for what it could not do itself.
        let is_own = |status: u32| !(200..=245).contains(&status);
        match self.result.as_str() {
            "exit-code" => self.status.parse().is_ok_and(is_own),
            "success" => self.ended_well(),
            "signal" | "core-dump" => true,
            _ => false,
        }
    }

    /// Tells whether the process ended by itself, with exit code 0, as one does that upgraded itself.
    pub(super) fn ended_well(&self) -> bool {
        self.code == EXITED && self.status == "0"
    }
}

/// Reads what was printed: blocks of `KEY=VALUE` lines, one a unit, with empty lines between. What makes no sense is
/// left out.
pub(super) fn parse(text: &str) -> BTreeMap<String, Shown> {
    let mut units = BTreeMap::new();
    for block in text.split("\n\n") {
        let mut shown = Shown::default();
        let mut id = None;
        for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
            let value = value.trim();
            match key {
                "Id" => id = Some(value.to_owned()),
                "ActiveState" => value.clone_into(&mut shown.active),
                "SubState" => value.clone_into(&mut shown.sub),
                "MainPID" => shown.pid = value.parse().ok().filter(|pid| *pid != 0),
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

/// Reads how often each unit was started again.
pub(super) fn restarts(text: &str) -> BTreeMap<String, u32> {
    let value = |block: &str, key: &str| {
        block.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.trim().to_owned()))
    };
    let count = |block: &str| Some((value(block, "Id")?, value(block, "NRestarts")?.parse().ok()?));
    text.split("\n\n").filter_map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_told_apart() {
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
}
