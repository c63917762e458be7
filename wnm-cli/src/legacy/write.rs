//! Writing the command line of this wnm for a parsed one of the Python wnm.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::read::OldLine;
use super::{LegacyError, Rewritten};
use crate::render::shell_text;

const NO_LOCK_FILE: &str = "nothing to do: --remove_lockfile has no effect, because the lock ends with its process";

/// Returns the command line of this wnm.
///
/// # Errors
/// Flags contradict each other, have an invalid value, or have no counterpart.
pub(super) fn write(mut line: OldLine) -> Result<Rewritten, LegacyError> {
    if line.take_switch("remove_lockfile") {
        return Ok(Rewritten::Nothing { reason: NO_LOCK_FILE });
    }
    let mut globals = globals(&mut line)?;
    let mut notes = Vec::new();
    let mut command = Vec::new();
    let is_help_or_version =
        line.globals.iter().any(|word| ["--version", "-V", "--help", "-h"].iter().any(|t| word == t));
    if !is_help_or_version {
        command = command_of(&mut line, &mut notes)?;
        if line.take_switch("json") {
            globals.push("--json".into());
        }
        let left_out = line.switches.iter().chain(line.values.keys());
        notes.extend(left_out.map(|flag| format!("ignoring --{flag}: {}", why_ignored(flag))));
    }
    let mut args = vec![line.program];
    args.append(&mut line.globals);
    args.extend(globals.into_iter().chain(command).chain(line.unknown));
    Ok(Rewritten::Line { args, notes })
}

/// Returns the global flags that have another name in this wnm.
fn globals(line: &mut OldLine) -> Result<Vec<OsString>, LegacyError> {
    let mut globals = Vec::new();
    if let Some(path) = line.take("dbpath") {
        globals.extend(["--db".into(), database(&path).into_os_string()]);
    }
    if let Some(level) = line.take_text("loglevel")? {
        match level.to_ascii_uppercase().as_str() {
            "DEBUG" => globals.push("-v".into()),
            "INFO" | "WARNING" | "WARN" => {}
            "ERROR" | "CRITICAL" => globals.push("-q".into()),
            _ => {
                let allowed = "DEBUG, INFO, WARNING, ERROR, CRITICAL";
                return Err(LegacyError::InvalidValue { flag: "loglevel", value: level, allowed });
            }
        }
    }
    Ok(globals)
}

/// Returns the database for a `--dbpath`. Beside the `colony.db` of the Python wnm it is `wnm.db`.
pub(crate) fn database(given: &std::ffi::OsStr) -> PathBuf {
    // SQLAlchemy writes sqlite:///relative and sqlite:////absolute.
    let path = given.to_str().and_then(|text| text.strip_prefix("sqlite:///")).map_or(Path::new(given), Path::new);
    if path.file_name().is_some_and(|name| name == "colony.db") { path.with_file_name("wnm.db") } else { path.into() }
}

fn command_of(line: &mut OldLine, notes: &mut Vec<String>) -> Result<Vec<OsString>, LegacyError> {
    let requests = [
        ("report", line.values.contains_key("report")),
        ("force_action", line.values.contains_key("force_action")),
        ("init", line.switches.contains("init")),
        ("migrate_anm", line.switches.contains("migrate_anm")),
    ];
    let mut requested = requests.into_iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| flag);
    match (requested.next(), requested.next()) {
        (Some("init"), Some("migrate_anm")) => Ok(init(line)),
        (Some(one), Some(other)) => Err(LegacyError::TwoRequests { one, other }),
        (Some("report"), None) => report(line, notes),
        (Some("force_action"), None) => action(line, notes),
        (Some(_), None) => Ok(init(line)),
        (None, _) => Ok(run(line)),
    }
}

/// Returns `run` with its flags; no words without flags, because wnm without a command runs a cycle.
fn run(line: &mut OldLine) -> Vec<OsString> {
    let mut flags: Vec<OsString> = Vec::new();
    if line.take_switch("dry_run") {
        flags.push("--dry-run".into());
    } else if line.lowers_cap {
        flags.push("--yes".into());
    }
    match line.take("enable_upgrade") {
        Some(value) => flags.push(joined("--this-enable-upgrade", value)),
        None if line.take_switch("enable_upgrade") => flags.push("--this-enable-upgrade".into()),
        None => {}
    }
    flags.extend(pace(line).map(|delay| joined("--this-action-delay", delay)));
    flags.extend(line.take("this_survey_delay").map(|delay| joined("--this-survey-delay", delay)));
    flags.append(&mut line.settings);
    if flags.is_empty() && line.unknown.is_empty() {
        return flags;
    }
    flags.insert(0, "run".into());
    flags
}

/// Returns `init`, with the source of a takeover if one is given.
fn init(line: &mut OldLine) -> Vec<OsString> {
    line.take_switch("init");
    let mut command: Vec<OsString> = vec!["init".into()];
    for (old, new) in [("migrate_anm", "--from-anm"), ("import", "--import"), ("dry_run", "--dry-run")] {
        if line.take_switch(old) {
            command.push(new.into());
        }
    }
    command.append(&mut line.settings);
    command
}

fn report(line: &mut OldLine, notes: &mut Vec<String>) -> Result<Vec<OsString>, LegacyError> {
    refuse_settings(line, "`wnm report`")?;
    let kind = line.take("report").unwrap_or_default();
    let format = line.take("report_format");
    let format = if line.take_switch("json") { Some("json".into()) } else { format };
    line.take_switch("dry_run");
    let has_formats = kind != "influx-resources";
    if !has_formats && format.is_some() {
        notes.push("ignoring --report_format: influx-resources has one format".to_owned());
    }
    let mut command = vec!["report".into(), kind];
    command.extend(format.filter(|_| has_formats).map(|format| joined("--format", format)));
    command.extend(line.take("service_name"));
    Ok(command)
}

fn action(line: &mut OldLine, notes: &mut Vec<String>) -> Result<Vec<OsString>, LegacyError> {
    let action = line.take_text("force_action")?.unwrap_or_default();
    match action.as_str() {
        "add" | "remove" | "upgrade" | "start" | "stop" | "disable" => node(line, notes, &action),
        "survey" => survey(line, notes),
        "teardown" => teardown(line),
        "nullop" | "update_config" => Ok(update_config(line)),
        "disable_config" => disable_config(line),
        "wnm-db-migration" => {
            line.take_switch("confirm");
            Ok(vec!["db".into(), "migrate".into()])
        }
        _ => Err(LegacyError::InvalidValue {
            flag: "force_action",
            value: action,
            allowed: "add, remove, upgrade, start, stop, disable, teardown, survey, update_config, disable_config, \
                      nullop, wnm-db-migration",
        }),
    }
}

/// Returns a command on nodes, by name or by count.
fn node(line: &mut OldLine, notes: &mut Vec<String>, verb: &str) -> Result<Vec<OsString>, LegacyError> {
    refuse_settings(line, &format!("`wnm node {verb}`"))?;
    let mut command: Vec<OsString> = vec!["node".into(), verb.into()];
    let nodes = line.take("service_name").filter(|names| !names.is_empty());
    let count = line.take("count");
    match (verb, nodes, count) {
        ("add", Some(_), _) => return Err(LegacyError::NamedAddition),
        (_, Some(nodes), count) => {
            command.push(nodes);
            notes.extend(count.map(|_| "ignoring --count: --service_name names the nodes".to_owned()));
        }
        ("disable", None, _) => return Err(LegacyError::DisableWithoutNode),
        ("add", None, count) => command.extend(count.map(|count| joined("--count", count))),
        // The Python wnm acted on one node. This wnm needs the count, so that no typing error acts on a node.
        (_, None, count) => command.push(joined("--count", count.unwrap_or_else(|| "1".into()))),
    }
    command.extend(pace(line).map(|delay| joined("--interval", delay)));
    // Neither cron nor a script can answer a question.
    let is_confirmed = line.take_switch("confirm");
    if line.take_switch("dry_run") {
        command.push("--dry-run".into());
    } else if verb == "remove" {
        command.push("--yes".into());
    } else if is_confirmed {
        line.switches.insert("confirm");
    }
    Ok(command)
}

/// Returns the pause between two actions, which applies to this run only.
fn pace(line: &mut OldLine) -> Option<OsString> {
    line.take("this_action_delay").or_else(|| line.take("interval"))
}

fn survey(line: &mut OldLine, notes: &mut Vec<String>) -> Result<Vec<OsString>, LegacyError> {
    refuse_settings(line, "`wnm node survey`")?;
    let named = line.take("service_name");
    notes.extend(named.map(|_| "ignoring --service_name: a survey probes all nodes at once".to_owned()));
    let mut command: Vec<OsString> = vec!["node".into(), "survey".into()];
    let delay = line.take("this_survey_delay").or_else(|| pace(line));
    command.extend(delay.map(|delay| joined("--interval", delay)));
    if line.take_switch("dry_run") {
        command.push("--dry-run".into());
    }
    Ok(command)
}

fn teardown(line: &mut OldLine) -> Result<Vec<OsString>, LegacyError> {
    refuse_settings(line, "`wnm teardown`")?;
    if line.take_switch("dry_run") {
        line.take_switch("confirm");
        return Ok(["node", "remove", "--all", "--dry-run"].map(OsString::from).to_vec());
    }
    let mut command = vec!["teardown".into()];
    if line.take_switch("confirm") {
        command.push("--yes".into());
    }
    Ok(command)
}

/// Returns `config set` with the given settings; a dry run without settings or with `--dry_run`.
fn update_config(line: &mut OldLine) -> Vec<OsString> {
    let mut settings = std::mem::take(&mut line.settings);
    if line.take_switch("dry_run") || settings.is_empty() {
        settings.splice(0..0, ["run".into(), "--dry-run".into()]);
        return settings;
    }
    let pairs = settings.iter().map(|word| {
        let word = word.to_string_lossy();
        let word = word.trim_start_matches('-');
        if word.contains('=') { OsString::from(word) } else { format!("{word}=true").into() }
    });
    let pairs: Vec<OsString> = pairs.collect();
    // A lower node cap removes nodes and would ask.
    let is_cap = pairs.iter().any(|pair| pair.to_string_lossy().starts_with("node-cap="));
    let consent = is_cap.then(|| "--yes".into());
    ["config".into(), "set".into()].into_iter().chain(consent).chain(pairs).collect()
}

/// Returns `config set` that turns the given switches off.
fn disable_config(line: &mut OldLine) -> Result<Vec<OsString>, LegacyError> {
    line.take_switch("dry_run");
    let names: Vec<String> = line.settings.drain(..).map(|word| word.to_string_lossy().into_owned()).collect();
    if names.is_empty() {
        return Err(LegacyError::DisableConfigWithoutSwitch);
    }
    if let Some(setting) = names.iter().find(|word| word.contains('=')) {
        return Err(LegacyError::NotASwitch { setting: setting.clone() });
    }
    let off = names.iter().map(|word| format!("{}=false", word.trim_start_matches('-')).into());
    Ok(["config".into(), "set".into()].into_iter().chain(off).collect())
}

/// Refuses settings for a command that takes none. To ignore them would lose a change that the operator wants.
fn refuse_settings(line: &OldLine, command: &str) -> Result<(), LegacyError> {
    if line.settings.is_empty() {
        return Ok(());
    }
    Err(LegacyError::UnusedSettings { command: command.to_owned(), settings: words(&line.settings) })
}

fn words(words: &[OsString]) -> String {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    shell_text(&words)
}

fn joined(flag: &str, value: OsString) -> OsString {
    let mut word = OsString::from(flag);
    word.push("=");
    word.push(value);
    word
}

/// Returns the reason why a flag is ignored.
fn why_ignored(flag: &str) -> &'static str {
    match flag {
        "show_machine_config" => "use `wnm report machine-config`",
        "show_machine_metrics" => "use `wnm report machine-metrics`",
        "show_decisions" => "every cycle prints its decision, and `wnm explain` the reasons",
        "last_stopped_at" => "wnm stores the time of each stop itself",
        "rust_backtrace" => "wnm does not change the environment of antctl",
        "enable_upgrade" => "it applies only to `wnm run`",
        _ => "it has no effect on this command",
    }
}
