//! The facts of a setting, as data for help texts, `wnm config describe` and `docs/settings.md`.

use super::unit::Unit;

/// A setting with its facts.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The name, such as `node_cap`.
    pub key: &'static str,
    /// One sentence for help texts, with a full stop.
    pub about: &'static str,
    /// The shape of the value, which decides how flags and JSON state it.
    pub shape: Shape,
    /// The facts that the type of the value does not tell.
    pub facts: Facts,
    /// Returns the words that the value may be, for completions; empty where only numbers or free texts are allowed.
    pub words: fn() -> Vec<String>,
    pub(super) allowed: fn() -> String,
}

/// The shape of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// True or false; a flag without a value sets `true`.
    Switch,
    /// A number.
    Number,
    /// Words of a command line, which may begin with a hyphen.
    Words,
    /// Any other text.
    Text,
}

/// The facts of a setting that the type of its value does not tell.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The default for people, such as `5min; 1min under steady`.
    pub default: &'static str,
    /// A valid value for hints: the default, if it is a plain value.
    pub example: &'static str,
    /// The unit of a bare number.
    pub unit: Unit,
    /// The time at which a new value takes effect.
    pub takes_effect: TakesEffect,
    /// The nodes that a new value affects.
    pub affects: Affects,
    /// Whether the value is a path, in which `~` and `$HOME` are expanded.
    pub is_path: bool,
    /// Whether the variable of the Python wnm, without the prefix `WNM_`, is read.
    pub old_variable: OldVariable,
    allowed: Option<&'static str>,
}

/// The time at which a new value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TakesEffect {
    /// In the next cycle; a running daemon reads the settings in each cycle.
    NextCycle,
    /// When a node is added; existing nodes keep the value they were created with.
    NewNodes,
    /// At `wnm init`; the value cannot change while the colony has nodes.
    FixedAfterInit,
}

/// The nodes that a new value affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Affects {
    /// All nodes.
    All,
    /// Nodes that are added after the change.
    New,
    /// Nodes that are added or upgraded after the change.
    NewAndUpgraded,
    /// Nodes that are added or removed after the change.
    NewAndRemoved,
    /// No node: only wnm itself.
    None,
}

/// Whether wnm reads the variable of the Python wnm for a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldVariable {
    /// The variable is read.
    Read,
    /// The Python wnm had no such variable, or it has another meaning in shells.
    Ignored,
}

impl Setting {
    /// Returns the description of the setting for the help of its flag.
    #[must_use]
    pub fn help(&self) -> String {
        let about = self.about.trim_end_matches('.');
        let unit = match self.facts.unit {
            Unit::None | Unit::Thousands => String::new(),
            unit => format!(", in {unit}"),
        };
        format!("{about}{unit} [default: {}]", self.facts.default)
    }

    /// Returns the allowed values for people, such as `0 to 100`.
    #[must_use]
    pub fn allowed(&self) -> String {
        match (self.facts.allowed, self.facts.unit) {
            (Some(text), _) => text.to_owned(),
            // The greatest number of 64 bits tells nothing about times and sizes.
            (None, Unit::Seconds | Unit::Milliseconds | Unit::Bytes | Unit::BytesPerSecond) => "0 or more".to_owned(),
            (None, Unit::None | Unit::Percent | Unit::Thousands) => (self.allowed)(),
        }
    }

    /// Returns the placeholder of the value in help texts.
    #[must_use]
    pub fn value_name(&self) -> &'static str {
        match self.facts.unit {
            _ if self.shape == Shape::Switch => "true|false",
            _ if self.facts.is_path => "PATH",
            Unit::None if self.shape == Shape::Number => "N",
            Unit::None => "VALUE",
            Unit::Percent => "PERCENT",
            Unit::Seconds | Unit::Milliseconds => "TIME",
            Unit::Bytes => "SIZE",
            Unit::BytesPerSecond => "RATE",
            Unit::Thousands => "N",
        }
    }

    /// Returns the flag, such as `--node-cap`.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }

    /// Returns the environment variables, the first with the highest precedence.
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        let name = self.key.to_uppercase();
        match self.facts.old_variable {
            OldVariable::Read => vec![format!("WNM_{name}"), name],
            OldVariable::Ignored => vec![format!("WNM_{name}")],
        }
    }
}

impl TakesEffect {
    /// Returns the time for people, after "takes effect".
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NextCycle => "in the next cycle",
            Self::NewNodes => "when a node is added",
            Self::FixedAfterInit => "at init; fixed while the colony has nodes",
        }
    }
}

impl Affects {
    /// Returns the nodes for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::All => "all nodes",
            Self::New => "new nodes; existing nodes keep their value",
            Self::NewAndUpgraded => "new nodes, and existing nodes when they are upgraded",
            Self::NewAndRemoved => "nodes that are added or removed from then on",
            Self::None => "wnm itself",
        }
    }
}

/// Returns the facts of a setting with this default, which a new value changes for all nodes in the next cycle.
pub(super) const fn default(text: &'static str) -> Facts {
    Facts {
        default: text,
        example: text,
        unit: Unit::None,
        takes_effect: TakesEffect::NextCycle,
        affects: Affects::All,
        is_path: false,
        old_variable: OldVariable::Read,
        allowed: None,
    }
}

impl Facts {
    pub(super) const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    pub(super) const fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    pub(super) const fn allowed(self, text: &'static str) -> Self {
        Self { allowed: Some(text), ..self }
    }

    pub(super) const fn path(self) -> Self {
        Self { is_path: true, ..self }
    }

    pub(super) const fn affects(self, affects: Affects) -> Self {
        Self { affects, ..self }
    }

    pub(super) const fn for_new_nodes(self) -> Self {
        Self { takes_effect: TakesEffect::NewNodes, affects: Affects::New, ..self }
    }

    pub(super) const fn fixed(self) -> Self {
        Self { takes_effect: TakesEffect::FixedAfterInit, ..self }
    }

    pub(super) const fn without_old_variable(self) -> Self {
        Self { old_variable: OldVariable::Ignored, ..self }
    }
}
