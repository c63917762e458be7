//! `wnm node update` and `wnm node move`: other settings or another storage folder for existing nodes.

use std::path::{Path, PathBuf};

use wnm_agent::Mode;
use wnm_core::{
    ChangeRequest, NODE_SETTINGS, NodeChange, NodeId, NodeUpdate, Problem, RawSettings, Selection, update_to,
};
use wnm_store::Store;

use super::drive::{Driver, Limit};
use super::node::report_works;
use super::selection;
use crate::args::{Move, Selected, SettingFlags, Update};
use crate::config;
use crate::context::Context;
use crate::error::{ChangeError, CliError, Exit};
use crate::output::Output;

/// Gives nodes other settings, in groups of as many as may be in operation at once.
pub(super) fn update(db: &Path, args: &Update, output: &mut Output) -> Result<Exit, CliError> {
    let given = Given::read(&args.values)?;
    let ids = selected(db, &args.which)?;
    let mode = mode(&args.which);
    // The given values are checked together with all settings, and not stored.
    let once = RawSettings { action_delay: args.which.interval, ..given.settings.clone() };
    let context = Context::open_once(db, &SettingFlags::default(), once.clone(), Mode::DryRun)?;
    let nodes = context.agent.store.nodes()?;
    let settings = context.agent.settings.clone();
    drop(context);
    let mut requests = Vec::new();
    for id in ids {
        let Some(node) = nodes.get(&id) else { continue };
        let update = update_to(&settings, node, &given.keys(), getrandom::u64()?);
        let update = NodeUpdate {
            log_dir: given.log_dir.as_ref().map(|folder| folder.join(node.service_name())),
            port: given.port,
            metrics_port: given.metrics_port,
            rpc_port: given.rpc_port.or(update.rpc_port),
            ..update
        };
        requests.push(ChangeRequest { node: id, change: NodeChange::Update(Box::new(update)) });
    }
    let group = usize::try_from(settings.policy.limits.operations).unwrap_or(usize::MAX).max(1);
    let group = if mode == Mode::DryRun { requests.len().max(1) } else { group };
    let mut works = Vec::new();
    let driver = Driver { db, once, mode, limit: Limit::OfActions };
    for requests in requests.chunks(group) {
        works.extend(driver.run(requests, output)?);
    }
    report_works(&works, mode, output)
}

/// Moves nodes to another storage folder, one after the other.
pub(super) fn relocate(db: &Path, args: &Move, output: &mut Output) -> Result<Exit, CliError> {
    let to = storage_folder(&args.to)?;
    let ids = selected(db, &args.which)?;
    let mode = mode(&args.which);
    let once = RawSettings { action_delay: args.which.interval, ..RawSettings::default() };
    let driver = Driver { db, once, mode, limit: Limit::None };
    let request = |node| ChangeRequest { node, change: NodeChange::Move(to.clone()) };
    let requests: Vec<ChangeRequest> = ids.into_iter().map(request).collect();
    let mut works = Vec::new();
    // Two copies at once would only take each other's time on the same drives.
    let group = if mode == Mode::DryRun { requests.len().max(1) } else { 1 };
    for requests in requests.chunks(group) {
        works.extend(driver.run(requests, output)?);
    }
    report_works(&works, mode, output)
}

/// Returns a folder as the setting `node_storage` names it: absolute, and without a slash at its end.
///
/// # Errors
/// The path is not UTF-8: the database, the descriptions of nodes and the requests to a daemon hold text.
pub(super) fn storage_folder(given: &Path) -> Result<PathBuf, CliError> {
    let folder: PathBuf = std::path::absolute(given)?.components().collect();
    if folder.to_str().is_none() {
        return Err(ChangeError::NotUtf8 { folder }.into());
    }
    Ok(folder)
}

fn mode(which: &Selected) -> Mode {
    if which.dry_run { Mode::DryRun } else { Mode::Act }
}

/// Returns the selected nodes; those of a count are the oldest.
fn selected(db: &Path, which: &Selected) -> Result<Vec<NodeId>, CliError> {
    let selection = selection::of(db, which)?;
    let nodes = Store::open_read_only(db)?.nodes()?;
    Ok(match selection {
        Selection::Named(ids) => ids,
        Selection::All => nodes.into_keys().collect(),
        Selection::Count(count) => {
            let mut by_age: Vec<_> = nodes.into_values().map(|node| (node.born, node.id)).collect();
            by_age.sort_unstable();
            by_age.truncate(usize::try_from(count).unwrap_or(usize::MAX));
            by_age.into_iter().map(|(_, id)| id).collect()
        }
    })
}

/// The values of `--set`.
#[derive(Debug, Default)]
struct Given {
    settings: RawSettings,
    log_dir: Option<PathBuf>,
    port: Option<u16>,
    metrics_port: Option<u16>,
    rpc_port: Option<u16>,
}

/// The names of `--set` that are facts of a single node, and no settings.
const OF_NODE: [&str; 4] = ["log_dir", "port", "metrics_port", "rpc_port"];

impl Given {
    fn read(values: &[String]) -> Result<Self, CliError> {
        let mut given = Self::default();
        for value in values {
            let (key, text) = value.split_once('=').unwrap_or((value, ""));
            let key = key.replace('-', "_");
            match key.as_str() {
                _ if !value.contains('=') => return Err(ChangeError::NoValue { key }.into()),
                "log_dir" => {
                    let folder = PathBuf::from(text);
                    if !folder.is_absolute() {
                        return Err(
                            ChangeError::Value { key, value: text.to_owned(), allowed: "an absolute folder" }.into()
                        );
                    }
                    given.log_dir = Some(folder);
                }
                "port" => given.port = Some(port(key, text)?),
                "metrics_port" => given.metrics_port = Some(port(key, text)?),
                "rpc_port" => given.rpc_port = Some(port(key, text)?),
                _ if NODE_SETTINGS.contains(&key.as_str()) => config::set(&mut given.settings, &key, text)?,
                _ => return Err(unknown(&key).into()),
            }
        }
        Ok(given)
    }

    /// Returns the names of the given settings; all of them when nothing at all is given.
    fn keys(&self) -> Vec<&'static str> {
        let given: Vec<&str> = NODE_SETTINGS.into_iter().filter(|key| self.settings.get(key).is_some()).collect();
        let has_facts =
            self.log_dir.is_some() || [self.port, self.metrics_port, self.rpc_port].iter().any(Option::is_some);
        if given.is_empty() && !has_facts { NODE_SETTINGS.to_vec() } else { given }
    }
}

fn port(key: String, text: &str) -> Result<u16, ChangeError> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| ChangeError::Value { key, value: text.to_owned(), allowed: "1 to 65535" })
}

fn unknown(key: &str) -> ChangeError {
    match RawSettings::KEYS.iter().find(|known| **known == key) {
        Some(known) => ChangeError::NotOfNodes { key: known },
        None => ChangeError::UnknownSetting {
            problem: Box::new(Problem::unknown_setting(key)),
            known: NODE_SETTINGS.iter().chain(&OF_NODE).copied().collect(),
        },
    }
}
