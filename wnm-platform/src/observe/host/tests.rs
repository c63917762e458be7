//! Samples of recorded hosts, and limits of rates.

#![cfg(not(target_os = "macos"))]

use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;
use wnm_core::{
    BytesPerSecond, Clock, Cores, CpuLimitCounters, CpuLimitSample, CpuQuotaCounters, Load, Psi, Stall, StallTime,
};

use super::*;

const STAT: &str = "cpu  19477 134194 13552 168452 1512 10 222 4549 300 40\ncpu0 1 2 3 4\nintr 5\nbtime 1760000000\n";
const MEMINFO: &str =
    "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:   12000000 kB\nCached: 9 kB\n";
const DISKSTATS: &str = "\
   7       0 loop0 9 0 9 0 9 0 9 0 0 0 0
   8       0 sda 95462 9965 1000 234379 10754 64900 2000 116536 0 25388 363882 18453 2 9736328 12960 264 7
   8       1 sda1 95462 9965 900 234379 10754 64900 1900 116536 0 25388 363882
   8      16 sdaa 1 1 5 1 1 1 7 1 0 1 1
 259       0 nvme0n1 1 1 10 1 1 1 20 1 0 1 1
 259       1 nvme0n1p1 1 1 10 1 1 1 20 1 0 1 1
 259       2 nvme0n12 1 1 3 1 1 1 4 1 0 1 1
 253       0 dm-0 1 1 777 1 1 1 777 1 0 1 1
   9     127 md127 1 1 777 1 1 1 777 1 0 1 1
 252       0 zram0 1 1 777 1 1 1 777 1 0 1 1
 254       1 xvda1 1 1 1 1 1 1 1 1 0 1 1
 garbage
";
const NET: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 228597712  102880    0    0    0     0          0         0 228597712  102880    0    0    0     0       0          0
  eth0: 1000   18698    0    0    0     0          0         0  200    9126    0    0    0     0       0          0
eth0.7: 900   18698    0    0    0     0          0         0  100    9126    0    0    0     0       0          0
docker0: 900   18698    0    0    0     0          0         0  100    9126    0    0    0     0       0          0
wlan0:5 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0
";
const PRESSURE: &str =
    "some avg10=1.50 avg60=0.40 avg300=0.10 total=123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";

/// A machine in a temporary folder.
struct Recorded(tempfile::TempDir);

impl Recorded {
    fn new(files: &[(&str, &str)]) -> Self {
        let recorded = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let path = recorded.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        recorded
    }

    fn host(&self) -> Host {
        Host::below(self.0.path())
    }
}

/// No node runs, and the next one runs in the control group of wnm.
const HERE: Placement<'_> = Placement::WithWnm(ColonyProcesses { group: "wnm-55000", pids: &[] });

fn clock() -> Clock {
    Clock::start(ClockReading {
        wall: Timestamp::from_secs(1_760_000_000),
        uptime: 1000,
        boot: "run".to_owned(),
        init: None,
    })
}

#[test]
fn recorded_host_is_read() {
    let files = [
        ("proc/stat", STAT),
        ("proc/meminfo", MEMINFO),
        ("proc/loadavg", "0.52 0.58 12.59 3/602 31905\n"),
        ("proc/diskstats", DISKSTATS),
        ("proc/net/dev", NET),
        ("proc/pressure/cpu", PRESSURE),
        ("proc/pressure/memory", PRESSURE),
        ("proc/pressure/io", PRESSURE),
    ];
    let recorded = Recorded::new(&files);
    let reading = recorded.host().read(&clock(), HERE);
    assert_eq!(reading.cpu, Some(CpuTicks { busy: 172_004, io_wait: 1512, total: 341_968 }));
    assert_eq!(reading.disk, Some(Traffic { read: 1019 * 512, written: 2032 * 512 }));
    assert_eq!(reading.net, Some(Traffic { read: 1005, written: 207 }));

    let sample = recorded.host().sample(&Counters::default(), &reading);
    assert_eq!(sample.memory, Percent::new(25.0).ok());
    assert_eq!(sample.memory_total, Some(Bytes(16_384_000_000)));
    assert_eq!(sample.load.unwrap().fifteen, Load::new(12.59).unwrap());
    assert_eq!(sample.psi, None);
    let psi = recorded.host().psi(ColonyProcesses { group: "wnm-55000", pids: &[] }).unwrap();
    let full = StallTime { avg10: Percent::new(0.0).unwrap(), total: Some(0) };
    assert_eq!(
        psi.host.io,
        Stall { some: StallTime { avg10: Percent::new(1.5).unwrap(), total: Some(123) }, full: Some(full) }
    );
    assert_eq!((psi.colony, psi.background), (None, None));
    assert_eq!((sample.cpu, sample.disk_read, sample.net_write), (None, None, None), "counters of another run");
}

#[test]
fn empty_host_yields_no_values() {
    let recorded = Recorded::new(&[("proc/pressure/cpu", ""), ("proc/stat", "cpu  1 2"), ("proc/loadavg", "nan 1 1")]);
    let host = recorded.host();
    let reading = host.read(&clock(), HERE);
    assert_eq!((reading.cpu, reading.disk, reading.net), (None, None, None));
    let sample = host.sample(&reading.counters(), &reading);
    assert_eq!((sample.cpu, sample.memory, sample.load, sample.psi), (None, None, None, None));
}

#[test]
fn malformed_counters_are_absent() {
    for text in ["cpu  -1 2 3 4 5 6 7 8", "cpu  1 2 3 99999999999999999999", "cpu\t1 2 3 4", "cpu  one", "\u{0}"] {
        assert_eq!(kernel::cpu_ticks(text, &BTreeSet::new()), None, "{text}");
    }
    for text in ["", "1 2", "one 2 3", "nan 1 1", "1,0 1 1"] {
        assert_eq!(kernel::load_averages(text), None, "{text}");
    }
    for text in ["some avg10=x total=1", "full avg10=1.00 total=2", "some total=1", "some avg10 avg60"] {
        assert_eq!(kernel::stall(text), None, "{text}");
    }
    let stall = kernel::stall("some avg10=-3.00 total=-1\n").unwrap();
    assert_eq!((stall.some.avg10.get(), stall.some.total), (0.0, None));
}

#[test]
fn rates_cover_whole_interval() {
    let now = Reading {
        boot: "run".to_owned(),
        uptime: 11_000,
        cpu: Some(CpuTicks { busy: 1500, io_wait: 300, total: 4000 }),
        disk: Some(Traffic { read: 10_000, written: 5 }),
        net: Some(Traffic { read: 0, written: 1_000_000 }),
        ..Reading::default()
    };
    let before = Counters {
        boot: "run".to_owned(),
        uptime: 1000,
        cpu_busy: 1000,
        cpu_io_wait: 400,
        cpu_total: 2000,
        disk_write: 5,
        ..Counters::default()
    };
    let rates = Rates::between(&before, &now);
    assert_eq!((rates.cpu, rates.io_wait), (Percent::new(25.0).ok(), Percent::new(0.0).ok()));
    assert_eq!(rates.disk, Some((BytesPerSecond(1000), BytesPerSecond(0))));
    assert_eq!(rates.net, None, "all that was ever counted is no rate");
    assert_eq!(Rates::between(&Counters { boot: "other".to_owned(), ..before.clone() }, &now), Rates::default());
    assert_eq!(Rates::between(&Counters { uptime: 10_900, ..before }, &now), Rates::default());
}

#[test]
fn cpu_use_is_that_of_the_cpu_quota_around_the_nodes() {
    let reading = |uptime, used_micros, throttled| Reading {
        boot: "run".to_owned(),
        uptime,
        cpu: Some(CpuTicks { busy: uptime / 10, io_wait: 0, total: uptime }),
        cpu_quotas: [("tight", 1.5), ("wide", 8.0)]
            .map(|(path, limit)| QuotaReading {
                path: path.to_owned(),
                limit: Cores::new(limit).unwrap(),
                counters: CpuQuotaCounters {
                    used_micros,
                    periods: Some(CpuLimitCounters { periods: uptime / 100, throttled }),
                },
            })
            .to_vec(),
        ..Reading::default()
    };
    let before = reading(1000, 5_000_000, 3).counters();
    for (used, throttled, cpu) in
        [(12_500_000, 3, 50.0), (5_000_000, 3, 10.0), (6_000_000, 83, 80.0), (99_000_000, 3, 100.0)]
    {
        let rates = Rates::between(&before, &reading(11_000, used, throttled));
        assert_eq!(rates.cpu, Percent::new(cpu).ok(), "{used} µs, {throttled} throttled periods");
        assert!(rates.cpu_quota.unwrap().throttled.is_some());
    }
    let rates = Rates::between(&before, &reading(11_000, 12_500_000, 53));
    let nearest = CpuLimitSample { limit: Cores::new(1.5).ok(), throttled: Percent::new(50.0).ok() };
    assert_eq!(rates.cpu_quota, Some(nearest));
    assert_eq!(Rates::between(&before, &reading(11_000, 4_000_000, 3)).cpu, None, "the counter restarted");
    let unknown = Counters { cpu_quotas: [].into(), ..before };
    assert_eq!(Rates::between(&unknown, &reading(11_000, 12_500_000, 3)).cpu, None, "a new control group");
}

#[test]
fn cpu_use_is_that_of_the_cpus_for_the_nodes() {
    let stat = "cpu  60 0 0 340\ncpu0 30 0 0 70\ncpu1 0 0 0 100\ncpu2 20 0 0 80\ncpu3 10 0 0 90\nintr 5\n";
    for (allowed, busy, cpus) in [
        (&[0, 2][..], 50, Some(2)),
        (&[1], 0, Some(1)),
        (&[0, 1, 2, 3], 60, Some(4)),
        // The kernel lists CPUs that are offline.
        (&[0, 1, 2, 3, 4, 5], 60, Some(4)),
        (&[0, 9], 30, Some(1)),
        // Not known, or with the numbers of the host where the file has those of a container.
        (&[], 60, Some(4)),
        (&[8, 9], 60, Some(4)),
        (&[6, 7, 8, 9], 60, Some(4)),
    ] {
        let (ticks, number) = kernel::cpu_ticks(stat, &allowed.iter().copied().collect()).unwrap();
        assert_eq!((ticks.busy, number), (busy, cpus), "{allowed:?}");
    }
    let recorded = Recorded::new(&[("proc/stat", stat), ("proc/self/status", "Cpus_allowed_list:\t0,2\n")]);
    let before = Counters { boot: "run".to_owned(), cpus: Some(2), cpu_total: 100, ..Counters::default() };
    let reading = recorded.host().read(&clock(), HERE);
    let sample = recorded.host().sample(&before, &reading);
    assert_eq!((sample.cpus, sample.cpu), (Some(2), Percent::new(50.0).ok()));
    assert_eq!(reading.counters().cpus, Some(2));
    // Time of CPUs that were not counted before is no use of this interval.
    assert_eq!(recorded.host().sample(&Counters { cpus: Some(1), ..before }, &reading).cpu, None);
}

#[test]
fn load_of_a_container_is_not_judged() {
    let loads = |namespace: Option<&str>, mounts: &str| {
        let recorded = Recorded::new(&[("proc/loadavg", "3 2 1 1/2 3\n"), ("proc/self/mountinfo", mounts)]);
        if let Some(namespace) = namespace {
            fs::create_dir_all(recorded.0.path().join("proc/self/ns")).unwrap();
            std::os::unix::fs::symlink(namespace, recorded.0.path().join("proc/self/ns/pid")).unwrap();
        }
        let sample = recorded.host().sample(&Counters::default(), &Reading::default());
        (sample.load.map(|load| load.one.get()), sample.load_scope)
    };
    let lxcfs =
        "36 35 0:33 / / rw - ext4 /dev/sda rw\n40 36 0:50 /proc/loadavg /proc/loadavg rw - fuse.lxcfs lxcfs rw\n";
    assert_eq!(loads(None, ""), (Some(3.0), LoadScope::Own));
    assert_eq!(loads(Some("pid:[4026531836]"), ""), (Some(3.0), LoadScope::Own));
    assert_eq!(loads(Some("pid:[4026532201]"), ""), (None, LoadScope::Container));
    assert_eq!(loads(Some("pid:[4026532201]"), lxcfs), (Some(3.0), LoadScope::Own));
}

#[test]
fn host_clock_is_read() {
    let (one, other) = (read_clock().unwrap(), read_clock().unwrap());
    assert_eq!(one.boot, other.boot);
    assert!(!one.boot.is_empty() && one.uptime <= other.uptime);
}

proptest! {
    #[test]
    fn rates_stay_in_range(
        before in any::<[u64; 8]>(), now in any::<[u64; 8]>(), uptimes in any::<(u32, u32)>(),
    ) {
        let reading = |c: [u64; 8], uptime: u32| Reading {
            boot: "run".to_owned(),
            uptime: u64::from(uptime),
            cpu: Some(CpuTicks { busy: c[0], io_wait: c[1], total: c[2] }),
            disk: Some(Traffic { read: c[3], written: c[4] }),
            net: Some(Traffic { read: c[5], written: c[6] }),
            ..Reading::default()
        };
        let counters = reading(before, uptimes.0).counters();
        let rates = Rates::between(&counters, &reading(now, uptimes.1));
        for backwards in [(before[3], now[3]), (before[4], now[4])] {
            prop_assert!(backwards.0 <= backwards.1 || rates.disk.is_none());
        }
        for share in [rates.cpu, rates.io_wait].into_iter().flatten() {
            prop_assert!((0.0..=100.0).contains(&share.get()));
        }
    }

    #[test]
    fn parsers_accept_any_text(text in ".{0,300}") {
        let nowhere = Path::new("/no/sysfs");
        let _ = (kernel::cpu_ticks(&text, &[0, 1].into()), kernel::load_averages(&text), kernel::stall(&text));
        let _ = (memory::memory(&text, &text), disks::traffic(&text, nowhere), interfaces::traffic(&text, nowhere, &text));
    }
}

/// Files of a machine with all kinds of counters, in which `#` stands for a number. The groups are of both versions.
const TEMPLATES: &[(&str, &str)] = &[
    ("proc/stat", "cpu  # # # # # # # # # #\ncpu0 # # # #\n"),
    ("proc/meminfo", "MemTotal: # kB\nMemFree: # kB\nMemAvailable: # kB\nHugePages_Total: #\nHugepagesize: # kB\n"),
    ("proc/loadavg", "# # # #/# #\n"),
    ("proc/diskstats", " 8 0 sda # # # # # # # # # # #\n"),
    ("proc/net/dev", "Inter-|\n face |\n  eth0: # # # # # # # # # # # # # # # #\n"),
    ("proc/net/route", "Iface\tDestination\neth0\t#\t#\t#\t#\t#\t#\t#\n"),
    ("proc/spl/kstat/zfs/arcstats", "name type data\nsize 4 #\nc_min 4 #\n"),
    ("proc/pressure/cpu", "some avg10=# avg60=# avg300=# total=#\nfull avg10=# avg60=# avg300=# total=#\n"),
    ("proc/pressure/memory", "some avg10=# avg60=# avg300=# total=#\n"),
    ("proc/pressure/io", "some avg10=# total=#\n"),
    ("proc/self/status", "Cpus_allowed_list:\t#-#,#\n"),
    ("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/a\n0::/a/b\n"),
    ("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "#\n"),
    ("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "#\n"),
    ("sys/fs/cgroup/cpuacct/a/cpuacct.usage", "#\n"),
    ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "#\n"),
    ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "#\n"),
    ("sys/fs/cgroup/memory/a/memory.stat", "total_inactive_file #\n"),
    ("sys/fs/cgroup/a/b/cpu.max", "# #\n"),
    ("sys/fs/cgroup/a/b/cpu.stat", "usage_usec #\nnr_periods #\nnr_throttled #\n"),
    ("sys/fs/cgroup/a/memory.max", "#\n"),
    ("sys/fs/cgroup/a/memory.high", "#\n"),
    ("sys/fs/cgroup/a/memory.current", "#\n"),
    ("sys/fs/cgroup/a/memory.stat", "inactive_file #\nslab_reclaimable #\n"),
    ("sys/fs/cgroup/a/cpu.pressure", "some avg10=# avg60=# avg300=# total=#\n"),
    ("sys/block/sda/device/model", "#\n"),
    ("sys/class/net/eth0/device/vendor", "#\n"),
];
/// Numbers as broken kernels, containers and file systems in user space print them.
const NUMBERS: [&[u8]; 12] = [
    b"0",
    b"7",
    b"100000",
    b"-1",
    b"max",
    b"nan",
    b"inf",
    b"1e300",
    b"",
    b"\xff\xfe",
    b"18446744073709551615",
    b"99999999999999999999",
];

/// Returns a machine with these numbers, in which some files are cut off.
fn machine(numbers: &[usize], cut: usize) -> Recorded {
    let recorded = Recorded::new(&[]);
    let mut numbers = numbers.iter().cycle().map(|at| NUMBERS[*at]);
    for (at, (path, template)) in TEMPLATES.iter().enumerate() {
        let mut text = Vec::new();
        for (i, part) in template.split('#').enumerate() {
            text.extend_from_slice(if i > 0 { numbers.next().unwrap_or_default() } else { b"" });
            text.extend_from_slice(part.as_bytes());
        }
        if at % 7 == cut {
            text.truncate(text.len() / 2);
        }
        let path = recorded.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    recorded
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Counters that are negative, too large or no numbers, and that go backwards, give a value in range or none.
    #[test]
    fn malformed_machine_gives_values_in_range_or_none(
        before in proptest::collection::vec(0..NUMBERS.len(), 40..90),
        now in proptest::collection::vec(0..NUMBERS.len(), 40..90),
        cuts in (0..14_usize, 0..14_usize),
        pids in proptest::collection::vec(any::<u32>(), 0..3),
    ) {
        let (first, second) = (machine(&before, cuts.0), machine(&now, cuts.1));
        let nodes = ColonyProcesses { group: "wnm-55000", pids: &pids };
        for placement in [HERE, Placement::Apart(nodes)] {
            let counters = first.host().read(&clock(), placement).counters();
            let mut reading = second.host().read(&clock(), placement);
            reading.uptime = counters.uptime + 5000;
            let sample = second.host().sample(&counters, &reading);
            for share in [sample.cpu, sample.io_wait, sample.memory].into_iter().flatten() {
                prop_assert!((0.0..=100.0).contains(&share.get()), "{:?}", sample);
            }
            for load in sample.load.into_iter().flat_map(|load| [load.one, load.five, load.fifteen]) {
                prop_assert!(load.get().is_finite() && load.get() >= 0.0, "{:?}", sample);
            }
            if let Some(quota) = sample.cpu_quota {
                prop_assert!(quota.limit.is_none_or(|limit| limit.get().is_finite() && limit.get() > 0.0), "{:?}", quota);
            }
            let psi = second.host().psi(nodes);
            let shares = psi.iter().flat_map(|psi| [psi.host.cpu.some, psi.host.io.some, psi.host.memory.some]);
            for share in shares {
                prop_assert!((0.0..=100.0).contains(&share.avg10.get()), "{:?}", psi);
            }
        }
    }
}

/// The stalls of a group of version 2, in percent of the last ten seconds.
fn stalled(recorded: &Recorded, group: &str, some: f64) {
    for resource in ["cpu", "memory", "io"] {
        let path = recorded.0.path().join(group).join(match group {
            "proc/pressure" => resource.to_owned(),
            _ => format!("{resource}.pressure"),
        });
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("some avg10={some:.2} avg60=0.00 avg300=0.00 total=7\n")).unwrap();
    }
}

fn background(recorded: &Recorded, pids: &[u32]) -> Option<(f64, f64)> {
    let Psi { colony, background, .. } = recorded.host().psi(ColonyProcesses { group: "wnm-55000", pids }).unwrap();
    Some((colony?.cpu.some.avg10.get(), background?.cpu.some.avg10.get()))
}

#[test]
fn background_stalls_come_from_groups_beside_the_nodes() {
    for mount in ["sys/fs/cgroup", "sys/fs/cgroup/unified"] {
        let recorded = Recorded::new(&[
            (&format!("{mount}/cgroup.controllers"), "cpu io memory\n"),
            ("proc/7/cgroup", "1:cpu:/x\n0::/wnm.slice/wnm-55000.slice/antnode0001.service\n"),
            ("proc/8/cgroup", "1:cpu:/x\n0::/wnm.slice/wnm-55000.slice/antnode0002.service\n"),
            ("proc/9/cgroup", "0::/system.slice/antnode0003.service\n"),
        ]);
        stalled(&recorded, "proc/pressure", 60.0);
        // No group tells yet.
        assert_eq!(background(&recorded, &[7, 8]), None);
        stalled(&recorded, &format!("{mount}/wnm.slice/wnm-55000.slice"), 50.0);
        assert_eq!(background(&recorded, &[7, 8]), Some((50.0, 10.0)));
        stalled(&recorded, &format!("{mount}/system.slice"), 25.0);
        assert_eq!(background(&recorded, &[7, 8]), Some((50.0, 25.0)));
        stalled(&recorded, &format!("{mount}/wnm.slice/wnm-56000.slice"), 30.0);
        assert_eq!(background(&recorded, &[7, 8]), Some((50.0, 30.0)));
        // A node outside of the group counts as background load, so nothing is told.
        assert_eq!(background(&recorded, &[7, 9]), None);
        assert_eq!(background(&recorded, &[7, 10]), None);
        assert_eq!(background(&recorded, &[]), None);
    }
}
