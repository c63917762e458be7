//! The built command on real processes of fake node nodes, with real ports, signals and files.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod bad_input;
mod completions;
mod config;
mod crash;
mod daemon;
mod doctor;
mod host;
mod legacy;
mod life;
mod load;
mod logs;
mod managers;
mod metrics;
mod moving_in;
mod output;
mod pages;
mod probe;
mod real;
mod rebuild;
mod record;
mod recovery;
mod reload;
mod reports;
mod rights;
mod schema;
mod service;
mod takeover;
mod teardown;
mod terminal;
mod transcripts;
mod trash;
mod valves;
mod verbs;
mod words;
mod wrong_lines;
