//! The report directory of a comparison: Markdown pages and charts, replaced as a whole.

use std::path::Path;

use super::plan::Extent;
use super::policies::{Policies, STEADY};
use super::{Comparison, Round, charts, tables};
use crate::SimError;
use crate::capacity::{CapacityScenario, run_observed};
use crate::commands::chart::{CollectedRun, side_by_side};
use crate::output::Output;

/// The scenario of the chart of a single run; the first one where it was not compared.
const DRAWN: &str = "storms-16";
/// The most days in that chart.
const DRAWN_DAYS: f64 = 2.0;

/// Creates the directory and checks that it is writable.
///
/// # Errors
/// The directory cannot be created or written.
pub(super) fn prepare(folder: &Path) -> Result<(), SimError> {
    let cannot = |source| SimError::Write { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(cannot)?;
    // Creating a file is the only reliable test: permissions do not cover read-only mounts.
    let probe = folder.join(".wnm-sim-compare");
    std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe)).map_err(cannot)
}

/// Writes all pages and charts.
///
/// # Errors
/// A file cannot be written, or a chart cannot be drawn.
pub(super) fn write(
    folder: &Path,
    comparison: &Comparison,
    specs: &[CapacityScenario],
    policies: &Policies,
) -> Result<(), SimError> {
    let (Some(round), Some(spec)) =
        (comparison.rounds.first(), specs.iter().find(|spec| spec.name == DRAWN).or(specs.first()))
    else {
        return Ok(());
    };
    let run = two_runs(round, spec, policies, comparison.extent)?;
    let mut files = vec![
        ("figures.md", tables::figures(comparison, &run.caption)),
        ("scenarios.md", tables::scenarios(comparison)),
        ("front.svg", charts::front(&comparison.rounds)?),
        ("differences.svg", charts::differences(round)?),
        ("run.svg", run.svg),
    ];
    // Without --ablation an earlier table of parts remains.
    if !comparison.ablation.is_empty() {
        files.push(("parts.md", tables::parts(comparison)));
    }
    for (name, text) in files {
        let mut output = Output::create(&folder.join(name))?;
        output.text(&text)?;
        output.finish()?;
    }
    Ok(())
}

/// The chart of one scenario under classic and under steady.
struct TwoRuns {
    svg: String,
    /// A sentence that describes the chart.
    caption: String,
}

/// Runs one scenario under the better classic and under steady, and draws both.
fn two_runs(round: &Round, spec: &CapacityScenario, policies: &Policies, extent: Extent) -> Result<TwoRuns, SimError> {
    let [_, steady, ..] = STEADY;
    let mut all = round.comparisons.iter().flat_map(|compared| &compared.scenarios);
    let classic = all.find(|scenario| scenario.scenario == spec.name).map_or("", |scenario| &scenario.reference);
    let days = extent.days.min(DRAWN_DAYS);
    let mut runs = Vec::new();
    for pilot in policies.policies_in(spec).filter(|pilot| pilot.name == classic || pilot.name == steady) {
        let mut run = CollectedRun::new(format!("{} under {}", spec.name, pilot.name), spec.limits.clone());
        run_observed(spec, &mut pilot.pilot(spec)?, extent.seed, days, extent.cycle, |cycle| run.observe(cycle));
        runs.push(run);
    }
    let caption = format!(
        "{}, seed {}, the first {days} days: {classic} on the left, {steady} on the right.",
        spec.name, extent.seed
    );
    Ok(TwoRuns { svg: side_by_side(&runs)?, caption })
}
