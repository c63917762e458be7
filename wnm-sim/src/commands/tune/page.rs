//! The text report of a tune, and the policy file.

use super::report::{Gain, Report, Setting, Validated};
use crate::statistics::Mean;
use crate::table::{finish, table};

impl Report {
    /// Returns the report as text.
    pub(super) fn page(&self) -> String {
        let mut parts = vec![self.summary(), self.settings_table(), self.verdict()];
        if let Some(gain) = &self.gain {
            parts.push(scenarios_table(&self.base, &self.best, gain));
        }
        if !self.validated.is_empty() {
            parts.push(front_table(&self.validated));
        }
        parts.join("\n\n") + "\n"
    }

    fn summary(&self) -> String {
        let rungs: Vec<_> =
            self.rungs.iter().map(|rung| format!("{} on {}", rung.candidates, seeds(rung.seeds))).collect();
        let rungs = if rungs.is_empty() { "no rung was finished".to_owned() } else { rungs.join(", then ") };
        let mut lines = vec![
            format!(
                "{} of {} runs, {} days each, cycles of {} s{}",
                self.runs,
                self.planned,
                self.days,
                self.cycle,
                if self.is_complete { "" } else { ": PARTIAL, interrupted" }
            ),
            format!("search in {}", brief(&self.searched_in)),
            format!("  candidates: {rungs}"),
        ];
        let held_out = if self.are_scenarios_held_out { "not used by the search" } else { "also used by the search" };
        lines.push(match self.validation_seeds {
            0 => "not validated: interrupted before".to_owned(),
            count => format!(
                "validation in {}, {held_out}\n  on {} not used by the search, from {}",
                brief(&self.validated_in),
                seeds(count),
                self.validation_seed
            ),
        });
        lines.join("\n")
    }

    fn settings_table(&self) -> String {
        let mut all = table(&["setting", "start", "best", "range", "explains %", "trend", "best range"]);
        for Setting { key, base, best, low, high, sensitivity } in &self.tuned {
            let (explains, correlation, around) = sensitivity.as_ref().map_or_else(
                || ("?".to_owned(), "?".to_owned(), "?".to_owned()),
                |s| (percent(s.explained), format!("{:+.2}", s.correlation), format!("{}..{}", s.best.0, s.best.1)),
            );
            let (was, is) = (base.to_string(), best.to_string());
            all.add_row(vec![(*key).to_owned(), was, is, format!("{low}..{high}"), explains, correlation, around]);
        }
        finish(all, 1)
    }

    /// Returns a sentence on whether the best candidate is better than the starting policy.
    pub(super) fn verdict(&self) -> String {
        let (best, base) = (&self.best, &self.base);
        if best == base {
            return format!("{base} remains the best: no candidate did better in the search.");
        }
        let Some(Gain { scalar, over_kinds, kinds, scenarios }) = &self.gain else {
            return format!(
                "{best} did best in the search and was not validated: compare it with {base} by wnm-sim run."
            );
        };
        let (won, all) = (scenarios.iter().filter(|scenario| scenario.gain.mean > 0.0).count(), scenarios.len());
        // A difference that is certain over seeds may still not hold in other kinds of scenario.
        let elsewhere = match over_kinds.within {
            Some(_) => format!("; {over_kinds:+.4} over the {kinds} kinds of scenario"),
            None => String::new(),
        };
        let by = format!("scalar {scalar:+.4}, higher in {won} of {all} scenarios{elsewhere}");
        match scalar.within {
            Some(within) if scalar.mean > within => format!("{best} is better than {base} in the validation: {by}."),
            Some(within) if scalar.mean < -within => {
                format!("{best} is WORSE than {base} in the validation: {by}. Keep {base}.")
            }
            _ => format!("{best} is not significantly better than {base} in the validation: {by}."),
        }
    }

    /// Returns the best policy as a file of settings.
    pub(super) fn policy_file(&self) -> String {
        let mut lines = vec![
            format!("# {}: by wnm-sim tune, {} runs, seed {}.", self.best, self.runs, self.seed),
            format!("# {}", self.verdict()),
        ];
        if !self.is_complete {
            lines.push("# PARTIAL: the search was interrupted; these are the best settings until then.".to_owned());
        }
        lines.extend(self.settings.iter().map(|(key, text)| {
            // TOML distinguishes numbers and booleans from strings; RawSettings gives all as text.
            let is_bare = text.parse::<bool>().is_ok() || text.parse::<i64>().is_ok();
            // Every JSON string is a valid TOML string.
            let value = if is_bare { text.clone() } else { serde_json::Value::from(text.as_str()).to_string() };
            format!("{key} = {value}")
        }));
        lines.join("\n") + "\n"
    }
}

fn seeds(count: usize) -> String {
    if count == 1 { "1 seed".to_owned() } else { format!("{count} seeds") }
}

/// Joins the names of scenarios; a scenario on both standard hosts is listed once, without the host.
fn brief(names: &[String]) -> String {
    let is_known = |base: &str, host: &str| names.iter().any(|name| *name == format!("{base}-{host}"));
    let both = |name: &str| {
        let (base, host) = name.rsplit_once('-')?;
        (is_known(base, "16") && is_known(base, "2")).then(|| (base.to_owned(), host == "16"))
    };
    let short = |name: &String| match both(name) {
        Some((base, is_first)) => is_first.then_some(base),
        None => Some(name.clone()),
    };
    names.iter().filter_map(short).collect::<Vec<_>>().join(", ")
}

fn percent(share: f64) -> String {
    format!("{:.0}", share * 100.0)
}

fn scenarios_table(base: &str, best: &str, gain: &Gain) -> String {
    let mut all = table(&["scalar in", base, best, "difference"]);
    for scenario in &gain.scenarios {
        let means = [scenario.base, scenario.best].map(|mean| format!("{mean:.3}"));
        let [base, best] = means;
        all.add_row(vec![scenario.scenario.clone(), base, best, format!("{:.4}", scenario.gain)]);
    }
    finish(all, 1)
}

fn front_table(validated: &[Validated]) -> String {
    let heading =
        ["policy", "front", "in the search", "scalar", "node-hours", "of best %", "avoidable %", "churn", "GB deleted"];
    let mut all = table(&heading);
    let share = |mean: Mean, digits: usize| format!("{:.digits$}", mean.times(100.0));
    for one in validated {
        all.add_row(vec![
            one.policy.clone(),
            if one.is_on_front { "*" } else { "" }.to_owned(),
            one.searched.map_or_else(String::new, |scalar| format!("{scalar:.3}")),
            format!("{:.3}", one.scalar),
            format!("{:.0}", one.node_hours),
            share(one.yielded, 1),
            share(one.avoidable, 3),
            format!("{:.3}", one.churn),
            format!("{:.1}", one.deleted_bytes.times(1e-9)),
        ]);
    }
    finish(all, 2)
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use serde_json::Value;
    use wnm_core::RawSettings;

    use super::*;
    use crate::commands::tune::report::{RungReport, ScenarioGain};
    use crate::commands::tune::sensitivity::Sensitivity;

    const fn sure(mean: f64, within: f64) -> Mean {
        Mean { mean, within: Some(within) }
    }

    fn validated(policy: &str, searched: Option<f64>, is_on_front: bool) -> Validated {
        Validated {
            policy: policy.to_owned(),
            searched,
            scalar: sure(0.8123, 0.0111),
            yielded: sure(0.954, 0.01),
            node_hours: sure(9754.0, 12.0),
            avoidable: sure(0.0004, 0.0001),
            churn: sure(0.21, 0.02),
            deleted_bytes: sure(3.4e9, 1e9),
            is_on_front,
        }
    }

    fn report() -> Report {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let setting = |key, base, best, high| {
            let sensitivity = Sensitivity { explained: 0.412, correlation: -0.35, best: (12, 31) };
            Setting { key, base, best, low: 10, high, sensitivity: Some(sensitivity) }
        };
        let gain = |scenario: &str, gain| ScenarioGain {
            scenario: scenario.to_owned(),
            base: sure(0.79, 0.02),
            best: sure(0.79 + gain, 0.03),
            gain: sure(gain, 0.004),
        };
        Report {
            is_complete: true,
            runs: 984,
            planned: 984,
            days: 7.0,
            cycle: 60,
            seed: 1,
            validation_seed: 1_000_001,
            validation_seeds: 6,
            searched_in: names(&["calm-16", "calm-2", "jump-2", "mine"]),
            validated_in: names(&["storms-16", "storms-2"]),
            are_scenarios_held_out: true,
            rungs: vec![RungReport { candidates: 77, seeds: 1 }, RungReport { candidates: 39, seeds: 2 }],
            base: "steady".to_owned(),
            best: "candidate-7".to_owned(),
            settings: [
                ("preset", "steady"),
                ("steady_relief_target", "32"),
                ("steady_grace", "60"),
                ("cpu_limit", "false"),
            ]
            .map(|(key, text)| (key, text.to_owned()))
            .into(),
            tuned: vec![
                setting("steady_relief_target", 30.0, 32.0, 80),
                Setting { sensitivity: None, ..setting("steady_grace", 120.0, 60.0, 900) },
            ],
            validated: vec![
                validated("candidate-7", Some(0.83), true),
                validated("steady", Some(0.82), true),
                validated("classic", None, false),
            ],
            gain: Some(Gain {
                scalar: sure(0.0212, 0.0035),
                over_kinds: sure(0.0212, 0.0981),
                kinds: 4,
                scenarios: vec![gain("storms-16", 0.0412), gain("storms-2", -0.0011)],
            }),
        }
    }

    #[test]
    fn page_of_a_complete_tune() {
        insta::assert_snapshot!(report().page());
    }

    #[test]
    fn page_of_an_interrupted_tune() {
        let partial = Report {
            is_complete: false,
            runs: 31,
            validation_seeds: 0,
            rungs: Vec::new(),
            validated: Vec::new(),
            gain: None,
            ..report()
        };
        insta::assert_snapshot!(partial.page());
        assert!(partial.policy_file().contains("# PARTIAL: the search was interrupted"));
    }

    #[test]
    fn verdict_depends_on_the_confidence_interval() {
        let verdict = |scalar: Mean| {
            let over_kinds = Mean { within: None, ..scalar };
            Report { gain: Some(Gain { scalar, over_kinds, kinds: 1, scenarios: Vec::new() }), ..report() }.verdict()
        };
        insta::assert_snapshot!(verdict(sure(0.004, 0.0035)), @"candidate-7 is better than steady in the validation: scalar +0.0040 ± 0.0035, higher in 0 of 0 scenarios.");
        insta::assert_snapshot!(verdict(sure(0.003, 0.0035)), @"candidate-7 is not significantly better than steady in the validation: scalar +0.0030 ± 0.0035, higher in 0 of 0 scenarios.");
        insta::assert_snapshot!(verdict(sure(-0.004, 0.0035)), @"candidate-7 is WORSE than steady in the validation: scalar -0.0040 ± 0.0035, higher in 0 of 0 scenarios. Keep steady.");
        insta::assert_snapshot!(verdict(Mean { mean: 0.9, within: None }), @"candidate-7 is not significantly better than steady in the validation: scalar +0.9000, higher in 0 of 0 scenarios.");
        insta::assert_snapshot!(Report { best: "steady".to_owned(), gain: None, ..report() }.verdict(), @"steady remains the best: no candidate did better in the search.");
    }

    /// The tests of `wnm-cli` read the same file.
    #[test]
    fn policy_file_is_a_file_of_settings() {
        let report = report();
        assert_eq!(report.policy_file(), include_str!("../../../tests/data/tuned.toml"));
        let read: RawSettings = toml::from_str(&report.policy_file()).unwrap();
        assert_eq!(read.get("steady_grace").as_deref(), Some("60"));
    }

    #[test]
    fn policy_file_keeps_every_type_of_setting() {
        let texts = [
            ("node_cap", "30"),
            ("cpu_less_than", "49.5"),
            ("desired_load_average", "1.2"),
            ("enable_upgrade", "true"),
            ("rewards_address", "faucet:1,donate:2"),
            ("node_storage", "/a b,/c"),
            ("start_args", "--peer '/ip4/1 2' --tab '\t\"'"),
            ("preset", "steady"),
        ];
        let mut raw = RawSettings::default();
        texts.iter().for_each(|(key, text)| raw.set(key, text).unwrap());
        let settings = RawSettings::KEYS.iter().filter_map(|key| Some((*key, raw.get(key)?))).collect();
        let file = Report { settings, ..report() }.policy_file();
        assert_eq!(toml::from_str::<RawSettings>(&file).unwrap(), raw, "{file}");
    }

    #[test]
    fn schema_in_docs_is_current() {
        let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let schema = Value::from(generator.into_root_schema_for::<Report>());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema/sim-tune.json");
        if std::env::var_os("WNM_RENEW_SCHEMAS").is_some() {
            std::fs::write(path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
        }
        let kept = serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap_or_default()).ok();
        let renew = "WNM_RENEW_SCHEMAS=1 cargo test -p wnm-sim --lib schema";
        assert!(kept == Some(schema), "docs/schema/sim-tune.json is stale: run `{renew}`");
    }
}
