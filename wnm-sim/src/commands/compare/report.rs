//! The report: a page of tables and the pictures beside it, written anew each time.

use std::path::Path;

use super::field::{Field, STEADY};
use super::plan::Extent;
use super::{Comparison, Round, pictures, tables};
use crate::SimError;
use crate::capacity::{CapacityScenario, run_observed};
use crate::commands::chart::{Watched, side_by_side};
use crate::output::Output;

/// The scenario whose run is drawn, where it was compared.
const DRAWN: &str = "storms-16";
/// Days of it, at most.
const DRAWN_DAYS: f64 = 2.0;

/// Makes the folder, and sees that files can be written into it.
///
/// # Errors
/// They cannot.
pub(super) fn prepare(folder: &Path) -> Result<(), SimError> {
    let cannot = |source| SimError::Write { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(cannot)?;
    let probe = folder.join(".wnm-sim-compare");
    std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe)).map_err(cannot)
}

/// Writes everything into the folder.
///
/// # Errors
/// A file cannot be written, or a picture not be drawn.
pub(super) fn write(
    folder: &Path,
    comparison: &Comparison,
    specs: &[CapacityScenario],
    field: &Field,
) -> Result<(), SimError> {
    let (Some(round), Some(spec)) =
        (comparison.rounds.first(), specs.iter().find(|spec| spec.name == DRAWN).or(specs.first()))
    else {
        return Ok(());
    };
    let run = two_runs(round, spec, field, comparison.extent)?;
    let mut files = vec![
        ("figures.md", tables::figures(comparison, &run.caption)),
        ("scenarios.md", tables::scenarios(comparison)),
        ("front.svg", pictures::front(&comparison.rounds)?),
        ("differences.svg", pictures::differences(round)?),
        ("run.svg", run.svg),
    ];
    // The table of parts stays where it was not made anew.
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

/// A run of one scenario under classic and under steady.
struct TwoRuns {
    svg: String,
    /// What is to be seen, in a sentence.
    caption: String,
}

/// Makes and draws a run of a scenario under the better classic and under steady.
fn two_runs(round: &Round, spec: &CapacityScenario, field: &Field, extent: Extent) -> Result<TwoRuns, SimError> {
    let [steady, ..] = STEADY;
    let mut all = round.contests.iter().flat_map(|contest| &contest.scenarios);
    let classic = all.find(|against| against.scenario == spec.name).map_or("", |against| &against.classic);
    let days = extent.days.min(DRAWN_DAYS);
    let mut runs = Vec::new();
    for pilot in field.entrants_in(spec).filter(|pilot| pilot.name == classic || pilot.name == steady) {
        let mut run = Watched::new(format!("{} under {}", spec.name, pilot.name), spec.limits.clone());
        run_observed(spec, &mut pilot.pilot(spec)?, extent.seed, days, extent.cycle, |cycle| run.see(cycle));
        runs.push(run);
    }
    let caption = format!(
        "{}, seed {}, the first {days} days: {classic} at the left, {steady} at the right.",
        spec.name, extent.seed
    );
    Ok(TwoRuns { svg: side_by_side(&runs)?, caption })
}
