//! The database of formicaio, which starts nodes as its children, or in containers.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use wnm_core::{Address, Flavor, ManagerKind, Node, NodeId, Ports, Upnp, Version};
use wnm_platform::manager::{Options, OtherContainer};
use wnm_platform::observe::process::{Liveness, ProcessInfo, Processes};
use wnm_platform::other_tools;
use wnm_store::formicaio_db::{self, FormicaioNode};

use super::contained::Contained;
use super::registry::{Entry, Refused, Registry, RegistryError, Retired};

/// The suffix of the database after the takeover: a formicaio that starts later must not find the nodes.
const RETIRED: &str = ".before-wnm";
/// The folder that holds the folders of nodes without one of their own, below the root folder.
const NODE_DATA: &str = "node_data";
/// The root folder below the working directory of formicaio, without `--data-dir-path` and its variable.
const DEFAULT_ROOT: &str = "formicaio_data";
/// The variable of formicaio that names the root folder.
const ROOT_VARIABLE: &str = "NODE_MGR_ROOT_DIR";
/// The digits of the ID of a container, which is the identifier of a node under docker.
const CONTAINER_DIGITS: usize = 64;
/// The folder in a container that holds the program and the folder of its node.
const CONTAINER_ROOT: &str = "/app";
/// The only payment network that formicaio uses.
const NETWORK: &str = "evm-arbitrum-one";

/// The database of formicaio.
pub(crate) struct Formicaio {
    database: PathBuf,
    /// The folders that can hold the nodes whose folder is given relative to the root folder, which the database does not
    /// contain.
    roots: Vec<PathBuf>,
    processes: Processes,
}

/// The status of a node in the database.
#[derive(Debug, PartialEq, Eq, Deserialize)]
enum Status {
    /// It does not run, for a reason.
    Inactive(serde_json::Value),
    /// It runs, or changes between states.
    #[serde(untagged)]
    Other(String),
}

impl Formicaio {
    /// Returns the database at a path, or in the folder at that path.
    pub(crate) fn at(path: &Path) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let database = if path.is_dir() { path.join(formicaio_db::FILE_NAME) } else { path };
        let folder = database.parent().unwrap_or(Path::new("/")).to_owned();
        let mut roots = vec![folder.clone(), folder.join(DEFAULT_ROOT)];
        roots.extend(std::env::var_os(ROOT_VARIABLE).map(PathBuf::from).filter(|root| root.is_absolute()));
        Self { database, roots, processes: Processes::of_host() }
    }

    fn rows(&self) -> Result<Vec<FormicaioNode>, RegistryError> {
        Ok(formicaio_db::read(&self.database, other_tools::open_own(&self.database))?)
    }

    fn retired(&self) -> PathBuf {
        let mut name = self.database.clone().into_os_string();
        name.push(RETIRED);
        name.into()
    }

    /// Returns the root folder and the folder of a node.
    fn folder(&self, node: &FormicaioNode) -> (&Path, PathBuf) {
        let below = node.data_dir.as_deref().unwrap_or(Path::new(NODE_DATA)).join(&node.id);
        let holds = |root: &&PathBuf| root.join(&below).is_dir();
        let root = self.roots.iter().find(holds).or(self.roots.first()).map_or(Path::new("/"), PathBuf::as_path);
        (root, root.join(below))
    }

    /// Tells whether a node is inside a container of its own.
    fn is_contained(&self, row: &FormicaioNode) -> bool {
        row.id.len() == CONTAINER_DIGITS
            && row.id.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !self.folder(row).1.is_dir()
    }

    fn entry(&self, row: FormicaioNode, manager: ManagerKind) -> Result<Entry, Refused> {
        let name = format!("node {}", row.id);
        if row.id.is_empty() || !row.id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err((name, "its identifier has other characters than hexadecimal digits".to_owned()));
        }
        let (root, folder) = self.folder(&row);
        Ok(Entry {
            name,
            number: None,
            version: row.version.as_deref().and_then(Version::find_in),
            peer_id: row.peer_id.clone(),
            status: row.status.as_deref().map(|status| wanted(status).to_owned()),
            node: on_host(&row, root, &folder, manager),
            folder,
        })
    }
}

/// Returns a node inside a container. Its process manager is set when it is known.
fn contained(row: FormicaioNode, options: &Options) -> Contained {
    let container = OtherContainer::named(&row.id, options);
    // The digits that formicaio itself displays.
    let folder_name: String = row.id.chars().take(12).collect();
    let app = Path::new(CONTAINER_ROOT);
    Contained {
        name: format!("node {folder_name}"),
        container,
        folder: app.join(NODE_DATA),
        programs: Flavor::ALL.iter().map(|flavor| app.join(flavor.program())).collect(),
        status: row.status.as_deref().map(|status| wanted(status).to_owned()),
        version: row.version.as_deref().and_then(Version::find_in),
        peer_id: row.peer_id.clone(),
        replaced: Vec::new(),
        node: Box::new({
            let service = folder_name.clone();
            move |flavor, manager| {
                let node = node(&row, None, Path::new("/"), flavor, manager)?;
                Ok(Node { service: Some(service.clone()), ..node })
            }
        }),
        folder_name,
    }
}

/// Returns the process of formicaio on this host that may use a file: any user can give a program that name.
pub(crate) fn runs(processes: &Processes, file: &Path) -> Option<u32> {
    let is_named = |name: &Path| name.file_name().is_some_and(|name| name == "formicaio");
    let is_formicaio =
        |one: &ProcessInfo| one.life == Liveness::Alive && one.program().is_some_and(is_named) && one.may_use(file);
    processes.all().iter().find(|one| is_formicaio(one)).map(|process| process.pid)
}

/// Returns the state that the operator wants, in the word of the Python wnm. A node that ended by itself was not stopped.
fn wanted(status: &str) -> &'static str {
    match serde_json::from_str(status) {
        Ok(Status::Inactive(reason)) if matches!(reason.as_str(), Some("Stopped" | "Created")) => "STOPPED",
        Ok(Status::Other(word)) if matches!(word.as_str(), "Stopping" | "Removing") => "STOPPED",
        Ok(Status::Inactive(_) | Status::Other(_)) => "RUNNING",
        Err(_) => "STOPPED",
    }
}

/// Returns the node in a folder of the host.
fn on_host(row: &FormicaioNode, root: &Path, folder: &Path, manager: ManagerKind) -> Result<Node, String> {
    let flavor = Flavor::ALL.into_iter().find(|flavor| folder.join(flavor.program()).is_file());
    let flavor = flavor.ok_or_else(|| format!("the folder {} holds no program of a node", folder.display()))?;
    node(row, Some(root), folder, flavor, manager)
}

/// Returns the node as the database describes it. `root` is the root folder of formicaio on this host, if it has one.
fn node(
    row: &FormicaioNode,
    root: Option<&Path>,
    folder: &Path,
    flavor: Flavor,
    manager: ManagerKind,
) -> Result<Node, String> {
    let port = row.port.ok_or_else(|| "its port is unknown: the database of formicaio has none".to_owned())?;
    let wallet = row.wallet.as_deref().unwrap_or_default();
    let wallet = format!("0x{}", wallet.strip_prefix("0x").unwrap_or(wallet));
    let wallet: Address = wallet.parse().map_err(|error: wnm_core::WalletError| error.to_string())?;
    Ok(Node {
        id: NodeId::FIRST,
        uuid: String::new(),
        manager,
        // Its folder keeps its name, so that its number is free to choose.
        service: Some(row.id.clone()),
        log_dir: folder.join("logs"),
        binary: folder.join(flavor.program()),
        ports: Ports { node: port, metrics: row.metrics_port, rpc: None },
        wallet,
        network: vec![NETWORK.to_owned()],
        arguments: arguments(row, root, &flavor),
        environment: Vec::new(),
        upnp: if flavor == Flavor::Antnode && row.upnp == Some(false) { Upnp::Off } else { Upnp::On },
        born: super::read_folder(folder).identity.unwrap_or_default(),
        flavor,
        root_dir: folder.to_owned(),
    })
}

/// Returns the arguments that formicaio adds to those that wnm gives every node.
fn arguments(row: &FormicaioNode, root: Option<&Path>, flavor: &Flavor) -> Vec<String> {
    let mut words = Vec::new();
    if *flavor == Flavor::AntNode {
        if row.ip_version.as_deref() == Some("ipv4") {
            words.push("--ipv4-only".to_owned());
        }
        return words;
    }
    if let Some(root) = root {
        words.extend(["--bootstrap-cache-dir".to_owned(), root.join("bootstrap_cache").display().to_string()]);
    }
    if let Some(address) = row.listen_address.as_deref().filter(|address| address.parse::<std::net::IpAddr>().is_ok()) {
        words.extend(["--ip".to_owned(), address.to_owned()]);
    }
    if row.home_network == Some(true) {
        words.push("--relay".to_owned());
    }
    if row.reachability_check == Some(false) {
        words.push("--skip-reachability-check".to_owned());
    }
    words
}

impl Registry for Formicaio {
    fn tool(&self) -> &'static str {
        "formicaio"
    }

    fn entries(&self, manager: ManagerKind) -> Result<Vec<Result<Entry, Refused>>, RegistryError> {
        let mut rows = self.rows()?;
        rows.retain(|row| !self.is_contained(row));
        Ok(rows.into_iter().map(|row| self.entry(row, manager)).collect())
    }

    fn contained(&self, options: &Options) -> Result<(Vec<Contained>, Vec<Refused>), RegistryError> {
        let mut rows = self.rows()?;
        rows.retain(|row| self.is_contained(row));
        Ok((rows.into_iter().map(|row| contained(row, options)).collect(), Vec::new()))
    }

    fn check_unsupervised(&self) -> Result<(), RegistryError> {
        runs(&self.processes, &self.database).map_or(Ok(()), |pid| Err(RegistryError::FormicaioRuns { pid }))
    }

    fn changes(&self) -> Vec<String> {
        let (from, to) = (self.database.display(), self.retired());
        vec![format!("{from} is renamed to {}, so that formicaio does not start these nodes", to.display())]
    }

    fn retire(&self) -> Result<Retired, RegistryError> {
        self.check_unsupervised()?;
        Retired::rename(self.database.clone(), self.retired(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use wnm_core::{Program, Scope};

    const KIND: ManagerKind = ManagerKind::new(Program::Setsid, Scope::User);

    fn row(id: &str, change: impl FnOnce(&mut FormicaioNode)) -> FormicaioNode {
        let mut row = FormicaioNode {
            id: id.to_owned(),
            port: Some(12_000),
            metrics_port: Some(14_000),
            wallet: Some("00455d78f850b0358E8cea5be24d415E01E107CF".to_owned()),
            ..FormicaioNode::default()
        };
        change(&mut row);
        row
    }

    #[test]
    fn wanted_states() {
        for (status, expected) in [
            (r#""Active""#, "RUNNING"),
            (r#""Upgrading""#, "RUNNING"),
            (r#""Stopping""#, "STOPPED"),
            (r#"{"Inactive":"Stopped"}"#, "STOPPED"),
            (r#"{"Inactive":"Created"}"#, "STOPPED"),
            (r#"{"Inactive":"Unknown"}"#, "RUNNING"),
            (r#"{"Inactive":{"Exited":"signal: 9"}}"#, "RUNNING"),
            (r#"{"Else":1}"#, "STOPPED"),
            ("", "STOPPED"),
        ] {
            assert_eq!(wanted(status), expected, "{status}");
        }
    }

    #[test]
    fn row_describes_a_node() {
        let home = tempfile::tempdir().unwrap();
        let make = |folder: &str, program: &str| {
            let folder = home.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(program), "").unwrap();
        };
        make("node_data/0a1b2c3d4e5f", "ant-node");
        make("formicaio_data/disk2/aaaaaaaaaaaa", "antnode");
        make("elsewhere/bbbbbbbbbbbb", "ant-node");
        make("node_data/cccccccccccc", "README");
        let formicaio = Formicaio::at(home.path());
        assert_eq!(formicaio.database, home.path().join("formicaio.db"));
        let elsewhere = home.path().join("elsewhere");
        let rows = [
            row("0a1b2c3d4e5f", |row| row.ip_version = Some("ipv4".to_owned())),
            row("aaaaaaaaaaaa", |row| {
                row.data_dir = Some("disk2".into());
                (row.upnp, row.reachability_check, row.home_network) = (Some(false), Some(false), Some(true));
                row.listen_address = Some("0.0.0.0".to_owned());
            }),
            row("bbbbbbbbbbbb", |row| row.data_dir = Some(elsewhere)),
            row("cccccccccccc", |_| ()),
            row("dddddddddddd", |_| ()),
            row("../../etc", |_| ()),
            row("0a1b2c3d4e5f", |row| row.port = None),
            row("0a1b2c3d4e5f", |row| row.wallet = Some("0x12".to_owned())),
        ];
        assert!(formicaio.is_contained(&row(&"e".repeat(64), |_| ())));
        assert!(!rows.iter().any(|row| formicaio.is_contained(row)));
        let shown = rows.map(|row| match formicaio.entry(row, KIND) {
            Err((name, reason)) => format!("{name}: {reason}"),
            Ok(Entry { node: Err(reason), folder, .. }) => format!("{}: {reason}", folder.display()),
            Ok(Entry { node: Ok(node), .. }) => {
                let (root, program, wallet) = (node.root_dir.display(), node.flavor.program(), node.wallet);
                format!("{root}: {program} {wallet} {:?} {}", node.upnp, node.arguments.join(" ")).trim_end().to_owned()
            }
        });
        insta::assert_snapshot!(shown.join("\n").replace(home.path().to_str().unwrap(), "HOME"), @"
        HOME/node_data/0a1b2c3d4e5f: ant-node 0x00455d78f850b0358E8cea5be24d415E01E107CF On --ipv4-only
        HOME/formicaio_data/disk2/aaaaaaaaaaaa: antnode 0x00455d78f850b0358E8cea5be24d415E01E107CF Off --bootstrap-cache-dir HOME/formicaio_data/bootstrap_cache --ip 0.0.0.0 --relay --skip-reachability-check
        HOME/elsewhere/bbbbbbbbbbbb: ant-node 0x00455d78f850b0358E8cea5be24d415E01E107CF On
        HOME/node_data/cccccccccccc: the folder HOME/node_data/cccccccccccc holds no program of a node
        HOME/node_data/dddddddddddd: the folder HOME/node_data/dddddddddddd holds no program of a node
        node ../../etc: its identifier has other characters than hexadecimal digits
        HOME/node_data/0a1b2c3d4e5f: its port is unknown: the database of formicaio has none
        HOME/node_data/0a1b2c3d4e5f: invalid rewards address \"0x12\": not 0x and 40 hexadecimal digits
        ");
    }

    #[test]
    #[ignore = "needs root; .ci/root-tests runs it"]
    fn program_of_another_user_with_the_name_of_formicaio_delays_nothing_as_root() {
        let home = tempfile::tempdir().unwrap();
        let process = home.path().join("proc/4711");
        fs::create_dir_all(&process).unwrap();
        fs::write(process.join("stat"), format!("4711 (formicaio) S 1 {}9 9 9", "0 ".repeat(17))).unwrap();
        std::os::unix::fs::symlink("/tmp/formicaio", process.join("exe")).unwrap();
        let database = home.path().join("formicaio.db");
        fs::write(&database, "rows").unwrap();
        let processes = Processes::below(&home.path().join("proc"));
        assert_eq!(runs(&processes, &database), Some(4711));
        std::os::unix::fs::chown(&process, Some(12345), None).unwrap();
        assert_eq!(runs(&processes, &database), None);
        std::os::unix::fs::chown(&database, Some(12345), None).unwrap();
        assert_eq!(runs(&processes, &database), Some(4711));
    }

    #[test]
    #[ignore = "needs root; .ci/root-tests runs it"]
    fn database_behind_a_link_of_another_user_is_not_read_as_root() {
        let home = tempfile::tempdir().unwrap();
        let [own, theirs] = ["own", "theirs"].map(|name| home.path().join(name));
        for folder in [&own, &theirs] {
            fs::create_dir(folder).unwrap();
        }
        let made = rusqlite::Connection::open(own.join("formicaio.db")).unwrap();
        made.execute_batch("CREATE TABLE nodes (node_id TEXT); INSERT INTO nodes VALUES ('0a1b2c3d4e5f')").unwrap();
        drop(made);
        assert_eq!(Formicaio::at(&own).rows().unwrap().len(), 1);
        std::os::unix::fs::symlink(&own, theirs.join("way")).unwrap();
        std::os::unix::fs::lchown(theirs.join("way"), Some(12345), None).unwrap();
        std::os::unix::fs::symlink(own.join("formicaio.db"), theirs.join("formicaio.db")).unwrap();
        let refused = |path: &Path| Formicaio::at(path).rows().unwrap_err().to_string();
        assert!(refused(&theirs.join("way")).contains("symbolic link"));
        assert_eq!(Formicaio::at(&theirs).rows().unwrap().len(), 1, "a link of root");
        std::os::unix::fs::lchown(theirs.join("formicaio.db"), Some(12345), None).unwrap();
        assert!(refused(&theirs).contains("symbolic link"));
        std::os::unix::fs::chown(own.join("formicaio.db"), Some(12345), None).unwrap();
        assert!(refused(&own).contains("another user can write it"));
    }

    #[test]
    fn running_formicaio_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let formicaio = |name: &str| {
            let process = home.path().join(format!("proc-of-{name}/4711"));
            fs::create_dir_all(&process).unwrap();
            fs::write(process.join("stat"), format!("4711 ({name}) S 1 {}9 9 9", "0 ".repeat(17))).unwrap();
            std::os::unix::fs::symlink(format!("/opt/{name}"), process.join("exe")).unwrap();
            let processes = Processes::below(&home.path().join(format!("proc-of-{name}")));
            Formicaio { processes, ..Formicaio::at(&home.path().join("formicaio.db")) }
        };
        fs::write(home.path().join("formicaio.db"), "rows").unwrap();
        let error = formicaio("formicaio").retire().err().unwrap();
        assert!(matches!(error, RegistryError::FormicaioRuns { pid: 4711 }), "{error}");
        let retired = formicaio("formica").retire().unwrap();
        assert!(!home.path().join("formicaio.db").exists() && home.path().join("formicaio.db.before-wnm").exists());
        retired.undo();
        assert_eq!(fs::read(home.path().join("formicaio.db")).unwrap(), b"rows");
    }
}
