//! Invalid input, exit codes, and the conventions of a command-line tool.

mod common;

use std::process::{Command, Stdio};

use common::{run, run_with};

const SAMPLE: &str = "{\"ts\": 1000.5, \"used_cpu_percent\": 10, \"running_nodes\": 3}\n";

/// Invalid traces with the position and the error of each.
#[test]
fn invalid_traces_are_refused_with_line_and_column() {
    let second = |line: &str| format!("{SAMPLE}{line}\n");
    for (text, said) in [
        (String::new(), "-:1:1: the file is empty"),
        ("\n \n".into(), "-:3:1: the trace holds no sample"),
        ("{\"wnm_trace\": 1}\n".into(), "-:2:1: the trace holds no sample"),
        ("{\"wnm_trace\": 2}\n".into(), "-:1:1: cannot read a trace of version 2: this program reads version 1"),
        ("{\"wnm_trace\": 1, \"policy\": {\"node_cup\": 3}}\n".into(), "did you mean node_cap?"),
        (second("{\"ts\": 1001.5, \"used_cpu_pe"), "-:2:27: not a line of a trace: EOF while parsing a string"),
        (second("{\"ts\": \"noon\"}"), "-:2:13: not a line of a trace: invalid type: string \"noon\", expected f64"),
        (
            second("{\"ts\": 1001.5, \"nodes\": 3}"),
            "-:2:25: not a line of a trace: invalid type: integer `3`, expected a sequence",
        ),
        (second("[1001.5]"), "-:2:1: not a line of a trace: neither a header with wnm_trace nor a line with ts"),
        (
            second("{\"used_cpu_percent\": 3}"),
            "-:2:1: not a line of a trace: neither a header with wnm_trace nor a line with ts",
        ),
        (second("{\"ts\": 1000.5}"), "-:2:1: ts 1000.5 repeats the ts of the sample before, 1000.5"),
        (second("{\"ts\": 999.25}"), "-:2:1: ts 999.25 is earlier than the sample before, 1000.5"),
        (second("{\"ts\": 1001.5, \"changed\": [{\"id\": 8}]}"), "-:2:1: unknown node 0008: not in the last full list"),
        (
            second("{\"ts\": 1001.5, \"nodes\": [{\"id\": 0}]}"),
            "-:2:34: not a line of a trace: invalid node name \"0\"",
        ),
    ] {
        for command in [&["replay", "-"][..], &["chart", "-", "--terminal"]] {
            let ran = run_with(command, text.as_bytes());
            assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{text}");
            let error = ran.err.lines().find(|line| line.starts_with("error: ")).unwrap();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
    let ran = run_with(&["replay", "-"], &[SAMPLE.as_bytes(), b"{\"ts\": 1001, \"note\": \"\xff\"}\n"].concat());
    assert!(ran.err.contains("-:2:23: the line is not UTF-8"), "{}", ran.err);
}

#[test]
fn lenient_skips_and_counts_invalid_lines() {
    let mut text = format!("oops\n{SAMPLE}");
    for second in 0..10 {
        text.push_str(&format!("{{\"ts\": {}, \"running_nodes\": 3}}\n{{\"ts\": 5}}\n", 1001 + second));
    }
    let ran = run_with(&["replay", "-", "--lenient"], text.as_bytes());
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("11 samples over 9.5s, 11 invalid lines skipped"), "{}", ran.out);
    assert_eq!(ran.err.matches("warning: skipped -:").count(), 5);
    assert!(ran.err.contains("-: 11 invalid lines skipped"), "{}", ran.err);
    // A trace without any valid line is still an error.
    assert_eq!(run_with(&["replay", "-", "--lenient"], b"oops\n").code, 1);
}

/// The line is longer than the memory that this process may have.
#[test]
fn line_without_end_is_refused_in_bounded_memory() {
    let script = format!("ulimit -v 262144; head -c 600000000 /dev/zero | tr '\\0' x | {} \"$@\"", common::BINARY);
    let ran = |arguments: &[&str]| {
        let output = Command::new("sh").args(["-c", &script, "sh"]).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, out, err) = ran(&["replay", "-"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("-:1:1: the line is longer than 16777216 bytes"), "{err}");
    let (code, out, err) = ran(&["decide"]);
    assert_eq!((code, err.as_str()), (Some(1), ""));
    assert_eq!(out, "{\"error\":\"the line is longer than 16777216 bytes\",\"line\":1}\n");
}

#[test]
fn truncated_compressed_file_is_an_error_unless_lenient() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.jsonl.gz");
    let whole = std::fs::read(common::data().join("ramp-1s.jsonl.gz")).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let path = path.to_str().unwrap();
    let ran = run(&["replay", path, "--cpus", "2"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("cannot read further"), "{}", ran.err);
    let ran = run(&["replay", path, "--cpus", "2", "--lenient"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("samples over") && ran.err.contains("warning: "), "{}{}", ran.out, ran.err);
    std::fs::write(path, "not compressed").unwrap();
    assert_eq!(run(&["replay", path]).code, 1);
}

#[test]
fn invalid_settings_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    std::fs::write(&file, "node_cap = 3\ncpu_remove = \"much\"\n").unwrap();
    let file = file.to_str().unwrap();
    for (arguments, said) in [
        (&["--set", "node_cup=3"][..], "--set node_cup=3: unknown setting \"node_cup\" (did you mean node_cap?)"),
        (&["--set", "node_cap"], "invalid --set node_cap: it is not KEY=VALUE"),
        (&["--set", "node_cap=many"], "invalid value \"many\" for node_cap: not a whole number"),
        (
            &["--against", "cpu_remove=400"],
            "--against cpu_remove=400: invalid value \"400\" for cpu_remove: not between 0 and 100 %",
        ),
        (&["--set", "cpu_remove=40"], "policy: cpu_less_than (50.0 %) must be below cpu_remove (40.0 %)"),
        (&["--policy", file], "p.toml:2: invalid TOML: "),
        (&["--policy", "nowhere.toml"], "cannot read nowhere.toml: no such file"),
    ] {
        let ran = run(&[&["replay", "ramp-1s.jsonl.gz", "--cpus", "2"], arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn unusable_files_are_named() {
    for (arguments, said) in [
        (&["replay", "nowhere.jsonl"][..], "cannot read nowhere.jsonl: no such file"),
        (&["replay", "."], "cannot read .: it is a directory"),
        (&["decide", "nowhere.jsonl"], "cannot read nowhere.jsonl: no such file"),
        (&["chart", "ramp-1s.jsonl.gz", "--cpus", "2", "-o", "no/x.svg"], "cannot write no/x.svg: no such file"),
        (&["replay", "ramp-1s.jsonl.gz", "--cpus", "2", "--run", "no/x"], "cannot write no/x: no such file"),
    ] {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn invalid_command_line_exits_with_2() {
    for arguments in [
        &["replay"][..],
        &["chart", "ramp-1s.jsonl.gz"],
        &["replay", "x", "--json", "--csv"],
        &["replay", "x", "--cpus", "0"],
        &["replay", "x", "--nodes", "65536"],
        &["paint"],
    ] {
        assert_eq!(run(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn every_command_has_help_with_examples() {
    for command in ["decide", "replay", "try", "chart", "run", "score", "tune", "compare", "calibrate"] {
        let ran = run(&[command, "--help"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert!(ran.out.contains("Examples:") && ran.out.contains(&format!("wnm-sim {command}")), "{}", ran.out);
    }
}

/// `wnm-sim … | head` must end as other programs in a pipe.
#[test]
fn closed_pipe_is_no_error() {
    for arguments in [&["replay", "ramp-1s.jsonl.gz", "--cpus", "2", "--csv"][..], &["decide", "many"]] {
        let folder = tempfile::tempdir().unwrap();
        let many = folder.path().join("many");
        std::fs::write(&many, "{\"config\": {}, \"metrics\": {}, \"nodes\": []}\n".repeat(5000)).unwrap();
        let arguments: Vec<_> =
            arguments.iter().map(|a| if *a == "many" { many.to_str().unwrap() } else { a }).collect();
        let mut child = Command::new(common::BINARY)
            .args(arguments)
            .current_dir(common::data())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
    }
}
