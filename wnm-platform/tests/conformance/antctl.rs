//! Plays `antctl` 0.14: a registry in the folder of the command, numbers that are never given out twice, and services
//! that start again only after they ended well. Each node has what the recorded registry of the real one has.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use plist::{Dictionary, Value as Item};
use serde_json::{Value, json};
use wnm_platform::exec::{Call, Exec};

use crate::launchctl::{self, Launchd, end};

const RECORDED: &str = include_str!("../data/antctl-0.14.2/node_registry.json");

/// Puts the command into a folder, and returns its path. Without arguments that say otherwise, its nodes go to `storage` and get
/// `program`.
pub(crate) fn make(folder: &Path, executable: &Path, storage: &Path, program: &Path) -> PathBuf {
    launchctl::make(folder, executable);
    fs::write(folder.join("usual.json"), json!({"storage": storage, "program": program}).to_string()).unwrap();
    let command = folder.join("antctl");
    symlink(executable, &command).unwrap();
    command
}

/// Returns where the command in a folder has its registry.
pub(crate) fn registry(folder: &Path) -> PathBuf {
    folder.join("node_registry.json")
}

pub(crate) fn is_called() -> bool {
    env::args_os().next().is_some_and(|name| Path::new(&name).file_name() == Some("antctl".as_ref()))
}

pub(crate) fn main() -> ExitCode {
    let words: Vec<String> = env::args().collect();
    let folder = Path::new(&words[0]).parent().unwrap();
    let mut antctl = Antctl {
        launchd: Launchd::at(&folder.join("launchctl")),
        folder: folder.to_owned(),
        registry: fs::read(registry(folder))
            .map_or_else(|_| json!({"daemon": null, "nodes": []}), |text| serde_json::from_slice(&text).unwrap()),
    };
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    match words[..] {
        ["add", ..] => antctl.add(&words[1..]),
        ["-v", "start", "--service-name", name, "--interval", _] => antctl.each(name, Antctl::start),
        ["-v", "stop", "--service-name", name] => antctl.each(name, Antctl::stop),
        ["-v", "remove", "--service-name", name, "--keep-directories"] => antctl.each(name, Antctl::remove),
        ["-v", "upgrade", "--service-name", name, "--do-not-start", "--interval", _, "--path", path] => {
            let path = PathBuf::from(path);
            antctl.each(name, move |antctl, entry| antctl.upgrade(entry, &path))
        }
        ["status", "--json"] => antctl.status(),
        ["--version"] => {
            launchctl::say("Autonomi Node Manager v0.15.1");
            ExitCode::SUCCESS
        }
        _ => end(2, &format!("error: unexpected argument in {words:?}")),
    }
}

struct Antctl {
    launchd: Launchd,
    folder: PathBuf,
    registry: Value,
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry[key].as_str().unwrap()
}

impl Antctl {
    fn save(&self) -> ExitCode {
        let half = self.folder.join("half");
        fs::write(&half, self.registry.to_string()).unwrap();
        fs::rename(half, registry(&self.folder)).unwrap();
        ExitCode::SUCCESS
    }

    fn each(&mut self, name: &str, act: impl FnOnce(&Self, &mut Value) -> Result<(), &'static str>) -> ExitCode {
        let mut nodes = self.registry["nodes"].take();
        let entry = nodes.as_array_mut().unwrap().iter_mut().find(|entry| text(entry, "service_name") == name);
        let done = entry.ok_or("No service named so").and_then(|entry| act(self, entry));
        self.registry["nodes"] = nodes;
        self.save();
        done.map_or_else(|said| end(1, said), |()| ExitCode::SUCCESS)
    }

    fn add(&mut self, words: &[&str]) -> ExitCode {
        let (mut entry, number) = {
            let recorded: Value = serde_json::from_str(RECORDED).unwrap();
            (recorded["nodes"][0].clone(), self.registry["nodes"].as_array().unwrap().len() + 1)
        };
        let name = format!("antnode{number}");
        let usual: Value = serde_json::from_slice(&fs::read(self.folder.join("usual.json")).unwrap()).unwrap();
        let (mut source, mut environment, mut network) = (PathBuf::from(text(&usual, "program")), Vec::new(), None);
        let home = Path::new(text(&usual, "storage")).join(&name);
        entry["data_dir_path"] = home.to_str().into();
        entry["log_dir_path"] = home.join("logs").to_str().into();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().copied().unwrap_or_default();
            match *word {
                "--count" | "--max-log-files" | "--max-archived-log-files" => assert_eq!(value(), "1"),
                "--data-dir-path" => entry["data_dir_path"] = Path::new(value()).join(&name).to_str().into(),
                "--log-dir-path" => entry["log_dir_path"] = Path::new(value()).join(&name).to_str().into(),
                "--node-port" => entry["node_port"] = value().parse::<u16>().unwrap().into(),
                "--metrics-port" => entry["metrics_port"] = value().parse::<u16>().unwrap().into(),
                "--rpc-port" => entry["rpc_socket_addr"] = format!("127.0.0.1:{}", value()).into(),
                "--path" => source = value().into(),
                "--rewards-address" => entry["rewards_address"] = value().into(),
                "--no-upnp" => entry["no_upnp"] = true.into(),
                "--env" => environment.extend(value().split(',').map(ToOwned::to_owned)),
                "evm-arbitrum-one" if words.len() == 0 => network = Some("ArbitrumOne"),
                word => return end(2, &format!("error: unexpected argument '{word}' found")),
            }
        }
        let Some(network) = network else { return end(2, "error: 'antctl add' requires a subcommand") };
        let taken = |other: &Value| ["node_port", "metrics_port"].iter().any(|key| other[key] == entry[key]);
        if self.registry["nodes"].as_array().unwrap().iter().any(taken) {
            return end(1, "Port is being used by another service");
        }
        let folder = PathBuf::from(text(&entry, "data_dir_path"));
        let binary = folder.join(source.file_name().unwrap());
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(text(&entry, "log_dir_path")).unwrap();
        fs::copy(&source, &binary).unwrap();
        entry["antnode_path"] = binary.to_str().into();
        entry["evm_network"] = network.into();
        entry["number"] = number.into();
        entry["service_name"] = name.clone().into();
        entry["version"] = version(&binary).into();
        self.define(&entry, &environment);
        self.registry["nodes"].as_array_mut().unwrap().push(entry);
        self.save()
    }

    fn list(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.service"))
    }

    fn define(&self, entry: &Value, environment: &[String]) {
        let number = |key: &str| entry[key].as_u64().unwrap().to_string();
        let (binary, root, logs) =
            (text(entry, "antnode_path"), text(entry, "data_dir_path"), text(entry, "log_dir_path"));
        let (port, metrics, wallet) = (number("node_port"), number("metrics_port"), text(entry, "rewards_address"));
        let words = [
            binary,
            "--rpc",
            text(entry, "rpc_socket_addr"),
            "--root-dir",
            root,
            "--log-output-dest",
            logs,
            "--port",
            &port,
            "--metrics-server-port",
            &metrics,
            "--rewards-address",
            wallet,
            "--no-upnp",
            "--stop-on-upgrade",
            "evm-arbitrum-one",
        ];
        let pairs = environment.iter().map(|pair| pair.split_once('=').unwrap());
        let mut list = Dictionary::new();
        list.insert("Label".into(), text(entry, "service_name").into());
        list.insert("ProgramArguments".into(), Item::Array(words.map(Item::from).to_vec()));
        let variables: Dictionary = pairs.map(|(name, value)| (name.to_owned(), Item::from(value))).collect();
        list.insert("EnvironmentVariables".into(), Item::Dictionary(variables));
        list.insert("WorkingDirectory".into(), "/".into());
        list.insert("StandardErrorPath".into(), "/dev/null".into());
        list.insert("KeepAlive".into(), Item::Dictionary(Dictionary::new()));
        Item::Dictionary(list).to_file_xml(self.list(text(entry, "service_name"))).unwrap();
    }

    fn start(&self, entry: &mut Value) -> Result<(), &'static str> {
        if text(entry, "status") == "Removed" {
            return Err("Cannot start a removed service");
        }
        self.launchd.bootstrap(&self.list(text(entry, "service_name")));
        entry["status"] = "Running".into();
        Ok(())
    }

    fn stop(&self, entry: &mut Value) -> Result<(), &'static str> {
        if text(entry, "status") == "Running" {
            self.launchd.boot_out(text(entry, "service_name"));
            entry["status"] = "Stopped".into();
            entry["pid"] = Value::Null;
        }
        Ok(())
    }

    fn remove(&self, entry: &mut Value) -> Result<(), &'static str> {
        if text(entry, "status") == "Running" {
            return Err("Unable to remove a running service");
        }
        fs::remove_file(self.list(text(entry, "service_name"))).map_err(|_| "No such service")?;
        entry["status"] = "Removed".into();
        Ok(())
    }

    fn upgrade(&self, entry: &mut Value, source: &Path) -> Result<(), &'static str> {
        self.stop(entry)?;
        fs::copy(source, text(entry, "antnode_path")).map_err(|_| "Failed to copy")?;
        entry["version"] = version(Path::new(text(entry, "antnode_path"))).into();
        Ok(())
    }

    fn status(&mut self) -> ExitCode {
        for entry in self.registry["nodes"].as_array_mut().unwrap() {
            if text(entry, "status") == "Running" && !self.launchd.is_loaded(text(entry, "service_name")) {
                entry["status"] = "Stopped".into();
            }
        }
        let nodes = self.registry["nodes"].as_array().unwrap();
        if !nodes.is_empty() {
            launchctl::say(&json!({"nodes": nodes, "daemon": null}).to_string());
        }
        self.save()
    }
}

/// Asks a program for its version, with patience: whoever looks at this process's open files may keep the copy that it
/// just wrote open for a moment longer.
fn version(program: &Path) -> String {
    let output = Exec::real().succeed(&Call::new(program).arg("--version")).unwrap();
    output.text().lines().next().unwrap().trim_start_matches("Autonomi Node v").to_owned()
}
