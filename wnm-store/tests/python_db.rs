//! Databases of the Python wnm: recorded, older, odd and damaged ones. None is ever written.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests, helpers included")]

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;
use wnm_core::RawSettings;
use wnm_store::python_db::{PythonColony, PythonNode, read};
use wnm_store::{Store, StoreError};

fn recorded() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("colony.db");
    let packed = fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/python-colony.db.gz")).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn made(sql: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my colony?#%.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    (folder, path)
}

/// Reads a database, and asserts that no file in its folder changed.
fn read_without_a_write(folder: &TempDir, path: &Path) -> Result<PythonColony, StoreError> {
    let state = || {
        let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        (files, fs::read(path).ok(), fs::metadata(path).and_then(|facts| facts.modified()).ok())
    };
    let before = state();
    let read = read(path, fs::File::open(path), Path::new("/home/op"));
    assert_eq!(state(), before);
    read
}

fn settings(raw: &RawSettings) -> String {
    let set = RawSettings::KEYS.iter().filter_map(|key| Some(format!("{key} = {}\n", raw.get(key)?)));
    set.collect()
}

#[test]
fn column_with_a_name_that_is_not_utf8_hides_no_other() {
    let (folder, path) = made(
        "CREATE TABLE machine (id, ZZZZ, node_cap); CREATE TABLE node (id, ZZZZ, port);
         INSERT INTO machine VALUES (1, 2, 7); INSERT INTO node VALUES (3, 4, 50001);",
    );
    let bytes = fs::read(&path).unwrap();
    let places: Vec<usize> = (0..bytes.len() - 3).filter(|at| bytes[*at..].starts_with(b"ZZZZ")).collect();
    assert_eq!(places.len(), 2);
    let mut bytes = bytes;
    for at in places {
        bytes[at..at + 4].copy_from_slice(b"\xff\xfeZ\xc3");
    }
    fs::write(&path, bytes).unwrap();
    let colony = read_without_a_write(&folder, &path).unwrap();
    assert_eq!(colony.settings.get("node_cap").as_deref(), Some("7"));
    assert_eq!((colony.nodes[0].id, colony.nodes[0].port), (Some(3), Some(50001)));
}

#[test]
fn recorded_colony_is_read() {
    let (folder, path) = recorded();
    let colony = read_without_a_write(&folder, &path).unwrap();
    // The process manager of the recording need not exist in this version.
    let known = "systemd+user".parse::<wnm_core::ManagerKind>().is_ok();
    let problems: Vec<&str> = colony.problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(problems, if known { vec![] } else { vec!["process_manager"; problems.len()] });
    let nodes: Vec<String> = colony
        .nodes
        .iter()
        .map(|node| {
            let known = [&node.status, &node.version, &node.peer_id, &node.wallet, &node.manager];
            let words: Vec<&str> = known.into_iter().map(|text| text.as_deref().unwrap_or("-")).collect();
            let ports = [node.port, node.metrics_port, node.rpc_port].map(Option::unwrap);
            format!(
                "{} {} {ports:?} {} {}\n",
                node.id.unwrap(),
                words.join(" "),
                node.changed.unwrap(),
                node.born.unwrap()
            )
        })
        .collect();
    assert!(colony.nodes.iter().all(|node| node.log_dir.is_none() && node.environment.is_none()));
    let shown = settings(&colony.settings).replace("process_manager = systemd+user\n", "");
    insta::assert_snapshot!(format!("{shown}\n{}\n{:#?}", nodes.concat(), colony.unused));
}

#[test]
fn database_in_a_read_only_folder_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = recorded();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    assert_eq!(read_without_a_write(&folder, &path).unwrap().nodes.len(), 8);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn older_colony_lacks_columns() {
    let (folder, path) = made(
        "CREATE TABLE machine (id INTEGER, node_cap INTEGER, cpu_remove INTEGER, delay_start INTEGER, node_storage TEXT,
             rewards_address TEXT, port_start INTEGER, environment TEXT);
         INSERT INTO machine VALUES (1, 30, 80, 300, '$HOME/my nodes', 'faucet', 55000, '');
         CREATE TABLE node (id INTEGER, manager_type TEXT, root_dir TEXT, port INTEGER, metrics_port INTEGER,
             network TEXT, status TEXT);
         INSERT INTO node VALUES (3, 'systemd', '/nodes/antnode0003', 55003, 13003, 'evm-arbitrum-one', 'RUNNING');",
    );
    let colony = read_without_a_write(&folder, &path).unwrap();
    let expected = "node_cap = 30\ncpu_remove = 80\ndelay_start = 300\nrewards_address = faucet\n\
                    node_storage = /home/op/my nodes\nport_start = 55\nnetwork = evm-arbitrum-one\nno_upnp = false\npreset = classic\n";
    assert_eq!(settings(&colony.settings).replace("process_manager = systemd+sudo\n", ""), expected);
    let node = PythonNode {
        id: Some(3),
        manager: Some("systemd+sudo".to_owned()),
        root_dir: Some("/nodes/antnode0003".into()),
        port: Some(55003),
        metrics_port: Some(13003),
        network: Some("evm-arbitrum-one".to_owned()),
        status: Some("RUNNING".to_owned()),
        ..PythonNode::default()
    };
    assert_eq!(colony.nodes, [node]);
}

#[test]
fn odd_values_are_read_as_far_as_possible() {
    let (folder, path) = made(
        "CREATE TABLE machine (id, node_cap, cpu_less_than, mem_remove, delay_start, no_upnp, process_manager,
             rewards_address, hdio_read_less_than, hdio_read_remove, hdio_write_less_than, hdio_write_remove,
             netio_read_less_than, start_args, a_column_of_tomorrow);
         INSERT INTO machine VALUES (7, '40', 150, 75.0, NULL, 1, 'setsid', 'nobody', 0, 0, 0, 0, 5,
             '--log ''unclosed', x'00ff');
         CREATE TABLE node (id, root_dir, port, metrics_port, rpc_port, status, timestamp, age, wallet, method);
         INSERT INTO node VALUES
             (1, '/a b/c', '55001', 13001.0, 13001.5, 'FLYING', 'soon', -5, x'ff', 'docker'),
             ('x', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
             (12345, CAST(x'2fff' AS TEXT), 99999999999, -1, 0, '', 0, 0, '', ''),
             (1, '/a b/c', 55001, 13001, 30001, 'RUNNING', 1, 1, 'faucet', 'setsid');",
    );
    let colony = read_without_a_write(&folder, &path).unwrap();
    insta::assert_snapshot!(format!(
        "{}\n{:#?}",
        settings(&colony.settings),
        (colony.problems, colony.unused, colony.nodes)
    ));
}

#[test]
fn file_that_is_no_colony_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).unwrap();
        folder.path().join(name)
    };
    let (_kept, path) = recorded();
    let whole = fs::read(&path).unwrap();
    let ours = folder.path().join("wnm.db");
    drop(Store::create(&ours).unwrap());
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE songs (name)").unwrap();
    let without_node = folder.path().join("half.db");
    Connection::open(&without_node)
        .unwrap()
        .execute_batch("CREATE TABLE machine (id); INSERT INTO machine VALUES (1)")
        .unwrap();
    let bare = folder.path().join("bare.db");
    Connection::open(&bare).unwrap().execute_batch("CREATE TABLE machine (id); CREATE TABLE node (id)").unwrap();
    let mut scribbled = whole.clone();
    scribbled[4096..12288].fill(0x5a);
    let all = [
        folder.path().join("absent.db"),
        folder.path().to_path_buf(),
        file("empty.db", b""),
        file("text.db", b"node_cap=50\n"),
        file("cut.db", &whole[..whole.len() / 2]),
        file("cut-early.db", &whole[..100]),
        file("scribbled.db", &scribbled),
        ours,
        other,
        without_node,
        bare,
    ];
    let home = folder.path().display().to_string();
    let said: Vec<String> = all
        .iter()
        .map(|path| {
            let error = read_without_a_write(&folder, path).unwrap_err();
            assert!(matches!(error, StoreError::NotOfTool { .. }), "{error:?}");
            error.to_string().replace(&home, "FOLDER").lines().next().unwrap().to_owned()
        })
        .collect();
    insta::with_settings!({filters => vec![(r"(the file is damaged): .*", "$1: …")]}, {
        insta::assert_snapshot!(said.join("\n"));
    });
}

#[test]
fn refused_file_has_the_hint_of_who_refused_it() {
    let (folder, path) = recorded();
    let hint = |error| read(&path, Err(error), folder.path()).unwrap_err().hint().unwrap();
    let by_wnm = io::Error::new(io::ErrorKind::PermissionDenied, "another user can write it");
    assert!(hint(by_wnm).contains(&format!("chown $(id -u) {}", path.display())));
    assert!(hint(io::Error::from_raw_os_error(13)).contains("a user with access"));
}

#[test]
fn colony_with_unfinished_writes_is_an_error() {
    for suffix in ["-journal", "-wal"] {
        let (folder, path) = recorded();
        fs::write(folder.path().join(format!("colony.db{suffix}")), "unfinished").unwrap();
        let error = read_without_a_write(&folder, &path).unwrap_err();
        assert!(matches!(error, StoreError::ToolWrites { .. }), "{error}");
    }
}
