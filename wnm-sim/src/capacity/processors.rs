//! The division of the processors between nodes and background load.

/// The cores that each side gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shares {
    pub(super) own: f64,
    pub(super) background: f64,
    /// Tasks that run or wait for a processor, as the kernel counts them for the load averages.
    pub(super) runnable: f64,
}

/// Shares processors in proportion to demand. Demand beyond the CPU limit waits without being runnable, as in the kernel.
pub(super) fn share(own: f64, background: f64, cpu_limit: Option<f64>, cpus: f64) -> Shares {
    let own = cpu_limit.map_or(own, |cpu_limit| own.min(cpu_limit));
    let wanted = own + background;
    let given = if wanted > cpus { cpus / wanted } else { 1.0 };
    Shares { own: own * given, background: background * given, runnable: runnable(wanted, cpus) }
}

/// Returns how many tasks run or wait for a processor when `wanted` cores are demanded.
///
/// Above 60 % use tasks begin to collide; the excess grows linearly to 1.2 tasks a core at full use.
pub(crate) fn runnable(wanted: f64, cpus: f64) -> f64 {
    let crowd = if wanted > 0.6 * cpus { (wanted / cpus).min(1.0) - 0.6 } else { 0.0 };
    wanted * (1.0 + 0.5 * crowd)
}
