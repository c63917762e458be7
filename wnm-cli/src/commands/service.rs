//! `wnm service`: wnm itself as a service of systemd or launchd, or as a cron job.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use wnm_platform::Exec;
use wnm_platform::binary::check_owner_as_root;
use wnm_platform::places;
use wnm_platform::service_install::{Change, InstalledService, Supervisor, Task};
use wnm_store::{Lock, Store};

use crate::args::{Service, Supervision};
use crate::cpu_limit;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;

/// The commands that remove a service.
const UNINSTALL: &str = "wnm service uninstall";
const UNINSTALL_CRON: &str = "wnm service uninstall --cron";

/// The service of wnm as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct View {
    /// The supervisor: `service`, or `cron`.
    supervisor: &'static str,
    /// The service file; null for a crontab.
    file: Option<PathBuf>,
    /// Whether the service is installed now.
    installed: bool,
    /// Whether this command installed or removed the service; absent for `wnm service show`.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
    /// The service file, or the crontab line.
    text: String,
}

/// Installs, removes or shows the service.
pub(crate) fn run(db: &Path, command: Service, output: &Output) -> Result<Exit, CliError> {
    match command {
        Service::Install(supervision) => install(db, &supervision, output),
        Service::Uninstall(supervision) => {
            let service = service(db, &supervision)?;
            let change = service.uninstall()?;
            // Without a readable colony there is no limit to lift.
            if let Ok(cpu_limit) = cpu_limit::of(db) {
                cpu_limit::lift(&cpu_limit);
            }
            let message = match change {
                Change::Made => format!("removed the service {}; nodes keep running", place(&service)),
                Change::NotNeeded => format!("no service installed {}", place(&service)),
            };
            write_view(&service, &supervision, Some(change), &message, output)
        }
        Service::Show(supervision) => {
            let service = service(db, &supervision)?;
            output.say(&format!("{}:", place(&service)));
            write_view(&service, &supervision, None, service.text(), output)
        }
    }
}

/// Returns the places where wnm is installed, such as `in your crontab`. A supervisor that cannot be asked counts as none.
pub(crate) fn installed(db: &Path) -> Vec<String> {
    let supervision = [false, true].map(|cron| Supervision { cron, interval: Duration::from_secs(5) });
    let services = supervision.iter().filter_map(|supervision| service(db, supervision).ok());
    services.filter(|service| service.is_installed().unwrap_or(false)).map(|service| place(&service)).collect()
}

/// Uninstalls the services of this database. Returns their places.
///
/// # Errors
/// A service cannot be stopped or removed.
pub(crate) fn uninstall_all(db: &Path) -> Result<Vec<String>, CliError> {
    let supervision = [false, true].map(|cron| Supervision { cron, interval: Duration::from_secs(5) });
    let mut places = Vec::new();
    // A supervisor that cannot be asked runs no wnm.
    for service in supervision.iter().filter_map(|supervision| service(db, supervision).ok()) {
        if service.is_installed_for_database().unwrap_or(false) {
            service.uninstall()?;
            places.push(place(&service));
        }
    }
    Ok(places)
}

fn install(db: &Path, supervision: &Supervision, output: &Output) -> Result<Exit, CliError> {
    // Without a colony, and for one of another user, the service would exit at once.
    drop(Store::open_read_only(db)?);
    Lock::check_owner(db)?;
    let other = Supervision { cron: !supervision.cron, ..supervision.clone() };
    let [own, uninstall] = if supervision.cron { [UNINSTALL_CRON, UNINSTALL] } else { [UNINSTALL, UNINSTALL_CRON] };
    // A supervisor that cannot be asked runs no wnm.
    if let Some(other) = service(db, &other).ok().filter(|other| other.is_installed().unwrap_or(false)) {
        return Err(CommandError::TwoSupervisors { place: place(&other), uninstall }.into());
    }
    let service = service(db, supervision)?;
    if service.serves_another_database()? {
        return Err(CommandError::ServesAnotherDatabase { place: place(&service), uninstall: own }.into());
    }
    // A service of root runs whatever another user has put in the place of wnm until its next start.
    check_owner_as_root(&std::env::current_exe()?)?;
    let change = service.install()?;
    let message = match change {
        Change::Made => format!("installed the service {}", place(&service)),
        Change::NotNeeded => format!("the service is installed already {}", place(&service)),
    };
    write_view(&service, supervision, Some(change), &message, output)
}

fn service(db: &Path, supervision: &Supervision) -> Result<InstalledService, CliError> {
    let supervisor = if supervision.cron { Some(Supervisor::Cron) } else { Supervisor::of_host() };
    let supervisor = supervisor.ok_or(CommandError::NoServiceManager)?;
    let task =
        Task { program: std::env::current_exe()?, database: std::path::absolute(db)?, interval: supervision.interval };
    Ok(InstalledService::new(supervisor, places::own_scope(), &task, Exec::real())?)
}

fn place(service: &InstalledService) -> String {
    service.file().map_or_else(|| "in your crontab".to_owned(), |file| format!("in {}", file.display()))
}

fn write_view(
    service: &InstalledService,
    supervision: &Supervision,
    change: Option<Change>,
    message: &str,
    output: &Output,
) -> Result<Exit, CliError> {
    let view = View {
        supervisor: if supervision.cron { "cron" } else { "service" },
        file: service.file(),
        installed: service.is_installed().unwrap_or(false),
        changed: change.map(|change| change == Change::Made),
        text: service.text().to_owned(),
    };
    match change {
        Some(_) => output.result(&view, |_| message.to_owned())?,
        None => output.value(&view, |_| message.to_owned())?,
    }
    Ok(Exit::Done)
}
