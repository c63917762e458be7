//! Errors of settings with their sources, and hints that work where the value was given.

use std::fmt;
use std::path::PathBuf;

use wnm_core::{HostDefaults, Problem, ProblemCause, Problems, RawSettings, Setting, Settings, Shape, Unit};

use super::{file, set, variable};
use crate::render::shell_text;

/// Problems of settings, and how to fix the first of them where its value was given.
#[derive(Debug)]
pub(crate) struct SettingsError {
    problems: Vec<Problem>,
    hint: String,
}

/// The place where a value was given, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag, such as `--node-cap`.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A line of the config file.
    File { path: PathBuf, line: Option<usize> },
    /// The database, which `wnm config set` changes, or a default.
    Stored,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        f.write_str(&problems.join("; "))
    }
}

impl std::error::Error for SettingsError {}

impl From<Problems> for SettingsError {
    fn from(problems: Problems) -> Self {
        let problems = problems.into_vec();
        let hint = problems.first().map_or_else(String::new, describe_hint);
        Self { problems, hint }
    }
}

impl SettingsError {
    /// Returns the error of values that cannot be read, each given at a place of its own.
    pub(crate) fn of_values(problems: Vec<(Problem, Origin)>) -> Self {
        let hint = problems.first().map_or_else(String::new, |(problem, origin)| value_hint(problem, origin));
        let problems = problems.into_iter().map(|(problem, origin)| placed(problem, &[origin]));
        Self { problems: problems.collect(), hint }
    }

    /// Returns the error of values that are valid alone and not together.
    ///
    /// The hint names a value that was tried with all others, so that the next run does not fail for the same reason.
    pub(crate) fn of_all(problems: Problems, flags: &RawSettings, merged: &RawSettings, host: &HostDefaults) -> Self {
        let problems = problems.into_vec();
        let hint = problems.first().map_or_else(String::new, |problem| {
            let mut involved: Vec<(&str, Origin)> =
                keys(problem).into_iter().map(|key| (key, origin(key, flags))).collect();
            involved.sort_by_key(|(_, origin)| origin.rank());
            let works = |key: &str, value: &str| {
                let mut changed = merged.clone();
                let without_this = |error: Problems| !error.all().iter().any(|other| other.key == problem.key);
                set(&mut changed, key, value).is_ok()
                    && Settings::new(&changed, host).map_or_else(without_this, |_| true)
            };
            let fix = involved.iter().find_map(|(key, origin)| {
                let setting = RawSettings::setting(key)?;
                let value = candidates(setting, merged).into_iter().find(|value| works(key, value))?;
                Some(fix_hint(setting, &value, origin))
            });
            match &problem.cause {
                ProblemCause::Missing if problem.key == "rewards_address" => MISSING_ADDRESS.to_owned(),
                ProblemCause::Needs { needed, .. } => together_hint(problem, needed),
                _ => fix.unwrap_or_else(|| describe_hint(problem)),
            }
        });
        let place = |problem: Problem| {
            let origins: Vec<Origin> = keys(&problem).into_iter().map(|key| origin(key, flags)).collect();
            placed(problem, &origins)
        };
        Self { problems: problems.into_iter().map(place).collect(), hint }
    }

    /// Tells whether a required setting has no value.
    pub(crate) fn is_missing(&self, key: &str) -> bool {
        self.problems.iter().any(|problem| problem.key == key && problem.is_missing())
    }

    /// Returns how the operator can fix the first problem.
    pub(crate) fn hint(&self) -> &str {
        &self.hint
    }
}

const MISSING_ADDRESS: &str = "give --rewards-address 0x…, the address that receives the rewards of the nodes";

impl Origin {
    fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 0,
            Self::Variable(_) => 1,
            Self::File { .. } => 2,
            Self::Stored => 3,
        }
    }

    /// Returns the place for an error; None for the database, which the command or the name of the setting implies.
    fn text(&self) -> Option<String> {
        match self {
            Self::Flag(flag) => Some(format!("flag {flag}")),
            Self::Variable(name) => Some(format!("variable {name}")),
            Self::File { path, line: Some(line) } => Some(format!("{}:{line}", path.display())),
            Self::File { path, line: None } => Some(path.display().to_string()),
            Self::Stored => None,
        }
    }
}

/// Returns the place where the effective value of a setting was given.
fn origin(key: &str, flags: &RawSettings) -> Origin {
    if flags.get(key).is_some() {
        return Origin::Flag(format!("--{}", key.replace('_', "-")));
    }
    if let Some((name, _)) = variable(key) {
        return Origin::Variable(name);
    }
    let is_in_file = file::read().is_ok_and(|file| file.get(key).is_some());
    match file::path().filter(|_| is_in_file) {
        Some(path) => Origin::File { line: file::line_of(&path, key), path },
        None => Origin::Stored,
    }
}

/// Returns the problem with the places of its values.
fn placed(problem: Problem, origins: &[Origin]) -> Problem {
    let mut places: Vec<String> = origins.iter().filter_map(Origin::text).collect();
    places.dedup();
    if places.is_empty() { problem } else { problem.at(places.join(", ")) }
}

/// Returns the settings that a problem involves, the one that it names first.
fn keys(problem: &Problem) -> Vec<&str> {
    let other = match problem.cause {
        ProblemCause::Contradicts { other, .. } | ProblemCause::PortsOverlap { other, .. } => Some(other),
        ProblemCause::PortsExceedLast { .. } => Some("node_cap"),
        _ => None,
    };
    std::iter::once(problem.key.as_str()).chain(other).collect()
}

/// Returns the command that sets a value together with those that it needs.
fn together_hint(problem: &Problem, needed: &[&str]) -> String {
    let own = (problem.key.as_str(), problem.value.as_deref().unwrap_or_default());
    let others = needed.iter().filter_map(|key| Some((*key, RawSettings::setting(key)?.facts.example)));
    let pairs: Vec<String> = std::iter::once(own).chain(others).map(|(key, value)| format!("{key}={value}")).collect();
    let words: Vec<&str> = ["wnm", "config", "set"].into_iter().chain(pairs.iter().map(String::as_str)).collect();
    format!("set them together, such as `{}`", shell_text(&words))
}

/// Returns values that may resolve a contradiction, the likeliest first.
fn candidates(setting: &Setting, merged: &RawSettings) -> Vec<String> {
    let mut values = vec![setting.facts.example.to_owned()];
    let number = |key: &str| merged.get(key).and_then(|text| text.parse::<f64>().ok());
    let partner = match setting.key.strip_suffix("_less_than") {
        Some(stem) => Some(format!("{stem}_remove")),
        None => setting.key.strip_suffix("_remove").map(|stem| format!("{stem}_less_than")),
    };
    if let Some(value) = partner.and_then(|key| number(&key)) {
        values.extend([(value * 0.8).floor(), (value * 1.25).ceil().min(100.0)].map(|value| value.to_string()));
    }
    match setting.facts.unit {
        Unit::Thousands => values.extend(["20", "30", "40", "50", "60"].map(str::to_owned)),
        // Zero turns the limit off.
        Unit::BytesPerSecond => values.push("0".to_owned()),
        Unit::Percent | Unit::Seconds | Unit::Milliseconds | Unit::Bytes | Unit::None => {
            values.extend(["1", "10", "100"].map(str::to_owned));
        }
    }
    values
}

/// Returns the hint for one value that cannot be read.
pub(crate) fn value_hint(problem: &Problem, origin: &Origin) -> String {
    match (&problem.cause, RawSettings::setting(&problem.key)) {
        (_, Some(setting)) => fix_hint(setting, setting.facts.example, origin),
        (ProblemCause::UnknownSetting { nearest: Some(nearest) }, None) => match origin {
            Origin::File { path, line } => format!("rename it to {nearest} in {}", place_in(path, *line)),
            Origin::Flag(_) | Origin::Variable(_) | Origin::Stored => format!("run `wnm config describe {nearest}`"),
        },
        _ => "list all settings with `wnm config list`".to_owned(),
    }
}

/// Returns how to give a valid value at the same place.
pub(crate) fn fix_hint(setting: &Setting, value: &str, origin: &Origin) -> String {
    let key = setting.key;
    // A hint must not make an operator give the rewards away: `faucet` is valid, and no advice.
    let value = if key == "rewards_address" { "0x…" } else { value };
    match origin {
        Origin::Flag(flag) => format!("give a valid value, such as `{}`", shell_text(&[format!("{flag}={value}")])),
        Origin::Variable(name) => {
            format!("set a valid value, such as `{}`, or unset the variable", assignment(name, value))
        }
        Origin::File { path, line } => {
            format!("write a valid value, such as `{}`, in {}", toml_line(setting, value), place_in(path, *line))
        }
        Origin::Stored => format!("run `wnm config set {}`", shell_text(&[format!("{key}={value}")])),
    }
}

/// Returns the assignment of a variable for a shell.
fn assignment(name: &str, value: &str) -> String {
    format!("{name}={}", shell_text(&[value]))
}

/// Returns a setting as a line of TOML, whose basic strings have the escapes of JSON. The reader of
/// `key=value` lines accepts it too.
pub(crate) fn toml_line(setting: &Setting, value: &str) -> String {
    let is_bare = match setting.shape {
        Shape::Switch => true,
        Shape::Number => value.parse::<f64>().is_ok(),
        Shape::Words | Shape::Text => false,
    };
    if is_bare {
        return format!("{} = {value}", setting.key);
    }
    format!("{} = {}", setting.key, serde_json::Value::String(value.to_owned()))
}

fn place_in(path: &std::path::Path, line: Option<usize>) -> String {
    line.map_or_else(|| path.display().to_string(), |line| format!("{}:{line}", path.display()))
}

fn describe_hint(problem: &Problem) -> String {
    match RawSettings::setting(&problem.key) {
        _ if problem.key == "rewards_address" && problem.is_missing() => MISSING_ADDRESS.to_owned(),
        Some(setting) => format!("run `wnm config describe {}`", setting.key),
        None => "list all settings with `wnm config list`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use wnm_platform::places;

    use super::*;

    #[test]
    fn hints_name_the_place_of_the_value() {
        let problem = |key: &str| RawSettings::default().set(key, "'x").unwrap_err();
        let origins = [
            Origin::Flag("--node-cap".to_owned()),
            Origin::Variable("NODE_CAP".to_owned()),
            Origin::File { path: "/etc/wnm.toml".into(), line: Some(3) },
            Origin::Stored,
        ];
        let hints: Vec<String> = origins.iter().map(|origin| value_hint(&problem("node_cap"), origin)).collect();
        insta::assert_snapshot!(hints.join("\n"), @r"
        give a valid value, such as `--node-cap=20`
        set a valid value, such as `NODE_CAP=20`, or unset the variable
        write a valid value, such as `node_cap = 20`, in /etc/wnm.toml:3
        run `wnm config set node_cap=20`
        ");
    }

    #[test]
    fn contradictions_get_a_value_that_was_tried() {
        let host = places::host_defaults(places::own_scope());
        for (key, value, flag) in [
            ("cpu_less_than", "80", "--cpu-less-than=50"),
            ("cpu_remove", "10", "--cpu-remove=70"),
            ("netio_read_less_than", "1000", "--netio-read-less-than=0"),
            ("port_start", "13", "--port-start=55"),
            ("max_concurrent_starts", "0", "--max-concurrent-starts=1"),
            ("steady_relief_target", "10", "--steady-relief-target=30"),
        ] {
            let mut flags = RawSettings::default();
            flags.set(key, value).unwrap();
            let mut merged = flags.clone();
            merged.set("rewards_address", "faucet").unwrap();
            let error = SettingsError::of_all(Settings::new(&merged, &host).unwrap_err(), &flags, &merged, &host);
            assert!(error.hint().contains(&format!("`{flag}`")), "{key}: {}", error.hint());
            assert!(error.to_string().contains(&format!("flag --{}", key.replace('_', "-"))), "{error}");
        }
    }
}
