//! Probes: a fake client of both networks in real processes, in the foreground and in the daemon.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::daemon::{spawn, wait_for_exit};
use crate::host::Host;
use crate::metrics::get;

/// The private key of the wallet. No output may contain it.
const KEY: &str = "5ec5e75ec5e75ec5e75ec5e75ec5e75ec5e75ec5e75ec5e75ec5e75ec5e75e5e";

/// Returns a host with a colony, a fake client, and a task file.
fn host_with(tasks: &str) -> Host {
    let host = Host::with_colony();
    let file = prepare(&host);
    std::fs::write(&file, tasks).unwrap();
    host.expect(0, &format!("config set probe_tasks={}", file.display()));
    host
}

/// Gives a host with a colony a fake client; returns a file with a task, which is not yet set.
pub(crate) fn prepare(host: &Host) -> PathBuf {
    let client = host.path("bin/ant");
    std::fs::create_dir_all(client.parent().unwrap()).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_wnm"), &client).unwrap();
    host.expect(0, &format!("config set probe_client={}", client.display()));
    play(host, "");
    let file = host.path("probe.toml");
    std::fs::write(&file, task("ask", "quote")).unwrap();
    file
}

/// Sets the behaviour of the fake client.
fn play(host: &Host, behaviour: &str) {
    let behaviour = format!("network={} {behaviour}", host.path("network").display());
    std::fs::write(host.path("bin/ant.play"), behaviour).unwrap();
}

fn allow_uploads(host: &Host) {
    let key = host.path("key");
    std::fs::write(&key, KEY).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    host.expect(0, &format!("config set probe_upload=true probe_key={} probe_spend=0.000000000000003", key.display()));
}

fn task(name: &str, kind: &str) -> String {
    format!("[[task]]\nname = \"{name}\"\nkind = \"{kind}\"\nsize = \"tiny\"\ntimeout = 5\n")
}

#[test]
fn both_clients_upload_quote_and_download() {
    for dialect in ["autonomi", "ant"] {
        let host = host_with(
            &[task("up", "upload"), task("ask", "quote"), "[[seed]]\nsize = \"tiny\"\nseed = 7\n".to_owned()].concat(),
        );
        play(&host, &format!("dialect={dialect}"));
        allow_uploads(&host);
        let runs = host.expect(0, "--json probe run").json();
        let [up, ask] = ["up", "ask"].map(|task| {
            runs.as_array().unwrap().iter().find(|run| run["task"] == *task).unwrap_or_else(|| panic!("{runs}"))
        });
        assert_eq!((&up["outcome"], &ask["outcome"]), (&json!("ok"), &json!("ok")), "{runs}");
        assert_eq!(ask["cost_ant"], json!("0.000000000000001042"));
        let address = up["address"].as_str().unwrap().to_owned();
        // The address of the fake network begins with the digest of the content.
        let file = format!(
            "[[file]]\nsize = \"tiny\"\nname = \"mine\"\naddress = \"{address}\"\nmd5 = \"{}\"\n",
            &address[..32]
        );
        std::fs::write(host.path("probe.toml"), format!("{}{file}", task("down", "download"))).unwrap();
        let down = host.expect(0, "--json probe run down").json();
        assert_eq!((&down[0]["content"], &down[0]["bytes"]), (&json!("valid"), &json!(1_000_000)), "{down}");

        for (behaviour, outcome) in [
            ("fail=garbage", "data_loss"),
            ("fail=loss", "data_loss"),
            ("fail=network", "network_error"),
            ("fail=wallet", "client_error"),
            ("fail=crash", "unknown"),
        ] {
            play(&host, &format!("dialect={dialect} {behaviour}"));
            let failed = host.expect(3, "--json probe run down").data();
            assert_eq!(failed[0]["outcome"], json!(outcome), "{dialect} {behaviour}: {failed}");
        }
        let history = host.expect(0, "--json probe history").json();
        assert_eq!(history.as_array().unwrap().len(), 8);
        let lost = host.expect(0, "--json probe history --outcome data_loss --kind download --task down").json();
        assert_eq!(lost.as_array().unwrap().len(), 2);
        let lines = host.expect(0, "probe history --lines").out;
        let parsed: Vec<_> = influxdb_line_protocol::parse_lines(&lines).collect();
        assert!(parsed.len() == 8 + 3 && parsed.iter().all(Result::is_ok), "{lines}");
        assert!(!lines.contains(KEY) && !history.to_string().contains(KEY));
    }
}

#[test]
fn spending_ends_at_the_limit_of_the_day() {
    let host = host_with(&task("up", "upload"));
    let refused = host.expect(0, "--json probe run");
    assert_eq!(refused.json(), json!([]));
    assert!(refused.err.contains("uploads are off"), "{}", refused.err);
    allow_uploads(&host);
    // Three times the price are more than the limit of the day.
    for code in [0, 0, 3] {
        host.expect(code, "probe run up");
    }
    let status = host.expect(0, "--json probe status").json();
    assert_eq!(status["spent_today_ant"], json!("0.000000000000002084"));
    std::fs::set_permissions(host.path("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = host.expect(3, "--json probe run up").data();
    assert!(open[0]["cause"].as_str().unwrap().contains("other users can read it"), "{open}");
}

#[test]
fn runs_by_request_pass_a_hold_and_a_closed_window_and_say_so() {
    let host = host_with(&task("ask", "quote"));
    assert_eq!(host.wnm(&["config", "set", "probe_window=hourly :00-:60"]).code(), 0);
    assert_eq!(host.expect(0, "probe run").out.matches("passes").count(), 0);
    host.expect(0, "hold --reason disks");
    let held = host.expect(0, "probe run");
    assert!(format!("{}{}", held.out, held.err).contains("a hold is in effect: disks"), "{}{}", held.out, held.err);
    host.expect(0, "resume");
    assert_eq!(host.wnm(&["config", "set", "probe_window=deny hourly :00-:60, hourly :00-:60"]).code(), 1);
    let minute = std::process::Command::new("date").args(["-u", "+%M"]).output().unwrap().stdout;
    let minute: u32 = String::from_utf8(minute).unwrap().trim().parse().unwrap();
    // Half an hour away, also when a minute passes meanwhile.
    let from = (minute + 30) % 60;
    let window = format!("probe_window=hourly :{from:02}-:{:02}", (from + 10) % 60);
    assert_eq!(host.wnm(&["config", "set", &window]).code(), 0);
    let outside = host.expect(0, "probe run");
    let said = format!("{}{}", outside.out, outside.err);
    assert!(said.contains("the time is outside probe_window; this request passes"), "{said}");
}

#[test]
fn runs_of_commands_are_in_the_metrics_of_the_daemon() {
    let host = host_with(&task("ask", "quote"));
    let address = format!("127.0.0.1:{}", host.spare_port(1));
    host.expect(0, &format!("config set listen={address}"));
    play(&host, "fail=crash");
    host.expect(3, "probe run");
    play(&host, "");
    let _daemon = spawn(&host);
    let started = Instant::now();
    while std::net::TcpStream::connect(&address).is_err() {
        assert!(started.elapsed() < Duration::from_secs(40), "the daemon does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    let wait_for_total = |outcome: &str| {
        let started = Instant::now();
        loop {
            let metrics = get(&address, "/metrics");
            let of_quotes = "wnm_probe_runs_total{type=\"quote\",size=\"tiny\",outcome=";
            let totals = metrics.lines().filter_map(|line| line.strip_prefix(of_quotes));
            let totals: Vec<String> = totals.map(|total| total.replace('"', "")).collect();
            if totals.iter().any(|total| total.starts_with(outcome)) {
                return totals;
            }
            assert!(started.elapsed() < Duration::from_secs(40), "{metrics}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    host.expect(0, "probe run");
    wait_for_total("ok");
    play(&host, "fail=network");
    host.expect(3, "probe run");
    let mut totals = wait_for_total("network_error");
    totals.sort();
    // Each run counts once, and that before the daemon not at all.
    assert_eq!(totals, ["network_error} 1", "ok} 1"]);
}

/// The spending is one for the daemon and for commands beside it, and outlives a command that was killed.
#[test]
fn commands_beside_a_daemon_share_its_spending_and_leave_no_client() {
    let host = host_with(&task("up", "upload").replace("timeout = 5", "timeout = 60\nevery = 60"));
    allow_uploads(&host);
    // The limit is that of two uploads.
    host.expect(0, "probe run up");
    play(&host, "fail=hang-upload");
    let mut command = host.command(&["probe", "run", "up"]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut killed = command.spawn().unwrap();
    let started = Instant::now();
    let is_reserved = || std::fs::read_to_string(host.path("probe/spending")).unwrap().contains(" 2084");
    while !is_reserved() || clients(&host).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(40), "no client started");
        std::thread::sleep(Duration::from_millis(50));
    }
    let refused = json!("the price of 0.000000000000001042 exceeds the rest of the day");
    // The database does not have the upload that runs.
    assert_eq!(host.expect(3, "--json probe run up").data()[0]["cause"], refused);
    kill_process(Pid::from_child(&killed), Signal::KILL).unwrap();
    killed.wait().unwrap();
    assert_eq!(clients(&host).len(), 1);
    // A folder that has just been made may have no owner yet.
    std::thread::sleep(Duration::from_secs(11));
    assert_eq!(host.expect(3, "--json probe run up").data()[0]["cause"], refused);
    assert_eq!(clients(&host), Vec::<PathBuf>::new());
    let runs = wait_for(&host, "run that was cut", |runs| runs.len() == 4);
    assert!(runs.iter().any(|run| run["cause"] == "wnm was killed during the run"), "{runs:?}");
    assert_eq!(std::fs::read_dir(host.path("probe")).unwrap().count(), 1, "only the spending is left");
    assert_eq!(host.wnm(&["config", "set", "probe=true", "probe_window=hourly :00-:60"]).code(), 0);
    let _daemon = spawn(&host);
    let runs = wait_for(&host, "upload of the daemon", |runs| runs.len() == 5);
    assert_eq!(runs[0]["cause"], refused, "{runs:?}");
}

fn wait_for(host: &Host, goal: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let started = Instant::now();
    loop {
        let runs = host.expect(0, "--json probe history").json();
        let runs = runs.as_array().unwrap().clone();
        if wanted(&runs) {
            return runs;
        }
        assert!(started.elapsed() < Duration::from_secs(40), "no {goal}: {runs:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Returns the processes of the fake client of a host.
fn clients(host: &Host) -> Vec<PathBuf> {
    let program = host.path("bin/ant").canonicalize().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes.filter(|process| std::fs::read_link(process.join("exe")).is_ok_and(|exe| exe == program)).collect()
}

#[test]
fn daemon_runs_tasks_and_ends_their_clients_with_itself() {
    let host = host_with(&task("ask", "quote"));
    assert_eq!(host.wnm(&["config", "set", "probe=true", "probe_window=hourly :00-:60"]).code(), 0);
    let mut daemon = spawn(&host);
    wait_for(&host, "quote", |runs| runs.len() == 1 && runs[0]["outcome"] == "ok");
    // A changed plan is read within a minute; a restart reads it at once.
    kill_process(Pid::from_child(&daemon.0), Signal::TERM).unwrap();
    assert_eq!(wait_for_exit(&mut daemon), Some(0));
    play(&host, "fail=hang");
    let long = task("ask", "quote").replace("timeout = 5", "timeout = 600");
    std::fs::write(host.path("probe.toml"), long).unwrap();
    let mut daemon = spawn(&host);
    let started = Instant::now();
    while clients(&host).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(40), "no client started");
        std::thread::sleep(Duration::from_millis(50));
    }
    kill_process(Pid::from_child(&daemon.0), Signal::TERM).unwrap();
    assert_eq!(wait_for_exit(&mut daemon), Some(0));
    assert_eq!(clients(&host), Vec::<PathBuf>::new());
    let runs = wait_for(&host, "stopped run", |runs| runs.len() == 2);
    assert_eq!(runs[0]["outcome"], json!("stopped"));
    // A hold ends the runs of a daemon that runs on, also while no cycle completes.
    let _daemon = spawn(&host);
    let started = Instant::now();
    while clients(&host).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(40), "no client started");
        std::thread::sleep(Duration::from_millis(50));
    }
    let lock = wnm_store::Lock::acquire(&host.path("wnm.db"), Duration::from_secs(30)).unwrap();
    host.expect(0, "hold --reason disks");
    let held = Instant::now();
    while !clients(&host).is_empty() {
        assert!(held.elapsed() < Duration::from_secs(40), "the client goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(lock);
    let runs = wait_for(&host, "held run", |runs| runs.len() == 3);
    assert_eq!(runs[0]["outcome"], json!("stopped"));
}

#[test]
fn daemon_without_a_client_or_with_a_wrong_file_runs_its_nodes() {
    let host = host_with("hello");
    host.expect(0, &format!("config set probe=true probe_client={}", host.path("none").display()));
    let _daemon = spawn(&host);
    host.expect(0, "node add");
    let status = host.expect(0, "probe status").out;
    assert!(status.contains("warning: no program") && status.contains("not valid TOML"), "{status}");
    let doctor = host.wnm(&["doctor"]).out;
    assert!(doctor.contains("no probe can run: no program"), "{doctor}");
    assert!(!doctor.contains("is not writable"), "{doctor}");
    let folder = host.path("probe");
    std::fs::write(&folder, "").unwrap();
    let doctor = host.wnm(&["doctor"]).out;
    assert!(doctor.contains(&format!("no probe can run: {} is not writable", folder.display())), "{doctor}");
}

#[test]
fn checks_name_file_line_and_task() {
    let host = Host::new();
    let path = host.path("probe.toml");
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let ran = host.wnm(&["probe", "check", path.to_str().unwrap()]);
        (ran.code(), format!("{}{}", ran.out, ran.err).replace(path.to_str().unwrap(), "probe.toml"))
    };
    assert_eq!(
        check(&task("ask", "quote")),
        (0, "0 downloads, 1 quote and 0 uploads; 0 files and 0 seeds\n".to_owned())
    );
    let (code, text) = check(&task("ask", "buy"));
    assert!(code == 3 && text.contains("task \"ask\" is skipped: kind = \"buy\" is none of"), "{text}");
    let (code, text) = check("<Schedule>\n<Task>\n");
    let want = "error: probe.toml: line 2: not valid XML: the root node was opened but never closed\nhint: compare it with the examples of docs/probes.md\n";
    assert_eq!((code, text.as_str()), (1, want));
    for path in ["/none", "/dev/zero"] {
        assert_eq!(host.wnm(&["probe", "check", path]).code(), 1, "{path}");
    }
}

/// The client of the network of `antnode` without a network: in a network namespace with loopback only.
#[test]
#[ignore = "needs a real client, ant-cli 0.5, named by WNM_TEST_ANT, and util-linux"]
fn real_client_without_a_network_is_understood() {
    let program = std::env::var("WNM_TEST_ANT").expect("WNM_TEST_ANT names the client");
    let tasks = [task("ask", "quote"), task("down", "download"), task("up", "upload")].concat();
    let address = "8a".repeat(32);
    let file = format!("[[file]]\nsize = \"tiny\"\nname = \"a\"\naddress = \"{address}\"\n");
    let host = host_with(&format!("{}{file}", tasks.replace("timeout = 5", "timeout = 60")));
    host.expect(0, &format!("config set probe_client={program}"));
    allow_uploads(&host);
    let wnm = host.command(&["--json", "probe", "run"]);
    let mut isolated = std::process::Command::new("unshare");
    isolated.args(["--map-root-user", "--net"]).arg(wnm.get_program()).args(wnm.get_args());
    isolated.env_clear().envs(wnm.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = isolated.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_str(&text).unwrap();
    let runs = document["data"].as_array().unwrap();
    let of = |name: &str| runs.iter().find(|run| run["task"] == *name).unwrap();
    for (name, code) in [("ask", json!(1)), ("down", json!(51))] {
        let run = of(name);
        assert_eq!((&run["outcome"], &run["exit_code"]), (&json!("network_error"), &code), "{run}");
        assert!(run["client"].as_str().unwrap().starts_with("autonomi 0.5"), "{run}");
        assert!(run["cause"].as_str().unwrap().starts_with("Failed to connect to the network"), "{run}");
    }
    assert!(!host.path(".local/share/autonomi/client/logs").exists(), "a log of each run stays");
    // An upload asks for its price first, and pays nothing without one.
    assert_eq!(of("up")["outcome"], json!("network_error"));
}
