//! `wnm record`: traces of the host and its nodes, also after a kill.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use rustix::process::{Pid, Signal, kill_process};
use wnm_core::trace::TraceLine;

use crate::host::{Host, states, turn};

/// Returns the parsed lines of a trace, without a last line that is incomplete.
#[track_caller]
fn lines(path: &Path) -> Vec<TraceLine> {
    let file = File::open(path).unwrap();
    let is_compressed = path.extension().unwrap() == "gz";
    let input: Box<dyn Read> = if is_compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut input = BufReader::new(input);
    let mut all = Vec::new();
    let mut line = String::new();
    // The decoder returns all data of an unfinished file, and then an error.
    while input.read_line(&mut line).is_ok_and(|length| length > 0) && line.ends_with('\n') {
        all.push(TraceLine::parse(&line).unwrap());
        line.clear();
    }
    all
}

fn samples(lines: &[TraceLine]) -> usize {
    lines.iter().filter(|line| matches!(line, TraceLine::Sample(_))).count()
}

/// Starts a recording, and waits until the file meets a condition.
fn recording(host: &Host, name: &str, more: &[&str], wanted: impl Fn(&Path) -> bool) -> Child {
    let out = host.path(name);
    let args = ["record", "--interval", "100ms", "--out", out.to_str().unwrap()];
    let mut command = host.command(&args);
    let child = {
        let _turn = turn();
        command.args(more).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let begun = Instant::now();
    while !out.exists() || !wanted(&out) {
        assert!(begun.elapsed() < Duration::from_secs(30), "expected more in {name}");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn end(mut child: Child, signal: Signal) -> Option<i32> {
    kill_process(Pid::from_child(&child), signal).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn host_is_recorded_with_its_nodes() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    host.wait_for("two nodes", |nodes| states(nodes) == ["RUNNING", "RUNNING"]);
    host.expect(0, "node add");
    let out = host.path("t.jsonl");
    let ran = host.wnm(&[
        "record",
        "--interval",
        "100ms",
        "--for",
        "150ms",
        "--annotate",
        "some nodes",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let lines = lines(&out);
    let TraceLine::Header(header) = &lines[0] else { panic!("{:?}", lines[0]) };
    assert_eq!(header.policy.get("node_cap").as_deref(), Some("6"));
    assert!(header.cpus > Some(0) && header.memory.is_some());
    assert!(matches!(&lines[1], TraceLine::Note { text, .. } if text == "some nodes"), "{:?}", lines[1]);
    let TraceLine::Sample(first) = &lines[2] else { panic!("{:?}", lines[2]) };
    let mut observation = wnm_core::Observation::default();
    first.apply(&mut observation, &mut wnm_core::EngineState::default()).unwrap();
    assert_eq!(observation.nodes.len(), 3);
    // The third node may not have been probed yet.
    assert!(observation.nodes.values().take(2).all(|node| node.memory.is_some()), "{observation:#?}");
    let again = host.wnm(&["record", "--for", "1ms", "--out", out.to_str().unwrap()]);
    assert_eq!(again.code(), 1, "{}", again.err);
    assert!(again.err.contains("choose a name that does not exist yet"), "{}", again.err);
}

#[test]
fn trace_is_readable_after_a_kill() {
    let host = Host::new();
    for name in ["sudden.jsonl", "sudden.jsonl.gz"] {
        let child = recording(&host, name, &[], |out| samples(&lines(out)) >= 3);
        assert_eq!(end(child, Signal::KILL), None);
        assert!(samples(&lines(&host.path(name))) >= 3, "{name}");
    }
}

#[test]
fn trace_is_complete_after_sigterm() {
    let host = Host::new();
    let child = recording(&host, "told.jsonl.gz", &[], |out| samples(&lines(out)) >= 1);
    assert_eq!(end(child, Signal::TERM), Some(0));
    let mut text = String::new();
    MultiGzDecoder::new(File::open(host.path("told.jsonl.gz")).unwrap()).read_to_string(&mut text).unwrap();
    assert!(text.ends_with('\n') && text.lines().count() >= 2);
}

#[test]
fn full_files_are_renamed() {
    let host = Host::new();
    // A file is full after one sample.
    let child = recording(&host, "r.jsonl", &["--rotate", "300B"], |out| out.with_file_name("r-5.jsonl").exists());
    assert_eq!(end(child, Signal::TERM), Some(0));
    let mut found: Vec<_> = fs::read_dir(host.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("r"))
        .collect();
    found.sort_unstable();
    assert_eq!(found, ["r-1.jsonl", "r-2.jsonl", "r-3.jsonl", "r-4.jsonl", "r-5.jsonl", "r.jsonl"]);
    for name in found {
        let lines = lines(&host.path(&name));
        assert!(matches!(lines[0], TraceLine::Header(_)), "{name}: {lines:?}");
        assert!(samples(&lines) == 1 || name == "r.jsonl", "{name}: {lines:?}");
    }
}

#[test]
fn changes_by_other_commands_are_recorded() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    host.wait_for("two nodes", |nodes| states(nodes) == ["RUNNING", "RUNNING"]);
    let is_running = |out: &Path, count: u32| {
        lines(out).iter().any(|line| matches!(line, TraceLine::Sample(sample) if sample.running_nodes == Some(count)))
    };
    let child = recording(&host, "seen.jsonl", &[], |out| is_running(out, 2));
    host.expect(0, "node stop 1");
    let begun = Instant::now();
    while !is_running(&host.path("seen.jsonl"), 1) {
        assert!(begun.elapsed() < Duration::from_secs(30), "expected one running node in the end");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(end(child, Signal::TERM), Some(0));
}
