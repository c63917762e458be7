//! The HTTP server beyond the loopback interface: a token, TLS with the certificate of an own authority, and files that
//! cannot be used.

use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use wnm_agent::control::ListenInfo;
use wnm_core::{Listen, ListenSettings, TlsFiles};

use crate::http::{LIMIT, free_port, status};
use crate::serve::Served;

const TOKEN: &str = "0123456789abcdef";

/// An authority of its own, and the files of a server.
struct Files {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
    authority: String,
}

impl Files {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap().pem();
        let files = Self { folder: tempfile::tempdir().unwrap(), issuer: Issuer::new(params, key), authority };
        files.certify();
        files.write("token", &format!("{TOKEN}\n"));
        files
    }

    /// Writes a new certificate with its key.
    fn certify(&self) {
        self.certify_until(4096);
    }

    /// Writes a certificate that ends with the year before this one, with its key.
    fn certify_until(&self, year: i32) {
        let key = KeyPair::generate().unwrap();
        let names = ["node.example", "*.farm.example", "127.0.0.1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.write("cert", &certificate.pem());
        self.write("key", &key.serialize_pem());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    /// Returns a server at all addresses of the host.
    fn settings(&self, port: u16) -> ListenSettings {
        ListenSettings {
            at: Listen::At(SocketAddr::from(([0, 0, 0, 0], port))),
            token_file: Some(self.path("token")),
            tls: Some(TlsFiles { certificate: self.path("cert"), key: self.path("key") }),
        }
    }

    /// Connects as a client that trusts the authority alone.
    fn connect(&self, port: u16) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connection =
            ClientConnection::new(Arc::new(config), ServerName::try_from("node.example").unwrap()).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        StreamOwned::new(connection, stream)
    }

    /// Sends bytes through TLS, and returns the answer until the server closes the connection.
    fn raw(&self, port: u16, bytes: &[u8]) -> String {
        let mut stream = self.connect(port);
        // The server may have closed the connection before it read everything.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, port: u16, path: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nHost: node.example\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
        self.raw(port, head.as_bytes())
    }
}

/// Waits until the server has the wanted condition, and returns it.
#[track_caller]
fn wait(served: &Served, wanted: impl Fn(&ListenInfo) -> bool) -> ListenInfo {
    let started = Instant::now();
    loop {
        let listen = served.client().daemon().unwrap().unwrap().listen;
        if let Some(listen) = listen.as_ref().filter(|listen| wanted(listen)) {
            return listen.clone();
        }
        assert!(started.elapsed() < LIMIT, "{listen:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn port(served: &Served) -> u16 {
    let listen = wait(served, |listen| listen.address.is_some());
    assert!(listen.tls, "{listen:?}");
    listen.address.unwrap().parse::<SocketAddr>().unwrap().port()
}

#[test]
fn each_request_from_other_hosts_needs_the_token() {
    let (served, files) = (Served::new(channel().0), Files::new());
    served.server.set_listen(&files.settings(free_port().port()));
    let port = port(&served);
    for path in ["/", "/page.css", "/metrics", "/healthz", "/api/v1/status", "/api/v1/events", "/nothing"] {
        let answer = files.raw(port, format!("GET {path} HTTP/1.1\r\nHost: node.example\r\n\r\n").as_bytes());
        assert_eq!(status(&answer), "401", "{path}: {answer}");
        assert!(answer.contains("www-authenticate: Basic realm=\"wnm\""), "a browser asks for the token: {answer}");
        assert!(answer.contains("www-authenticate: Bearer realm=\"wnm\""), "{answer}");
        assert!(answer.ends_with("\r\n\r\na token is required\n"), "no page leaks: {answer}");
    }
    let host = "Host: node.example";
    let bearer = format!("Authorization: Bearer {TOKEN}");
    for (request, code) in [
        ("GET /metrics HTTP/1.1\r\n{host}\r\n{bearer}\r\n\r\n", "200"),
        ("HEAD /metrics HTTP/1.1\r\n{host}\r\n{bearer}\r\n\r\n", "200"),
        // user:0123456789abcdef
        ("GET / HTTP/1.1\r\n{host}\r\nAuthorization: Basic dXNlcjowMTIzNDU2Nzg5YWJjZGVm\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\n{host}\r\nAuthorization: Bearer 0123456789abcdeX\r\n\r\n", "401"),
        ("GET / HTTP/1.1\r\n{host}\r\n{bearer}\r\n{bearer}\r\n\r\n", "401"),
        ("GET / HTTP/1.1\r\nHost: web.farm.example:9910\r\n{bearer}\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nHost: 192.0.2.7:9910\r\n{bearer}\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\n{host}\r\nOrigin: https://node.example\r\n{bearer}\r\n\r\n", "200"),
        // The page of another site, whose name resolves to this host.
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n{bearer}\r\n\r\n", "403"),
        ("GET / HTTP/1.1\r\nHost: a.b.farm.example\r\n{bearer}\r\n\r\n", "403"),
        ("GET https://evil.example/ HTTP/1.1\r\n{host}\r\n{bearer}\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n{host}\r\nOrigin: http://node.example\r\n{bearer}\r\n\r\n", "403"),
        ("POST /control/1/requests HTTP/1.1\r\n{host}\r\n{bearer}\r\nContent-Length: 2\r\n\r\n{}", "405"),
        ("GET / HTTP/1.1\r\n{host}\r\n{host}\r\n{bearer}\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n{host}\r\n{bearer}\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n{host}\r\n{bearer}\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n", "400"),
    ] {
        let answer = files.raw(port, request.replace("{host}", host).replace("{bearer}", &bearer).as_bytes());
        assert_eq!(status(&answer), code, "{request:?}: {answer}");
    }
    let one = format!("GET /healthz HTTP/1.1\r\n{host}\r\n{bearer}\r\n\r\n");
    let smuggled = files.raw(port, one.repeat(2).as_bytes());
    assert_eq!(smuggled.matches("HTTP/1.1 ").count(), 1, "a connection serves one request: {smuggled}");
    let long = format!("GET / HTTP/1.1\r\n{host}\r\n{bearer}\r\nX: {}\r\n\r\n", "a".repeat(1 << 20));
    let long = files.raw(port, long.as_bytes());
    assert!(long.is_empty() || status(&long) == "431", "{long}");
    assert_eq!(status(&files.get(port, "/healthz")), "200");
}

#[test]
fn plain_http_and_slow_handshakes_hold_up_no_client() {
    let (served, files) = (Served::new(channel().0), Files::new());
    served.server.set_listen(&files.settings(free_port().port()));
    let port = port(&served);
    let mut plain = TcpStream::connect(("127.0.0.1", port)).unwrap();
    plain.set_read_timeout(Some(LIMIT)).unwrap();
    plain.write_all(format!("GET /metrics HTTP/1.0\r\nAuthorization: Bearer {TOKEN}\r\n\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1"), "{answer:?}");
    // Half of them begin a handshake and stop.
    let silent = |number: usize| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let begin: &[u8] = if number.is_multiple_of(2) { &[0x16, 3, 1, 0xff] } else { b"" };
        let _ = stream.write_all(begin);
        stream
    };
    let mut crowd: Vec<TcpStream> = (0..1000).map(silent).collect();
    let started = Instant::now();
    assert_eq!(status(&files.get(port, "/metrics")), "200");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    // The last ones found room: the limit of a handshake disconnects them.
    let mut last = crowd.pop().unwrap();
    last.set_read_timeout(Some(LIMIT)).unwrap();
    let _ = last.read_to_end(&mut answer);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn changed_files_take_effect_and_end_the_connections_of_before() {
    let (served, files) = (Served::new(channel().0), Files::new());
    let settings = files.settings(free_port().port());
    served.server.set_listen(&settings);
    let first = port(&served);
    let mut reader = files.connect(first);
    let request = format!("GET /api/v1/events HTTP/1.0\r\nHost: node.example\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    reader.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 12];
    reader.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.0 200");
    served.server.set_listen(&settings);
    assert_eq!(status(&files.get(first, "/healthz")), "200", "unchanged files end no server");

    files.write("token", "another token of the operator");
    served.server.set_listen(&settings);
    let told = wait(&served, |listen| listen.error.is_some());
    assert!(told.error.unwrap().ends_with("a token is one word of ASCII characters"));
    files.write("token", "another-token-of-the-operator");
    served.server.set_listen(&settings);
    let second = port(&served);
    // The reader with the old token is disconnected.
    let _ = reader.read_to_end(&mut Vec::new());
    assert_eq!(status(&files.get(second, "/healthz")), "401");
    files.write("token", TOKEN);
    files.certify();
    served.server.set_listen(&settings);
    let started = Instant::now();
    while status(&files.get(port(&served), "/healthz")) != "200" {
        assert!(started.elapsed() < LIMIT);
    }
    served.server.set_listen(&ListenSettings::OFF);
}

#[test]
fn end_of_the_certificate_is_told_and_its_renewal_taken() {
    let (served, files) = (Served::new(channel().0), Files::new());
    let settings = files.settings(free_port().port());
    served.server.set_listen(&settings);
    let listen = wait(&served, |listen| listen.address.is_some());
    assert!(listen.certificate_ends.is_some() && listen.certificate_problem.is_none(), "{listen:?}");
    files.certify_until(2020);
    served.server.set_listen(&settings);
    let listen = wait(&served, |listen| listen.certificate_problem.is_some() && listen.address.is_some());
    let problem = listen.certificate_problem.unwrap();
    assert!(problem.starts_with("the certificate ended ") && problem.ends_with(" days ago"), "{problem}");
    assert_eq!(listen.certificate_ends.map(|ends| ends.as_secs()), Some(1_577_836_800));
    let metrics = wnm_agent::metrics::render(&served.live, "1", wnm_agent::metrics::Format::Prometheus);
    let line = "\nwnm_listen_certificate_expiry_timestamp_seconds 1577836800";
    assert!(String::from_utf8(metrics).unwrap().contains(line));
    files.certify();
    served.server.set_listen(&settings);
    wait(&served, |listen| listen.certificate_problem.is_none() && listen.certificate_ends.is_some());
    served.server.set_listen(&ListenSettings::OFF);
    assert_eq!(served.live.status().certificate, None);
}

#[test]
fn files_that_cannot_be_used_refuse_the_server_and_tell_why() {
    let (served, files) = (Served::new(channel().0), Files::new());
    let settings = files.settings(free_port().port());
    let own = rustix::process::geteuid().as_raw();
    let mode = |name: &str, mode: u32| {
        std::fs::set_permissions(files.path(name), Permissions::from_mode(mode)).unwrap();
    };
    let other_key = KeyPair::generate().unwrap().serialize_pem();
    let faults: [(&str, &dyn Fn()); 12] = [
        ("missing token", &|| std::fs::remove_file(files.path("token")).unwrap()),
        ("empty token", &|| files.write("token", " \n")),
        ("short token", &|| files.write("token", "0123456789abcde\n")),
        ("token that others can read", &|| mode("token", 0o644)),
        ("token that is a folder", &|| {
            std::fs::remove_file(files.path("token")).unwrap();
            std::fs::create_dir(files.path("token")).unwrap();
        }),
        ("token that is a pipe", &|| {
            std::fs::remove_file(files.path("token")).unwrap();
            assert!(std::process::Command::new("mkfifo").arg(files.path("token")).status().unwrap().success());
        }),
        ("missing certificate", &|| std::fs::remove_file(files.path("cert")).unwrap()),
        ("damaged certificate", &|| files.write("cert", "x")),
        ("missing key", &|| std::fs::remove_file(files.path("key")).unwrap()),
        ("key that others can read", &|| mode("key", 0o640)),
        ("no key", &|| files.write("key", "x")),
        ("another key", &|| files.write("key", &other_key)),
    ];
    let mut told = Vec::new();
    for (name, fault) in faults {
        fault();
        served.server.set_listen(&settings);
        let listen = wait(&served, |listen| listen.address.is_none());
        let place = files.folder.path().display().to_string();
        let text = format!("{name}\n  {}\n  hint: {}", listen.error.unwrap(), listen.hint.unwrap());
        assert!(!text.contains(TOKEN) && !text.contains("BEGIN"), "{text}");
        told.push(text.replace(&place, "").replace(&format!("chown {own}"), "chown USER"));
        let _ = std::fs::remove_dir(files.path("token"));
        let _ = std::fs::remove_file(files.path("token"));
        files.write("token", TOKEN);
        files.certify();
        served.server.set_listen(&settings);
        port(&served);
    }
    insta::assert_snapshot!(told.join("\n"));
}
