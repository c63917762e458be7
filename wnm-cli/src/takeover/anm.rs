//! What anm leaves on a host: its configuration, its table of nodes, its cron file, the file that says that it is at
//! work. Only [`Anm::halt`] changes anything, and what it changes it can put back.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wnm_core::{NodeId, Problem, RawSettings, Thousands};

use super::found::Record;
use crate::error::CliError;

const CRON: &str = "etc/cron.d/anm";
const SCRIPT: &str = "usr/bin/anms.sh";
const CONFIG: &str = "var/antctl/config";
const OVERRIDE: &str = "var/antctl/override";
const NODES: &str = "var/antctl/NodeDetails";
const BLOCK: &str = "var/antctl/block";
/// Where the cron file is kept.
const KEPT: &str = "var/antctl/anm.cron.before-wnm";
/// The pause between two looks at the block file.
const PAUSE: Duration = Duration::from_millis(100);

/// How a setting of anm is written here.
enum As {
    /// As it is.
    Plain(&'static str),
    /// In minutes there, in seconds here.
    Minutes(&'static str),
    /// With the flag before it that the node program takes.
    Flag(&'static str),
}

const SETTINGS: [(&str, As); 15] = [
    ("RewardsAddress", As::Flag("rewards_address")),
    ("MaxLoadAverageAllowed", As::Plain("max_load_average_allowed")),
    ("DesiredLoadAverage", As::Plain("desired_load_average")),
    ("CpuLessThan", As::Plain("cpu_less_than")),
    ("MemLessThan", As::Plain("mem_less_than")),
    ("HDLessThan", As::Plain("hd_less_than")),
    ("CpuRemove", As::Plain("cpu_remove")),
    ("MemRemove", As::Plain("mem_remove")),
    ("HDRemove", As::Plain("hd_remove")),
    ("DelayStart", As::Minutes("delay_start")),
    ("DelayReStart", As::Minutes("delay_restart")),
    ("DelayUpgrade", As::Minutes("delay_upgrade")),
    ("DelayRemove", As::Minutes("delay_remove")),
    ("NodeStorage", As::Plain("node_storage")),
    ("NodeCap", As::Plain("node_cap")),
];

/// The files of anm below a root folder.
pub(crate) struct Anm {
    root: PathBuf,
}

/// What anm was told, and what it knows.
#[derive(Debug, Default)]
pub(crate) struct AnmColony {
    pub(crate) settings: RawSettings,
    /// Settings that could not be read.
    pub(crate) problems: Vec<Problem>,
    /// What it had beyond the settings of this wnm.
    pub(crate) unused: BTreeMap<String, String>,
    /// What it has on record of its nodes.
    pub(crate) told: BTreeMap<NodeId, Record>,
}

impl Anm {
    pub(crate) fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Reads everything; nothing is changed.
    pub(crate) fn read(&self) -> Result<AnmColony, CliError> {
        let path = self.root.join(CONFIG);
        let config = text(&path)?.ok_or_else(|| CliError::Usage {
            what: format!("expected the configuration of anm at {}, found nothing", path.display()),
            hint: "`wnm init --import` takes over nodes without it".to_owned(),
        })?;
        let mut assigned = assignments(&path, &config)?;
        let path = self.root.join(OVERRIDE);
        // What is said last counts.
        assigned.extend(text(&path)?.map_or(Ok(BTreeMap::new()), |text| assignments(&path, &text))?);
        let mut colony = AnmColony { told: self.nodes()?, ..AnmColony::default() };
        for (key, (value, place)) in assigned {
            let Some((_, written)) = SETTINGS.iter().find(|(name, _)| *name == key) else {
                colony.unused.insert(key, value);
                continue;
            };
            let set = match written {
                As::Plain(setting) => colony.settings.set(setting, &value),
                As::Minutes(setting) => match value.parse::<u64>() {
                    Ok(minutes) => colony.settings.set(setting, &minutes.saturating_mul(60).to_string()),
                    Err(_) => Err(Problem::not_a_whole_number(setting, &value)),
                },
                As::Flag(setting) => colony.settings.set(setting, value.split_whitespace().last().unwrap_or_default()),
            };
            if let Err(problem) = set {
                colony.problems.push(problem.at(format!("{key} in {place}")));
            }
        }
        colony.settings.port_start = self.port_start()?;
        Ok(colony)
    }

    /// Returns where node ports begin, which anm has in its script.
    fn port_start(&self) -> Result<Option<Thousands>, CliError> {
        let script = text(&self.root.join(SCRIPT))?.unwrap_or_default();
        let told = script.lines().find_map(|line| line.trim().strip_prefix("ntpr="));
        Ok(told.and_then(|value| value.trim_matches(['"', '\'']).parse().ok()).map(Thousands))
    }

    /// Reads the table of nodes; one that is not there is empty.
    fn nodes(&self) -> Result<BTreeMap<NodeId, Record>, CliError> {
        let path = self.root.join(NODES);
        let Some(text) = text(&path)? else { return Ok(BTreeMap::new()) };
        let text = text.trim();
        let mut nodes = BTreeMap::new();
        if text.is_empty() {
            return Ok(nodes);
        }
        let wrong = |found: &str| CliError::Usage {
            what: format!(
                "expected ([NNNN]=\"name,peer,version,state\" …) in {}, found {:?}",
                path.display(),
                found.chars().take(60).collect::<String>()
            ),
            hint: "anm writes it anew with its next pass, or without it: nothing was changed".to_owned(),
        };
        let (_, list) = text.split_once("=(").ok_or_else(|| wrong(text))?;
        let list = list.strip_suffix(')').ok_or_else(|| wrong(list.trim_end().rsplit('[').next().unwrap_or(list)))?;
        for entry in shell_words::split(list).map_err(|_| wrong(list))? {
            let (id, fields) = entry.split_once('=').ok_or_else(|| wrong(&entry))?;
            let id = id.trim_matches(['[', ']']).parse::<NodeId>().map_err(|_| wrong(&entry))?;
            let mut fields =
                fields.split(',').skip(1).map(|field| Some(field.trim().to_owned()).filter(|f| !f.is_empty()));
            let (peer_id, version) = (fields.next().flatten(), fields.next().flatten());
            nodes.insert(id, Record { peer_id, version, status: fields.next().flatten() });
        }
        Ok(nodes)
    }

    /// Says what [`halt`](Self::halt) will do.
    pub(crate) fn changes(&self) -> Vec<String> {
        let (cron, kept) = (self.root.join(CRON), self.root.join(KEPT));
        let changed = format!("{} is taken away, so that anm rests; a copy is {}", cron.display(), kept.display());
        if cron.exists() { vec![changed] } else { Vec::new() }
    }

    /// Keeps anm from starting again, and waits for a pass of it to end.
    pub(crate) fn halt(&self, patience: Duration) -> Result<Halted, CliError> {
        let (cron, kept, block) = (self.root.join(CRON), self.root.join(KEPT), self.root.join(BLOCK));
        let halted = match fs::read(&cron) {
            Ok(text) => {
                let keep = || {
                    fs::write(&kept, &text)?;
                    fs::File::open(&kept)?.sync_all()?;
                    fs::remove_file(&cron)
                };
                keep().map_err(|error| failed("take away", &cron, &error))?;
                Halted { cron: Some((cron, text)) }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Halted { cron: None },
            Err(error) => return Err(failed("read", &cron, &error)),
        };
        let begun = Instant::now();
        while block.exists() {
            if begun.elapsed() >= patience {
                halted.undo();
                return Err(CliError::Usage {
                    what: format!(
                        "expected the pass of anm under way to end within {} s, found {} still there",
                        patience.as_secs(),
                        block.display()
                    ),
                    hint: "anm goes on as before: try again, or remove that file where no anms.sh runs".to_owned(),
                });
            }
            std::thread::sleep(PAUSE.min(patience));
        }
        Ok(halted)
    }
}

/// An anm that rests.
pub(crate) struct Halted {
    cron: Option<(PathBuf, Vec<u8>)>,
}

impl Halted {
    /// Lets anm go on as before.
    pub(crate) fn undo(self) {
        if let Some((cron, text)) = self.cron
            && let Err(error) = fs::write(&cron, text)
        {
            tracing::error!(path = %cron.display(), %error, "the cron file of anm is not put back");
        }
    }
}

/// Reads a file; None when it is not there.
fn text(path: &Path) -> Result<Option<String>, CliError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

fn failed(verb: &str, path: &Path, error: &io::Error) -> CliError {
    CliError::Usage {
        what: format!("expected to {verb} {}: {error}", path.display()),
        hint: "nothing was changed: run it as root, and see that the file is what anm left".to_owned(),
    }
}

/// Returns the values that a file assigns to variables, each with its place. No shell runs it: what only one could tell
/// is an error.
fn assignments(path: &Path, text: &str) -> Result<BTreeMap<String, (String, String)>, CliError> {
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
        let (name, value) = statement.split_once('=').and_then(value).ok_or_else(|| CliError::Usage {
            what: format!("expected NAME=VALUE, with each quote closed, in {place}, found {statement:?}"),
            hint: "write the value out there, or take the line away: nothing was changed".to_owned(),
        })?;
        assigned.insert(name, (value, place));
    }
    Ok(assigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host with what anm leaves, as it was recorded.
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
    fn the_recorded_files_are_read() {
        let (root, anm) = recorded();
        fs::write(root.path().join(OVERRIDE), "NodeCap=35 # more\nexport DelayStart='7'\n").unwrap();
        let colony = anm.read().unwrap();
        assert_eq!(colony.problems, []);
        let settings = RawSettings::KEYS.iter().filter_map(|key| Some(format!("{key} {}", colony.settings.get(key)?)));
        let unused = colony.unused.iter().map(|(key, value)| format!("(unused) {key} {value}"));
        let told = colony.told.iter().map(|(id, told)| format!("{id} {told:?}"));
        insta::assert_snapshot!(settings.chain(unused).chain(told).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let said = |file: &str, text: &str| {
            let (root, anm) = recorded();
            fs::write(root.path().join(file), text).unwrap();
            let said = match anm.read() {
                Ok(colony) => wnm_core::Problems::none_or(colony.problems).unwrap_err().to_string(),
                Err(error) => format!("{error}\n  {}", error.hint().unwrap()),
            };
            assert!(root.path().join(CRON).exists());
            said.replace(&root.path().display().to_string(), "")
        };
        let whole = include_str!("../../tests/data/anm/NodeDetails");
        let config = include_str!("../../tests/data/anm/config");
        let none = tempfile::tempdir().unwrap();
        let none = Anm::below(none.path()).read().unwrap_err().to_string();
        let none = none.split_once("found").unwrap().1.to_owned();
        let said = [
            none,
            said(NODES, &whole[..whole.len() / 2]),
            said(NODES, "hello"),
            said(NODES, "declare -A x=([zero]=\"a,b\")"),
            said(CONFIG, &config[..config.find("0x0045").unwrap() + 9]),
            said(CONFIG, "NodeCap=20\nNodeStorage=$HOME/nodes\n"),
            said(CONFIG, "\nrm -rf /\n"),
            said(CONFIG, "CpuLessThan=fifty\nDelayStart=5.5\nNodeCap=-1\nNodeStorage=nodes\nRewardsAddress=\n"),
        ];
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn it_is_halted_once_its_pass_is_over_and_goes_on_where_that_fails() {
        let (root, anm) = recorded();
        let (cron, kept, block) = (root.path().join(CRON), root.path().join(KEPT), root.path().join(BLOCK));
        let text = fs::read(&cron).unwrap();
        assert_eq!(anm.changes().len(), 1);
        fs::write(&block, "").unwrap();
        let error = anm.halt(Duration::ZERO).err().unwrap();
        assert!(error.to_string().contains("var/antctl/block"), "{error}");
        assert_eq!(fs::read(&cron).unwrap(), text);
        // A pass that ends meanwhile.
        let ends = std::thread::spawn(move || {
            std::thread::sleep(PAUSE);
            fs::remove_file(block).unwrap();
        });
        let halted = anm.halt(Duration::from_secs(20)).unwrap();
        ends.join().unwrap();
        assert!(!cron.exists() && anm.changes().is_empty());
        assert_eq!(fs::read(&kept).unwrap(), text);
        // Halted already: nothing is lost.
        anm.halt(Duration::ZERO).unwrap().undo();
        assert_eq!(fs::read(&kept).unwrap(), text);
        halted.undo();
        assert_eq!(fs::read(&cron).unwrap(), text);
    }
}
