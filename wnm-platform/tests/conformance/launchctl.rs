//! Plays `launchctl`: what launchd remembers lies in the folder of the command, and each service has a
//! supervisor, a process that restarts it when it exits. Texts and exit codes are those of the real launchctl.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks")]

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};

/// How long a service that ended is left alone; ten seconds in the real one.
const THROTTLE: Duration = Duration::from_millis(100);
/// How long `bootout` waits for a process.
const WAIT: Duration = Duration::from_millis(50);

/// Puts the command into a folder, and returns its path.
pub(crate) fn make(folder: &Path, executable: &Path) -> PathBuf {
    fs::create_dir(folder).unwrap();
    let command = folder.join("launchctl");
    symlink(executable, &command).unwrap();
    command
}

pub(crate) fn is_called() -> bool {
    env::args_os().next().is_some_and(|name| Path::new(&name).file_name() == Some("launchctl".as_ref()))
}

pub(crate) fn main() -> ExitCode {
    let words: Vec<String> = env::args().collect();
    let launchd = Launchd::at(Path::new(&words[0]));
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    if let ["keep", label, list] = words[..] {
        launchd.keep(label, Path::new(list));
        return ExitCode::SUCCESS;
    }
    let lock = fs::File::create(launchd.folder.join("lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let label = |target: &str| target.rsplit('/').next().unwrap().to_owned();
    match words[..] {
        ["print", target] if label(target).starts_with("com.") => launchd.print(&label(target)),
        ["print", domain] => launchd.print_domain(domain),
        ["enable", target] => launchd.forget(&label(target), "disabled"),
        ["disable", target] => launchd.note(&label(target), "disabled", ""),
        ["bootstrap", _, list] => launchd.bootstrap(Path::new(list)),
        ["bootout", target] => launchd.boot_out(&label(target)),
        ["kickstart", target] => launchd.kickstart(&label(target)),
        _ => end(64, "Unrecognized subcommand"),
    }
}

pub(crate) fn say(text: &str) {
    println!("{text}");
}

pub(crate) fn end(code: u8, said: &str) -> ExitCode {
    eprintln!("{said}");
    ExitCode::from(code)
}

pub(crate) struct Launchd {
    folder: PathBuf,
    command: PathBuf,
}

impl Launchd {
    /// Returns what this command remembers.
    pub(crate) fn at(command: &Path) -> Self {
        Self { folder: command.parent().unwrap().to_owned(), command: command.to_owned() }
    }

    fn file(&self, label: &str, what: &str) -> PathBuf {
        self.folder.join(format!("{label}.{what}"))
    }

    pub(crate) fn number(&self, label: &str, what: &str) -> Option<i32> {
        fs::read_to_string(self.file(label, what)).ok()?.parse().ok()
    }

    fn note(&self, label: &str, what: &str, text: &str) -> ExitCode {
        let half = self.file(label, &format!("{what}.half"));
        let noted = fs::write(&half, text).and_then(|()| fs::rename(&half, self.file(label, what)));
        if noted.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn forget(&self, label: &str, what: &str) -> ExitCode {
        let _ = fs::remove_file(self.file(label, what));
        ExitCode::SUCCESS
    }

    pub(crate) fn is_loaded(&self, label: &str) -> bool {
        self.file(label, "job").exists()
    }

    fn print(&self, label: &str) -> ExitCode {
        if !self.is_loaded(label) {
            return end(113, &format!("Bad request.\nCould not find service \"{label}\" in domain for port"));
        }
        let state = match self.number(label, "pid") {
            Some(pid) => format!("\tstate = running\n\n\tpid = {pid}\n"),
            None => "\tstate = not running\n\n".to_owned(),
        };
        let last = self.number(label, "exit").map_or_else(|| "(never exited)".to_owned(), |code| code.to_string());
        println!(
            "gui/501/{label} = {{\n\tactive count = 1\n{state}\tlast exit code = {last}\n\n\tspawn type = daemon (3)\n}}"
        );
        ExitCode::SUCCESS
    }

    fn print_domain(&self, domain: &str) -> ExitCode {
        println!("{domain} = {{\n\ttype = user domain\n\tservices = {{\n\t       0      - \tcom.apple.lskdd");
        for entry in fs::read_dir(&self.folder).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if let Some(label) = name.strip_suffix(".job") {
                let pid = self.number(label, "pid").unwrap_or(0);
                let last = self.number(label, "exit").map_or_else(|| "-".to_owned(), |code| code.to_string());
                println!("\t{pid:8}      {last} \t{label}");
            }
        }
        println!("\t}}\n\n\tunmanaged processes = {{\n\t}}\n}}");
        ExitCode::SUCCESS
    }

    pub(crate) fn bootstrap(&self, list: &Path) -> ExitCode {
        let Some(label) = plist::Value::from_file(list)
            .ok()
            .and_then(|list| Some(list.as_dictionary()?.get("Label")?.as_string()?.to_owned()))
        else {
            return end(109, "Bootstrap failed: 109: Invalid property list");
        };
        if self.file(&label, "disabled").exists() {
            return end(119, "Bootstrap failed: 119: Service is disabled");
        }
        if self.is_loaded(&label) {
            return end(
                5,
                "Bootstrap failed: 5: Input/output error\nTry re-running the command as root for richer errors.",
            );
        }
        for old in ["exit", "pid", "leaving"] {
            self.forget(&label, old);
        }
        self.note(&label, "job", "");
        let mut supervisor = Command::new(&self.command);
        supervisor.arg("keep").arg(&label).arg(list).process_group(0).current_dir("/");
        supervisor.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        supervisor.spawn().map_or(ExitCode::FAILURE, |_| ExitCode::SUCCESS)
    }

    pub(crate) fn boot_out(&self, label: &str) -> ExitCode {
        if !self.is_loaded(label) {
            return end(3, "Boot-out failed: 3: No such process");
        }
        self.note(label, "leaving", "");
        self.term(label);
        let deadline = Instant::now() + WAIT;
        while self.is_loaded(label) {
            if Instant::now() > deadline {
                return end(36, "Boot-out failed: 36: Operation now in progress");
            }
            thread::sleep(Duration::from_millis(2));
        }
        ExitCode::SUCCESS
    }

    fn kickstart(&self, label: &str) -> ExitCode {
        if self.is_loaded(label) { ExitCode::SUCCESS } else { end(113, "Could not find service") }
    }

    fn term(&self, label: &str) {
        if let Some(pid) = self.number(label, "pid").and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Keeps a service running until it is booted out.
    fn keep(&self, label: &str, list: &Path) {
        let list = plist::Value::from_file(list).unwrap();
        let list = list.as_dictionary().unwrap();
        let text = |key: &str| list.get(key).and_then(plist::Value::as_string).unwrap().to_owned();
        let words = list.get("ProgramArguments").and_then(plist::Value::as_array).unwrap();
        let words: Vec<&str> = words.iter().map(|word| word.as_string().unwrap()).collect();
        let variables = list.get("EnvironmentVariables").and_then(plist::Value::as_dictionary).unwrap();
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name, value.as_string().unwrap())).collect();
        let errors = text("StandardErrorPath");
        // As `Restart=on-success` of systemd has it.
        let ends_on_failure = list.get("KeepAlive").is_some_and(|keep| keep.as_dictionary().is_some());
        loop {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).env_clear().envs(variables.clone()).current_dir(text("WorkingDirectory"));
            command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
            if let Ok(errors) = fs::OpenOptions::new().append(true).create(true).open(&errors) {
                command.stderr(errors);
            }
            let code = match command.spawn() {
                Err(_) => 78,
                Ok(mut child) => {
                    self.note(label, "pid", &child.id().to_string());
                    if self.file(label, "leaving").exists() {
                        self.term(label);
                    }
                    child.wait().unwrap().code().unwrap_or(15)
                }
            };
            self.note(label, "exit", &code.to_string());
            self.forget(label, "pid");
            if ends_on_failure && code != 0 {
                self.forget(label, "job");
                return;
            }
            thread::sleep(if self.file(label, "leaving").exists() { Duration::ZERO } else { THROTTLE });
            if self.file(label, "leaving").exists() || !self.is_loaded(label) {
                self.forget(label, "job");
                return;
            }
        }
    }
}
