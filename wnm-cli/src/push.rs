//! Writing lines to InfluxDB, by the second version of its interface.

use std::time::Duration;

use crate::error::CliError;

/// How long InfluxDB may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most of an answer that is shown, in characters.
const SHOWN: usize = 200;
/// Where lines are written to, below the address.
const WRITE: &str = "/api/v2/write";

/// Where lines go, and with whose rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    url: String,
    organisation: String,
    bucket: String,
    token: String,
}

impl Target {
    /// Returns the target at an address, with what else there is to know from variables.
    ///
    /// # Errors
    /// The address is none, or is encrypted, or a variable is missing.
    pub(crate) fn new(url: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, CliError> {
        let unusable = |what: String, hint: &str| CliError::Usage { what, hint: hint.to_owned() };
        if url.starts_with("https://") {
            return Err(unusable(
                format!("expected an address that begins with http://, found {url}: this wnm was built without TLS"),
                "name a relay on this host, or let Telegraf run `wnm report influx-resources` and send the lines",
            ));
        }
        let host = url.strip_prefix("http://").map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
        if host.is_none_or(str::is_empty) {
            let what = format!("expected an address such as http://127.0.0.1:8086, found {url:?}");
            return Err(unusable(what, "wnm report influx-resources --push http://127.0.0.1:8086"));
        }
        let read = |name: &str| {
            variable(name).filter(|value| !value.is_empty()).ok_or_else(|| {
                unusable(
                    format!("expected {name} in the environment, found nothing"),
                    "set INFLUX_ORG, INFLUX_BUCKET and INFLUX_TOKEN to an organisation, a bucket and a token of InfluxDB",
                )
            })
        };
        let base = url.trim_end_matches('/');
        Ok(Self {
            url: if base.ends_with(WRITE) { base.to_owned() } else { format!("{base}{WRITE}") },
            organisation: read("INFLUX_ORG")?,
            bucket: read("INFLUX_BUCKET")?,
            token: read("INFLUX_TOKEN")?,
        })
    }

    /// Writes lines whose times are in nanoseconds.
    ///
    /// # Errors
    /// InfluxDB cannot be reached, or refuses them.
    pub(crate) fn write(&self, lines: &str) -> Result<(), CliError> {
        let failed = |found: String| CliError::NotPushed { url: self.url.clone(), found };
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            // A token goes where it was sent, and nowhere else.
            .max_redirects(0)
            .proxy(None)
            .build()
            .into();
        let mut response = agent
            .post(&self.url)
            .query("org", &self.organisation)
            .query("bucket", &self.bucket)
            .query("precision", "ns")
            .header("Authorization", format!("Token {}", self.token))
            .header("Content-Type", "text/plain; charset=utf-8")
            .send(lines)
            .map_err(|error| failed(error.to_string()))?;
        if response.status().is_success() {
            return Ok(());
        }
        let said = response.body_mut().with_config().limit(64 << 10).read_to_string().unwrap_or_default();
        let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect();
        Err(failed(format!("{} {said}", response.status()).trim_end().to_owned()))
    }
}
