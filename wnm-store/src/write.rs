//! The writes of the database, by name.
//!
//! Each one is a transaction, or a file that replaces another. Before and after it a trace event names it, so that a test can
//! end the process at that point. `wnm -vv` logs it with its time.

use std::time::Instant;

/// Declares the enum with its list, which cannot miss a variant.
macro_rules! writes {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// A write that a crash leaves either complete or without effect.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Write {
            $($(#[$doc])* $variant,)*
        }

        impl Write {
            /// All writes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the name in trace events: letters and underscores.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

writes! {
    /// The settings.
    Settings => "settings",
    /// Nodes with their states, outside of the start of a cycle.
    Nodes => "nodes",
    /// The identities of the volumes of a new colony.
    Volumes => "volumes",
    /// The last samples of the nodes.
    Samples => "samples",
    /// The intent of a cycle: its new nodes and its actions.
    Begin => "begin",
    /// A completed step of an action.
    Step => "step",
    /// A failed step, after which an action is undone.
    Failure => "failure",
    /// The results of a cycle.
    Results => "results",
    /// The cache of program versions.
    Cache => "cache",
    /// The schedule of the cycles.
    Schedule => "schedule",
    /// Runs of probes.
    Probes => "probes",
    /// The hourly copy of the database.
    Copy => "copy",
    /// The time of the hourly copy.
    Copied => "copied",
    /// One migration of the schema.
    Migration => "migration",
    /// A new database in the place of one that cannot be read.
    Rebuild => "rebuild",
}

impl Write {
    /// Runs a write, with the trace events around it. The event after a failed one is left out.
    pub(crate) fn run<T, E>(self, write: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let name = self.name();
        let begun = tracing::enabled!(tracing::Level::TRACE).then(Instant::now);
        tracing::trace!(target: "points", write = name, moment = "before");
        let written = write()?;
        tracing::trace!(target: "points", write = name, moment = "after");
        if let Some(begun) = begun {
            let milliseconds = u64::try_from(begun.elapsed().as_millis()).ok();
            tracing::trace!(write = name, milliseconds, "stored");
        }
        Ok(written)
    }
}
