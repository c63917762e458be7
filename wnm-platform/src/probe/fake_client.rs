//! A fake client program, for demos and tests without a network.
//!
//! An executable that links this module plays it when it is started under the file name `ant`. It has the arguments,
//! texts and exit codes of the client of `antnode` (ant-cli 0.5.2) or of `ant-node` (ant-client 0.2.4), and stores files
//! in a folder instead of a network. A file beside it with the suffix [`PLAY`] holds its behaviour as words, such
//! as `dialect=autonomi fail=network network=/tmp/files`.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs, io, thread};

use super::content;

/// The suffix of the file with the behaviour of the fake client, beside it: `ant.play`.
pub const PLAY: &str = "play";

/// The name under which an executable plays the client.
const NAME: &str = "ant";

/// The behaviour of the fake client.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Play {
    /// The client of `antnode` is played, instead of that of `ant-node`.
    is_autonomi: bool,
    /// The word of a failure, such as `network`; empty for none.
    fail: String,
    /// The time that an operation takes.
    takes: Duration,
    /// The folder that stands for the network.
    network: PathBuf,
}

impl Play {
    fn read() -> Self {
        let program = env::args_os().next().map(PathBuf::from).unwrap_or_default();
        let words = fs::read_to_string(program.with_extension(PLAY)).unwrap_or_default();
        let word = |key: &str| {
            words.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('=').map(str::to_owned))
        };
        let millis = word("millis").and_then(|text| text.parse().ok()).unwrap_or(20);
        Self {
            is_autonomi: word("dialect").as_deref() == Some("autonomi"),
            fail: word("fail").unwrap_or_default(),
            takes: Duration::from_millis(millis),
            network: word("network").map_or_else(|| env::temp_dir().join("wnm-fake-network"), PathBuf::from),
        }
    }
}

/// Tells whether this process was started as the client.
#[must_use]
pub fn is_called() -> bool {
    env::args_os().next().is_some_and(|path| Path::new(&path).file_name().is_some_and(|name| name == NAME))
}

/// Plays the client; returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let play = Play::read();
    let arguments: Vec<OsString> = env::args_os().skip(1).filter(|word| word != "--json").collect();
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    if words.contains(&"--version") {
        say(if play.is_autonomi { "Autonomi Client v0.5.2\nNetwork version: ant/1.0/1" } else { "ant 0.2.4" });
        return ExitCode::SUCCESS;
    }
    let Some(at) = words.iter().position(|word| *word == "file") else {
        return refuse(&play, 2, "usage: ant file <cost|upload|download>");
    };
    let operands: Vec<&str> = words.iter().skip(at + 1).copied().filter(|word| !word.starts_with('-')).collect();
    thread::sleep(play.takes);
    if let Some(code) = fail(&play) {
        return code;
    }
    match operands.as_slice() {
        ["cost", file] => cost(&play, Path::new(file)),
        ["upload", file] => upload(&play, Path::new(file)),
        ["download", address, to] => download(&play, address, Path::new(to)),
        _ => refuse(&play, 2, "usage: ant file <cost|upload|download>"),
    }
}

/// Plays the failure that the behaviour names; None without one.
fn fail(play: &Play) -> Option<ExitCode> {
    Some(match play.fail.as_str() {
        "network" => refuse(play, 59, "Could not connect to enough peers in time."),
        "loss" => refuse(play, 33, "Record not found"),
        "wallet" => refuse(play, 22, "wallet: insufficient funds"),
        "crash" => refuse(play, 101, "thread 'main' panicked"),
        // The price is told, and its payment does not end.
        "hang-upload" if env::var_os("SECRET_KEY").is_none() => return None,
        "hang" | "hang-upload" => loop {
            thread::sleep(Duration::from_secs(60));
        },
        "flood" => loop {
            say("progress");
        },
        _ => return None,
    })
}

fn cost(play: &Play, file: &Path) -> ExitCode {
    let length = match fs::metadata(file) {
        Ok(facts) => facts.len(),
        Err(error) => return refuse(play, 12, &format!("No such file: {error}")),
    };
    let attos = price(length);
    if play.is_autonomi {
        say(&format!("Estimate cost to upload file: {}\nTotal cost: 0.{attos:018}\nMethod: regular", file.display()));
    } else {
        say(&format!("{{\"file_size\":{length},\"chunk_count\":3,\"storage_cost_atto\":\"{attos}\"}}"));
    }
    ExitCode::SUCCESS
}

fn upload(play: &Play, file: &Path) -> ExitCode {
    if env::var_os("SECRET_KEY").is_none() {
        return refuse(play, 12, "SECRET_KEY environment variable required for this operation");
    }
    let stored = content::digest(file).and_then(|found| {
        let (length, md5) = found.ok_or_else(|| io::Error::other("no regular file"))?;
        // The address of the fake network is the digest, twice.
        let address = format!("{md5}{md5}");
        fs::create_dir_all(&play.network)?;
        fs::copy(file, play.network.join(&address))?;
        Ok((length.0, address))
    });
    let (length, address) = match stored {
        Ok(stored) => stored,
        Err(error) => return refuse(play, 12, &format!("No such file: {error}")),
    };
    let attos = price(length);
    if play.is_autonomi {
        let file = file.display();
        say(&format!("Successfully uploaded: {file}\nAt address: {address}\nTotal cost: {attos} AttoTokens"));
    } else {
        say(&format!(
            "{{\"address\":\"{address}\",\"mode\":\"public\",\"chunks\":3,\"size\":{length},\"storage_cost_atto\":\"{attos}\"}}"
        ));
    }
    ExitCode::SUCCESS
}

fn download(play: &Play, address: &str, to: &Path) -> ExitCode {
    let from = play.network.join(address);
    if !address.bytes().all(|byte| byte.is_ascii_hexdigit()) || !from.is_file() {
        return refuse(play, 33, "Record not found");
    }
    let written = if play.fail == "garbage" { fs::write(to, "garbage").map(|()| 7) } else { fs::copy(&from, to) };
    match written {
        Ok(length) if play.is_autonomi => say(&format!("Successfully downloaded file at: {address} ({length} bytes)")),
        Ok(length) => say(&format!("{{\"file\":\"{}\",\"size\":{length},\"elapsed_secs\":0.1}}", to.display())),
        Err(error) => return refuse(play, 12, &format!("cannot write: {error}")),
    }
    ExitCode::SUCCESS
}

/// Returns the price of a file in attos.
fn price(length: u64) -> u64 {
    length / 1000 + 42
}

/// Prints an error; the client of `ant-node` has the exit code 1 for every error.
fn refuse(play: &Play, code: u8, message: &str) -> ExitCode {
    let mut err = io::stderr().lock();
    let _ = if play.is_autonomi {
        writeln!(err, "Error: \n   0: \u{1b}[91m{message}\u{1b}[0m\n\nLocation:\n   src/main.rs:1")
    } else {
        writeln!(err, "Error: {message}")
    };
    ExitCode::from(if play.is_autonomi || code == 2 || code == 101 { code } else { 1 })
}

/// Prints a line. A closed pipe is ignored, as the real programs do.
fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}
