//! Memory of the host, from `/proc/meminfo` and the counters of ZFS.

use super::Memory;

/// Parses `/proc/meminfo`. `zfs` is the text of `/proc/spl/kstat/zfs/arcstats`, empty on a host without ZFS.
///
/// Pools of huge pages are neither used nor available: the kernel gives them only to programs that ask for them, so the
/// total is without them.
pub(super) fn memory(text: &str, zfs: &str) -> Option<Memory> {
    let meminfo = Meminfo(text);
    let all = meminfo.bytes("MemTotal")?;
    let total = all.checked_sub(meminfo.huge_pages()).filter(|total| *total > 0).unwrap_or(all);
    let available = meminfo.available()?.saturating_add(reclaimable_arc(zfs)).min(total);
    Some(Memory { total, used: total - available })
}

/// The text of `/proc/meminfo`.
struct Meminfo<'a>(&'a str);

impl Meminfo<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    }

    fn bytes(&self, name: &str) -> Option<u64> {
        self.value(name)?.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    }

    /// Returns the memory that programs can get without swapping.
    ///
    /// Linux before 3.14, and some containers, have no `MemAvailable`. The estimate is that of the kernel
    /// (`si_mem_available`): free memory, and the page cache and the reclaimable slab without a half that stays.
    fn available(&self) -> Option<u64> {
        self.bytes("MemAvailable").or_else(|| {
            let part = |name: &str| self.bytes(name).unwrap_or(0);
            let shared = part("Shmem");
            let cache = part("Buffers").saturating_add(part("Cached")).saturating_sub(shared);
            // The kernel keeps at most its low watermark, of which `/proc/meminfo` does not tell. A 64th of the memory
            // is above that of every size of machine.
            let kept = |part: u64| part.saturating_sub((part / 2).min(self.bytes("MemTotal").unwrap_or(0) / 64));
            Some(self.bytes("MemFree")?.saturating_add(kept(cache)).saturating_add(kept(part("SReclaimable"))))
        })
    }

    /// Returns the memory in pools of huge pages, of all sizes where the kernel tells it (since 4.16).
    fn huge_pages(&self) -> u64 {
        let of_one_size = || {
            let pages = self.value("HugePages_Total")?.parse::<u64>().ok()?;
            pages.checked_mul(self.bytes("Hugepagesize")?)
        };
        self.bytes("Hugetlb").or_else(of_one_size).unwrap_or(0)
    }
}

/// Returns the part of the ZFS cache that ZFS gives back under pressure: its size above the minimum. `MemAvailable` does
/// not contain it.
fn reclaimable_arc(stats: &str) -> u64 {
    let value = |name: &str| {
        let mut words = stats
            .lines()
            .map(str::split_ascii_whitespace)
            .find_map(|mut words| (words.next()? == name).then_some(words))?;
        words.nth(1)?.parse::<u64>().ok()
    };
    value("size").zip(value("c_min")).map_or(0, |(size, least)| size.saturating_sub(least))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KB: u64 = 1024;
    const ARC: &str = "13 1 0x01 147 39984 1 2\n\
                       name                            type data\n\
                       size                            4    53687091200\n\
                       c_min                           4    2147483648\n\
                       c_max                           4    60129542144\n";

    #[test]
    fn arc_above_its_minimum_is_available() {
        let text = "MemTotal:       65536000 kB\nMemFree:         3000000 kB\nMemAvailable:    6553600 kB\n\
                    Buffers:               0 kB\nCached:          3000000 kB\n";
        let total = 65_536_000 * KB;
        let without = total - 6_553_600 * KB;
        for (arc, used) in [
            (ARC, without - (53_687_091_200 - 2_147_483_648)),
            ("", without),
            ("size 4 -5\nc_min 4 1\n", without),
            ("size 4 100\nc_min 4 200\n", without),
            ("size\nc_min 4\n", without),
            ("size 4 18446744073709551615\nc_min 4 0\n", 0),
        ] {
            assert_eq!(memory(text, arc), Some(Memory { total, used }), "{arc}");
        }
    }

    #[test]
    fn available_memory_is_estimated_where_the_kernel_does_not_tell_it() {
        let used = |rest: &str| memory(&format!("MemTotal: 6400 kB\n{rest}"), "").map(|memory| memory.used / KB);
        for (rest, kilobytes) in [
            ("MemFree: 1000 kB\nMemAvailable: 3000 kB\nCached: 4000 kB\n", Some(3400)),
            ("MemFree: 1000 kB\n", Some(5400)),
            ("MemFree: 1000 kB\nBuffers: 200 kB\nCached: 2000 kB\nShmem: 200 kB\nSReclaimable: 100 kB\n", Some(3450)),
            ("MemFree: 1000 kB\nMemAvailable: -3 kB\nShmem: 9 kB\n", Some(5400)),
            ("MemFree: 99999999999999999999 kB\n", None),
            ("MemFree: 18014398509481983 kB\nCached: 18014398509481983 kB\n", Some(0)),
            ("", None),
        ] {
            assert_eq!(used(rest), kilobytes, "{rest}");
        }
    }

    #[test]
    fn huge_pages_are_not_part_of_the_memory() {
        let with = |rest: &str| memory(&format!("MemTotal: 8000 kB\nMemAvailable: 2000 kB\n{rest}"), "").unwrap();
        let sizes = |rest: &str| (with(rest).total / KB, with(rest).used / KB);
        assert_eq!(sizes("HugePages_Total:       2\nHugePages_Free: 2\nHugepagesize:       2048 kB\n"), (3904, 1904));
        assert_eq!(sizes("HugePages_Total: 1\nHugepagesize: 2048 kB\nHugetlb: 4000 kB\n"), (4000, 2000));
        assert_eq!(sizes("HugePages_Total: -1\nHugepagesize: 2048 kB\n"), (8000, 6000));
        assert_eq!(sizes("HugePages_Total: 9\nHugepagesize: 2048 kB\n"), (8000, 6000), "more than all memory");
    }
}
