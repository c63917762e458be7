//! The division of the processors between nodes and background load.

/// The weight of the background load: that of an ordinary service.
const ORDINARY: f64 = 100.0;

/// The rules by which a host divides its processors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Division {
    pub(super) cpus: f64,
    /// Cores that all nodes together may use.
    pub(super) cpu_limit: Option<f64>,
    /// Weight of the control group of all nodes against the background load; None where every task competes alone.
    pub(super) weight: Option<f64>,
}

/// The cores that each side gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shares {
    pub(super) own: f64,
    pub(super) background: f64,
    /// Tasks that run or wait for a processor, as the kernel counts them for the load averages.
    pub(super) runnable: f64,
    /// The share of its demand that each side waits for, throttled demand left out: pressure as PSI counts it.
    pub(super) own_stall: f64,
    pub(super) background_stall: f64,
}

/// Divides the processors. Demand beyond the CPU limit waits without being runnable, as in the kernel.
///
/// Without a weight, processors are shared in proportion to demand. With one, each side gets its share by weight, and
/// the rest of the other side: measured on one core, other work beside a group of ten nodes of weight 10 got as much as
/// it got alone.
pub(super) fn share(own: f64, background: f64, division: Division) -> Shares {
    let Division { cpus, cpu_limit, weight } = division;
    let wanted_own = cpu_limit.map_or(own, |cpu_limit| own.min(cpu_limit));
    let wanted = wanted_own + background;
    let (own, background_given) = match weight {
        _ if wanted <= cpus => (wanted_own, background),
        Some(weight) => {
            let least = cpus * weight / (weight + ORDINARY);
            let own = wanted_own.min(least.max(cpus - background));
            (own, background.min(cpus - own))
        }
        None => (wanted_own * cpus / wanted, background * cpus / wanted),
    };
    let stall = |wanted: f64, given: f64| if given < wanted { 1.0 - given / wanted } else { 0.0 };
    Shares {
        own,
        background: background_given,
        runnable: runnable(wanted, cpus),
        own_stall: stall(wanted_own, own),
        background_stall: stall(background, background_given),
    }
}

/// Returns how many tasks run or wait for a processor when `wanted` cores are demanded.
///
/// Above 60 % use tasks begin to collide; the excess grows linearly to 1.2 tasks a core at full use.
pub(crate) fn runnable(wanted: f64, cpus: f64) -> f64 {
    let crowd = if wanted > 0.6 * cpus { (wanted / cpus).min(1.0) - 0.6 } else { 0.0 };
    wanted * (1.0 + 0.5 * crowd)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn division_gives_no_more_than_demanded_or_present(
            own in 0.0..40.0, background in 0.0..40.0, cpus in 1.0..20.0,
            cpu_limit in proptest::option::of(0.01..20.0), weight in proptest::option::of(1.0..10_000.0),
        ) {
            let division = Division { cpus, cpu_limit, weight };
            let shares = share(own, background, division);
            prop_assert!(shares.own >= 0.0 && shares.own <= own.min(cpu_limit.unwrap_or(own)) + 1e-9);
            prop_assert!(shares.background >= 0.0 && shares.background <= background + 1e-9);
            prop_assert!(shares.own + shares.background <= cpus + 1e-9);
            // Processors idle only where no side wants more.
            let wanted = own.min(cpu_limit.unwrap_or(own)) + background;
            prop_assert!((shares.own + shares.background - wanted.min(cpus)).abs() < 1e-9);
            prop_assert!((0.0..=1.0).contains(&shares.own_stall) && (0.0..=1.0).contains(&shares.background_stall));
            // A lower weight never costs the background load anything.
            let lower = share(own, background, Division { weight: weight.map(|weight| weight / 2.0), ..division });
            prop_assert!(lower.background >= shares.background - 1e-9);
        }
    }

    #[test]
    fn group_behind_other_work_leaves_it_its_share() {
        let on_one_core = |weight| share(0.8, 1.0, Division { cpus: 1.0, cpu_limit: None, weight }).background;
        // Weight 10 of 110: the background load loses a tenth. Separate tasks share in proportion to demand.
        assert!((on_one_core(Some(10.0)) - 100.0 / 110.0).abs() < 1e-9);
        assert!((on_one_core(Some(100.0)) - 0.5).abs() < 1e-9);
        assert!((on_one_core(None) - 1.0 / 1.8).abs() < 1e-9);
        assert!((on_one_core(Some(0.0)) - 1.0).abs() < 1e-9);
    }
}
