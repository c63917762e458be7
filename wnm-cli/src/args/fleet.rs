//! Commands on a fleet.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use wnm_agent::fleet::name::Name;
use wnm_core::{EngineUrl, MaxUnavailable, RawSettings, Windows};

use super::hold::End;
use super::numbers;
use super::rollout::FleetRollout;

#[derive(Debug, Args)]
pub(crate) struct Fleet {
    /// File of the operator, with the secret key beside it [default: fleet.json in the folder of the database]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) fleet: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: FleetCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FleetCommand {
    /// Create a fleet on an engine, with the keys of its operator
    #[command(
        after_help = "The engine is a server of the Redis protocol, version 7 or later. Its user must have the right to change users.\n\nExamples:\n  wnm fleet init farm redis://127.0.0.1\n  wnm fleet init farm rediss://redis.example.org --ca ca.pem --password-file admin.txt\n  wnm fleet init farm redis://10.8.0.1 --unencrypted --password-file admin.txt    over WireGuard"
    )]
    Init(FleetInit),
    /// Print the command that lets a host join, once
    #[command(
        after_help = "An earlier password of the host ends.\n\nExamples:\n  wnm fleet invite web-1\n  wnm fleet invite web-1 --valid 1h --url rediss://redis.example.org"
    )]
    Invite(FleetInvite),
    /// Let this host join a fleet by an invitation
    #[command(
        after_help = "Examples:\n  wnm fleet join wnm1.…    the line that `wnm fleet invite` printed\n  wnm fleet join wnm1.… --client-cert client.pem --client-key client.key"
    )]
    Join(FleetJoin),
    /// End the membership of a host that left, or that is no longer trusted
    #[command(
        after_help = "The engine refuses the host from then on, and no list has it. The host goes on alone; a hold and settings of the fleet stay in effect on it until their end, or until `wnm fleet leave` there. Another invitation takes it in again.\n\nExample:\n  wnm fleet expel web-1"
    )]
    Expel(FleetExpel),
    /// Let this host leave its fleet
    #[command(after_help = "Example:\n  wnm fleet leave    nodes keep running; holds and settings of the fleet end")]
    Leave,
    /// Show the state of all hosts together
    #[command(
        after_help = "Examples:\n  wnm fleet status\n  wnm fleet status --fleet farm.json    another fleet of this operator"
    )]
    Status,
    /// List the hosts
    #[command(after_help = "Example:\n  wnm fleet hosts    one line for each host")]
    Hosts,
    /// List the nodes of hosts
    #[command(
        after_help = "Examples:\n  wnm fleet nodes\n  wnm fleet nodes web-1 web-2    only the nodes of two hosts"
    )]
    Nodes(FleetHosts),
    /// Print the latest events of hosts, oldest first
    #[command(
        after_help = "The engine has the latest 100 events of a host.\n\nExamples:\n  wnm fleet events -f\n  wnm fleet events web-1 web-2\n\nCtrl-C ends --follow with exit code 0."
    )]
    Events(FleetEvents),
    /// Hold voluntary actions on hosts
    #[command(
        after_help = "A hold needs no key: with --unsigned, any user of the engine that may write holds the hosts. Only the key resumes them.\n\nExamples:\n  wnm fleet hold --reason 'new kernel' --until 2h\n  wnm fleet hold --host web-1 --reason 'new disks' --drain\n\nExit code 3: a host that publishes has not obeyed in time."
    )]
    Hold(FleetHold),
    /// End the hold of hosts
    #[command(
        after_help = "Examples:\n  wnm fleet resume\n  wnm fleet resume --host web-1\n\nExit code 3: a host that publishes has not obeyed in time."
    )]
    Resume(FleetResume),
    /// Narrow the settings of hosts: the times and the number of voluntary actions
    #[command(
        after_help = "Both the settings of a host and those of the fleet apply: a fleet can narrow them, and never widen them. Each command replaces the one before for its hosts; a setting that it does not name ends.\n\nExamples:\n  wnm fleet set window='daily 22:00-06:00' max_unavailable=10%\n  wnm fleet set max_unavailable=1 --host web-1 --until 2h\n  wnm fleet set window=none    end the settings for all hosts\n\nExit code 3: a host that publishes has not obeyed in time."
    )]
    Set(FleetSet),
    /// Upgrade the nodes of all hosts to one version, a few hosts at a time
    #[command(subcommand)]
    Rollout(FleetRollout),
    /// Serve a page of all hosts, their metrics for Prometheus, and JSON
    #[command(
        after_help = "The server is read-only. A host that publishes no more is shown with its last state, as stale.\n\nExamples:\n  wnm fleet serve\n  wnm fleet serve --listen 127.0.0.1:9920\n  wnm fleet serve --listen 0.0.0.0:9911 --listen-token-file token --listen-cert cert.pem --listen-key key.pem\n  ssh -N -L 9911:127.0.0.1:9911 operator.example.org    read it from another computer\n\nCtrl-C ends the server with exit code 0."
    )]
    Serve(FleetServe),
    /// Check the engine, the hosts, and the membership of this host
    #[command(after_help = "Exit code 3: a check has the level `error`.\n\nExample:\n  wnm fleet doctor")]
    Doctor,
}

#[derive(Debug, Args)]
pub(crate) struct FleetInit {
    /// Name of the fleet: lower-case letters, digits, dots and hyphens
    #[arg(value_name = "NAME")]
    pub(crate) name: Name,
    /// Address of the engine, such as rediss://redis.example.org:6379
    #[arg(value_name = "URL", value_parser = url)]
    pub(crate) url: EngineUrl,
    /// User of the engine that may change its users
    #[arg(long, value_name = "USER", default_value = "default")]
    pub(crate) user: String,
    /// File with the password of the user, readable by its owner only [default: no password]
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// File with the certificates of own authorities in PEM form, which alone are trusted [default: the public authorities]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) client: ClientFiles,
    /// Allow redis:// beyond this host, where the network encrypts, as WireGuard does
    #[arg(long)]
    pub(crate) unencrypted: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FleetJoin {
    /// Invitation, as `wnm fleet invite` prints it
    #[arg(value_name = "INVITATION")]
    pub(crate) invitation: String,
    #[command(flatten)]
    pub(crate) client: ClientFiles,
}

/// The certificate of a client, for an engine that requires one.
#[derive(Debug, Args)]
pub(crate) struct ClientFiles {
    /// File with the certificate for an engine that requires one of its clients, in PEM form [default: none]
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub(crate) client_cert: Option<PathBuf>,
    /// File of mode 0600 with the private key of --client-cert in PEM form
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub(crate) client_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FleetInvite {
    /// Name of the host in the fleet: lower-case letters, digits, dots and hyphens
    #[arg(value_name = "HOST")]
    pub(crate) host: Name,
    /// Time in which the invitation works
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = numbers::some_time)]
    pub(crate) valid: Duration,
    /// Address of the engine for the host [default: that of the operator]
    #[arg(long, value_name = "URL", value_parser = url)]
    pub(crate) url: Option<EngineUrl>,
}

#[derive(Debug, Args)]
pub(crate) struct FleetExpel {
    /// Name of the host in the fleet
    #[arg(value_name = "HOST")]
    pub(crate) host: Name,
}

#[derive(Debug, Args)]
pub(crate) struct FleetHosts {
    /// Names of hosts [default: all]
    #[arg(value_name = "HOST")]
    pub(crate) hosts: Vec<Name>,
}

#[derive(Debug, Args)]
pub(crate) struct FleetEvents {
    #[command(flatten)]
    pub(crate) hosts: FleetHosts,
    /// Maximum number of events, the latest ones
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = numbers::lines)]
    pub(crate) lines: u32,
    /// Print new events until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FleetServe {
    /// Address with a port; the next free port after it where another program has it. An address that other hosts reach needs --listen-token-file, --listen-cert and --listen-key
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9911", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// File of mode 0600 with the token that clients present, as bearer token or as password [default: none]
    #[arg(long, value_name = "FILE")]
    pub(crate) listen_token_file: Option<PathBuf>,
    /// File with the certificate of the server and its chain in PEM form [default: no TLS]
    #[arg(long, value_name = "FILE", requires = "listen_key")]
    pub(crate) listen_cert: Option<PathBuf>,
    /// File of mode 0600 with the private key of --listen-cert in PEM form
    #[arg(long, value_name = "FILE", requires = "listen_cert")]
    pub(crate) listen_key: Option<PathBuf>,
    /// Time between two readings of the engine
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = numbers::interval)]
    pub(crate) interval: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct FleetHold {
    /// Reason, which status, explain, doctor and alerts of the hosts show
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) order: FleetOrder,
    /// Cancel removals in their delay too
    #[arg(long)]
    pub(crate) drain: bool,
    /// Send the hold without a signature
    #[arg(long)]
    pub(crate) unsigned: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FleetResume {
    #[command(flatten)]
    pub(crate) order: FleetOrder,
}

#[derive(Debug, Args)]
pub(crate) struct FleetSet {
    /// Setting: window=WINDOWS or max_unavailable=NUMBER, as on a host, or none
    #[arg(value_name = "NAME=VALUE", required = true, value_parser = limit)]
    pub(crate) limits: Vec<Limit>,
    #[command(flatten)]
    pub(crate) order: FleetOrder,
}

/// A setting of a fleet.
#[derive(Debug, Clone)]
pub(crate) enum Limit {
    /// The windows; empty for none.
    Window(Windows),
    /// The limit; None without one.
    MaxUnavailable(Option<MaxUnavailable>),
}

#[derive(Debug, Args)]
pub(crate) struct FleetOrder {
    /// Only this host; may be given several times [default: all hosts]
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<Name>,
    /// End of the command: a time from now such as 2h, a date such as 2026-12-01, or a time such as 2026-12-01T06:00:00Z [default: 30 days from now]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<End>,
    /// Time to wait until the hosts obey; 0s for none
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = numbers::duration)]
    pub(crate) wait: Duration,
}

fn limit(text: &str) -> Result<Limit, String> {
    let unknown = || "not window=WINDOWS or max_unavailable=NUMBER; a fleet sets no other setting".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(unknown)?;
    let mut raw = RawSettings::default();
    if value != "none" && ["window", "max_unavailable"].contains(&name) {
        raw.set(name, value).map_err(|problem| problem.to_string())?;
    }
    match name {
        "window" => Ok(Limit::Window(raw.window.unwrap_or_default())),
        "max_unavailable" => Ok(Limit::MaxUnavailable(raw.max_unavailable)),
        _ => Err(unknown()),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<SocketAddr>().ok().filter(|address| address.port() > 0);
    address.ok_or_else(|| "not an address with a port, such as 127.0.0.1:9911 or [::1]:9911".to_owned())
}

fn url(text: &str) -> Result<EngineUrl, String> {
    EngineUrl::new(text).map_err(|_| "not an address such as rediss://redis.example.org:6379".to_owned())
}
