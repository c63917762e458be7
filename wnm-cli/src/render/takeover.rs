//! The preview and the result of an import from another tool.

use wnm_core::RawSettings;

use super::page::Width;
use super::table::Table;
use super::{BOLD, styled, time};
use crate::takeover::Takeover;

/// Returns the imported settings and nodes, and everything that is not imported.
pub(crate) fn text(takeover: &Takeover, width: Width) -> String {
    let settings = RawSettings::KEYS.iter().filter_map(|key| Some((key, takeover.settings.get(key)?)));
    let settings: Vec<String> = settings.map(|(key, value)| format!("{key:<26}{value}")).collect();
    let heading = |title: &str| styled(BOLD, title);
    let mut text = format!("{}\n\n", heading("settings"));
    settings.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    text.push_str(&format!("\n{}   {}\n\n", heading("nodes"), takeover.nodes.len()));
    if !takeover.nodes.is_empty() {
        text.push_str(&nodes(takeover, width));
    }
    let notes = takeover
        .nodes
        .iter()
        .flat_map(|imported| imported.notes.iter().map(|note| format!("{}: {note}", imported.node.id.name())));
    let skipped = takeover.skipped.iter().map(|skipped| format!("{}: {}", skipped.name, skipped.reason));
    for (title, lines) in [
        ("changes to nodes", notes.collect::<Vec<_>>()),
        ("not imported", skipped.collect()),
        ("changes on this host", takeover.changes.clone()),
    ] {
        if !lines.is_empty() {
            text.push_str(&format!("\n{}\n\n", heading(title)));
            lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
        }
    }
    text
}

fn nodes(takeover: &Takeover, width: Width) -> String {
    let rows = takeover.nodes.iter().map(|imported| {
        let node = &imported.node;
        vec![
            node.id.name(),
            imported.previous_state.clone().unwrap_or_else(|| "-".to_owned()),
            imported.state.word().to_owned(),
            imported.version.clone().unwrap_or_else(|| "-".to_owned()),
            node.ports.all().map(|port| port.to_string()).collect::<Vec<_>>().join(" "),
            time(node.born),
            node.wallet.to_string(),
            node.root_dir.display().to_string(),
        ]
    });
    let table = Table {
        header: &["NODE", "PREVIOUS", "STATE", "VERSION", "PORTS", "CREATED", "WALLET", "FOLDER"],
        right: &[],
        optional: &[5, 3, 4, 6],
        rows: rows.collect(),
    };
    table.wrapped(width)
}
