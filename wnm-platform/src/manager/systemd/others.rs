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
    /// Returns the names of the units that may be nodes'.
    pub(super) fn unit_names(&self) -> Result<Vec<String>, PlatformError> {
        let fail = |source| PlatformError::File { verb: "list", path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(fail(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(fail)?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".service"));
            names.extend(name.filter(|name| name.starts_with("antnode")).map(ToOwned::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Returns the units that may be nodes', by name. What cannot be read is left alone.
    pub(super) fn units(&self) -> Result<BTreeMap<String, Unit>, PlatformError> {
        let read = |name: String| {
            let unit = Unit::read(&self.folder.join(format!("{name}.service"))).ok()??;
            Some((name, unit))
        };
        Ok(self.unit_names()?.into_iter().filter_map(read).collect())
    }

    /// Returns the node that a unit by another hand runs on a folder.
    ///
    /// # Errors
    /// There is none, or it says too little, in words.
    pub(super) fn adoptable(&self, folder: &Folder, units: &BTreeMap<String, Unit>) -> Result<Node, String> {
        let on_it = |unit: &Unit| root_of(unit).is_some_and(|root| definition::is_same(&root, &folder.path));
        let mut here = units.iter().filter(|(_, unit)| on_it(unit));
        let (name, unit) = match (here.next(), here.next()) {
            (Some(one), None) => one,
            (Some((one, _)), Some((other, _))) => return Err(format!("two units run it: {one} and {other}")),
            (None, _) => {
                let name = folder.path.file_name().unwrap_or_default().to_string_lossy();
                let untold = units.get(name.as_ref()).is_some_and(|unit| root_of(unit).is_none());
                return Err(if untold { untellable(&name) } else { "no unit of systemd runs it".to_owned() });
            }
        };
        let command = unit.command().unwrap_or_default();
        let [program, arguments @ ..] = command.as_slice() else {
            return Err(untellable(name));
        };
        let environment = unit.environment();
        let service = adopt::Service {
            name,
            manager: self.kind,
            program: Path::new(program),
            arguments,
            environment: environment
                .ok_or_else(|| format!("the environment of the unit {name} cannot be told without systemd"))?,
            folder,
        };
        let node = adopt::node(&service).map_err(|error| error.to_string())?;
        if node.id.name() != *name {
            return Err(format!("expected its unit to be called {}, found {name}", node.id.name()));
        }
        Ok(node)
    }
}

fn untellable(name: &str) -> String {
    format!("what the unit {name} runs cannot be told without systemd")
}

/// Returns the drop-in that says whose a unit by another hand is.
pub(super) fn mark(unit: &Path) -> PathBuf {
    unit::drop_in_folder(unit).join("10-wnm.conf")
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
