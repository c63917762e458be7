//! Wrong command lines: each error names the wrong word, and has a hint that works when it is typed.

use crate::host::{Host, Ran};

/// Words of libraries and of the system, which name no fault of the line to an operator.
const RAW: [&str; 5] = ["(os error", "invalid digit", "ParseIntError", "panicked", "unexpected end of"];

/// Placeholders of hints with a word that an operator may type for them.
const PLACEHOLDERS: [(&str, &str); 5] =
    [("NODE", "3"), ("SETTING", "node_cap"), ("FILE", "x.db"), ("VALUE", "1"), ("0x…", "faucet")];

/// Wrong lines with the word or name that the error must contain.
const LINES: &[(&str, &str)] = &[
    ("statsu", "statsu"),
    ("frobnicate", "frobnicate"),
    ("nodes", "nodes"),
    ("list", "list"),
    ("start", "start"),
    ("stop 1", "stop"),
    ("remove 1", "remove"),
    ("logs 1", "logs"),
    ("ls", "ls"),
    ("version", "version"),
    ("hold 1h", "1h"),
    ("history 2h", "2h"),
    ("Status", "Status"),
    ("--statuss", "--statuss"),
    ("--jsn status", "--jsn"),
    ("--jason", "--jason"),
    ("-x", "-x"),
    ("status --chek", "--chek"),
    ("status --watch=0", "--watch"),
    ("status --watch=1ms", "1ms"),
    ("status --watch=soon", "soon"),
    ("status --watch --check", "--watch"),
    ("status 1", "1"),
    ("status extra", "extra"),
    ("--color purple status", "purple"),
    ("--color", "--color"),
    ("--log-format xml status", "xml"),
    ("--db", "--db"),
    ("--verbos status", "--verbos"),
    ("-j status", "-j"),
    ("node", "node"),
    ("node lst", "lst"),
    ("node frob", "frob"),
    ("node list 9", "antnode0009"),
    ("node list 0", "0"),
    ("node list x", "x"),
    ("node list 9-5", "9-5"),
    ("node list 1-", "1-"),
    ("node list -- -1", "-1"),
    ("node list 7-8", "7-8"),
    ("node list --state RUNING", "RUNING"),
    ("node list --state", "--state"),
    ("node list --sort size", "size"),
    ("node list --columns name,sise", "sise"),
    ("node list --columns", "--columns"),
    ("node list --limit 3", "--limit"),
    ("node list antnode", "antnode"),
    ("node list antnode9999999999", "antnode9999999999"),
    ("node list 99999999999", "99999999999"),
    ("node show 9", "antnode0009"),
    ("node show x9", "x9"),
    ("node show --all", "--all"),
    ("node show --state STOPPED", "--state"),
    ("node add 3", "3"),
    ("node add --count 0", "0"),
    ("node add --count -1", "-1"),
    ("node add --count many", "many"),
    ("node add --count 1.5", "1.5"),
    ("node add --count", "--count"),
    ("node add --count 99999999999", "99999999999"),
    ("node add --interval 2h", "2h"),
    ("node add --interval -3", "-3"),
    ("node add --interval 99999999999", "99999999999"),
    ("node add --cout 3", "--cout"),
    ("node remove", "remove"),
    ("node remove 9 --yes", "antnode0009"),
    ("node remove --all 1 --yes", "--all"),
    ("node remove --all --count 2", "--count"),
    ("node remove --count 0", "0"),
    ("node remove --state STOPED", "STOPED"),
    ("node remove --ye 1", "--ye"),
    ("node stop", "stop"),
    ("node stop 9", "antnode0009"),
    ("node stop 1-", "1-"),
    ("node stop 5-2", "5-2"),
    ("node stop 8-9", "8-9"),
    ("node stop one", "one"),
    ("node stop --all 1", "--all"),
    ("node stop --all --state RUNNING", "--state"),
    ("node stop 1 --count 2", "--count"),
    ("node stop --count zero", "zero"),
    ("node stop --interval fast 1", "fast"),
    ("node stop --dryrun 1", "--dryrun"),
    ("node start", "start"),
    ("node start 9", "antnode0009"),
    ("node start --al", "--al"),
    ("node restart", "restart"),
    ("node restart 9", "antnode0009"),
    ("node restart antnode", "antnode"),
    ("node upgrade", "upgrade"),
    ("node upgrade 77", "antnode0077"),
    ("node upgrade --count 0", "0"),
    ("node reset", "reset"),
    ("node reset 9 --yes", "antnode0009"),
    ("node enable", "enable"),
    ("node enable 9", "antnode0009"),
    ("node disable", "disable"),
    ("node disable 9", "antnode0009"),
    ("node disable 1,,x", "\"\""),
    ("node restore", "restore"),
    ("node restore 9", "9"),
    ("node restore x", "x"),
    ("node survey 1", "1"),
    ("node survey --interval soon", "soon"),
    ("node logs", "NODE"),
    ("node logs 9", "antnode0009"),
    ("node logs x", "x"),
    ("node logs 1 2", "2"),
    ("node logs 1 -n many", "many"),
    ("node logs 1 -n -5", "-5"),
    ("node logs 1 --lines", "--lines"),
    ("node logs 1 --source disk", "disk"),
    ("node logs 1 --tail 3", "--tail"),
    ("node logs 1-2", "1-2"),
    ("node updates 1", "updates"),
    ("trash", "trash"),
    ("trash lst", "lst"),
    ("trash restore", "restore"),
    ("trash restore 9", "9"),
    ("trash restore x", "x"),
    ("trash empty", "empty"),
    ("config", "config"),
    ("config lst", "lst"),
    ("config get", "get"),
    ("config get cpu_remov", "cpu_remov"),
    ("config get cpu", "cpu"),
    ("config get node-cap extra", "extra"),
    ("config set", "set"),
    ("config set node_cap", "node_cap"),
    ("config set node_cap=", "node_cap"),
    ("config set node_cap many", "many"),
    ("config set node_cap -1", "-1"),
    ("config set node_cap 0.5", "0.5"),
    ("config set node_cap 99999999999", "99999999999"),
    ("config set nodecap 5", "nodecap"),
    ("config set cpu_remove 101", "101"),
    ("config set cpu_remove 10", "10"),
    ("config set cpu_remove 70%%", "70%%"),
    ("config set mem_remove abc", "abc"),
    ("config set hd_less_than -3", "-3"),
    ("config set hd_remove 0", "0"),
    ("config set delay_start soon", "soon"),
    ("config set delay_start -5", "-5"),
    ("config set delay_start 5x", "5x"),
    ("config set crisis_bytes lots", "lots"),
    ("config set crisis_bytes 5XB", "5XB"),
    ("config set rewards_address 0x123", "0x123"),
    (
        "config set rewards_address 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
    ),
    ("config set rewards_address wallet", "wallet"),
    ("config set rewards_address faucet:x", "faucet:x"),
    ("config set rewards_address faucet:0", "faucet:0"),
    ("config set donate_address donate", "donate"),
    ("config set port_start 99", "99"),
    ("config set port_start 0", "0"),
    ("config set process_manager sysv", "sysv"),
    ("config set process_manager systemd", "systemd"),
    ("config set process_manager docker+root", "docker+root"),
    ("config set firewall iptables", "iptables"),
    ("config set flavor safenode", "safenode"),
    ("config set preset fast", "fast"),
    ("config set no_upnp maybe", "maybe"),
    ("config set enable_upgrade sometimes", "sometimes"),
    ("config set environment NOVALUE", "NOVALUE"),
    ("config set environment =x", "=x"),
    ("config set node_storage relative/folder", "relative/folder"),
    ("config set max_concurrent_starts 0", "0"),
    ("config set max_concurrent_starts -1", "-1"),
    ("config set desired_load_average 20000", "20000"),
    ("config set max_load_average_allowed 0", "0"),
    ("config set netio_read_less_than 1000", "netio_read_less_than"),
    ("config set hdio_write_remove fast", "fast"),
    ("config set steady_soft 60", "steady_soft"),
    ("config set cpu_limit -1", "-1"),
    ("config set cpu_limit lots", "lots"),
    ("config set cpu_weight 0", "0"),
    ("config set action_delay -1", "-1"),
    ("config set survey_delay 1h30", "1h30"),
    ("config set node_cap 5 cpu_remove 300", "300"),
    ("config set node_cap 5 cpu_remove", "node_cap"),
    ("config set node_cap=5 delay_start 20", "delay_start"),
    ("config set node_cap 5 GB 3", "GB"),
    ("config set host 999.1.1.1", "999.1.1.1"),
    ("config set host http://127.0.0.1", "http://127.0.0.1"),
    ("config set antnode_path bin/antnode", "bin/antnode"),
    ("config set antnode_path /opt/../antnode", "/opt/../antnode"),
    ("config set antctl_path bin/antctl", "bin/antctl"),
    ("config set probe_client ./ant", "./ant"),
    ("config set network mainnet", "mainnet"),
    ("config set network evm-arbitrum-two", "evm-arbitrum-two"),
    ("config set 5 node_cap", "5"),
    ("config unset", "unset"),
    ("config unset nodecap", "nodecap"),
    ("config unset rewards_address", "rewards_address"),
    ("config describe nodecap", "nodecap"),
    ("config describe cpu", "cpu"),
    ("config path extra", "extra"),
    ("history --since yesterday", "yesterday"),
    ("history --since", "--since"),
    ("history --since 2026-13-01", "2026-13-01"),
    ("history --until 25:00", "25:00"),
    ("history --since 1h --until 2h", "--until"),
    ("history --node 99", "antnode0099"),
    ("history --node x", "x"),
    ("history --limit 0", "0"),
    ("history --limit all", "all"),
    ("history --idle --node 1", "--node"),
    ("history 5", "5"),
    ("events --since tomorrow", "tomorrow"),
    ("events --node 99", "antnode0099"),
    ("events -n x", "x"),
    ("events -f --until 2026-01-01", "--until"),
    ("events --folow", "--folow"),
    ("explain 0", "0"),
    ("explain -1", "-1"),
    ("explain 99999", "99999"),
    ("explain last", "last"),
    ("explain 1 2", "2"),
    ("report", "report"),
    ("report node-statu", "node-statu"),
    ("report nodestatus", "nodestatus"),
    ("report node-status 9", "antnode0009"),
    ("report node-status --format xml", "xml"),
    ("report node-status --format env", "env"),
    ("report machine-metrics --format influx", "influx"),
    ("report influx-resources --format json", "json"),
    ("report influx-resources --push ftp://x", "ftp://x"),
    ("report influx-resources --push 127.0.0.1", "127.0.0.1"),
    ("report node-status --push http://127.0.0.1:1", "node-status"),
    ("doctor --fixx", "--fixx"),
    ("doctor all", "all"),
    ("record", "record"),
    ("record --out", "--out"),
    ("record --out t.jsonl --interval 1ms", "1ms"),
    ("record --out t.jsonl --for ever", "ever"),
    ("db", "db"),
    ("db chek", "chek"),
    ("db backup", "backup"),
    ("db restore", "restore"),
    ("db restore /etc/passwd", "/etc/passwd"),
    ("db restore /missing/b.db", "/missing/b.db"),
    ("db backup /missing/b.db", "/missing/b.db"),
    ("db backup /etc/passwd/b.db", "/etc/passwd/b.db"),
    ("record --out /missing/t.jsonl", "/missing/t.jsonl"),
    ("--run", "--run"),
    ("status --db", "--db"),
    ("service", "service"),
    ("service instal", "instal"),
    ("service start", "start"),
    ("service install --interval 0s", "0s"),
    ("service uninstall extra", "extra"),
    ("util", "util"),
    ("util completions", "completions"),
    ("util completions tcsh", "tcsh"),
    ("util man --out", "--out"),
    ("init", "wnm.db"),
    ("init --rewards-address faucet", "wnm.db"),
    ("init --import --from-anm", "--from-anm"),
    ("teardown --purge --dry-run", "--dry-run"),
    ("teardown now", "now"),
    ("daemon --interval 0", "0"),
    ("daemon --interval 10ms", "10ms"),
    ("daemon --interval fast", "fast"),
    ("daemon --foreground", "--foreground"),
    ("run now", "now"),
    ("run --dryrun", "--dryrun"),
    ("run --node-cap many", "many"),
    ("run --cpu-remove 300", "300"),
    ("run --process-manager sysv", "sysv"),
    ("demo 1", "1"),
    ("demo --kep", "--kep"),
    ("help frob", "frob"),
    ("help node frob", "frob"),
    ("--force_action teleport", "teleport"),
    ("--force_action", "--force_action"),
    ("--force_action remove --service_name antnode9", "antnode0009"),
    ("--force_action stop --service_name x", "x"),
    ("--force_action add --count none", "none"),
    ("--report node", "node"),
    ("--report node-status --report_format yaml", "yaml"),
    ("--node_capp 3", "--node_capp"),
    ("--cpu_less_than many", "many"),
    ("--init", "wnm.db"),
    ("--loglevel LOUD", "LOUD"),
    ("record --out t.jsonl --rotate big", "big"),
    ("-n", "-n"),
];

/// Lines with a value that begins with a hyphen, the begin of their errors, and the words that their hints tell to write;
/// None where the hints name no form.
const HYPHENS: &[(&str, &str, Option<&str>)] = &[
    ("history --since -1d", "invalid value \"-1d\" for --since: not a time ago", Some("--since 1d")),
    ("history --since=-1d", "invalid value \"-1d\" for --since: not a time ago", Some("--since 1d")),
    ("events --until -2h", "invalid value \"-2h\" for --until", Some("--until 2h")),
    ("probe history --since -1h", "invalid value \"-1h\" for --since", Some("--since 1h")),
    ("hold --reason x --until -1h", "invalid value \"-1h\" for --until", Some("--until 1h")),
    ("hold -1h", "unexpected argument \"-1h\"", Some("--until 1h")),
    ("events -n -3", "invalid value \"-3\" for --lines", Some("--lines 3")),
    ("node add --count -2", "invalid value \"-2\" for --count", Some("--count 2")),
    ("node add --count -x", "invalid value \"-x\" for --count", None),
    ("node add --interval -5ms", "invalid value \"-5ms\" for --interval", Some("--interval 5ms")),
    ("node list --sort -age", "invalid value \"-age\" for --sort", None),
    ("node stop -3", "invalid node name \"-3\"", Some("3")),
    ("status --watch -1s", "invalid value \"-1s\" for --watch", Some("--watch 1s")),
    ("record --out t.jsonl --for -1h", "invalid value \"-1h\" for --for", Some("--for 1h")),
    ("record --out -x --for 1s", "--out needs a value, and \"-x\" is read as a flag", Some("--out=-x")),
    ("--db -x status", "--db needs a value", Some("--db=-x")),
    ("--color -x status", "invalid value \"-x\" for --color", None),
    ("run --delay-start -5m", "invalid value \"-5m\" for delay_start", None),
    ("config set delay_start -5m", "invalid value \"-5m\" for delay_start", None),
    ("config set start_args --first", "start_args needs a value", Some("start_args=--first")),
    ("status -x", "unknown flag -x", None),
];

/// Returns the commands that a hint quotes, as words without `wnm`.
fn quoted(hint: &str) -> Vec<Vec<String>> {
    let typed = |line: &str| PLACEHOLDERS.iter().fold(line.to_owned(), |line, (name, word)| line.replace(name, word));
    let commands = hint.split('`').skip(1).step_by(2).filter(|command| command.starts_with("wnm "));
    commands.map(|command| shell_words::split(&typed(command)).unwrap().split_off(1)).collect()
}

/// Asserts that the command line accepts a command, without running it: `--help` is read after all words before it.
#[track_caller]
fn assert_accepted(host: &Host, line: &str, command: &[String]) -> Ran {
    let mut words = command.to_vec();
    if !words.iter().any(|word| word == "--help") {
        words.push("--help".to_owned());
    }
    let ran = host.wnm(&words);
    assert_eq!(ran.code(), 0, "the hint for `wnm {line}` names `wnm {}`: {}", command.join(" "), ran.err);
    ran
}

#[test]
fn wrong_lines_name_the_word_and_have_a_hint_that_works() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let settings = host.expect(0, "config list").out;
    for (line, named) in LINES {
        let ran = host.wnm(&line.split_whitespace().collect::<Vec<_>>());
        assert!([1, 2].contains(&ran.code()), "wnm {line}: code {}\n{}{}", ran.code(), ran.out, ran.err);
        assert_eq!(ran.out, "", "wnm {line}");
        let error = ran.err.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or_default();
        assert!(error.contains(named), "wnm {line} does not name {named}: {}", ran.err);
        assert!(!RAW.iter().any(|words| error.contains(words)), "wnm {line}: {error}");
        let hint = ran.err.lines().find_map(|line| line.strip_prefix("hint: "));
        let hint = hint.unwrap_or_else(|| panic!("wnm {line} has no hint: {}", ran.err));
        let pages: String = quoted(hint).iter().map(|command| assert_accepted(&host, line, command).out).collect();
        // `use --count` must be a flag of the command whose help the hint names.
        if let Some(flag) = hint.strip_prefix("use --").and_then(|rest| rest.split([';', '=', ' ']).next()) {
            assert!(pages.contains(&format!("--{flag}")), "wnm {line}: {hint}");
        }
    }
    assert_eq!(host.expect(0, "config list").out, settings);
    assert_eq!(host.nodes().len(), 1);
}

#[test]
fn values_with_a_hyphen_are_named_with_a_form_that_works() {
    let host = Host::with_colony();
    for (line, named, form) in HYPHENS {
        let ran = host.wnm(&line.split(' ').collect::<Vec<_>>());
        assert!(ran.err.starts_with(&format!("error: {named}")), "wnm {line}: {}", ran.err);
        match form {
            Some(form) => assert!(ran.err.contains(&format!("write {form};")), "wnm {line}: {}", ran.err),
            None => assert!(!ran.err.contains("write "), "wnm {line}: {}", ran.err),
        }
    }
    for (line, code) in [("history --since 1d", 0), ("hold --reason -5 --until 1h", 0), ("resume", 0)] {
        host.expect(code, line);
    }
}

/// Lines with a time or a size that is none, or that no clock can add.
#[test]
fn times_and_sizes_out_of_range_are_named() {
    let host = Host::with_colony();
    let trace = host.path("t.jsonl");
    for line in [
        "record --out t.jsonl --for 0s",
        "record --out t.jsonl --for 1s --rotate 0",
        "record --out t.jsonl --for 1s --interval 18446744073709551615",
        // These two end also where their values are allowed: without the folder, and without a terminal.
        "record --out /missing/t.jsonl --for 18446744073709551615",
        "top --interval 2d",
        "status --watch 2d",
        "daemon --interval 2d",
        "hold --reason x --until 18446744073709551615s",
        "fleet invite a --valid 0s",
        "fleet rollout start 0.4.18 --program x --healthy-deadline 0",
        "fleet rollout start 0.4.18 --program x --progress-deadline 0",
    ] {
        let ran = host.expect(2, &line.replace(" t.jsonl", &format!(" {}", trace.display())));
        let value = line.rsplit(' ').next().unwrap();
        assert!(ran.err.starts_with(&format!("error: invalid value \"{value}\" for --")), "wnm {line}: {}", ran.err);
    }
    assert!(!trace.exists());
}

#[test]
fn wrong_lines_are_many_and_differ() {
    let lines: std::collections::BTreeSet<_> = LINES.iter().map(|(line, _)| line).collect();
    assert_eq!(lines.len(), LINES.len());
    assert!(lines.len() >= 200, "{}", lines.len());
}
