//! `wnm util`: completion scripts, which ask wnm for candidates, man pages, generated from the arguments, and files for
//! Grafana and Prometheus.

mod man;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::env::Shells;

use crate::args::{COMPLETE, Cli, Util};
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;

/// The dashboard of Grafana, which the Debian package contains too.
const DASHBOARD: &str = include_str!("../../packaging/monitoring/grafana-dashboard.json");
/// The alert rules of Prometheus, which the Debian package contains too.
const RULES: &str = include_str!("../../packaging/monitoring/prometheus-rules.yml");

/// Writes a completion script, man pages, or files for the monitoring.
pub(crate) fn run(command: Util, output: &Output) -> Result<Exit, CliError> {
    let cli = Cli::command();
    match command {
        Util::Completions { shell } => {
            output.text(&script(shell)?)?;
        }
        Util::GrafanaDashboard => output.text(DASHBOARD)?,
        Util::PrometheusRules => output.text(RULES)?,
        Util::Man { out: Some(folder) } => man::write_all(&cli, &folder)?,
        Util::Man { out: None } => output.text(&String::from_utf8_lossy(&man::page(&cli, "wnm")?))?,
    }
    Ok(Exit::Done)
}

/// Returns the script that lets a shell ask wnm for candidates.
fn script(shell: Shell) -> Result<String, CliError> {
    // The script of clap_complete completes no word that bash splits, such as `preset=steady`.
    if shell == Shell::Bash {
        let script = include_str!("util/completions.bash").replace("VARIABLE", COMPLETE).replace("PROGRAM", "wnm");
        return Ok(script.replace("FUNCTION", "wnm"));
    }
    let (name, shells) = (shell.to_string(), Shells::builtins());
    let completer = shells.completer(&name).ok_or_else(|| CommandError::NoCompletions { shell: name.clone() })?;
    let mut script = Vec::new();
    completer.write_registration(COMPLETE, "wnm", "wnm", "wnm", &mut script).map_err(CliError::Output)?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}
