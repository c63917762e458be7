//! Errors of a cycle.

use std::convert::Infallible;

use wnm_core::AllocationError;

/// An error of a store or a platform, with advice for the operator.
pub trait HintedError: std::error::Error + Send + Sync + 'static {
    /// Returns how the operator can fix the cause; None when there is no specific advice.
    fn hint(&self) -> Option<String> {
        None
    }
}

impl HintedError for Infallible {}

/// The error that ended a cycle early. Intents that were durable by then are resumed by the next cycle.
#[derive(Debug, thiserror::Error)]
pub enum AgentError<S: HintedError, P: HintedError> {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(S),
    /// The platform cannot name a new node, or has no clock.
    #[error(transparent)]
    Platform(P),
    /// A node that the operator requested cannot have its ports.
    #[error(transparent)]
    Allocation(#[from] AllocationError),
}

impl<S: HintedError, P: HintedError> AgentError<S, P> {
    /// Returns how the operator can fix the cause; None when there is no specific advice.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Platform(error) => error.hint(),
            Self::Allocation(_) => Some("set another port_start, or remove the node that holds the ports".to_owned()),
        }
    }
}
