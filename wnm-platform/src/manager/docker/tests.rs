//! The calls of docker, and its answers as parsed. The conformance suite tests the manager on real containers.

use std::sync::{Arc, Mutex};

use wnm_core::{Program, Scope};

use super::*;
use crate::exec::{Environment, Output};
use crate::node_dir::tests::node_at;

const KIND: ManagerKind = ManagerKind::new(Program::Docker, Scope::User);

/// Returns a docker that gives these outputs in order, and the log of the calls it received.
fn scripted(answers: Vec<Output>) -> (Docker, Arc<Mutex<Vec<String>>>) {
    scripted_by(Engine::Docker, answers)
}

fn scripted_by(engine: Engine, answers: Vec<Output>) -> (Docker, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (log, answers) = (Arc::clone(&asked), Mutex::new(answers.into_iter()));
    let exec = Exec::scripted(move |call| {
        let words: Vec<_> = call.arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        log.lock().unwrap().push(words.join(" "));
        Ok(answers.lock().unwrap().next().unwrap_or_default())
    });
    let docker = Docker::with(KIND, &Options::default(), exec, Processes::of_host());
    docker.engine.set(engine).unwrap();
    (docker, asked)
}

fn line(name: &str, status: &str, pid: u32, code: i64, root: &str) -> String {
    format!(r#"{{"name":"/{name}","status":"{status}","pid":{pid},"code":{code},"root":"{root}","digest":""}}"#)
}

/// podman forgets the stop of a container whose process ends at the same moment.
#[test]
fn stop_removes_a_container_that_podman_has_just_started_again() {
    let node = node_at(Path::new("/s/antnode0001"));
    let name = node.service_name();
    let (now, own) = (jiff::Timestamp::now(), std::process::id());
    let long_ago = now - jiff::SignedDuration::from_secs(60);
    let running = |finished: jiff::Timestamp, restarts: u32| {
        Output::success(format!(
            r#"{{"name":"{name}","status":"running","pid":{own},"code":0,"finished":"{finished}","restarts":{restarts},"root":"/s/antnode0001"}}"#
        ))
    };
    for (finished, restarts, expected) in
        [(now, 1, "rm --force"), (now, 0, "stop --time"), (long_ago, 1, "stop --time")]
    {
        // The process of the first inspection ended in the middle.
        let ended = Output {
            code: Some(125),
            stderr: b"Error: read /proc/7/cgroup: no such process".to_vec(),
            ..Output::default()
        };
        let (docker, asked) =
            scripted_by(Engine::Podman, vec![ended, running(finished, restarts), Output::success("")]);
        docker.stop(&node, StopSignal::Term).unwrap();
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), 3, "{asked:?}");
        assert!(asked[2].contains(expected), "{asked:?}");
    }
}

#[test]
fn start_does_not_wait_for_docker_to_start_a_container_again() {
    let node = node_at(Path::new("/s/antnode0001"));
    for (status, pid, calls) in [
        ("restarting", 0, &["container kill --signal KILL antnode0001", "container start antnode0001"][..]),
        // A container of docker is "restarting" for a moment after its new process has begun.
        ("restarting", 7, &["container start antnode0001"]),
        ("running", 7, &["container start antnode0001"]),
        ("exited", 0, &["container start antnode0001"]),
    ] {
        let (docker, asked) = scripted(vec![
            Output::success(line("antnode0001", status, pid, 134, "/s/antnode0001")),
            Output::success(""),
            Output::success(""),
        ]);
        docker.start(&node).unwrap();
        assert_eq!(asked.lock().unwrap()[1..], *calls, "{status} {pid}");
    }
    // The container of another node with this name stays as it is.
    let foreign = Output::success(line("antnode0001", "restarting", 0, 134, "/s/other"));
    let (docker, asked) = scripted(vec![foreign, Output::success("")]);
    docker.start(&node).unwrap();
    assert_eq!(asked.lock().unwrap()[1..], ["container start antnode0001"]);
}

#[test]
fn survey_is_one_call() {
    let nodes: Vec<Node> = (1..=6)
        .map(|number| Node {
            id: NodeId::new(number).unwrap(),
            root_dir: format!("/s/antnode{number:04}").into(),
            binary: std::env::current_exe().unwrap(),
            ..node_at(Path::new("/s/x"))
        })
        .collect();
    let own = std::process::id();
    let lines = [
        line("antnode0001", "running", own, 0, "/s/antnode0001"),
        line("antnode0002", "exited", 0, 137, "/s/antnode0002"),
        line("antnode0003", "restarting", 0, 0, "/s/antnode0003"),
        line("antnode0004", "restarting", 0, 1, "/s/antnode0004"),
        line("antnode0005", "running", own, 0, "/another/colony/antnode0005"),
    ];
    let stderr = b"Error: No such container: antnode0006\n".to_vec();
    let answer = Output { code: Some(1), stderr, ..Output::success(lines.join("\n")) };
    let (docker, asked) = scripted(vec![answer]);
    let seen = docker.survey(&nodes.iter().collect::<Vec<_>>());
    let words: Vec<_> = seen
        .values()
        .map(|service| match service {
            Service::Running(process) if process.pid == own => "running",
            Service::Running(_) => "another",
            Service::Stopped => "stopped",
            Service::Unknown(_) => "unknown",
        })
        .collect();
    assert_eq!(words, ["running", "stopped", "unknown", "stopped", "stopped", "stopped"]);
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn restart_counts_are_one_call() {
    let nodes = [1, 2].map(|number| Node { id: NodeId::new(number).unwrap(), ..node_at(Path::new("/s/x")) });
    let stderr = b"Error: No such container: antnode0002\n".to_vec();
    let (docker, asked) = scripted(vec![Output { code: Some(1), stderr, ..Output::success("/antnode0001 7\n") }]);
    let counted = docker.restarts(&nodes.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(counted, [(NodeId::FIRST, 7)].into());
    assert_eq!(asked.lock().unwrap().len(), 1);
}

/// A container that runs again shows exit code 0; the events of the engine have its last end.
#[test]
fn end_before_a_restart_is_read_from_the_events() {
    let nodes = [1, 2, 3].map(|number| {
        let root_dir = format!("/s/antnode{number:04}").into();
        Node { id: NodeId::new(number).unwrap(), root_dir, ..node_at(Path::new("/s/x")) }
    });
    for (engine, event) in [(Engine::Docker, "event=die"), (Engine::Podman, "event=died")] {
        let lines = [
            line("antnode0001", "running", 7, 0, "/s/antnode0001"),
            line("antnode0002", "exited", 0, 7, "/s/antnode0002"),
            line("antnode0003", "running", 8, 0, "/s/antnode0003"),
        ];
        let events = "antnode0001 1\nantnode0001 134\n\nantnode0003 x\n";
        let (docker, asked) = scripted_by(engine, vec![Output::success(lines.join("\n")), Output::success(events)]);
        let begun = jiff::Timestamp::now();
        let exits = docker.exits(&nodes.iter().collect::<Vec<_>>());
        let expected = [(nodes[0].id, ExitStatus::Signal(6)), (nodes[1].id, ExitStatus::Code(7))];
        assert_eq!(exits, expected.into());
        let asked = asked.lock().unwrap();
        assert!(asked[1].starts_with("events --since 1h --until ") && asked[1].contains(event), "{asked:?}");
        // An end of this second is among them.
        let until: jiff::Timestamp = asked[1].split(' ').nth(4).unwrap().parse().unwrap();
        assert!(begun <= until && until <= jiff::Timestamp::now(), "{asked:?}");
        assert!(asked[1].contains("container=antnode0001") && !asked[1].contains("antnode0002"), "{asked:?}");
    }
}

#[test]
fn failed_docker_makes_state_unknown() {
    let node = node_at(Path::new("/s/antnode0001"));
    let said = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
    let (docker, _) = scripted(vec![Output::failure(1, said)]);
    let Some(Service::Unknown(why)) = docker.survey(&[&node]).remove(&node.id) else { panic!("not unknown") };
    let text = "the docker daemon does not run (`docker container inspect antnode0001`)";
    assert_eq!(why, format!("{text}; hint: start it with `systemctl start docker`"));
    let (docker, _) = scripted(vec![Output::failure(1, said), Output::failure(1, said)]);
    let error = docker.stop(&node, StopSignal::Term).unwrap_err().to_string();
    assert_eq!(error, text);
    // A name that only begins like the one asked for is another's.
    let other = Output::failure(1, format!("Error: No such container: {}2", node.id.name()));
    let (docker, _) = scripted(vec![other]);
    assert!(matches!(docker.survey(&[&node])[&node.id], Service::Unknown(_)));
}

#[test]
fn podman_stops_containers_itself() {
    let folder = tempfile::tempdir().unwrap();
    let node = node_at(folder.path());
    let root = folder.path().display().to_string();
    for (version, calls) in [
        (
            "podman version 4.3.1\n",
            ["--fork docker container stop --time 20 antnode0001", "container rm --force --time 0 antnode0001"],
        ),
        (
            "Docker version 20.10.24\n",
            ["container kill --signal TERM antnode0001", "container kill --signal KILL antnode0001"],
        ),
    ] {
        for (signal, call) in [StopSignal::Term, StopSignal::Kill].into_iter().zip(calls) {
            let running = Output::success(line("antnode0001", "running", u32::MAX, 0, &root));
            let (docker, asked) = scripted(vec![running, Output::success(version), Output::success("")]);
            let docker = Docker { engine: OnceLock::new(), ..docker };
            docker.stop(&node, signal).unwrap();
            assert_eq!(asked.lock().unwrap()[1..], ["--version", call]);
        }
    }
}

#[test]
fn container_that_podman_restarts_is_not_stopped() {
    let node = node_at(Path::new("/s/antnode0001"));
    let state = |engine: Engine, code: i64, finished: &str| {
        let line = line("antnode0001", "exited", 0, code, "/s/antnode0001");
        let line = line.replace("\"root\"", &format!("\"finished\":\"{finished}\",\"root\""));
        let (docker, _) = scripted(vec![Output::success(line)]);
        let docker = Docker { engine: OnceLock::from(engine), ..docker };
        docker.survey(&[&node]).remove(&node.id).unwrap()
    };
    let now = jiff::Timestamp::now().to_string();
    assert!(matches!(state(Engine::Podman, 0, &now), Service::Unknown(_)));
    assert_eq!(state(Engine::Podman, 1, &now), Service::Stopped);
    assert_eq!(state(Engine::Podman, 0, "2026-01-01T00:00:00.123456789+01:00"), Service::Stopped);
    for odd in ["0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "", "yesterday"] {
        assert_eq!(state(Engine::Podman, 0, odd), Service::Stopped, "{odd}");
    }
    assert_eq!(state(Engine::Docker, 0, &now), Service::Stopped, "docker has a state for that");
}

#[test]
fn engine_is_tried_with_its_image() {
    let (docker, _) = scripted(vec![Output::success(""), Output::success("sha256:0\n")]);
    docker.check().unwrap();
    let (docker, _) = scripted(vec![Output::success(""), Output::failure(1, "Error: No such image: x")]);
    let error = docker.check().unwrap_err();
    assert_eq!(error.to_string(), "image debian:bookworm-slim is not on this host");
    assert_eq!(error.hint().as_deref(), Some("run `docker pull debian:bookworm-slim`"));
    let said = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
    let (docker, _) = scripted(vec![Output::failure(1, said)]);
    assert!(matches!(docker.check().unwrap_err(), PlatformError::Engine { .. }));
}

#[test]
fn cgroup_parent_follows_docker_driver() {
    for (driver, parent) in
        [("systemd\n", Some("wnm-55000.slice")), ("cgroupfs\n", Some("/wnm-55000")), ("none", None), ("", None)]
    {
        let (docker, asked) = scripted(vec![Output::success(driver)]);
        let docker = Docker { group: Some("wnm-55000".to_owned()), ..docker };
        assert_eq!([docker.parent(), docker.parent()], [parent, parent], "{driver}");
        assert_eq!(*asked.lock().unwrap(), ["info --format {{.CgroupDriver}}"]);
    }
    let folder = tempfile::tempdir().unwrap();
    let words = create::words(&node_at(folder.path()), "image:tag", Some("/wnm-55000")).unwrap();
    assert!(words.contains(&"--cgroup-parent=/wnm-55000".to_owned()), "{words:?}");
    let (docker, asked) = scripted(Vec::new());
    assert_eq!(docker.parent(), None);
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn missing_image_has_pull_hint() {
    let folder = tempfile::tempdir().unwrap();
    let node = node_at(folder.path());
    let missing = Output::failure(1, format!("Error: No such container: {}", node.id.name()));
    let no_image = Output::failure(1, "Unable to find image 'debian:bookworm-slim' locally\nError: No such image");
    let (docker, asked) = scripted(vec![missing, no_image]);
    let error = docker.define(&node).unwrap_err();
    let id = node.id;
    let text = format!("cannot create the container of node {id}: image debian:bookworm-slim is not on this host");
    assert_eq!(error.to_string(), text);
    assert_eq!(error.hint().as_deref(), Some("run `docker pull debian:bookworm-slim`"));
    assert!(asked.lock().unwrap()[1].starts_with(&format!("container create --name=antnode{id} --label=wnm.digest=")));
}

#[test]
fn container_of_another_colony_is_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let node = node_at(folder.path());
    let other = || Output::success(line(&node.id.name(), "exited", 0, 0, "/another"));
    let (docker, asked) = scripted(vec![other(), other(), other(), other()]);
    let error = docker.define(&node).unwrap_err().to_string();
    assert!(error.ends_with("is taken by the container of the node at /another"), "{error}");
    assert_eq!(docker.check_name(&node).unwrap_err().to_string(), error);
    docker.stop(&node, StopSignal::Kill).unwrap();
    docker.undefine(&node).unwrap();
    assert!(asked.lock().unwrap().iter().all(|call| call.starts_with("container inspect ")));
}

#[test]
fn create_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a, \"b\"");
    std::fs::create_dir(&root).unwrap();
    let node = Node { environment: vec![("K".into(), "a b=c".into())], manager: KIND, ..node_at(&root) };
    let words = create::words(&node, "image:tag", None).unwrap();
    assert_eq!(words, create::words(&node, "image:tag", None).unwrap());
    let changed =
        create::words(&Node { wallet: wnm_core::FAUCET, arguments: vec!["--relay".into()], ..node }, "image:tag", None);
    assert_ne!(words[1], changed.unwrap()[1]);
    let place = folder.path().to_str().unwrap();
    let is_shown = |word: &&String| {
        !["--label=wnm.digest", "--label=wnm.definition", "--user"].iter().any(|start| word.starts_with(start))
    };
    let shown: Vec<_> = words.iter().filter(is_shown).map(|word| word.replace(place, "/s")).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn values_of_variables_are_in_no_argument_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let environment = vec![pair("API_KEY", "s3cr=t"), pair("EMPTY", ""), pair("PATH", "/opt")];
    let node = Node { environment, manager: KIND, ..node_at(folder.path()) };
    let words = create::words(&node, "image:tag", None).unwrap();
    let call = create::call(Call::new("docker"), &node, words.clone()).unwrap();
    assert!(words.iter().any(|word| word == "--env=API_KEY=s3cr=t"), "the digest covers the values");
    let line: Vec<_> = call.arguments.iter().map(|word| word.to_str().unwrap()).collect();
    assert!(line.contains(&"--env=API_KEY") && line.contains(&"--env=EMPTY") && line.contains(&"--env=PATH=/opt"));
    assert!(line.iter().all(|word| !word.contains("s3cr=t")), "{line:?}");
    let hidden = vec![pair("API_KEY", "s3cr=t"), pair("EMPTY", "")];
    assert_eq!(call.environment, Environment::Inherited(hidden));
    assert_eq!(line.len(), words.len());

    // The engine shows the values to users who may command it, and the definition is complete again.
    let label = line.iter().find_map(|word| word.strip_prefix("--label=wnm.definition=")).unwrap();
    let shown = serde_json::json!({
        "name": "/antnode0001", "status": "exited", "pid": 0, "code": 0, "definition": label,
        "environment": ["PATH=/opt", "HOME=/root", "API_KEY=s3cr=t", "EMPTY="],
    });
    let container = super::container::read(&shown.to_string()).pop().unwrap();
    let here = Folder { path: folder.path().to_owned(), marker: None, flavor: None };
    assert_eq!(container.node(KIND, &here, None).unwrap().node, node);
}

#[test]
fn external_container_is_read_from_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["antnode0007", "antnode0008"].map(|name| folder.path().join(name));
    for root in [&one, &other] {
        std::fs::create_dir(root).unwrap();
        std::fs::write(root.join("secret-key"), [7; 32]).unwrap();
    }
    let line = |name: &str, root: &Path, more: &str, starter: &str| {
        format!(
            r#"{{"name":"/{name}","status":"exited","pid":0,"code":0,"root":"","digest":"","definition":"",
            "program":"/app/antnode","arguments":["--root-dir","{}","--port","55007","--metrics-server-port","13007",
            "--rewards-address","0x00455d78f850b0358E8cea5be24d415E01E107CF"{more},"evm-arbitrum-one"],
            "environment":["PATH=/bin","A=b=c"],"starters":["<no value>",{starter},null]}}"#,
            root.display()
        )
        .replace('\n', "")
    };
    let lines = [
        line("antnode0007", &one, r#","--local""#, r#""""#),
        line("antnode0008", &other, r#","--from-the-future","1""#, r#""farm_node""#),
    ];
    let (docker, _) = scripted(vec![Output::success("a\nb\n"), Output::success(lines.join("\n"))]);
    let found = docker.discover(&[folder.path().to_owned()]).unwrap();
    let node = &found[0].node.as_ref().unwrap().node;
    assert_eq!((node.id.get(), node.ports.node, node.ports.metrics), (7, 55007, Some(13007)));
    assert_eq!((node.arguments.as_slice(), node.uuid.as_str()), (["--local".to_owned()].as_slice(), ""));
    assert_eq!(node.environment, [("A".to_owned(), "b=c".to_owned())]);
    assert!(node.born > wnm_core::Timestamp::default());
    // Unknown arguments are kept.
    let other = found[1].node.as_ref().unwrap();
    assert_eq!(found[0].node.as_ref().unwrap().starter, None);
    assert_eq!(other.starter.as_deref(), Some("docker swarm service farm_node"));
    assert_eq!((found.len(), other.unknown_arguments.join(" ").as_str()), (2, "--from-the-future 1"));
    assert_eq!(other.node.arguments, other.unknown_arguments);
    // The command of the container shows that it runs the node.
    let (docker, _) = scripted(vec![Output::success(lines[0].clone())]);
    assert!(docker.own(node).is_ok_and(|container| container.is_some()));
}

#[test]
fn version_is_asked_in_a_container() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node { root_dir: folder.path().to_owned(), ..node_at(Path::new("/s/antnode0001")) };
    let (docker, _) = scripted(Vec::new());
    let call = docker.as_node(&node, Call::new("/s/antnode0001/antnode").arg("--version")).unwrap().to_string();
    for part in [
        "docker run --rm",
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "target=/s/antnode0001/antnode",
        ",readonly",
        "--entrypoint=/s/antnode0001/antnode",
    ] {
        assert!(call.contains(part), "{call}: {part}");
    }
    assert!(call.ends_with(" --version"), "{call}");
}

#[test]
fn log_of_a_node_is_that_of_its_container() {
    let folder = tempfile::tempdir().unwrap();
    let (docker, _) = scripted(Vec::new());
    let line = |follow| docker.log(&node_at(folder.path()), 20, follow).unwrap().to_string();
    assert_eq!(line(Follow::No), "docker container logs --tail 20 antnode0001");
    assert_eq!(line(Follow::Yes), "docker container logs --tail 20 --follow antnode0001");
}

/// A node in a container writes its folder as the user of wnm.
#[test]
fn only_the_label_of_a_container_defines_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(folder.path()).unwrap().join("antnode0001");
    let node = Node { manager: KIND, ..node_at(&root) };
    crate::node_dir::create(&node, &[root.parent().unwrap().to_owned()]).unwrap();
    std::fs::write(root.join("secret-key"), [7; 32]).unwrap();
    let forged = Node { log_dir: "/etc".into(), ..node.clone() };
    definition::write(&forged).unwrap();
    std::fs::write(root.join(".wnm-removed"), serde_json::to_vec(&forged).unwrap()).unwrap();
    let unlisted = wnm_core::UnlistedFolder { folder: root.clone(), number: node.id, uuid: node.uuid.clone() };
    let settle = |answers: Vec<Output>| {
        let (docker, _) = scripted(answers);
        let proven = super::super::settle_unlisted(&docker, &node.flavor, &unlisted, &[folder.path().to_owned()]);
        proven.unwrap().map(|proven| proven.node)
    };
    assert_eq!(settle(vec![Output::success("")]), None);
    let label = serde_json::json!({
        "name": "/antnode0001", "status": "exited", "pid": 0, "code": 0, "root": root, "digest": "",
        "definition": serde_json::to_string(&node).unwrap(),
    });
    let container = Output::success(label.to_string());
    assert_eq!(settle(vec![Output::success("a\n"), container.clone(), container]), Some(node.clone()));
}

#[test]
fn hostile_texts_reach_the_command_of_a_container_unchanged_or_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut written = 0;
    for (field, node) in crate::node_dir::tests::hostile_nodes(folder.path()) {
        let words = match create::words(&node, "image", None) {
            Ok(words) => words,
            // The folder of a text that is no name does not exist.
            Err(PlatformError::File { .. }) => continue,
            Err(error) => {
                assert!(error.hint().is_some(), "{field}: {error}");
                continue;
            }
        };
        written += 1;
        let call = create::call(Call::new("docker"), &node, words).unwrap();
        let words: Vec<&str> = call.arguments.iter().map(|word| word.to_str().unwrap()).collect();
        let image = words.iter().position(|word| *word == "image").unwrap();
        // docker reads no options after the image.
        assert_eq!(words[image + 1..], node.flavor.arguments(&node), "{field}");
        assert_eq!(words[image - 1], format!("--entrypoint={}", node.binary.display()), "{field}");
        assert!(words[..image].iter().all(|word| word.starts_with("--")), "{field}: {words:?}");
        assert!(!words[..image].iter().any(|word| word.starts_with("--env=A=")), "{field}: {words:?}");
    }
    assert!(written > 70, "{written}");
}
