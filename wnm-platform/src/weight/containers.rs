//! The weight of containers that the user of wnm may update, but whose control group only root may change.

use wnm_core::{Weight, WeightMeans};

use super::{AppliedWeight, ColonyWeight, NoWeight, RunningNode};
use crate::cpu_limit::NoCpuLimit;
use crate::error::PlatformError;
use crate::exec::Call;

/// The template that prints the name and the CPU shares of a container, for `--format`.
const FORMAT: &str = "{{.Name}} {{.HostConfig.CpuShares}}";
/// The shares of an ordinary container, and the fewest that docker accepts.
const SHARES: (u64, u64) = (1024, 2);
/// The weights for disks that docker accepts.
const BLKIO: (u16, u16) = (10, 1000);

/// Returns the shares of one of so many containers.
fn shares(weight: Weight, containers: usize) -> u64 {
    let all = u64::from(weight.share()) * SHARES.0 / u64::from(Weight::ORDINARY);
    (all / containers.max(1) as u64).max(SHARES.1)
}

/// Returns the containers whose shares differ from those of their weight.
fn different<'a>(colony: &ColonyWeight, nodes: &[RunningNode<'a>]) -> Result<Vec<RunningNode<'a>>, PlatformError> {
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let names = nodes.iter().map(|node| node.node.service_name());
    let call = Call::new(&colony.options.docker).args(["container", "inspect", "--format", FORMAT]).args(names);
    let text = colony.exec.succeed(&call)?.text();
    let wanted = shares(colony.weights.cpu, nodes.len());
    let has = |node: &RunningNode<'_>| {
        let line = text.lines().find_map(|line| line.trim_start_matches('/').strip_prefix(&node.node.service_name()));
        line.and_then(|rest| rest.trim().parse().ok()) == Some(wanted)
    };
    Ok(nodes.iter().copied().filter(|node| !has(node)).collect())
}

/// Returns the means in effect.
pub(super) fn look(colony: &ColonyWeight, nodes: &[RunningNode<'_>]) -> AppliedWeight {
    let means = |weight: Weight| match different(colony, nodes) {
        _ if !weight.is_behind() => Err(NoWeight::Ordinary),
        Ok(different) if different.is_empty() => Ok(WeightMeans::NodeGroups),
        Ok(_) => Err(NoWeight::NotApplied),
        Err(_) => Err(NoWeight::NoGroup(NoCpuLimit::ContainersNeedRoot)),
    };
    // docker does not tell whether the kernel accepted a weight for disks.
    AppliedWeight { cpu: means(colony.weights.cpu), io: Err(NoWeight::NoGroup(NoCpuLimit::ContainersNeedRoot)) }
}

/// Updates the containers whose shares differ.
pub(super) fn apply(colony: &ColonyWeight, nodes: &[RunningNode<'_>]) -> Result<(), PlatformError> {
    let different = different(colony, nodes)?;
    if different.is_empty() {
        return Ok(());
    }
    let update = |flag: String| {
        let names = different.iter().map(|node| node.node.service_name());
        colony.exec.succeed(&Call::new(&colony.options.docker).args(["container", "update", &flag]).args(names))
    };
    // Kernels without weights for disks refuse the second one.
    let _ = update(format!("--blkio-weight={}", colony.weights.io.share().clamp(BLKIO.0, BLKIO.1)));
    update(format!("--cpu-shares={}", shares(colony.weights.cpu, nodes.len()))).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_share_one_weight() {
        for (weight, containers, expected) in [
            (Weight::Share(10), 1, 102),
            (Weight::Share(10), 10, 10),
            (Weight::Share(10), 100, 2),
            (Weight::Idle, 1, 10),
            (Weight::Share(100), 0, 1024),
        ] {
            assert_eq!(shares(weight, containers), expected, "{weight} {containers}");
        }
    }
}
