//! `ant-node` 0.23, seen from outside.

use std::ffi::OsString;
use std::fs::File;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fmt, fs, io};

use rustix::fs::{FlockOperation, flock};

use super::arguments::{Arguments, Grammar, Kind, Opt, Stop, Takes};
use super::behaviour::{self, Behaviour, End};
use super::clock::Moment;
use super::identity::Key;
use super::{Script, append, complain, data_folder, refuse, restart, say};

use Takes::{Many, Nothing, One, Stops};

const NETWORKS: Kind = Kind::OneOf(&["arbitrum-one", "arbitrum-sepolia"]);
const MODES: Kind = Kind::OneOf(&["production", "testnet", "development"]);
const LEVELS: Kind = Kind::OneOf(&["error", "warn", "info", "debug", "trace"]);

const GRAMMAR: Grammar = Grammar {
    program: "ant-node",
    options: &[
        Opt::new("root-dir", One(Kind::Text)).variable("ANT_ROOT_DIR"),
        Opt::new("port", One(Kind::Port)).short('p').variable("ANT_PORT"),
        Opt::new("ipv4-only", Nothing).variable("ANT_IPV4_ONLY"),
        Opt::new("disable-webrtc-direct", Nothing).variable("ANT_DISABLE_WEBRTC_DIRECT"),
        Opt::new("webrtc-direct-bind", One(Kind::Socket)).variable("ANT_WEBRTC_DIRECT_BIND"),
        Opt::new("webrtc-direct-port", One(Kind::Port)).alias("webrtc-port").variable("ANT_WEBRTC_DIRECT_PORT"),
        Opt::new("webrtc-direct-advertised-addr", One(Kind::Socket)).variable("ANT_WEBRTC_DIRECT_ADVERTISED_ADDR"),
        Opt::new("bootstrap", Many(Kind::Socket)).short('b').variable("ANT_BOOTSTRAP"),
        Opt::new("upgrade-channel", One(Kind::OneOf(&["stable", "beta"]))).variable("ANT_UPGRADE_CHANNEL"),
        Opt::new("cache-capacity", One(Kind::Count)).variable("ANT_CACHE_CAPACITY"),
        Opt::new("rewards-address", One(Kind::Text)).variable("ANT_REWARDS_ADDRESS"),
        Opt::new("evm-network", One(NETWORKS)).variable("ANT_EVM_NETWORK"),
        Opt::new("evm-rpc-url", One(Kind::Text)).variable("ANT_EVM_RPC_URL"),
        Opt::new("evm-payment-token", One(Kind::Text)).variable("ANT_EVM_PAYMENT_TOKEN"),
        Opt::new("evm-payment-vault", One(Kind::Text)).variable("ANT_EVM_PAYMENT_VAULT"),
        Opt::new("metrics-port", One(Kind::Port)).variable("ANT_METRICS_PORT"),
        Opt::new("enable-logging", Nothing).variable("ANT_ENABLE_LOGGING"),
        Opt::new("log-level", One(LEVELS)).variable("RUST_LOG"),
        Opt::new("log-format", One(Kind::OneOf(&["text", "json"]))).variable("ANT_LOG_FORMAT"),
        Opt::new("log-dir", One(Kind::Text)).variable("ANT_LOG_DIR"),
        Opt::new("log-max-files", One(Kind::Count)).variable("ANT_LOG_MAX_FILES"),
        Opt::new("network-mode", One(MODES)).variable("ANT_NETWORK_MODE"),
        Opt::new("config", One(Kind::Text)).short('c'),
        Opt::new("stop-on-upgrade", Nothing),
        Opt::new("help", Stops(Stop::Help)).short('h'),
        Opt::new("version", Stops(Stop::Version)).short('V'),
    ],
    commands: &[],
    conflicts: &[],
};

/// Plays an `ant-node` until it ends.
pub(super) fn play(script: &Script, line: Vec<OsString>) -> ExitCode {
    match GRAMMAR.parse(line.iter().cloned(), |name| env::var(name).ok()) {
        Ok(arguments) => run(script, &arguments, line).unwrap_or_else(|error| {
            complain(format_args!("Error: {error}"));
            ExitCode::FAILURE
        }),
        Err(refusal) => refuse(&GRAMMAR, refusal, &format!("ant-node {}", script.version)),
    }
}

fn run(script: &Script, arguments: &Arguments, line: Vec<OsString>) -> io::Result<ExitCode> {
    if arguments.value("rewards-address").is_none() {
        return Err(io::Error::other("CRITICAL: Rewards address is not configured."));
    }
    if let Behaviour::ExitAtStart { code } = script.behaviour {
        return Ok(ExitCode::from(code));
    }
    let ended = behaviour::begin(script)?;
    let node = Node::start(script, arguments)?;
    loop {
        match ended.recv() {
            Ok(End::Upgraded) => {
                let Node { log, sockets, store } = node;
                log.line("Successfully upgraded! Restarting...", &[]);
                drop((sockets, store));
                if !arguments.has("stop-on-upgrade") {
                    restart(line);
                }
                return Ok(ExitCode::SUCCESS);
            }
            Ok(End::Dies(code)) => return Ok(ExitCode::from(code)),
            Ok(End::Signalled) => {
                node.log.line("Goodbye!", &[]);
                return Ok(ExitCode::SUCCESS);
            }
            Err(_) => std::thread::park(),
        }
    }
}

/// A node that is up.
struct Node {
    log: Log,
    /// The sockets of its ports, kept open while it runs.
    sockets: Vec<UdpSocket>,
    /// The locked file of its chunk store.
    store: File,
}

impl Node {
    fn start(script: &Script, arguments: &Arguments) -> io::Result<Self> {
        let log = Log::open(arguments)?;
        log.line("ant-node starting", &[("version", &script.version)]);
        let (root, key) = root_and_key(arguments.value("root-dir"))?;
        let peer_id = key.hex_peer_id();
        log.line("Node identity resolved", &[("peer_id", &peer_id), ("root_dir", &root.display())]);
        let mut sockets = vec![bind(arguments)?];
        if !arguments.has("disable-webrtc-direct") {
            sockets.push(bind_webrtc(arguments)?);
        }
        for folder in ["chunks", "pointers"] {
            fs::create_dir_all(root.join(folder))?;
        }
        let store = File::create(root.join("chunks/.lock"))?;
        if flock(&store, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(io::Error::other("the chunk store is locked by another process"));
        }
        log.line("Node is running", &[]);
        Ok(Self { log, sockets, store })
    }
}

fn bind(arguments: &Arguments) -> io::Result<UdpSocket> {
    let port = arguments.port("port").unwrap_or(0);
    let v4 = (Ipv4Addr::UNSPECIFIED, port);
    if arguments.has("ipv4-only") {
        return UdpSocket::bind(v4);
    }
    UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)).or_else(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Err(error),
        _ => UdpSocket::bind(v4), // a host without IPv6
    })
}

fn bind_webrtc(arguments: &Arguments) -> io::Result<UdpSocket> {
    let given = arguments.value("webrtc-direct-bind").and_then(|address| address.parse().ok());
    let mut address = given.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
    if let Some(port) = arguments.port("webrtc-direct-port") {
        address.set_port(port);
    }
    UdpSocket::bind(address).map_err(|error| io::Error::other(format!("WebRTC Direct listener {address}: {error}")))
}

fn root_and_key(root: Option<&str>) -> io::Result<(PathBuf, Key)> {
    const IDENTITY: &str = "node_identity.key";
    if let Some(root) = root.map(PathBuf::from) {
        fs::create_dir_all(&root)?;
        let key = Key::at(&root.join(IDENTITY))?;
        return Ok((root, key));
    }
    let nodes = data_folder()?.join("ant/nodes");
    let known = fs::read_dir(&nodes).map(|entries| entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>());
    let mut known = known.unwrap_or_default().into_iter().filter(|path| path.join(IDENTITY).exists());
    match (known.next(), known.next()) {
        (Some(root), None) => {
            let key = Key::at(&root.join(IDENTITY))?;
            Ok((root, key))
        }
        (Some(_), Some(_)) => {
            Err(io::Error::other("Multiple node identities found. Specify --root-dir to select one."))
        }
        (None, _) => {
            let key = Key::random()?;
            let root = nodes.join(key.hex_peer_id());
            fs::create_dir_all(&root)?;
            key.save(&root.join(IDENTITY))?;
            Ok((root, key))
        }
    }
}

/// Where a node logs.
struct Log {
    destination: Destination,
    format: Format,
}

enum Destination {
    Nowhere,
    StandardOutput,
    Folder(PathBuf),
}

enum Format {
    Text,
    Json,
}

impl Log {
    fn open(arguments: &Arguments) -> io::Result<Self> {
        let destination = match arguments.value("log-dir") {
            _ if !arguments.has("enable-logging") => Destination::Nowhere,
            None => Destination::StandardOutput,
            Some(folder) => {
                fs::create_dir_all(folder)?;
                Destination::Folder(PathBuf::from(folder))
            }
        };
        let format = if arguments.value("log-format") == Some("json") { Format::Json } else { Format::Text };
        Ok(Self { destination, format })
    }

    fn line(&self, message: &str, fields: &[(&str, &dyn fmt::Display)]) {
        let now = Moment::now();
        let line = match self.format {
            Format::Text => {
                let fields = fields.iter().map(|(name, value)| format!(" {name}={value}")).collect::<String>();
                format!("{}  INFO ant_node::node: {message}{fields}", now.stamp())
            }
            Format::Json => {
                let mut entry = serde_json::json!({
                    "timestamp": now.stamp(), "level": "INFO", "message": message, "target": "ant_node::node",
                });
                for (name, value) in fields {
                    entry[*name] = value.to_string().into();
                }
                entry.to_string()
            }
        };
        match &self.destination {
            Destination::Nowhere => {}
            Destination::StandardOutput => say(line),
            Destination::Folder(folder) => append(&folder.join(format!("ant-node.{}.log", now.date())), &line),
        }
    }
}
