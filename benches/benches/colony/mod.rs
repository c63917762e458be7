//! A colony whose nodes are endpoints of one server process, for benches of whole processes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use wnm_benches::Result;
use wnm_core::{
    HostDefaults, ManagerKind, NewNodeInputs, NodeId, NodeState, Program, RawSettings, Scope, Settings, Timestamp,
    new_node,
};
use wnm_store::Store;

/// Where the endpoints are, below the ports the kernel gives to clients.
const METRICS_PORTS: u16 = 21;

/// Answers on the metrics ports of all nodes until its standard input ends.
#[expect(clippy::print_stdout, reason = "the parent waits for the line")]
pub(crate) fn serve(nodes: u32) -> Result<()> {
    let (metrics, metadata) = (wnm_benches::metrics()?, wnm_benches::metadata()?);
    let page = |body: &[u8]| {
        let mut page = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/openmetrics-text\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        page.extend_from_slice(body);
        page
    };
    let pages: &'static [Vec<u8>; 2] = Box::leak(Box::new([page(&metrics), page(&metadata)]));
    for node in 1..=nodes {
        let listener = TcpListener::bind(("127.0.0.1", METRICS_PORTS * 1000 + u16::try_from(node)?))?;
        // A thread that sleeps in accept costs nothing until it is asked.
        thread::Builder::new().stack_size(64 * 1024).spawn(move || {
            for stream in listener.incoming().flatten() {
                _ = answer(stream, pages);
            }
        })?;
    }
    println!("ready");
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Answers all requests of a connection, as a node does: the second one asks for its identity.
fn answer(mut stream: TcpStream, pages: &[Vec<u8>; 2]) -> std::io::Result<()> {
    let mut request = [0; 1024];
    loop {
        let length = stream.read(&mut request)?;
        if length == 0 {
            return Ok(());
        }
        let is_metadata = request[..length].starts_with(b"GET /metadata");
        stream.write_all(&pages[usize::from(is_metadata)])?;
    }
}

/// The process that serves the endpoints. It ends when this value is dropped.
pub(crate) struct Server(Child);

impl Server {
    /// Starts the server, and waits until all endpoints answer.
    pub(crate) fn start() -> Result<Self> {
        let mut child =
            Command::new(std::env::current_exe()?).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut ready = [0; 6];
        child.stdout.as_mut().ok_or("no output")?.read_exact(&mut ready)?;
        Ok(Self(child))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Makes a colony of nodes that have a folder each and never ran under this manager, with more settings.
pub(crate) fn colony(nodes: u32, more: &[(&str, &str)]) -> Result<tempfile::TempDir> {
    let home = tempfile::tempdir()?;
    let storage = home.path().join("node");
    let program = home.path().join("antnode");
    std::fs::write(&program, "#!/bin/sh\necho 'Autonomi Node v0.4.17'\n")?;
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let mut raw = RawSettings::default();
    for (key, value) in [
        ("node_cap", nodes.to_string()),
        ("rewards_address", "faucet".to_owned()),
        ("process_manager", "setsid+user".to_owned()),
        ("node_storage", storage.display().to_string()),
        ("antnode_path", program.display().to_string()),
        ("metrics_port_start", METRICS_PORTS.to_string()),
        // Each cycle only observes.
        ("cpu_remove", "100".to_owned()),
        ("mem_remove", "100".to_owned()),
        ("hd_remove", "100".to_owned()),
        ("max_load_average_allowed", "100000".to_owned()),
    ] {
        raw.set(key, &value)?;
    }
    for (key, value) in more {
        raw.set(key, value)?;
    }
    let host = HostDefaults {
        cpus: 2,
        storage: storage.clone(),
        programs: home.path().to_owned(),
        manager: ManagerKind::new(Program::Setsid, Scope::User),
    };
    let settings = Settings::new(&raw, &host)?;
    let now = Timestamp::from_secs(1_795_000_000);
    let mut all = Vec::new();
    for id in (1..=nodes).filter_map(NodeId::new) {
        let uuid = format!("00000000-0000-4000-8000-{:012}", id.get());
        let inputs = NewNodeInputs { uuid, roll: 0, storage: storage.clone(), logs: PathBuf::new(), now };
        let node = new_node(id, &settings, inputs, [])?;
        std::fs::create_dir_all(&node.root_dir)?;
        all.push((node, NodeState::Running { since: now }));
    }
    let mut store = Store::create(&home.path().join("wnm.db"))?;
    store.save_settings(&raw)?;
    store.insert_nodes(&all)?;
    Ok(home)
}
