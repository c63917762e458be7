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

type Table = Arc<Mutex<Option<Vec<u8>>>>;

/// A `crontab` that holds a table, or that its user has none of, with this answer for none.
fn cron(table: &Table, (code, message): (i32, &'static str)) -> InstalledService {
    let table = Arc::clone(table);
    let exec = Exec::scripted(move |call| {
        assert_eq!(call.program, "crontab");
        let [argument] = &call.arguments[..] else { panic!("{call}") };
        let mut table = table.lock().unwrap();
        if argument == "-l" {
            return Ok(table.clone().map_or_else(|| Output::failure(code, message), Output::success));
        }
        *table = Some(fs::read(argument).unwrap());
        Ok(Output::success(""))
    });
    service(Supervisor::Cron, Scope::User, exec)
}

const OF_DEBIAN: (i32, &str) = (1, "no crontab for op\n");

#[test]
fn other_crontab_lines_are_unchanged() {
    // A job in Latin-1, as old systems have them.
    const LATIN_1: &[u8] = b"# sauvegarde des donn\xe9es\r\n0 3 * * * sauve --dossier /srv/donn\xe9es\n\n";
    let utf_8: &[u8] = "MAILTO=op\n5 4 * * * backup # wnm service is fine \u{e9}\n".as_bytes();
    for before in [None, Some(&b""[..]), Some(utf_8), Some(LATIN_1), Some(b"@daily x"), Some(b"\xff\0\n# \xfe")] {
        let table: Table = Arc::new(Mutex::new(before.map(<[u8]>::to_vec)));
        let service = cron(&table, OF_DEBIAN);
        assert!(!service.is_installed().unwrap());
        assert_eq!(service.uninstall().unwrap(), Change::NotNeeded);
        assert_eq!(service.install().unwrap(), Change::Made);
        assert!(service.is_installed().unwrap());
        let installed = table.lock().unwrap().clone().unwrap();
        let mut others = before.unwrap_or_default().to_vec();
        if others.last().is_some_and(|last| *last != b'\n') {
            others.push(b'\n');
        }
        assert_eq!(installed, [&others, service.text().as_bytes()].concat());
        assert_eq!(service.install().unwrap(), Change::NotNeeded);
        assert_eq!(service.uninstall().unwrap(), Change::Made);
        assert_eq!(*table.lock().unwrap(), Some(others));
    }
}

#[test]
fn every_cron_tells_that_no_crontab_exists() {
    let answers = [
        OF_DEBIAN,
        (1, "crontab: can't open 'op': No such file or directory\n"),
        (1, "no crontab for op - using an empty one\n"),
        (1, ""),
        (66, "no crontab for op"),
    ];
    for answer in answers {
        let table = Table::default();
        let service = cron(&table, answer);
        assert!(!service.is_installed().unwrap(), "{answer:?}");
        assert_eq!(service.install().unwrap(), Change::Made);
        assert_eq!(table.lock().unwrap().as_deref(), Some(service.text().as_bytes()));
    }
}

#[test]
fn unreadable_crontab_is_not_written() {
    for (code, said) in [
        (1, "You (op) are not allowed to use this program (crontab)"),
        (1, "crontab: can't open 'op': Permission denied"),
        (1, "crontab: fork: Resource temporarily unavailable"),
        (1, "try again"),
        (2, "crontab: cannot read the table"),
        (127, ""),
    ] {
        let exec = Exec::scripted(move |call| {
            assert_eq!(call.arguments, ["-l"]);
            Ok(Output::failure(code, said))
        });
        let error = service(Supervisor::Cron, Scope::User, exec).install().unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}
