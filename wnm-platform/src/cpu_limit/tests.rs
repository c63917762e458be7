//! Recorded files of control groups; on real ones the conformance suite tries caps.

use std::fs;

use super::*;

const V1: &str = "9:name=systemd:/init.scope\n2:cpuacct:/\n1:cpu:/\n0::/init.scope\n";
const V2: &str = "0::/init.scope\n";

/// A host whose files these are, below a folder of its own.
fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn count(periods: u64, throttled: u64) -> CpuLimitCounters {
    CpuLimitCounters { periods, throttled }
}

#[test]
fn limits_and_counters_are_read_in_both_versions() {
    let v1 = host(&[
        ("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "50000\n"),
        ("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"),
        (
            "sys/fs/cgroup/cpu/a/cpu.stat",
            "nr_periods 20\nnr_throttled 19\nthrottled_time 966994580\nnr_bursts 0\nburst_time 0\n",
        ),
        ("sys/fs/cgroup/cpu/b/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu/b/cpu.cfs_period_us", "100000\n"),
    ]);
    let v2 = host(&[
        ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n"),
        ("sys/fs/cgroup/a/cpu.max", "1250000 50000\n"),
        (
            "sys/fs/cgroup/a/cpu.stat",
            "usage_usec 8032664\nuser_usec 8028676\nsystem_usec 3987\nnr_periods 300\nnr_throttled 7\n\
             throttled_usec 12\nnr_bursts 0\nburst_usec 0\n",
        ),
        ("sys/fs/cgroup/b/cpu.max", "max 100000\n"),
        // Without a limit on the group, the kernel counts only its use.
        ("sys/fs/cgroup/c/cpu.stat", "usage_usec 8032664\nuser_usec 8028676\nsystem_usec 3987\n"),
    ]);
    for (host, group, limit, counters) in [
        (&v1, "a", Some(0.5), Some(count(20, 19))),
        (&v1, "/b", None, None),
        (&v2, "/a", Some(25.0), Some(count(300, 7))),
        (&v2, "b", None, None),
        (&v2, "c", None, None),
        (&v2, "absent", None, None),
    ] {
        let controller = Controller::below(host.path()).unwrap();
        let folder = controller.folder(group);
        assert_eq!(controller.limit(&folder).map(Cores::get), limit, "{group}");
        assert_eq!(controller.counters(&folder), counters, "{group}");
    }
    assert!(Controller::below(host(&[("proc/1/cgroup", V2)]).path()).is_none());
}

#[test]
fn limit_is_written_in_kernel_format() {
    let v1 = host(&[("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1"), ("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "1")]);
    let v2 = host(&[("sys/fs/cgroup/cgroup.controllers", "cpu"), ("sys/fs/cgroup/a/cpu.max", "max 100000")]);
    for (cores, first, second) in
        [(Some(0.5), "50000", "50000 100000"), (Some(0.0), "1000", "1000 100000"), (None, "-1", "max 100000")]
    {
        let limit = cores.map(|cores| Cores::new(cores).unwrap());
        for (host, file, text) in [(&v1, "cpu/a/cpu.cfs_quota_us", first), (&v2, "a/cpu.max", second)] {
            let controller = Controller::below(host.path()).unwrap();
            controller.cap(&controller.folder("a"), limit).unwrap();
            assert_eq!(fs::read_to_string(host.path().join("sys/fs/cgroup").join(file)).unwrap(), text);
        }
    }
}

#[test]
fn group_paths_come_from_proc() {
    let v1 = host(&[
        ("sys/fs/cgroup/cpu/x/cpu.stat", ""),
        ("sys/fs/cgroup/systemd/d/cgroup.procs", ""),
        ("proc/1/cgroup", V1),
        ("proc/7/cgroup", "3:cpu,cpuacct:/a/b\n0::/c\n"),
    ]);
    let v2 = host(&[
        ("sys/fs/cgroup/cgroup.controllers", "cpu"),
        ("sys/fs/cgroup/e/cgroup.procs", ""),
        ("proc/1/cgroup", "0::/payload/init.scope\n"),
        ("proc/7/cgroup", "0::/../outside\n"),
    ]);
    let (one, two) = (Controller::below(v1.path()).unwrap(), Controller::below(v2.path()).unwrap());
    assert_eq!(one.group_of("7"), Some("/a/b".to_owned()));
    assert_eq!(one.group_of("8"), None);
    assert_eq!(one.unit_of("7"), Some("/c".to_owned()));
    assert_eq!(one.system(), "");
    assert_eq!((one.has_unit("/d"), one.has_unit("/x")), (true, false));
    assert_eq!(two.group_of("7"), None);
    assert_eq!(two.system(), "/payload");
    assert_eq!((two.has_unit("/e"), two.has_unit("/x")), (true, false));
}

/// The cap of nodes of setsid, on a host of these files.
fn cpu_limit(host: &tempfile::TempDir, kind: &str) -> CpuLimit {
    CpuLimit { root: host.path().to_owned(), ..CpuLimit::new(kind.parse().unwrap(), "wnm-55000".to_owned()) }
}

#[test]
fn own_group_is_created_limited_and_unlimited() {
    let host = host(&[
        ("sys/fs/cgroup/cgroup.controllers", "cpu"),
        ("sys/fs/cgroup/cgroup.procs", ""),
        ("sys/fs/cgroup/user/cgroup.procs", ""),
        ("proc/self/cgroup", "0::/user\n"),
    ]);
    let file = |name: &str| host.path().join("sys/fs/cgroup").join(name);
    let cpu_limit = cpu_limit(&host, "setsid+user");
    // Nothing is touched before there is a cap.
    cpu_limit.enter(122).unwrap();
    assert_eq!(cpu_limit.look(), Ok(AppliedLimit { limit: None, counters: None }));
    assert!(!file("wnm-55000").exists());

    let limit = Cores::new(1.5).ok();
    cpu_limit.set(limit.unwrap(), &[122, 123]).unwrap();
    assert_eq!(fs::read_to_string(file("wnm-55000/cgroup.procs")).unwrap(), "123");
    assert_eq!(fs::read_to_string(file("cgroup.subtree_control")).unwrap(), "+cpu");
    cpu_limit.enter(124).unwrap();
    assert_eq!(fs::read_to_string(file("wnm-55000/cgroup.procs")).unwrap(), "124");
    fs::write(file("wnm-55000/cpu.stat"), "nr_periods 200\nnr_throttled 116\n").unwrap();
    let (sample, counters) = cpu_limit.sample(Some(count(100, 100)));
    assert_eq!(sample, Some(CpuLimitSample { limit, throttled: wnm_core::Percent::new(16.0).ok() }));
    assert_eq!(counters, Some(count(200, 116)));
    // Counted for the first time, nothing is known of the time before.
    assert_eq!(cpu_limit.sample(None).0, Some(CpuLimitSample { limit, throttled: None }));

    fs::create_dir_all(host.path().join("proc/123")).unwrap();
    fs::write(host.path().join("proc/123/cgroup"), "0::/wnm-55000\n").unwrap();
    assert!(cpu_limit.holds(123));
    assert!(!cpu_limit.holds(124));
    cpu_limit.lift().unwrap();
    assert_eq!(cpu_limit.look().unwrap().limit, None);
}

#[test]
fn missing_cpu_limit_names_its_reason() {
    let bare = host(&[("proc/self/cgroup", V2)]);
    let closed = host(&[("sys/fs/cgroup/cgroup.controllers", "cpu"), ("proc/self/cgroup", V2)]);
    let elsewhere = host(&[
        ("sys/fs/cgroup/cgroup.controllers", "memory pids"),
        ("sys/fs/cgroup/cgroup.procs", ""),
        ("proc/self/cgroup", V2),
    ]);
    let why = |host, kind| cpu_limit(host, kind).look().unwrap_err().to_string();
    for (host, kind, reason) in [
        (&bare, "launchd+user", "launchd has no limit on several services together"),
        (&bare, "antctl+sudo", "antctl starts its services outside the control group of wnm"),
        (&bare, "setsid+user", "this host has no control groups for CPU time"),
        (&closed, "setsid+user", "no control group around wnm is writable"),
        (&elsewhere, "setsid+user", "control group /sys/fs/cgroup has no CPU controller"),
        (&elsewhere, "systemd+sudo", "control group /sys/fs/cgroup has no CPU controller"),
    ] {
        let found = why(host, kind).replace(host.path().to_str().unwrap(), "");
        assert_eq!(found.replace("cgroup/", "cgroup"), reason, "{kind}");
    }
    assert!(matches!(
        cpu_limit(&bare, "setsid+user").set(Cores::default(), &[]),
        Err(PlatformError::NoCpuLimit { .. })
    ));
}
