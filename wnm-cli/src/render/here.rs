//! Commands of wnm in texts: ``list the nodes with `wnm node list` ``. Where the command line names another database
//! than the usual one, they repeat its `--db`: as they stand, they act on the colony that the text is about.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use wnm_platform::places;

use super::typed;
use crate::legacy;

/// The flag that the commands in texts repeat; unset where they need nothing.
static HERE: OnceLock<Here> = OnceLock::new();

/// Commands that read no database.
const WITHOUT_DATABASE: [&str; 5] = ["config describe", "demo", "help", "probe check", "util"];
/// The commands on a fleet that its members type. The operator of the fleet types the others.
const OF_MEMBERS: [&str; 2] = ["fleet join", "fleet leave"];
/// The words after a command for a host other than this one.
const ELSEWHERE: &str = " on the host";

/// The database of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Here {
    /// The flag that names the database, as it is typed into a shell.
    flag: String,
    /// Whether the line is one of the operator of a fleet.
    is_of_operator: bool,
}

/// Makes the commands in all later texts repeat the database that a command line names, unless they would choose it
/// anyway: because of `WNM_DB`, or because it is the default of this user.
pub(crate) fn repeat_database(line: &[OsString]) {
    let variable = std::env::var_os("WNM_DB").filter(|path| !path.is_empty());
    let usual = variable.map_or_else(places::database, PathBuf::from);
    if let Some(here) = Here::of(line).filter(|(db, _)| *db != usual).map(|(_, here)| here) {
        // A process has one command line.
        _ = HERE.set(here);
    }
}

/// Returns a text whose commands act on the database of this process.
pub(crate) fn here(text: &str) -> Cow<'_, str> {
    HERE.get().map_or(Cow::Borrowed(text), |here| here.repeated(text, &here.flag))
}

/// Returns a command without backticks, such as `wnm doctor`, which acts on the database of this process.
pub(crate) fn here_command(command: &str) -> String {
    here(&format!("`{command}`")).trim_matches('`').to_owned()
}

/// Returns a JSON document whose commands act on the database of this process.
pub(crate) fn here_json(json: String) -> String {
    let Some(here) = HERE.get() else { return json };
    // Text always serialises, and its quotes are those of JSON.
    let flag = serde_json::to_string(&here.flag).unwrap_or_default();
    here.repeated(&json, flag.trim_matches('"')).into_owned()
}

/// Returns an HTML page whose commands act on the database of this process.
pub(crate) fn here_html(page: String, escaped: impl FnOnce(&str) -> String) -> String {
    let Some(here) = HERE.get() else { return page };
    here.repeated(&page, &escaped(&here.flag)).into_owned()
}

impl Here {
    /// Returns the database that a command line names, and the flag that texts repeat; None where it names none, or one
    /// whose path no shell takes as text.
    fn of(line: &[OsString]) -> Option<(PathBuf, Self)> {
        let words = || line.iter().skip(1).map(OsString::as_os_str).take_while(|word| *word != "--");
        let value = |flag: &str, word: &OsStr, next: Option<&OsStr>| {
            let joined = word.as_bytes().strip_prefix(flag.as_bytes())?;
            match joined.strip_prefix(b"=") {
                Some(value) => Some(OsStr::from_bytes(value).to_owned()),
                None => next.filter(|_| joined.is_empty()).map(OsStr::to_owned),
            }
        };
        let named = |(word, next): (&OsStr, Option<&OsStr>)| {
            let db = value("--db", word, next).map(PathBuf::from);
            db.or_else(|| value("--dbpath", word, next).map(|path| legacy::database(&path)))
        };
        let next = words().skip(1).map(Some).chain([None]);
        let db = words().zip(next).find_map(named).filter(|db| !db.as_os_str().is_empty())?;
        db.to_str()?;
        let below_fleet = words().skip_while(|word| *word != "fleet").nth(1);
        let is_of_operator = below_fleet.is_some_and(|word| word != "join" && word != "leave");
        Some((db.clone(), Self { flag: format!("--db {}", typed(&db)), is_of_operator }))
    }

    /// Returns a text with the flag in each command between backticks that acts on the database.
    fn repeated<'a>(&self, text: &'a str, flag: &str) -> Cow<'a, str> {
        let mut whole = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('`') {
            let (before, line) = rest.split_at(at + 1);
            whole.push_str(before);
            rest = line;
            let (command, after) = line.split_once('`').unwrap_or((line, ""));
            if let Some((name, _)) = split(command).filter(|(_, words)| self.acts_here(words, after)) {
                whole.push_str(name);
                whole.push(' ');
                whole.push_str(flag);
                rest = &line[name.len()..];
            }
        }
        if whole.is_empty() {
            return Cow::Borrowed(text);
        }
        whole.push_str(rest);
        Cow::Owned(whole)
    }

    /// Tells whether the words after `wnm` are a command that acts on the database, and that names none.
    fn acts_here(&self, words: &str, after: &str) -> bool {
        let is = |name: &&str| words.strip_prefix(*name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        let names_one = words.split(' ').any(|word| word == "--db" || word.starts_with("--db="));
        let is_other = names_one || words.ends_with("--help") || words.starts_with("--version");
        let is_of_fleet = is(&"fleet") && !OF_MEMBERS.iter().any(is);
        let is_elsewhere = after.starts_with(ELSEWHERE) || is_of_fleet && !self.is_of_operator;
        !is_other && !is_elsewhere && !WITHOUT_DATABASE.iter().any(is)
    }
}

/// Returns the name `wnm` of a command line, with the variables before it, and the words after it; None for a line of
/// another program, and for the name alone.
fn split(command: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let (word, rest) = command[from..].split_once(' ')?;
        let end = from + word.len();
        if word == "wnm" {
            return Some((&command[..end], rest));
        }
        // `HOME=/srv/wnm wnm init`
        let (variable, _) = word.split_once('=')?;
        variable.chars().all(|c| c.is_ascii_uppercase() || c == '_').then_some(())?;
        from = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;
    use crate::error::{ChangeError, CliError, CommandError, FleetCommandError};
    use wnm_core::NodeId;
    use wnm_store::{LockError, StoreError};

    fn of(line: &str) -> Option<(PathBuf, Here)> {
        let words: Vec<OsString> = shell_words::split(line).unwrap().into_iter().map(OsString::from).collect();
        Here::of(&words)
    }

    #[test]
    fn database_of_a_line_is_that_of_its_flag() {
        for (line, flag) in [
            ("wnm --db /x/wnm.db status", Some("--db /x/wnm.db")),
            ("wnm status --db=/x/wnm.db", Some("--db /x/wnm.db")),
            ("wnm status --db '/my nodes/wnm.db'", Some("--db '/my nodes/wnm.db'")),
            ("wnm --dbpath sqlite:////srv/colony.db --report node-status", Some("--db /srv/wnm.db")),
            ("wnm status", None),
            ("wnm status --db", None),
            ("wnm --db '' status", None),
            ("wnm config set start_args -- --db /x", None),
        ] {
            assert_eq!(of(line).map(|(_, here)| here.flag).as_deref(), flag, "{line}");
        }
        let is_of_operator = |line: &str| of(line).is_some_and(|(_, here)| here.is_of_operator);
        assert!(is_of_operator("wnm --db /x fleet hosts"));
        assert!(!is_of_operator("wnm --db /x fleet join wnm1.x") && !is_of_operator("wnm --db /x status"));
        assert_eq!(Here::of(&["wnm".into(), "--db".into(), OsStr::from_bytes(b"/x\xff").to_owned()]), None);
    }

    #[test]
    fn commands_in_errors_repeat_the_database() {
        let missing = || StoreError::NotInitialised { path: "/x/wnm.db".into() };
        let errors: [CliError; 8] = [
            CommandError::NoSuchNode(NodeId::new(9).unwrap()).into(),
            missing().into(),
            LockError::Held { path: PathBuf::from("/x/wnm.lock"), holder: None }.into(),
            ChangeError::NotOfNodes { key: "node_cap" }.into(),
            CommandError::ResetWithoutReuse { manager: wnm_core::ManagerKind::ALL[0] }.into(),
            CommandError::NoHome { user: 7 }.into(),
            CommandError::NoServiceManager.into(),
            CliError::Fleet(Box::new(FleetCommandError::NoMember)),
        ];
        let (_, here) = of("wnm --db '/my nodes/wnm.db' status").unwrap();
        let hints = errors.map(|error| {
            let hint = error.hint().unwrap();
            format!("{hint}\n{}", here.repeated(&hint, &here.flag))
        });
        insta::assert_snapshot!(hints.join("\n\n"), @r"
        list the nodes with `wnm node list`
        list the nodes with `wnm --db '/my nodes/wnm.db' node list`

        create a colony with `wnm init --rewards-address 0x…`
        create a colony with `wnm --db '/my nodes/wnm.db' init --rewards-address 0x…`

        wait for it, or see `wnm status`
        wait for it, or see `wnm --db '/my nodes/wnm.db' status`

        run `wnm config set node_cap VALUE`
        run `wnm --db '/my nodes/wnm.db' config set node_cap VALUE`

        run `wnm node remove NODE`, then `wnm node add`
        run `wnm --db '/my nodes/wnm.db' node remove NODE`, then `wnm --db '/my nodes/wnm.db' node add`

        set HOME, as in `HOME=/srv/wnm wnm init --rewards-address 0x…`
        set HOME, as in `HOME=/srv/wnm wnm --db '/my nodes/wnm.db' init --rewards-address 0x…`

        use cron with `wnm service install --cron`; `wnm service show --cron` prints its line
        use cron with `wnm --db '/my nodes/wnm.db' service install --cron`; `wnm --db '/my nodes/wnm.db' service show --cron` prints its line

        join one with `wnm fleet join INVITATION`; its operator runs `wnm fleet invite HOST`
        join one with `wnm --db '/my nodes/wnm.db' fleet join INVITATION`; its operator runs `wnm fleet invite HOST`
        ");
    }

    #[test]
    fn other_texts_stay() {
        let (_, here) = of("wnm --db /x status").unwrap();
        for text in [
            "run `wnm --db /y node list`",
            "run `wnm node list --db=/y`",
            "see `wnm node list --help`",
            "`wnm config describe window` describes windows",
            "run `wnm demo` again",
            "run `wnm fleet doctor` on the host",
            "the operator of the fleet ends it with `wnm fleet resume`",
            "end it with `kill 7`, and `wnm` follows",
            "wnm node list",
            "a ` alone",
        ] {
            assert_eq!(here.repeated(text, &here.flag), text);
            assert!(matches!(here.repeated("plain", &here.flag), Cow::Borrowed(_)));
        }
        let (_, of_operator) = of("wnm --db /x fleet hosts").unwrap();
        let own = of_operator.repeated("list the hosts with `wnm fleet hosts`", &of_operator.flag);
        assert_eq!(own, "list the hosts with `wnm --db /x fleet hosts`");
    }

    #[test]
    fn commands_without_a_database_exist() {
        for path in WITHOUT_DATABASE.iter().chain(&OF_MEMBERS).filter(|path| **path != "help") {
            let mut words = path.split(' ');
            let found = words.try_fold(args::command(), |at, word| at.find_subcommand(word).cloned());
            assert!(found.is_some(), "{path}");
        }
    }
}
