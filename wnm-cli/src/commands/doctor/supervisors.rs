//! The programs that run cycles on this host: services and cron lines of wnm, and earlier tools that manage nodes.

use std::path::Path;

use wnm_platform::binary::check_owner_as_root;
use wnm_platform::observe::process::Processes;
use wnm_platform::service_install::{self, Job, Tool};
use wnm_platform::{Exec, files};

use super::{Check, Level};
use crate::commands::service;
use crate::takeover::ant::Ant;
use crate::takeover::formicaio;

const CHECK: &str = "supervisor";
/// The cron file of anm, which starts and stops nodes.
const ANM: &str = "/etc/cron.d/anm";
/// Words of a wnm command line that runs no cycle.
const NO_CYCLES: &[&str] = &[
    "status",
    "node",
    "explain",
    "history",
    "events",
    "trash",
    "report",
    "--report",
    "config",
    "doctor",
    "record",
    "db",
    "demo",
    "util",
    "--version",
    "-V",
    "--help",
    "-h",
];

/// Checks that at most one supervisor runs cycles. Two of them only waste time, but another tool reverses the actions of wnm.
pub(super) fn check(db: &Path) -> Check {
    if let Some(pid) = Ant::of_user().supervises() {
        let message =
            format!("the daemon of ant (process {pid}) manages nodes on this host too, and deletes nodes itself");
        return Check::error(CHECK, message, "`ant node daemon stop` ends it, and its nodes continue to run");
    }
    if let Some(pid) = formicaio::runs(&Processes::of_host(), db) {
        let message =
            format!("formicaio (process {pid}) manages nodes on this host too, and starts them when it starts");
        let hint = "end it if its nodes are those of wnm; `wnm init --from-formicaio PATH` takes its nodes over";
        return Check::warning(CHECK, message, hint);
    }
    let jobs = service_install::jobs(&Exec::real());
    let check = of_jobs(service::installed(db), &jobs, Path::new(ANM).exists());
    match std::env::current_exe() {
        Ok(own) if check.level == Level::Ok => {
            program(&jobs, &own).or_else(|| replaceable(&own).filter(|_| check.hint.is_none())).unwrap_or(check)
        }
        Ok(_) | Err(_) => check,
    }
}

/// Returns the check of a wnm that a supervisor starts as root, and that another user can replace; None for any other.
fn replaceable(own: &Path) -> Option<Check> {
    let error = check_owner_as_root(own).err()?;
    let hint = error.hint().unwrap_or_default();
    Some(Check::warning(CHECK, format!("the supervisor runs a wnm that another user can replace: {error}"), hint))
}

/// Returns the check of the program that a cron line of wnm finds; None without such a line, and where it finds this one. cron
/// has another PATH than a shell, so that the name alone may mean an earlier wnm, or none.
fn program(jobs: &[Job], own: &Path) -> Option<Check> {
    let job = jobs.iter().find(|job| job.tool == Tool::Wnm && runs_cycles(&job.line))?;
    let is_relative = job.line.contains("./wnm");
    let hint = format!("write {} in place of wnm in that line with {}", own.display(), editor(job));
    match &job.program {
        _ if is_relative => None,
        None => {
            Some(Check::warning(CHECK, format!("cron finds no wnm for the line {}: {}", place(job), job.line), hint))
        }
        Some(found) if files::is_same(found, own) => None,
        Some(found) => {
            let message = format!(
                "cron runs {} for the line {}, and this is {}: {}",
                found.display(),
                place(job),
                own.display(),
                job.line
            );
            Some(Check::warning(CHECK, message, hint))
        }
    }
}

/// Returns the check of the installed services of wnm, of cron lines, and of the cron file of anm.
fn of_jobs(mut supervisors: Vec<String>, jobs: &[Job], has_anm: bool) -> Check {
    let of = |tool| jobs.iter().filter(move |job| job.tool == tool && runs_cycles(&job.line));
    if has_anm || of(Tool::Anm).next().is_some() {
        let place = of(Tool::Anm).next().map_or_else(|| format!("in {ANM}"), place);
        let hint = "`wnm init --from-anm` takes its nodes over; otherwise delete the cron file";
        return Check::error(CHECK, format!("anm manages nodes on this host too ({place})"), hint);
    }
    if let Some(job) = of(Tool::PythonWnm).next() {
        let message = format!("the Python wnm manages nodes on this host too ({}): {}", place(job), job.line);
        return Check::error(CHECK, message, format!("remove that line with {}", editor(job)));
    }
    let lines: Vec<&Job> = of(Tool::Wnm).collect();
    supervisors.extend(lines.iter().map(|job| format!("{}: {}", place(job), job.line)));
    let list = supervisors.join("; ");
    match (supervisors.as_slice(), lines.first()) {
        ([], _) => Check { hint: Some("`wnm service install` installs one".to_owned()), ..Check::ok(CHECK, "none") },
        ([one], _) => Check::ok(CHECK, format!("wnm runs {one}")),
        ([..], Some(job)) => {
            let hint = format!("keep one of them: remove the line with {}", editor(job));
            Check::error(CHECK, format!("{} supervisors run wnm: {list}", supervisors.len()), hint)
        }
        ([..], None) => {
            let hint = "keep one of them: `wnm service uninstall --cron` removes the crontab line";
            Check::error(CHECK, format!("{} supervisors run wnm: {list}", supervisors.len()), hint)
        }
    }
}

fn runs_cycles(line: &str) -> bool {
    !line.split_whitespace().any(|word| NO_CYCLES.contains(&word.split('=').next().unwrap_or_default()))
}

fn place(job: &Job) -> String {
    job.file.as_ref().map_or_else(|| "in your crontab".to_owned(), |file| format!("in {}", file.display()))
}

fn editor(job: &Job) -> String {
    job.file.as_ref().map_or_else(|| "`crontab -e`".to_owned(), |_| "an editor".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(tool: Tool, file: Option<&str>, line: &str) -> Job {
        Job { file: file.map(Into::into), line: line.to_owned(), tool, program: None }
    }

    #[test]
    fn second_supervisor_is_an_error() {
        let unit = "in /etc/systemd/system/wnm.service";
        let cron = "in your crontab";
        let line = job(Tool::Wnm, None, "*/1 * * * * wnm >> log 2>&1");
        let report = job(Tool::Wnm, None, "0 * * * * wnm --report=node-status");
        let python = job(Tool::PythonWnm, None, "* * * * * python3 -m wnm");
        let anm = job(Tool::Anm, Some("/etc/cron.d/anm"), "* * * * * root /usr/bin/anms.sh");
        type Case<'a> = (&'a [&'a str], &'a [&'a Job], bool, Level, &'a str);
        let cases: [Case<'_>; 8] = [
            (&[], &[], false, Level::Ok, "none"),
            (&[unit], &[&report], false, Level::Ok, "wnm runs in /etc/systemd/system/wnm.service"),
            (&[], &[&line], false, Level::Ok, "wnm runs in your crontab: */1 * * * * wnm >> log 2>&1"),
            (
                &[unit, cron],
                &[],
                false,
                Level::Error,
                "2 supervisors run wnm: in /etc/systemd/system/wnm.service; in your crontab",
            ),
            (
                &[cron],
                &[&line],
                false,
                Level::Error,
                "2 supervisors run wnm: in your crontab; in your crontab: */1 * * * * wnm >> log 2>&1",
            ),
            (
                &[unit],
                &[&python],
                false,
                Level::Error,
                "the Python wnm manages nodes on this host too (in your crontab): * * * * * python3 -m wnm",
            ),
            (&[unit], &[], true, Level::Error, "anm manages nodes on this host too (in /etc/cron.d/anm)"),
            (&[], &[&anm], false, Level::Error, "anm manages nodes on this host too (in /etc/cron.d/anm)"),
        ];
        for (services, jobs, has_anm, level, message) in cases {
            let services = services.iter().map(|place| (*place).to_owned()).collect();
            let jobs: Vec<Job> = jobs.iter().map(|job| (*job).clone()).collect();
            let check = of_jobs(services, &jobs, has_anm);
            assert_eq!((check.level, check.message.as_str()), (level, message));
            assert_eq!(check.hint.is_some(), level != Level::Ok || message == "none");
        }
    }

    #[test]
    fn program_that_cron_finds_is_told() {
        let own = Path::new("/opt/new/wnm");
        let with =
            |line: &str, found: Option<&str>| Job { program: found.map(Into::into), ..job(Tool::Wnm, None, line) };
        let told = |job: Job| program(&[job], own).map(|check| check.message);
        assert_eq!(told(with("* * * * * wnm", Some("/opt/new/wnm"))), None);
        assert_eq!(
            told(with("* * * * * wnm", Some("/usr/bin/wnm"))).unwrap_or_default(),
            "cron runs /usr/bin/wnm for the line in your crontab, and this is /opt/new/wnm: * * * * * wnm"
        );
        let message = told(with("* * * * * wnm", None)).unwrap_or_default();
        assert_eq!(message, "cron finds no wnm for the line in your crontab: * * * * * wnm");
        assert_eq!(told(with("0 * * * * wnm status", None)), None);
    }
}
