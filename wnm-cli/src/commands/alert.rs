//! `wnm alert`: the alerts of the daemon, and their receivers.

use std::path::{Path, PathBuf};

use wnm_agent::alerts::{self, Beat, HEARTBEAT, Heartbeat, Receiver, Receivers, test_notification};
use wnm_agent::private_file::PrivateFileError;
use wnm_core::{RawSettings, Settings};
use wnm_store::Store;

use crate::args::Alert;
use crate::config;
use crate::context;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;
use crate::render::alert::{AlertsView, TestedView, page, tested};
use crate::valves;

/// The alerts cannot be shown or sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AlertError {
    #[error("no receivers: the setting alerts is not set")]
    Off,
    #[error(transparent)]
    File(#[from] PrivateFileError),
    #[error("{} contains no receiver", .0.display())]
    Empty(PathBuf),
}

impl AlertError {
    /// Returns how the operator can fix the cause.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Off => "name the file of receivers with `wnm config set alerts=/etc/wnm/alerts.toml`".to_owned(),
            Self::File(error) => error.command().map_or_else(
                || "`wnm alert --help` shows an example of the file".to_owned(),
                |command| format!("run `{}`", crate::render::shell_text(&command)),
            ),
            Self::Empty(_) => "`wnm alert --help` shows an example of the file".to_owned(),
        }
    }
}

/// Runs a command on alerts.
///
/// # Errors
/// The settings or the file of receivers cannot be used, or the output cannot be written.
pub(crate) fn run(db: &Path, command: Alert, output: &Output) -> Result<Exit, CliError> {
    let settings = settings(db)?;
    let receivers = receivers(&settings)?;
    match command {
        Alert::List => {
            let stored = alerts::stored(db);
            let now = valves::now();
            let view = AlertsView::of(&stored, &receivers);
            output.result(&view, |_| page(&stored, &receivers, now, output.width()))?;
            Ok(Exit::Done)
        }
        Alert::Test => test(&settings, &receivers, output),
    }
}

fn settings(db: &Path) -> Result<Settings, CliError> {
    let stored = Store::open_read_only(db)?.settings()?;
    let surroundings = config::reload::surroundings_of(db)?;
    let host = context::host_defaults(&stored, &surroundings);
    Ok(config::fold([RawSettings::default(), surroundings, stored], &host)?)
}

fn receivers(settings: &Settings) -> Result<Receivers, CliError> {
    let path = settings.alerts.as_ref().ok_or(AlertError::Off).map_err(CommandError::Alert)?;
    let receivers = Receivers::read(path).map_err(|error| CommandError::Alert(error.into()))?;
    if receivers.receivers.is_empty() && receivers.heartbeat.is_none() {
        return Err(CommandError::Alert(AlertError::Empty(path.clone())).into());
    }
    Ok(receivers)
}

/// Sends the test message to all receivers at once, and asks the address of the heartbeat.
fn test(settings: &Settings, receivers: &Receivers, output: &Output) -> Result<Exit, CliError> {
    let (now, host) = (valves::now(), alerts::host_name());
    let notification = test_notification(now);
    let authorities = settings.ca_file.as_deref();
    let send = |receiver: &Receiver| TestedView {
        name: receiver.name.clone(),
        kind: receiver.kind.word(),
        address: receiver.target.shown().to_owned(),
        error: alerts::send(receiver, &notification, &host, authorities, now).err().map(|error| error.to_string()),
    };
    let beat = |heartbeat: &Heartbeat| TestedView {
        name: HEARTBEAT.to_owned(),
        kind: HEARTBEAT,
        address: heartbeat.url.origin().to_owned(),
        error: alerts::send_heartbeat(heartbeat, Beat::Well, authorities).err().map(|error| error.to_string()),
    };
    let (send, beat) = (&send, &beat);
    let threads = std::thread::Builder::new;
    let results: Vec<TestedView> = std::thread::scope(|scope| {
        // A host at its limit of tasks asks one after the other.
        let asked = receivers
            .receivers
            .iter()
            .map(|receiver| threads().spawn_scoped(scope, move || send(receiver)).map_err(|_| send(receiver)));
        let heartbeat = receivers
            .heartbeat
            .iter()
            .map(|heartbeat| threads().spawn_scoped(scope, move || beat(heartbeat)).map_err(|_| beat(heartbeat)));
        let asked: Vec<_> = asked.chain(heartbeat).collect();
        asked.into_iter().filter_map(|asked| asked.map_or_else(Some, |thread| thread.join().ok())).collect()
    });
    output.result(&results, |results| tested(results))?;
    let is_complete = results.len() == receivers.receivers.len() + receivers.heartbeat.iter().count()
        && results.iter().all(|result| result.error.is_none());
    Ok(if is_complete { Exit::Done } else { Exit::ActionFailed })
}
