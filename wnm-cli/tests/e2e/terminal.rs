//! Pages fit narrow terminals. Pipes and files get the full layout.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::host::{Host, turn};
use crate::takeover;

/// Returns the two ends of a terminal of this width: the one that shows, and the one of programs.
fn terminal(columns: u16) -> (OwnedFd, OwnedFd) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let terminal = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    tcsetwinsize(&terminal, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    (screen, terminal)
}

/// Runs a command on a terminal of this width, and returns its output.
fn on_terminal(host: &Host, columns: u16, line: &str) -> String {
    let mut command = host.command(&line.split_whitespace().collect::<Vec<_>>());
    // The width of the terminal counts, not COLUMNS, which a shell does not update after a resize.
    command.env("COLUMNS", "200").env("NO_COLOR", "1");
    let (screen, terminal) = terminal(columns);
    command.stdout(terminal).stderr(Stdio::null());
    output(command, screen)
}

/// Runs a command whose three streams are a terminal of this width, and returns all that it writes.
pub(crate) fn shown_on_terminal(mut command: Command, columns: u16) -> String {
    let (screen, terminal) = terminal(columns);
    let copy = || terminal.try_clone().unwrap();
    command.stdin(copy()).stdout(copy()).stderr(copy());
    drop(terminal);
    output(command, screen)
}

fn output(mut command: Command, screen: OwnedFd) -> String {
    let mut child = {
        let _turn = turn();
        command.spawn().unwrap()
    };
    // Closes the copy of the terminal in this process, so that the read ends with the child.
    drop(command);
    let mut shown = Vec::new();
    let mut screen = File::from(screen);
    let mut part = [0; 4096];
    // The end of a pseudo-terminal is an EIO.
    while let Ok(read @ 1..) = screen.read(&mut part) {
        shown.extend_from_slice(&part[..read]);
    }
    child.wait().unwrap();
    String::from_utf8(shown).unwrap().replace('\r', "")
}

#[test]
fn every_page_fits_sixty_columns() {
    every_page_fits(60);
}

#[test]
fn every_page_fits_eighty_columns() {
    every_page_fits(80);
}

#[test]
fn every_page_fits_two_hundred_columns() {
    every_page_fits(200);
}

fn every_page_fits(columns: u16) {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    host.expect(0, "run");
    for line in [
        "status",
        "node list",
        "node show",
        "node survey",
        "node stop 2",
        "explain",
        "history",
        "history --idle",
        "events",
        "events --help",
        "node list --help",
        "node list --columns name,peer-id,state,reason,manager",
        "doctor",
        "run",
        "run --dry-run",
        "config list",
        "config list --origin",
        "config set node_cap 7",
        "db check",
        "--help",
        "run --help",
        "init --help",
        "node stop --help",
        "config set --help",
        "service install --help",
        "report -h",
        "node add --dry-run",
        "node remove 2 --yes",
        "trash list",
        "trash restore 2",
        "trash restore --help",
    ] {
        let shown = on_terminal(&host, columns, line);
        assert!(!shown.is_empty(), "{line}");
        let wide: Vec<_> = shown.lines().filter(|line| line.chars().count() > usize::from(columns)).collect();
        assert!(wide.is_empty(), "wnm {line}: {wide:#?}");
    }
}

#[test]
fn pipe_gets_the_full_layout() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let header = |page: &str| page.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    let full = "NODE STATE SINCE REASON RESTARTS VERSION PEERS RECORDS MEMORY PORT AGE PEER ID";
    let mut command = host.command(&["node", "list"]);
    let output = {
        let _turn = turn();
        command.env("COLUMNS", "60").output().unwrap()
    };
    assert_eq!(header(std::str::from_utf8(&output.stdout).unwrap()), full);
    assert_eq!(header(&on_terminal(&host, 200, "node list")), full);
    assert_eq!(header(&on_terminal(&host, 60, "node list")), "NODE STATE SINCE REASON");
    // A value for programs is not wrapped, on a terminal either.
    let folder = format!("/mnt/{}", "a-rather-long-name/".repeat(5));
    host.expect(0, &format!("config set node_storage {folder}"));
    assert_eq!(on_terminal(&host, 60, "config get node_storage").trim_end(), folder);
}

/// A takeover asks for the preset where a person can answer, and only if no flag does.
#[test]
fn takeover_asks_for_the_preset_on_a_terminal() {
    for (flags, answer, question, preset) in [
        (&[][..], "n\n", true, "steady"),
        (&[], "\n", true, "classic"),
        (&[], "y\n", true, "classic"),
        (&["--preset", "steady"], "", false, "steady"),
        (&["--preset", "classic"], "", false, "classic"),
    ] {
        let host = Host::new();
        let path = takeover::small_colony(&host).display().to_string();
        let (code, shown) = answered(&host, &[&["init", "--from-wnm", &path], flags].concat(), answer);
        assert_eq!(code, Some(0), "{shown}");
        assert_eq!(shown.contains("Use the preset classic"), question, "{flags:?}: {shown}");
        assert_eq!(host.expect(0, "config get preset").out.trim(), preset, "{flags:?}, {answer:?}");
    }
}

/// Runs `wnm` on a terminal on which a person types an answer. Returns the exit code, and the text on the terminal.
pub(crate) fn answered(host: &Host, words: &[&str], answer: &str) -> (Option<i32>, String) {
    let (screen, terminal) = terminal(200);
    let other = terminal.try_clone().unwrap();
    let mut command = host.command(words);
    command.stdin(terminal).stderr(other).stdout(Stdio::null());
    let mut child = {
        let _turn = turn();
        command.spawn().unwrap()
    };
    drop(command);
    let mut screen = File::from(screen);
    screen.write_all(answer.as_bytes()).unwrap();
    let (mut shown, mut part) = (String::new(), [0; 4096]);
    while let Ok(read @ 1..) = screen.read(&mut part) {
        shown.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    (child.wait().unwrap().code(), shown)
}

/// Runs `wnm top` on a terminal until it shows a text, ends it, and returns the output after that text.
fn top(host: &Host, until: &str, end: impl FnOnce(&mut File, Pid)) -> (i32, String) {
    let (screen, terminal) = terminal(80);
    let other = terminal.try_clone().unwrap();
    let mut command = host.command(&["top", "--interval", "200ms"]);
    command.env("TERM", "xterm").stdin(terminal).stdout(other).stderr(Stdio::null());
    let mut child = {
        let _turn = turn();
        command.spawn().unwrap()
    };
    drop(command);
    let (mut screen, mut part, mut shown) = (File::from(screen), [0; 4096], String::new());
    while !shown.contains(until) {
        let read = screen.read(&mut part).unwrap_or_else(|error| panic!("{error}: {shown:?}"));
        shown.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    end(&mut screen, Pid::from_child(&child));
    let mut rest = String::new();
    while let Ok(read @ 1..) = screen.read(&mut part) {
        rest.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    (child.wait().unwrap().code().unwrap_or(-1), rest)
}

#[test]
fn top_gives_the_terminal_back() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    host.expect(0, "run");
    for end in [
        |screen: &mut File, _: Pid| screen.write_all(b"q").unwrap(),
        |screen: &mut File, _: Pid| screen.write_all(b"\x03").unwrap(),
        |_: &mut File, pid: Pid| kill_process(pid, Signal::TERM).unwrap(),
        |_: &mut File, pid: Pid| kill_process(pid, Signal::HUP).unwrap(),
    ] {
        let (code, rest) = top(&host, "antnode0001", end);
        assert_eq!(code, 0, "{rest:?}");
        assert!(rest.contains("\u{1b}[?25h") && rest.contains("\u{1b}[?1049l"), "{rest:?}");
    }
}

#[test]
fn top_acts_without_a_daemon() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let (_, rest) = top(&host, "antnode0001", |screen, _| {
        screen.write_all(b"Ty").unwrap();
        host.wait_for("a stopped node", |nodes| crate::host::states(nodes) == ["STOPPED"]);
        screen.write_all(b"q").unwrap();
    });
    assert!(rest.contains("Stop antnode0001?"), "{rest:?}");
}

#[test]
fn top_needs_a_terminal_and_a_colony() {
    let host = Host::with_colony();
    let ran = host.expect(1, "top");
    insta::assert_snapshot!(ran.err, @r"
    error: cannot fill the terminal: standard input is not a terminal
    hint: print the page again and again with `wnm status --watch`
    ");
    assert!(on_terminal(&host, 80, "top").is_empty(), "standard input decides first");
}
