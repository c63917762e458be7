//! What comes over from other tools, for people.

use wnm_core::RawSettings;

use super::page::Width;
use super::table::Table;
use super::{BOLD, styled};
use crate::takeover::Takeover;

/// Returns everything that comes over, and everything that does not.
pub(crate) fn text(takeover: &Takeover, width: Width) -> String {
    let mut text = format!("{}\n\n", styled(BOLD, "settings"));
    for key in RawSettings::KEYS {
        if let Some(value) = takeover.settings.get(key) {
            text.push_str(&format!("  {key:<26}{value}\n"));
        }
    }
    text.push_str(&format!("\n{}   {}\n\n", styled(BOLD, "nodes"), takeover.nodes.len()));
    if !takeover.nodes.is_empty() {
        let rows = takeover.nodes.iter().map(|taken| {
            let node = &taken.node;
            let ports = node.ports.all().map(|port| port.to_string()).join(" ");
            vec![
                node.id.name(),
                taken.was.clone().unwrap_or_else(|| "-".to_owned()),
                taken.state.word().to_owned(),
                taken.version.clone().unwrap_or_else(|| "-".to_owned()),
                ports,
                super::time(node.born),
                node.wallet.to_string(),
                node.root_dir.display().to_string(),
            ]
        });
        let table = Table {
            header: &["NODE", "WAS", "IS", "VERSION", "PORTS", "BORN", "WALLET", "FOLDER"],
            right: &[],
            shed: &[5, 3, 4, 6],
            rows: rows.collect(),
        };
        text.push_str(&table.wrapped(width));
    }
    let notes: Vec<String> = takeover
        .nodes
        .iter()
        .flat_map(|taken| taken.notes.iter().map(|note| format!("  {}: {note}\n", taken.node.id.name())))
        .collect();
    if !notes.is_empty() {
        text.push_str(&format!("\n{}\n\n{}", styled(BOLD, "not as it was"), notes.concat()));
    }
    if !takeover.left_out.is_empty() {
        text.push_str(&format!("\n{}\n\n", styled(BOLD, "left out")));
        for left_out in &takeover.left_out {
            text.push_str(&format!("  {}: {}\n", left_out.what, left_out.why));
        }
    }
    if !takeover.changes.is_empty() {
        text.push_str(&format!("\n{}\n\n", styled(BOLD, "changed on this host")));
        takeover.changes.iter().for_each(|change| text.push_str(&format!("  {change}\n")));
    }
    text
}
