use std::sync::{Arc, Mutex};

use super::*;
use crate::exec::Output;

fn task(program: &str) -> Task {
    Task { program: program.into(), database: "/var/my data/wnm.db".into(), interval: Duration::from_secs(5) }
}

fn service(supervisor: Supervisor, scope: Scope, exec: Exec) -> InstalledService {
    InstalledService::new(supervisor, scope, &task("/usr/bin/wnm"), exec).unwrap()
}

fn silent() -> Exec {
    Exec::scripted(|call| panic!("{call}"))
}

#[test]
fn service_files() {
    let list = text::property_list(&task("/usr/bin/wnm"), Path::new("/Users/u/Library/Logs/autonomi")).unwrap();
    let line = InstalledService::new(Supervisor::Cron, Scope::User, &task("/opt/50% off/wnm"), silent()).unwrap();
    let units = [Scope::Sudo, Scope::User].map(|scope| service(Supervisor::Systemd, scope, silent()));
    let [system, user] = units.each_ref().map(InstalledService::text);
    insta::assert_snapshot!([system, user, &list, line.text()].join("----\n"));
}

#[test]
fn path_with_control_character_is_refused() {
    for supervisor in [Supervisor::Systemd, Supervisor::Launchd, Supervisor::Cron] {
        let error = InstalledService::new(supervisor, Scope::User, &task("/opt/a\nb/wnm"), silent()).unwrap_err();
        assert!(matches!(error, PlatformError::NotText { .. }), "{error}");
    }
}

/// A `crontab` that holds a text, or that its user has none of.
fn cron(table: &Arc<Mutex<Option<String>>>) -> InstalledService {
    let table = Arc::clone(table);
    let exec = Exec::scripted(move |call| {
        assert_eq!(call.program, "crontab");
        let [argument] = &call.arguments[..] else { panic!("{call}") };
        let mut table = table.lock().unwrap();
        if argument == "-l" {
            let missing = || Output::failure(1, "no crontab for op\n");
            return Ok(table.as_ref().map_or_else(missing, |text| Output::success(text.as_str())));
        }
        *table = Some(fs::read_to_string(argument).unwrap());
        Ok(Output::success(""))
    });
    service(Supervisor::Cron, Scope::User, exec)
}

#[test]
fn other_crontab_lines_are_unchanged() {
    let before = [None, Some(""), Some("MAILTO=op\n5 4 * * * backup # wnm service is fine\n"), Some("@daily x")];
    for before in before {
        let table = Arc::new(Mutex::new(before.map(str::to_owned)));
        let service = cron(&table);
        assert!(!service.is_installed().unwrap());
        assert_eq!(service.uninstall().unwrap(), Change::NotNeeded);
        assert_eq!(service.install().unwrap(), Change::Made);
        assert!(service.is_installed().unwrap());
        let installed = table.lock().unwrap().clone().unwrap();
        let line_end = if before == Some("@daily x") { "\n" } else { "" };
        assert_eq!(installed, format!("{}{line_end}{}", before.unwrap_or_default(), service.text()));
        assert_eq!(service.install().unwrap(), Change::NotNeeded);
        assert_eq!(service.uninstall().unwrap(), Change::Made);
        assert_eq!(
            table.lock().unwrap().as_deref(),
            Some(format!("{}{line_end}", before.unwrap_or_default()).as_str())
        );
    }
}

#[test]
fn unreadable_crontab_is_not_written() {
    let exec = Exec::scripted(|call| {
        assert_eq!(call.arguments, ["-l"]);
        Ok(Output::failure(1, "You (op) are not allowed to use this program (crontab)"))
    });
    let error = service(Supervisor::Cron, Scope::User, exec).install().unwrap_err();
    assert!(error.to_string().contains("not allowed to use this program"), "{error}");
}
