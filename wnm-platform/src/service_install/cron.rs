//! Cron jobs that manage nodes: of wnm, of the Python wnm, and of anm.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::text;

/// A tool in a cron job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// This wnm, in a line that `wnm service install --cron` did not write.
    Wnm,
    /// The Python wnm.
    PythonWnm,
    /// anm.
    Anm,
}

/// A cron job that manages nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The file; None for the crontab of this user.
    pub file: Option<PathBuf>,
    /// The line in the file.
    pub line: String,
    /// The tool that it starts.
    pub tool: Tool,
    /// The program that cron finds; None if it finds none, or if the line starts it through another program.
    pub program: Option<PathBuf>,
}

/// The default `PATH` of cron; see crontab(5).
const PATH: &str = "/usr/bin:/bin";

/// Returns the jobs in the readable tables of the host.
pub(super) fn of_host(root: &Path) -> Vec<Job> {
    let below = fs::read_dir(root.join("etc/cron.d")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = std::iter::once(root.join("etc/crontab")).chain(below).collect();
    files.sort();
    let jobs = |file: PathBuf| {
        let table = fs::read(&file).unwrap_or_default();
        in_table(&String::from_utf8_lossy(&table), Some(&file), is_script)
    };
    files.into_iter().flat_map(jobs).collect()
}

/// Returns the jobs in the crontab of a user.
pub(super) fn of_user(table: &str) -> Vec<Job> {
    in_table(table, None, is_script)
}

/// Returns the jobs of one table. `is_script` tells whether a path is a script, as the Python wnm is; None for a missing
/// file.
fn in_table(table: &str, file: Option<&Path>, is_script: impl Fn(&Path) -> Option<bool>) -> Vec<Job> {
    let mut path = PATH.to_owned();
    let mut jobs = Vec::new();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(folders) = line.strip_prefix("PATH=") {
            folders.trim_matches('"').clone_into(&mut path);
        } else if !text::is_our_cron_line(line.as_bytes())
            && let Some((tool, program)) = tool(line, &path, &is_script)
        {
            jobs.push(Job { file: file.map(Path::to_owned), line: line.to_owned(), tool, program });
        }
    }
    jobs
}

/// Returns the tool that a line starts, if it starts one, and the program that cron finds for it.
fn tool(line: &str, path: &str, is_script: impl Fn(&Path) -> Option<bool>) -> Option<(Tool, Option<PathBuf>)> {
    let words: Vec<&str> = line.split(|c: char| c.is_whitespace() || ";&|()'\"".contains(c)).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    // An activated Python environment comes first in PATH.
    let activated = words.iter().filter_map(|word| word.strip_suffix("/activate"));
    let folders: Vec<&str> = activated.chain(path.split(':')).collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let before = at.checked_sub(1).and_then(|at| words.get(at)).copied().unwrap_or_default();
        if before.ends_with('>') || before == "cd" {
            return None;
        }
        match word.rsplit('/').next()? {
            "anms.sh" => Some((Tool::Anm, None)),
            "wnm" if before == "-m" => Some((Tool::PythonWnm, None)),
            "wnm" if word.contains('/') && !word.starts_with("./") => {
                let program = expanded(word);
                is_script(&program).map(|is_script| (kind(is_script), Some(program)))
            }
            "wnm" => {
                let in_folder = |folder: &&str| {
                    let program = expanded(folder).join("wnm");
                    is_script(&program).map(|is_script| (kind(is_script), Some(program)))
                };
                // A name that is not found counts as this wnm.
                folders.iter().find_map(in_folder).or(Some((Tool::Wnm, None)))
            }
            _ => None,
        }
    })
}

fn kind(is_script: bool) -> Tool {
    if is_script { Tool::PythonWnm } else { Tool::Wnm }
}

/// Replaces a leading home variable by the home folder.
fn expanded(path: &str) -> PathBuf {
    let rest = ["~/", "$HOME/", "${HOME}/"].into_iter().find_map(|home| path.strip_prefix(home));
    rest.map_or_else(|| PathBuf::from(path), |rest| crate::places::home().join(rest))
}

/// Tells whether a file starts with `#!`; None for a missing file.
fn is_script(path: &Path) -> Option<bool> {
    if !path.is_file() {
        return None;
    }
    let mut head = [0; 2];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    Some(read.is_ok() && head == *b"#!")
}

/// Fuzz target: finds the jobs of a crontab.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let table = String::from_utf8_lossy(bytes);
    let is_script = |path: &Path| path.to_str().map(|path| path.len() % 2 == 0);
    for job in in_table(&table, None, is_script) {
        assert!(table.contains(&job.line) && !job.line.starts_with('#'), "{job:?}");
        assert!(!text::is_our_cron_line(job.line.as_bytes()), "{job:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_lines_are_classified() {
        let is_script = |path: &Path| match path.to_str()? {
            "/usr/bin/wnm" | "/opt/wnm/wnm" => Some(false),
            "/srv/venv/bin/wnm" | "/home/op/.local/bin/wnm" => Some(true),
            _ => None,
        };
        for (line, tool) in [
            ("*/1 * * * * wnm >> /var/log/wnm 2>&1", Some(Tool::Wnm)),
            ("*/1 * * * * . /srv/venv/bin/activate && wnm", Some(Tool::PythonWnm)),
            ("*/1 * * * * /srv/venv/bin/wnm --node_cap 5", Some(Tool::PythonWnm)),
            ("* * * * * cd /opt/wnm && ./wnm", Some(Tool::Wnm)),
            ("* * * * * /opt/wnm/wnm run", Some(Tool::Wnm)),
            ("* * * * * flock -n /tmp/l python3 -m wnm", Some(Tool::PythonWnm)),
            ("* * * * * /usr/bin/env A=1 sh -c 'wnm run'", Some(Tool::Wnm)),
            ("*/1 * * * * ant /usr/bin/anms.sh >> /var/antctl/log 2>&1", Some(Tool::Anm)),
            ("# * * * * * wnm", None),
            ("* * * * * echo done > wnm", None),
            ("* * * * * backup /home/op/wnm.db", None),
            ("* * * * * /usr/bin/wnm --quiet run >/dev/null # wnm service", None),
        ] {
            let jobs = in_table(line, None, is_script);
            assert_eq!(jobs.first().map(|job| job.tool), tool, "{line}");
        }
        let found = |table: &str| in_table(table, None, is_script).pop().and_then(|job| job.program);
        assert_eq!(found("* * * * * wnm"), Some("/usr/bin/wnm".into()));
        assert_eq!(found("PATH=/usr/local/bin:/opt/wnm\n* * * * * wnm"), Some("/opt/wnm/wnm".into()));
        assert_eq!(found("PATH=/usr/local/bin\n* * * * * wnm"), None);
    }

    #[test]
    fn bare_name_uses_path_of_its_table() {
        let is_script = |path: &Path| (path == Path::new("/home/op/.local/bin/wnm")).then_some(true);
        let table = "* * * * * wnm\nPATH=/home/op/.local/bin:/usr/bin\n@hourly wnm\n";
        let tools: Vec<Tool> = in_table(table, None, is_script).iter().map(|job| job.tool).collect();
        assert_eq!(tools, [Tool::Wnm, Tool::PythonWnm]);
    }

    #[test]
    fn host_crontabs_are_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/cron.d");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("anm"), "*/1 * * * * root /usr/bin/anms.sh\n").unwrap();
        fs::write(folder.join("garbage"), [0xff, 0xfe, b'\n']).unwrap();
        let jobs = of_host(root.path());
        assert_eq!(
            jobs.iter().map(|job| (job.tool, job.file.clone())).collect::<Vec<_>>(),
            [(Tool::Anm, Some(folder.join("anm")))]
        );
    }
}
