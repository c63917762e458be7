//! Writing the new form of an old command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::read::OldLine;
use super::{LegacyError, Rewritten};
use crate::render::shell_text;

const LOCKS: &str = "--remove_lockfile does nothing: the lock goes with the process that holds it, so that none is ever \
                     left behind; nothing was done";

/// Returns the new form of an old command line.
///
/// # Errors
/// It asks for two things at once, or for what this wnm does otherwise.
pub(super) fn write(mut line: OldLine) -> Result<Rewritten, LegacyError> {
    if line.take_switch("remove_lockfile") {
        return Ok(Rewritten::Nothing { why: LOCKS });
    }
    let mut globals = globals(&mut line)?;
    let mut notes = Vec::new();
    let mut command = Vec::new();
    let only_tells = line.globals.iter().any(|word| ["--version", "-V", "--help", "-h"].iter().any(|t| word == t));
    if !only_tells {
        command = command_of(&mut line, &mut notes)?;
        if line.take_switch("json") {
            globals.push("--json".into());
        }
        let left_out = line.switches.iter().chain(line.values.keys());
        notes.extend(left_out.map(|flag| format!("--{flag} is passed over: {}", why_left_out(flag))));
    }
    let mut args = vec![line.program];
    args.append(&mut line.globals);
    args.extend(globals.into_iter().chain(command).chain(line.unknown));
    Ok(Rewritten::Line { args, notes })
}

/// Returns the flags before the command that had another form.
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
                let expected = "DEBUG, INFO, WARNING, ERROR or CRITICAL";
                return Err(LegacyError::Value { flag: "loglevel", expected, found: level });
            }
        }
    }
    Ok(globals)
}

/// Returns the database that an old path stands for: beside a Python one, ours.
fn database(given: &std::ffi::OsStr) -> PathBuf {
    // Three slashes begin every such address; a fourth is the root folder.
    let path = given.to_str().and_then(|text| text.strip_prefix("sqlite:///")).map_or(Path::new(given), Path::new);
    if path.file_name().is_some_and(|name| name == "colony.db") { path.with_file_name("wnm.db") } else { path.into() }
}

fn command_of(line: &mut OldLine, notes: &mut Vec<String>) -> Result<Vec<OsString>, LegacyError> {
    let wishes = [
        ("report", line.values.contains_key("report")),
        ("force_action", line.values.contains_key("force_action")),
        ("init", line.switches.contains("init")),
        ("migrate_anm", line.switches.contains("migrate_anm")),
    ];
    let mut asked = wishes.into_iter().filter(|(_, asked)| *asked).map(|(flag, _)| flag);
    match (asked.next(), asked.next()) {
        (Some("init"), Some("migrate_anm")) => Ok(init(line)),
        (Some(one), Some(other)) => Err(LegacyError::TwoWishes { one, other }),
        (Some("report"), None) => report(line, notes),
        (Some("force_action"), None) => action(line, notes),
        (Some(_), None) => Ok(init(line)),
        (None, _) => Ok(run(line)),
    }
}

/// Returns one cycle; nothing at all where the line says nothing more, because that is what wnm does then.
fn run(line: &mut OldLine) -> Vec<OsString> {
    let mut flags: Vec<OsString> = Vec::new();
    if line.take_switch("dry_run") {
        flags.push("--dry-run".into());
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

/// Returns the beginning of a colony, with nodes that are there already where they are to come over.
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
    refuse_settings(line, "a report")?;
    let kind = line.take("report").unwrap_or_default();
    let format = line.take("report_format");
    let format = if line.take_switch("json") { Some("json".into()) } else { format };
    line.take_switch("dry_run");
    let has_formats = kind != "influx-resources";
    if !has_formats && format.is_some() {
        notes.push("--report_format is passed over: influx-resources has one format".to_owned());
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
        _ => Err(LegacyError::Value {
            flag: "force_action",
            expected: "add, remove, upgrade, start, stop, disable, teardown, survey, update_config, disable_config, \
                       nullop or wnm-db-migration",
            found: action,
        }),
    }
}

/// Returns a command on nodes, by name or by number of nodes.
fn node(line: &mut OldLine, notes: &mut Vec<String>, verb: &str) -> Result<Vec<OsString>, LegacyError> {
    refuse_settings(line, &format!("`wnm node {verb}`"))?;
    let mut command: Vec<OsString> = vec!["node".into(), verb.into()];
    let nodes = line.take("service_name").filter(|names| !names.is_empty());
    let count = line.take("count");
    match (verb, nodes, count) {
        ("add", Some(_), _) => {
            return Err(LegacyError::NotHere {
                what: "--service_name: a new node cannot be named, it gets the lowest free number".to_owned(),
                hint: "wnm node add --count 1".to_owned(),
            });
        }
        (_, Some(nodes), count) => {
            command.push(nodes);
            notes.extend(count.map(|_| "--count is passed over: nodes are named".to_owned()));
        }
        ("disable", None, _) => {
            return Err(LegacyError::NotHere {
                what: "disable: expected the nodes that are to stay down, found none".to_owned(),
                hint: "wnm node disable antnode0003".to_owned(),
            });
        }
        (_, None, count) => command.extend(count.map(|count| joined("--count", count))),
    }
    command.extend(pace(line).map(|delay| joined("--interval", delay)));
    if line.take_switch("dry_run") {
        command.push("--dry-run".into());
    }
    Ok(command)
}

/// Returns the pause between two actions that holds for this line only.
fn pace(line: &mut OldLine) -> Option<OsString> {
    line.take("this_action_delay").or_else(|| line.take("interval"))
}

fn survey(line: &mut OldLine, notes: &mut Vec<String>) -> Result<Vec<OsString>, LegacyError> {
    refuse_settings(line, "`wnm node survey`")?;
    let named = line.take("service_name");
    notes.extend(named.map(|_| "--service_name is passed over: all nodes are looked at, at once".to_owned()));
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
        command.push("--confirm".into());
    }
    Ok(command)
}

/// Only settings: those that are given are kept, and nothing else is done.
fn update_config(line: &mut OldLine) -> Vec<OsString> {
    let mut settings = std::mem::take(&mut line.settings);
    if line.take_switch("dry_run") || settings.is_empty() {
        // Nothing but a look at what they would come to.
        settings.splice(0..0, ["run".into(), "--dry-run".into()]);
        return settings;
    }
    let pairs = settings.iter().map(|word| {
        let word = word.to_string_lossy();
        let word = word.trim_start_matches('-');
        if word.contains('=') { word.into() } else { format!("{word}=true").into() }
    });
    ["config".into(), "set".into()].into_iter().chain(pairs).collect()
}

/// Switches that are turned off.
fn disable_config(line: &mut OldLine) -> Result<Vec<OsString>, LegacyError> {
    line.take_switch("dry_run");
    let names: Vec<String> = line.settings.drain(..).map(|word| word.to_string_lossy().into_owned()).collect();
    let value = names.iter().find(|word| word.contains('='));
    if let Some(word) = value.or(names.is_empty().then_some(&String::new())) {
        return Err(LegacyError::NotHere {
            what: format!("disable_config: expected switches to turn off, such as --no_upnp, found {word:?}"),
            hint: "`wnm config unset SETTING` takes any other setting back".to_owned(),
        });
    }
    let off = names.iter().map(|word| format!("{}=false", word.trim_start_matches('-')).into());
    Ok(["config".into(), "set".into()].into_iter().chain(off).collect())
}

/// Refuses settings where the new command takes none, rather than to forget them.
fn refuse_settings(line: &OldLine, place: &str) -> Result<(), LegacyError> {
    if line.settings.is_empty() {
        return Ok(());
    }
    Err(LegacyError::NotHere {
        what: format!("expected no settings with {place}, found {}", words(&line.settings)),
        hint: format!("give them to a cycle first, which keeps them: wnm run {}", words(&line.settings)),
    })
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

/// Returns why a flag that is left over has no place in the new line.
fn why_left_out(flag: &str) -> &'static str {
    match flag {
        "show_machine_config" => "`wnm report machine-config` shows it",
        "show_machine_metrics" => "`wnm report machine-metrics` shows them",
        "show_decisions" => "each cycle says what it decided, and `wnm explain` tells why",
        "last_stopped_at" => "it is known when each node stopped",
        "rust_backtrace" => "antctl is run as it is set up",
        "enable_upgrade" => "it holds for one cycle, and this is none",
        _ => "it means nothing here",
    }
}
