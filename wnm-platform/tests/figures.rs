//! The figures of the host beside those of the kernel, of `df` and of `ps`, on whatever host the test runs.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use wnm_core::Clock;
use wnm_platform::observe::host::{ColonyProcesses, Host, Placement};
use wnm_platform::observe::process::Processes;
use wnm_platform::read_clock;
use wnm_platform::volume::Storage;

/// The largest difference, in percent of the larger figure. The figures of a host change between two readings.
const TOLERANCE: f64 = 2.0;

#[track_caller]
fn agree(name: &str, ours: f64, theirs: f64) {
    let difference = 100.0 * (ours - theirs).abs() / ours.abs().max(theirs.abs()).max(1.0);
    assert!(difference <= TOLERANCE, "{name}: got {ours}, want {theirs} ({difference:.1} % apart)");
}

/// Returns the numbers in the last line that a program prints.
fn numbers(program: &str, arguments: &[&str]) -> Vec<f64> {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().last().unwrap().split_whitespace().map(|word| word.parse().unwrap()).collect()
}

fn meminfo(key: &str) -> f64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

#[test]
fn figures_are_those_of_the_kernel() {
    let host = Host::real();
    let clock = Clock::start(read_clock().unwrap());
    let nodes = Placement::Apart(ColonyProcesses { group: "", pids: &[] });
    let reading = host.read(&clock, nodes);
    let sample = host.sample(&reading.counters(), &reading);
    let (total, available) = (meminfo("MemTotal"), meminfo("MemAvailable"));
    let ours = sample.memory_total.unwrap().0 as f64;
    // A control group around the test may leave less.
    if ours == total {
        agree("used memory", 100.0 + sample.memory.unwrap().get(), 100.0 + 100.0 * (total - available) / total);
    } else {
        assert!(ours < total, "{ours} of {total}");
    }
    let uptime: f64 = fs::read_to_string("/proc/uptime").unwrap().split(' ').next().unwrap().parse().unwrap();
    agree("uptime", reading.uptime as f64 / 1000.0, uptime);
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let ticks: f64 =
        stat.lines().next().unwrap().split_whitespace().skip(1).take(8).map(|n| n.parse::<f64>().unwrap()).sum();
    agree("CPU time", reading.cpu.unwrap().total as f64, ticks);

    // It changes every five seconds.
    let load =
        || fs::read_to_string("/proc/loadavg").unwrap().split(' ').take(3).map(str::to_owned).collect::<Vec<_>>();
    let (before, ours, after) = std::iter::repeat_with(|| (load(), host.sample(&reading.counters(), &reading), load()))
        .find(|(before, _, after)| before == after)
        .unwrap();
    match ours.load {
        Some(ours) => {
            let theirs: Vec<f64> = before.iter().map(|word| word.parse().unwrap()).collect();
            assert_eq!(theirs, [ours.one.get(), ours.five.get(), ours.fifteen.get()]);
        }
        None => assert_eq!(ours.load_scope, wnm_core::LoadScope::Container, "{after:?}"),
    }

    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::read(&[folder.path().to_owned()], [], &BTreeMap::new(), &BTreeSet::new());
    let volume = &storage.volumes[0];
    let path = folder.path().to_str().unwrap();
    let [size, used, free] = numbers("df", &["-B1", "--output=size,used,avail", path])[..] else { panic!("df") };
    agree("size of the volume", volume.total.unwrap().0 as f64, size);
    agree("free space", volume.available.unwrap().0 as f64, free);
    agree("used space", volume.used.unwrap().get(), 100.0 * used / (used + free));

    // Larger than the memory that the test takes and frees meanwhile. Its pages take CPU time as well.
    let mut held = vec![1_u8; 64 << 20];
    let used = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 * 1000.0 + time.tv_nsec as f64 / 1e6
    };
    // The kernel counts the time of a process in steps of 10 ms.
    while used() < 1000.0 {
        let next = held[0].wrapping_add(1);
        held.fill(next);
    }
    let own = Processes::of_host().identify(std::process::id()).unwrap();
    let usage = host.usage([&own])[&own.pid];
    agree("CPU time of a process", usage.cpu_millis as f64, used());
    let memory = usage.memory.0 as f64;
    let [resident] = numbers("ps", &["-o", "rss=", "-p", &own.pid.to_string()])[..] else { panic!("ps") };
    agree("memory of a process", memory, resident * 1024.0);
    drop(held);
}

/// Returns the sum of a counter over the folders of devices with hardware.
fn hardware(folder: &str, counter: impl Fn(&Path) -> u64) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let hardware = entries.filter(|device| device.join("device").exists() && !device.join("master").exists());
    hardware.map(|device| counter(&device)).sum()
}

fn sectors(disk: &Path, column: usize) -> u64 {
    let text = fs::read_to_string(disk.join("stat")).unwrap();
    text.split_whitespace().nth(column).unwrap().parse().unwrap()
}

/// Compares with the counters that sysfs has of each device, where the host has hardware at all.
#[test]
fn traffic_is_that_of_the_hardware() {
    let host = Host::real();
    let clock = Clock::start(read_clock().unwrap());
    let nodes = Placement::Apart(ColonyProcesses { group: "", pids: &[] });
    let is_plain = |disk: &Path| !disk.to_string_lossy().contains("/sr");
    let read = || hardware("/sys/block", |disk| if is_plain(disk) { 512 * sectors(disk, 2) } else { 0 });
    let received = || {
        let bytes = |interface: &Path| fs::read_to_string(interface.join("statistics/rx_bytes")).unwrap();
        hardware("/sys/class/net", |interface| bytes(interface).trim().parse().unwrap())
    };
    let before = (read(), received());
    let reading = host.read(&clock, nodes);
    let after = (read(), received());
    for (name, before, ours, after) in [
        ("bytes read from disks", before.0, reading.disk.unwrap().read, after.0),
        ("bytes received", before.1, reading.net.unwrap().read, after.1),
    ] {
        // Without hardware of its own, as in a container, others lead out of the host.
        if after > 0 {
            assert!((before..=after).contains(&ours), "{name}: got {ours}, want {before} to {after}");
        }
    }
}
