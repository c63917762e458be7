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

#[test]
fn chat_command_and_heartbeat_are_tested_too() {
    let host = Host::with_colony();
    let (good, requests) = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    let input = host.path("input");
    let path = receivers(
        &host,
        &format!(
            "heartbeat = '{good}/beat-secret'\n\
             [[receiver]]\nkind = 'telegram'\ntoken = '1:hush'\nchat = -7\nurl = '{good}'\n\
             [[receiver]]\nkind = 'command'\ncommand = ['/bin/sh', '-c', 'cat > \"$0\"', '{}']\n\
             [[receiver]]\nkind = 'command'\nname = 'broken'\ncommand = ['/bin/sh', '-c', 'exit 7']\n",
            input.display()
        ),
    );
    host.expect(0, &format!("config set alerts={path}"));
    let ran = host.expect(3, "alert test");
    for line in [
        &format!("telegram ({good}) accepted the message"),
        "command (/bin/sh) accepted the message",
        "broken (/bin/sh): /bin/sh exited with code 7",
        &format!("heartbeat ({good}) accepted the message"),
    ] {
        assert!(ran.out.contains(line), "{line}\n{}", ran.out);
    }
    assert!(!ran.out.contains("secret") && !ran.out.contains("hush"), "{}", ran.out);
    let mut lines: Vec<String> = (0..2).map(|_| requests.recv().unwrap()).collect();
    lines.sort();
    assert!(lines[0].starts_with("GET /beat-secret HTTP/1.1\r\n"), "{}", lines[0]);
    assert!(lines[1].starts_with("POST /bot1:hush/sendMessage HTTP/1.1\r\n"), "{}", lines[1]);
    assert!(lines[1].contains("\"chat_id\":\"-7\""), "{}", lines[1]);
    let document: serde_json::Value = serde_json::from_str(&fs::read_to_string(&input).unwrap()).unwrap();
    assert_eq!((&document["version"], &document["status"]), (&"4".into(), &"firing".into()));
    let list = host.expect(0, "alert list").out;
    assert!(list.contains("heartbeat") && !list.contains("secret") && !list.contains("hush"), "{list}");

    // A heartbeat alone is enough.
    receivers(&host, &format!("heartbeat = '{good}/x'\n"));
    host.expect(0, "alert test");
    receivers(&host, "");
    assert!(host.expect(1, "alert test").err.contains("contains no receiver"));
}
