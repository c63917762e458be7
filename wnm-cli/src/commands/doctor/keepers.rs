//! Who keeps the colony: wnm's own service, a line of cron, and tools that came before.

use std::path::Path;

use super::Check;
use crate::commands::service;

/// The cron file of anm, which starts and stops nodes by itself.
const ANM: &str = "/etc/cron.d/anm";

/// Tells what runs cycles; two that do are one too many.
pub(super) fn check(db: &Path) -> Check {
    judge(&service::installed(db), Path::new(ANM).exists())
}

fn judge(kept: &[String], is_anm_here: bool) -> Check {
    match kept {
        _ if is_anm_here => Check::wrong(
            "keeper",
            format!("anm keeps nodes here too: {ANM}"),
            "wnm init --from-anm takes them over; otherwise take that file away",
        ),
        [] => Check::fine("keeper", "none of wnm's own; `wnm service install` makes one"),
        [one] => Check::fine("keeper", format!("wnm is kept {one}")),
        [..] => Check::wrong("keeper", format!("wnm is kept {}", kept.join(", and ")), "wnm service uninstall --cron"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Health;

    #[test]
    fn two_keepers_are_one_too_many() {
        let unit = "in /etc/systemd/system/wnm.service".to_owned();
        let cron = "in your crontab".to_owned();
        let cases = [
            (vec![], false, Health::Fine, "none of wnm's own; `wnm service install` makes one"),
            (vec![unit.clone()], false, Health::Fine, "wnm is kept in /etc/systemd/system/wnm.service"),
            (
                vec![unit.clone(), cron],
                false,
                Health::Wrong,
                "wnm is kept in /etc/systemd/system/wnm.service, and in your crontab",
            ),
            (vec![unit], true, Health::Wrong, "anm keeps nodes here too: /etc/cron.d/anm"),
        ];
        for (kept, is_anm_here, health, found) in cases {
            let check = judge(&kept, is_anm_here);
            assert_eq!((check.health, check.found.as_str()), (health, found));
        }
    }
}
