//! Wrong command lines of every command, each with its error and its hint, as one page.

mod common;

use std::fmt::Write as _;

use common::run;

const LINES: &[&str] = &[
    "paint",
    "tri trace.jsonl",
    "--policy classic",
    "decide --parity --fast",
    "decide a.jsonl b.jsonl",
    "replay",
    "replay x --json --csv",
    "replay x --cpus 0",
    "replay x --cpus two",
    "replay x --nodes 65536",
    "replay x --set",
    "replay ramp-1s.jsonl.gz --cpus 2 --set cpu_remove",
    "replay ramp-1s.jsonl.gz --cpus 2 --set cpu_remov=80",
    "try",
    "try x",
    "try x --set",
    "try x --set cpu_remove=80 --seeds 1",
    "try x --set cpu_remove=80 --days 0",
    "try x --set cpu_remove=80 --days soon",
    "try x --set cpu_remove=80 --cycle 7s",
    "try x --set cpu_remove=80 -o chart.png",
    "try x --set cpu_remove=80 --json --json",
    "try ramp-1s.jsonl.gz --set cpu_remove=80",
    "explore --seeds 0",
    "explore --nodes 5001",
    "explore --faults crashs",
    "explore --scenario x --seed 3",
    "run",
    "run stroms-16",
    "run storms-17",
    "run storms-2 --policy stedy",
    "run storms-2 --policy fixed:many",
    "run storms-2 --days 3661",
    "run storms-2 --cycle 2d",
    "run storms-2 --jobs 0",
    "run storms-2 --seed -1",
    "run storms-2 --days -7d",
    "run storms-2 --jobs -x",
    "run storms-2 --policy -x",
    "chart x -o -x.svg",
    "run storms-2 --polici classic",
    "score",
    "score ramp-1s.jsonl.gz",
    "tune --budget -1",
    "tune --bound",
    "tune --bound cpu_remove",
    "compare --seeds none",
    "compare nowhere",
    "chart x",
    "chart x -o x.pdf",
    "chart x --output",
    "calibrate",
    "calibrate ramp-1s.jsonl.gz",
    "calibrate x --cpu 2",
    "util",
    "util man --to x",
    "util completions cmd",
    "util completions",
];

#[test]
fn errors_name_the_fault_and_help() {
    let mut page = String::new();
    for line in LINES {
        let ran = run(&line.split(' ').collect::<Vec<_>>());
        assert!([1, 2].contains(&ran.code) && ran.out.is_empty(), "{line}: {}\n{}", ran.code, ran.out);
        // Without a word more, clap prints the help.
        let text = if *line == "util" { "its help\n" } else { ran.err.as_str() };
        write!(page, "$ wnm-sim {line}\n{text}\n").unwrap();
        let Some((_, see)) = ran.err.rsplit_once("see `wnm-sim ") else {
            assert!(ran.code == 1 || *line == "util", "{line}: an error of the command line names its help");
            continue;
        };
        let help = see.trim_end().trim_end_matches('`');
        assert_eq!(run(&help.split(' ').collect::<Vec<_>>()).code, 0, "{line}: {help}");
    }
    insta::assert_snapshot!(page);
}
