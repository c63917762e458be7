//! Units by other hands: those that run a node of this colony too, and those that a colony is rebuilt from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use wnm_core::{ManagerKind, Node, Program, Scope};

use super::rights::Deed;
use super::unit::{self, Unit};
use super::{SYSTEM_UNITS, Systemd, adopt, definition, is_missing, root_of, show, unit_name, user_units};
use crate::error::PlatformError;
use crate::node_dir::{self, Folder};

impl Systemd {
    /// Returns the units that may be nodes', by name.
    pub(super) fn units(&self) -> Result<BTreeMap<String, Unit>, PlatformError> {
        let fail = |source| PlatformError::File { verb: "list", path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if is_missing(&error) => return Ok(BTreeMap::new()),
            Err(error) => return Err(fail(error)),
        };
        let mut units = BTreeMap::new();
        for entry in entries {
            let path = entry.map_err(fail)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".service"));
            // What cannot be read is left alone.
            if let Some(name) = name.filter(|name| name.starts_with("antnode"))
                && let Ok(Some(unit)) = Unit::read(&path)
            {
                units.insert(name.to_owned(), unit);
            }
        }
        Ok(units)
    }

    /// Returns the node that a unit by another hand runs on a folder; None when there is none, or it says too little.
    pub(super) fn adoptable(&self, folder: &Folder, units: &BTreeMap<String, Unit>) -> Option<Node> {
        let on_it = |unit: &&Unit| root_of(unit).is_some_and(|root| definition::is_same(&root, &folder.path));
        let (name, unit) = units.iter().find(|(_, unit)| on_it(unit))?;
        let command = unit.command()?;
        let service = adopt::Service {
            name,
            manager: self.kind,
            program: Path::new(command.first()?),
            arguments: command.get(1..)?,
            environment: unit.environment()?,
            folder,
        };
        let node = adopt::node(&service);
        node.inspect_err(|error| tracing::warn!(unit = name, %error, "a unit is left alone")).ok()
    }
}

/// Returns the unit of this host, other than the node's own, that runs on the folder of a node and is active or would
/// be after a reboot.
pub(in crate::manager) fn other_holder(node: &Node) -> Option<String> {
    let system = PathBuf::from(SYSTEM_UNITS);
    [(Scope::Sudo, system), (Scope::User, user_units())].into_iter().find_map(|(scope, folder)| {
        let is_own = node.manager == ManagerKind::new(Program::Systemd, scope);
        let own = is_own.then(|| unit_name(node));
        holder_in(&folder, own.as_deref(), node, |unit| is_active(scope, unit))
    })
}

pub(super) fn holder_in(
    folder: &Path,
    own: Option<&str>,
    node: &Node,
    is_active: impl Fn(&str) -> bool,
) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.ends_with(".service") && Some(name.as_str()) != own).find_map(|name| {
        let path = folder.join(&name);
        // Most units say nothing of it, and need not be read with care.
        let text = node_dir::read_bounded(&path, unit::LIMIT).ok()?;
        let last = node.root_dir.file_name()?.as_encoded_bytes();
        let is_plain = last.iter().all(u8::is_ascii_alphanumeric);
        if is_plain && !text.windows(last.len()).any(|window| window == last) {
            return None;
        }
        let unit = Unit::read(&path).ok()??;
        let holds = root_of(&unit).is_some_and(|root| definition::is_same(&root, &node.root_dir));
        let is_up = || is_enabled(folder, &name) || is_active(&name);
        (holds && is_up()).then(|| format!("the unit {}", folder.join(&name).display()))
    })
}

/// Tells whether a unit is started with the host or the session: some target wants it.
fn is_enabled(folder: &Path, name: &str) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut targets = entries.filter(|path| path.extension().is_some_and(|extension| extension == "wants"));
    targets.any(|target| fs::symlink_metadata(target.join(name)).is_ok())
}

/// Tells whether a unit runs, or is about to be started again.
fn is_active(scope: Scope, name: &str) -> bool {
    let systemd = Systemd::open(ManagerKind::new(Program::Systemd, scope));
    let Ok(systemd) = systemd else { return false };
    let output = systemd.bus.systemctl(Deed::Look, ["show", show::PROPERTIES, "--", name]);
    let shown = output.map(|output| show::parse(&output.text())).unwrap_or_default();
    shown.values().any(|shown| !matches!(shown.active.as_str(), "inactive" | "failed"))
}
