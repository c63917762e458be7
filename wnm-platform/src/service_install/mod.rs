//! Installation of wnm itself: as a service of systemd or launchd, or as a line of cron.

mod cron;
mod text;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wnm_core::Scope;

use crate::error::{FileOperation, PlatformError};
use crate::exec::{Call, Environment, Exec, Output};
use crate::manager::{LINGERING_USERS, lingering_hint, lingering_told, runtime_folder};
use crate::node_dir;
use crate::places::{Os, Places, home};

#[cfg(any(test, fuzzing))]
pub(crate) use cron::fuzz as fuzz_cron;
pub use cron::{Job, Tool};
#[cfg(any(test, fuzzing))]
pub(crate) use text::fuzz_crontab;

/// The supervisor of wnm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supervisor {
    /// A systemd service of the system or of the user.
    Systemd,
    /// A launchd daemon or agent.
    Launchd,
    /// A line in the user's crontab: one cycle a minute.
    Cron,
}

impl Supervisor {
    /// Returns the service manager of this host; None when only cron is available.
    #[must_use]
    pub fn of_host() -> Option<Self> {
        match Os::HERE {
            Os::MacOs => Some(Self::Launchd),
            Os::Linux => Path::new(SYSTEMD_RUNS).is_dir().then_some(Self::Systemd),
        }
    }
}

/// The folder that exists exactly when systemd is the init process, as `sd_booted(3)` tests it.
const SYSTEMD_RUNS: &str = "/run/systemd/system";
/// The longest start of the systemd of a user.
const SESSION_START: Duration = Duration::from_secs(5);
/// The systemd unit of wnm.
const UNIT: &str = "wnm.service";
/// The launchd label of wnm, with another prefix than its nodes.
const LABEL: &str = "org.weave-node-manager.wnm";

/// The command to supervise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The `wnm` program.
    pub program: PathBuf,
    /// Its database.
    pub database: PathBuf,
    /// The time between two cycles of the daemon; cron runs one cycle a minute.
    pub interval: Duration,
}

/// The service of wnm, installed or not.
#[derive(Debug, Clone)]
pub struct InstalledService {
    supervisor: Supervisor,
    scope: Scope,
    text: String,
    database: PathBuf,
    exec: Exec,
}

/// Whether a call changed the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The host was changed.
    Made,
    /// The host was in the requested state.
    NotNeeded,
}

impl InstalledService {
    /// Returns the service for a task, of the system or of the user.
    ///
    /// # Errors
    /// A path of the task is not printable UTF-8.
    pub fn new(supervisor: Supervisor, scope: Scope, task: &Task, exec: Exec) -> Result<Self, PlatformError> {
        let text = match supervisor {
            Supervisor::Systemd => text::unit(scope, task)?,
            Supervisor::Launchd => text::property_list(task, &Places::of_user(scope).logs)?,
            Supervisor::Cron => text::cron_line(task)?,
        };
        Ok(Self { supervisor, scope, text, database: task.database.clone(), exec })
    }

    /// Returns the file of the service; None for a crontab, whose place only cron knows.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        match (self.supervisor, self.scope) {
            (Supervisor::Systemd, Scope::Sudo) => Some(Path::new("/etc/systemd/system").join(UNIT)),
            (Supervisor::Systemd, Scope::User | Scope::Zen) => Some(home().join(".config/systemd/user").join(UNIT)),
            (Supervisor::Launchd, Scope::Sudo) => Some(format!("/Library/LaunchDaemons/{LABEL}.plist").into()),
            (Supervisor::Launchd, Scope::User | Scope::Zen) => {
                Some(home().join(format!("Library/LaunchAgents/{LABEL}.plist")))
            }
            (Supervisor::Cron, _) => None,
        }
    }

    /// Returns the content of the file, or the line of the crontab.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tells whether the service is installed, with any content.
    ///
    /// # Errors
    /// The file or the crontab is unreadable.
    pub fn is_installed(&self) -> Result<bool, PlatformError> {
        Ok(self.installed_text()?.is_some())
    }

    /// Tells whether the service is installed for its database. A host may have the service of another colony.
    ///
    /// # Errors
    /// The file or the crontab is unreadable.
    pub fn is_installed_for_database(&self) -> Result<bool, PlatformError> {
        Ok(self.installed_text()?.is_some_and(|text| self.is_for_database(&text)))
    }

    /// Tells whether the service is installed for another database, and would serve it no longer after [`install`].
    ///
    /// # Errors
    /// The file or the crontab is unreadable.
    ///
    /// [`install`]: Self::install
    pub fn serves_another_database(&self) -> Result<bool, PlatformError> {
        // Without the flag, as in the unit of a package, it is for the usual database.
        Ok(self.installed_text()?.is_some_and(|text| text.contains("--db") && !self.is_for_database(&text)))
    }

    /// Tells whether a text names the database: as wnm writes it, or as another one wrote it.
    fn is_for_database(&self, text: &str) -> bool {
        let own = text::database(&self.text);
        own.is_some() && text::database(text) == own || text::names(text, &self.database)
    }

    /// Returns the content of the installed file, or the line in the crontab; None if neither exists.
    fn installed_text(&self) -> Result<Option<String>, PlatformError> {
        if let Some(file) = self.file() {
            return Ok(read(&file)?.map(|text| String::from_utf8_lossy(&text).into_owned()));
        }
        let table = crontab(&self.exec)?;
        let ours = table.split(text::is_line_end).filter(|line| text::is_our_cron_line(line));
        let text: String = ours.map(String::from_utf8_lossy).collect();
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Installs, enables and starts the service. A running service restarts only if its file changed, also by an
    /// installation that was cut.
    ///
    /// # Errors
    /// The file cannot be written, or the supervisor rejects it.
    pub fn install(&self) -> Result<Change, PlatformError> {
        let Some(file) = self.file() else { return self.change_crontab(Some(&self.text)) };
        if self.supervisor == Supervisor::Systemd && self.scope != Scope::Sudo {
            self.keep_session()?;
        }
        let mut is_changed = read(&file)?.as_deref() != Some(self.text.as_bytes());
        if is_changed {
            if self.supervisor == Supervisor::Launchd {
                // Before the file changes: a repeated installation would not know that the old one runs. `bootout` fails for a
                // service that is not loaded, as at the first installation.
                let _ = self.exec.run(&self.launchctl("bootout").arg(self.target()))?;
            }
            if let Some(folder) = file.parent() {
                let failed =
                    |source| PlatformError::File { operation: FileOperation::Create, path: folder.to_owned(), source };
                fs::create_dir_all(folder).map_err(failed)?;
            }
            node_dir::write(&file, self.text.as_bytes(), 0o644)?;
        }
        match self.supervisor {
            Supervisor::Systemd => {
                self.systemctl(&["daemon-reload"])?;
                self.systemctl(&["enable", UNIT])?;
                is_changed |= self.is_older_than(&file);
                self.systemctl(&[if is_changed { "restart" } else { "start" }, UNIT])?;
            }
            Supervisor::Launchd => {
                if !self.exec.run(&self.launchctl("print").arg(self.target()))?.is_success() {
                    self.exec.succeed(&self.launchctl("bootstrap").arg(self.domain()).arg(file))?;
                }
            }
            Supervisor::Cron => {}
        }
        Ok(if is_changed { Change::Made } else { Change::NotNeeded })
    }

    /// Stops and removes the service. Nodes continue to run.
    ///
    /// # Errors
    /// The supervisor refuses, or the file cannot be removed.
    pub fn uninstall(&self) -> Result<Change, PlatformError> {
        let Some(file) = self.file() else { return self.change_crontab(None) };
        if read(&file)?.is_none() {
            return Ok(Change::NotNeeded);
        }
        match self.supervisor {
            Supervisor::Systemd => _ = self.systemctl(&["disable", "--now", UNIT])?,
            Supervisor::Launchd => _ = self.exec.run(&self.launchctl("bootout").arg(self.target()))?,
            Supervisor::Cron => {}
        }
        fs::remove_file(&file).map_err(|source| PlatformError::File {
            operation: FileOperation::Remove,
            path: file,
            source,
        })?;
        if self.supervisor == Supervisor::Systemd {
            self.systemctl(&["daemon-reload"])?;
        }
        Ok(Change::Made)
    }

    /// Tells whether the running service of systemd is older than its file: an installation was cut before the restart.
    fn is_older_than(&self, file: &Path) -> bool {
        let property = ["show", "--property=ExecMainStartTimestampMonotonic", "--value", UNIT];
        let started = self.systemctl(&property).ok().and_then(|output| output.text().trim().parse().ok());
        let Some(started) = started.filter(|micros| *micros > 0).map(Duration::from_micros) else { return false };
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let age = Duration::try_from(now).unwrap_or_default().saturating_sub(started);
        let written = fs::metadata(file).and_then(|facts| facts.modified());
        written.is_ok_and(|written| written.elapsed().is_ok_and(|since| since < age))
    }

    fn systemctl(&self, words: &[&str]) -> Result<Output, PlatformError> {
        let mut call = Call::new("systemctl");
        if self.scope != Scope::Sudo {
            call = call.arg("--user");
            // `su` and cron start shells without this variable, and `sudo -u` with that of another user.
            if let Some(folder) = runtime_folder() {
                let folder = folder.display().to_string();
                call.environment = Environment::Inherited(vec![("XDG_RUNTIME_DIR".to_owned(), folder)]);
            }
        }
        self.exec.succeed(&call.args(words))
    }

    /// Enables lingering, which starts the systemd of a user without a session and keeps it running after logout.
    ///
    /// # Errors
    /// The user has no systemd, and no right to lingering.
    fn keep_session(&self) -> Result<(), PlatformError> {
        let user = rustix::process::geteuid().as_raw();
        let call = Call::new("loginctl").args(["show-user", "--property=Linger", &user.to_string()]);
        let answer = self.exec.run(&call).map(|output| output.text()).unwrap_or_default();
        let lingers = lingering_told(answer.trim(), Path::new(LINGERING_USERS)) == Some(true);
        if !lingers && let Err(error) = self.exec.succeed(&Call::new("loginctl").arg("enable-linger")) {
            if runtime_folder().is_none() {
                return Err(PlatformError::NoUserSession { user });
            }
            let hint = lingering_hint();
            tracing::warn!(%error, hint, "cannot enable lingering: wnm stops when the user logs out");
        }
        let began = Instant::now();
        while runtime_folder().is_none() {
            if began.elapsed() > SESSION_START {
                return Err(PlatformError::NoUserSession { user });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn launchctl(&self, verb: &str) -> Call {
        Call::new("launchctl").arg(verb)
    }

    fn domain(&self) -> String {
        match self.scope {
            Scope::Sudo => "system".to_owned(),
            Scope::User | Scope::Zen => format!("gui/{}", rustix::process::geteuid().as_raw()),
        }
    }

    fn target(&self) -> String {
        format!("{}/{LABEL}", self.domain())
    }

    /// Replaces or removes the line of wnm in the crontab.
    fn change_crontab(&self, line: Option<&str>) -> Result<Change, PlatformError> {
        let before = crontab(&self.exec)?;
        let after = text::crontab_with(&before, line);
        if after == before {
            return Ok(Change::NotNeeded);
        }
        let unwritten =
            |source| PlatformError::File { operation: FileOperation::Write, path: std::env::temp_dir(), source };
        let file = tempfile::NamedTempFile::new().map_err(unwritten)?;
        fs::write(file.path(), after).map_err(unwritten)?;
        self.exec.succeed(&Call::new("crontab").arg(file.path())).map(|_| Change::Made)
    }
}

/// Returns the cron jobs of this user and of the host that manage nodes, except the line of
/// [`install`](InstalledService::install). Unreadable tables are skipped.
#[must_use]
pub fn jobs(exec: &Exec) -> Vec<Job> {
    let table = crontab(exec).unwrap_or_default();
    let mut jobs = cron::of_user(&String::from_utf8_lossy(&table));
    jobs.extend(cron::of_host(Path::new("/")));
    jobs
}

/// Exit codes of `crontab -l` for a user without a crontab: of cron, cronie, dcron and busybox, and EX_NOINPUT of
/// systemd-cron.
const NO_CRONTAB: [i32; 2] = [1, 66];
/// The words of each of them, unless it says nothing. The same codes stand for any other failure, behind which a crontab
/// may exist.
const SAYS_NO_CRONTAB: [&str; 2] = ["no crontab", "no such file"];

/// Returns the user's crontab; empty without one.
fn crontab(exec: &Exec) -> Result<Vec<u8>, PlatformError> {
    let call = Call::new("crontab").arg("-l");
    let output = exec.run(&call)?;
    let says_none = output.stderr.is_empty() || SAYS_NO_CRONTAB.iter().any(|words| output.error_contains(words));
    let has_none = output.code.is_some_and(|code| NO_CRONTAB.contains(&code)) && output.stdout.is_empty() && says_none;
    if output.is_success() || has_none {
        return Ok(output.stdout);
    }
    Err(output.failure_of(call.summary()))
}

fn read(file: &Path) -> Result<Option<Vec<u8>>, PlatformError> {
    match fs::read(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PlatformError::File { operation: FileOperation::Read, path: file.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests;
