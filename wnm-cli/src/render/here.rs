//! Commands of wnm in texts: ``list the nodes with `wnm node list` ``. Where the command line names another database,
//! config file or fleet than the usual one, they repeat its flag: as they stand, they act on what the text is about.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use wnm_platform::places;

use super::typed;
use crate::legacy;

/// The flags that the commands in texts repeat; unset where they need nothing.
static HERE: OnceLock<Here> = OnceLock::new();

/// Commands that read no database.
const WITHOUT_DATABASE: [&str; 5] = ["config describe", "demo", "help", "probe check", "util"];
/// The commands on a fleet that its members type. The operator of the fleet types the others.
const OF_MEMBERS: [&str; 2] = ["fleet join", "fleet leave"];
/// The words after a command for a host other than this one.
const ELSEWHERE: &str = " on the host";
/// The begin of a hint in a JSON document. Inside a string, its quotes would be escaped.
const JSON_HINT: &str = "\"hint\":\"";

/// The colony and the fleet of a command line. Flags are as they are typed into a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Here {
    /// The flags that name the database and the config file, in this order.
    colony: Vec<String>,
    /// The flag that names the file of the fleet.
    fleet: Option<String>,
    /// Whether the line is one of the operator of a fleet.
    is_of_operator: bool,
}

/// Makes the commands in all later texts repeat the database, the config file and the fleet that a command line names,
/// unless they would choose it anyway: because of `WNM_DB` or `WNM_CONFIG`, or because it is the default of this user.
pub(crate) fn repeat_flags(line: &[OsString]) {
    let variable = |name| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let db = variable("WNM_DB").unwrap_or_else(places::database);
    let here = Here::of(line, &db, variable("WNM_CONFIG").as_deref());
    if !here.colony.is_empty() || here.fleet.is_some() {
        // A process has one command line.
        _ = HERE.set(here);
    }
}

/// Returns a text whose commands act as this process does.
pub(crate) fn here(text: &str) -> Cow<'_, str> {
    HERE.get().map_or(Cow::Borrowed(text), |here| here.repeated(text, &str::to_owned))
}

/// Returns a command without backticks, such as `wnm doctor`, which acts as this process does.
pub(crate) fn here_command(command: &str) -> String {
    here(&format!("`{command}`")).trim_matches('`').to_owned()
}

/// Returns a JSON document with the commands of its hints as this process acts. Other texts are data, and stay.
pub(crate) fn here_json(json: String) -> String {
    let Some(here) = HERE.get() else { return json };
    here.repeated_in_hints(&json)
}

/// Returns an HTML page whose commands act as this process does.
pub(crate) fn here_html(page: String, escaped: impl Fn(&str) -> String) -> String {
    let Some(here) = HERE.get() else { return page };
    here.repeated(&page, &escaped).into_owned()
}

impl Here {
    /// Returns the flags of a command line that texts repeat. A path that no shell takes as text is not repeated.
    fn of(line: &[OsString], usual_db: &Path, usual_config: Option<&Path>) -> Self {
        let words = || line.iter().skip(1).map(OsString::as_os_str).take_while(|word| *word != "--");
        let given = |flag: &str| {
            let value = |(word, next): (&OsStr, Option<&OsStr>)| {
                let joined = word.as_bytes().strip_prefix(flag.as_bytes())?;
                match joined.strip_prefix(b"=") {
                    Some(value) => Some(OsStr::from_bytes(value).to_owned()),
                    None => next.filter(|_| joined.is_empty()).map(OsStr::to_owned),
                }
            };
            let next = words().skip(1).map(Some).chain([None]);
            words().zip(next).find_map(value).filter(|path| !path.is_empty())
        };
        let repeated = |flag: &str, path: &Path| path.to_str().map(|_| format!("{flag} {}", typed(path)));
        let db = given("--db").map(PathBuf::from).or_else(|| given("--dbpath").map(|path| legacy::database(&path)));
        let db = db.filter(|db| db != usual_db).and_then(|db| repeated("--db", &db));
        let config = given("--config").filter(|path| Some(Path::new(path)) != usual_config);
        let config = config.and_then(|path| repeated("--config", Path::new(&path)));
        let below_fleet = words().skip_while(|word| *word != "fleet").nth(1);
        let is_of_operator = below_fleet.is_some_and(|word| word != "join" && word != "leave");
        let fleet = given("--fleet").filter(|_| is_of_operator).and_then(|path| repeated("--fleet", Path::new(&path)));
        Self { colony: db.into_iter().chain(config).collect(), fleet, is_of_operator }
    }

    /// Returns a text with the flags in each command between backticks that acts as this process does.
    fn repeated<'a>(&self, text: &'a str, escaped: &dyn Fn(&str) -> String) -> Cow<'a, str> {
        let mut whole = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('`') {
            let (before, line) = rest.split_at(at + 1);
            whole.push_str(before);
            rest = line;
            let (command, after) = line.split_once('`').unwrap_or((line, ""));
            let Some((name, words)) = split(command).filter(|(_, words)| self.acts_here(words, after)) else {
                continue;
            };
            let mut end = name.len();
            whole.push_str(name);
            for flag in self.colony.iter().filter(|flag| !names(words, flag)) {
                whole.extend([" ", &*escaped(flag)]);
            }
            if let Some(flag) = self.fleet.as_ref().filter(|flag| is_of_operator(words) && !names(words, flag)) {
                whole.extend([" fleet ", &*escaped(flag)]);
                end += " fleet".len();
            }
            rest = &line[end..];
        }
        if whole.is_empty() {
            return Cow::Borrowed(text);
        }
        whole.push_str(rest);
        Cow::Owned(whole)
    }

    fn repeated_in_hints(&self, json: &str) -> String {
        // Text always serialises. Its quotes are escaped, apart from those around it.
        let escaped = |flag: &str| {
            let text = serde_json::to_string(flag).unwrap_or_default();
            text.get(1..text.len().saturating_sub(1)).unwrap_or_default().to_owned()
        };
        let mut whole = String::with_capacity(json.len());
        let mut rest = json;
        while let Some(at) = rest.find(JSON_HINT) {
            let (before, hint) = rest.split_at(at + JSON_HINT.len());
            let mut is_escape = false;
            let end = hint.find(|c| {
                let is_end = c == '"' && !is_escape;
                is_escape = c == '\\' && !is_escape;
                is_end
            });
            let (hint, after) = hint.split_at(end.unwrap_or(hint.len()));
            whole.extend([before, &*self.repeated(hint, &escaped)]);
            rest = after;
        }
        whole + rest
    }

    /// Tells whether the words after `wnm` are a command on the colony or the fleet of this process.
    fn acts_here(&self, words: &str, after: &str) -> bool {
        let is_other = words.ends_with("--help") || words.starts_with("--version");
        let is_elsewhere = after.starts_with(ELSEWHERE) || is_of_operator(words) && !self.is_of_operator;
        !is_other && !is_elsewhere && !WITHOUT_DATABASE.iter().any(|name| is(words, name))
    }
}

/// Tells whether words begin with the name of a command.
fn is(words: &str, name: &str) -> bool {
    words.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Tells whether words are a command of the operator of a fleet.
fn is_of_operator(words: &str) -> bool {
    is(words, "fleet") && !OF_MEMBERS.iter().any(|name| is(words, name))
}

/// Tells whether words contain a flag, whatever its value.
fn names(words: &str, flag: &str) -> bool {
    let name = flag.split(' ').next().unwrap_or(flag);
    words.split(' ').any(|word| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
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

    fn of(line: &str) -> Here {
        let words: Vec<OsString> = shell_words::split(line).unwrap().into_iter().map(OsString::from).collect();
        Here::of(&words, Path::new("/usual.db"), Some(Path::new("/usual.toml")))
    }

    fn repeated(here: &Here, text: &str) -> String {
        here.repeated(text, &str::to_owned).into_owned()
    }

    #[test]
    fn flags_of_a_line_are_those_that_differ() {
        for (line, flag) in [
            ("wnm --db /x/wnm.db status", "--db /x/wnm.db"),
            ("wnm status --db=/x/wnm.db", "--db /x/wnm.db"),
            ("wnm status --db '/my nodes/wnm.db'", "--db '/my nodes/wnm.db'"),
            ("wnm --dbpath sqlite:////srv/colony.db --report node-status", "--db /srv/wnm.db"),
            ("wnm --config x.toml status --db /x", "--db /x --config x.toml"),
            ("wnm --config=/usual.toml status --db /usual.db", ""),
            ("wnm status", ""),
            ("wnm status --db", ""),
            ("wnm --db '' status --config=", ""),
            ("wnm config set start_args -- --db /x", ""),
        ] {
            assert_eq!(of(line).colony.join(" "), flag, "{line}");
        }
        let is_of_operator = |line: &str| of(line).is_of_operator;
        assert!(is_of_operator("wnm fleet hosts") && is_of_operator("wnm fleet --fleet x.json hosts"));
        assert!(!is_of_operator("wnm fleet join wnm1.x") && !is_of_operator("wnm status"));
        let damaged = ["wnm".into(), "--db".into(), OsStr::from_bytes(b"/x\xff").to_owned()];
        assert_eq!(Here::of(&damaged, Path::new("/usual.db"), None).colony, Vec::<String>::new());
    }

    #[test]
    fn commands_of_an_operator_repeat_the_fleet() {
        let here = of("wnm --db /x fleet hosts --fleet 'my farm.json'");
        for (text, whole) in [
            ("see `wnm fleet hosts`", "see `wnm --db /x fleet --fleet 'my farm.json' hosts`"),
            ("`wnm fleet --fleet y.json hosts`", "`wnm --db /x fleet --fleet y.json hosts`"),
            ("`wnm fleet join INVITATION`", "`wnm --db /x fleet join INVITATION`"),
            ("`wnm status`", "`wnm --db /x status`"),
        ] {
            assert_eq!(repeated(&here, text), whole);
        }
    }

    #[test]
    fn only_hints_of_a_document_are_commands() {
        let here = of("wnm --db '/my \"x\"/wnm.db' status");
        let document = |hint: &str, reason: &str| {
            serde_json::json!({"data": {"reason": reason, "hint": null}, "error": {"hint": hint, "reason": reason}})
                .to_string()
        };
        let reason = "`wnm status` \\ \"hint\":\"`wnm status`\"";
        let whole = here.repeated_in_hints(&document("a \"b\" \\", reason));
        assert_eq!(whole, document("a \"b\" \\", reason));
        let whole = here.repeated_in_hints(&document("say \"x\": `wnm status`", reason));
        assert_eq!(whole, document("say \"x\": `wnm --db '/my \"x\"/wnm.db' status`", reason));
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
        let here = of("wnm --db '/my nodes/wnm.db' status");
        let hints = errors.map(|error| {
            let hint = error.hint().unwrap();
            format!("{hint}\n{}", repeated(&here, &hint))
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
        let here = of("wnm --db /x status");
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
            assert_eq!(repeated(&here, text), text);
        }
        let own = repeated(&of("wnm --db /x fleet hosts"), "list the hosts with `wnm fleet hosts`");
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
