//! The list of all settings, and the values that one source gives to them.

use std::marker::PhantomData;

use serde::de::{Error as _, MapAccess};

use super::engine_url::EngineUrl;
use super::entry::{Entry, read};
use super::listen::Listen;
use super::problem::Problem;
use super::setting::{Affects, Setting, Shape, TakesEffect, default};
use super::unit::Unit;
use super::url::HttpUrl;
use super::values::{Folder, Folders, HostName, Path, Thousands, Value, Words};
use crate::model::firewall::FirewallKind;
use crate::model::flavor::Flavor;
use crate::model::manager::ManagerKind;
use crate::model::units::{Load, Percent};
use crate::model::upgrade_source::UpgradeSource;
use crate::model::wallet::{Address, Rewards};
use crate::model::weight::Weight;
use crate::model::window::Windows;
use crate::policy::thresholds::Preset;
use crate::policy::valves::MaxUnavailable;
use crate::probe::Atto;

/// Declares the settings: a field for each, and access by name for sources that hold texts.
macro_rules! settings {
    ($(#[doc = $help:literal] $key:ident: $type:ty = $facts:expr,)*) => {
        /// The settings of one source, or of several merged: None where no source sets the value.
        #[derive(Debug, Clone, PartialEq, Default)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct RawSettings {$(
            #[doc = $help]
            #[cfg_attr(feature = "schema", schemars(with = "String", skip_serializing_if = "Option::is_none"))]
            pub $key: Option<$type>,
        )*}

        impl RawSettings {
            /// The name of every setting.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];

            /// Every setting with its facts, in the order of `KEYS`.
            pub const ALL: &'static [Setting] = &[$(Setting {
                key: stringify!($key),
                about: $help.trim_ascii(),
                shape: <$type as Value>::SHAPE,
                facts: $facts,
                words: <$type as Value>::words,
                allowed: <$type as Value>::allowed,
            }),*];

            /// Sets one setting from its text.
            ///
            /// # Errors
            /// No setting has this name, or the text is not of its type.
            pub fn set(&mut self, key: &str, text: &str) -> Result<(), Problem> {
                match key {
                    $(stringify!($key) => {
                        const UNIT: Unit = $facts.unit;
                        self.$key = Some(read::<$type>(key, UNIT, text)?);
                    })*
                    _ => return Err(Problem::unknown_setting(key)),
                }
                Ok(())
            }

            /// Clears one setting; returns false if no setting has this name.
            pub fn clear(&mut self, key: &str) -> bool {
                match key {
                    $(stringify!($key) => self.$key = None,)*
                    _ => return false,
                }
                true
            }

            /// Sets one setting from the value of its entry in a map.
            pub(crate) fn set_from<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
                match key {
                    $(stringify!($key) => {
                        const UNIT: Unit = $facts.unit;
                        let entry = Entry { key, unit: UNIT, value: PhantomData::<$type> };
                        self.$key = Some(map.next_value_seed(entry)?);
                    })*
                    _ => return Err(A::Error::custom(Problem::unknown_setting(key))),
                }
                Ok(())
            }

            /// Returns the text of one setting; None if it is not set, or if no setting has this name.
            #[must_use]
            pub fn get(&self, key: &str) -> Option<String> {
                match key {
                    $(stringify!($key) => self.$key.as_ref().map(Value::write),)*
                    _ => None,
                }
            }

            /// Returns these settings, completed by those of a source with lower precedence.
            #[must_use]
            pub fn over(self, lower: Self) -> Self {
                Self {$($key: self.$key.or(lower.$key),)*}
            }
        }
    };
}

settings! {
    /// Maximum number of nodes.
    node_cap: u32 = default("20"),
    /// Add nodes only while CPU use is below this.
    cpu_less_than: Percent = default("50; 75 under steady behind other work").example("50").unit(Unit::Percent),
    /// Stop nodes while CPU use is above this.
    cpu_remove: Percent = default("70; 92 under steady behind other work").example("70").unit(Unit::Percent),
    /// Add nodes only while memory use is below this.
    mem_less_than: Percent = default("60").unit(Unit::Percent),
    /// Stop nodes while memory use is above this.
    mem_remove: Percent = default("75").unit(Unit::Percent),
    /// Add nodes only while the use of their volume is below this.
    hd_less_than: Percent = default("75").unit(Unit::Percent),
    /// Remove nodes while the use of their volume is above this.
    hd_remove: Percent = default("90").unit(Unit::Percent),
    /// Add nodes only while disk reads are below this.
    hdio_read_less_than: u64 = default("no limit").example("10MB/s").unit(Unit::BytesPerSecond),
    /// Stop nodes while disk reads are above this.
    hdio_read_remove: u64 = default("no limit").example("20MB/s").unit(Unit::BytesPerSecond),
    /// Add nodes only while disk writes are below this.
    hdio_write_less_than: u64 = default("no limit").example("10MB/s").unit(Unit::BytesPerSecond),
    /// Stop nodes while disk writes are above this.
    hdio_write_remove: u64 = default("no limit").example("20MB/s").unit(Unit::BytesPerSecond),
    /// Add nodes only while received network traffic is below this.
    netio_read_less_than: u64 = default("no limit").example("10MB/s").unit(Unit::BytesPerSecond),
    /// Stop nodes while received network traffic is above this.
    netio_read_remove: u64 = default("no limit").example("20MB/s").unit(Unit::BytesPerSecond),
    /// Add nodes only while sent network traffic is below this.
    netio_write_less_than: u64 = default("no limit").example("10MB/s").unit(Unit::BytesPerSecond),
    /// Stop nodes while sent network traffic is above this.
    netio_write_remove: u64 = default("no limit").example("20MB/s").unit(Unit::BytesPerSecond),
    /// Add nodes only while all three load averages are below this.
    desired_load_average: Load = default("0.6 per CPU; no limit under steady behind other work").example("2"),
    /// Add no node while any load average is above this. Load averages stop no node.
    max_load_average_allowed: Load = default("1 per CPU; no limit under steady behind other work").example("1000"),
    /// Allow a CPU limit on all nodes together, on hosts that support one.
    cpu_limit: bool = default("true").without_old_variable(),
    /// Weight of all nodes together for CPU time, where an ordinary service has 100; idle gives nodes only CPU time that no other work wants, so that they stop serving on a busy host.
    cpu_weight: Weight = default("10").without_old_variable(),
    /// Weight of all nodes together for disks, where an ordinary service has 100; idle gives nodes only disk time that no other work wants, so that their reads and writes can wait without end.
    io_weight: Weight = default("10").without_old_variable(),
    /// Time after the start of a node without further action on it.
    delay_start: u64 = default("5min; 1min under steady").example("5min").unit(Unit::Seconds),
    /// Least time between the stop of a node and its next start.
    delay_restart: u64 = default("10min").unit(Unit::Seconds),
    /// Time after the upgrade of a node without further action on it.
    delay_upgrade: u64 = default("5min").unit(Unit::Seconds),
    /// Time between the stop of a removed node and the deletion of its folder.
    delay_remove: u64 = default("5min").unit(Unit::Seconds),
    /// Pause between the probes of two nodes.
    survey_delay: u64 = default("0s").unit(Unit::Milliseconds).affects(Affects::None),
    /// Pause between the actions on two nodes.
    action_delay: u64 = default("0s").unit(Unit::Milliseconds).affects(Affects::None),
    /// Maximum number of nodes that upgrade at the same time.
    max_concurrent_upgrades: u32 = default("1").allowed("1 to 4294967295"),
    /// Maximum number of nodes that start at the same time.
    max_concurrent_starts: u32 = default("1; 4 under steady").example("1").allowed("1 to 4294967295"),
    /// Maximum number of nodes in removal at the same time.
    max_concurrent_removals: u32 = default("1; 4 under steady").example("1").allowed("1 to 4294967295"),
    /// Maximum number of operations of all kinds at the same time.
    max_concurrent_operations: u32 = default("1; 4 under steady").example("1").allowed("1 to 4294967295"),
    /// Roll out the node program of wnm to all nodes, instead of upgrades by the nodes themselves.
    enable_upgrade: bool = default("false"),
    /// Address that receives the rewards of new nodes: an address, faucet, donate, or a weighted list such as 0x…:9,faucet:1.
    rewards_address: Rewards = default("none, required").example("faucet").for_new_nodes(),
    /// Address that the word donate in rewards_address means.
    donate_address: Address = default("the community faucet").example("0x00455d78f850b0358E8cea5be24d415E01E107CF").for_new_nodes(),
    /// Folders for new nodes, absolute, separated by commas.
    node_storage: Folders = default("depends on the process manager").example("~/nodes").for_new_nodes().path(),
    /// Folders of node_storage that get no new nodes, absolute, separated by commas; wnm storage drain maintains it.
    drained_storage: Folders = default("none").example("~/nodes").path().without_old_variable(),
    /// Folder in which each new node gets a folder for its logs, except under antctl+zen, which chooses it.
    log_dir: Folder = default("depends on the process manager").example("/var/log/nodes").for_new_nodes().without_old_variable().path(),
    /// Start of the node ports in thousands, 1 to 64.
    port_start: Thousands = default("55").unit(Unit::Thousands).fixed(),
    /// Start of the metrics ports in thousands, 1 to 64.
    metrics_port_start: Thousands = default("13").unit(Unit::Thousands).fixed(),
    /// Start of the third ports (RPC or WebRTC) in thousands, 1 to 64.
    rpc_port_start: Thousands = default("30").unit(Unit::Thousands).fixed(),
    /// Program that starts and stops nodes, with its scope, such as systemd+sudo.
    process_manager: ManagerKind = default("detected").example("setsid+user").fixed(),
    /// Firewall that opens the node ports: ufw or none.
    firewall: FirewallKind = default("ufw with systemd+sudo, otherwise none").example("none").affects(Affects::NewAndRemoved).without_old_variable(),
    /// Node program of new nodes: antnode, ant-node, or custom with a description.
    flavor: Flavor = default("antnode").for_new_nodes().without_old_variable(),
    /// Path of the node program for new nodes and upgrades.
    antnode_path: Path = default("the flavor's program in the user's program folder").example("~/.local/bin/antnode").affects(Affects::NewAndUpgraded).path(),
    /// Program of new nodes: newest is that of the healthy node with the newest version, where it is newer than antnode_path, because nodes upgrade themselves; binary is always antnode_path.
    upgrade_source: UpgradeSource = default("newest").affects(Affects::New).without_old_variable(),
    /// Payment network of new nodes, as words of their command line.
    network: Words = default("evm-arbitrum-one").allowed("evm-arbitrum-one, evm-arbitrum-sepolia-test, evm-custom with its flags (antnode)").for_new_nodes().without_old_variable(),
    /// Further arguments of new nodes, quoted as in a shell.
    start_args: Words = default("none").example("--verbose").for_new_nodes(),
    /// Environment of new nodes, as NAME=VALUE words.
    environment: Words = default("empty").example("RUST_LOG=info").for_new_nodes().without_old_variable(),
    /// Start new nodes with --no-upnp, so that they do not ask the router for a port.
    no_upnp: bool = default("true").for_new_nodes(),
    /// Let new nodes of ant-node serve browsers over WebRTC; without it a node has no third port, and needs less memory.
    webrtc: bool = default("true").for_new_nodes().without_old_variable(),
    /// Disk space that a full node may use.
    crisis_bytes: u64 = default("2 GB").unit(Unit::Bytes),
    /// Move nodes off a full volume to a volume with space, before any of them is removed.
    move_nodes: bool = default("true").without_old_variable(),
    /// Bytes per second with which the folder of a node moves to another volume.
    move_rate: u64 = default("no limit").example("20MB/s").unit(Unit::BytesPerSecond).affects(Affects::None).without_old_variable(),
    /// Set of rules: classic or steady. wnm init stores steady in a new colony.
    preset: Preset = default("classic").without_old_variable(),
    /// Steady: distance of the warning threshold below the high one, as a share of the gap to the low one.
    steady_warning: Percent = default("20").unit(Unit::Percent).without_old_variable(),
    /// Steady: distance of the relief target below the high threshold, as a share of the gap.
    steady_relief_target: Percent = default("30").unit(Unit::Percent).without_old_variable(),
    /// Steady: distance of the growth target above the low threshold, as a share of the gap.
    steady_growth_target: Percent = default("50").unit(Unit::Percent).without_old_variable(),
    /// Steady: initial grace period of CPU use over its high threshold.
    steady_grace: u64 = default("2min").unit(Unit::Seconds).without_old_variable(),
    /// Steady: cooldown between two changes.
    steady_cooldown: u64 = default("1min").unit(Unit::Seconds).without_old_variable(),
    /// Steady: maximum number of nodes that one cycle starts or adds.
    steady_adds: u32 = default("4").allowed("1 to 4294967295").without_old_variable(),
    /// Host name or address of the metrics servers.
    host: HostName = default("127.0.0.1").without_old_variable(),
    /// Address of the daemon's HTTP server with metrics and API, or off; where another program has the port, the next free one serves. An address that other hosts reach needs listen_token_file, listen_cert and listen_key.
    listen: Listen = default("off").example("127.0.0.1:9910").affects(Affects::None).without_old_variable(),
    /// File of mode 0600 with the token of the HTTP server, of at least 16 characters: clients send it as Bearer token, or as the password of Basic authentication.
    listen_token_file: Path = default("none").example("/etc/wnm/listen.token").affects(Affects::None).without_old_variable().path(),
    /// File with the certificate of the HTTP server and those of its intermediate authorities in PEM form; with it the server speaks TLS only.
    listen_cert: Path = default("none").example("/etc/wnm/listen.pem").affects(Affects::None).without_old_variable().path(),
    /// File of mode 0600 with the private key of listen_cert in PEM form.
    listen_key: Path = default("none").example("/etc/wnm/listen.key").affects(Affects::None).without_old_variable().path(),
    /// Times at which voluntary actions may begin, separated by commas, such as daily 22:00-06:00, hourly :05-:55 or deny daily 18:00-23:00 Europe/Berlin; a window that denies has precedence.
    window: Windows = default("any time").example("daily 22:00-06:00").affects(Affects::None).without_old_variable(),
    /// Begin an action only if its delay ends inside the window, and cancel removals in their delay at the end of the window.
    drain: bool = default("false").affects(Affects::None).without_old_variable(),
    /// Maximum number or share of the nodes that are unavailable when a voluntary action stops another one, such as 2 or 10%.
    max_unavailable: MaxUnavailable = default("no limit").example("10%").affects(Affects::None).without_old_variable(),
    /// File that holds voluntary actions while it exists; its first line is the reason.
    hold_file: Path = default("none").example("/run/wnm-hold").affects(Affects::None).without_old_variable().path(),
    /// Address that tells once a minute whether voluntary actions are held.
    hold_url: HttpUrl = default("none").example("https://example.org/hold").affects(Affects::None).without_old_variable(),
    /// File with the certificates of own authorities in PEM form, which alone are trusted for https addresses of wnm.
    ca_file: Path = default("the public authorities").example("/etc/ssl/own-ca.pem").affects(Affects::None).without_old_variable().path(),
    /// Address of the engine of the fleet, redis:// or rediss:// with host and port; wnm fleet join sets it. Without it no part of a fleet runs.
    fleet_url: EngineUrl = default("none").example("rediss://redis.example.org:6379").affects(Affects::None).without_old_variable(),
    /// File with the receivers of alerts of a daemon, of mode 0600.
    alerts: Path = default("none").example("/etc/wnm/alerts.toml").affects(Affects::None).without_old_variable().path(),
    /// File of mode 0600 for the lines of a daemon, with url, org, bucket and token (InfluxDB 2), url and database (InfluxDB 1), or the name of a file.
    influx: Path = default("none").example("/etc/wnm/influx.toml").affects(Affects::None).without_old_variable().path(),
    /// File of mode 0600 with the address (url) of a JSON-RPC server of the payment network, from which a daemon reads the balances of the rewards addresses and the transfers to them.
    earnings: Path = default("none").example("/etc/wnm/earnings.toml").affects(Affects::None).without_old_variable().path(),
    /// Run the tasks of probe_tasks in a daemon: downloads, quotes and uploads that tell whether the network answers.
    probe: bool = default("false").affects(Affects::None).without_old_variable(),
    /// Files and addresses (http:// or https://) with the tasks of probes and their files, quoted as in a shell.
    probe_tasks: Words = default("none").example("/etc/wnm/probe.toml").affects(Affects::None).without_old_variable(),
    /// Path of the client program of the network, which probes run.
    probe_client: String = default("ant in PATH").example("/usr/local/bin/ant").affects(Affects::None).without_old_variable().path(),
    /// Further arguments of every call of the client, quoted as in a shell.
    probe_args: Words = default("none").example("--ipv4-only").affects(Affects::None).without_old_variable(),
    /// Times at which probes run, in the form of window; hourly :00-:60 is any time.
    probe_window: Windows = default("hourly :05-:55").example("daily 22:00-06:00").affects(Affects::None).without_old_variable(),
    /// Run uploads too; each one costs tokens and gas.
    probe_upload: bool = default("false").affects(Affects::None).without_old_variable(),
    /// Path of the file with the private key of the wallet that pays uploads, readable by its owner only.
    probe_key: String = default("none").example("/etc/wnm/wallet.key").affects(Affects::None).without_old_variable().path(),
    /// Tokens that uploads may spend in a day, which begins at midnight UTC.
    probe_spend: Atto = default("0").example("0.5").affects(Affects::None).without_old_variable(),
    /// Image of new containers under docker, present on the host.
    docker_image: String = default("debian:bookworm-slim").for_new_nodes().without_old_variable(),
    /// Path of the antctl program.
    antctl_path: String = default("antctl in PATH").example("/usr/local/bin/antctl").path(),
    /// Version of the node program that antctl fetches for new nodes.
    antctl_version: String = default("a copy of antnode_path").example("0.4.17").for_new_nodes(),
    /// Run antctl with --debug.
    antctl_debug: bool = default("false").affects(Affects::None),
    /// Highest node number ever used, so that antctl never reuses one; wnm maintains it.
    highest_node_id_used: u32 = default("none").example("0").affects(Affects::New),
}

impl RawSettings {
    /// Returns the facts of a setting; None if no setting has this name.
    #[must_use]
    pub fn setting(key: &str) -> Option<&'static Setting> {
        Self::ALL.iter().find(|setting| setting.key == key)
    }

    /// Tells whether a setting is boolean, so that a flag without a value sets `true`.
    #[must_use]
    pub fn is_switch(key: &str) -> bool {
        Self::setting(key).is_some_and(|setting| setting.shape == Shape::Switch)
    }

    /// Returns the value of a setting for people, such as `5min`; None if it is not set, or if no setting has this name.
    #[must_use]
    pub fn display(&self, key: &str) -> Option<String> {
        let unit = Self::setting(key)?.facts.unit;
        self.get(key).map(|bare| unit.display(&bare))
    }

    /// Returns the settings that cannot change while the colony has nodes: ports and services of nodes derive from them.
    pub fn fixed() -> impl Iterator<Item = &'static str> {
        let is_fixed = |setting: &&Setting| setting.facts.takes_effect == TakesEffect::FixedAfterInit;
        Self::ALL.iter().filter(is_fixed).map(|setting| setting.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_round_trip_through_text_and_json() {
        let texts = [
            ("node_cap", "30"),
            ("cpu_less_than", "49.5"),
            ("hdio_read_remove", "9007199254740993"),
            ("desired_load_average", "1.2"),
            ("enable_upgrade", "true"),
            ("rewards_address", "faucet:1,donate:2"),
            ("node_storage", "/a b,/c"),
            ("port_start", "55"),
            ("process_manager", "setsid+sudo"),
            ("flavor", "ant-node"),
            ("start_args", "--peer '/ip4/1 2'"),
            ("preset", "classic"),
            ("host", "127.0.0.1"),
        ];
        let mut raw = RawSettings::default();
        for (key, text) in texts {
            raw.set(key, text).unwrap();
            assert_eq!(raw.get(key).as_deref(), Some(text));
        }
        let json = serde_json::to_string(&raw).unwrap();
        assert_eq!(serde_json::from_str::<RawSettings>(&json).unwrap(), raw);
    }

    #[test]
    fn facts_of_each_setting_are_complete() {
        for (key, setting) in RawSettings::KEYS.iter().zip(RawSettings::ALL) {
            assert_eq!(*key, setting.key);
            let mut raw = RawSettings::default();
            // The command line expands the home folder before a path gets here.
            raw.set(key, &setting.facts.example.replace('~', "/home/op")).unwrap();
            let shown = raw.display(key).unwrap();
            raw.set(key, &shown).unwrap();
            assert_eq!(raw.display(key).unwrap(), shown);
            assert!(setting.about.ends_with('.') && !setting.allowed().is_empty(), "{key}");
        }
        assert_eq!(RawSettings::fixed().count(), 4);
    }

    #[test]
    fn times_and_sizes_take_units_in_text_and_json() {
        let mut raw = RawSettings::default();
        raw.set("delay_start", "2h 5min").unwrap();
        raw.set("action_delay", "1.5s").unwrap();
        raw.set("crisis_bytes", "2GB").unwrap();
        raw.set("netio_read_remove", "10MB/s").unwrap();
        assert_eq!((raw.delay_start, raw.action_delay), (Some(7500), Some(1500)));
        assert_eq!((raw.crisis_bytes, raw.netio_read_remove), (Some(2_000_000_000), Some(10_000_000)));
        let json: RawSettings = serde_json::from_str(
            r#"{"delay_start": "2h 5min", "action_delay": 1500, "crisis_bytes": "2GB", "netio_read_remove": 10000000}"#,
        )
        .unwrap();
        assert_eq!(json, raw);
    }

    #[test]
    fn text_and_json_refuse_the_same_values() {
        for (key, text, json) in [
            ("node_cap", "-1", "-1"),
            ("node_cap", "1.5", "1.5"),
            ("mem_remove", "101", "101"),
            ("cpu_remove", "NaN", "\"NaN\""),
            ("enable_upgrade", "maybe", "\"maybe\""),
            ("port_start", "65", "65"),
            ("node_storage", "/a/../b", "\"/a/../b\""),
            ("host", "a\nb", "\"a\\nb\""),
            ("delay_start", "", "\"\""),
        ] {
            let mut raw = RawSettings::default();
            assert!(raw.set(key, text).is_err(), "{key}={text}");
            assert_eq!(raw, RawSettings::default());
            let json = format!("{{\"{key}\": {json}}}");
            assert!(serde_json::from_str::<RawSettings>(&json).is_err(), "{json}");
        }
        assert_eq!(Thousands::read("55000"), Ok(Thousands(55)));
    }

    #[test]
    fn each_setting_refuses_values_of_wrong_type_or_range() {
        for key in RawSettings::KEYS {
            let bad: &[&str] = match *key {
                "rewards_address" | "donate_address" => &["", "0x1", "x", "-1"],
                "node_storage" => &["", "relative", "/a/../b", "/a,,/b"],
                "log_dir" => &["", "relative", "/a/../b", "/a\nb"],
                "port_start" | "metrics_port_start" | "rpc_port_start" => &["", "x", "-1", "0", "65", "55.5", "55001"],
                "process_manager" | "firewall" | "flavor" | "preset" | "upgrade_source" => &["", "x", "-1"],
                "enable_upgrade" | "no_upnp" | "antctl_debug" | "cpu_limit" | "move_nodes" | "probe"
                | "probe_upload" | "webrtc" => &["maybe", "2", ""],
                "network" | "start_args" | "environment" | "probe_tasks" | "probe_args" => &["'unclosed"],
                "docker_image" | "antctl_path" | "antctl_version" | "probe_client" | "probe_key" => &["", "a\nb"],
                "antnode_path" => &["", "a\nb", "bin/antnode", "/opt/../antnode"],
                "host" => &["", "a\nb", "999.1.1.1", "a b", "-a", "a..b", "http://a", "127.0.0.1:80", "[::1]"],
                "probe_window" => &["", "x", "5-55", ":05-:55", "hourly :05-:61"],
                "probe_spend" => &["", "x", "-1", "1e3", "NaN"],
                "listen" => &["", "x", "-1", "9910", "0.0.0.0", "127.0.0.1:0", "a\nb"],
                "cpu_weight" | "io_weight" => &["", "x", "-1", "0", "1.5", "10001", "Idle", "NaN"],
                "steady_warning" | "steady_relief_target" | "steady_growth_target" => {
                    &["", "x", "-1", "101", "NaN", "inf"]
                }
                key if key.starts_with("cpu_") || key.starts_with("mem_") || key.starts_with("hd_") => {
                    &["", "x", "-1", "101", "NaN", "inf"]
                }
                key if key.ends_with("load_average") || key.ends_with("load_average_allowed") => {
                    &["", "x", "-1", "NaN", "inf"]
                }
                _ => &["", "x", "-1", "1.5", "99999999999999999999999"],
            };
            for text in bad {
                let mut raw = RawSettings::default();
                let error = raw.set(key, text);
                assert!(error.is_err(), "{key}={text:?}");
                let problem = error.unwrap_err();
                assert_eq!((problem.key.as_str(), problem.value.as_deref()), (*key, Some(*text)));
                assert!(problem.to_string().starts_with(&format!("invalid value {text:?} for {key}: ")), "{problem}");
                assert_eq!(raw, RawSettings::default());
            }
        }
    }
}
