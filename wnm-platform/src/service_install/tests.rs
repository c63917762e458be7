use std::sync::{Arc, Mutex};

use super::*;
use crate::exec::Output;
use crate::node_dir::tests::HOSTILE;

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
fn service_of_a_database_is_recognized_with_any_interval() {
    let of = |supervisor, path: &str, seconds| {
        let task =
            Task { program: "/usr/bin/wnm".into(), database: path.into(), interval: Duration::from_secs(seconds) };
        InstalledService::new(supervisor, Scope::User, &task, silent()).ok()
    };
    let mut recognized = 0;
    for supervisor in [Supervisor::Systemd, Supervisor::Launchd, Supervisor::Cron] {
        let paths = HOSTILE.iter().map(|text| format!("/var/{text}/wnm.db"));
        for path in paths.chain(["/var/a&b <c>/50%/$x/wnm.db", "/x/wnm.db", "/x/ run /wnm.db"].map(str::to_owned)) {
            let (Some(now), Some(then)) = (of(supervisor, &path, 5), of(supervisor, &path, 7)) else { continue };
            assert!(now.is_for_database(&then.text), "{supervisor:?} {path}");
            for other in [format!("/mnt{path}"), format!("{path}-2")] {
                let other = of(supervisor, &other, 5).unwrap();
                assert!(
                    !now.is_for_database(&other.text) && !other.is_for_database(&now.text),
                    "{supervisor:?} {path}"
                );
            }
            recognized += 1;
        }
        let now = of(supervisor, "/x/wnm.db", 5).unwrap();
        assert!(now.is_for_database("wnm --db=/x/wnm.db daemon") && !now.is_for_database("wnm --db=/y/x/wnm.db run"));
    }
    assert!(recognized > 20, "{recognized}");
}

#[test]
fn path_with_control_character_is_refused() {
    for supervisor in [Supervisor::Systemd, Supervisor::Launchd, Supervisor::Cron] {
        let error = InstalledService::new(supervisor, Scope::User, &task("/opt/a\nb/wnm"), silent()).unwrap_err();
        assert!(matches!(error, PlatformError::NotText { .. }), "{error}");
    }
}

/// Returns the command that cron passes to the shell: crontab(5) ends it at a percent sign without a backslash.
fn command_of(line: &str, is_backslash_escaped: bool) -> String {
    let mut command = String::new();
    let mut chars = line.strip_prefix("* * * * * ").unwrap().trim_end_matches('\n').chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('%')) => command.extend(chars.next()),
            ('\\', Some('\\')) if is_backslash_escaped => command.extend(chars.next()),
            ('%', _) => panic!("the command ends within {line}"),
            _ => command.push(c),
        }
    }
    command
}

#[test]
fn hostile_paths_reach_the_program_or_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let mut run = 0;
    for text in HOSTILE {
        let place = folder.path().join(text);
        let task =
            Task { program: place.join("wnm"), database: place.join("wnm.db"), interval: Duration::from_secs(5) };
        let made = [Supervisor::Systemd, Supervisor::Launchd, Supervisor::Cron]
            .map(|supervisor| InstalledService::new(supervisor, Scope::User, &task, silent()));
        let [Ok(unit), Ok(list), cron] = made else {
            assert!(text.contains(char::is_control), "{text:?}");
            continue;
        };
        let [program, database] = [&task.program, &task.database].map(|path| path.to_str().unwrap().to_owned());
        let words = [program.as_str(), "--db", &database, "daemon", "--interval", "5s"].map(str::to_owned);
        let command = crate::manager::systemd_command_in(unit.text());
        assert_eq!(command.as_deref(), Some(&words[..]), "{}", unit.text());
        let agent: plist::Dictionary = plist::from_bytes(list.text().as_bytes()).unwrap();
        let given = agent["ProgramArguments"].as_array().unwrap().iter().map(|word| word.as_string().unwrap());
        assert_eq!(given.collect::<Vec<_>>(), words);
        let Ok(cron) = cron else {
            assert!(text.contains('\\'), "{text:?}");
            continue;
        };
        fs::create_dir_all(&place).unwrap();
        fs::write(&task.program, "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\" >\"$OUT\"\n").unwrap();
        fs::set_permissions(&task.program, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(cron.text().lines().count(), 1);
        for is_backslash_escaped in [false, true] {
            let out = folder.path().join("out");
            let command = command_of(cron.text(), is_backslash_escaped);
            let ended = std::process::Command::new("/bin/sh").args(["-c", &command]).env("OUT", &out).status().unwrap();
            assert!(ended.success(), "{command}");
            let got = fs::read_to_string(&out).unwrap();
            assert_eq!(got, format!("{program}\n--quiet\n--db\n{database}\nrun\n"), "{command}");
            run += 1;
        }
    }
    assert!(run >= 20, "{run}");
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
