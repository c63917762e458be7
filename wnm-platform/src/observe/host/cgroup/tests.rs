//! Limits of recorded control groups.

use super::super::ColonyProcesses;
use super::*;

/// A host in a temporary folder, with the files of its `proc` and `sys`.
fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

const HERE: Placement<'_> = Placement::WithWnm(ColonyProcesses { group: "wnm-55000", pids: &[] });

fn apart(pids: &[u32]) -> Placement<'_> {
    Placement::Apart(ColonyProcesses { group: "wnm-55000", pids })
}

fn memory(files: &[(&str, &str)]) -> Vec<(u64, u64)> {
    memory_limits(host(files).path(), HERE).into_iter().map(|limit| (limit.used, limit.total)).collect()
}

/// Returns path, cores, microseconds and throttled periods of each CPU quota.
fn quotas(files: &[(&str, &str)], nodes: Placement<'_>) -> Vec<(String, f64, u64, Option<u64>)> {
    let quotas = cpu_quotas(host(files).path(), nodes).into_iter();
    let throttled = |quota: &QuotaReading| quota.counters.periods.map(|periods| periods.throttled);
    quotas.map(|q| (q.path.clone(), q.limit.get(), q.counters.used_micros, throttled(&q))).collect()
}

#[test]
fn memory_is_limited_by_every_group_around() {
    let version_1 = [
        ("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/docker/abc\n0::/\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "5000\n"),
        ("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1000\n"),
        ("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "800\n"),
        (
            "sys/fs/cgroup/memory/docker/abc/memory.stat",
            "inactive_file 1\ntotal_inactive_file 80\ntotal_active_file 20\n",
        ),
    ];
    assert_eq!(memory(&version_1), [(700, 1000), (5000, 9_223_372_036_854_771_712)]);
    let version_2 = [
        ("proc/self/cgroup", "0::/user.slice/user-1000.slice/session.scope\n"),
        ("sys/fs/cgroup/user.slice/user-1000.slice/session.scope/memory.max", "max\n"),
        ("sys/fs/cgroup/user.slice/user-1000.slice/session.scope/memory.current", "5\n"),
        ("sys/fs/cgroup/user.slice/user-1000.slice/memory.max", "2000\n"),
        ("sys/fs/cgroup/user.slice/user-1000.slice/memory.high", "1500\n"),
        ("sys/fs/cgroup/user.slice/user-1000.slice/memory.current", "100\n"),
        ("sys/fs/cgroup/user.slice/user-1000.slice/memory.stat", "slab_reclaimable 10\nactive_file 30\n"),
    ];
    assert_eq!(memory(&version_2), [(60, 1500)]);
    let container = [
        ("proc/self/cgroup", "0::/../../elsewhere\n"),
        ("sys/fs/cgroup/memory.max", "500\n"),
        ("sys/fs/cgroup/memory.current", "450\n"),
    ];
    assert_eq!(memory(&container), [(450, 500)]);
}

#[test]
fn cpu_quotas_of_version_2_are_nested() {
    let files = [
        ("proc/self/cgroup", "0::/system.slice/wnm.service\n"),
        ("sys/fs/cgroup/system.slice/wnm.service/cpu.max", "50000 100000\n"),
        (
            "sys/fs/cgroup/system.slice/wnm.service/cpu.stat",
            "usage_usec 900\nuser_usec 800\nnr_periods 10\nnr_throttled 4\nthrottled_usec 5\n",
        ),
        ("sys/fs/cgroup/system.slice/cpu.max", "300000 100000\n"),
        ("sys/fs/cgroup/system.slice/cpu.stat", "usage_usec 5000\n"),
        ("sys/fs/cgroup/cpu.max", "max 100000\n"),
        ("sys/fs/cgroup/cpu.stat", "usage_usec 9000\n"),
    ];
    let service = ("system.slice/wnm.service".to_owned(), 0.5, 900, Some(4));
    let slice = ("system.slice".to_owned(), 3.0, 5000, None);
    assert_eq!(quotas(&files, HERE), [slice.clone(), service]);
    assert_eq!(quotas(&files, apart(&[])), [], "nodes are in groups of their own");
}

#[test]
fn cpu_quotas_of_version_1_have_counters_beside_them() {
    let files = [
        ("proc/self/cgroup", "9:name=systemd:/\n2:cpuacct:/docker/abc\n1:cpu:/docker/abc\n0::/\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "150000\n"),
        ("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpu/docker/abc/cpu.stat", "nr_periods 7\nnr_throttled 2\nthrottled_time 99\n"),
        ("sys/fs/cgroup/cpuacct/docker/abc/cpuacct.usage", "7000999\n"),
    ];
    assert_eq!(quotas(&files, HERE), [("docker/abc".to_owned(), 1.5, 7000, Some(2))]);
}

#[test]
fn cpu_quotas_of_version_1_are_nested() {
    let files = [
        ("proc/self/cgroup", "4:cpu,cpuacct:/lxc/box/system.slice/wnm.service\n1:name=systemd:/x\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu,cpuacct/lxc/box/cpu.cfs_quota_us", "200000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/lxc/box/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/lxc/box/cpu.stat", "nr_periods 9\nnr_throttled 1\n"),
        ("sys/fs/cgroup/cpu,cpuacct/lxc/box/cpuacct.usage", "5000000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/lxc/box/system.slice/wnm.service/cpu.cfs_quota_us", "25000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/lxc/box/system.slice/wnm.service/cpu.cfs_period_us", "50000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/lxc/box/system.slice/wnm.service/cpuacct.usage", "3000000\n"),
    ];
    let service = ("lxc/box/system.slice/wnm.service".to_owned(), 0.5, 3000, None);
    assert_eq!(quotas(&files, HERE), [("lxc/box".to_owned(), 2.0, 5000, Some(1)), service]);
}

#[test]
fn quota_of_one_node_and_of_the_colony_are_not_those_of_the_host() {
    let files = [
        ("proc/self/cgroup", "0::/user.slice\n"),
        ("proc/71/cgroup", "0::/box/wnm-55000.slice/antnode0001.service\n"),
        ("proc/72/cgroup", "0::/box/wnm-55000.slice/antnode0002.service\n"),
        ("sys/fs/cgroup/user.slice/cpu.max", "1 100000\n"),
        ("sys/fs/cgroup/user.slice/cpu.stat", "usage_usec 1\n"),
        ("sys/fs/cgroup/box/cpu.max", "200000 100000\n"),
        ("sys/fs/cgroup/box/cpu.stat", "usage_usec 2\n"),
        ("sys/fs/cgroup/box/wnm-55000.slice/cpu.max", "100000 100000\n"),
        ("sys/fs/cgroup/box/wnm-55000.slice/cpu.stat", "usage_usec 3\n"),
        ("sys/fs/cgroup/box/wnm-55000.slice/antnode0001.service/cpu.max", "10000 100000\n"),
        ("sys/fs/cgroup/box/wnm-55000.slice/antnode0001.service/cpu.stat", "usage_usec 4\n"),
    ];
    assert_eq!(quotas(&files, apart(&[71, 72, 99])), [("box".to_owned(), 2.0, 2, None)]);
}

#[test]
fn memory_limit_of_the_colony_is_that_of_its_nodes() {
    // wnm limits no memory: an operator did, with `systemctl set-property wnm-55000.slice MemoryMax=`.
    let files = [
        ("proc/71/cgroup", "0::/wnm.slice/wnm-55000.slice/antnode0001.service\n"),
        ("sys/fs/cgroup/wnm.slice/wnm-55000.slice/memory.max", "2000\n"),
        ("sys/fs/cgroup/wnm.slice/wnm-55000.slice/memory.current", "1500\n"),
        ("sys/fs/cgroup/wnm.slice/wnm-55000.slice/antnode0001.service/memory.max", "1000\n"),
        ("sys/fs/cgroup/wnm.slice/wnm-55000.slice/antnode0001.service/memory.current", "900\n"),
    ];
    assert_eq!(memory_limits(host(&files).path(), apart(&[71])), [Memory { total: 2000, used: 1500 }]);
}

#[test]
fn malformed_groups_have_no_limit() {
    for own in ["", "garbage", "::", "0::/../..", "0::/\u{0}/x", "1:cpu:\n"] {
        for (max, stat) in
            [("", ""), ("-5 100000", "usage_usec 5"), ("5 0", "usage_usec 5"), ("5", ""), ("5 5", "usage_usec -1")]
        {
            let files = [
                ("proc/self/cgroup", own),
                ("sys/fs/cgroup/cpu.max", max),
                ("sys/fs/cgroup/cpu.stat", stat),
                ("sys/fs/cgroup/memory.max", max),
                ("sys/fs/cgroup/memory.current", "-3"),
            ];
            assert_eq!(quotas(&files, HERE), [], "{own:?} {max:?} {stat:?}");
            assert_eq!(memory(&files), [], "{own:?} {max:?}");
        }
    }
}
