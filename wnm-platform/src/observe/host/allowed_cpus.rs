//! The CPUs that the nodes may use: a cpuset of a container, `AllowedCPUs=` of systemd and `taskset` leave them a part of
//! the host's, and the use of the others is no concern of theirs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Placement;

/// The nodes that are asked: those of a colony usually share their CPUs.
const NODES_READ: usize = 4;
/// The most CPUs that a kernel supports, `NR_CPUS`.
const LIMIT: u32 = 8192;

/// Returns the numbers of the CPUs that the nodes may run on; empty where that is not known.
pub(super) fn of(root: &Path, nodes: Placement<'_>) -> BTreeSet<u32> {
    let (Placement::WithWnm(colony) | Placement::Apart(colony)) = nodes;
    let allowed = |process: &str| {
        let status = fs::read_to_string(root.join("proc").join(process).join("status")).ok()?;
        list(status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?.trim())
    };
    let running: BTreeSet<u32> =
        colony.pids.iter().take(NODES_READ).filter_map(|pid| allowed(&pid.to_string())).flatten().collect();
    match nodes {
        Placement::WithWnm(_) if running.is_empty() => allowed("self").unwrap_or_default(),
        Placement::WithWnm(_) | Placement::Apart(_) => running,
    }
}

/// Parses a list such as `0-3,8`.
fn list(text: &str) -> Option<BTreeSet<u32>> {
    let mut cpus = BTreeSet::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok().filter(|last| *last < LIMIT)?);
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::super::ColonyProcesses;
    use super::*;

    #[test]
    fn list_is_parsed_or_unknown() {
        for (text, cpus) in [
            ("0", Some(vec![0])),
            ("0-2,8", Some(vec![0, 1, 2, 8])),
            ("3-1", Some(vec![])),
            ("", None),
            ("0-4294967295", None),
            ("-1", None),
            ("0-", None),
            ("a", None),
        ] {
            assert_eq!(list(text).map(|cpus| cpus.into_iter().collect()), cpus, "{text}");
        }
    }

    #[test]
    fn nodes_tell_before_wnm() {
        let root = tempfile::tempdir().unwrap();
        for (process, cpus) in [("self", "0-63"), ("7", "0-1"), ("8", "4")] {
            let folder = root.path().join("proc").join(process);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("status"), format!("Name:\tantnode\nCpus_allowed_list:\t{cpus}\n")).unwrap();
        }
        let of = |pids: &[u32], is_apart: bool| {
            let nodes = ColonyProcesses { group: "wnm-55000", pids };
            of(root.path(), if is_apart { Placement::Apart(nodes) } else { Placement::WithWnm(nodes) }).len()
        };
        assert_eq!([of(&[7, 8, 9], false), of(&[7, 8, 9], true)], [3, 3]);
        // Without a node only wnm tells, and only about nodes that it starts itself.
        assert_eq!([of(&[], false), of(&[9], false), of(&[], true)], [64, 64, 0]);
    }
}
