//! The files of anm: its configuration, its table of nodes, its cron file, and the file that exists during a pass.
//! Only [`Anm::halt`] changes a file, and [`Halted::undo`] restores it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wnm_core::{NodeId, Problem, RawSettings, Thousands};
use wnm_platform::other_tools;

use super::found::Record;

/// The cron file, which starts a pass of anm every minute.
const CRON: &str = "etc/cron.d/anm";
const SCRIPT: &str = "usr/bin/anms.sh";
const CONFIG: &str = "var/antctl/config";
const OVERRIDE: &str = "var/antctl/override";
const NODES: &str = "var/antctl/NodeDetails";
/// Exists during a pass of anm.
const BLOCK: &str = "var/antctl/block";
/// The copy of the cron file.
const CRON_COPY: &str = "var/antctl/anm.cron.before-wnm";
/// The maximum size of a file in bytes: anm has a line for each node.
const LIMIT: u64 = 4 * 1024 * 1024;
/// The interval of checks for the end of a pass.
const POLL: Duration = Duration::from_millis(100);

/// The setting of wnm that a setting of anm becomes, with the conversion of its value.
enum Conversion {
    /// The same value.
    Same(&'static str),
    /// Minutes become seconds.
    Minutes(&'static str),
    /// The value stands after a flag of the node program, as in `--rewards-address 0x…`.
    AfterFlag(&'static str),
}

const SETTINGS: [(&str, Conversion); 15] = [
    ("RewardsAddress", Conversion::AfterFlag("rewards_address")),
    ("MaxLoadAverageAllowed", Conversion::Same("max_load_average_allowed")),
    ("DesiredLoadAverage", Conversion::Same("desired_load_average")),
    ("CpuLessThan", Conversion::Same("cpu_less_than")),
    ("MemLessThan", Conversion::Same("mem_less_than")),
    ("HDLessThan", Conversion::Same("hd_less_than")),
    ("CpuRemove", Conversion::Same("cpu_remove")),
    ("MemRemove", Conversion::Same("mem_remove")),
    ("HDRemove", Conversion::Same("hd_remove")),
    ("DelayStart", Conversion::Minutes("delay_start")),
    ("DelayReStart", Conversion::Minutes("delay_restart")),
    ("DelayUpgrade", Conversion::Minutes("delay_upgrade")),
    ("DelayRemove", Conversion::Minutes("delay_remove")),
    ("NodeStorage", Conversion::Same("node_storage")),
    ("NodeCap", Conversion::Same("node_cap")),
];

/// The files of anm below a root folder: `/`, or a folder of a test.
pub(crate) struct Anm {
    root: PathBuf,
}

/// The settings and node records of anm.
#[derive(Debug, Default)]
pub(crate) struct AnmColony {
    pub(crate) settings: RawSettings,
    /// Settings with an invalid value.
    pub(crate) problems: Vec<Problem>,
    /// Settings that wnm does not have.
    pub(crate) unused: BTreeMap<String, String>,
    /// The records of its nodes.
    pub(crate) records: BTreeMap<NodeId, Record>,
}

impl Anm {
    pub(crate) fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Reads all files. The override file takes precedence over the configuration.
    pub(crate) fn read(&self) -> Result<AnmColony, AnmError> {
        let path = self.root.join(CONFIG);
        let config = text(&path)?.ok_or_else(|| AnmError::NoConfiguration { path: path.clone() })?;
        let mut assigned = assignments(&path, &config)?;
        let path = self.root.join(OVERRIDE);
        assigned.extend(text(&path)?.map_or(Ok(BTreeMap::new()), |text| assignments(&path, &text))?);
        let mut colony = AnmColony { records: self.nodes()?, ..AnmColony::default() };
        for (key, (value, place)) in assigned {
            let Some((_, conversion)) = SETTINGS.iter().find(|(name, _)| *name == key) else {
                colony.unused.insert(key, value);
                continue;
            };
            let set = match conversion {
                Conversion::Same(setting) => colony.settings.set(setting, &value),
                Conversion::Minutes(setting) => match value.parse::<u64>() {
                    Ok(minutes) => colony.settings.set(setting, &minutes.saturating_mul(60).to_string()),
                    Err(_) => Err(Problem::not_a_whole_number(setting, &value)),
                },
                Conversion::AfterFlag(setting) => {
                    colony.settings.set(setting, value.split_whitespace().last().unwrap_or_default())
                }
            };
            if let Err(problem) = set {
                colony.problems.push(problem.at(format!("{key} in {place}")));
            }
        }
        colony.settings.port_start = self.port_start()?;
        Ok(colony)
    }

    /// Returns the start of the node ports, which the script of anm holds as `ntpr=55`; None without the script.
    fn port_start(&self) -> Result<Option<Thousands>, AnmError> {
        let script = text(&self.root.join(SCRIPT))?.unwrap_or_default();
        let start = script.lines().find_map(|line| line.trim().strip_prefix("ntpr="));
        Ok(start.and_then(|value| value.trim_matches(['"', '\'']).parse().ok()).map(Thousands))
    }

    /// Reads the table of nodes, `declare -A NodeDetails=([0001]="antnode0001,PEER,VERSION,STATE" …)`. A missing file is an
    /// empty table.
    fn nodes(&self) -> Result<BTreeMap<NodeId, Record>, AnmError> {
        let path = self.root.join(NODES);
        let Some(text) = text(&path)? else { return Ok(BTreeMap::new()) };
        let text = text.trim();
        let mut nodes = BTreeMap::new();
        if text.is_empty() {
            return Ok(nodes);
        }
        let invalid = |text: &str| AnmError::Table { path: path.clone(), text: text.chars().take(60).collect() };
        let (_, list) = text.split_once("=(").ok_or_else(|| invalid(text))?;
        let list = list.strip_suffix(')').ok_or_else(|| invalid(list.trim_end().rsplit('[').next().unwrap_or(list)))?;
        for entry in shell_words::split(list).map_err(|_| invalid(list))? {
            let (id, fields) = entry.split_once('=').ok_or_else(|| invalid(&entry))?;
            let id = id.trim_matches(['[', ']']).parse::<NodeId>().map_err(|_| invalid(&entry))?;
            let mut fields =
                fields.split(',').skip(1).map(|field| Some(field.trim().to_owned()).filter(|f| !f.is_empty()));
            let (peer_id, version) = (fields.next().flatten(), fields.next().flatten());
            nodes.insert(id, Record { peer_id, version, status: fields.next().flatten() });
        }
        Ok(nodes)
    }

    /// Returns the changes that [`halt`](Self::halt) makes, a sentence each.
    pub(crate) fn changes(&self) -> Vec<String> {
        let (cron, copy) = (self.root.join(CRON), self.root.join(CRON_COPY));
        let change = format!("{} is removed, so that anm no longer runs; a copy is {}", cron.display(), copy.display());
        if cron.exists() { vec![change] } else { Vec::new() }
    }

    /// Removes the cron file of anm and waits for the end of a pass, up to `patience`. On an error the cron file is as
    /// before.
    pub(crate) fn halt(&self, patience: Duration) -> Result<Halted, AnmError> {
        let (cron, copy, block) = (self.root.join(CRON), self.root.join(CRON_COPY), self.root.join(BLOCK));
        let halted = match other_tools::read(&cron, LIMIT) {
            Ok(text) => {
                let remove = || {
                    // The copy is on disk first: a power failure in between must not lose the file.
                    other_tools::write(&copy, &text, 0o644)?;
                    other_tools::remove(&cron)
                };
                remove().map_err(|source| AnmError::File { verb: "remove", path: cron.clone(), source })?;
                Halted { cron: Some((cron, text)) }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Halted { cron: None },
            Err(source) => return Err(AnmError::File { verb: "read", path: cron, source }),
        };
        let started = Instant::now();
        while block.exists() {
            if started.elapsed() >= patience {
                halted.undo();
                return Err(AnmError::Busy { path: block, patience });
            }
            std::thread::sleep(POLL.min(patience));
        }
        Ok(halted)
    }
}

/// A failure to read or halt anm.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnmError {
    #[error("no configuration of anm at {}", path.display())]
    NoConfiguration { path: PathBuf },
    #[error("cannot {verb} {}: {source}", path.display())]
    File { verb: &'static str, path: PathBuf, source: io::Error },
    #[error("invalid table of nodes in {} near {text:?}: not ([NNNN]=\"name,peer,version,state\" …)", path.display())]
    Table { path: PathBuf, text: String },
    #[error("invalid line {statement:?} ({place}): not NAME=VALUE with closed quotes")]
    NotAnAssignment { statement: String, place: String },
    #[error("a pass of anm did not end within {} s: {} still exists", patience.as_secs(), path.display())]
    Busy { path: PathBuf, patience: Duration },
}

impl AnmError {
    /// Returns how to fix the problem.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoConfiguration { .. } => "`wnm init --import` imports nodes without it",
            Self::File { .. } => "run wnm as root; nothing was changed",
            Self::Table { .. } => "delete the file: the next pass of anm writes it again; nothing was changed",
            Self::NotAnAssignment { .. } => {
                "replace the expression by its value, or delete the line; nothing was changed"
            }
            Self::Busy { .. } => "try again, or delete that file if no anms.sh runs; anm runs as before",
        }
        .to_owned()
    }
}

/// The right to restore the cron file of a halted anm.
pub(crate) struct Halted {
    cron: Option<(PathBuf, Vec<u8>)>,
}

impl Halted {
    /// Restores the cron file, so that anm runs again.
    pub(crate) fn undo(self) {
        if let Some((cron, text)) = self.cron
            && let Err(error) = other_tools::write(&cron, &text, 0o644)
        {
            tracing::error!(path = %cron.display(), %error, "cannot restore the cron file of anm");
        }
    }
}

/// Reads a file; None if it does not exist.
fn text(path: &Path) -> Result<Option<String>, AnmError> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    match other_tools::read(path, LIMIT).and_then(|text| String::from_utf8(text).map_err(invalid)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AnmError::File { verb: "read", path: path.to_owned(), source }),
    }
}

/// Returns the variables that a shell file assigns, each with its value and place. A value that only a shell can
/// compute is an error: wnm runs no file of another tool.
fn assignments(path: &Path, text: &str) -> Result<BTreeMap<String, (String, String)>, AnmError> {
    let mut assigned = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let place = format!("line {} of {}", number + 1, path.display());
        let statement = line.trim();
        let statement = statement.strip_prefix("export ").unwrap_or(statement);
        if statement.is_empty() || statement.starts_with('#') {
            continue;
        }
        let value = |(name, value): (&str, &str)| {
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let is_plain = is_name && !value.contains(['$', '`']);
            match shell_words::split(value).ok().filter(|_| is_plain)?.as_slice() {
                [] => Some((name.to_owned(), String::new())),
                [word] => Some((name.to_owned(), word.clone())),
                [..] => None,
            }
        };
        let (name, value) = statement
            .split_once('=')
            .and_then(value)
            .ok_or_else(|| AnmError::NotAnAssignment { statement: statement.to_owned(), place: place.clone() })?;
        assigned.insert(name, (value, place));
    }
    Ok(assigned)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A host with the recorded files of anm.
    fn recorded() -> (tempfile::TempDir, Anm) {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(CONFIG, include_str!("../../tests/data/anm/config"));
        write(NODES, include_str!("../../tests/data/anm/NodeDetails"));
        write(CRON, include_str!("../../tests/data/anm/cron"));
        write(SCRIPT, "#!/bin/bash\nntpr=55\n");
        let anm = Anm::below(root.path());
        (root, anm)
    }

    #[test]
    fn recorded_files_are_read() {
        let (root, anm) = recorded();
        fs::write(root.path().join(OVERRIDE), "NodeCap=35 # more\nexport DelayStart='7'\n").unwrap();
        let colony = anm.read().unwrap();
        assert_eq!(colony.problems, []);
        let settings = RawSettings::KEYS.iter().filter_map(|key| Some(format!("{key} {}", colony.settings.get(key)?)));
        let unused = colony.unused.iter().map(|(key, value)| format!("(unused) {key} {value}"));
        let records = colony.records.iter().map(|(id, record)| format!("{id} {record:?}"));
        insta::assert_snapshot!(settings.chain(unused).chain(records).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn invalid_files_are_reported_with_their_place() {
        let error = |file: &str, text: &str| {
            let (root, anm) = recorded();
            fs::write(root.path().join(file), text).unwrap();
            let message = match anm.read() {
                Ok(colony) => wnm_core::Problems::none_or(colony.problems).unwrap_err().to_string(),
                Err(error) => format!("{error}\n  {}", error.hint()),
            };
            assert!(root.path().join(CRON).exists());
            message.replace(&root.path().display().to_string(), "")
        };
        let whole = include_str!("../../tests/data/anm/NodeDetails");
        let config = include_str!("../../tests/data/anm/config");
        let none = tempfile::tempdir().unwrap();
        let none = Anm::below(none.path()).read().unwrap_err().to_string();
        let none = none.split_once(" at ").unwrap().0.to_owned();
        let errors = [
            none,
            error(NODES, &whole[..whole.len() / 2]),
            error(NODES, "hello"),
            error(NODES, "declare -A x=([zero]=\"a,b\")"),
            error(CONFIG, &config[..config.find("0x0045").unwrap() + 9]),
            error(CONFIG, "NodeCap=20\nNodeStorage=$HOME/nodes\n"),
            error(CONFIG, "\nrm -rf /\n"),
            error(CONFIG, "CpuLessThan=fifty\nDelayStart=5.5\nNodeCap=-1\nNodeStorage=nodes\nRewardsAddress=\n"),
        ];
        insta::assert_snapshot!(errors.join("\n"));
    }

    #[test]
    fn links_in_the_folder_are_not_followed() {
        let (root, anm) = recorded();
        let at = |path: &str| root.path().join(path);
        fs::write(at("of-root"), "a secret").unwrap();
        std::os::unix::fs::symlink(at("of-root"), at(CRON_COPY)).unwrap();
        anm.halt(Duration::ZERO).unwrap();
        assert_eq!(fs::read(at("of-root")).unwrap(), b"a secret");
        assert!(fs::symlink_metadata(at(CRON_COPY)).unwrap().is_file());
        assert!(std::process::Command::new("mkfifo").arg(at(OVERRIDE)).status().unwrap().success());
        assert!(matches!(anm.read(), Err(AnmError::File { verb: "read", .. })));
    }

    #[test]
    fn halt_waits_for_the_pass_and_undo_restores_the_cron_file() {
        let (root, anm) = recorded();
        let (cron, copy, block) = (root.path().join(CRON), root.path().join(CRON_COPY), root.path().join(BLOCK));
        let text = fs::read(&cron).unwrap();
        assert_eq!(anm.changes().len(), 1);
        fs::write(&block, "").unwrap();
        let error = anm.halt(Duration::ZERO).err().unwrap();
        assert!(error.to_string().contains("var/antctl/block"), "{error}");
        assert_eq!(fs::read(&cron).unwrap(), text);
        // The pass ends while halt waits.
        let ends = std::thread::spawn(move || {
            std::thread::sleep(POLL);
            fs::remove_file(block).unwrap();
        });
        let halted = anm.halt(Duration::from_secs(20)).unwrap();
        ends.join().unwrap();
        assert!(!cron.exists() && anm.changes().is_empty());
        assert_eq!(fs::read(&copy).unwrap(), text);
        // A second halt without a cron file keeps the copy of the first.
        anm.halt(Duration::ZERO).unwrap().undo();
        assert_eq!(fs::read(&copy).unwrap(), text);
        halted.undo();
        assert_eq!(fs::read(&cron).unwrap(), text);
    }
}
