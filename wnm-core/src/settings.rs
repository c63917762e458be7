//! The operator's settings: one typed list of them, read from any layer, folded, and checked together.

mod in_force;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use serde::de::{DeserializeSeed, Error as DeError, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::allocation::PortRanges;
use crate::firewall::FirewallKind;
use crate::flavor::Flavor;
use crate::manager::ManagerKind;
use crate::node::Upnp;
use crate::policy::{Policy, Preset};
use crate::units::{Bytes, Load, Percent};
use crate::wallet::{Address, FAUCET, Rewards};

/// A setting that cannot be as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{key}: expected {expected}, found {found}")]
pub struct Problem {
    /// The setting.
    pub key: String,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

impl Problem {
    pub(crate) fn new(key: &str, expected: String, found: impl fmt::Display) -> Self {
        Self { key: key.to_owned(), expected, found: found.to_string() }
    }
}

/// Everything that is wrong with the settings, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Returns all problems as one error, if there are any.
    ///
    /// # Errors
    /// There are some.
    pub fn none_or(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }

    /// Returns each problem.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.0
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A value as it stands in a file, a variable, a flag or the database.
trait Value: Sized {
    /// What is accepted, as it follows "expected".
    const EXPECTED: &'static str;
    const IS_SWITCH: bool = false;
    fn read(text: &str) -> Option<Self>;
    fn write(&self) -> String;
    /// Reads a number of a JSON or TOML file; by way of its text unless a type knows better.
    fn read_number(number: f64) -> Option<Self> {
        Self::read(&number.to_string())
    }
}

macro_rules! plain_values {
    ($($type:ty: $expected:literal;)*) => {$(
        impl Value for $type {
            const EXPECTED: &'static str = $expected;
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn write(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

macro_rules! whole_values {
    ($($type:ty: $expected:literal;)*) => {$(
        impl Value for $type {
            const EXPECTED: &'static str = $expected;
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn write(&self) -> String {
                self.to_string()
            }
            fn read_number(number: f64) -> Option<Self> {
                // 2^53: beyond it a float no longer names one whole number.
                let is_whole = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
                is_whole.then_some(number as u64).and_then(|n| n.try_into().ok())
            }
        }
    )*};
}

whole_values! {
    u32: "a whole number from 0 to 4294967295";
    u64: "a whole number, 0 or more";
}

plain_values! {
    Rewards: "an address, faucet, donate, or a weighted list of them";
    Address: "a rewards address of 0x and 40 hexadecimal digits";
    ManagerKind: "a process manager such as setsid+user";
    FirewallKind: "ufw or none";
    Flavor: "antnode, ant-node, or custom and a description";
}

impl Value for String {
    const EXPECTED: &'static str = "a text without control characters";
    fn read(text: &str) -> Option<Self> {
        (!text.chars().any(char::is_control)).then(|| text.to_owned())
    }
    fn write(&self) -> String {
        self.clone()
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";
    const IS_SWITCH: bool = true;
    fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        }
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

macro_rules! float_values {
    ($($type:ident to $high:literal: $expected:literal;)*) => {$(
        impl Value for $type {
            const EXPECTED: &'static str = $expected;
            fn read(text: &str) -> Option<Self> {
                text.parse().ok().and_then(Self::read_number)
            }
            fn read_number(number: f64) -> Option<Self> {
                $type::new(number).ok().filter(|_| number <= $high)
            }
            fn write(&self) -> String {
                self.get().to_string()
            }
        }
    )*};
}

float_values! {
    Percent to 100.0: "a percentage from 0 to 100";
    Load to 1e6: "a load average from 0 to 1000000";
}

impl Value for Preset {
    const EXPECTED: &'static str = "classic";
    fn read(text: &str) -> Option<Self> {
        (text == "classic").then_some(Self::Classic)
    }
    fn write(&self) -> String {
        match self {
            Self::Classic => "classic".to_owned(),
        }
    }
}

/// Folders, comma-separated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Folders(pub Vec<PathBuf>);

impl Value for Folders {
    const EXPECTED: &'static str = "one or more absolute folders, comma-separated, without control characters or ..";
    fn read(text: &str) -> Option<Self> {
        let folders: Vec<PathBuf> = text.split(',').map(|folder| PathBuf::from(folder.trim())).collect();
        let parent = |path: &PathBuf| path.components().any(|part| part == std::path::Component::ParentDir);
        let sound = !text.chars().any(char::is_control) && folders.iter().all(|f| f.is_absolute() && !parent(f));
        sound.then_some(Self(folders))
    }
    fn write(&self) -> String {
        self.0.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(",")
    }
}

/// Words as a shell splits them; no shell ever runs them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Words(pub Vec<String>);

impl Value for Words {
    const EXPECTED: &'static str = "words as a shell reads them, each quote closed";
    fn read(text: &str) -> Option<Self> {
        shell_words::split(text).ok().map(Self)
    }
    fn write(&self) -> String {
        shell_words::join(&self.0)
    }
}

/// Thousands a port range begins at: 55 stands for 55000, and so does 55000 itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thousands(pub u16);

impl Value for Thousands {
    const EXPECTED: &'static str = "thousands from 1 to 64, such as 55 or 55000";
    fn read(text: &str) -> Option<Self> {
        let number: u16 = text.parse().ok()?;
        let thousands = if number >= 1000 && number.is_multiple_of(1000) { number / 1000 } else { number };
        (1..=64).contains(&thousands).then_some(Self(thousands))
    }
    fn write(&self) -> String {
        self.0.to_string()
    }
}

/// Declares the settings: a field each, and access by name for the layers that hold texts.
macro_rules! settings {
    ($(#[doc = $help:literal] $key:ident: $type:ty,)*) => {
        /// One layer of settings, or several folded: what is None was not said.
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct RawSettings {$(#[doc = $help] pub $key: Option<$type>,)*}

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
                    _ => return Err(unknown_setting(key)),
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
                    _ => return Err(A::Error::custom(unknown_setting(key))),
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
    /// The rules in force.
    preset: Preset,
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

/// Reads a setting from a string, a number or a truth value.
struct Entry<'a, T> {
    key: &'a str,
    value: PhantomData<T>,
}

impl<'de, T: Value> DeserializeSeed<'de> for Entry<'_, T> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<T: Value> Entry<'_, T> {
    fn checked<E: DeError>(&self, value: Option<T>, found: &dyn fmt::Display) -> Result<T, E> {
        value.ok_or_else(|| E::custom(Problem::new(self.key, T::EXPECTED.to_owned(), found)))
    }
}

impl<T: Value> Visitor<'_> for Entry<'_, T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, T::EXPECTED)
    }
    fn visit_str<E: DeError>(self, text: &str) -> Result<T, E> {
        read(self.key, text).map_err(E::custom)
    }
    fn visit_bool<E: DeError>(self, value: bool) -> Result<T, E> {
        self.checked(T::read(if value { "true" } else { "false" }), &value)
    }
    fn visit_u64<E: DeError>(self, value: u64) -> Result<T, E> {
        self.visit_f64(value as f64)
    }
    fn visit_i64<E: DeError>(self, value: i64) -> Result<T, E> {
        self.visit_f64(value as f64)
    }
    fn visit_f64<E: DeError>(self, value: f64) -> Result<T, E> {
        self.checked(T::read_number(value), &value)
    }
}

impl<'de> Deserialize<'de> for RawSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Settings;
        impl<'de> Visitor<'de> for Settings {
            type Value = RawSettings;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of settings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawSettings, A::Error> {
                let mut raw = RawSettings::default();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    raw.set_from(&key, &mut map)?;
                }
                Ok(raw)
            }
        }
        deserializer.deserialize_map(Settings)
    }
}

impl Serialize for RawSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Self::KEYS.iter().filter_map(|key| self.get(key).map(|text| (key, text))))
    }
}

/// Settings that cannot change once there are nodes, because the nodes were made by them.
pub const FIXED: [&str; 4] = ["port_start", "metrics_port_start", "rpc_port_start", "process_manager"];

fn read<T: Value>(key: &str, text: &str) -> Result<T, Problem> {
    T::read(text.trim()).ok_or_else(|| {
        let found: String = text.chars().take(80).collect();
        let expected = match key {
            // What is wrong with an address matters more than what one looks like.
            "rewards_address" => text.trim().parse::<Rewards>().err().map(|e| e.to_string()),
            "flavor" => text.trim().parse::<Flavor>().err().map(|e| e.to_string()),
            "donate_address" => text.trim().parse::<Address>().err().map(|e| e.to_string()),
            "process_manager" => Some(format!("one of {}", ManagerKind::ALL.map(|k| k.to_string()).join(", "))),
            _ => None,
        };
        match expected.as_deref().map(|e| e.strip_prefix("expected ").unwrap_or(e).split_once(", found")) {
            Some(Some((expected, _))) => Problem::new(key, expected.to_owned(), format!("{found:?}")),
            Some(None) => Problem::new(key, expected.unwrap_or_default(), format!("{found:?}")),
            None => Problem::new(key, T::EXPECTED.to_owned(), format!("{found:?}")),
        }
    })
}

fn unknown_setting(key: &str) -> Problem {
    let near = RawSettings::KEYS.iter().max_by_key(|known| shared_pairs(known, key));
    let hint =
        near.filter(|known| shared_pairs(known, key) * 2 >= key.len()).map(|known| format!("; did you mean {known}?"));
    Problem::new(key, format!("the name of a setting{}", hint.unwrap_or_default()), format!("{key:?}"))
}

/// Returns how many pairs of neighbouring letters two names share: a plain measure of likeness.
fn shared_pairs(one: &str, other: &str) -> usize {
    let pairs: Vec<&[u8]> = other.as_bytes().windows(2).collect();
    one.as_bytes().windows(2).filter(|pair| pairs.contains(pair)).count()
}

/// What the host suggests where the operator said nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostDefaults {
    /// Processors wnm may use.
    pub cpus: u32,
    /// Where nodes go.
    pub storage: PathBuf,
    /// Where the operator's programs are, such as `~/.local/bin`.
    pub programs: PathBuf,
    /// What keeps processes on this host.
    pub manager: ManagerKind,
}

/// All settings, checked together.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What the engine decides by.
    pub policy: Policy,
    /// Who is paid.
    pub rewards: Rewards,
    /// What `donate` stands for.
    pub donate: Address,
    /// Folders that hold the nodes, at least one.
    pub storage: Vec<PathBuf>,
    /// Where ports begin.
    pub ports: PortRanges,
    /// What starts and stops nodes.
    pub manager: ManagerKind,
    /// What opens and closes ports.
    pub firewall: FirewallKind,
    /// Which node program runs.
    pub flavor: Flavor,
    /// The node binary that new nodes get.
    pub binary: PathBuf,
    /// The payment network, as words.
    pub network: Vec<String>,
    /// Further arguments of every node.
    pub arguments: Vec<String>,
    /// The environment of every node.
    pub environment: Vec<(String, String)>,
    /// Whether nodes may ask the router for their port.
    pub upnp: Upnp,
    /// What a node may come to hold.
    pub crisis: Bytes,
    /// Pause between the probes of two nodes.
    pub survey_delay: std::time::Duration,
    /// Pause between the actions on two nodes.
    pub action_delay: std::time::Duration,
    /// Where the metrics servers answer.
    pub host: String,
    /// The image that containers are made from.
    pub docker_image: String,
    /// The program of the official manager; None where it is looked for in `PATH`.
    pub antctl: Option<PathBuf>,
    /// The version of the node program that the official manager fetches; None where it gets wnm's.
    pub antctl_version: Option<String>,
    /// Whether the official manager is asked to tell all it does.
    pub antctl_debug: bool,
}

/// The image that containers are made from when no setting says otherwise: the node programs want glibc, and nothing
/// else of it.
pub const DOCKER_IMAGE: &str = "debian:bookworm-slim";

impl Settings {
    /// Returns the settings with defaults filled in.
    ///
    /// # Errors
    /// All problems at once: what is missing, out of range or contradictory.
    pub fn new(raw: &RawSettings, host: &HostDefaults) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let policy = Policy::new(raw, Some(host.cpus)).map_err(|found| problems.extend(found.0)).ok();
        let ports = PortRanges::new(raw).map_err(|problem| problems.push(problem)).ok();
        if raw.rewards_address.is_none() {
            let expected = "an address, faucet, donate, or a weighted list of them".to_owned();
            problems.push(Problem::new("rewards_address", expected, "nothing"));
        }
        let words = raw.environment.as_ref().map(|words| words.0.as_slice()).unwrap_or_default();
        let environment: Vec<_> = words.iter().map(|word| word.split_once('=').ok_or(word)).collect();
        let environment = environment
            .into_iter()
            .filter_map(|pair| match pair {
                Ok((name, value)) if !name.is_empty() => Some((name.to_owned(), value.to_owned())),
                Ok(_) => {
                    problems.push(Problem::new("environment", "KEY=VALUE words".into(), "a word without a key"));
                    None
                }
                Err(word) => {
                    problems.push(Problem::new("environment", "KEY=VALUE words".into(), format!("{word:?}")));
                    None
                }
            })
            .collect();
        let flavor = raw.flavor.unwrap_or(Flavor::Antnode);
        let manager = raw.process_manager.unwrap_or(host.manager);
        let millis = |value: Option<u64>| std::time::Duration::from_millis(value.unwrap_or(0));
        Problems::none_or(std::mem::take(&mut problems))?;
        let (Some(policy), Some(ports), Some(rewards)) = (policy, ports, raw.rewards_address.clone()) else {
            return Err(Problems(problems));
        };
        Ok(Self {
            policy,
            rewards,
            donate: raw.donate_address.unwrap_or(FAUCET),
            storage: raw.node_storage.clone().map_or_else(|| vec![host.storage.clone()], |folders| folders.0),
            ports,
            manager,
            firewall: raw.firewall.unwrap_or_else(|| FirewallKind::of(manager)),
            flavor,
            binary: raw.antnode_path.as_ref().map_or_else(|| host.programs.join(flavor.program()), PathBuf::from),
            network: raw.network.clone().map_or_else(|| vec!["evm-arbitrum-one".to_owned()], |words| words.0),
            arguments: raw.start_args.clone().unwrap_or_default().0,
            environment,
            upnp: if raw.no_upnp.unwrap_or(true) { Upnp::Off } else { Upnp::On },
            crisis: Bytes(raw.crisis_bytes.unwrap_or(2_000_000_000)),
            survey_delay: millis(raw.survey_delay),
            action_delay: millis(raw.action_delay),
            host: raw.host.clone().unwrap_or_else(|| "127.0.0.1".to_owned()),
            antctl: raw.antctl_path.as_ref().map(PathBuf::from),
            antctl_version: raw.antctl_version.clone(),
            antctl_debug: raw.antctl_debug.unwrap_or(false),
            docker_image: raw.docker_image.clone().unwrap_or_else(|| DOCKER_IMAGE.to_owned()),
        })
    }
}

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
        assert_eq!(Thousands::read("55000"), Some(Thousands(55)));
    }

    #[test]
    fn a_mistyped_setting_is_met_with_the_nearest_one() {
        let error = RawSettings::default().set("cpu_les_than", "3").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cpu_les_than: expected the name of a setting; did you mean cpu_less_than?, found \"cpu_les_than\""
        );
        let error = RawSettings::default().set("zzz", "3").unwrap_err();
        assert_eq!(error.to_string(), "zzz: expected the name of a setting, found \"zzz\"");
    }
}
