//! The settings of probes.

use std::path::PathBuf;

use super::problem::{Problem, ProblemCause};
use super::values::Value;
use super::{RawSettings, program_in_a_relative_folder};
use crate::model::window::Windows;
use crate::probe::{Atto, default_windows, ever_opens};

/// The effective settings of probes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSettings {
    /// Whether a daemon runs the tasks.
    pub on: bool,
    /// The sources of the tasks: files, and addresses with `http://` or `https://`.
    pub sources: Vec<String>,
    /// The client program; None to search `ant` in `PATH`.
    pub client: Option<PathBuf>,
    /// Further arguments of every call of the client.
    pub arguments: Vec<String>,
    /// The times at which probes run.
    pub windows: Windows,
    /// Whether uploads run.
    pub upload: bool,
    /// The file with the private key of the wallet that pays uploads.
    pub key_file: Option<PathBuf>,
    /// The tokens that uploads may spend in a day.
    pub spend: Atto,
}

impl ProbeSettings {
    /// Returns the effective settings, with defaults for those without a value.
    ///
    /// # Errors
    /// Probes are on without a task, uploads without a key file or without tokens to spend, no run starts in the
    /// windows, or a path is relative: the daemon has another folder than the shell.
    pub(super) fn new(raw: &RawSettings) -> Result<Self, Vec<Problem>> {
        let settings = Self {
            on: raw.probe.unwrap_or(false),
            sources: raw.probe_tasks.clone().unwrap_or_default().0,
            client: raw.probe_client.as_ref().map(PathBuf::from),
            arguments: raw.probe_args.clone().unwrap_or_default().0,
            windows: raw.probe_window.clone().unwrap_or_else(default_windows),
            upload: raw.probe_upload.unwrap_or(false),
            key_file: raw.probe_key.as_ref().map(PathBuf::from),
            spend: raw.probe_spend.unwrap_or_default(),
        };
        let client = program_in_a_relative_folder("probe_client", raw.probe_client.as_deref());
        let mut problems: Vec<Problem> = client.into_iter().collect();
        let is_address = |source: &&String| source.starts_with("http://") || source.starts_with("https://");
        let files = settings.sources.iter().filter(|source| !is_address(source)).map(|file| ("probe_tasks", file));
        let key_file = raw.probe_key.iter().map(|path| ("probe_key", path));
        for (key, path) in files.chain(key_file).filter(|(_, path)| !path.starts_with('/')) {
            problems.push(Problem::new(key, path, ProblemCause::RelativePath { path: path.clone() }));
        }
        if !ever_opens(&settings.windows) {
            let text = settings.windows.write();
            problems.push(Problem::new("probe_window", &text, ProblemCause::NoProbeStarts));
        }
        if settings.on && settings.sources.is_empty() {
            problems.push(Problem::missing("probe_tasks"));
        }
        if settings.upload && settings.key_file.is_none() {
            problems.push(Problem::missing("probe_key"));
        }
        if settings.upload && settings.spend == Atto::default() {
            problems.push(Problem::missing("probe_spend"));
        }
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }
}

impl Value for Atto {
    const KIND: &'static str = "an amount of tokens, such as 0.5";
    fn read(text: &str) -> Result<Self, ProblemCause> {
        text.parse().map_err(|_| ProblemCause::NotAnAmount)
    }
    fn write(&self) -> String {
        let text = self.to_string();
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<ProbeSettings, Vec<String>> {
        let mut raw = RawSettings::default();
        for (key, text) in settings {
            raw.set(key, text).unwrap();
        }
        ProbeSettings::new(&raw).map_err(|problems| problems.into_iter().map(|problem| problem.key).collect())
    }

    #[test]
    fn probes_and_uploads_need_their_settings() {
        let off = read(&[]).unwrap();
        assert_eq!((off.on, off.upload, off.windows), (false, false, default_windows()));
        assert_eq!(read(&[("probe", "true")]), Err(vec!["probe_tasks".to_owned()]));
        let both = Err(vec!["probe_key".to_owned(), "probe_spend".to_owned()]);
        assert_eq!(read(&[("probe_upload", "true")]), both);
        let all = [
            ("probe", "true"),
            ("probe_tasks", "/a/probe.toml 'https://host/list of files.csv'"),
            ("probe_upload", "true"),
            ("probe_key", "/k"),
            ("probe_spend", "0.5"),
        ];
        let all = read(&all).unwrap();
        assert_eq!(all.sources, ["/a/probe.toml", "https://host/list of files.csv"]);
        assert_eq!(all.spend, Atto(500_000_000_000_000_000));
    }

    #[test]
    fn window_in_which_no_probe_starts_is_refused() {
        assert_eq!(read(&[("probe_window", "hourly :05-:07")]), Err(vec!["probe_window".to_owned()]));
        assert!(read(&[("probe_window", "daily 22:00-06:00 UTC, deny hourly :00-:10")]).is_ok());
    }

    #[test]
    fn relative_paths_are_refused() {
        for (key, value) in [
            ("probe_tasks", "probe.toml"),
            ("probe_tasks", "/a.toml ftp://host/b.toml"),
            ("probe_client", "./ant"),
            ("probe_key", "key"),
        ] {
            assert_eq!(read(&[(key, value)]), Err(vec![key.to_owned()]), "{value}");
        }
        assert!(read(&[("probe_client", "ant"), ("probe_tasks", "https://host/a.toml")]).is_ok());
    }

    #[test]
    fn amounts_are_written_without_zeroes() {
        for text in ["0.5", "2", "0", "0.000000000000000001", "100"] {
            assert_eq!(Atto::read(text).map(|amount| amount.write()).as_deref(), Ok(text));
        }
    }
}
