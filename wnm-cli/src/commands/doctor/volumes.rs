//! Room for nodes: on all volumes together for a full colony, and on each one now.

use std::collections::BTreeSet;

use wnm_core::{Bytes, Flavor, Settings, Volume};
use wnm_platform::observe::host;
use wnm_store::Snapshot;

use super::Check;

/// Disk a node may come to need: under it, a wave of others' removals can fill every disk at once.
const NEEDED: Bytes = Bytes(35_000_000_000);
/// Room under which an `ant-node` takes its disk for full.
const FULL: Bytes = Bytes(500 << 20);

pub(super) fn check(settings: &Settings, snapshot: Option<&Snapshot>) -> Vec<Check> {
    let mut devices = BTreeSet::new();
    let volumes = settings.storage.iter().map(|folder| host::volume(folder));
    // Two folders on one device share its room.
    let volumes: Vec<Volume> = volumes.filter(|volume| devices.insert(volume.device)).collect();
    let nodes = snapshot.map_or(0, |snapshot| snapshot.nodes.len());
    let all = together(settings, &volumes, nodes);
    std::iter::once(all).chain(volumes.iter().filter_map(|volume| one(settings, volume))).collect()
}

/// Compares the size of all volumes with what a full colony may come to hold.
fn together(settings: &Settings, volumes: &[Volume], nodes: usize) -> Check {
    const HINT: &str = "lower node_cap, or add a folder on another volume to node_storage";
    let total: u64 = volumes.iter().filter_map(|volume| volume.total).map(|total| total.0).sum();
    let (cap, crisis) = (settings.policy.node_cap, settings.crisis);
    let each = Bytes(total / u64::from(cap.max(1)));
    let on = if volumes.len() > 1 { format!(" on {} volumes", volumes.len()) } else { String::new() };
    let found = format!("{each} for each of {cap} nodes{on}");
    let filled = filled(settings, total, nodes);
    if each < crisis {
        Check::wrong("disk", format!("{found}, less than crisis_bytes, {crisis}"), HINT)
    } else if filled >= 100 {
        let found = format!("{found}; the {nodes} there are may come to hold {filled} % of what hd_remove allows");
        Check::wrong("disk", found, HINT)
    } else if each < NEEDED {
        let crisis =
            format!("{crisis} (crisis_bytes) each, the {nodes} there are fill {filled} % of what hd_remove allows");
        Check::doubtful("disk", format!("{found}; a node may come to need {NEEDED}. With {crisis}"), HINT)
    } else {
        Check::fine("disk", found)
    }
}

/// Returns how much of what may be used all nodes together could come to take, in percent, as reports call
/// `node_hd_crisis`.
fn filled(settings: &Settings, total: u64, nodes: usize) -> u64 {
    let may_hold = total as f64 * settings.policy.disk.remove.get() / 100.0;
    if may_hold > 0.0 { (nodes as f64 * settings.crisis.0 as f64 / may_hold * 100.0) as u64 } else { 0 }
}

/// Tells what the use of one volume keeps from being done; None when nothing.
fn one(settings: &Settings, volume: &Volume) -> Option<Check> {
    let root = volume.root.display();
    let limits = settings.policy.disk;
    let (used, free) = (volume.used?, volume.available?);
    let found = format!("{root} is {used} full, {free} free");
    if used > limits.remove {
        let found = format!("{found}: over hd_remove, {}: nodes on it are removed", limits.remove);
        return Some(Check::wrong("volume", found, "make room there, or raise hd_remove"));
    }
    if settings.flavor == Flavor::AntNode && free < FULL {
        let found = format!("{found}: an ant-node takes less than {FULL} for full");
        return Some(Check::wrong("volume", found, "make room there"));
    }
    (used >= limits.less_than).then(|| {
        let found = format!("{found}: not below hd_less_than, {}: nothing is added", limits.less_than);
        Check::doubtful("volume", found, "make room there, or raise hd_less_than")
    })
}

#[cfg(test)]
mod tests {
    use wnm_core::{HostDefaults, ManagerKind, Percent, RawSettings};

    use super::*;
    use crate::commands::doctor::Health;

    fn settings(said: &[(&str, &str)]) -> Settings {
        let host =
            HostDefaults { cpus: 2, storage: "/s".into(), programs: "/bin".into(), manager: ManagerKind::ALL[0] };
        let mut raw = RawSettings::default();
        for (key, value) in [("rewards_address", "faucet")].iter().chain(said) {
            raw.set(key, value).unwrap();
        }
        Settings::new(&raw, &host).unwrap()
    }

    fn volume(root: &str, total: u64, used: f64) -> Volume {
        let gigabytes = |bytes: f64| Some(Bytes((bytes * 1e9) as u64));
        Volume {
            root: root.into(),
            device: 1,
            used: Percent::new(used).ok(),
            total: gigabytes(total as f64),
            available: gigabytes(total as f64 * (100.0 - used) / 100.0),
        }
    }

    #[test]
    fn a_full_colony_is_compared_with_all_volumes_together() {
        let ten = settings(&[("node_cap", "10")]);
        let found = |volumes: &[Volume], nodes| {
            let check = together(&ten, volumes, nodes);
            (check.health, check.found)
        };
        for (sizes, nodes, health, said) in [
            (&[400][..], 2, Health::Fine, "40.0 GB for each of 10 nodes"),
            (&[200, 200], 2, Health::Fine, "40.0 GB for each of 10 nodes on 2 volumes"),
            (
                &[200],
                9,
                Health::Doubtful,
                "20.0 GB for each of 10 nodes; a node may come to need 35.0 GB. With 2.0 GB (crisis_bytes) each, the 9 \
                 there are fill 10 % of what hd_remove allows",
            ),
            (&[19], 2, Health::Wrong, "1.9 GB for each of 10 nodes, less than crisis_bytes, 2.0 GB"),
            (
                &[22],
                10,
                Health::Wrong,
                "2.2 GB for each of 10 nodes; the 10 there are may come to hold 101 % of what hd_remove allows",
            ),
        ] {
            let volumes: Vec<Volume> = sizes.iter().map(|size| volume("/s", *size, 0.0)).collect();
            assert_eq!(found(&volumes, nodes), (health, said.to_owned()));
        }
    }

    #[test]
    fn each_volume_has_its_own_use() {
        let ant_node = settings(&[("flavor", "ant-node"), ("hd_remove", "99.99"), ("hd_less_than", "99.98")]);
        let classic = settings(&[]);
        let found =
            |settings: &Settings, volume: &Volume| one(settings, volume).map(|check| (check.health, check.found));
        let told = |health, text: &str| Some((health, text.to_owned()));
        assert_eq!(found(&classic, &volume("/a", 100, 50.0)), None);
        assert_eq!(
            found(&classic, &volume("/b", 100, 80.0)),
            told(Health::Doubtful, "/b is 80.0 % full, 20.0 GB free: not below hd_less_than, 75.0 %: nothing is added")
        );
        assert_eq!(
            found(&classic, &volume("/c", 100, 95.0)),
            told(Health::Wrong, "/c is 95.0 % full, 5.0 GB free: over hd_remove, 90.0 %: nodes on it are removed")
        );
        assert_eq!(
            found(&ant_node, &volume("/d", 10, 96.0)),
            told(Health::Wrong, "/d is 96.0 % full, 400.0 MB free: an ant-node takes less than 524.3 MB for full")
        );
        assert_eq!(found(&classic, &Volume::default()), None);
    }

    #[test]
    fn two_folders_on_one_device_share_its_room() {
        let folder = tempfile::tempdir().unwrap();
        let two = ["a", "b"].map(|name| folder.path().join(name).display().to_string()).join(",");
        let checks = check(&settings(&[("node_storage", &two)]), None);
        assert!(!checks[0].found.contains("volumes"), "{}", checks[0].found);
    }
}
