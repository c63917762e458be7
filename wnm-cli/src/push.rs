//! Writing lines to InfluxDB through version 2 of its HTTP API.

use std::time::Duration;

use crate::error::CommandError;

/// The maximum time for a request. InfluxDB usually answers within milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum length of a quoted answer, in characters.
const LONGEST_QUOTE: usize = 200;
/// The path of the API below the address.
const WRITE_PATH: &str = "/api/v2/write";

/// The reason why lines were not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PushError {
    /// The request failed before an answer arrived.
    #[error("the request failed: {0}")]
    Request(Box<ureq::Error>),
    /// InfluxDB answered with an error.
    #[error("{status} {answer}")]
    Rejected { status: ureq::http::StatusCode, answer: String },
}

/// The address of an InfluxDB, with the credentials for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    url: String,
    organisation: String,
    bucket: String,
    token: String,
}

impl Target {
    /// Returns the target at an address, with organisation, bucket and token from variables.
    ///
    /// # Errors
    /// The address is neither `http://HOST:PORT` nor `https://HOST:PORT`, or a variable is not set.
    pub(crate) fn new(url: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, CommandError> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let host = rest.map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
        if host.is_none_or(str::is_empty) {
            return Err(CommandError::InvalidUrl { url: url.to_owned() });
        }
        let read = |name: &str| {
            let value = variable(name).filter(|value| !value.is_empty());
            value.ok_or_else(|| CommandError::NoVariable { variable: name.to_owned() })
        };
        let base = url.trim_end_matches('/');
        Ok(Self {
            url: if base.ends_with(WRITE_PATH) { base.to_owned() } else { format!("{base}{WRITE_PATH}") },
            organisation: read("INFLUX_ORG")?,
            bucket: read("INFLUX_BUCKET")?,
            token: read("INFLUX_TOKEN")?,
        })
    }

    /// Writes lines with timestamps in nanoseconds.
    ///
    /// # Errors
    /// InfluxDB cannot be reached, or rejects the lines.
    pub(crate) fn write(&self, lines: &str) -> Result<(), CommandError> {
        let failed = |cause| CommandError::Push { url: self.url.clone(), cause };
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            // A redirect or a proxy would send the token to another server.
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
            .map_err(|error| failed(PushError::Request(Box::new(error))))?;
        if response.status().is_success() {
            return Ok(());
        }
        let answer = response.body_mut().with_config().limit(64 << 10).read_to_string().unwrap_or_default();
        let answer: String =
            answer.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST_QUOTE).collect();
        Err(failed(PushError::Rejected { status: response.status(), answer }))
    }
}
