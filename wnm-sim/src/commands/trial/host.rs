//! The scenario of a recorded host: the fitted model, the size of the host, its colony and its background load.

use std::fmt::Write;
use std::path::{Path, absolute};
use std::sync::Arc;

use wnm_core::{Policy, RawSettings};

use crate::SimError;
use crate::capacity::recording::TraceFacts;
use crate::capacity::{CapacityScenario, Scenario};
use crate::commands::calibrate::{HostFacts, Report};
use crate::scenario::capacity::{Amount, Size};
use crate::trace_file::BadLines;

/// Memory for each processor of a host whose trace does not say, in GB.
const MEMORY_GB_PER_CPU: f64 = 4.0;
/// Disk space for each processor of a host whose trace does not say, in GB.
const DISK_GB_PER_CPU: f64 = 250.0;
/// Background use of memory, and of the volumes, where the trace does not say, in percent.
const BACKGROUND_MEMORY: f64 = 20.0;
const BACKGROUND_DISK: f64 = 10.0;

/// A recorded host as a scenario.
pub(super) struct Host {
    pub(super) spec: CapacityScenario,
    /// The text of the scenario.
    pub(super) text: String,
    /// The assumed facts, each with the reason.
    pub(super) assumed: Vec<String>,
}

impl Host {
    /// Builds the scenario.
    ///
    /// # Errors
    /// The present settings contradict each other, or the trace holds no CPU use.
    pub(super) fn new(
        trace: &Path,
        calibration: &Report,
        facts: &HostFacts,
        present: &RawSettings,
        bad: BadLines,
    ) -> Result<Self, SimError> {
        let policy = Policy::new(present, Some(facts.cpus))
            .map_err(|problems| SimError::input(format!("invalid present settings: {problems}")))?;
        let mut assumed = Vec::new();
        let text = text(trace, calibration, facts, present, &policy, &mut assumed);
        let name = trace.file_name().map_or_else(|| "trace".into(), |name| name.to_string_lossy()).into_owned();
        let reading = TraceFacts { bad, ..TraceFacts::default() };
        let scenario = Arc::new(Scenario::parse(&text, &name, reading)?);
        let amount = |value: f64| Amount::try_from(value).unwrap_or_default();
        let size = scenario.host.unwrap_or(Size { cpus: facts.cpus, memory_gb: amount(1.0), disk_gb: amount(1.0) });
        let spec = CapacityScenario::new(name, size, scenario, &RawSettings::default())?;
        Ok(Self { spec, text, assumed })
    }
}

/// Returns the scenario as TOML, and adds the assumed facts to `assumed`.
fn text(
    trace: &Path,
    calibration: &Report,
    facts: &HostFacts,
    present: &RawSettings,
    policy: &Policy,
    assumed: &mut Vec<String>,
) -> String {
    let cpus = f64::from(facts.cpus);
    let mut known = |value: Option<f64>, otherwise: f64, what: &str, lacking: &str| {
        value.unwrap_or_else(|| {
            assumed.push(format!("{what}: the trace has no {lacking}"));
            otherwise
        })
    };
    let memory = MEMORY_GB_PER_CPU * cpus;
    let memory = known(facts.memory_gb, memory, &format!("{memory:.0} GB of memory"), "total_mem_bytes");
    let disk = DISK_GB_PER_CPU * cpus;
    let disk = known(facts.disk_gb, disk, &format!("{disk:.0} GB of disk space"), "total_hd_bytes");
    let memory_used = format!("{BACKGROUND_MEMORY:.0} % of the memory in background use");
    let memory_used =
        known(facts.background_memory, BACKGROUND_MEMORY, &memory_used, "used_mem_percent beside the memory of nodes");
    let disk_used = format!("{BACKGROUND_DISK:.0} % of the disk space in background use");
    let disk_used =
        known(facts.background_disk, BACKGROUND_DISK, &disk_used, "used_hd_percent beside the disk use of nodes");
    // The present colony may exceed its cap; the scenario must not.
    let cap = f64::from(policy.node_cap).max(facts.nodes as f64) / cpus;
    // Every JSON string is a valid TOML string.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let path = absolute(trace).unwrap_or_else(|_| trace.to_owned());
    let mut text = format!("about = {}\n\n", quoted(&format!("The host of {}", trace.display())));
    _ = writeln!(text, "[host]\ncpus = {}\nmemory_gb = {memory:.3}\ndisk_gb = {disk:.3}\n", facts.cpus);
    _ = writeln!(text, "[colony]\ncap_per_core = {cap}\nstart_per_core = {}\n", facts.nodes as f64 / cpus);
    _ = writeln!(text, "[memory]\nbackground = {memory_used:.2}\n\n[disks]\nbackground = {disk_used:.2}\n");
    _ = writeln!(text, "[[load]]\nkind = \"trace\"\ntrace = {}", quoted(&path.to_string_lossy()));
    _ = writeln!(text, "cpus = {}", facts.cpus);
    if let Some(cores) = calibration.credible("cpu_cores") {
        _ = writeln!(text, "node_cores = {cores}");
    }
    _ = writeln!(text, "\n[settings]\nnode_cap = {}", policy.node_cap);
    for key in RawSettings::KEYS.iter().filter(|key| **key != "node_cap") {
        if let Some(value) = present.get(key) {
            _ = writeln!(text, "{key} = {}", quoted(&value));
        }
    }
    text + "\n" + &calibration.toml()
}
