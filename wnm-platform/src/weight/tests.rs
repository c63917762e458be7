//! Weights on recorded control groups of both versions; on real ones the conformance suite tries them.

use std::process::Command;

use super::*;
use crate::cpu_limit::Version;
use crate::exec::Output;
use crate::node_dir::tests::node_at;

/// A host whose files these are, below a folder of its own.
fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        put(&folder, path, text);
    }
    folder
}

fn put(host: &tempfile::TempDir, path: &str, text: &str) {
    let path = host.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn read(host: &tempfile::TempDir, path: &str) -> String {
    fs::read_to_string(host.path().join(path)).unwrap_or_default()
}

#[test]
fn weights_are_written_as_each_kernel_counts_them() {
    for (weight, shares, cpu_weight, cpu_idle, bfq, cfq) in [
        (Weight::Share(10), "102", "10", "0", "10", "50"),
        (Weight::Share(1), "10", "1", "0", "1", "10"),
        (Weight::Share(100), "1024", "100", "0", "100", "500"),
        (Weight::Share(10_000), "102400", "10000", "0", "1000", "1000"),
        (Weight::Idle, "1024", "100", "1", "1", "10"),
    ] {
        let host = host(&[
            ("one/cpu.shares", "1024"),
            ("one/cpu.idle", "0"),
            ("one/blkio.bfq.weight", "100"),
            ("one/blkio.weight", "500"),
            ("old/cpu.shares", "1024"),
            ("two/cpu.weight", "100"),
            ("two/cpu.idle", "0"),
            ("two/io.weight", "default 100\n8:0 300\n"),
        ]);
        let folder = |name: &str| host.path().join(name);
        for (version, name) in [(Version::One, "one"), (Version::One, "old"), (Version::Two, "two")] {
            files::set_cpu(version, &folder(name), weight).unwrap();
            files::set_io(&folder(name), weight).unwrap();
            assert!(files::has_cpu(version, &folder(name), weight), "{weight} {name}");
            assert!(files::has_io(&folder(name), weight), "{weight} {name}");
            let idle_alike = weight == Weight::Idle && name == "old";
            let read_back = if idle_alike { Weight::Share(1) } else { weight };
            assert_eq!(files::cpu(version, &folder(name)), Some(read_back), "{name}");
        }
        assert_eq!(read(&host, "one/cpu.shares"), shares);
        assert_eq!((read(&host, "two/cpu.weight"), read(&host, "two/cpu.idle")), (cpu_weight.into(), cpu_idle.into()));
        assert_eq!((read(&host, "one/blkio.bfq.weight"), read(&host, "one/blkio.weight")), (bfq.into(), cfq.into()));
        assert!(!folder("old").join("cpu.idle").exists());
    }
}

/// The weight of nodes of setsid on a host of these files.
fn weight(host: &tempfile::TempDir, cpu: Weight) -> ColonyWeight {
    let weights = Weights { cpu, io: cpu };
    let kind = "setsid+sudo".parse().unwrap();
    let new = ColonyWeight::new(kind, "wnm-55000".to_owned(), weights, &Options::default());
    ColonyWeight { root: host.path().to_owned(), exec: Exec::scripted(|_| Ok(Output::success(""))), ..new }
}

fn node() -> Node {
    let mut node = node_at(Path::new("/nodes/antnode0001"));
    node.manager = "setsid+sudo".parse().unwrap();
    node
}

#[test]
fn running_node_is_moved_into_a_weighted_group() {
    for (mount, group, offered) in [("sys/fs/cgroup", "0::/", true), ("sys/fs/cgroup/cpu", "2:cpu:/", false)] {
        let host = host(&[
            (&format!("{mount}/cgroup.procs"), ""),
            (&format!("{mount}/wnm-55000/cpu.shares"), "1024"),
            (&format!("{mount}/wnm-55000/cpu.weight"), "100"),
            ("proc/self/cgroup", group),
            ("sys/block/sda/queue/scheduler", "none [bfq]"),
        ]);
        if offered {
            put(&host, "sys/fs/cgroup/cgroup.controllers", "cpu io");
            put(&host, "sys/fs/cgroup/wnm-55000/io.weight", "default 100");
        } else {
            put(&host, "sys/fs/cgroup/blkio/wnm-55000/blkio.bfq.weight", "100");
        }
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id();
        put(&host, &format!("proc/{pid}/cgroup"), group);
        let node = node();
        let nodes = [RunningNode { node: &node, pid }];
        let colony = weight(&host, Weight::Share(10));
        assert_eq!(colony.look(&nodes).cpu, Err(NoWeight::NotApplied));
        colony.apply(&nodes).unwrap();
        assert_eq!(read(&host, &format!("{mount}/wnm-55000/cgroup.procs")), pid.to_string());
        let written = if offered { "cpu.weight" } else { "cpu.shares" };
        assert_eq!(read(&host, &format!("{mount}/wnm-55000/{written}")), if offered { "10" } else { "102" });

        // The kernel moves the process; here the test does.
        put(&host, &format!("proc/{pid}/cgroup"), &format!("{group}wnm-55000\n"));
        let means = if rustix::process::geteuid().is_root() { WeightMeans::Group } else { WeightMeans::UserGroup };
        assert_eq!(colony.look(&nodes), AppliedWeight { cpu: Ok(means), io: Ok(means) });
        // Without a node, the means are those of the next one.
        assert_eq!(colony.look(&[]).cpu, Ok(means));
        assert_eq!(weight(&host, Weight::Share(100)).look(&nodes).cpu, Err(NoWeight::Ordinary));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn priority_is_the_means_without_a_group() {
    let host = host(&[("proc/self/cgroup", "0::/\n"), ("sys/block/vda/queue/scheduler", "[mq-deadline] none")]);
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = child.id();
    put(&host, "proc/sys/kernel/sched_autogroup_enabled", "1\n");
    put(&host, &format!("proc/{pid}/cgroup"), "1:cpu:/\n");
    put(&host, &format!("proc/{pid}/autogroup"), "/autogroup-4711 nice 0\n");
    let node = node();
    let nodes = [RunningNode { node: &node, pid }];
    let colony = weight(&host, Weight::Share(10));
    assert!(matches!(colony.look(&nodes).cpu, Err(NoWeight::NoGroup(NoCpuLimit::NoController))));
    // The session of a shell that started the node has other processes too.
    put(&host, &format!("proc/{pid}/stat"), &format!("{pid} (my (sleep)) S 1 {pid} 4711 0 -1 0"));
    colony.apply(&nodes).unwrap();
    assert_eq!(read(&host, &format!("proc/{pid}/autogroup")), "/autogroup-4711 nice 0\n");
    put(&host, &format!("proc/{pid}/stat"), &format!("{pid} (my (sleep)) S 1 {pid} {pid} 0 -1 0"));
    colony.apply(&nodes).unwrap();
    assert_eq!(read(&host, &format!("proc/{pid}/autogroup")), "19");
    put(&host, &format!("proc/{pid}/autogroup"), "/autogroup-4711 nice 19\n");
    let both = Ok(WeightMeans::Priority);
    assert_eq!(colony.look(&nodes), AppliedWeight { cpu: both.clone(), io: both });
    put(&host, "sys/block/vda/queue/scheduler", "[none] mq-deadline");
    assert_eq!(colony.look(&nodes).io, Err(NoWeight::NoDisk));
    child.kill().unwrap();
    child.wait().unwrap();
}
