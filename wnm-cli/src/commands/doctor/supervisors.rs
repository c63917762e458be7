//! Who keeps the colony: wnm's own service, lines of cron, and tools that came before.

use std::path::Path;

use wnm_platform::Exec;
use wnm_platform::service_install::{self, Job, Tool};

use super::Check;
use crate::commands::service;

/// The cron file of anm, which starts and stops nodes by itself.
const ANM: &str = "/etc/cron.d/anm";
/// Words of a line that only looks, or does something else than to run cycles.
const NO_CYCLES: &[&str] = &[
    "status",
    "node",
    "explain",
    "history",
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

/// Tells what runs cycles; two that do are one too many.
pub(super) fn check(db: &Path) -> Check {
    judge(service::installed(db), &service_install::jobs(&Exec::real()), Path::new(ANM).exists())
}

fn judge(mut kept: Vec<String>, jobs: &[Job], is_anm_here: bool) -> Check {
    let of = |tool| jobs.iter().filter(move |job| job.tool == tool && runs_cycles(&job.line));
    if is_anm_here || of(Tool::Anm).next().is_some() {
        let place = of(Tool::Anm).next().map_or_else(|| ANM.to_owned(), place);
        let hint = "wnm init --from-anm takes them over; otherwise take that file away";
        return Check::wrong("supervisor", format!("anm keeps nodes here too: {place}"), hint);
    }
    if let Some(job) = of(Tool::PythonWnm).next() {
        let found = format!("the Python wnm keeps nodes here too, {}: {}", place(job), job.line);
        return Check::wrong("supervisor", found, format!("take that line out with {}", editor(job)));
    }
    let lines: Vec<&Job> = of(Tool::Wnm).collect();
    kept.extend(lines.iter().map(|job| format!("{} by the line {}", place(job), job.line)));
    match (kept.as_slice(), lines.first()) {
        ([], _) => Check::fine("supervisor", "none of wnm's own; `wnm service install` makes one"),
        ([one], _) => Check::fine("supervisor", format!("wnm is kept {one}")),
        ([..], Some(job)) => {
            let hint = format!("keep one: take that line out with {}", editor(job));
            Check::wrong("supervisor", format!("wnm is kept {}", kept.join(", and ")), hint)
        }
        ([..], None) => {
            Check::wrong("supervisor", format!("wnm is kept {}", kept.join(", and ")), "wnm service uninstall --cron")
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
    use crate::commands::doctor::Health;

    fn job(tool: Tool, file: Option<&str>, line: &str) -> Job {
        Job { file: file.map(Into::into), line: line.to_owned(), tool }
    }

    #[test]
    fn two_keepers_are_one_too_many() {
        let unit = "in /etc/systemd/system/wnm.service";
        let cron = "in your crontab";
        let line = job(Tool::Wnm, None, "*/1 * * * * wnm >> log 2>&1");
        let report = job(Tool::Wnm, None, "0 * * * * wnm --report=node-status");
        let python = job(Tool::PythonWnm, None, "* * * * * python3 -m wnm");
        let anm = job(Tool::Anm, Some("/etc/cron.d/anm"), "* * * * * root /usr/bin/anms.sh");
        type Case<'a> = (&'a [&'a str], &'a [&'a Job], bool, Health, &'a str);
        let cases: [Case<'_>; 8] = [
            (&[], &[], false, Health::Fine, "none of wnm's own; `wnm service install` makes one"),
            (&[unit], &[&report], false, Health::Fine, "wnm is kept in /etc/systemd/system/wnm.service"),
            (&[], &[&line], false, Health::Fine, "wnm is kept in your crontab by the line */1 * * * * wnm >> log 2>&1"),
            (
                &[unit, cron],
                &[],
                false,
                Health::Wrong,
                "wnm is kept in /etc/systemd/system/wnm.service, and in your crontab",
            ),
            (
                &[cron],
                &[&line],
                false,
                Health::Wrong,
                "wnm is kept in your crontab, and in your crontab by the line */1",
            ),
            (&[unit], &[&python], false, Health::Wrong, "the Python wnm keeps nodes here too, in your crontab: * * *"),
            (&[unit], &[], true, Health::Wrong, "anm keeps nodes here too: /etc/cron.d/anm"),
            (&[], &[&anm], false, Health::Wrong, "anm keeps nodes here too: in /etc/cron.d/anm"),
        ];
        for (kept, jobs, is_anm_here, health, found) in cases {
            let kept = kept.iter().map(|words| (*words).to_owned()).collect();
            let jobs: Vec<Job> = jobs.iter().map(|job| (*job).clone()).collect();
            let check = judge(kept, &jobs, is_anm_here);
            assert_eq!(check.health, health, "{}", check.found);
            assert!(check.found.starts_with(found), "{}", check.found);
            assert_eq!(check.hint.is_some(), health != Health::Fine);
        }
    }
}
