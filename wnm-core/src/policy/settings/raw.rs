//! The one list of settings, and one layer of them: each may be said or not.

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

/// Declares the settings: a field each, and access by name for the layers that hold texts.
macro_rules! settings {
    ($(#[doc = $help:literal] $key:ident: $type:ty,)*) => {
        /// One layer of settings, or several folded: what is None was not said.
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

            /// What each setting means, in one sentence, in the order of `KEYS`.
            pub const HELP: &'static [&'static str] = &[$($help.trim_ascii()),*];

            /// Tells whether a setting is a switch, which a flag without a value turns on.
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
            /// The name is no setting's (the nearest one is offered), or the text is not of its type.
            pub fn set(&mut self, key: &str, text: &str) -> Result<(), Problem> {
                match key {
                    $(stringify!($key) => self.$key = Some(read::<$type>(key, text)?),)*
                    _ => return Err(Problem::unknown_setting(key)),
                }
                Ok(())
            }

            /// Takes one setting back; tells whether there is such a setting.
            pub fn clear(&mut self, key: &str) -> bool {
                match key {
                    $(stringify!($key) => self.$key = None,)*
                    _ => return false,
                }
                true
            }

            /// Sets one setting from the value that follows its name in a map.
            pub(crate) fn set_from<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
                match key {
                    $(stringify!($key) => {
                        self.$key = Some(map.next_value_seed(Entry { key, value: PhantomData::<$type> })?);
                    })*
                    _ => return Err(A::Error::custom(Problem::unknown_setting(key))),
                }
                Ok(())
            }

            /// Returns the text of one setting; None when it is not set, or when there is no such setting.
            #[must_use]
            pub fn get(&self, key: &str) -> Option<String> {
                match key {
                    $(stringify!($key) => self.$key.as_ref().map(Value::write),)*
                    _ => None,
                }
            }

            /// Returns these settings with those of a lower layer where they say nothing.
            #[must_use]
            pub fn over(self, lower: Self) -> Self {
                Self {$($key: self.$key.or(lower.$key),)*}
            }
        }
    };
}

settings! {
    /// Nodes the colony may have.
    node_cap: u32,
    /// Nodes are added while CPU use is below this (%).
    cpu_less_than: Percent,
    /// Nodes are stopped while CPU use is above this (%).
    cpu_remove: Percent,
    /// Nodes are added while memory use is below this (%).
    mem_less_than: Percent,
    /// Nodes are stopped while memory use is above this (%).
    mem_remove: Percent,
    /// Nodes are added while their volume's use is below this (%).
    hd_less_than: Percent,
    /// Nodes are removed while their volume's use is above this (%).
    hd_remove: Percent,
    /// Nodes are added while disk reading is below this (bytes/s).
    hdio_read_less_than: u64,
    /// Nodes are stopped while disk reading is above this (bytes/s).
    hdio_read_remove: u64,
    /// Nodes are added while disk writing is below this (bytes/s).
    hdio_write_less_than: u64,
    /// Nodes are stopped while disk writing is above this (bytes/s).
    hdio_write_remove: u64,
    /// Nodes are added while network receiving is below this (bytes/s).
    netio_read_less_than: u64,
    /// Nodes are stopped while network receiving is above this (bytes/s).
    netio_read_remove: u64,
    /// Nodes are added while network sending is below this (bytes/s).
    netio_write_less_than: u64,
    /// Nodes are stopped while network sending is above this (bytes/s).
    netio_write_remove: u64,
    /// Nodes are added while all three load averages are below this.
    desired_load_average: Load,
    /// Nodes are stopped while any load average is above this.
    max_load_average_allowed: Load,
    /// Whether the CPU of all nodes together may be capped, where the host can.
    cpu_limit: bool,
    /// Seconds a node is left alone after it was told to start.
    delay_start: u64,
    /// Seconds between a node's stop and its next start.
    delay_restart: u64,
    /// Seconds a node is left alone after its program was changed.
    delay_upgrade: u64,
    /// Seconds between the stop of a removed node and the end of its folder.
    delay_remove: u64,
    /// Milliseconds between the probes of two nodes.
    survey_delay: u64,
    /// Milliseconds between the actions on two nodes.
    action_delay: u64,
    /// Nodes changing their program at once.
    max_concurrent_upgrades: u32,
    /// Nodes starting at once.
    max_concurrent_starts: u32,
    /// Nodes on their way out at once.
    max_concurrent_removals: u32,
    /// Operations of all kinds at once.
    max_concurrent_operations: u32,
    /// Whether wnm rolls out its own node binary (true), or nodes upgrade themselves (false).
    enable_upgrade: bool,
    /// Who is paid: an address, `faucet`, `donate`, or a weighted list.
    rewards_address: Rewards,
    /// What `donate` stands for.
    donate_address: Address,
    /// Folders that hold the nodes, comma-separated.
    node_storage: Folders,
    /// Thousands at which node ports begin; fixed after init.
    port_start: Thousands,
    /// Thousands at which metrics ports begin; fixed after init.
    metrics_port_start: Thousands,
    /// Thousands at which third ports begin; fixed after init.
    rpc_port_start: Thousands,
    /// What starts and stops nodes; fixed after init.
    process_manager: ManagerKind,
    /// What opens and closes ports.
    firewall: FirewallKind,
    /// Which node program runs: antnode, ant-node, or `custom` and a description.
    flavor: Flavor,
    /// The node binary that new nodes get.
    antnode_path: String,
    /// The payment network, as words.
    network: Words,
    /// Further arguments of every node, as words.
    start_args: Words,
    /// The environment of every node, as KEY=VALUE words.
    environment: Words,
    /// Whether nodes are told not to ask the router for their port.
    no_upnp: bool,
    /// Bytes a node may come to hold.
    crisis_bytes: u64,
    /// The rules in force: classic or steady.
    preset: Preset,
    /// Steady: from this far below a signal's high threshold use is watched (% of the gap between its marks).
    steady_warning: Percent,
    /// Steady: a relief brings use back this far below the high threshold (% of the gap).
    steady_relief_target: Percent,
    /// Steady: growth stays under this far above the low threshold (% of the gap).
    steady_growth_target: Percent,
    /// Steady: seconds for which CPU use may be over its high threshold, before anything was learned.
    steady_grace: u64,
    /// Steady: seconds that a change is given to show before the next.
    steady_cooldown: u64,
    /// Steady: nodes that are started or added together, at most.
    steady_adds: u32,
    /// Where the metrics servers answer.
    host: String,
    /// The image that containers are made from, already on the host; debian:bookworm-slim unless set.
    docker_image: String,
    /// The antctl program; looked for in PATH unless set.
    antctl_path: String,
    /// The version of the node program that antctl fetches for new nodes; unless set, it copies antnode_path.
    antctl_version: String,
    /// Whether antctl is run with --debug.
    antctl_debug: bool,
    /// The highest number a node ever had: new ones come after it. Kept by wnm under antctl.
    highest_node_id_used: u32,
}

/// Settings that cannot change once there are nodes, because the nodes were made by them.
pub const FIXED: [&str; 4] = ["port_start", "metrics_port_start", "rpc_port_start", "process_manager"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_read_back_as_it_was_written() {
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
    fn what_is_no_value_is_refused_from_text_and_from_json_alike() {
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
    fn every_setting_refuses_what_is_not_of_its_type_or_out_of_range() {
        for key in RawSettings::KEYS {
            let bad: &[&str] = match *key {
                "rewards_address" | "donate_address" => &["", "0x1", "nobody", "-1"],
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
