//! Facts of the kernel as JSON: waits for resources, and the means by which nodes run behind other work.

use serde::Serialize;
use wnm_core::{LoadScope, Percent, Psi, Stall, StallTime, Stalls, WeightMeans, WeightSample};

/// The pressure stall information of the kernel: the time in which tasks waited for a resource.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PsiView {
    /// The waits of all tasks of the host.
    host: StallsView,
    /// The waits of the nodes; null without a control group of version 2 that contains them.
    colony: Option<StallsView>,
    /// The waits of the background load, as a lower bound; null where `colony` is.
    background: Option<StallsView>,
}

/// The waits of a group of tasks for each resource.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StallsView {
    /// Waits for a CPU.
    cpu: StallView,
    /// Waits for memory.
    memory: StallView,
    /// Waits for disks.
    io: StallView,
}

/// The waits of a group of tasks for one resource.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StallView {
    /// The time in which at least one task waited.
    some: StallTimeView,
    /// The time in which all tasks waited at once; null where the kernel does not count it.
    full: Option<StallTimeView>,
}

/// A time in which tasks waited.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StallTimeView {
    /// Share of the last ten seconds, as a running average of the kernel.
    avg10_percent: f64,
    /// The sum since the start of the host or of the control group, in microseconds; null where it is not known.
    total_microseconds: Option<u64>,
}

impl From<&Psi> for PsiView {
    fn from(Psi { host, colony, background }: &Psi) -> Self {
        let view = |stalls: &Option<Stalls>| stalls.as_ref().map(StallsView::from);
        Self { host: host.into(), colony: view(colony), background: view(background) }
    }
}

impl From<&Stalls> for StallsView {
    fn from(Stalls { cpu, memory, io }: &Stalls) -> Self {
        Self { cpu: cpu.into(), memory: memory.into(), io: io.into() }
    }
}

impl From<&Stall> for StallView {
    fn from(Stall { some, full }: &Stall) -> Self {
        Self { some: some.into(), full: full.as_ref().map(StallTimeView::from) }
    }
}

impl From<&StallTime> for StallTimeView {
    fn from(StallTime { avg10, total }: &StallTime) -> Self {
        Self { avg10_percent: Percent::get(*avg10), total_microseconds: *total }
    }
}

/// The means by which the nodes run behind other work; null for a resource where they compete as equals.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WeightView {
    /// The means for CPU time.
    #[cfg_attr(test, schemars(extend("enum" = MEANS)))]
    cpu: Option<&'static str>,
    /// The means for disks.
    #[cfg_attr(test, schemars(extend("enum" = MEANS)))]
    io: Option<&'static str>,
}

/// The means and null, for the schema.
#[cfg(test)]
const MEANS: [Option<&str>; 5] =
    [Some("control_group"), Some("control_group_of_each_node"), Some("control_group_of_user"), Some("priority"), None];

impl From<&WeightSample> for WeightView {
    fn from(WeightSample { cpu, io }: &WeightSample) -> Self {
        let word = |means: &WeightMeans| match means {
            WeightMeans::Group => "control_group",
            WeightMeans::NodeGroups => "control_group_of_each_node",
            WeightMeans::UserGroup => "control_group_of_user",
            WeightMeans::Priority => "priority",
        };
        Self { cpu: cpu.as_ref().map(word), io: io.as_ref().map(word) }
    }
}

/// Returns whose processes the load averages count: those of this host, or of the host around this container.
pub(crate) const fn load_scope(scope: LoadScope) -> &'static str {
    match scope {
        LoadScope::Own => "host",
        LoadScope::Container => "host_of_container",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_units_are_those_of_the_documents() {
        let stall =
            Stall { some: StallTime { avg10: Percent::clamped(1.5).unwrap_or_default(), total: Some(7) }, full: None };
        let psi = Psi { host: Stalls { cpu: stall, ..Stalls::default() }, colony: None, background: None };
        let view = serde_json::to_value(PsiView::from(&psi)).unwrap();
        assert_eq!(
            view["host"]["cpu"],
            serde_json::json!({"some": {"avg10_percent": 1.5, "total_microseconds": 7}, "full": null})
        );
        let weight = WeightSample { cpu: Some(WeightMeans::Group), io: None };
        let view = serde_json::to_value(WeightView::from(&weight)).unwrap();
        assert_eq!(view, serde_json::json!({"cpu": "control_group", "io": null}));
    }
}
