//! The fake node behaves on the outside like the node programs it plays.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use wnm_platform::fake_node::{self, Behaviour, Program, Script};

const PATIENCE: Duration = Duration::from_secs(20);
const REWARDS: &str = "0x00455d78f850b0358E8cea5be24d415E01E107CF";
const NETWORK: &str = "evm-arbitrum-one";

fn main() -> ExitCode {
    if fake_node::is_called().is_some() {
        return fake_node::main();
    }
    let trials: [(&str, fn()); 22] = [
        ("version_output", version_output),
        ("copy_without_script_uses_file_name", copy_without_script_uses_file_name),
        ("two_versions_differ_in_bytes", two_versions_differ_in_bytes),
        ("wrong_command_lines_exit_2", wrong_command_lines_exit_2),
        ("antnode_creates_files", antnode_creates_files),
        ("antnode_answers_metrics", antnode_answers_metrics),
        ("antnode_keeps_peer_id_after_restart", antnode_keeps_peer_id_after_restart),
        ("antnode_exits_1_when_its_port_is_taken", antnode_exits_1_when_its_port_is_taken),
        ("antnode_exits_1_without_peers", antnode_exits_1_without_peers),
        ("antnode_ends_by_sigterm", antnode_ends_by_sigterm),
        ("antnode_fails_critically_on_sigint", antnode_fails_critically_on_sigint),
        ("hanging_node_accepts_connections_and_does_not_answer", hanging_node_accepts_connections_and_does_not_answer),
        ("slow_node_delays_responses", slow_node_delays_responses),
        ("garbage_is_not_utf8", garbage_is_not_utf8),
        ("node_can_ignore_sigterm", node_can_ignore_sigterm),
        ("nodes_exit_as_scripted", nodes_exit_as_scripted),
        ("burning_node_uses_cpu_and_memory", burning_node_uses_cpu_and_memory),
        ("antnode_upgrades_itself", antnode_upgrades_itself),
        ("antnode_stops_on_upgrade", antnode_stops_on_upgrade),
        ("ant_node_creates_files_and_exits_0", ant_node_creates_files_and_exits_0),
        ("ant_node_needs_its_ports", ant_node_needs_its_ports),
        ("ant_node_upgrades_itself", ant_node_upgrades_itself),
    ];
    let trial = |(name, test): (&'static str, fn())| {
        Trial::test(name, move || {
            test();
            Ok::<(), Failed>(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), trials.into_iter().map(trial).collect()).exit_code()
}

/// A folder with a fake node in it and the ports of one node.
struct Stage {
    folder: TempDir,
    executable: PathBuf,
    port: u16,
    metrics: u16,
}

/// A started node, killed at the end of its test.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Stage {
    fn new(program: Program, behaviour: Behaviour) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let executable = folder.path().join(program.file_name());
        make(&executable, &Script { behaviour, ..Script::of(program) });
        Self { folder, executable, port: free_udp(), metrics: free_tcp() }
    }

    fn antnode(behaviour: Behaviour) -> Self {
        Self::new(Program::Antnode, behaviour)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    /// The command line a service manager would start.
    fn command(&self, program: Program) -> Command {
        let mut command = Command::new(&self.executable);
        command.stdin(Stdio::null()).stdout(Stdio::null()).env_clear().arg("--root-dir").arg(self.root());
        command.args(["--port", &self.port.to_string(), "--rewards-address", REWARDS]);
        match program {
            Program::Antnode => command.arg("--log-output-dest").arg(self.logs()).args([
                "--ip",
                "127.0.0.1",
                "--metrics-server-port",
                &self.metrics.to_string(),
            ]),
            Program::AntNode => command.args(["--ipv4-only", "--enable-logging", "--log-dir"]).arg(self.logs()),
        };
        command
    }

    fn start_antnode(&self) -> Node {
        let mut node = Node(spawn(self.command(Program::Antnode).arg(NETWORK)));
        let (pid, file) = (node.0.id().to_string(), self.root().join("antnode.pid"));
        wait_for("the pid file", || {
            assert_eq!(node.0.try_wait().unwrap(), None, "the node ended early");
            fs::read_to_string(&file).is_ok_and(|text| text == pid)
        });
        node
    }

    fn log_text(&self) -> String {
        let files = fs::read_dir(self.logs()).into_iter().flatten().flatten();
        files.map(|file| fs::read_to_string(file.path()).unwrap_or_default()).collect()
    }

    fn start_ant_node(&self, command: &mut Command) -> Node {
        let mut node = Node(spawn(command));
        wait_for("the log", || {
            assert_eq!(node.0.try_wait().unwrap(), None, "the node ended early");
            self.log_text().contains("Node is running")
        });
        node
    }

    /// Returns the body of an answer of the metrics server.
    fn get(&self, path: &str) -> String {
        let (head, body) = self.exchange(path);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("content-type: application/openmetrics-text;"), "{head}");
        String::from_utf8(body).unwrap()
    }

    fn exchange(&self, path: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.metrics)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        receive(&mut BufReader::new(stream))
    }

    fn version(&self) -> String {
        text_of(&run(Command::new(&self.executable).arg("--version")))
    }
}

/// Does what must not happen while another thread starts a process: that process has every open file of this one
/// until its exec, so that a port stays taken and an executable cannot be started.
fn alone<T>(act: impl FnOnce() -> T) -> T {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    act()
}

fn make(to: &Path, script: &Script) {
    alone(|| fake_node::make(&std::env::current_exe().unwrap(), to, script)).unwrap();
}

fn spawn(command: &mut Command) -> Child {
    alone(|| command.spawn()).unwrap()
}

fn run(command: &mut Command) -> Output {
    let child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    child.wait_with_output().unwrap()
}

fn text_of(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn ended(node: &mut Node) -> ExitStatus {
    wait_for("the end of a node", || node.0.try_wait().unwrap().is_some());
    node.0.wait().unwrap()
}

fn signal(node: &Node, signal: Signal) {
    kill_process(Pid::from_child(&node.0), signal).unwrap();
}

fn free_udp() -> u16 {
    alone(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap().local_addr().unwrap().port())
}

fn free_tcp() -> u16 {
    alone(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port())
}

/// Reads one response: its head, and as much body as the head announces.
fn receive(reader: &mut BufReader<TcpStream>) -> (String, Vec<u8>) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "no response: {head}");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    (head, body)
}

fn sample<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap_or_else(|| panic!("no {name}"))
}

fn label<'a>(text: &'a str, name: &str) -> &'a str {
    text.split_once(&format!(r#"{name}=""#)).and_then(|(_, rest)| rest.split_once('"')).expect("a label").0
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn version_output() {
    let stage = Stage::antnode(Behaviour::ExitAtStart { code: 3 });
    let expected = "Autonomi Node v0.4.17\nNetwork version: ant/1.0/1\nPackage version: 2026.2.3.2\n\
                    Git info: main / 3398478e9 / 2026-11-20\n";
    assert_eq!(stage.version(), expected);
    for (version, first) in
        [("0.4.10-rc.1", "Autonomi Node v0.4.10-rc.1"), ("2025.01.31", "Autonomi Node -- Nightly Release 2025.01.31")]
    {
        make(&stage.executable, &Script { version: version.into(), ..Script::default() });
        assert_eq!(stage.version().lines().next(), Some(first));
    }
    assert_eq!(Stage::new(Program::AntNode, Behaviour::Normal).version(), "ant-node 0.23.1\n");
}

fn copy_without_script_uses_file_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, version) in [("antnode", "Autonomi Node v0.4.17"), ("ant-node", "ant-node 0.23.1")] {
        let copy = folder.path().join(name);
        alone(|| fs::copy(std::env::current_exe().unwrap(), &copy)).unwrap();
        assert!(text_of(&run(Command::new(copy).arg("--version"))).starts_with(version));
    }
    let other = folder.path().join("node-0001");
    make(&other, &Script::of(Program::AntNode));
    assert_eq!(text_of(&run(Command::new(&other).arg("-V"))), "ant-node 0.23.1\n", "the script counts, not the name");
}

fn two_versions_differ_in_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other, again) = (folder.path().join("one"), folder.path().join("other"), folder.path().join("again"));
    make(&one, &Script::default());
    make(&other, &Script { version: "0.4.18".into(), ..Script::default() });
    assert_ne!(fs::read(&one).unwrap(), fs::read(&other).unwrap());
    alone(|| fake_node::make(&other, &again, &Script::default())).unwrap();
    assert_eq!(fs::read(&one).unwrap(), fs::read(&again).unwrap(), "the other script is left out");
    assert_eq!(mode(&one), 0o755);
    assert!(fake_node::make(&folder.path().join("none"), &other, &Script::default()).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "no temporary file stays");
}

fn wrong_command_lines_exit_2() {
    let stage = Stage::antnode(Behaviour::Normal);
    let wrong = [
        "evm-arbitrum-one --port 1",
        "--prot 1 evm-arbitrum-one",
        "--port 65536 evm-arbitrum-one",
        "--port evm-arbitrum-one",
        "--port --local evm-arbitrum-one",
        "--port 1 --port=2 evm-arbitrum-one",
        "--no-upnp=true evm-arbitrum-one",
        "--ip localhost evm-arbitrum-one",
        "--first --peer /ip4/127.0.0.1 evm-arbitrum-one",
        "--metrics-server-port 0 evm-arbitrum-one",
        "evm-arbitrum-one evm-arbitrum-one",
        "evm-custom --rpc-url http://localhost",
        "evm-nowhere",
    ];
    for line in wrong {
        let output = run(Command::new(&stage.executable).args(line.split(' ')));
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        assert!(output.stderr.starts_with(b"error: ") && output.stdout.is_empty(), "{line}: {output:?}");
    }
    let right = "--port=1 --rewards-address=0x00455d78f850b0358E8cea5be24d415E01E107CF --protocol-version evm-custom \
                 --rpc-url http://localhost -p 0x1 --data-payments-address 0x2";
    let output = run(Command::new(&stage.executable).args(right.split_whitespace()));
    assert_eq!(text_of(&output), "Network version: ant/1.0/1\n");
    let stage = Stage::new(Program::AntNode, Behaviour::Normal);
    for (variable, value) in [("ANT_PORT", "many"), ("ANT_IPV4_ONLY", "yes"), ("RUST_LOG", "info,ant=debug")] {
        let output = run(Command::new(&stage.executable).env(variable, value));
        assert_eq!(output.status.code(), Some(2), "{variable}: {output:?}");
    }
}

fn antnode_creates_files() {
    let stage = Stage::antnode(Behaviour::Normal);
    let _node = stage.start_antnode();
    let key = stage.root().join("secret-key");
    assert_eq!((fs::read(&key).unwrap().len(), mode(&key)), (32, 0o600));
    assert!(stage.root().join("record_store").is_dir());
    assert!(stage.log_text().contains("Running antnode v0.4.17"));
    assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, stage.port)).is_err(), "the port is held");
}

fn antnode_answers_metrics() {
    let stage = Stage::antnode(Behaviour::Normal);
    let _node = stage.start_antnode();
    let text = stage.get("/metrics");
    assert!(text.len() > 40_000 && text.ends_with("# EOF\n"));
    assert!(sample(&text, "ant_networking_process_memory_used_mb").parse::<f64>().unwrap() < 20.0);
    wait_for("a second to pass", || sample(&stage.get("/metrics_extended"), "ant_node_uptime") != "0");
    assert_eq!(label(&stage.get("/metadata"), "antnode_version"), "0.4.17");
    assert!(stage.exchange("/").0.starts_with("HTTP/1.1 404 Not Found\r\n"));

    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, stage.metrics)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for _ in 0..200 {
        stream.write_all(b"GET /metadata?x HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert!(receive(&mut reader).1.ends_with(b"# EOF\n"), "on one connection");
    }
}

fn antnode_keeps_peer_id_after_restart() {
    let stage = Stage::antnode(Behaviour::Normal);
    let peers: Vec<_> = (0..2)
        .map(|_| {
            let _node = stage.start_antnode();
            label(&stage.get("/metadata"), "peer_id").to_owned()
        })
        .collect();
    assert!(peers[0] == peers[1] && peers[0].starts_with("12D3KooW") && peers[0].len() == 52, "{peers:?}");
    let other = Stage::antnode(Behaviour::Normal);
    let _node = other.start_antnode();
    assert_ne!(label(&other.get("/metadata"), "peer_id"), peers[0]);
}

fn antnode_exits_1_when_its_port_is_taken() {
    let stage = Stage::antnode(Behaviour::Normal);
    let _held = UdpSocket::bind((Ipv4Addr::LOCALHOST, stage.port)).unwrap();
    assert_eq!(run(stage.command(Program::Antnode).arg(NETWORK)).status.code(), Some(1));
}

fn antnode_exits_1_without_peers() {
    let stage = Stage::antnode(Behaviour::Normal);
    assert_eq!(run(stage.command(Program::Antnode).args(["--local", NETWORK])).status.code(), Some(1));
    let mut node = Node(spawn(stage.command(Program::Antnode).args(["--local", "--first", NETWORK])));
    wait_for("the metrics server", || TcpStream::connect((Ipv4Addr::LOCALHOST, stage.metrics)).is_ok());
    assert!(node.0.try_wait().unwrap().is_none());
}

fn antnode_ends_by_sigterm() {
    let mut node = Stage::antnode(Behaviour::Normal).start_antnode();
    signal(&node, Signal::TERM);
    assert_eq!(ended(&mut node).signal(), Some(15));
}

fn antnode_fails_critically_on_sigint() {
    let stage = Stage::antnode(Behaviour::Normal);
    let mut node = stage.start_antnode();
    signal(&node, Signal::INT);
    assert_eq!(ended(&mut node).code(), Some(1));
    let failure = stage.logs().join("critical_failure.log");
    let text = fs::read_to_string(&failure).unwrap();
    assert!(text.starts_with('[') && text.ends_with(" UTC] Ctrl-C received!"), "{text}");
    let _node = stage.start_antnode();
    assert!(!failure.exists(), "the next start deletes it");
}

fn hanging_node_accepts_connections_and_does_not_answer() {
    let stage = Stage::antnode(Behaviour::Hang);
    let mut node = stage.start_antnode();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, stage.metrics)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let error = stream.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "neither an answer nor an end");
    signal(&node, Signal::TERM);
    assert_eq!(ended(&mut node).signal(), Some(15));
}

fn slow_node_delays_responses() {
    let stage = Stage::antnode(Behaviour::Slow { ms: 300 });
    let _node = stage.start_antnode();
    let began = Instant::now();
    stage.get("/metadata");
    assert!(began.elapsed() >= Duration::from_millis(300));
}

fn garbage_is_not_utf8() {
    let stage = Stage::antnode(Behaviour::Garbage);
    let _node = stage.start_antnode();
    let (head, body) = stage.exchange("/metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(String::from_utf8(body.clone()).is_err());
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(text.contains("ant_node_uptime NaN\n") && text.contains(" 1e309\n"), "{text}");
}

fn node_can_ignore_sigterm() {
    for program in [Program::Antnode, Program::AntNode] {
        let stage = Stage::new(program, Behaviour::IgnoreTerm);
        let mut node = match program {
            Program::Antnode => stage.start_antnode(),
            Program::AntNode => stage.start_ant_node(&mut stage.command(program)),
        };
        signal(&node, Signal::TERM);
        thread::sleep(Duration::from_millis(200));
        assert!(node.0.try_wait().unwrap().is_none());
        signal(&node, Signal::KILL);
        assert_eq!(ended(&mut node).signal(), Some(9));
    }
}

fn nodes_exit_as_scripted() {
    let stage = Stage::antnode(Behaviour::ExitAtStart { code: 7 });
    assert_eq!(run(stage.command(Program::Antnode).arg(NETWORK)).status.code(), Some(7));
    assert!(!stage.root().exists());
    let stage = Stage::antnode(Behaviour::DieAfter { ms: 50, code: 9 });
    assert_eq!(run(stage.command(Program::Antnode).arg(NETWORK)).status.code(), Some(9));
    assert!(stage.logs().join("critical_failure.log").exists());
    let stage = Stage::new(Program::AntNode, Behaviour::DieAfter { ms: 50, code: 0 });
    assert_eq!(run(&mut stage.command(Program::AntNode)).status.code(), Some(0));
}

fn burning_node_uses_cpu_and_memory() {
    let stage = Stage::antnode(Behaviour::Burn { cores: 0.2, memory_bytes: 64 << 20 });
    let _node = stage.start_antnode();
    let measured = |name| sample(&stage.get("/metrics"), name).parse::<f64>().unwrap();
    wait_for("memory", || measured("ant_networking_process_memory_used_mb") >= 64.0);
    wait_for("CPU time", || measured("ant_networking_process_cpu_usage_percentage") > 1.0);
}

fn antnode_upgrades_itself() {
    let behaviour = Behaviour::SelfUpgrade { after_ms: 300, restart_after_ms: 2_500, to: "0.4.18".into() };
    let stage = Stage::antnode(behaviour);
    let mut node = stage.start_antnode();
    let peer_id = label(&stage.get("/metadata"), "peer_id").to_owned();
    let first = fs::read_to_string(stage.root().join("antnode.pid")).unwrap();
    if cfg!(target_os = "linux") {
        let link = format!("/proc/{first}/exe");
        wait_for("the replacement", || fs::read_link(&link).is_ok_and(|path| path.ends_with("antnode (deleted)")));
        assert!(stage.version().starts_with("Autonomi Node v0.4.18\n"), "the version on disk");
        assert_eq!(label(&stage.get("/metadata"), "antnode_version"), "0.4.17", "the version that runs");
    }
    assert_eq!(ended(&mut node).code(), Some(0));
    let mut pid = first.clone();
    wait_for("the successor", || {
        pid = fs::read_to_string(stage.root().join("antnode.pid")).unwrap_or_default();
        !pid.is_empty() && pid != first
    });
    let metadata = stage.get("/metadata");
    assert_eq!((label(&metadata, "antnode_version"), label(&metadata, "peer_id")), ("0.4.18", peer_id.as_str()));
    assert!(!Path::new(&format!("/proc/{first}/exe")).exists());
    kill_process(Pid::from_raw(pid.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
}

fn antnode_stops_on_upgrade() {
    let stage = Stage::antnode(Behaviour::SelfUpgrade { after_ms: 0, restart_after_ms: 0, to: "0.4.18".into() });
    assert_eq!(run(stage.command(Program::Antnode).args(["--stop-on-upgrade", NETWORK])).status.code(), Some(0));
    assert!(stage.version().starts_with("Autonomi Node v0.4.18\n"));
    assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, stage.port)).is_ok(), "nobody took over");
}

fn ant_node_creates_files_and_exits_0() {
    let stage = Stage::new(Program::AntNode, Behaviour::Normal);
    let mut peers = Vec::new();
    for end in [Signal::TERM, Signal::INT] {
        let mut node = stage.start_ant_node(&mut stage.command(Program::AntNode));
        signal(&node, end);
        assert_eq!(ended(&mut node).code(), Some(0), "{end:?}");
        let text = stage.log_text();
        peers.push(text.split_once("Node identity resolved peer_id=").unwrap().1.split(' ').next().unwrap().to_owned());
        let file = fs::read_dir(stage.logs()).unwrap().next().unwrap().unwrap().path();
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("ant-node.20") && name.len() == "ant-node.YYYY-MM-DD.log".len(), "{name}");
        fs::remove_file(file).unwrap();
    }
    assert!(peers[0] == peers[1] && peers[0].len() == 64, "{peers:?}");
    let key = stage.root().join("node_identity.key");
    assert_eq!((fs::read(&key).unwrap().len(), mode(&key)), (32, 0o600));
    assert!(stage.root().join("chunks").is_dir());
}

fn ant_node_needs_its_ports() {
    let stage = Stage::new(Program::AntNode, Behaviour::Normal);
    let held = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, stage.port)).unwrap();
    assert_eq!(run(&mut stage.command(Program::AntNode)).status.code(), Some(1));
    alone(|| drop(held));

    let webrtc = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = webrtc.local_addr().unwrap().port().to_string();
    let output = run(stage.command(Program::AntNode).args(["--webrtc-direct-port", &port]));
    assert_eq!(output.status.code(), Some(1));
    let mut disabled = stage.command(Program::AntNode);
    disabled.args(["--webrtc-direct-port", &port, "--network-mode", "development"]);
    let _node = stage.start_ant_node(disabled.env("ANT_DISABLE_WEBRTC_DIRECT", "true"));
    assert!(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, stage.port)).is_err(), "the port is held");
    assert_eq!(run(Command::new(&stage.executable).env_clear()).status.code(), Some(1), "no rewards address");
}

fn ant_node_upgrades_itself() {
    let behaviour = Behaviour::SelfUpgrade { after_ms: 0, restart_after_ms: 0, to: "0.24.0".into() };
    let stage = Stage::new(Program::AntNode, behaviour);
    assert_eq!(run(stage.command(Program::AntNode).arg("--stop-on-upgrade")).status.code(), Some(0));
    assert_eq!(stage.version(), "ant-node 0.24.0\n");
    let backup = stage.folder.path().join("ant-node.backup");
    assert_eq!(text_of(&run(Command::new(&backup).arg("--version"))), "ant-node 0.23.1\n");
}
