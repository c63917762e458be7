//! Units that wnm did not write: of nodes that it can adopt, and of nodes that it already manages.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use wnm_core::{ManagerKind, Node, NodeId, Program, Scope};

use super::super::{Described, FoundProcess, Listed};
use super::rights::Access;
use super::unit::{self, Unit};
use super::{
    Options, SYSTEM_UNITS, Systemd, adopt, is_in_group_of, is_missing, root_of, show, unit_name, unit_of, user_units,
};
use crate::by_folder::ByFolder;
use crate::error::hint::typed;
use crate::error::{FileOperation, PlatformError};
use crate::files;
use crate::guarded::{self, Trust};
use crate::node_dir::Folder;

/// The units that may run nodes.
pub(super) struct Units {
    by_name: BTreeMap<String, Unit>,
    /// The names of the units by the `--root-dir` in their command.
    by_folder: ByFolder<String>,
}

impl Systemd {
    /// Returns the names of all units that may run nodes, without `.service`: by their name, or by their command.
    pub(super) fn unit_names(&self) -> Result<Vec<String>, PlatformError> {
        let fail = |source| PlatformError::File { operation: FileOperation::List, path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(fail(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(fail)?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".service"));
            let is_of_node = |name: &&str| name.starts_with("antnode") || runs_node(&self.path_of(name));
            names.extend(name.filter(is_of_node).map(ToOwned::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Returns the units of nodes that are links to files elsewhere, as `systemctl link` makes them. wnm writes no unit at the
    /// place of a link, so that it could not start such a node again.
    pub(super) fn linked_units(&self) -> Vec<Listed> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let listed = |path: PathBuf| {
            let name = path.file_name()?.to_str()?.strip_suffix(".service")?.to_owned();
            let target = fs::read_link(&path).ok()?;
            let mut text = String::new();
            guarded::open_followed(&path, Trust::Anyone).ok()?.take(unit::LIMIT).read_to_string(&mut text).ok()?;
            let unit = Unit::parse(&text);
            adopt::is_node_program(unit.command()?.first()).then(|| Listed {
                fault: Some(format!(
                    "its unit is a symbolic link to {}: put a copy of that file in the place of the link, run `systemctl \
                     daemon-reload`, and import the node then",
                    target.display()
                )),
                folder: root_of(&unit),
                name,
            })
        };
        let mut found: Vec<Listed> = entries.filter_map(listed).collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found
    }

    /// Returns the units that may run nodes. Unreadable ones are skipped.
    pub(super) fn units(&self) -> Result<Units, PlatformError> {
        let read = |name: String| {
            let unit = Unit::read(&self.path_of(&name)).ok()??;
            Some((name, unit))
        };
        let by_name: BTreeMap<String, Unit> = self.unit_names()?.into_iter().filter_map(read).collect();
        let named = by_name.iter().filter_map(|(name, unit)| Some((root_of(unit)?, name.clone())));
        let by_folder = named.collect();
        Ok(Units { by_name, by_folder })
    }

    /// Returns the node that an external unit runs on a folder.
    ///
    /// # Errors
    /// No unit or more than one runs the folder, or the unit does not describe the node completely.
    pub(super) fn adoptable(
        &self,
        folder: &Folder,
        units: &Units,
        process: Option<&FoundProcess>,
    ) -> Result<Described, String> {
        let mut here = units.by_folder.of(&folder.path).filter_map(|name| units.by_name.get_key_value(name));
        let (name, unit) = match (here.next(), here.next()) {
            (Some(one), None) => one,
            (Some((one, _)), Some((other, _))) => return Err(format!("units {one} and {other} both run it")),
            (None, _) => return self.adoptable_by_process(folder, units, process),
        };
        let command = unit.command().unwrap_or_default();
        let [program, arguments @ ..] = command.as_slice() else {
            return Err(unexpandable(name));
        };
        let environment = match (unit.environment(), process) {
            (Some(environment), _) => environment,
            (None, Some(process)) => self.set_by(name, unit, process)?,
            (None, None) => {
                return Err(format!(
                    "only systemd can expand the environment of unit {name}: start the node, then import it"
                ));
            }
        };
        let service = adopt::Service {
            name,
            manager: self.kind,
            program: Path::new(program),
            arguments,
            environment,
            working_dir: unit.value("Service", "WorkingDirectory").map(Path::new),
            folder,
            process,
        };
        adopt::node(&service).map_err(|error| error.to_string())
    }

    /// Returns why the process of a node is that of no unit file. An instance of a template such as `antnode@1` has none of its
    /// own, which wnm could replace.
    fn no_unit(&self, pid: u32) -> String {
        let instance = unit_of(pid).filter(|unit| {
            let template = unit.split_once('@').map(|(name, _)| format!("{name}@.service"));
            template.is_some_and(|template| self.folder.join(template).exists())
        });
        match instance {
            None => "no systemd unit runs it".to_owned(),
            Some(unit) => format!(
                "its unit {unit} is an instance of a template: `systemctl cat {} >{}; systemctl daemon-reload` makes it a unit \
                 of its own, without a restart; then import it",
                typed(Path::new(&unit)),
                typed(&self.folder.join(&unit))
            ),
        }
    }

    /// Returns the variables that a unit has set for its process. Those that systemd adds for itself are left out.
    fn set_by(&self, name: &str, unit: &Unit, process: &FoundProcess) -> Result<Vec<(String, String)>, String> {
        let named = unit.variables().map_err(|(file, error)| {
            format!("the environment file {} of unit {name} cannot be read: {error}", file.display())
        })?;
        Ok(self.processes.environment(process.identity.pid, &named))
    }

    /// Returns the node of a unit whose command only systemd can expand, from the process that systemd started.
    fn adoptable_by_process(
        &self,
        folder: &Folder,
        units: &Units,
        process: Option<&FoundProcess>,
    ) -> Result<Described, String> {
        let Some(process) = process else {
            let name = folder.path.file_name().unwrap_or_default().to_string_lossy();
            let is_unreadable = units.by_name.get(name.as_ref()).is_some_and(|unit| root_of(unit).is_none());
            return Err(if is_unreadable { unexpandable(&name) } else { "no systemd unit runs it".to_owned() });
        };
        let mut named =
            units.by_name.keys().filter(|name| is_in_group_of(process.identity.pid, &format!("{name}.service")));
        let name = named.next().ok_or_else(|| self.no_unit(process.identity.pid))?;
        let unit = units.by_name.get(name).ok_or_else(|| unexpandable(name))?;
        let unreadable = || format!("the command line of process {} is unreadable", process.identity.pid);
        let service = adopt::Service {
            name,
            manager: self.kind,
            program: process.executable.as_deref().ok_or_else(unreadable)?,
            arguments: &process.words().ok_or_else(unreadable)?,
            environment: self.set_by(name, unit, process)?,
            working_dir: process.working_dir.as_deref(),
            folder,
            process: Some(process),
        };
        adopt::node(&service).map_err(|error| error.to_string())
    }
}

/// Tells whether the command of a unit is a node program. Most units have nothing to do with nodes, and a byte search is
/// cheaper than parsing them all.
fn runs_node(path: &Path) -> bool {
    let Ok(text) = guarded::read(path, unit::LIMIT, Trust::Anyone) else { return false };
    let holds = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
    if !holds(b"--root-dir") || !(holds(b"antnode") || holds(b"ant-node")) {
        return false;
    }
    let unit = Unit::read(path).ok().flatten();
    unit.is_some_and(|unit| match unit.command() {
        Some(command) => adopt::is_node_program(command.first()),
        // Only systemd can expand it.
        None => unit.values("Service", "ExecStart").any(|line| line.contains("--root-dir")),
    })
}

fn unexpandable(name: &str) -> String {
    format!("only systemd can expand the command of unit {name}: start the node, then import it")
}

/// Returns the drop-in that marks an external unit as adopted.
pub(super) fn mark(unit: &Path) -> PathBuf {
    unit::drop_in_folder(unit).join("10-wnm.conf")
}

/// Returns all external units that run on the folder of a node and are active or enabled.
pub(in crate::manager) fn other_holders(nodes: &[&Node]) -> Vec<(NodeId, String)> {
    let system = PathBuf::from(SYSTEM_UNITS);
    let holders = [(Scope::Sudo, system), (Scope::User, user_units())].into_iter().flat_map(|(scope, folder)| {
        let manager = ManagerKind::new(Program::Systemd, scope);
        let is_own = |node: &Node, name: &str| node.manager == manager && unit_name(node) == name;
        holders_in(&folder, nodes, is_own, |units| active(scope, units))
    });
    holders.collect()
}

pub(super) fn holders_in(
    folder: &Path,
    nodes: &[&Node],
    is_own: impl Fn(&Node, &str) -> bool,
    active: impl Fn(&[String]) -> BTreeSet<String>,
) -> Vec<(NodeId, String)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let holder = |name: String| {
        let path = folder.join(&name);
        // Most units have nothing to do with nodes: a byte search is cheaper than parsing them all.
        let text = guarded::read(&path, unit::LIMIT, Trust::Anyone).ok()?;
        if !may_run_one(&text, nodes) {
            return None;
        }
        let root = root_of(&Unit::read(&path).ok()??)?;
        let is_same =
            |node: &Node| root.file_name() == node.root_dir.file_name() && files::is_same(&root, &node.root_dir);
        let node =
            nodes.iter().find(|node| root == node.root_dir).or_else(|| nodes.iter().find(|node| is_same(node)))?;
        (!is_own(node, &name)).then_some((node.id, name))
    };
    let found: Vec<_> = names.filter(|name| name.ends_with(".service")).filter_map(holder).collect();
    let (mut up, down): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, name)| is_enabled(folder, name));
    let names: Vec<String> = down.iter().map(|(_, name)| name.clone()).collect();
    let active = if names.is_empty() { BTreeSet::new() } else { active(&names) };
    up.extend(down.into_iter().filter(|(_, name)| active.contains(name)));
    up.into_iter().map(|(id, name)| (id, format!("unit {}", folder.join(name).display()))).collect()
}

/// Tells whether a unit may run one of the nodes: its text contains `--root-dir`, and the name of the folder if the
/// search is for a single node.
fn may_run_one(text: &[u8], nodes: &[&Node]) -> bool {
    let holds = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
    let last = match nodes {
        [node] => node.root_dir.file_name().map(OsStr::as_encoded_bytes).unwrap_or_default(),
        _ => b"",
    };
    let is_plain = !last.is_empty() && last.iter().all(u8::is_ascii_alphanumeric);
    holds(b"--root-dir") && (!is_plain || holds(last))
}

/// Tells whether a unit is enabled: the `.wants` folder of a target contains it.
pub(super) fn is_enabled(folder: &Path, name: &str) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut targets = entries.filter(|path| path.extension().is_some_and(|extension| extension == "wants"));
    targets.any(|target| fs::symlink_metadata(target.join(name)).is_ok())
}

/// Returns the units that are active or restart in a moment.
fn active(scope: Scope, names: &[String]) -> BTreeSet<String> {
    let systemd = Systemd::open(ManagerKind::new(Program::Systemd, scope), &Options::default());
    let Ok(systemd) = systemd else { return BTreeSet::new() };
    let arguments = ["show", show::PROPERTIES, "--"].into_iter().chain(names.iter().map(String::as_str));
    let output = systemd.bus.systemctl(Access::Query, arguments);
    let shown = output.map(|output| show::parse(&output.text())).unwrap_or_default();
    let active = shown.into_iter().filter(|(_, shown)| !matches!(shown.active.as_str(), "inactive" | "failed"));
    active.map(|(name, _)| name).collect()
}
