//! `antnode` 0.4, seen from outside.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fmt, fs, io};

use super::arguments::{Arguments, Command, Grammar, Kind, Opt, Refusal, Stop, Takes};
use super::behaviour::{self, Behaviour, End};
use super::clock::Moment;
use super::identity::Key;
use super::pages::Pages;
use super::server::Server;
use super::{Script, append, complain, data_folder, print, refuse, restart, say};

use Takes::{Many, Nothing, One, Stops};

const PACKAGE: &str = "2026.2.3.2";
const BRANCH: &str = "main";
const COMMIT: &str = "3398478e9";

const GRAMMAR: Grammar = Grammar {
    program: "antnode",
    options: &[
        Opt::new("alpha", Nothing),
        Opt::new("crate-version", Nothing),
        Opt::new("enable-metrics-server", Nothing),
        Opt::new("ip", One(Kind::Ip)),
        Opt::new("log-output-dest", One(Kind::Text)),
        Opt::new("log-format", One(Kind::OneOf(&["default", "json"]))),
        Opt::new("max-log-files", One(Kind::Count)),
        Opt::new("max-archived-log-files", One(Kind::Count)),
        Opt::new("metrics-server-port", One(Kind::Port)),
        Opt::new("network-id", One(Kind::Byte)),
        Opt::new("no-upnp", Nothing),
        Opt::new("package-version", Nothing),
        Opt::new("first", Nothing),
        Opt::new("peer", Many(Kind::Text)),
        Opt::new("network-contacts-url", Many(Kind::Text)),
        Opt::new("local", Nothing),
        Opt::new("ignore-cache", Nothing),
        Opt::new("bootstrap-cache-dir", One(Kind::Text)),
        Opt::new("protocol-version", Nothing),
        Opt::new("port", One(Kind::Port)),
        Opt::new("rewards-address", One(Kind::Text)),
        Opt::new("relay", Nothing),
        Opt::new("root-dir", One(Kind::Text)),
        Opt::new("rpc", One(Kind::Socket)),
        Opt::new("version", Nothing),
        Opt::new("write-older-cache-files", Nothing),
        Opt::new("stop-on-upgrade", Nothing),
        HELP,
    ],
    commands: &[
        Command { name: "evm-arbitrum-one", options: &[HELP], required: &[] },
        Command { name: "evm-arbitrum-sepolia-test", options: &[HELP], required: &[] },
        Command {
            name: "evm-custom",
            options: &[
                Opt::new("rpc-url", One(Kind::Text)),
                Opt::new("payment-token-address", One(Kind::Text)).short('p'),
                Opt::new("data-payments-address", One(Kind::Text)).short('d'),
                Opt::new("merkle-payments-address", One(Kind::Text)),
                HELP,
            ],
            required: &["rpc-url", "payment-token-address", "data-payments-address"],
        },
    ],
    conflicts: &[("first", "peer"), ("first", "network-contacts-url"), ("local", "network-contacts-url")],
};
const HELP: Opt = Opt::new("help", Stops(Stop::Help)).short('h');

/// Plays an `antnode` until it ends.
pub(super) fn play(script: &Script, line: Vec<OsString>) -> ExitCode {
    match GRAMMAR.parse(line.iter().cloned(), |name| env::var(name).ok()).and_then(check_metrics) {
        Ok(arguments) => run(script, &arguments, line).unwrap_or_else(|error| {
            complain(format_args!("Error: {error}"));
            ExitCode::FAILURE
        }),
        Err(refusal) => refuse(&GRAMMAR, refusal, &version_text(script, &Arguments::default())),
    }
}

/// Refuses a metrics port of 0 that is given without asking for the metrics server.
fn check_metrics(arguments: Arguments) -> Result<Arguments, Refusal> {
    if arguments.port("metrics-server-port") == Some(0) && !arguments.has("enable-metrics-server") {
        let message = "the following required arguments were not provided:\n  --enable-metrics-server";
        return Err(Refusal::Usage(message.to_owned()));
    }
    Ok(arguments)
}

fn run(script: &Script, arguments: &Arguments, line: Vec<OsString>) -> io::Result<ExitCode> {
    if arguments.has("version") {
        return Ok(print(version_text(script, arguments)));
    }
    let Some(address) = arguments.value("rewards-address") else {
        complain("the following required arguments were not provided: --rewards-address <REWARDS_ADDRESS>");
        return Ok(ExitCode::from(101)); // a panic of the real program
    };
    check_address(address)?;
    if arguments.has("crate-version") {
        return Ok(print(format_args!("Crate version: {}", script.version)));
    }
    if arguments.has("protocol-version") {
        return Ok(print(format_args!("Network version: {}", protocol(arguments))));
    }
    if arguments.has("package-version") {
        return Ok(print(format_args!("Package version: {PACKAGE}")));
    }
    let Some(network) = arguments.command().map(str::to_owned).or_else(|| env::var("EVM_NETWORK").ok()) else {
        return Err(io::Error::other("EVM network not specified. Please specify a network using the subcommand"));
    };
    if let Behaviour::ExitAtStart { code } = script.behaviour {
        return Ok(ExitCode::from(code));
    }
    let ended = behaviour::begin(script)?;
    say(format_args!("EVM network: {network}"));
    let node = Node::start(script, arguments)?;
    loop {
        match ended.recv() {
            Ok(End::Upgraded) => return Ok(node.restart(arguments, line)),
            Ok(End::Dies(0)) => return Ok(ExitCode::SUCCESS),
            Ok(End::Dies(code)) => {
                node.fail("Node terminated due to: \"the script says so\"");
                return Ok(ExitCode::from(code));
            }
            Ok(End::Signalled) => {
                node.fail("Ctrl-C received!");
                return Err(io::Error::other("Ctrl-C received!"));
            }
            Err(_) => std::thread::park(),
        }
    }
}

/// A node that is up.
struct Node {
    root: PathBuf,
    log: Log,
    socket: UdpSocket,
    server: Option<Server>,
}

impl Node {
    fn start(script: &Script, arguments: &Arguments) -> io::Result<Self> {
        let (root, key) = root_and_key(arguments.value("root-dir"))?;
        let peer_id = key.libp2p_peer_id();
        let log = Log::open(arguments.value("log-output-dest"), &peer_id)?;
        log.line(format_args!("Running antnode v{}", script.version));
        let peers = arguments.has("peer") || env::var("ANT_PEERS").is_ok_and(|peers| !peers.is_empty());
        if arguments.has("local") && !arguments.has("first") && !peers {
            return Err(io::Error::other("No bootstrap peers found"));
        }
        log.reset_failure();
        log.line("Starting node ...");
        let ip = arguments.value("ip").and_then(|ip| ip.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let socket = UdpSocket::bind((ip, arguments.port("port").unwrap_or(0)))
            .inspect_err(|error| log.failure(format_args!("Failed to listen: {error}")))?;
        fs::create_dir_all(root.join("record_store"))?;
        let pages = Pages { version: script.version.clone(), peer_id: peer_id.clone(), started: Instant::now() };
        let server = start_server(script, arguments, pages);
        if let Some(server) = &server {
            say(format_args!("Metrics server on http://{}/metrics", server.address()));
        }
        say(format_args!("\nNode started\n\nPeerId is {peer_id}"));
        fs::write(root.join("antnode.pid"), std::process::id().to_string())?;
        log.line(format_args!("Node started, peer id {peer_id}"));
        Ok(Self { root, log, socket, server })
    }

    /// Ends for an upgrade, leaving a successor unless the service manager starts it.
    fn restart(self, arguments: &Arguments, line: Vec<OsString>) -> ExitCode {
        if arguments.has("stop-on-upgrade") {
            return print("Node stopped after upgrade. Service manager will handle restart.");
        }
        let mut successor = Vec::new();
        if !arguments.has("root-dir") {
            successor.extend(["--root-dir".into(), self.root.into_os_string()]);
        }
        if let (false, Ok(address)) = (arguments.has("port"), self.socket.local_addr()) {
            successor.extend(["--port".into(), address.port().to_string().into()]);
        }
        successor.extend(line.into_iter().filter(|word| word != "--first"));
        drop(self.socket);
        if let Some(server) = self.server {
            server.close();
        }
        restart(successor);
        ExitCode::SUCCESS
    }

    fn fail(&self, reason: &str) {
        self.log.line(format_args!("Node stopped with error: {reason}"));
        self.log.failure(reason);
    }
}

/// Starts the metrics server where one is wanted; the node lives on without it when its port is taken.
fn start_server(script: &Script, arguments: &Arguments, pages: Pages) -> Option<Server> {
    let port = arguments.port("metrics-server-port").unwrap_or(0);
    if port == 0 && !arguments.has("enable-metrics-server") {
        return None;
    }
    Server::start(port, script.behaviour.reply_mode(), pages)
        .inspect_err(|error| complain(format_args!("error binding to 127.0.0.1:{port}: {error}")))
        .ok()
}

/// Where a node logs; None for standard output.
struct Log(Option<PathBuf>);

impl Log {
    fn open(destination: Option<&str>, peer_id: &str) -> io::Result<Self> {
        let folder = match destination {
            Some("stdout") => return Ok(Self(None)),
            // Not the folder of --root-dir: the default is the platform's, whatever the root.
            None | Some("data-dir") => default_root(peer_id)?.join("logs"),
            Some(path) => PathBuf::from(path),
        };
        fs::create_dir_all(&folder)?;
        Ok(Self(Some(folder)))
    }

    fn line(&self, text: impl fmt::Display) {
        let line = format!("[{} INFO antnode 1] {text}", Moment::now().stamp());
        let Some(folder) = &self.0 else { return say(line) };
        append(&folder.join("antnode.log"), &line);
    }

    fn failure(&self, reason: impl fmt::Display) {
        if let Some(folder) = &self.0 {
            let _ = fs::write(folder.join("critical_failure.log"), format!("[{}] {reason}", Moment::now().spaced()));
        }
    }

    fn reset_failure(&self) {
        if let Some(folder) = &self.0 {
            let _ = fs::remove_file(folder.join("critical_failure.log"));
        }
    }
}

fn root_and_key(root: Option<&str>) -> io::Result<(PathBuf, Key)> {
    match root.map(PathBuf::from) {
        Some(root) => {
            fs::create_dir_all(&root)?;
            let key = Key::at(&root.join("secret-key"))?;
            Ok((root, key))
        }
        None => {
            let key = Key::random()?;
            let root = default_root(&key.libp2p_peer_id())?;
            fs::create_dir_all(&root)?;
            key.save(&root.join("secret-key"))?;
            Ok((root, key))
        }
    }
}

fn default_root(peer_id: &str) -> io::Result<PathBuf> {
    Ok(data_folder()?.join("autonomi/node").join(peer_id))
}

fn check_address(address: &str) -> io::Result<()> {
    let digits = address.strip_prefix("0x").unwrap_or(address);
    if digits.len() == 40 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(io::Error::other(format!("invalid rewards address '{address}'")))
}

/// Returns the network's protocol version: mainnet, the alpha network, or the one asked for.
fn protocol(arguments: &Arguments) -> String {
    let default = if arguments.has("alpha") { "2" } else { "1" };
    format!("ant/1.0/{}", arguments.value("network-id").unwrap_or(default))
}

/// Returns the text of `--version`; a version like 2025.01.31 is a nightly release.
fn version_text(script: &Script, arguments: &Arguments) -> String {
    let (version, network) = (&script.version, protocol(arguments));
    if version.find('.') == Some(4) {
        return format!(
            "Autonomi Node -- Nightly Release {version}\nNetwork version: {network}\nGit info: {BRANCH} / {COMMIT}"
        );
    }
    format!(
        "Autonomi Node v{version}\nNetwork version: {network}\nPackage version: {PACKAGE}\n\
         Git info: {BRANCH} / {COMMIT} / 2026-11-20"
    )
}
