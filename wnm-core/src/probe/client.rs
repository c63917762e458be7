//! The client programs: their command lines, and the meaning of their answers.
//!
//! Two programs have the name `ant`. That of the network of `antnode` prints text and has an exit code for each class of
//! error (`exit_code.rs` of ant-cli 0.5.2); that of the network of `ant-node` prints JSON and exits with 1 after every
//! error (`main.rs` and `commands/data/file.rs` of ant-client).

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

use super::outcome::{Atto, ProbeOutcome};
use crate::model::units::Version;

/// The family of a client program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The client of the network of `antnode`.
    Autonomi,
    /// The client of the network of `ant-node`.
    Ant,
}

/// The first version of the client of `antnode` with the flag `--disable-cache`.
const CACHES_CHUNKS: Version = Version::new(0, 5, 0);

/// The flag of the client of `antnode` for the place of its log. Without it, each call leaves a folder below the home folder.
const LOG: &str = "--log-output-dest";

/// A client program that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeClient {
    /// The family.
    pub dialect: Dialect,
    /// The version.
    pub version: Version,
}

/// The operation that a client is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientRequest {
    /// Fetch the file at `address` to `to`.
    Download {
        /// The address in hexadecimal digits.
        address: String,
        /// The file to write.
        to: PathBuf,
    },
    /// Ask for the price of the file.
    Quote(PathBuf),
    /// Upload the file, readable for everyone.
    Upload(PathBuf),
}

/// The output of a client that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientOutput<'a> {
    /// The exit code; None if a signal ended it.
    pub code: Option<i32>,
    /// The bytes of standard output.
    pub stdout: &'a [u8],
    /// The bytes of standard error.
    pub stderr: &'a [u8],
}

/// The meaning of a client's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAnswer {
    /// The result, as far as the client knows it.
    pub outcome: ProbeOutcome,
    /// The price that it named.
    pub cost: Option<Atto>,
    /// The address of an upload.
    pub address: Option<String>,
    /// The cause of a failure, in one line.
    pub cause: Option<String>,
}

impl ProbeClient {
    /// Recognises a client by the output of `--version`; None for another program.
    ///
    /// The client of `antnode` prints `Autonomi Client v0.5.2` in its first line, that of `ant-node` prints `ant 0.2.4`.
    #[must_use]
    pub fn recognise(output: &str) -> Option<Self> {
        let line = output.lines().find(|line| !line.trim().is_empty())?.trim();
        let (name, version) = line.rsplit_once(' ')?;
        let version = version.trim_start_matches('v').parse().ok()?;
        let dialect = match name {
            "Autonomi Client" => Dialect::Autonomi,
            "ant" => Dialect::Ant,
            _ => return None,
        };
        Some(Self { dialect, version })
    }

    /// Returns the arguments of an operation. `further` are the operator's own, such as a network; they come before it. A log
    /// goes to the folder in which the client runs.
    #[must_use]
    pub fn arguments(&self, request: &ClientRequest, further: &[String]) -> Vec<std::ffi::OsString> {
        let words: &[&str] = match (self.dialect, request) {
            // A client with a cache of chunks would otherwise answer a second download without the network.
            (Dialect::Autonomi, ClientRequest::Download { .. }) if self.version >= CACHES_CHUNKS => {
                &["file", "download", "--disable-cache"]
            }
            (Dialect::Autonomi, ClientRequest::Download { .. }) => &["file", "download"],
            (Dialect::Autonomi, ClientRequest::Quote(_)) => &["file", "cost"],
            (Dialect::Autonomi, ClientRequest::Upload(_)) => &["file", "upload", "--public"],
            (Dialect::Ant, ClientRequest::Download { .. }) => &["--json", "file", "download"],
            (Dialect::Ant, ClientRequest::Quote(_)) => &["--json", "file", "cost"],
            (Dialect::Ant, ClientRequest::Upload(_)) => &["--json", "file", "upload", "--public"],
        };
        let mut arguments: Vec<std::ffi::OsString> = Vec::new();
        let has_log = further.iter().any(|word| word.split('=').next() == Some(LOG));
        if self.dialect == Dialect::Autonomi && !has_log {
            arguments.extend([LOG, "."].map(Into::into));
        }
        arguments.extend(further.iter().map(Into::into));
        arguments.extend(words.iter().map(Into::into));
        match request {
            ClientRequest::Download { address, to } => {
                arguments.push(address.into());
                if self.dialect == Dialect::Ant {
                    arguments.push("--output".into());
                }
                arguments.push(to.into());
            }
            ClientRequest::Quote(file) | ClientRequest::Upload(file) => arguments.push(file.into()),
        }
        arguments
    }

    /// Returns the meaning of an output.
    #[must_use]
    pub fn answer(&self, output: ClientOutput<'_>) -> ClientAnswer {
        let stdout = String::from_utf8_lossy(output.stdout);
        let stderr = String::from_utf8_lossy(output.stderr);
        let (cost, address) = match self.dialect {
            Dialect::Autonomi => (printed_cost(&stdout), printed_address(&stdout)),
            Dialect::Ant => json_answer(&stdout),
        };
        // Behind the error, color-eyre prints a place and the names of functions, such as `connect_to_network`.
        let errors = stderr.split("\nLocation:").next().unwrap_or_default();
        let outcome = match (output.code, self.dialect) {
            (Some(0), _) => ProbeOutcome::Ok,
            (None, _) => ProbeOutcome::Killed,
            (Some(code), Dialect::Autonomi) => outcome_of_code(code).unwrap_or_else(|| outcome_of_text(errors)),
            (Some(_), Dialect::Ant) => outcome_of_text(errors),
        };
        let cause = if outcome == ProbeOutcome::Ok { None } else { last_error(errors).or_else(|| last_line(&stdout)) };
        ClientAnswer { outcome, cost, address, cause }
    }
}

impl fmt::Display for ProbeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.dialect {
            Dialect::Autonomi => "autonomi",
            Dialect::Ant => "ant",
        };
        write!(f, "{name} {}", self.version)
    }
}

/// Returns the class of an exit code of the client of `antnode`; None for a code of every error, 1, and unknown codes.
const fn outcome_of_code(code: i32) -> Option<ProbeOutcome> {
    Some(match code {
        // 2: usage; 6: input; 11: serialisation; 12: files; 15: encryption; 21 to 23, 42: wallet and payment; 31, 32, 34
        // to 36: data maps and addresses; 52, 53, 55, 56, 58: bootstrap cache; 60: protocol version; 61, 62: settings of
        // the payment network.
        2 | 6 | 11 | 12 | 15 | 21..=23 | 31 | 32 | 34..=36 | 42 | 52 | 53 | 55 | 56 | 58 | 60..=62 => {
            ProbeOutcome::ClientError
        }
        // 13: network; 14: protocol; 37: analysis without an answer; 41, 44, 45: quotes and storage; 51, 54, 57, 59:
        // connection.
        13 | 14 | 37 | 41 | 44 | 45 | 51 | 54 | 57 | 59 => ProbeOutcome::NetworkError,
        33 => ProbeOutcome::DataLoss,
        _ => return None,
    })
}

/// Returns the class of an error message, for clients whose exit code does not tell it.
fn outcome_of_text(stderr: &str) -> ProbeOutcome {
    let text = stderr.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["cost estimation inconclusive"]) {
        // The network answered: it already has every part that was asked for, so that there is no price.
        ProbeOutcome::Ok
    } else if has(&["insufficient peers"]) {
        ProbeOutcome::NetworkError
    } else if has(&[
        "record not found",
        "chunk not found",
        "datamap not found",
        "data map not found",
        "recordnotfound",
        ": not found: ",
        // Content that arrived, and is damaged.
        ": invalid data: ",
        ": crypto error: ",
    ]) {
        ProbeOutcome::DataLoss
    } else if has(&[
        "usage:",
        "secret_key",
        "wallet",
        "insufficient",
        "payment error",
        "configuration error",
        "environment variable",
        "no such file",
        "permission denied",
        "no space left",
        "invalid address",
        "file too small",
        "not a file address",
    ]) {
        ProbeOutcome::ClientError
    } else if has(&[
        "timed out",
        "timeout",
        "no known peers",
        "no bootstrap",
        "bootstrap",
        "connect",
        "unreachable",
        "failed to start p2p node",
        "network",
        "protocol error",
        "cost estimation failed",
        "upload failed",
        "failed to fetch public datamap",
        "download failed",
    ]) {
        ProbeOutcome::NetworkError
    } else {
        ProbeOutcome::Unknown
    }
}

/// Returns the price in a line such as `Total cost: 0.000000000000000042`, or `Total cost: 42 AttoTokens` of an upload.
fn printed_cost(stdout: &str) -> Option<Atto> {
    let text = stdout.lines().rev().find_map(|line| line.trim().strip_prefix("Total cost:"))?.trim();
    match text.strip_suffix("AttoTokens") {
        Some(attos) => attos.trim().parse().ok().map(Atto),
        None => text.parse().ok(),
    }
}

/// Returns the address in a line such as `At address: 8a…`.
fn printed_address(stdout: &str) -> Option<String> {
    let text = stdout.lines().rev().find_map(|line| line.trim().strip_prefix("At address:"))?.trim();
    is_address(text).then(|| text.to_owned())
}

/// Tells whether a text is the address of an uploaded file. A public one has 64 hexadecimal digits; the database stores
/// each.
fn is_address(text: &str) -> bool {
    (64..=1024).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns price and address of the last line of JSON.
fn json_answer(stdout: &str) -> (Option<Atto>, Option<String>) {
    let Some(Value::Object(answer)) = stdout.lines().rev().find_map(|line| serde_json::from_str(line).ok()) else {
        return (None, None);
    };
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    let cost = text("storage_cost_atto").and_then(|attos| attos.parse().ok()).map(Atto);
    (cost, text("address").filter(|text| is_address(text)).map(str::to_owned))
}

/// The longest cause, in characters.
const CAUSE: usize = 200;

/// Returns the error that a client printed: the first two causes that color-eyre numbers, the last line that begins with
/// an error word, or the last line.
fn last_error(stderr: &str) -> Option<String> {
    let numbered = |number: &str| stderr.lines().find_map(|line| line.trim_start().strip_prefix(number));
    if let Some(first) = numbered("0: ") {
        let second = numbered("1: ").map(|second| format!(": {second}")).unwrap_or_default();
        return Some(shortened(&format!("{first}{second}")));
    }
    let labelled = |line: &str| {
        let text = line.trim().strip_prefix("Error:").or_else(|| line.trim().strip_prefix("error:"))?.trim();
        (!text.is_empty()).then(|| shortened(text))
    };
    stderr.lines().rev().find_map(labelled).or_else(|| last_line(stderr))
}

fn last_line(text: &str) -> Option<String> {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(shortened)
}

fn shortened(line: &str) -> String {
    // A client colours its errors; an escape sequence must not reach the terminal of a reader.
    let mut plain = String::new();
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            rest.by_ref().find(char::is_ascii_alphabetic);
        } else if !c.is_control() {
            plain.push(c);
        }
    }
    plain.trim().chars().take(CAUSE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(version: &str) -> ProbeClient {
        ProbeClient::recognise(version).unwrap()
    }

    fn autonomi() -> ProbeClient {
        client("Autonomi Client v0.5.2\nNetwork version: ant/1.0/1\nPackage version: 2026.1.1.1\nGit info: stable\n")
    }

    fn answer(client: &ProbeClient, code: Option<i32>, stdout: &str, stderr: &str) -> ClientAnswer {
        client.answer(ClientOutput { code, stdout: stdout.as_bytes(), stderr: stderr.as_bytes() })
    }

    #[test]
    fn programs_are_recognised_by_their_version() {
        assert_eq!(autonomi().to_string(), "autonomi 0.5.2");
        assert_eq!(client("ant 0.2.4\n").to_string(), "ant 0.2.4");
        for other in
            ["", "ant", "Apache Ant(TM) version 1.10.14 compiled on September 25 2023", "antnode 0.4.17", "ant x"]
        {
            assert_eq!(ProbeClient::recognise(other), None, "{other}");
        }
    }

    #[test]
    fn each_dialect_has_its_arguments() {
        let further = ["--network-id".to_owned(), "1".to_owned()];
        let download = ClientRequest::Download { address: "ab".repeat(32), to: "/s/f".into() };
        let words = |client: &ProbeClient, request: &ClientRequest| -> Vec<String> {
            client.arguments(request, &further).iter().map(|word| word.to_string_lossy().into_owned()).collect()
        };
        let address = "ab".repeat(32);
        assert_eq!(
            words(&autonomi(), &download),
            ["--log-output-dest", ".", "--network-id", "1", "file", "download", "--disable-cache", &address, "/s/f"]
        );
        let own = ["--log-output-dest=stdout".to_owned()];
        assert_eq!(autonomi().arguments(&ClientRequest::Quote("/s/f".into()), &own)[0], "--log-output-dest=stdout");
        let old = client("Autonomi Client v0.4.2");
        assert_eq!(words(&old, &download)[4..], ["file", "download", &address, "/s/f"]);
        let ant = client("ant 0.2.4");
        assert_eq!(
            words(&ant, &download),
            ["--network-id", "1", "--json", "file", "download", &address, "--output", "/s/f"]
        );
        let upload = ClientRequest::Upload("/s/f".into());
        assert_eq!(words(&autonomi(), &upload)[4..], ["file", "upload", "--public", "/s/f"]);
        assert_eq!(words(&ant, &ClientRequest::Quote("/s/f".into()))[2..], ["--json", "file", "cost", "/s/f"]);
    }

    #[test]
    fn successes_have_their_price_and_address() {
        let address = "8a".repeat(32);
        let quote = "Getting upload cost (private, without archive)...\nEstimate cost to upload file: /s/f\nTotal cost: 0.000000000000000042\nMethod: regular\n";
        assert_eq!(answer(&autonomi(), Some(0), quote, "").cost, Some(Atto(42)));
        let upload = format!("Successfully uploaded: /s/f\nAt address: {address}\nTotal cost: 7 AttoTokens\n");
        let uploaded = answer(&autonomi(), Some(0), &upload, "");
        assert_eq!((uploaded.cost, uploaded.address.as_deref()), (Some(Atto(7)), Some(address.as_str())));
        let json = format!(r#"{{"address":"{address}","mode":"public","chunks":4,"storage_cost_atto":"9","size":5}}"#);
        let uploaded = answer(&client("ant 0.2.4"), Some(0), &json, "Connected\n");
        assert_eq!((uploaded.cost, uploaded.address.as_deref()), (Some(Atto(9)), Some(address.as_str())));
        let free = answer(&autonomi(), Some(0), "All chunks already exist on the network.\n", "");
        assert_eq!((free.outcome, free.cost, free.address), (ProbeOutcome::Ok, None, None));
    }

    #[test]
    fn partial_upload_costs_the_tokens_that_were_paid() {
        let json = r#"{"error":"partial_upload","total_chunks":4,"chunks_stored":3,"chunks_failed":1,"storage_cost_atto":"12","gas_cost_wei":"5","reason":"dial churn"}"#;
        let partial = answer(&client("ant 0.2.4"), Some(1), json, "Error: Upload failed: 3/4 stored, 1 failed\n");
        assert_eq!((partial.outcome, partial.cost), (ProbeOutcome::NetworkError, Some(Atto(12))));
    }

    #[test]
    fn network_that_has_the_content_already_has_answered() {
        let stored = "Error: Cost estimation failed: cost estimation inconclusive: sampled 5 addresses, all stored\n";
        let answer = answer(&client("ant 0.2.4"), Some(1), "", stored);
        assert_eq!((answer.outcome, answer.cost, answer.cause), (ProbeOutcome::Ok, None, None));
    }

    const OFFLINE: &str = "Error: \n   0: \u{1b}[91mFailed to connect to the network\u{1b}[0m\n   1: \u{1b}[91mFailed to bootstrap the client: Failed to obtain any bootstrap peers\u{1b}[0m\n   2: \u{1b}[91mFailed to obtain any bootstrap peers\u{1b}[0m\n\nLocation:\n   src/actions/connect.rs:109\n\n  10: std::sys::backtrace\nRun with RUST_BACKTRACE=full\n";

    #[test]
    fn failures_have_a_class_and_a_cause() {
        let ant = client("ant 0.2.4");
        for (client, code, stderr, outcome, cause) in [
            (
                &autonomi(),
                Some(33),
                "Error: \n   0: \u{1b}[91mRecord not found\u{1b}[0m\n\nLocation:\n   x.rs:1\n",
                ProbeOutcome::DataLoss,
                "Record not found",
            ),
            // The error of ant-cli 0.5.2 on a host without a network; `file cost` exits with 1, `file download` with 51.
            (
                &autonomi(),
                Some(1),
                OFFLINE,
                ProbeOutcome::NetworkError,
                "Failed to connect to the network: Failed to bootstrap the client: Failed to obtain any bootstrap peers",
            ),
            (
                &autonomi(),
                Some(51),
                OFFLINE,
                ProbeOutcome::NetworkError,
                "Failed to connect to the network: Failed to bootstrap the client: Failed to obtain any bootstrap peers",
            ),
            (
                &autonomi(),
                Some(1),
                "Error: \n   0: Failed to calculate cost\n\nLocation:\n   actions/connect.rs:9\n",
                ProbeOutcome::Unknown,
                "Failed to calculate cost",
            ),
            (&autonomi(), Some(59), "Error: timed out", ProbeOutcome::NetworkError, "timed out"),
            (&autonomi(), Some(12), "Error: cannot write", ProbeOutcome::ClientError, "cannot write"),
            (
                &autonomi(),
                Some(1),
                "Error: \n   0: Could not connect to enough peers in time.\n",
                ProbeOutcome::NetworkError,
                "Could not connect to enough peers in time.",
            ),
            (
                &ant,
                Some(1),
                "Error: Failed to start P2P node: no peers\n",
                ProbeOutcome::NetworkError,
                "Failed to start P2P node: no peers",
            ),
            (
                &ant,
                Some(1),
                "Error: SECRET_KEY environment variable required for this operation\n",
                ProbeOutcome::ClientError,
                "SECRET_KEY environment variable required for this operation",
            ),
            (
                &ant,
                Some(1),
                "Error: Failed to fetch public DataMap: DataMap not found at address\n",
                ProbeOutcome::DataLoss,
                "Failed to fetch public DataMap: DataMap not found at address",
            ),
            (&ant, Some(101), "thread 'main' panicked", ProbeOutcome::Unknown, "thread 'main' panicked"),
            (&ant, None, "half a l", ProbeOutcome::Killed, "half a l"),
        ] {
            let answer = answer(client, code, "", stderr);
            assert_eq!((answer.outcome, answer.cause.as_deref()), (outcome, Some(cause)), "{stderr}");
        }
    }

    /// `file download` exits with 61 after this error.
    #[test]
    fn network_that_is_not_configured_is_an_error_of_this_host() {
        let stderr = "Error: \n   0: Failed to get EVM network\n   1: Network ID 3 requires EVM network to be configured via environment variables\n";
        assert_eq!(answer(&autonomi(), Some(1), "", stderr).outcome, ProbeOutcome::ClientError);
    }

    /// Errors of ant-core, as the client of `ant-node` prints them.
    #[test]
    fn errors_of_the_data_network_have_a_class() {
        let ant = client("ant 0.2.4");
        for (stderr, outcome) in [
            ("Error: Failed to fetch public DataMap: insufficient peers: need 5, got 2", ProbeOutcome::NetworkError),
            ("Error: Failed to fetch public DataMap: not found: DataMap chunk at 8a", ProbeOutcome::DataLoss),
            ("Error: Download failed: invalid data: chunk has another address", ProbeOutcome::DataLoss),
            ("Error: Download failed: timeout: 30s elapsed", ProbeOutcome::NetworkError),
            ("Error: File upload failed: payment error: execution reverted", ProbeOutcome::ClientError),
            ("Error: File upload failed: insufficient disk space: need 9 MB", ProbeOutcome::ClientError),
            ("Error: Upload failed: 3/4 stored, 1 failed (spent 12.00 nanoANT): churn", ProbeOutcome::NetworkError),
        ] {
            let answer = answer(&ant, Some(1), "", stderr);
            assert_eq!(
                (answer.outcome, answer.cause.as_deref()),
                (outcome, stderr.strip_prefix("Error: ")),
                "{stderr}"
            );
        }
    }

    #[test]
    fn any_output_is_read_without_a_panic() {
        proptest::proptest!(|(code: Option<i32>, stdout: Vec<u8>, stderr: String, text: String)| {
            for client in [autonomi(), client("ant 0.2.4")] {
                let answer = client.answer(ClientOutput { code, stdout: &stdout, stderr: stderr.as_bytes() });
                proptest::prop_assert!(answer.cause.is_none_or(|cause| !cause.chars().any(char::is_control)));
            }
            let _ = ProbeClient::recognise(&text);
        });
    }
}
