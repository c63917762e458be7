//! The list of all settings, and the values that one source gives to them.

use std::marker::PhantomData;

use serde::de::{Error as _, MapAccess};

use super::entry::{Entry, read};
use super::problem::Problem;
use super::values::{Folders, Thousands, Value, Words};
use crate::model::firewall::FirewallKind;
use crate::model::flavor::Flavor;
use crate::model::manager::ManagerKind;
use crate::model::units::{Load, Percent};
use crate::model::wallet::{Address, Rewards};
use crate::policy::thresholds::Preset;

/// Declares the settings: a field for each, and access by name for sources that hold texts.
macro_rules! settings {
    ($(#[doc = $help:literal] $key:ident: $type:ty,)*) => {
        /// The settings of one source, or of several merged: None where no source sets the value.
        #[allow(rustdoc::broken_intra_doc_links, reason = "defaults are in brackets, as in the help of clap")]
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

            /// The description of each setting for help texts, in the order of `KEYS`.
            pub const HELP: &'static [&'static str] = &[$($help.trim_ascii()),*];

            /// Tells whether a setting is boolean, so that a flag without a value sets `true`.
            #[must_use]
            pub fn is_switch(key: &str) -> bool {
                match key {
                    $(stringify!($key) => <$type as Value>::IS_SWITCH,)*
                    _ => false,
                }
            }

            /// Sets one setting from its text.
            ///
            /// # Errors
            /// No setting has this name, or the text is not of its type.
            pub fn set(&mut self, key: &str, text: &str) -> Result<(), Problem> {
                match key {
                    $(stringify!($key) => self.$key = Some(read::<$type>(key, text)?),)*
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
                        self.$key = Some(map.next_value_seed(Entry { key, value: PhantomData::<$type> })?);
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
    /// Maximum number of nodes [default: 20].
    node_cap: u32,
    /// Add nodes only while CPU use is below this, in percent [default: 50].
    cpu_less_than: Percent,
    /// Stop nodes while CPU use is above this, in percent [default: 70].
    cpu_remove: Percent,
    /// Add nodes only while memory use is below this, in percent [default: 60].
    mem_less_than: Percent,
    /// Stop nodes while memory use is above this, in percent [default: 75].
    mem_remove: Percent,
    /// Add nodes only while the use of their volume is below this, in percent [default: 75].
    hd_less_than: Percent,
    /// Remove nodes while the use of their volume is above this, in percent [default: 90].
    hd_remove: Percent,
    /// Add nodes only while disk reads are below this, in bytes/s [default: no limit].
    hdio_read_less_than: u64,
    /// Stop nodes while disk reads are above this, in bytes/s [default: no limit].
    hdio_read_remove: u64,
    /// Add nodes only while disk writes are below this, in bytes/s [default: no limit].
    hdio_write_less_than: u64,
    /// Stop nodes while disk writes are above this, in bytes/s [default: no limit].
    hdio_write_remove: u64,
    /// Add nodes only while received network traffic is below this, in bytes/s [default: no limit].
    netio_read_less_than: u64,
    /// Stop nodes while received network traffic is above this, in bytes/s [default: no limit].
    netio_read_remove: u64,
    /// Add nodes only while sent network traffic is below this, in bytes/s [default: no limit].
    netio_write_less_than: u64,
    /// Stop nodes while sent network traffic is above this, in bytes/s [default: no limit].
    netio_write_remove: u64,
    /// Add nodes only while all three load averages are below this [default: 0.6 per CPU].
    desired_load_average: Load,
    /// Stop nodes while any load average is above this [default: 1 per CPU].
    max_load_average_allowed: Load,
    /// Allow a CPU limit on all nodes together, on hosts that support one [default: true].
    cpu_limit: bool,
    /// Time after the start of a node without further action on it, in seconds [default: 300, steady: 60].
    delay_start: u64,
    /// Least time between the stop of a node and its next start, in seconds [default: 600].
    delay_restart: u64,
    /// Time after the upgrade of a node without further action on it, in seconds [default: 300].
    delay_upgrade: u64,
    /// Time between the stop of a removed node and the deletion of its folder, in seconds [default: 300].
    delay_remove: u64,
    /// Pause between the probes of two nodes, in milliseconds [default: 0].
    survey_delay: u64,
    /// Pause between the actions on two nodes, in milliseconds [default: 0].
    action_delay: u64,
    /// Maximum number of nodes that upgrade at the same time [default: 1].
    max_concurrent_upgrades: u32,
    /// Maximum number of nodes that start at the same time [default: 1, steady: 4].
    max_concurrent_starts: u32,
    /// Maximum number of nodes in removal at the same time [default: 1, steady: 4].
    max_concurrent_removals: u32,
    /// Maximum number of operations of all kinds at the same time [default: 1, steady: 4].
    max_concurrent_operations: u32,
    /// Roll out the node program of wnm to all nodes, instead of upgrades by the nodes themselves [default: false].
    enable_upgrade: bool,
    /// Address that receives the rewards: an address, faucet, donate, or a weighted list such as 0x…:9,faucet:1.
    rewards_address: Rewards,
    /// Address that the word donate in rewards_address means [default: the community faucet].
    donate_address: Address,
    /// Folders for the nodes, absolute, separated by commas [default: depends on the process manager].
    node_storage: Folders,
    /// Start of the node ports in thousands, 1 to 64; fixed after init [default: 55].
    port_start: Thousands,
    /// Start of the metrics ports in thousands, 1 to 64; fixed after init [default: 13].
    metrics_port_start: Thousands,
    /// Start of the third ports (RPC or WebRTC) in thousands, 1 to 64; fixed after init [default: 30].
    rpc_port_start: Thousands,
    /// Program that starts and stops nodes, with its scope, such as systemd+sudo; fixed after init [default: detected].
    process_manager: ManagerKind,
    /// Firewall that opens the node ports: ufw or none [default: ufw with systemd+sudo, otherwise none].
    firewall: FirewallKind,
    /// Node program: antnode, ant-node, or custom with a description [default: antnode].
    flavor: Flavor,
    /// Path of the node program for new nodes [default: the flavor's program in the user's program folder].
    antnode_path: String,
    /// Payment network, as words of the node's command line [default: evm-arbitrum-one].
    network: Words,
    /// Further arguments of every node, quoted as in a shell [default: none].
    start_args: Words,
    /// Environment of every node, as NAME=VALUE words [default: empty].
    environment: Words,
    /// Start nodes with --no-upnp, so that they do not ask the router for a port [default: true].
    no_upnp: bool,
    /// Disk space that a full node may use, in bytes [default: 2000000000].
    crisis_bytes: u64,
    /// Set of rules: classic or steady [default: classic].
    preset: Preset,
    /// Steady: distance of the warning threshold below the high one, in percent of the gap to the low one [default: 20].
    steady_warning: Percent,
    /// Steady: distance of the relief target below the high threshold, in percent of the gap [default: 30].
    steady_relief_target: Percent,
    /// Steady: distance of the growth target above the low threshold, in percent of the gap [default: 50].
    steady_growth_target: Percent,
    /// Steady: initial grace period of CPU use over its high threshold, in seconds [default: 120].
    steady_grace: u64,
    /// Steady: cooldown between two changes, in seconds [default: 60].
    steady_cooldown: u64,
    /// Steady: maximum number of nodes that one cycle starts or adds [default: 4].
    steady_adds: u32,
    /// Host name or address of the metrics servers [default: 127.0.0.1].
    host: String,
    /// Image of the containers under docker, present on the host [default: debian:bookworm-slim].
    docker_image: String,
    /// Path of the antctl program [default: antctl in PATH].
    antctl_path: String,
    /// Version of the node program that antctl fetches for new nodes [default: a copy of antnode_path].
    antctl_version: String,
    /// Run antctl with --debug [default: false].
    antctl_debug: bool,
    /// Highest node number ever used, so that antctl never reuses one; wnm maintains it.
    highest_node_id_used: u32,
}

/// Settings that cannot change while the colony has nodes: ports and services of nodes derive from them.
pub const FIXED: [&str; 4] = ["port_start", "metrics_port_start", "rpc_port_start", "process_manager"];

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
        assert_eq!(RawSettings::KEYS.len(), RawSettings::HELP.len());
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
                "port_start" | "metrics_port_start" | "rpc_port_start" => &["", "x", "-1", "0", "65", "55.5", "55001"],
                "process_manager" | "firewall" | "flavor" | "preset" => &["", "x", "-1"],
                "enable_upgrade" | "no_upnp" | "antctl_debug" | "cpu_limit" => &["maybe", "2", ""],
                "network" | "start_args" | "environment" => &["'unclosed"],
                "host" | "docker_image" | "antnode_path" | "antctl_path" | "antctl_version" => &["", "a\nb"],
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
