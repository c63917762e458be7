use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wnm_core::{Flavor, Program, Timestamp};

use super::super::Described;
use super::others::holders_in;
use super::*;
use crate::exec::{Call, Output};
use crate::node_dir::tests::{HOSTILE, hostile_nodes, node_at};
use crate::observe::process::Liveness;

/// A fake systemd: a folder for its units, and the log of the calls it received.
struct FakeSystemd {
    folder: tempfile::TempDir,
    systemd: Systemd,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FakeSystemd {
    fn new(
        scope: Scope,
        rights: Rights,
        answer: impl Fn(&str) -> Result<Output, PlatformError> + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        let exec = Exec::scripted(move |call: &Call| {
            let line = call.to_string();
            notes.lock().unwrap().push(line.clone());
            answer(&line)
        });
        let kind = ManagerKind::new(Program::Systemd, scope);
        let runtime = (scope == Scope::User).then(|| folder.path().to_owned());
        let systemd = Systemd::with(kind, exec, folder.path().join("units"), runtime, rights);
        Self { folder, systemd, asked }
    }

    fn node(&self) -> Node {
        let root = self.folder.path().join("antnode0001");
        fs::create_dir_all(root.join("logs")).unwrap();
        let mut node = node_at(&root);
        node.log_dir = root.join("logs");
        node.manager = self.systemd.kind;
        node
    }

    /// Returns the commands that were run, without the options that every call of systemctl has.
    fn asked(&self) -> Vec<String> {
        let plain = |line: &String| line.replace(" --no-ask-password --no-pager", "");
        self.asked.lock().unwrap().iter().map(plain).collect()
    }

    fn survey(&self) -> Service {
        let node = self.node();
        self.systemd.survey(&[&node]).remove(&node.id).unwrap()
    }
}

const INACTIVE: &str = "Id=antnode0001.service\nLoadState=loaded\nActiveState=inactive\nSubState=dead\nMainPID=0\n";

fn calm(line: &str) -> Result<Output, PlatformError> {
    Ok(match line {
        line if line.contains(" show ") => Output::success(INACTIVE),
        line if line.contains("show-user") => Output::success("Linger=yes\n"),
        _ => Output::success(""),
    })
}

fn user(answer: impl Fn(&str) -> Result<Output, PlatformError> + Send + Sync + 'static) -> FakeSystemd {
    FakeSystemd::new(Scope::User, Rights::Own, answer)
}

fn reason(service: Service) -> String {
    match service {
        Service::Unknown(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn unit_is_written_and_reloaded_once() {
    let fake = user(calm);
    let node = fake.node();
    for _ in 0..3 {
        fake.systemd.define(&node).unwrap();
    }
    let path = fake.systemd.path(&node);
    let written = fs::metadata(&path).unwrap().ino();
    fake.systemd.start(&node).unwrap();
    fake.systemd.start(&node).unwrap();
    fake.systemd.define(&node).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), written);
    assert_eq!(fs::read_link(fake.systemd.wanted(&node)).unwrap(), path);
    let reloads = fake.asked().iter().filter(|line| line.ends_with("daemon-reload")).count();
    assert_eq!(reloads, 1);
    assert_eq!(fake.asked().last().map(String::as_str), Some("systemctl --user start -- antnode0001.service"));
    assert_eq!(fake.systemd.discover(&[fake.folder.path().to_owned()]).unwrap().len(), 0);
}

/// Looks at two hundred nodes, of which systemd says these words.
fn two_hundred(first: &'static str, others: &'static str) -> (FakeSystemd, BTreeMap<NodeId, Service>) {
    let fake = user(move |line| {
        let words = [first].into_iter().chain([others; 199]).collect::<Vec<_>>().join("\n");
        if line.contains(" is-active ") { Ok(Output { code: Some(3), ..Output::success(words) }) } else { calm(line) }
    });
    let nodes: Vec<Node> = (1..=200).map(|number| Node { id: NodeId::new(number).unwrap(), ..fake.node() }).collect();
    let seen = fake.systemd.survey(&nodes.iter().collect::<Vec<_>>());
    (fake, seen)
}

#[test]
fn survey_is_one_call() {
    let (fake, seen) = two_hundred("failed", "inactive");
    assert_eq!(fake.asked().len(), 1);
    assert!(seen.values().all(|service| *service == Service::Stopped));
    assert_eq!(seen.len(), 200);
}

#[test]
fn only_unclear_units_are_shown() {
    for first in ["active", "activating", "\u{fffd}?"] {
        let (fake, seen) = two_hundred(first, "inactive");
        assert!(fake.asked()[1].ends_with(" -- antnode0001.service"), "{:?}", fake.asked());
        assert_eq!((seen.len(), fake.asked().len()), (200, 2));
    }
    // Garbage, and not a word a node: all are asked about, and who is not spoken of is not said to be stopped.
    let (fake, seen) = two_hundred("lies\nlies", "inactive");
    assert_eq!((seen.len(), fake.asked().len()), (200, 2));
    assert_eq!(seen[&NodeId::FIRST], Service::Stopped);
    assert!(
        matches!(&seen[&NodeId::FIRST.next()], Service::Unknown(why) if why == "systemctl show does not list the unit")
    );
}

#[test]
fn restart_counts_are_one_call() {
    let fake = user(|line| {
        let is_asked = line.contains(" show ") && line.contains("NRestarts");
        let told = "NRestarts=14\nId=antnode0001.service\n\nId=antnode0002.service\nNRestarts=x\n";
        if is_asked { Ok(Output::success(told)) } else { calm(line) }
    });
    let nodes: Vec<Node> = (1..=3).map(|number| Node { id: NodeId::new(number).unwrap(), ..fake.node() }).collect();
    let counted = fake.systemd.restarts(&nodes.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(counted, [(NodeId::FIRST, 14)].into());
    assert_eq!(fake.asked().len(), 1);
    assert_eq!(fake.systemd.restarts(&[]).unwrap(), BTreeMap::new());
}

#[test]
fn missing_lingering_is_a_warning() {
    for (told, lingering) in [("Linger=yes\n", Some(true)), ("Linger=no\n", Some(false))] {
        let fake = user(move |line| if line.contains("show-user") { Ok(Output::success(told)) } else { calm(line) });
        assert_eq!(lingering::lingers(&fake.systemd.bus), lingering, "{told}");
    }
}

#[test]
fn lingering_of_a_user_without_a_session_is_in_the_files_of_logind() {
    let users = tempfile::tempdir().unwrap();
    let name = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).unwrap().unwrap().name;
    assert_eq!(lingering::told("", users.path()), Some(false));
    fs::write(users.path().join("another"), "").unwrap();
    assert_eq!(lingering::told("", users.path()), Some(false));
    fs::write(users.path().join(name), "").unwrap();
    assert_eq!(lingering::told("", users.path()), Some(true));
    assert_eq!(lingering::told("Linger=no", users.path()), Some(false), "logind knows better");
    assert_eq!(lingering::told("", &users.path().join("nothing")), None, "a host without logind");
}

#[test]
fn disabled_unit_of_a_started_node_is_found_and_enabled() {
    let fake = user(calm);
    let node = fake.node();
    fake.systemd.define(&node).unwrap();
    fake.systemd.start(&node).unwrap();
    assert_eq!(fake.systemd.not_enabled(&[&node]), []);
    // As `systemctl disable` does.
    fs::remove_file(fake.systemd.wanted(&node)).unwrap();
    assert_eq!(fake.systemd.not_enabled(&[&node]), [node.id]);
    fake.systemd.enable(&node).unwrap();
    assert_eq!(fake.systemd.not_enabled(&[&node]), []);
    // The target of another tool starts it too.
    fs::remove_file(fake.systemd.wanted(&node)).unwrap();
    let other = fake.systemd.path(&node).with_file_name("antnodes.target.wants");
    fs::create_dir(&other).unwrap();
    std::os::unix::fs::symlink(fake.systemd.path(&node), other.join(unit_name(&node))).unwrap();
    assert_eq!(fake.systemd.not_enabled(&[&node]), []);
}

#[test]
fn removal_deletes_unit_and_drop_ins() {
    let fake = user(calm);
    let node = fake.node();
    fake.systemd.define(&node).unwrap();
    fake.systemd.start(&node).unwrap();
    let path = fake.systemd.path(&node);
    fs::create_dir(unit::drop_in_folder(&path)).unwrap();
    fs::write(unit::drop_in_folder(&path).join("override.conf"), "[Service]\nNice=5\n").unwrap();
    for _ in 0..2 {
        fake.systemd.stop(&node, StopSignal::Term).unwrap();
        assert!(!fake.systemd.wanted(&node).exists());
        fake.systemd.undefine(&node).unwrap();
    }
    let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["default.target.wants"]);
    assert!(fake.asked().iter().any(|line| line.ends_with("reset-failed -- antnode0001.service")));
}

#[test]
fn hanging_systemctl_is_not_called_again_for_a_minute() {
    let fake = user(|line| {
        Err(PlatformError::Hung { command: line.to_owned(), deadline: Duration::from_secs(10), printed: String::new() })
    });
    assert!(reason(fake.survey()).contains("did not exit within 10 s"));
    let node = fake.node();
    assert!(reason(fake.survey()).contains("was killed, 0 s ago"));
    assert!(fake.systemd.start(&node).is_err());
    let wanted = fake.systemd.wanted(&node);
    fs::create_dir_all(wanted.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(fake.systemd.path(&node), &wanted).unwrap();
    assert!(fake.systemd.stop(&node, StopSignal::Term).is_err());
    assert!(fs::symlink_metadata(&wanted).is_ok(), "it runs on, and is to come back after a reboot");
    assert_eq!(fake.asked().len(), 1);
}

/// systemd names the main process of an active unit for a moment after its end.
#[test]
fn process_that_has_ended_is_not_running() {
    let mut ended = std::process::Command::new("true").spawn().unwrap();
    let pid = ended.id();
    while Processes::of_host().facts(pid).is_some_and(|facts| facts.life == Liveness::Alive) {
        std::thread::yield_now();
    }
    let shown = format!(
        "Id=antnode0001.service\nActiveState=active\nSubState=running\nMainPID={pid}\nControlGroup={}\n",
        fs::read_to_string("/proc/self/cgroup").unwrap().rsplit(':').next().unwrap().trim()
    );
    let fake = user(move |line| if line.contains(" show ") { Ok(Output::success(&*shown)) } else { calm(line) });
    fake.systemd.define(&fake.node()).unwrap();
    assert!(reason(fake.survey()).contains("ended a moment ago"));
    ended.wait().unwrap();
}

#[test]
fn invalid_output_is_unknown() {
    for text in ["", "\u{fffd}\u{1}garbage\n\n=\n=x\n", "Id=antnode0001.service\n", "ActiveState=active\n"] {
        let fake = user(move |_| Ok(Output::success(text)));
        let why = reason(fake.survey());
        assert!(why.contains("systemctl show") || why.contains("said nothing"), "{text:?}: {why}");
    }
    let lies = "Id=antnode0001.service\nActiveState=active\nSubState=running\nMainPID=4194304\n";
    let fake = user(move |_| Ok(Output::success(lies)));
    assert!(reason(fake.survey()).contains("names process 4194304, which does not exist"));
    // The unit has the name of the node, but its process is an external one.
    let own = format!("Id=antnode0001.service\nActiveState=active\nSubState=running\nMainPID={}\n", std::process::id());
    let fake = user(move |_| Ok(Output::success(own.clone())));
    assert_eq!(fake.survey(), Service::Stopped);
}

#[test]
fn restarting_node_is_not_stopped() {
    let between = |status: &str| {
        let text = format!(
            "Id=antnode0001.service\nActiveState=activating\nSubState=auto-restart\nMainPID=0\nExecMainCode=1\nExecMainStatus={status}\n"
        );
        user(move |_| Ok(Output::success(text.clone())))
    };
    assert!(reason(between("0").survey()).contains("systemd restarts it in a moment"));
    assert_eq!(between("1").survey(), Service::Stopped);
}

#[test]
fn missing_user_session_has_hint() {
    let fake = user(|_| Ok(Output::failure(1, "Failed to connect to bus: No medium found")));
    let why = reason(fake.survey());
    assert!(why.contains("loginctl enable-linger") && why.contains("XDG_RUNTIME_DIR=/run/user/"), "{why}");
}

#[test]
fn check_tries_the_bus_and_sudo() {
    // The answers of `systemctl show` and of `sudo -n`, and the error.
    for (bus, sudo, error) in [
        (Output::success("Version=257\n"), Output::success("systemd 257\n"), ""),
        (
            Output::success("Version=257\n"),
            Output::failure(1, "sudo: a password is required"),
            "sudo asks for a password",
        ),
        (Output::success("Version=257\n"), Output::failure(1, "op is not in the sudoers file."), "sudo refuses"),
        (Output::failure(1, "Failed to connect to bus"), Output::success("systemd 257\n"), "Failed to connect to bus"),
    ] {
        let calls = [bus, sudo];
        let fake = FakeSystemd::new(Scope::Sudo, Rights::Sudo, move |line| {
            let [bus, sudo] = calls.clone();
            assert!(!line.starts_with("sudo ") || line.starts_with("sudo -n "), "{line}");
            Ok(if line.starts_with("sudo ") { sudo } else { bus })
        });
        let checked = fake.systemd.check().map_err(|error| error.to_string());
        match error {
            "" => assert_eq!(checked, Ok(())),
            error => assert!(checked.clone().is_err_and(|said| said.contains(error)), "{checked:?}"),
        }
    }
}

/// Each command of an addition that sudo may refuse is refused before the program is copied: by its own check, or by the
/// definition of the node.
#[test]
fn refused_command_is_named_before_the_copy() {
    for refused in ["none", "mkdir", "chown", "chmod", "install", "mv", "ln", "rm"] {
        let fake = FakeSystemd::new(Scope::Sudo, Rights::Sudo, move |line| {
            let own = u32::MAX - 1;
            if let Some(asked) = line.strip_prefix("sudo -n -l -- ") {
                let is_refused = asked.starts_with(&format!("{refused} "));
                return Ok(if is_refused {
                    Output::failure(1, "")
                } else {
                    Output::success(format!("/bin/{asked}\n"))
                });
            }
            Ok(match line {
                line if line.starts_with(&format!("sudo -n -- {refused} ")) => Output::failure(
                    1,
                    format!("Sorry, user op is not allowed to execute '/bin/{refused}' as root on h."),
                ),
                line if line.starts_with("id ") => Output::success(format!("{own}\n")),
                line => calm(line)?,
            })
        });
        fs::set_permissions(fake.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut node = fake.node();
        node_dir::adopt(&node).unwrap();
        node.log_dir = node.root_dir.join("other logs");
        let checked = fake.systemd.check_name(&node).and_then(|()| {
            // The rights of the test differ from those of the fake sudo, which creates no folder.
            let defined = fake.systemd.define(&node);
            let is_missing = |error: &PlatformError| matches!(error, PlatformError::File { .. });
            if defined.as_ref().is_err_and(is_missing) {
                fs::create_dir_all(&node.log_dir).unwrap();
                return fake.systemd.define(&node);
            }
            defined
        });
        match checked {
            Ok(()) => assert_eq!(refused, "none", "{:?}", fake.asked()),
            Err(PlatformError::SudoRefuses { command, .. }) => {
                assert!(command.starts_with(&format!("{refused} ")), "{refused}: {command}");
            }
            Err(error) => panic!("{refused}: {error}"),
        }
    }
}

#[test]
fn missing_rights_are_errors() {
    let fake = FakeSystemd::new(Scope::Sudo, Rights::Sudo, |line| {
        Ok(match line {
            line if line.contains(" show ") => Output::success(INACTIVE),
            line if line.starts_with("sudo ") => Output::failure(1, "sudo: a password is required"),
            _ => Output::success(""),
        })
    });
    // Neither a survey nor the stop of a unit that does not exist needs root.
    assert_eq!(fake.survey(), Service::Stopped);
    let node = fake.node();
    fake.systemd.stop(&node, StopSignal::Term).unwrap();
    fake.systemd.undefine(&node).unwrap();
    fs::create_dir(fake.systemd.path(&node).parent().unwrap()).unwrap();
    let unit = format!("[Unit]\n{}={}\n", render::UUID, node.uuid);
    fs::write(fake.systemd.path(&node), unit).unwrap();
    let error = fake.systemd.stop(&node, StopSignal::Term).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot run `systemctl stop --no-block -- antnode0001.service` as root: sudo asks for a password"
    );
    let fake = user(|line| {
        Ok(if line.contains(" show ") { Output::success(INACTIVE) } else { Output::failure(1, "Access denied") })
    });
    let error = fake.systemd.start(&fake.node()).unwrap_err().to_string();
    assert!(error.contains("systemctl daemon-reload") && error.contains("Access denied"), "{error}");
}

#[test]
fn masked_or_external_unit_is_not_overwritten() {
    let fake = user(calm);
    let node = fake.node();
    let path = fake.systemd.path(&node);
    fs::create_dir(path.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    let error = fake.systemd.define(&node).unwrap_err();
    assert!(error.to_string().ends_with("is taken by a mask"), "{error}");
    assert_eq!(error.hint().as_deref(), Some("run `systemctl unmask antnode0001.service`"));
    fs::remove_file(&path).unwrap();
    for (text, found) in [
        ("[Service]\nExecStart=/bin/sleep 1\n", "a unit that wnm did not write"),
        ("[Unit]\nX-Wnm-Uuid=other\n[Service]\nExecStart=/a --root-dir /tmp\n", "with UUID other"),
    ] {
        fs::write(&path, text).unwrap();
        let error = fake.systemd.define(&node).unwrap_err().to_string();
        assert!(error.contains(found) && error.contains("node 0001"), "{error}");
        assert_eq!(fake.systemd.check_name(&node).unwrap_err().to_string(), error);
        // It is not stopped or removed in the name of the node either.
        fake.systemd.stop(&node, StopSignal::Kill).unwrap();
        fake.systemd.undefine(&node).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(fake.asked(), Vec::<String>::new());
    // The unit of a node whose folder no longer exists may be replaced.
    fs::write(&path, "[Unit]\nX-Wnm-Uuid=other\n[Service]\nExecStart=/a --root-dir /gone/antnode0001\n").unwrap();
    fake.systemd.check_name(&node).unwrap();
    fake.systemd.define(&node).unwrap();
}

#[test]
fn unit_elsewhere_has_its_name_unless_that_of_the_node_hides_it() {
    let fake = user(calm);
    let node = fake.node();
    let elsewhere = ["first", "second"].map(|name| fake.folder.path().join(name));
    fs::create_dir(&elsewhere[1]).unwrap();
    let unit = elsewhere[1].join(unit_name(&node));
    fs::write(&unit, "").unwrap();
    let error = fake.systemd.check_free_beside(&node, &elsewhere).unwrap_err().to_string();
    assert!(error.contains(&unit.display().to_string()), "{error}");
    fake.systemd.define(&node).unwrap();
    fake.systemd.check_free_beside(&node, &elsewhere).unwrap();
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn node_behind_a_link_is_adopted_unless_another_user_made_it_as_root() {
    use std::os::unix::fs::{lchown, symlink};

    let fake = FakeSystemd::new(Scope::Sudo, Rights::Own, calm);
    let (storage, way) = (fake.folder.path().join("storage"), fake.folder.path().join("way"));
    let root = storage.join("antnode0001");
    fs::create_dir_all(root.join("logs")).unwrap();
    fs::write(root.join("secret-key"), [7; 32]).unwrap();
    symlink(&storage, &way).unwrap();
    let node = Node { manager: fake.systemd.kind, ..node_at(&way.join("antnode0001")) };
    let unit = fake.systemd.path(&node);
    fs::create_dir(unit.parent().unwrap()).unwrap();
    let folder = node.root_dir.display();
    let wallet = node.wallet;
    let line = format!("{folder}/antnode --root-dir {folder} --port 55001 --rewards-address {wallet} evm-arbitrum-one");
    fs::write(&unit, format!("[Service]\nUser=ant\nExecStart={line}\n")).unwrap();
    let adopt = || crate::node_dir::adopt(&node).and_then(|()| fake.systemd.adopt(&[&node]));
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = (names(&root), names(&storage), names(unit.parent().unwrap()));

    lchown(&way, Some(12345), Some(12345)).unwrap();
    assert!(adopt().is_err());
    assert_eq!((names(&root), names(&storage), names(unit.parent().unwrap())), before);
    // Neither does a call that comes after the marker was written in another way.
    assert!(fake.systemd.adopt(&[&node]).is_err());
    assert_eq!((names(&root), names(&storage)), (before.0, before.1));

    lchown(&way, Some(0), Some(0)).unwrap();
    adopt().unwrap();
    assert!(root.join(".wnm-node").exists() && storage.join(".wnm/antnode0001").is_dir());
    let found = fake.systemd.discover(&[way]).unwrap();
    assert_eq!(found[0].node.as_ref().unwrap().node.root_dir, node.root_dir);
}

#[test]
fn external_unit_is_discovered() {
    let fake = user(calm);
    let node = fake.node();
    let root = node.root_dir.display();
    fs::write(node.root_dir.join("secret-key"), [7; 32]).unwrap();
    fs::create_dir(fake.systemd.path(&node).parent().unwrap()).unwrap();
    let wallet = node.wallet;
    let text = format!(
        "[Service]\nUser=ant\nExecStart={root}/antnode --root-dir {root} --port 55001 \\\n --metrics-server-port 13001 \
         --log-output-dest {root}/logs \\\n --rewards-address {wallet} --no-upnp evm-arbitrum-one\nEnvironment=\"A=b c\"\n"
    );
    fs::write(fake.systemd.path(&node), text).unwrap();
    let found = fake.systemd.discover(&[fake.folder.path().to_owned()]).unwrap();
    let adopted = &found[0].node.as_ref().unwrap().node;
    assert_eq!((adopted.id, adopted.ports.node, adopted.wallet), (node.id, 55001, wallet));
    assert_eq!(adopted.environment, [("A".to_owned(), "b c".to_owned())]);
    assert_ne!(adopted.born, Timestamp::default());

    // It becomes ours by a drop-in, and is written anew when it is next defined.
    let path = fake.systemd.path(&node);
    let by_another_tool = fs::read(&path).unwrap();
    assert!(fake.systemd.define(&node).is_err());
    for _ in 0..2 {
        fake.systemd.adopt(&[&node]).unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), by_another_tool);
    assert!(!fake.asked().iter().any(|line| line.contains("start") || line.contains("stop")));
    // It does not run, and is not to run after a reboot.
    assert!(!fake.systemd.wanted(&node).exists());
    fs::remove_dir_all(&node.log_dir).unwrap();
    fake.systemd.define(&node).unwrap();
    assert!(node.log_dir.is_dir());
    assert!(Unit::read(&path).unwrap().unwrap().value("Unit", render::UUID) == Some(&node.uuid));
    assert!(!unit::drop_in_folder(&path).exists());
    assert_eq!(fs::read(node.root_dir.join(".wnm-service-before")).unwrap(), by_another_tool);
}

#[test]
fn states_of_adopted_units_are_one_call() {
    let state = |number, pid| {
        format!("Id=node-{number}.service\nLoadState=loaded\nActiveState=active\nSubState=running\nMainPID={pid}\n")
    };
    let fake = user(move |line| {
        let shown = Output::success([state(1, 7), state(2, 0), state(3, 8)].join("\n"));
        if line.contains(" show ") { Ok(shown) } else { calm(line) }
    });
    let nodes = [1, 2, 3].map(|number| {
        let root = fake.folder.path().join(format!("node-{number}"));
        fs::create_dir_all(&root).unwrap();
        let service = Some(format!("node-{number}"));
        let id = NodeId::new(number).unwrap();
        Node { id, service, manager: fake.systemd.kind, uuid: format!("uuid-{number}"), ..node_at(&root) }
    });
    fs::create_dir_all(fake.systemd.path(&nodes[0]).parent().unwrap()).unwrap();
    for node in &nodes {
        let root = node.root_dir.display();
        let text = format!("[Service]\nExecStart={root}/antnode --root-dir {root}\n");
        fs::write(fake.systemd.path(node), text).unwrap();
    }
    fake.systemd.adopt(&nodes.iter().collect::<Vec<_>>()).unwrap();
    let asked = fake.asked();
    let [only] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(only.contains(" show ") && only.ends_with("-- node-1.service node-2.service node-3.service"), "{only}");
    let is_enabled = |node: &Node| fake.systemd.wanted(node).symlink_metadata().is_ok();
    assert_eq!(nodes.each_ref().map(is_enabled), [true, false, true]);
    assert!(nodes.iter().all(|node| others::mark(&fake.systemd.path(node)).exists()));
}

#[test]
fn unit_that_a_script_has_written_over_several_lines_is_adopted() {
    let fake = user(calm);
    let units = fake.systemd.path(&fake.node()).parent().unwrap().to_owned();
    let root = fake.folder.path().join(".ant-node/node-1");
    fs::create_dir_all(&units).unwrap();
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("node_identity.key"), [7; 32]).unwrap();
    let at = root.display();
    let text = format!(
        "[Unit]\nDescription=Node 1\nAfter=network-online.target\n\n[Service]\nType=simple\nExecStart={at}/ant-node \\\n    \
         --root-dir {at} \\\n    --port 12000 \\\n    --rewards-address {} \\\n    --upgrade-channel stable \\\n    \
         --stop-on-upgrade \\\n    --enable-logging \\\n    --log-level info \\\n    --log-dir /srv/logs-ram/node-1 \\\n    \
         --log-max-files 7\nRestart=on-failure\nRestartSec=10s\n\n[Install]\nWantedBy=default.target\n",
        wnm_core::FAUCET
    );
    fs::write(units.join("ant-node-1.service"), text).unwrap();
    let found = fake.systemd.discover(&[fake.folder.path().join(".ant-node")]).unwrap();
    let [Found { node: Ok(Described { node, unknown_arguments, .. }), .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!((&node.flavor, node.ports.node, node.service_name().as_str()), (&Flavor::AntNode, 12000, "ant-node-1"));
    assert_eq!(node.log_dir, Path::new("/srv/logs-ram/node-1"));
    assert!(unknown_arguments.is_empty(), "{unknown_arguments:?}");
}

#[test]
fn units_of_other_tools_are_found_by_any_name() {
    let fake = user(calm);
    let units = fake.systemd.path(&fake.node()).parent().unwrap().to_owned();
    let storage = fake.folder.path().join("storage");
    fs::create_dir(&units).unwrap();
    let make = |name: &str, rest: &str| {
        let root = storage.join(name);
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("secret-key"), [7; 32]).unwrap();
        let line = format!("ExecStart=/opt/antnode --root-dir {} --port 1 --metrics-server-port 2", root.display());
        let text = format!("[Service]\n{line} --rewards-address {} {rest}\n", wnm_core::FAUCET);
        fs::write(units.join(format!("{name}.service")), text).unwrap();
    };
    make("antnode0001", "--from-the-future");
    make("antnode2", "");
    make("antnode0003", "\nEnvironmentFile=/etc/default/antnode");
    make("antnode0004", "--peer ${PEERS}");
    make("antnode", "");
    make("antnode0006", "");
    make("ant-node-12", "");
    make("lone", "");
    fs::copy(units.join("antnode0006.service"), units.join("antnode0007.service")).unwrap();
    fs::create_dir_all(storage.join("antnode0008")).unwrap();
    fs::write(storage.join("antnode0008/secret-key"), [7; 32]).unwrap();
    std::os::unix::fs::symlink("/dev/null", units.join("antnode0009.service")).unwrap();
    let found = fake.systemd.discover(std::slice::from_ref(&storage)).unwrap();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let shown = |one: &Found| match &one.node {
        Ok(Described { node, unknown_arguments, .. }) => {
            format!("number {}, unit {}, unknown {unknown_arguments:?}", node.id, node.service_name())
        }
        Err(reason) => reason.clone(),
    };
    let all: Vec<_> = found.iter().map(|one| format!("{}: {}", name(&one.folder.path), shown(one))).collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
    ant-node-12: number 0012, unit ant-node-12, unknown []
    antnode: number 0001, unit antnode, unknown []
    antnode0001: number 0001, unit antnode0001, unknown ["--from-the-future"]
    antnode0003: only systemd can expand the environment of unit antnode0003: start the node, then import it
    antnode0004: only systemd can expand the command of unit antnode0004: start the node, then import it
    antnode0006: units antnode0006 and antnode0007 both run it
    antnode0008: no systemd unit runs it
    antnode2: number 0002, unit antnode2, unknown []
    lone: number 0001, unit lone, unknown []
    "#);
    let listed = fake.systemd.services().unwrap();
    let untold: Vec<_> = listed.into_iter().filter(|one| one.folder.is_none()).map(|one| one.name).collect();
    assert_eq!(untold, ["antnode0004", "antnode0009"]);
}

#[test]
fn unit_files() {
    let mut node = node_at(Path::new("/var/antctl/services/antnode0001"));
    node.log_dir = "/var/log/antnode/antnode0001".into();
    node.manager = ManagerKind::new(Program::Systemd, Scope::Sudo);
    node.environment = vec![("A".to_owned(), "100% \"$x\"".to_owned())];
    let slice = Some("wnm-55000.slice");
    let of_system = Surroundings { scope: Scope::Sudo, group: Group::Own, slice, version: Version::CURRENT };
    let of_user = Surroundings { scope: Scope::User, slice: None, ..of_system };
    insta::assert_snapshot!("system", render::render(&node, of_system).unwrap());
    node.flavor = Flavor::AntNode;
    node.root_dir = "/home/u/my nodes/antnode0001".into();
    node.binary = node.root_dir.join("ant-node");
    node.manager.scope = Scope::User;
    insta::assert_snapshot!("user", render::render(&node, of_user).unwrap());
    let bad = [
        Node { root_dir: "/home/u/a\nb".into(), ..node.clone() },
        Node { uuid: "x\nExecStartPre=+/bin/sh".to_owned(), ..node },
    ];
    assert!(bad.iter().all(|node| render::render(node, of_user).is_err()));
}

#[test]
fn old_systemd_gets_values_that_it_knows() {
    let mut node = node_at(Path::new("/var/antctl/services/antnode0001"));
    node.manager = ManagerKind::new(Program::Systemd, Scope::Sudo);
    for (log_dir, version, group, want) in [
        (
            "/l",
            247,
            Group::Own,
            &["Type=exec", "StandardError=append:/var/antctl/services/.wnm/antnode0001/stderr.log"][..],
        ),
        ("/l", 239, Group::Own, &["Type=simple", "StandardError=journal"]),
        ("/var/log/antnode0001", 252, Group::Own, &["LogsDirectory=antnode0001", "LogsDirectoryMode=0755"]),
        (
            "/var/log/a b/antnode0001",
            252,
            Group::Operator(7),
            &["LogsDirectory=\"a b/antnode0001\"", "LogsDirectoryMode=2775"],
        ),
    ] {
        node.log_dir = log_dir.into();
        let unit =
            render::render(&node, Surroundings { scope: Scope::Sudo, group, slice: None, version: Version(version) });
        let unit = unit.unwrap();
        assert!(want.iter().all(|line| unit.lines().any(|present| present == *line)), "{unit}");
    }
    // systemd would give the part before the colon to the user of the nodes.
    let foreign = ["/var/log/journal:x/antnode0001", "/var/log/a/../journal/antnode0001"];
    for shared in ["/var/log", "/var/log/nodes", "/srv/antnode0001"].into_iter().chain(foreign) {
        node.log_dir = shared.into();
        let unit = render::render(
            &node,
            Surroundings { scope: Scope::Sudo, group: Group::Own, slice: None, version: Version::CURRENT },
        );
        assert!(!unit.unwrap().contains("LogsDirectory"), "{shared}");
    }
}

#[test]
fn growing_error_file_is_emptied_at_the_start() {
    let fake = user(|line| match line {
        line if line.ends_with("--version") => Ok(Output::success("systemd 241 (241)\n")),
        line => calm(line),
    });
    let node = fake.node();
    fake.systemd.define(&node).unwrap();
    let log = node_dir::errors_log(&node);
    fs::write(&log, "of the last start").unwrap();
    fake.systemd.start(&node).unwrap();
    assert_eq!(fs::read(&log).unwrap(), b"");
}

#[test]
fn other_unit_of_node_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let node = node_at(&folder.path().join("antnode0001"));
    let unit = |name: &str, root: &Path| {
        let text = format!("[Service]\nExecStart=/opt/antnode --root-dir={} --port 1\n", root.display());
        fs::write(folder.path().join(name), text).unwrap();
    };
    unit("antnode0002.service", Path::new("/elsewhere/antnode0001"));
    unit("forgotten.service", &node.root_dir);
    let other = Node { id: NodeId::FIRST.next(), ..node_at(&folder.path().join("another")) };
    let holders = |own: &str, is_active: bool| {
        let [one, both] = [&[&node][..], &[&other, &node]].map(|nodes| {
            holders_in(
                folder.path(),
                nodes,
                |_, name| name == own,
                |units| {
                    let active = units.iter().filter(|_| is_active);
                    active.cloned().collect()
                },
            )
        });
        assert_eq!(one, both, "whether one is asked about or many");
        one
    };
    let found = [(node.id, format!("unit {}", folder.path().join("forgotten.service").display()))];
    assert_eq!(holders("", false), []);
    assert_eq!(holders("", true), found);
    assert_eq!(holders("forgotten.service", true), []);
    fs::create_dir(folder.path().join("multi-user.target.wants")).unwrap();
    std::os::unix::fs::symlink("/x", folder.path().join("multi-user.target.wants/forgotten.service")).unwrap();
    assert_eq!(holders("", false), found);
}

/// Files by their name, with their texts.
fn texts(paths: &[PathBuf]) -> Vec<Option<String>> {
    paths.iter().map(|path| fs::read_to_string(path).ok()).collect()
}

#[test]
fn conversion_that_was_cut_at_any_step_is_completed() {
    let fake = FakeSystemd::new(Scope::Sudo, Rights::Own, |_| Ok(Output::success("")));
    let mut node = fake.node();
    node.binary = node.root_dir.join("antnode");
    fs::write(&node.binary, "program").unwrap();
    // As an earlier release left them.
    let unit = fake.systemd.path(&node);
    fs::create_dir_all(unit.parent().unwrap()).unwrap();
    let before = format!("[Unit]\nX-Wnm-Uuid={}\n[Service]\nExecStart=/old\n", node.uuid);
    fs::write(&unit, &before).unwrap();
    let old_definition = node.root_dir.join(".wnm-definition");
    fs::write(&old_definition, serde_json::to_vec(&node).unwrap()).unwrap();
    fake.systemd.protect(&node).unwrap();
    let folder = node_dir::protected(&node).unwrap();
    let made = [folder.join("antnode"), unit.clone(), folder.join(".wnm-definition")];
    let complete = texts(&made);
    assert!(complete.iter().all(Option::is_some) && complete[1].as_deref() != Some(before.as_str()), "{complete:?}");
    assert!(!old_definition.exists());

    // Cut after none, one or two of the files, in the order in which they appear, and with half of the next one.
    for done in 0..made.len() {
        for half in [false, true] {
            for path in &made[done..] {
                let _ = fs::remove_file(path);
                let mut draft = path.file_name().unwrap().to_owned();
                draft.push(".tmp");
                if half && path == &made[done] && folder.exists() {
                    fs::write(path.with_file_name(draft), "ha").unwrap();
                }
            }
            if done < 2 {
                fs::write(&unit, &before).unwrap();
            }
            if done == 0 && !half {
                fs::remove_dir_all(&folder).unwrap();
            }
            fs::write(&old_definition, serde_json::to_vec(&node).unwrap()).unwrap();
            fake.systemd.protect(&node).unwrap();
            assert_eq!(texts(&made), complete, "cut after {done} files, half of the next: {half}");
            assert!(!old_definition.exists());
            assert_eq!(fs::read_to_string(&node.binary).unwrap(), "program");
            assert!(crate::manager::unprotected(&[&node]).is_empty());
        }
    }
}

/// The variables of a node with a secret, and the secret.
fn secret() -> (Vec<(String, String)>, &'static str) {
    let pairs = [("API_KEY", "s3cr$t \"x\""), ("RUST_LOG", "info")];
    (pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(), "s3cr")
}

#[test]
fn environment_is_only_in_a_private_file() {
    for scope in [Scope::Sudo, Scope::User] {
        let fake = FakeSystemd::new(scope, Rights::Own, calm);
        let (environment, secret) = secret();
        let node = Node { environment, ..fake.node() };
        // The user of the nodes does not exist on each test host.
        let text = render::render(&node, fake.systemd.surroundings()).unwrap();
        fake.systemd.write_service(&node, &text).unwrap();
        assert!(!text.contains(secret) && !text.contains("RUST_LOG"), "{text}");
        let file = environment::file(&node).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        let unit = Unit::read(&fake.systemd.path(&node)).unwrap().unwrap();
        let mut read = unit.environment().unwrap();
        read.retain(|(name, _)| name != "HOME");
        assert_eq!(read, node.environment);
        assert!(!unit.shows(&node.environment));
        // A node that has no environment any more.
        let plain = Node { environment: Vec::new(), ..node };
        let text = render::render(&plain, fake.systemd.surroundings()).unwrap();
        fake.systemd.write_service(&plain, &text).unwrap();
        assert!(!text.contains("EnvironmentFile") && !file.exists());
    }
}

#[test]
fn units_that_show_an_environment_are_converted() {
    for scope in [Scope::Sudo, Scope::User] {
        let fake = FakeSystemd::new(scope, Rights::Own, calm);
        let (environment, secret) = secret();
        let mut node = Node { environment, ..fake.node() };
        node.binary = node.root_dir.join("antnode");
        fs::write(&node.binary, "program").unwrap();
        definition::write(&node).unwrap();
        let unit = fake.systemd.path(&node);
        fs::create_dir_all(unit.parent().unwrap()).unwrap();
        let old = format!(
            "[Unit]\nX-Wnm-Uuid={}\n[Service]\nExecStart=/old\nEnvironment=\"API_KEY=s3cr$t \\\"x\\\"\"\n",
            node.uuid
        );
        let file = environment::file(&node).unwrap();
        // Cut before the file, and between the file and the unit.
        for has_file in [false, true] {
            fs::write(&unit, &old).unwrap();
            if has_file {
                fs::write(&file, "half").unwrap();
            }
            fake.systemd.protect(&node).unwrap();
            let text = fs::read_to_string(&unit).unwrap();
            assert!(text.contains("EnvironmentFile=") && !text.contains(secret), "{text}");
            assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
            assert!(fake.systemd.dirty.load(Ordering::Relaxed), "systemd reads the unit anew");
            let written = fs::metadata(&unit).unwrap().ino();
            fake.systemd.protect(&node).unwrap();
            assert_eq!(fs::metadata(&unit).unwrap().ino(), written);
        }
        // A unit of another tool stays until the next start of the node.
        let foreign = old.replace(&node.uuid, "another");
        fs::write(&unit, &foreign).unwrap();
        fake.systemd.protect(&node).unwrap();
        assert_eq!(fs::read_to_string(&unit).unwrap(), foreign);
    }
}

#[test]
fn journal_of_a_node_is_that_of_its_unit() {
    let fake = user(calm);
    let line = |follow| fake.systemd.log(&fake.node(), 20, follow).unwrap().to_string();
    let journal = "journalctl --no-pager --quiet --output=short-iso --lines=20 --user-unit=antnode0001.service";
    assert_eq!(line(Follow::No), journal);
    assert_eq!(line(Follow::Yes), format!("{journal} --follow"));
}

/// Returns the unit of a node in a scope; None where the node is refused with a hint.
fn unit_of(field: &str, node: &Node, scope: Scope) -> Option<String> {
    let surroundings = render::Surroundings {
        scope,
        group: render::Group::Own,
        slice: Some("wnm-1.slice"),
        version: version::Version::CURRENT,
    };
    match render::render(node, surroundings) {
        Ok(text) => Some(text),
        Err(error) => {
            assert!(error.hint().is_some(), "{field}: {error}");
            None
        }
    }
}

#[test]
fn hostile_texts_are_read_back_from_a_unit_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut written = 0;
    for (field, node) in hostile_nodes(folder.path()) {
        for scope in [Scope::User, Scope::Sudo] {
            let Some(text) = unit_of(&field, &node, scope) else { continue };
            written += 1;
            let unit = Unit::parse(&text);
            let command = [vec![node.binary.display().to_string()], node.flavor.arguments(&node)].concat();
            assert_eq!(unit.command(), Some(command), "{field}\n{text}");
            for key in ["ExecStartPre", "Alias"] {
                assert_eq!(
                    unit.values("Service", key).chain(unit.values("Install", key)).count(),
                    0,
                    "{field}\n{text}"
                );
            }
        }
    }
    assert!(written > 100, "{written}");
}

/// Returns nodes whose log folder below `/var/log` has a hostile text on its way.
fn hostile_logs(folder: &Path) -> Vec<Node> {
    let inside = |text: &&str| Path::new("/var/log").join(text).join("antnode1");
    let of = |log_dir| Node { log_dir, service: Some("antnode1".to_owned()), ..node_at(&folder.join("n0")) };
    HOSTILE.iter().map(inside).map(of).collect()
}

#[test]
fn hostile_log_folders_are_read_back_from_units_and_drop_ins_or_left_out() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("antnode1.service"), "[Service]\nExecStart=/bin/true\n").unwrap();
    let external = external::ExternalUnits::below(folder.path(), Scope::Sudo, Exec::scripted(|call| panic!("{call}")));
    let external = external.unit("antnode1").unwrap();
    let mut read = 0;
    for node in hostile_logs(folder.path()) {
        let units = [unit_of("log_dir", &node, Scope::Sudo), Some(external.text(&node, Some("wnm-1")))];
        for text in units.iter().flatten() {
            let unit = Unit::parse(text);
            for key in ["ExecStartPre", "Alias"] {
                assert_eq!(unit.values("Service", key).chain(unit.values("Install", key)).count(), 0, "{text}");
            }
            let Some(logs) = unit.value("Service", "LogsDirectory") else { continue };
            let expected = node.log_dir.strip_prefix("/var/log").unwrap().to_str().unwrap().to_owned();
            assert_eq!(super::unit::split(logs, super::unit::WordContext::Other), Some(vec![expected]), "{text}");
            read += 1;
        }
    }
    assert!(read > 10, "{read}");
}

#[test]
fn unit_that_is_a_link_is_listed_with_the_way_to_import_its_node() {
    let fake = user(calm);
    let units = fake.folder.path().join("units");
    let elsewhere = fake.folder.path().join("mine.service");
    fs::create_dir_all(&units).unwrap();
    fs::write(&elsewhere, "[Service]\nExecStart=/opt/ant-node --root-dir /srv/n1 --port 1\n").unwrap();
    for (name, target) in
        [("mine", elsewhere.as_path()), ("antnode0007", &elsewhere), ("antnode0009", Path::new("/dev/null"))]
    {
        std::os::unix::fs::symlink(target, units.join(format!("{name}.service"))).unwrap();
    }
    std::os::unix::fs::symlink("/usr/lib/systemd/system/dbus.service", units.join("dbus.service")).unwrap();
    let services = fake.systemd.services().unwrap();
    let listed: Vec<_> =
        services.iter().map(|one| (one.name.as_str(), one.folder.as_deref(), one.fault.is_some())).collect();
    let folder = Some(Path::new("/srv/n1"));
    assert_eq!(listed, [("antnode0009", None, false), ("antnode0007", folder, true), ("mine", folder, true)]);
    let fault = services[2].fault.as_deref().unwrap();
    assert!(fault.contains(elsewhere.to_str().unwrap()) && fault.contains("copy"), "{fault}");
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn units_with_hostile_texts_are_verified_by_systemd_as_root() {
    let folder = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    let service = folder.path().join("antnode1.service");
    for (number, node) in hostile_logs(folder.path()).into_iter().enumerate() {
        fs::write(&service, "[Service]\nExecStart=/bin/true\n").unwrap();
        let external =
            external::ExternalUnits::below(folder.path(), Scope::Sudo, Exec::scripted(|call| panic!("{call}")));
        let drop_in = external.unit("antnode1").unwrap().text(&node, Some("wnm-1"));
        let unit = folder.path().join(format!("logs{number}.service"));
        fs::create_dir(unit.with_added_extension("d")).unwrap();
        fs::write(unit.with_added_extension("d").join("50-wnm-slice.conf"), drop_in).unwrap();
        fs::rename(&service, &unit).unwrap();
        units.push(unit);
    }
    for (number, (field, node)) in hostile_nodes(folder.path()).into_iter().enumerate() {
        for scope in [Scope::User, Scope::Sudo] {
            let Some(text) = unit_of(&field, &node, scope) else { continue };
            let unit = folder.path().join(format!("antnode{number}{scope:?}.service"));
            fs::write(&unit, text).unwrap();
            units.push(unit);
        }
    }
    let verified = std::process::Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(&units)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && said.is_empty(), "{said}");
    assert!(units.len() > 100, "{}", units.len());
}
