//! The valves: holds that are in effect, sources of holds that cannot be read, and windows that never open.

use wnm_agent::valves::trouble_text;
use wnm_core::{HoldSource, WindowState};

use super::Check;
use crate::render::valves::{ValvesNow, hold_text};

/// Checks the valves. A host without holds and windows has no result.
pub(super) fn check(valves: &ValvesNow) -> Vec<Check> {
    let ValvesNow { now, settings, sample, .. } = valves;
    let mut checks = Vec::new();
    for hold in &sample.holds {
        let hint = match hold.source {
            HoldSource::Command => "`wnm resume` ends it",
            HoldSource::File => "delete the file of the setting hold_file, or run `wnm config unset hold_file`",
            HoldSource::Url => "end it at its source, or run `wnm config unset hold_url`",
            HoldSource::Fleet => "the operator of the fleet ends it with `wnm fleet resume`",
        };
        checks.push(Check::warning("hold", format!("voluntary actions are held: {}", hold_text(hold, *now)), hint));
    }
    for trouble in &sample.troubles {
        let hint = match trouble.source {
            HoldSource::Command => "`wnm resume` removes it",
            HoldSource::File => "`wnm config describe hold_file` describes the file",
            HoldSource::Url => "`wnm config describe hold_url` describes the address",
            // The check of the membership has it.
            HoldSource::Fleet => continue,
        };
        checks.push(Check::warning("hold", trouble_text(trouble), hint));
    }
    if settings.windows.as_slice().is_empty() {
        return checks;
    }
    checks.push(match settings.window_state(sample, *now) {
        Ok(WindowState::Closed { opens: None }) => Check::warning(
            "window",
            "the windows do not open within a day, so that no node is added or upgraded",
            "`wnm config describe window` describes windows",
        ),
        Ok(WindowState::Open { .. }) => Check::ok("window", "voluntary actions may begin now"),
        Ok(WindowState::Closed { .. }) => Check::ok("window", "voluntary actions wait for the window"),
        Err(zone) => Check::error(
            "window",
            format!("the time zone {zone} is unknown on this host, so that no node is added or upgraded"),
            "install the package tzdata, or correct the name with `wnm config set window=daily\\ 22:00-06:00`",
        ),
    });
    checks
}

#[cfg(test)]
mod tests {
    use wnm_core::{Hold, HoldTrouble, Policy, RawSettings, TimeOfDay, Timestamp, ValveSample};

    use super::*;
    use crate::commands::doctor::line;

    #[test]
    fn every_finding_has_a_hint_that_works() {
        let at = |window: Option<&str>, sample: ValveSample| {
            let mut raw = RawSettings::default();
            if let Some(window) = window {
                raw.set("window", window).unwrap();
            }
            let settings = Policy::new(&raw, Some(4)).unwrap().valves;
            let valves = ValvesNow { now: Timestamp::from_secs(1_795_000_000), settings, sample, rollout: None };
            check(&valves).iter().map(line).collect::<String>()
        };
        let local = |seconds| ValveSample { local: vec![seconds; 2], ..ValveSample::default() };
        let noon = Some(TimeOfDay::from_secs(12 * 3600));
        let sources = [HoldSource::Command, HoldSource::File, HoldSource::Url, HoldSource::Fleet];
        let hold = |source| Hold { source, reason: "new disks".to_owned(), since: None, until: None, drain: false };
        let trouble = |source| HoldTrouble { source, problem: "permission denied".to_owned() };
        let (holds, troubles) = (sources.map(hold).to_vec(), sources.map(trouble).to_vec());
        assert_eq!(at(None, ValveSample::default()), "");
        let pages = [
            at(None, ValveSample { holds, troubles, ..ValveSample::default() }),
            at(Some("daily 10:00-14:00"), local(noon)),
            at(Some("daily 22:00-06:00"), local(noon)),
            at(Some("daily 10:00-11:00, deny daily 09:00-12:00"), local(noon)),
            at(Some("daily 10:00-14:00 Mars/Olympus"), local(None)),
        ];
        insta::assert_snapshot!(anstream::adapter::strip_str(&pages.concat()));
    }
}
