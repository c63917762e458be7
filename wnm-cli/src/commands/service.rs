//! `wnm service`: wnm itself, kept running by the host.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use wnm_platform::Exec;
use wnm_platform::places;
use wnm_platform::service_install::{Change, InstalledService, Supervisor, Task};
use wnm_store::Store;

use crate::args::{Service, Supervision};
use crate::cpu_limit;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// What is said of a service.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct View {
    /// What keeps wnm running: `service`, or `cron`.
    supervisor: &'static str,
    /// Where it is written down; null for a crontab.
    file: Option<PathBuf>,
    /// Whether it is there now.
    installed: bool,
    /// Whether it was written or taken away by this command; left out where that was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
    /// What is written down.
    text: String,
}

/// Installs, removes or shows the service.
pub(crate) fn run(db: &Path, command: Service, output: &Output) -> Result<Exit, CliError> {
    match command {
        Service::Install(kept) => install(db, &kept, output),
        Service::Uninstall(kept) => {
            let service = service(db, &kept)?;
            let change = service.uninstall()?;
            // Without a colony there is nothing to lift.
            if let Ok(cpu_limit) = cpu_limit::of(db) {
                cpu_limit::lift(&cpu_limit);
            }
            let said = match change {
                Change::Made => format!("wnm is not kept {} any more; nodes go on", whereabouts(&service)),
                Change::NotNeeded => format!("wnm is not kept {}", whereabouts(&service)),
            };
            tell(&service, &kept, Some(change), &said, output)
        }
        Service::Show(kept) => {
            let service = service(db, &kept)?;
            output.say(&format!("to be written {}:", whereabouts(&service)));
            tell(&service, &kept, None, service.text(), output)
        }
    }
}

/// Returns where wnm is kept running, each as words that follow "kept". What cannot be asked keeps nothing.
pub(crate) fn installed(db: &Path) -> Vec<String> {
    let kept = [false, true].map(|cron| Supervision { cron, interval: Duration::from_secs(5) });
    let services = kept.iter().filter_map(|kept| service(db, kept).ok());
    services.filter(|service| service.is_installed().unwrap_or(false)).map(|service| whereabouts(&service)).collect()
}

fn install(db: &Path, kept: &Supervision, output: &Output) -> Result<Exit, CliError> {
    // Without a colony it would end at once.
    drop(Store::open_read_only(db)?);
    let other = Supervision { cron: !kept.cron, ..kept.clone() };
    // What cannot be asked keeps nothing.
    if let Some(other) = service(db, &other).ok().filter(|other| other.is_installed().unwrap_or(false)) {
        return Err(CliError::Usage {
            what: format!("expected wnm to be kept by one supervisor, found it kept {}", whereabouts(&other)),
            hint: format!("wnm service uninstall{}", if kept.cron { "" } else { " --cron" }),
        });
    }
    let service = service(db, kept)?;
    let change = service.install()?;
    let said = match change {
        Change::Made => format!("wnm is kept {}", whereabouts(&service)),
        Change::NotNeeded => format!("wnm was kept {} already", whereabouts(&service)),
    };
    tell(&service, kept, Some(change), &said, output)
}

fn service(db: &Path, kept: &Supervision) -> Result<InstalledService, CliError> {
    let supervisor = if kept.cron { Some(Supervisor::Cron) } else { Supervisor::of_host() };
    let supervisor = supervisor.ok_or_else(|| CliError::Usage {
        what: "expected systemd or launchd to keep services on this host, found neither".to_owned(),
        hint: "let cron do it: add --cron".to_owned(),
    })?;
    let task = Task { program: std::env::current_exe()?, database: std::path::absolute(db)?, interval: kept.interval };
    Ok(InstalledService::new(supervisor, places::own_scope(), &task, Exec::real())?)
}

fn whereabouts(service: &InstalledService) -> String {
    service.file().map_or_else(|| "in your crontab".to_owned(), |file| format!("in {}", file.display()))
}

fn tell(
    service: &InstalledService,
    kept: &Supervision,
    change: Option<Change>,
    said: &str,
    output: &Output,
) -> Result<Exit, CliError> {
    let view = View {
        supervisor: if kept.cron { "cron" } else { "service" },
        file: service.file(),
        installed: service.is_installed().unwrap_or(false),
        changed: change.map(|change| change == Change::Made),
        text: service.text().to_owned(),
    };
    match change {
        Some(_) => output.result(&view, |_| said.to_owned())?,
        None => output.value(&view, |_| said.to_owned())?,
    }
    Ok(Exit::Done)
}
