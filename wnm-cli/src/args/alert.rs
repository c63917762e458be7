//! Commands on alerts.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Alert {
    /// List the alerts of the daemon and its receivers
    #[command(after_help = "Example:\n  wnm alert list    which alerts fire, and which receivers fail")]
    List,
    /// Send a test message to every receiver, and wait for its answer
    #[command(after_help = "Exit code 3: a receiver did not take the message.\n\nExample:\n  wnm alert test")]
    Test,
}
