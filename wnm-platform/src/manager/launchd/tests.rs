//! The calls of launchctl. The conformance suite tests the manager on real processes, with a fake `launchctl`.

use std::sync::{Arc, Mutex};

use wnm_core::{ExitStatus, Program};

use super::*;
use crate::exec::Output;
use crate::node_dir::tests::node_at;

type Calls = Arc<Mutex<Vec<String>>>;

/// A launchd whose `print` of a service answers with this; other verbs succeed unless they are named.
fn scripted(scope: Scope, folder: &Path, print: Output, verb: &'static str, answer: Output) -> (Launchd, Calls) {
    let calls = Calls::default();
    let log = Arc::clone(&calls);
    let exec = Exec::scripted(move |call| {
        let words: Vec<_> = call.arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        log.lock().unwrap().push(words.join(" "));
        Ok(match words[0].as_str() {
            "print" => print.clone(),
            word if word == verb => answer.clone(),
            _ => Output::success(""),
        })
    });
    let options = Options { launch_agents: folder.to_owned(), launch_daemons: folder.to_owned(), ..Options::default() };
    (Launchd::with(ManagerKind::new(Program::Launchd, scope), &options, 501, exec), calls)
}

fn missing() -> Output {
    Output::failure(
        113,
        "Bad request.\nCould not find service \"com.autonomi.antnode0001\" in domain for user gui: 501",
    )
}

fn running() -> Output {
    Output::success(
        "gui/501/com.autonomi.antnode0001 = {\n\tactive count = 1\n\tpath = /Users/u/x.plist\n\ttype = LaunchAgent\n\
         \tstate = running\n\n\tprogram = /n/antnode\n\targuments = {\n\t\tpid = 3\n\t}\n\n\tpid = 4711\n\
         \tlast exit code = (never exited)\n}\n",
    )
}

#[test]
fn stopped_service_starts_in_its_domain() {
    let folder = tempfile::tempdir().unwrap();
    let node = node_at(&folder.path().join("antnode0001"));
    std::fs::create_dir(&node.root_dir).unwrap();
    let name = format!("com.autonomi.{}", node.id.name());
    for (scope, domain) in [(Scope::User, "gui/501"), (Scope::Sudo, "system")] {
        let (launchd, calls) = scripted(scope, folder.path(), missing(), "", Output::default());
        launchd.define(&node).unwrap();
        launchd.start(&node).unwrap();
        let list = folder.path().join(format!("{name}.plist"));
        let mut expected = vec![
            format!("print {domain}/{name}"),
            format!("enable {domain}/{name}"),
            format!("bootstrap {domain} {}", list.display()),
        ];
        if scope == Scope::User {
            expected.insert(1, format!("print user/501/{name}"));
        }
        assert_eq!(*calls.lock().unwrap(), expected);
    }
}

#[test]
fn mac_without_a_graphical_login_has_another_domain() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("antnode0001");
    let node = Node { binary: std::env::current_exe().unwrap(), ..node_at(&root) };
    let name = label(&node);
    for (code, said) in [
        (125, "Domain does not support specified action"),
        (112, "Could not find domain for user gui: 501"),
        (113, "Bad request.\nCould not find domain for user gui: 501"),
    ] {
        let calls = Calls::default();
        let log = Arc::clone(&calls);
        let listing = format!("user/501 = {{\n\tservices = {{\n\t{:8} - \t{name}\n\t}}\n}}", std::process::id());
        let exec = Exec::scripted(move |call| {
            let words: Vec<_> = call.arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            let line = words.join(" ");
            log.lock().unwrap().push(line.clone());
            Ok(match line.as_str() {
                line if line.contains("gui/501") => Output::failure(code, said),
                "print user/501" => Output::success(listing.clone()),
                line if line.starts_with("print ") => missing(),
                _ => Output::success(""),
            })
        });
        let options = Options { launch_agents: folder.path().to_owned(), ..Options::default() };
        let launchd = Launchd::with(ManagerKind::new(Program::Launchd, Scope::User), &options, 501, exec);
        launchd.boot(&node).unwrap();
        assert!(calls.lock().unwrap().last().unwrap().starts_with("bootstrap user/501 "), "{calls:?}");
        assert!(matches!(launchd.survey(&[&node])[&node.id], Service::Running(_)), "{code}");
        launchd.stop(&node, StopSignal::Term).unwrap();
        assert_eq!(calls.lock().unwrap().last().unwrap(), &format!("disable user/501/{name}"));
    }
}

#[test]
fn running_and_missing_services_are_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let node = node_at(&folder.path().join("antnode0001"));
    let (launchd, calls) = scripted(Scope::User, folder.path(), running(), "", Output::default());
    launchd.start(&node).unwrap();
    assert_eq!(calls.lock().unwrap().len(), 1);
    let (launchd, calls) = scripted(Scope::User, folder.path(), missing(), "", Output::default());
    launchd.stop(&node, StopSignal::Term).unwrap();
    launchd.undefine(&node).unwrap();
    let calls = calls.lock().unwrap();
    assert!(calls.iter().all(|call| call.starts_with("print ") || call.starts_with("disable ")), "{calls:?}");
}

#[test]
fn bootout_in_progress_is_success() {
    let folder = tempfile::tempdir().unwrap();
    let node = node_at(&folder.path().join("antnode0001"));
    for answer in [
        Output::failure(36, "Boot-out failed: 36: Operation now in progress"),
        Output::failure(3, "Boot-out failed: 3: No such process"),
    ] {
        let (launchd, _) = scripted(Scope::User, folder.path(), running(), "bootout", answer);
        launchd.stop(&node, StopSignal::Term).unwrap();
    }
    let denied = Output::failure(1, "Boot-out failed: 1: Operation not permitted");
    let (launchd, _) = scripted(Scope::User, folder.path(), running(), "bootout", denied);
    let error = launchd.stop(&node, StopSignal::Term).unwrap_err().to_string();
    assert!(error.contains("Operation not permitted"), "{error}");
}

#[test]
fn loaded_service_is_kickstarted() {
    let folder = tempfile::tempdir().unwrap();
    let node = node_at(&folder.path().join("antnode0001"));
    for (code, said) in [
        (5, "Bootstrap failed: 5: Input/output error\nTry re-running the command as root for richer errors."),
        (37, "Bootstrap failed: 37: Operation already in progress"),
        (1, "Bootstrap failed: 5: Input/output error"),
        (5, ""),
    ] {
        let there = Output::failure(code, said);
        let (launchd, calls) = scripted(Scope::User, folder.path(), missing(), "bootstrap", there);
        launchd.start(&node).unwrap();
        assert!(calls.lock().unwrap().last().unwrap().starts_with("kickstart gui/501/com.autonomi."), "{said}");
    }
    for (code, said) in [(109, "Bootstrap failed: 109: Invalid property list"), (1, "Could not read 5: x"), (1, "")] {
        let (launchd, calls) =
            scripted(Scope::User, folder.path(), missing(), "bootstrap", Output::failure(code, said));
        let error = launchd.start(&node).unwrap_err().to_string();
        assert!(error.contains(said.rsplit(':').next().unwrap()), "{error}");
        assert_eq!(calls.lock().unwrap().iter().filter(|call| call.starts_with("bootstrap ")).count(), 1, "{said}");
    }
}

#[test]
fn launchctl_output_is_parsed() {
    assert_eq!(output::service(&running().text()), Loaded { pid: Some(4711), exit: None });
    let ended = "x = {\n\tstate = not running\n\n\tlast exit code = 78: EX_CONFIG\n}\n";
    assert_eq!(output::service(ended), Loaded { pid: None, exit: Some(ExitStatus::Code(78)) });
    // One of macOS 14, after an upgrade of the node and after a kill.
    for (end, exit) in [
        ("last exit code = 0", Some(ExitStatus::Code(0))),
        ("last terminating signal = Killed: 9", Some(ExitStatus::Signal(9))),
        ("last terminating signal = 15", Some(ExitStatus::Signal(15))),
        ("last terminating signal = ?", None),
        ("last exit code = (never exited)", None),
    ] {
        let text = format!(
            "user/501/c.n = {{\n\tactive count = 0\n\tpath = /x.plist\n\tstate = spawn scheduled\n\n\tdomain = user/501 [100005]\n\
             \tasid = 100005\n\tminimum runtime = 10\n\texit timeout = 30\n\truns = 105\n\tsuccessive crashes = 98\n\t{end}\n\n\
             \tresource coalition = {{\n\t\tpid = 9\n\t\tlast exit code = 3\n\t}}\n\tproperties = keepalive | runatload\n}}\n"
        );
        assert_eq!(output::service(&text), Loaded { pid: None, exit }, "{end}");
    }
    let domain = "gui/501 = {\n\ttype = gui\n\tservices = {\n\t       0      - \tcom.apple.a\n\t     549      0 \tc.b\n\
                  \t       0   (pe) \tc.c\n\t       0     78 \tc.d\n\t       0     -9 \tc.f\n\t}\n\tunmanaged processes = {\n\t\tc.e = {\n\t}\n}\n";
    let services = output::services(domain).unwrap();
    let expected = [
        ("c.b", Some(549), Some(ExitStatus::Code(0))),
        ("c.c", None, None),
        ("c.d", None, Some(ExitStatus::Code(78))),
        ("c.f", None, Some(ExitStatus::Signal(9))),
        ("com.apple.a", None, None),
    ];
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(label, pid, exit)| (label.to_owned(), Loaded { pid, exit })).collect();
    assert_eq!(services, expected);
    assert_eq!(output::services("Could not print domain: 1: Operation not permitted"), None);
}

#[test]
fn survey_without_list_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("antnode0001");
    let node = Node { binary: std::env::current_exe().unwrap(), ..node_at(&root) };
    let domain = format!(
        "gui/501 = {{\n\tservices = {{\n\t{:8} - \tcom.autonomi.{}\n\t}}\n}}",
        std::process::id(),
        node.id.name()
    );
    let (launchd, calls) = scripted(Scope::User, folder.path(), Output::success(domain), "", Output::default());
    assert!(matches!(launchd.survey(&[&node])[&node.id], Service::Running(_)));
    assert_eq!(*calls.lock().unwrap(), ["print gui/501"]);
    for silent in [Output::failure(1, "Could not print domain"), Output::success("nonsense")] {
        let (launchd, _) = scripted(Scope::User, folder.path(), silent, "", Output::default());
        assert!(matches!(launchd.survey(&[&node])[&node.id], Service::Unknown(_)));
    }
}

#[test]
fn property_list() {
    let root = Path::new("/Users/u/Library/Application Support/autonomi/node/antnode0001");
    let node = Node { environment: vec![("ANT_LOG".into(), "<all> & \"more\"".into())], ..node_at(root) };
    let node = Node { manager: ManagerKind::new(Program::Launchd, Scope::User), ..node };
    let list = Plist::of(&node, &label(&node), None).unwrap();
    let text = list.to_text(Path::new("x.plist")).unwrap();
    let read = plist::from_bytes::<Plist>(&text).unwrap();
    assert_eq!(
        (read.program_arguments, read.environment_variables),
        (list.program_arguments, list.environment_variables)
    );
    insta::assert_snapshot!(String::from_utf8(text).unwrap());
}

#[test]
fn external_property_list_is_read_or_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("node");
    for name in ["antnode0003", "antnode0004"] {
        std::fs::create_dir_all(storage.join(name)).unwrap();
        std::fs::write(storage.join(name).join("secret-key"), [1; 32]).unwrap();
    }
    let write = |name: &str, flag: &str| {
        let root = storage.join(name);
        let words = [
            "/n/antnode",
            flag,
            "--root-dir",
            root.to_str().unwrap(),
            "--port",
            "55003",
            "--metrics-server-port",
            "13003",
            "--rewards-address",
            "0x00455d78f850b0358E8cea5be24d415E01E107CF",
            "evm-arbitrum-one",
        ];
        let words: String = words.iter().map(|word| format!("<string>{word}</string>")).collect();
        let text = format!(
            "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>Label</key><string>com.autonomi.{name}</string>\
             <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict><key>Unheard</key><true/>\
             <key>ProgramArguments</key><array>{words}</array></dict></plist>"
        );
        std::fs::write(folder.path().join(format!("com.autonomi.{name}.plist")), text).unwrap();
    };
    write("antnode0003", "--no-upnp");
    write("antnode0004", "--what-is-this");
    std::fs::write(folder.path().join("com.autonomi.antnode0005.plist"), "<plist>").unwrap();
    let (launchd, _) = scripted(Scope::User, folder.path(), missing(), "", Output::default());
    let found = launchd.discover(std::slice::from_ref(&storage)).unwrap();
    let nodes: Vec<_> =
        found.into_iter().map(|found| found.node.map(|found| (found.node.id.get(), found.node.ports.node))).collect();
    assert_eq!(nodes, [Ok((3, 55003)), Ok((4, 55003))]);
    let services: Vec<_> = launchd.services().unwrap().into_iter().map(|one| one.folder.is_some()).collect();
    assert_eq!(services, [true, true, false]);
    // Its list is kept before it is written anew.
    let node = launchd.discover(&[storage]).unwrap().swap_remove(0).node.unwrap().node;
    let before = std::fs::read(launchd.file(&node)).unwrap();
    launchd.adopt(&[&node]).unwrap();
    assert_eq!(std::fs::read(launchd.file(&node)).unwrap(), before);
    launchd.define(&node).unwrap();
    launchd.adopt(&[&node]).unwrap();
    assert_ne!(std::fs::read(launchd.file(&node)).unwrap(), before);
    assert_eq!(std::fs::read(node.root_dir.join(".wnm-service-before")).unwrap(), before);
}
