//! Traffic of physical disks: that of partitions, LVM, RAID, caches and volumes of ZFS passes them.

use std::fs;
use std::path::Path;

use super::Traffic;

/// The unit of `/proc/diskstats` in bytes, independent of the disk's own sector size.
const SECTOR: u64 = 512;

/// Sums up the physical disks of `/proc/diskstats`. `block` is `/sys/block`; without it names decide.
pub(super) fn traffic(text: &str, block: &Path) -> Traffic {
    let rows: Vec<Row<'_>> = text.lines().filter_map(Row::parse).collect();
    if !block.is_dir() {
        return sum(&rows, &by_name(&rows));
    }
    let kinds: Vec<Kind> = rows.iter().map(|row| kind(row.name, block)).collect();
    let of = |kind: Kind| rows.iter().zip(&kinds).filter(|(_, one)| **one == kind).map(|(row, _)| row).collect();
    let physical: Vec<&Row<'_>> = of(Kind::Physical);
    // A host without disks of its own, such as one on a network block device.
    if physical.is_empty() { sum(&rows, &of(Kind::Virtual)) } else { sum(&rows, &physical) }
}

/// One line of `/proc/diskstats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row<'a> {
    name: &'a str,
    traffic: Traffic,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let name = words.nth(2)?;
        let read = words.nth(2)?.parse::<u64>().ok()?.saturating_mul(SECTOR);
        let written = words.nth(3)?.parse::<u64>().ok()?.saturating_mul(SECTOR);
        Some(Self { name, traffic: Traffic { read, written } })
    }
}

/// A block device by its place in sysfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A disk with a driver of its own.
    Physical,
    /// A device of the kernel without a disk below that sysfs knows.
    Virtual,
    /// A partition, a device on other devices, a path to a disk that is listed itself, or memory.
    Other,
}

fn kind(name: &str, block: &Path) -> Kind {
    // The kernel writes `cciss/c0d0` as `cciss!c0d0` in sysfs.
    let device = block.join(name.replace('/', "!"));
    // Partitions have no folder there.
    if !device.is_dir() || is_memory_or_removable(name) {
        return Kind::Other;
    }
    let is_hidden = fs::read_to_string(device.join("hidden")).is_ok_and(|text| text.trim() == "1");
    let is_layered = fs::read_dir(device.join("slaves")).is_ok_and(|mut slaves| slaves.next().is_some());
    match (is_hidden || is_layered, device.join("device").exists()) {
        (true, _) => Kind::Other,
        (false, true) => Kind::Physical,
        (false, false) if is_layered_name(name) => Kind::Other,
        (false, false) => Kind::Virtual,
    }
}

/// Sums up the traffic of disks. A disk with several paths counts the traffic itself, or only its paths do, depending on
/// the kernel.
fn sum(rows: &[Row<'_>], disks: &[&Row<'_>]) -> Traffic {
    let mut total = Traffic::default();
    for disk in disks {
        let mut own = disk.traffic;
        let paths = rows.iter().filter(|row| disk_of_path(row.name).is_some_and(|of| of == disk.name));
        let paths = paths.fold(Traffic::default(), |sum, path| sum.plus(path.traffic));
        own.read = own.read.max(paths.read);
        own.written = own.written.max(paths.written);
        total = total.plus(own);
    }
    total
}

/// Returns the disk to which a device of NVMe multipath is a path: `nvme0c1n2` is one to `nvme0n2`.
fn disk_of_path(name: &str) -> Option<String> {
    let (controller, rest) = name.strip_prefix("nvme")?.split_once('c')?;
    let (path, namespace) = rest.split_once('n')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    ([controller, path, namespace].into_iter().all(is_number)).then(|| format!("nvme{controller}n{namespace}"))
}

/// Returns the physical disks by name, for a host without sysfs.
fn by_name<'r, 'a>(rows: &'r [Row<'a>]) -> Vec<&'r Row<'a>> {
    let is_listed = |name: &str| rows.iter().any(|row| row.name == name);
    let is_part = |name: &str| {
        rows.iter().any(|disk| is_partition_of(name, disk.name)) || disk_of_path(name).is_some_and(|of| is_listed(&of))
    };
    let is_disk =
        |row: &&Row<'_>| !is_memory_or_removable(row.name) && !is_layered_name(row.name) && !is_part(row.name);
    rows.iter().filter(is_disk).collect()
}

fn is_memory_or_removable(name: &str) -> bool {
    has_number_after(name, &["loop", "ram", "zram", "sr", "fd"])
}

/// Tells whether the kernel gives a name to devices on other devices: LVM, RAID, bcache, DRBD, volumes of ZFS.
fn is_layered_name(name: &str) -> bool {
    has_number_after(name, &["dm-", "md", "bcache", "drbd", "zd"])
}

fn has_number_after(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '_'))
    })
}

/// Tells whether a device is a partition of a disk, by its name: `sda1`, but `nvme0n1p1`.
fn is_partition_of(name: &str, disk: &str) -> bool {
    let Some(rest) = name.strip_prefix(disk) else { return false };
    let number = if disk.ends_with(|c: char| c.is_ascii_digit()) { rest.strip_prefix('p') } else { Some(rest) };
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns lines in which each device read and wrote this many sectors.
    fn stats(devices: &[(&str, u64)]) -> String {
        devices.iter().map(|(name, sectors)| format!(" 8 0 {name} 1 0 {sectors} 1 1 0 {sectors} 1 0 1 1\n")).collect()
    }

    fn bytes(text: &str, block: &Path) -> u64 {
        let traffic = traffic(text, block);
        assert_eq!(traffic.read, traffic.written);
        traffic.read / SECTOR
    }

    #[test]
    fn layers_are_counted_once_by_name() {
        for (devices, sectors) in [
            (&[("nvme0n1", 9), ("nvme0n1p1", 9), ("nvme0c0n1", 9)][..], 9),
            (&[("nvme0n1", 0), ("nvme0c0n1", 4), ("nvme0c1n1", 5)], 9),
            (&[("nvme0c0n1", 4)], 4),
            (&[("sda", 9), ("bcache0", 9)], 9),
            (&[("sda", 9), ("sda1", 9), ("drbd0", 9), ("zd16", 9), ("zd16p1", 9), ("md127", 9), ("dm-0", 9)], 9),
            (&[("sda", 9), ("sdaa", 1), ("loop0", 9), ("sr0", 9), ("zram0", 9)], 10),
            (&[("xvda1", 3), ("mmcblk0", 2), ("mmcblk0p1", 2), ("mmcblk0boot0", 1)], 6),
            (&[], 0),
        ] {
            assert_eq!(bytes(&stats(devices), Path::new("/no/sysfs")), sectors, "{devices:?}");
        }
    }

    #[test]
    fn sysfs_tells_physical_disks() {
        let sys = tempfile::tempdir().unwrap();
        let device = |name: &str, with: &[&str]| {
            for part in with {
                fs::create_dir_all(sys.path().join(name).join(part)).unwrap();
            }
        };
        device("odd", &["device", "slaves"]);
        device("cciss!c0d0", &["device"]);
        device("bcache0", &["slaves/odd"]);
        device("mapper", &["slaves/odd", "device"]);
        device("pool", &["slaves"]);
        device("sr0", &["device"]);
        device("nvme0n1", &["device"]);
        device("nvme0c0n1", &["device"]);
        fs::write(sys.path().join("nvme0c0n1/hidden"), "1\n").unwrap();
        let text = stats(&[
            ("odd", 1),
            ("odd1", 1),
            ("cciss/c0d0", 2),
            ("cciss/c0d0p1", 2),
            ("bcache0", 100),
            ("mapper", 100),
            ("pool", 100),
            ("sr0", 100),
            ("nvme0n1", 4),
            ("nvme0c0n1", 4),
        ]);
        assert_eq!(bytes(&text, sys.path()), 7);
    }

    #[test]
    fn malformed_sysfs_is_read() {
        let sys = tempfile::tempdir().unwrap();
        for name in ["sda/device", "sdb", "sdc/device", "sdc/hidden"] {
            fs::create_dir_all(sys.path().join(name)).unwrap();
        }
        fs::write(sys.path().join("sda/slaves"), "not a folder").unwrap();
        fs::write(sys.path().join("sda/hidden"), [0xff, b'1']).unwrap();
        std::os::unix::fs::symlink("/nowhere", sys.path().join("sdb/device")).unwrap();
        fs::write(sys.path().join("sdd"), "not a folder either").unwrap();
        let text = stats(&[("sda", 1), ("sdb", 2), ("sdc", 4), ("sdd", 8), ("../sda", 16), ("", 32)]);
        assert_eq!(bytes(&text, sys.path()), 5);
    }

    #[test]
    fn host_without_disks_counts_devices_of_the_kernel() {
        let sys = tempfile::tempdir().unwrap();
        for name in ["nbd0/slaves", "zram0", "loop0", "dm-0/slaves/nbd0"] {
            fs::create_dir_all(sys.path().join(name)).unwrap();
        }
        assert_eq!(bytes(&stats(&[("nbd0", 5), ("zram0", 9), ("loop0", 9), ("dm-0", 5)]), sys.path()), 5);
    }

    #[test]
    fn malformed_lines_are_ignored() {
        let text = "garbage\n 8 0 sda -1 0 -5 1 1 0 7 1\n 8 0 sdb 1 0 5 1 1 0\n\u{0}\n 8 0 sdc 1 0 99999999999999999999 1 1 0 1 1\n";
        assert_eq!(traffic(text, Path::new("/no/sysfs")), Traffic::default());
    }
}
