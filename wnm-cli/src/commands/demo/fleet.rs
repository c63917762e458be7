//! `wnm demo --fleet`: three hosts with their own daemons, and a redis-server, on the loopback interface. The commands are
//! those of an operator, run by this program; the nodes are fake.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use wnm_agent::fleet::membership::Secret;
use wnm_platform::fake_node::{self, Script};
use wnm_store::Store;

use crate::args::SettingFlags;
use crate::config;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;
use crate::render::{BOLD, styled};

/// The hosts of the demo, each with one node.
const HOSTS: [&str; 3] = ["web-1", "web-2", "web-3"];
/// Programs that serve the Redis protocol.
const ENGINES: [&str; 2] = ["redis-server", "valkey-server"];
/// Longest time in which the engine listens, the hosts publish, or a process ends.
const LONGEST: Duration = Duration::from_secs(60);
/// Time between two checks of a condition.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs all scenes. Every process has ended and every node is removed afterwards, also after an error.
pub(super) fn play(folder: &Path, ended: Arc<AtomicBool>, output: &Output) -> Result<Exit, CliError> {
    let engine = ENGINES.iter().find_map(|name| in_path(name)).ok_or(CommandError::DemoNoEngine)?;
    let mut stage = Stage { program: std::env::current_exe()?, folder, ended, output, processes: Vec::new() };
    let played = stage.scenes(&engine);
    let cleaned = stage.clean_up();
    played.and(cleaned).map(|()| Exit::Done)
}

/// Returns a program of the search path.
fn in_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

struct Stage<'a> {
    program: PathBuf,
    folder: &'a Path,
    ended: Arc<AtomicBool>,
    output: &'a Output,
    /// The engine, and then the daemons.
    processes: Vec<(&'static str, Child)>,
}

impl Stage<'_> {
    fn scenes(&mut self, engine: &Path) -> Result<(), CliError> {
        self.say("An engine, and the keys of its operator");
        let url = self.start_engine(engine)?;
        let password = self.folder.join("admin.txt");
        self.wnm(None, &["fleet", "init", "farm", &url, "--password-file", &text(&password)])?;
        self.say("Three hosts join, each with an invitation of its own");
        let mut ranges = super::free_of::<9>((20..32).rev())?.into_iter();
        for host in HOSTS {
            let of_host: [u16; 3] = std::array::from_fn(|_| ranges.next().unwrap_or_default());
            self.build_host(host, of_host)?;
            let invited = self.ask(&["fleet", "invite", host])?;
            let command = invited["data"]["command"].as_str().unwrap_or_default().to_owned();
            let words: Vec<&str> = command.split(' ').skip(1).collect();
            self.wnm(Some(host), &words)?;
            // Before the daemon, which would add the only node that `node_cap` allows.
            self.wnm(Some(host), &["node", "add"])?;
            self.start_daemon(host)?;
        }
        let has_nodes = |stage: &Self| {
            let hosts = stage.ask(&["fleet", "hosts"])?;
            let hosts = hosts["data"].as_array().cloned().unwrap_or_default();
            Ok(hosts.iter().filter(|host| host["nodes_up"] == 1).count() == HOSTS.len())
        };
        self.wait("the hosts publish their nodes", has_nodes)?;
        self.wnm(None, &["fleet", "hosts"])?;
        self.say("A hold: every host obeys it within 12 s");
        self.wnm(None, &["fleet", "hold", "--reason", "new kernel", "--wait", "40s"])?;
        self.wnm(Some(HOSTS[0]), &["status"])?;
        self.say("One host resumes, which only the key of the fleet can command");
        self.wnm(None, &["fleet", "resume", "--host", HOSTS[1], "--wait", "40s"])?;
        self.wnm(None, &["fleet", "status"])?;
        self.say("The engine ends: every host goes on alone, and its hold stands");
        self.end(0)?;
        self.wnm(Some(HOSTS[0]), &["status"])
    }

    fn say(&self, title: &str) {
        self.output.say(&styled(BOLD, format!("\n{title}")));
    }

    /// Starts the engine on a free port; returns its address. Its only user has a password, which no other user of this
    /// computer can read.
    fn start_engine(&mut self, program: &Path) -> Result<String, CliError> {
        let password = Secret::random().map_err(std::io::Error::other)?;
        let (users, file) = (self.folder.join("users.acl"), self.folder.join("admin.txt"));
        write_secret(&users, &format!("user default on >{} ~* &* +@all\n", password.reveal()))?;
        write_secret(&file, password.reveal())?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let (number, users) = (port.to_string(), text(&users));
        let words = ["--bind", "127.0.0.1", "--port", &number, "--save", "", "--aclfile", &users];
        let mut command = Command::new(program);
        command.args(words).current_dir(self.folder);
        self.spawn("the engine", &mut command)?;
        self.wait("the engine listens", |_| Ok(TcpStream::connect(("127.0.0.1", port)).is_ok()))?;
        Ok(format!("redis://127.0.0.1:{port}"))
    }

    /// Creates the database of a host, whose load never stops a node.
    fn build_host(&self, host: &str, [node, metrics, rpc]: [u16; 3]) -> Result<(), CliError> {
        let folder = self.folder.join(host);
        let program = folder.join("bin/antnode");
        fs::create_dir_all(folder.join("bin"))?;
        fake_node::make(&self.program, &program, &Script::default())?;
        let mut settings = vec![
            ("preset", "classic".to_owned()),
            ("node_cap", "1".to_owned()),
            ("delay_start", "1".to_owned()),
            ("desired_load_average", "1000".to_owned()),
            ("max_load_average_allowed", "2000".to_owned()),
            ("rewards_address", "faucet".to_owned()),
            ("process_manager", "setsid+user".to_owned()),
            ("node_storage", text(&folder.join("node"))),
            ("antnode_path", text(&program)),
            ("start_args", "--local --first --ip 127.0.0.1".to_owned()),
            ("port_start", node.to_string()),
            ("metrics_port_start", metrics.to_string()),
            ("rpc_port_start", rpc.to_string()),
        ];
        settings.extend(["cpu_remove", "mem_remove", "hd_remove"].map(|key| (key, "100".to_owned())));
        let raw = config::from_flags(&SettingFlags(settings.into_iter().collect()))?;
        Ok(Store::create(&folder.join("wnm.db"))?.save_settings(&raw)?)
    }

    fn start_daemon(&mut self, host: &'static str) -> Result<(), CliError> {
        let mut command = self.command(Some(host), &["daemon", "--interval", "1s"]);
        self.spawn(host, &mut command)
    }

    /// Starts a process in a process group of its own: Ctrl-C ends the demo, which ends its processes in their order.
    fn spawn(&mut self, name: &'static str, command: &mut Command) -> Result<(), CliError> {
        let log = fs::File::create(self.folder.join(format!("{}.log", name.replace(' ', "-"))))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        self.processes.push((name, command.spawn()?));
        Ok(())
    }

    /// Returns this program with a command of a host, or of the operator.
    fn command(&self, host: Option<&str>, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        let folder = host.map_or_else(|| self.folder.to_owned(), |host| self.folder.join(host));
        command
            .env_clear()
            .envs(std::env::vars_os().filter(|(key, _)| key == "PATH" || key == "TERM" || key == "LANG"));
        command.env("HOME", &folder).arg("--db").arg(folder.join("wnm.db")).args(words);
        command
    }

    /// Prints a command, and runs it.
    fn wnm(&self, host: Option<&str>, words: &[&str]) -> Result<(), CliError> {
        self.check_interruption()?;
        let shown: Vec<String> = words.iter().map(|word| shown(word)).collect();
        self.output.say(&format!("{}$ wnm {}", host.unwrap_or("operator"), shown.join(" ")));
        let ran = self.command(host, words).stdin(Stdio::null()).output()?;
        self.output.say(String::from_utf8_lossy(&ran.stdout).trim_end());
        if ran.status.success() { Ok(()) } else { Err(failed(words, &ran.stderr)) }
    }

    /// Returns the JSON of a command of the operator.
    fn ask(&self, words: &[&str]) -> Result<serde_json::Value, CliError> {
        let ran = self.command(None, &[&["--json"], words].concat()).stdin(Stdio::null()).output()?;
        serde_json::from_slice(&ran.stdout).map_err(|_| failed(words, &ran.stderr))
    }

    /// Waits for a condition.
    fn wait(&self, goal: &'static str, is_met: impl Fn(&Self) -> Result<bool, CliError>) -> Result<(), CliError> {
        let started = Instant::now();
        while !is_met(self)? {
            self.check_interruption()?;
            if started.elapsed() > LONGEST {
                return Err(CommandError::DemoWaited { goal, time: LONGEST }.into());
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn check_interruption(&self) -> Result<(), CliError> {
        if self.ended.load(Ordering::Relaxed) { Err(CommandError::DemoInterrupted.into()) } else { Ok(()) }
    }

    /// Ends a process by SIGTERM, and after a while by SIGKILL.
    fn end(&mut self, at: usize) -> Result<(), CliError> {
        if at >= self.processes.len() {
            return Ok(());
        }
        let (_, mut process) = self.processes.remove(at);
        _ = kill_process(Pid::from_child(&process), Signal::TERM);
        let started = Instant::now();
        while process.try_wait()?.is_none() {
            if started.elapsed() > LONGEST {
                process.kill()?;
            }
            std::thread::sleep(PAUSE / 4);
        }
        Ok(())
    }

    /// Ends all processes, the daemons first, and removes every node.
    fn clean_up(&mut self) -> Result<(), CliError> {
        self.say("All daemons end, and all nodes are removed");
        self.ended.store(false, Ordering::Relaxed);
        let mut first = Ok(());
        while !self.processes.is_empty() {
            first = first.and(self.end(self.processes.len() - 1));
        }
        for host in HOSTS.iter().filter(|host| self.folder.join(host).join("wnm.db").exists()) {
            first = first.and(self.wnm(Some(host), &["teardown", "--yes", "--purge"]));
        }
        first
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        for (_, process) in &mut self.processes {
            _ = process.kill();
            _ = process.wait();
        }
    }
}

fn failed(words: &[&str], stderr: &[u8]) -> CliError {
    let command = words.iter().map(|word| shown(word)).collect::<Vec<_>>().join(" ");
    let errors = String::from_utf8_lossy(stderr);
    let first = errors.lines().find(|line| line.starts_with("error: ")).unwrap_or("error: no message");
    let cause = first.trim_start_matches("error: ").to_owned();
    CommandError::DemoCommand { command, cause }.into()
}

/// Returns a word as a person types it in a shell; an invitation is shortened, because it contains a password.
fn shown(word: &str) -> String {
    match word {
        word if word.starts_with("wnm1.") => "wnm1.…".to_owned(),
        word if word.contains(' ') => format!("'{word}'"),
        word => word.to_owned(),
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}
