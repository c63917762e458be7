//! Runs of clients that are shell scripts.

use std::os::unix::fs::PermissionsExt as _;

use wnm_core::probe::{KnownFile, ProbeTask, SeededFile, SizeClass};

use super::*;

struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    /// Returns a client of the network of `ant-node` whose commands run this script, with the operation in `$3` and the
    /// file behind it.
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("ant");
        let text = format!("#!/bin/sh\nif [ \"$1\" = --version ]; then echo ant 0.2.4; exit; fi\n{script}\n");
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn payment(&self, limit: u128) -> Payment {
        let key_file = self.folder.path().join("key");
        fs::write(&key_file, format!("{}\n", "ab".repeat(32))).unwrap();
        fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
        Payment {
            key_file,
            spending: Arc::new(Mutex::new(Spending::new(self.folder.path(), Atto(limit), Atto(0), now()))),
        }
    }

    fn run(&self, kind: ProbeKind, subject: Subject, payment: Option<Payment>) -> ProbeRun {
        let program = ClientProgram::find(Some(&self.folder.path().join("ant")), Vec::new()).unwrap();
        let mut clients = ClientThreads::new(program, payment, &self.folder.path().join("runs")).unwrap();
        let mut task = ProbeTask::new("t", kind, SizeClass::Tiny);
        task.timeout = Duration::from_secs(30);
        clients.start(Assignment { run: RunId(1), task, subject, attempt: 1 });
        clients.wait(Duration::from_secs(60)).unwrap().result
    }
}

fn known(md5: Option<&str>) -> Subject {
    Subject::Known(KnownFile {
        size: SizeClass::Tiny,
        name: "a".to_owned(),
        address: "ab".repeat(32),
        md5: md5.map(str::to_owned),
    })
}

fn seeded() -> Subject {
    Subject::Seeded(SeededFile { size: SizeClass::Tiny, seed: 1, bytes: Bytes(1000), md5: None })
}

#[test]
fn download_is_checked_against_its_digest() {
    let fixture = Fixture::new("printf abc > \"$6\"");
    let run = |md5| fixture.run(ProbeKind::Download, known(md5), None);
    let right = run(Some("900150983cd24fb0d6963f7d28e17f72"));
    assert_eq!((right.outcome, right.content, right.bytes), (ProbeOutcome::Ok, ContentCheck::Valid, Bytes(3)));
    assert_eq!((right.client.as_str(), right.exit_code), ("ant 0.2.4", Some(0)));
    let wrong = run(Some("00000000000000000000000000000000"));
    assert_eq!((wrong.outcome, wrong.content), (ProbeOutcome::DataLoss, ContentCheck::Invalid));
    assert_eq!(run(None).content, ContentCheck::Unchecked);
}

#[test]
fn client_that_succeeds_without_a_file_is_not_believed() {
    let run = Fixture::new("exit 0").run(ProbeKind::Download, known(None), None);
    assert_eq!(
        (run.outcome, run.cause.as_deref()),
        (ProbeOutcome::Unknown, Some("the client succeeded without a file"))
    );
    let run = Fixture::new("ln -s /etc/passwd \"$6\"").run(ProbeKind::Download, known(None), None);
    assert_eq!((run.outcome, run.cause.as_deref()), (ProbeOutcome::Unknown, Some("the client wrote no regular file")));
}

#[test]
fn quote_has_its_price_and_costs_nothing() {
    let fixture =
        Fixture::new("test -s \"$4\" && echo \"{\\\"storage_cost_atto\\\":\\\"42\\\"}\"; echo $3 >> ../../../calls");
    let run = fixture.run(ProbeKind::Quote, seeded(), None);
    assert_eq!((run.outcome, run.cost, run.bytes), (ProbeOutcome::Ok, Some(Atto(42)), Bytes(1000)));
    assert_eq!(fs::read_to_string(fixture.folder.path().join("calls")).unwrap(), "cost\n");
    assert!(!fixture.folder.path().join("runs").exists(), "the scratch folder is removed");
}

#[test]
fn upload_asks_for_the_price_first_and_stays_below_the_limit() {
    let script = "echo $3 ${SECRET_KEY:-none} >> ../../../calls; echo '{\"storage_cost_atto\":\"42\"}'";
    let calls = |fixture: &Fixture| fs::read_to_string(fixture.folder.path().join("calls")).unwrap();
    let fixture = Fixture::new(script);
    let run = fixture.run(ProbeKind::Upload, seeded(), Some(fixture.payment(42)));
    assert_eq!((run.outcome, run.cost), (ProbeOutcome::Ok, Some(Atto(42))));
    assert_eq!(calls(&fixture), format!("cost none\nupload 0x{}\n", "ab".repeat(32)));

    let fixture = Fixture::new(script);
    let run = fixture.run(ProbeKind::Upload, seeded(), Some(fixture.payment(41)));
    assert_eq!(run.outcome, ProbeOutcome::ClientError);
    assert_eq!(run.cause.as_deref(), Some("the price of 0.000000000000000042 exceeds the rest of the day"));
    assert_eq!(calls(&fixture), "cost none\n");

    let run = fixture.run(ProbeKind::Upload, seeded(), None);
    assert_eq!(run.cause.as_deref(), Some("uploads are not allowed"));
}

#[test]
fn full_or_missing_scratch_folder_fails_the_run_only() {
    let fixture = Fixture::new("exit 0");
    let huge =
        Subject::Known(KnownFile { size: SizeClass::Tera, name: "a".to_owned(), address: "ab".repeat(32), md5: None });
    let run = fixture.run(ProbeKind::Download, huge, None);
    assert_eq!(run.outcome, ProbeOutcome::ClientError);
    assert!(run.cause.as_deref().unwrap().starts_with("too little free space: "), "{:?}", run.cause);
    let program = ClientProgram::find(Some(&fixture.folder.path().join("ant")), Vec::new()).unwrap();
    assert!(ClientThreads::new(program, None, Path::new("/proc/none/runs")).is_err());
}

#[test]
fn dropped_clients_end_their_runs() {
    let fixture = Fixture::new("echo $$ > ../../../pid; sleep 600");
    let program = ClientProgram::find(Some(&fixture.folder.path().join("ant")), Vec::new()).unwrap();
    let mut clients = ClientThreads::new(program, None, &fixture.folder.path().join("runs")).unwrap();
    let task = ProbeTask::new("t", ProbeKind::Download, SizeClass::Tiny);
    clients.start(Assignment { run: RunId(1), task, subject: known(None), attempt: 1 });
    let pid = fixture.folder.path().join("pid");
    while fs::read_to_string(&pid).unwrap_or_default().trim().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(clients);
    let pid = fs::read_to_string(pid).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists() || cfg!(not(target_os = "linux")));
}

#[test]
fn client_that_quotes_the_key_does_not_give_it_away() {
    let fixture = Fixture::new(
        "case \"$3\" in cost) echo '{\"storage_cost_atto\":\"5\"}';; *) echo \"Error: wrong key $SECRET_KEY\" >&2; exit 1;; esac",
    );
    let run = fixture.run(ProbeKind::Upload, seeded(), Some(fixture.payment(10)));
    assert_eq!((run.outcome, run.bytes), (ProbeOutcome::Unknown, Bytes(1000)));
    assert_eq!(run.cause.as_deref(), Some("wrong key 0x***"));
}

/// The client copies the folder of its run, as a wnm that is killed at this moment leaves it.
#[test]
fn run_that_was_cut_still_counts_with_its_price() {
    let script = "[ $3 = upload ] && cp -r ../.. \"$0.left\"; echo '{\"storage_cost_atto\":\"42\"}'";
    let fixture = Fixture::new(script);
    let ended = fixture.run(ProbeKind::Upload, seeded(), Some(fixture.payment(42)));
    let left = fixture.folder.path().join("ant.left");
    fs::create_dir(left.join("run-2")).unwrap();
    fs::write(left.join("run-2/run.json"), "{\"task\":").unwrap();
    let program = ClientProgram::find(Some(&fixture.folder.path().join("ant")), Vec::new()).unwrap();
    let mut clients = ClientThreads::new(program, None, &left).unwrap();
    let cut = ProbeRun {
        outcome: ProbeOutcome::Stopped,
        took: Duration::ZERO,
        exit_code: None,
        cause: Some("wnm was killed during the run".to_owned()),
        ..ended
    };
    assert_eq!(clients.take_cut(), [cut]);
    assert_eq!(clients.take_cut(), []);
    assert_eq!(fs::read_dir(&left).unwrap().count(), 0);
}

#[test]
fn upload_that_does_not_tell_its_cost_counts_with_its_price() {
    let fixture =
        Fixture::new("[ $3 = cost ] && echo '{\"storage_cost_atto\":\"42\"}' && exit; echo Error: timeout >&2; exit 1");
    let payment = fixture.payment(50);
    let run = fixture.run(ProbeKind::Upload, seeded(), Some(payment.clone()));
    assert_eq!((run.outcome, run.cost), (ProbeOutcome::NetworkError, Some(Atto(42))));
    assert_eq!(payment.spending.lock().unwrap().spent(now()), Atto(42));
}

#[test]
fn key_in_the_place_of_an_address_is_not_stored() {
    let fixture =
        Fixture::new("echo \"{\\\"address\\\":\\\"${SECRET_KEY#0x}\\\",\\\"storage_cost_atto\\\":\\\"5\\\"}\"");
    let run = fixture.run(ProbeKind::Upload, seeded(), Some(fixture.payment(10)));
    assert_eq!((run.outcome, run.cost, run.address), (ProbeOutcome::Ok, Some(Atto(5)), None));
}

/// The next start finds the folder by another name.
#[cfg(target_os = "linux")]
#[test]
fn clients_of_a_killed_process_are_ended_behind_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let [real, link] = ["real", "link"].map(|name| folder.path().join(name));
    let scratch = real.join("runs");
    fs::create_dir_all(&scratch).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    // A client that is not killed ends by itself, with success.
    let mut client = std::process::Command::new("sleep").arg("20").env("WNM_PROBE_FOLDER", &scratch).spawn().unwrap();
    // The kernel shows the environment a moment after the start.
    let environment = Path::new("/proc").join(client.id().to_string()).join("environ");
    while fs::read(&environment).unwrap().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    remains::end_clients(&link.join("runs"));
    assert!(!client.wait().unwrap().success());
}

#[test]
fn folder_of_a_command_is_cleared_once_it_has_no_owner() {
    let folder = tempfile::tempdir().unwrap();
    let [owned, left, young] = ["now-1", "now-2", "now-3"].map(|name| folder.path().join(name));
    for scratch in [&owned, &left, &young] {
        fs::create_dir(scratch).unwrap();
    }
    let old = std::time::SystemTime::now() - Duration::from_secs(60);
    for scratch in [&owned, &left] {
        fs::File::open(scratch).unwrap().set_modified(old).unwrap();
    }
    let _owner = remains::own(&owned).unwrap();
    assert_eq!(remains::clear_commands(folder.path()), []);
    assert_eq!([owned, left, young].map(|scratch| scratch.exists()), [true, false, true]);
}
