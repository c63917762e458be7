//! `wnm config edit`: the stored settings as TOML in an editor.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use wnm_core::{Problem, RawSettings, Shape};

use super::change::apply;
use super::{SourceValues, sources};
use crate::args::ConsentFlag;
use crate::config::file;
use crate::config::hint::{Origin, SettingsError, toml_line};
use crate::error::{CliError, CommandError, ConfigFileError, EditError};
use crate::output::Output;

/// Opens the stored settings in an editor, and stores the result. `kept` is the file of an earlier attempt.
pub(super) fn run(db: &Path, kept: Option<&Path>, consent: ConsentFlag, output: &Output) -> Result<(), CliError> {
    let stored = sources(db)?.database;
    let before = page(&stored);
    let path = match kept {
        Some(path) => path.to_owned(),
        None => create(&before).map_err(EditError::Create)?,
    };
    let after = edited(&path);
    // Only a file of wnm itself is deleted, and only without anything to lose.
    let discard = || kept.is_none().then(|| fs::remove_file(&path)).map_or(Ok(()), |removed| removed);
    let after = after.inspect_err(|error| {
        if matches!(error, EditError::Editor { .. }) {
            let _ = discard();
        }
    })?;
    if after == before {
        discard()?;
        output.say("no change");
        return output.result(&Vec::<super::change::Changed>::new(), |_| String::new());
    }
    store(db, &stored, (&path, &after), consent, output)
        .map_err(|error| EditError::Kept { path: path.clone(), error: Box::new(error) })?;
    discard()?;
    Ok(())
}

/// Checks the text as a whole, and stores the settings that it changes.
fn store(
    db: &Path,
    stored: &RawSettings,
    (path, text): (&Path, &str),
    consent: ConsentFlag,
    output: &Output,
) -> Result<(), CliError> {
    let edited = file::from_toml(text).map_err(|cause| ConfigFileError { path: path.to_owned(), cause })?;
    let current = sources(db)?;
    let whole = SourceValues { database: edited.clone(), ..current };
    if let Err(problems) = whole.check() {
        let place = |problem: Problem| {
            let line = file::line_of(path, &problem.key);
            (problem, Origin::File { path: path.to_owned(), line })
        };
        return Err(SettingsError::of_values(problems.into_vec().into_iter().map(place).collect()).into());
    }
    let is_changed = |key: &&&str| stored.get(key) != edited.get(key);
    let keys: Vec<&'static str> = RawSettings::KEYS.iter().filter(is_changed).copied().collect();
    // Another command may have changed other settings while the editor was open.
    apply(db, &keys, consent, output, |stored| {
        for key in &keys {
            match edited.get(key) {
                Some(value) => stored.set(key, &value)?,
                None => _ = stored.clear(key),
            }
        }
        Ok(())
    })
}

/// Returns the stored settings as TOML. Settings without a stored value are comments with an example.
fn page(stored: &RawSettings) -> String {
    let mut page = "# Settings in the database of wnm. A line without # stores its value, a deleted line restores the default.\n\
                    # Times and sizes may have a unit: \"2h 5min\", \"500 MB\". `wnm config describe SETTING` tells more.\n"
        .to_owned();
    for setting in RawSettings::ALL {
        page.push_str(&format!("\n# {}\n", setting.help()));
        match stored.get(setting.key) {
            // A plain number is shorter than a quoted one with a unit that says the same.
            Some(bare) if setting.shape == Shape::Number => {
                let shown = stored.display(setting.key).filter(|shown| !shown.ends_with('%'));
                page.push_str(&format!("{}\n", toml_line(setting, shown.as_deref().unwrap_or(&bare))));
            }
            Some(text) => page.push_str(&format!("{}\n", toml_line(setting, &text))),
            None => page.push_str(&format!("#{}\n", toml_line(setting, setting.facts.example))),
        }
    }
    page
}

/// Writes a new file that only this user can read: `environment` may hold a secret.
fn create(text: &str) -> io::Result<PathBuf> {
    let mut file = tempfile::Builder::new().prefix("wnm-settings-").suffix(".toml").tempfile()?;
    file.write_all(text.as_bytes())?;
    let (_, path) = file.keep().map_err(|error| error.error)?;
    Ok(path)
}

/// Opens a file in the editor of the operator, and returns its text afterwards.
fn edited(path: &Path) -> Result<String, EditError> {
    let set = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    let failed = |cause: String| EditError::Editor { editor: editor.clone(), cause };
    // Editors often come with arguments, such as `code --wait`.
    let words = shell_words::split(&editor).map_err(|_| failed("a quote is not closed".to_owned()))?;
    let [program, arguments @ ..] = words.as_slice() else { return Err(failed("no program is named".to_owned())) };
    let status = Command::new(program).args(arguments).arg(path).status();
    let status = status.map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(status.to_string()));
    }
    fs::read_to_string(path).map_err(|source| EditError::Read { path: path.to_owned(), source })
}

impl From<EditError> for CliError {
    fn from(error: EditError) -> Self {
        CommandError::Edit(error).into()
    }
}
