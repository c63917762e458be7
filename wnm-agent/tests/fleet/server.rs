//! A redis-server of a test, on a free port of the loopback interface. The variable `WNM_TEST_REDIS` names the program.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wnm_agent::fleet::engine::Engine;
use wnm_agent::fleet::membership::{Login, Plaintext};
use wnm_core::EngineUrl;

/// A server with users in a file, which ends with the value.
pub(crate) struct Server {
    pub(crate) port: u16,
    scheme: &'static str,
    arguments: Vec<String>,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

/// Returns the program of a variable; a test that needs it is ignored without the variable, and fails if it runs.
pub(crate) fn program(variable: &str) -> PathBuf {
    std::env::var_os(variable).map(PathBuf::from).unwrap_or_else(|| panic!("{variable} names no program"))
}

impl Server {
    /// Starts a server without TLS, with further arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("users.acl"), "user default on nopass ~* &* +@all\n").unwrap();
        let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
        let mut server = Self { port: free_port(), scheme: "redis", arguments, folder, process: None };
        server.run();
        server
    }

    /// Starts a server with TLS alone, with the certificates of a folder.
    /// `clients` is the value of `tls-auth-clients`.
    pub(crate) fn start_with_tls(certificates: &Path, clients: &str) -> Self {
        let mut server = Self::start(&[]);
        server.end();
        let file = |name: &str| certificates.join(name).display().to_string();
        let (port, ca, cert, key) = (server.port.to_string(), file("ca.pem"), file("server.pem"), file("server.key"));
        let tls = ["--tls-port", &port, "--port", "0", "--tls-ca-cert-file", &ca, "--tls-cert-file", &cert];
        let more = ["--tls-key-file", &key, "--tls-auth-clients", clients];
        server.arguments = tls.iter().chain(&more).map(|word| (*word).to_owned()).collect();
        server.scheme = "rediss";
        server.run();
        server
    }

    pub(crate) fn run(&mut self) {
        let port = self.port.to_string();
        let users = self.folder.path().join("users.acl");
        let fixed = ["--bind", "127.0.0.1", "--port", &port, "--save", "", "--aclfile", users.to_str().unwrap()];
        let child = Command::new(program("WNM_TEST_REDIS"))
            .args(fixed)
            .args(&self.arguments)
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(child);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the server, which loses its data and keeps its stored users.
    pub(crate) fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    pub(crate) fn url(&self) -> EngineUrl {
        EngineUrl::new(&format!("{}://127.0.0.1:{}", self.scheme, self.port)).unwrap()
    }

    /// Returns a connection of the administrator.
    pub(crate) fn admin(&self) -> Engine {
        Engine::connect(&self.url(), &admin()).unwrap()
    }

    /// Runs a command as the administrator, as words.
    pub(crate) fn command(&self, words: &[&str]) {
        let mut commands = redis::pipe();
        commands.cmd(words[0]).arg(&words[1..]);
        self.admin().require(&commands).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns the login of the administrator.
pub(crate) fn admin() -> Login {
    Login { user: "default".to_owned(), password: None, ca: None, client: None, plaintext: Plaintext::Refused }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
