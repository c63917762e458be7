//! The namespaces of a process in comparison with those of wnm: a node in a container beside the nodes of wnm may have
//! the same folder and the same ports, and is another node.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The isolation of a process from wnm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Isolation {
    /// Its process IDs: a container has its own.
    pub pids: Namespace,
    /// Its network: with its own, the process uses no port of this host.
    pub network: Namespace,
}

/// A namespace of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Namespace {
    /// The namespace of wnm. Also where the kernel does not tell.
    #[default]
    Shared,
    /// Another one.
    Other,
}

impl Isolation {
    /// Reads the namespaces of a process from a folder with the layout of `/proc`.
    pub(crate) fn of(proc: &Path, pid: u32) -> Self {
        let folder = proc.join(pid.to_string());
        let link = |name: &str| {
            let of = |folder: &Path| fs::read_link(folder.join("ns").join(name)).ok();
            Some(of(&folder)? != of(&proc.join("self"))?)
        };
        // All users may read the nesting of PID namespaces, which is deeper in a container.
        let is_deeper = || Some(depth(&folder)? > depth(&proc.join("self"))?);
        // All users may inspect the socket tables, of which each network has its own.
        let has_other_tables = || Some(tables(&folder)? != tables(&proc.join("self"))?);
        let namespace =
            |is_other: Option<bool>| if is_other == Some(true) { Namespace::Other } else { Namespace::Shared };
        Self {
            pids: namespace(link("pid").or_else(is_deeper)),
            network: namespace(link("net").or_else(has_other_tables)),
        }
    }
}

/// Returns the count of PID namespaces that a process is in.
fn depth(folder: &Path) -> Option<usize> {
    let status = fs::read_to_string(folder.join("status")).ok()?;
    let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    Some(pids.split_ascii_whitespace().count())
}

/// Returns the number of the file with the interfaces of a process's network.
fn tables(folder: &Path) -> Option<u64> {
    fs::metadata(folder.join("net/dev")).ok().map(|file| file.ino())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn container_has_namespaces_of_its_own() {
        let proc = tempfile::tempdir().unwrap();
        let process = |name: &str, namespaces: &[(&str, &str)], nesting: &str| {
            let folder = proc.path().join(name);
            fs::create_dir_all(folder.join("ns")).unwrap();
            for (namespace, inode) in namespaces {
                symlink(format!("{namespace}:[{inode}]"), folder.join("ns").join(namespace)).unwrap();
            }
            fs::write(folder.join("status"), format!("Name:\tantnode\nNSpid:\t{nesting}\n")).unwrap();
        };
        process("self", &[("pid", "1"), ("net", "2")], "40");
        process("7", &[("pid", "1"), ("net", "2")], "7");
        process("8", &[("pid", "9"), ("net", "9")], "8\t1");
        process("9", &[("pid", "9"), ("net", "2")], "9\t1");
        process("10", &[], "10\t1");
        process("11", &[], "11");
        // Processes of another user.
        process("12", &[], "12");
        process("13", &[], "13");
        for (name, network) in [("self", "host"), ("12", "host"), ("13", "container")] {
            let (file, folder) = (proc.path().join(network), proc.path().join(name).join("net"));
            fs::write(&file, "Inter-|").unwrap();
            fs::create_dir(&folder).unwrap();
            fs::hard_link(file, folder.join("dev")).unwrap();
        }
        use Namespace::{Other, Shared};
        for (pid, pids, network) in [
            (7, Shared, Shared),
            (8, Other, Other),
            (9, Other, Shared),
            (10, Other, Shared),
            (11, Shared, Shared),
            (12, Shared, Shared),
            (13, Shared, Other),
            (14, Shared, Shared),
        ] {
            assert_eq!(Isolation::of(proc.path(), pid), Isolation { pids, network }, "{pid}");
        }
    }
}
