//! Candidates of shell completions: nodes, removed nodes, cycles, settings and their values.
//!
//! The script of a shell asks wnm for them while a line is typed. A colony that cannot be read yields no candidates, and
//! no message: a shell has no place for one.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Arg, Command, CommandFactory as _};
use clap_complete::engine::{PathCompleter, ValueCompleter as _};
use clap_complete::{ArgValueCompleter, CompleteEnv, CompletionCandidate};
use wnm_core::{NodeId, RawSettings, Setting};
use wnm_platform::{node_dir, places};
use wnm_store::{Activity, HistoryFilter, Store};

use super::{Cli, in_both_spellings};
use crate::render;

/// The variable by which a completion script asks wnm for candidates.
pub(crate) const COMPLETE: &str = "WNM_COMPLETE";
/// The number of past cycles to choose from.
const CYCLES: u32 = 20;

/// Prints candidates and ends the process where a completion script asks for them; else returns.
pub(crate) fn complete() {
    CompleteEnv::with_factory(|| completed(in_both_spellings(Cli::command()))).var(COMPLETE).complete();
}

/// Returns a command whose arguments know their candidates. The name of a value tells which.
fn completed(command: Command) -> Command {
    let command = command.mut_args(|arg| match of(&arg) {
        Some(candidates) => arg.add(candidates),
        None => arg,
    });
    command.mut_subcommands(completed)
}

fn of(arg: &Arg) -> Option<ArgValueCompleter> {
    if let Some(setting) = RawSettings::setting(arg.get_id().as_str()) {
        return Some(ArgValueCompleter::new(move |current: &OsStr| values(setting, "", current)));
    }
    let name = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string)?;
    Some(match name.as_str() {
        "NODE" => ArgValueCompleter::new(nodes),
        "NODE|UUID" => ArgValueCompleter::new(removed_nodes),
        "CYCLE" => ArgValueCompleter::new(cycles),
        "SETTING" => ArgValueCompleter::new(|current: &OsStr| settings("", current)),
        "SETTING VALUE" => ArgValueCompleter::new(assignments),
        _ => return None,
    })
}

/// Returns the nodes of the colony with their states.
fn nodes(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(snapshot) = store().and_then(|store| store.snapshot().ok()) else { return Vec::new() };
    let state = |id: &NodeId| snapshot.state.nodes.get(id).map_or_else(String::new, |state| state.word().to_owned());
    matching(current, snapshot.nodes.keys().map(|id| (id.name(), state(id))))
}

/// Returns the removed nodes of all storage folders. Each can be restored by its number.
fn removed_nodes(current: &OsStr) -> Vec<CompletionCandidate> {
    let settings = store().and_then(|store| store.settings().ok()).unwrap_or_default();
    let scope = settings.process_manager.map_or_else(places::own_scope, |manager| manager.scope);
    let default = || vec![places::host_defaults(scope).storage];
    let folders: Vec<PathBuf> = settings.node_storage.map_or_else(default, |folders| folders.0);
    let removed = node_dir::list_trash(&folders);
    matching(current, removed.iter().filter_map(|removed| Some((removed.id?.name(), removed.uuid.clone()))))
}

/// Returns the latest cycles with their times.
fn cycles(current: &OsStr) -> Vec<CompletionCandidate> {
    let filter = HistoryFilter { activity: Activity::Any, limit: CYCLES, ..HistoryFilter::default() };
    let found = store().and_then(|store| store.history(&filter).ok());
    let cycles = found.map(|found| found.cycles).unwrap_or_default();
    matching(current, cycles.iter().map(|cycle| (cycle.id.to_string(), render::time(cycle.at))))
}

/// Returns the settings, each with a text after its name.
fn settings(after: &str, current: &OsStr) -> Vec<CompletionCandidate> {
    let setting = |setting: &Setting| (format!("{}{after}", setting.key), setting.about.to_owned());
    matching(current, RawSettings::ALL.iter().map(setting))
}

/// Returns the candidates of `SETTING VALUE` and of `SETTING=VALUE`.
fn assignments(current: &OsStr) -> Vec<CompletionCandidate> {
    if let Some(setting) = previous().and_then(|word| RawSettings::setting(&word.to_string_lossy())) {
        return values(setting, "", current);
    }
    match current.to_string_lossy().split_once('=').and_then(|(key, _)| RawSettings::setting(key)) {
        Some(setting) => values(setting, &format!("{}=", setting.key), current),
        None => settings("=", current),
    }
}

/// Returns the allowed words of a setting, or its default, or the paths that begin with the typed one.
fn values(setting: &Setting, before: &str, current: &OsStr) -> Vec<CompletionCandidate> {
    if setting.facts.is_path && before.is_empty() {
        return PathCompleter::any().complete(current);
    }
    let mut words = (setting.words)();
    if words.is_empty() {
        words.push(setting.facts.example.to_owned());
    }
    matching(current, words.into_iter().map(|word| (format!("{before}{word}"), String::new())))
}

/// Returns the candidates that begin with the typed text, each with its help.
fn matching(current: &OsStr, all: impl Iterator<Item = (String, String)>) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let candidate = |(word, help): (String, String)| {
        CompletionCandidate::new(word).help(Some(help).filter(|help| !help.is_empty()).map(Into::into))
    };
    all.filter(|(word, _)| word.starts_with(&*current)).map(candidate).collect()
}

/// Returns the words of the line that is typed.
fn line() -> Vec<OsString> {
    std::env::args_os().skip_while(|word| word != "--").skip(1).collect()
}

/// Returns the word before the one that is completed.
fn previous() -> Option<OsString> {
    let line = line();
    // bash and zsh name the word; other shells complete the last one.
    let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok());
    let index = index.unwrap_or_else(|| line.len().saturating_sub(1));
    index.checked_sub(1).and_then(|before| line.get(before).cloned())
}

/// Opens the database that the line or the environment names, or that of this user.
fn store() -> Option<Store> {
    let line = line();
    let named = line.iter().position(|word| word == "--db").and_then(|flag| line.get(flag + 1)).cloned();
    let db = named.or_else(|| std::env::var_os("WNM_DB")).map_or_else(places::database, PathBuf::from);
    Store::open_read_only(&db).ok()
}
