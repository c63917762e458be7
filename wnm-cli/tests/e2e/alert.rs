//! Alerts by the command line. The tests of the agent step the time of a daemon's alerts.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc::{Receiver, channel};

use crate::host::Host;

/// Writes a file of receivers, and returns its path.
pub(crate) fn receivers(host: &Host, text: &str) -> String {
    let path = host.path("alerts.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Starts a server that gives an answer to each request; returns its address, and the requests with their bodies.
fn server(answer: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(&stream);
            let (mut request, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                    break;
                }
                if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
                    length = number.trim().parse().unwrap();
                }
                request.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            request.push_str(&String::from_utf8(body).unwrap());
            _ = stream.write_all(answer.as_bytes());
            _ = sender.send(request);
        }
    });
    (url, requests)
}

#[test]
fn test_message_reaches_each_receiver_and_names_those_that_refuse() {
    let host = Host::with_colony();
    let off = host.expect(1, "alert test");
    assert!(off.err.contains("the setting alerts is not set"), "{}", off.err);
    let (good, requests) = server("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
    let (bad, _refused) =
        server("HTTP/1.1 401 Unauthorized\r\ncontent-length: 11\r\nconnection: close\r\n\r\nno entrance");
    let path = receivers(
        &host,
        &format!(
            "[[receiver]]\nkind = 'ntfy'\nurl = '{good}/topic'\ntoken = 'hush'\n\
             [[receiver]]\nkind = 'discord'\nurl = '{bad}/secret'\n"
        ),
    );
    host.expect(0, &format!("config set alerts={path}"));
    let ran = host.expect(3, "alert test");
    assert!(ran.out.contains(&format!("ntfy ({good}) accepted the message")), "{}", ran.out);
    assert!(ran.out.contains("the server answered 401: no entrance"), "{}", ran.out);
    assert!(!ran.out.contains("secret") && !ran.out.contains("hush"), "{}", ran.out);
    let request = requests.recv().unwrap();
    assert!(request.starts_with("POST /topic HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains("authorization: bearer hush\r\n"), "{request}");
    assert!(request.ends_with("no action is needed"), "{request}");

    let list = host.expect(0, "alert list");
    assert!(list.out.starts_with("no alerts\n") && list.out.contains("not used by a daemon yet"), "{}", list.out);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let open = host.expect(1, "alert list");
    assert!(open.err.contains("other users can read it") && open.err.contains("chmod 600"), "{}", open.err);
    let doctor = host.wnm(&["doctor"]);
    assert!(doctor.out.contains("alerts are not told"), "{}", doctor.out);
}
