//! The service files of wnm for each supervisor.

use std::path::Path;

use serde::Serialize;
use wnm_core::Scope;

use super::{LABEL, Task};
use crate::error::{FileOperation, PlatformError};
use crate::manager::systemd_command_line;

/// The end of wnm's line in a crontab.
const CRON_MARK: &str = "# wnm service";

/// Returns the unit file.
///
/// Nodes of the process manager `setsid` are in the control group of this unit: `KillMode=process` keeps them running
/// when the unit stops, also when the watchdog ends a daemon whose cycle hangs. `OOMPolicy=continue` keeps the unit
/// running when the kernel kills one of them.
pub(super) fn unit(scope: Scope, task: &Task) -> Result<String, PlatformError> {
    let (program, arguments) = words(task)?;
    let command = systemd_command_line(program, arguments.iter().map(String::as_str));
    let (network, target) = match scope {
        Scope::Sudo => ("Wants=network-online.target\nAfter=network-online.target\n", "multi-user.target"),
        Scope::User | Scope::Zen => ("", "default.target"),
    };
    Ok(format!(
        "# Written by `wnm service install`: put changes into a drop-in.\n\
         [Unit]\n\
         Description=Weave Node Manager\n\
         Documentation=man:wnm(1)\n\
         {network}\
         \n\
         [Service]\n\
         Type=notify\n\
         ExecStart={command}\n\
         ExecReload=/bin/kill -HUP $MAINPID\n\
         TimeoutStartSec=600\n\
         WatchdogSec=600\n\
         KillMode=process\n\
         TimeoutStopSec=180\n\
         Restart=on-failure\n\
         RestartSec=10\n\
         RestartPreventExitStatus=1 2 5\n\
         OOMPolicy=continue\n\
         TasksMax=infinity\n\
         LimitNOFILE=65536\n\
         \n\
         [Install]\n\
         WantedBy={target}\n"
    ))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Agent {
    label: &'static str,
    program_arguments: Vec<String>,
    run_at_load: bool,
    keep_alive: KeepAlive,
    /// Nodes of the process manager `setsid` outlive the daemon.
    abandon_process_group: bool,
    exit_time_out: u32,
    standard_error_path: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeepAlive {
    successful_exit: bool,
}

/// Returns the property list.
pub(super) fn property_list(task: &Task, logs: &Path) -> Result<String, PlatformError> {
    let (program, mut arguments) = words(task)?;
    arguments.insert(0, program.to_owned());
    let agent = Agent {
        label: LABEL,
        program_arguments: arguments,
        run_at_load: true,
        keep_alive: KeepAlive { successful_exit: false },
        abandon_process_group: true,
        exit_time_out: 180,
        standard_error_path: printable(&logs.join("wnm.log"))?.to_owned(),
    };
    let mut text = Vec::new();
    let unwritten = |error| PlatformError::File {
        operation: FileOperation::Write,
        path: LABEL.into(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, error),
    };
    plist::to_writer_xml(&mut text, &agent).map_err(unwritten)?;
    text.push(b'\n');
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Returns the line for a crontab: one cycle a minute, with the folders of ufw and others in `PATH`, and only errors as
/// output, which cron mails.
pub(super) fn cron_line(task: &Task) -> Result<String, PlatformError> {
    let words = [printable(&task.program)?, "--quiet", "--db", printable(&task.database)?, "run"];
    // Some crons take two backslashes as one, others do not.
    if let Some(path) =
        [&task.program, &task.database].into_iter().find(|path| path.as_os_str().as_encoded_bytes().contains(&b'\\'))
    {
        return Err(PlatformError::NotText { path: path.clone() });
    }
    // In a crontab an unescaped % ends the command; see crontab(5).
    let command = shell_words::join(words).replace('%', "\\%");
    Ok(format!("* * * * * PATH=\"$PATH:/usr/local/sbin:/usr/sbin:/sbin\" {command} >/dev/null {CRON_MARK}\n"))
}

/// Tells whether a line of a crontab is the one of wnm.
pub(super) fn is_our_cron_line(line: &[u8]) -> bool {
    !line.starts_with(b"#") && line.trim_ascii_end().ends_with(CRON_MARK.as_bytes())
}

/// Returns a crontab with another line of wnm, or without one. All other lines stay unchanged, byte for byte: they can have
/// any encoding.
pub(super) fn crontab_with(table: &[u8], line: Option<&str>) -> Vec<u8> {
    let others = table.split_inclusive(is_line_end).filter(|line| !is_our_cron_line(line));
    let mut changed = others.collect::<Vec<_>>().concat();
    if let Some(line) = line {
        if changed.last().is_some_and(|last| !is_line_end(last)) {
            changed.push(b'\n');
        }
        changed.extend_from_slice(line.as_bytes());
    }
    changed
}

pub(super) const fn is_line_end(byte: &u8) -> bool {
    *byte == b'\n'
}

/// Tells whether a service file contains a path as a whole word.
pub(super) fn names(text: &str, path: &Path) -> bool {
    let Some(path) = path.to_str() else { return false };
    let is_of_path = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    let is_whole =
        |(at, _): (usize, &str)| !text[at + path.len()..].starts_with(is_of_path) && !text[..at].ends_with(is_of_path);
    text.match_indices(path).any(is_whole)
}

/// Returns the database in a service file or a cron line that wnm has written, in the form of a word there.
pub(super) fn database(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("--db")?;
    match rest.strip_prefix("</string>") {
        Some(rest) => rest.trim_start().strip_prefix("<string>")?.split("</string>").next(),
        None => [" daemon --interval ", " run "].iter().find_map(|end| Some(rest.rsplit_once(end)?.0.trim_start())),
    }
}

/// Returns the program and the arguments of the daemon.
fn words(task: &Task) -> Result<(&str, Vec<String>), PlatformError> {
    let interval = match task.interval.subsec_millis() {
        0 => format!("{}s", task.interval.as_secs()),
        _ => format!("{}ms", task.interval.as_millis()),
    };
    let arguments = ["--db", printable(&task.database)?, "daemon", "--interval", &interval];
    Ok((printable(&task.program)?, arguments.map(str::to_owned).to_vec()))
}

/// Returns a path as text for a file of lines.
fn printable(path: &Path) -> Result<&str, PlatformError> {
    let text = path.to_str().filter(|text| !text.chars().any(char::is_control));
    text.ok_or_else(|| PlatformError::NotText { path: path.to_owned() })
}

/// Fuzz target: adds the line of wnm to a crontab, and removes it.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz_crontab(bytes: &[u8]) {
    let line = format!("* * * * * wnm run {CRON_MARK}\n");
    let without = crontab_with(bytes, None);
    let with = crontab_with(bytes, Some(&line));
    let others = |table: &[u8]| {
        let others = table.split(is_line_end).filter(|line| !is_our_cron_line(line) && !line.is_empty());
        others.map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    assert_eq!(others(&without), others(bytes), "a removal changes other lines");
    assert_eq!(others(&with), others(bytes), "an addition changes other lines");
    assert!(!without.split(is_line_end).any(is_our_cron_line));
    assert_eq!(with.split(is_line_end).filter(|line| is_our_cron_line(line)).count(), 1);
    assert_eq!(crontab_with(&with, Some(&line)), with, "a second addition changes the table");
    // The removal leaves the line end that an addition gave the last line.
    let removed = crontab_with(&with, None);
    assert_eq!(removed.strip_suffix(b"\n").unwrap_or(&removed), without.strip_suffix(b"\n").unwrap_or(&without));
}
