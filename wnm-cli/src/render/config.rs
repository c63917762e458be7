//! The table of settings.

use super::page::Width;
use super::table::Table;
use crate::commands::config::Entry;
use crate::commands::config::change::Changed;
use crate::commands::config::describe::Description;
use crate::render::{BOLD, styled};
use wnm_core::{Affects, NODE_SETTINGS};

/// Whether the table has a column with the source of each value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sources {
    Shown,
    Hidden,
}

/// Returns a table of settings, one line per setting; `-` stands for a setting without a value.
pub(crate) fn list(entries: &[Entry], sources: Sources, width: Width) -> String {
    let has_sources = sources == Sources::Shown;
    let header: &[&str] = if has_sources { &["SETTING", "VALUE", "SOURCE"] } else { &["SETTING", "VALUE"] };
    let rows = entries.iter().map(|entry| {
        let value = entry.shown.clone().unwrap_or_else(|| "-".to_owned());
        let mut row = vec![entry.key.to_owned(), value];
        if has_sources {
            row.push(entry.source.to_string());
        }
        row
    });
    Table { header, right: &[], optional: &[], rows: rows.collect() }.wrapped(width)
}

/// Returns the facts of settings, one block for each.
pub(crate) fn descriptions(all: &[Description]) -> String {
    all.iter().map(description).collect::<Vec<_>>().join("\n")
}

fn description(setting: &Description) -> String {
    let unit = setting.unit.map(|unit| format!("{}, {}", unit.name(), unit.forms()));
    let unit = unit.map(|unit| unit.trim_end_matches(", ").to_owned());
    let facts = [
        ("default", Some(setting.default.to_owned())),
        ("unit", unit),
        ("allowed", Some(setting.allowed.clone())),
        ("takes effect", Some(setting.takes_effect.text().to_owned())),
        ("affects", Some(setting.affects.text().to_owned())),
        ("flag", Some(setting.flag.clone())),
        ("variables", Some(setting.variables.join(", "))),
        (
            "example",
            Some(super::shell_text(&["wnm", "config", "set", &format!("{}={}", setting.key, setting.example)])),
        ),
    ];
    let lines = facts.into_iter().filter_map(|(name, text)| Some(format!("  {name:<12}  {}\n", text?)));
    format!("{}  {}\n{}", styled(BOLD, setting.key), setting.description, lines.collect::<String>())
}

/// Returns changed settings, one line for each, and a note where existing nodes do not get the new value.
pub(crate) fn changes(changed: &[Changed]) -> String {
    changed.iter().map(change).collect()
}

fn change(changed: &Changed) -> String {
    let shown = |value: &Option<String>| match value {
        None => "unset".to_owned(),
        Some(text) if text.is_empty() => "empty".to_owned(),
        Some(text) => text.clone(),
    };
    let [was, is] = &changed.shown;
    if was == is {
        return format!("{} = {} (unchanged)\n", changed.key, shown(is));
    }
    let mut text = format!("{} = {} (was {})\n", changed.key, shown(is), shown(was));
    match (changed.affects, changed.nodes_with_old_value) {
        (Affects::New, count @ 1..) => {
            let (nodes, keep) = if count == 1 { ("node", "keeps") } else { ("nodes", "keep") };
            text.push_str(&format!("  {count} existing {nodes} {keep} the old value; new nodes get the new one\n"));
            if NODE_SETTINGS.contains(&changed.key) {
                text.push_str("  hint: change existing nodes too with `wnm node update --all`\n");
            }
        }
        (Affects::New, 0) => text.push_str("  applies to new nodes\n"),
        (Affects::NewAndUpgraded, _) => text.push_str("  applies to new nodes and to upgrades\n"),
        (Affects::NewAndRemoved, _) => text.push_str("  applies to nodes that are added or removed from now on\n"),
        (Affects::All | Affects::None, _) => {}
    }
    text
}
