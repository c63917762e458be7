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

/// Returns a text in which `No such file or directory (os error 2)` reads `no such file or directory`.
#[must_use]
pub fn without_numbers(text: &str) -> String {
    const NUMBER: &str = " (os error ";
    let mut rest = text;
    let mut plain = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once(NUMBER) {
        let Some((number, behind)) = after.split_once(')') else { break };
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        // The words of the system follow the last colon or the name of a field of the log, and begin with a capital.
        let words = before.rfind(": ").map_or(0, |colon| colon + 2).max(before.rfind('=').map_or(0, |sign| sign + 1));
        let (cause, reason) = before.split_at(words);
        let mut reason = reason.chars();
        plain.push_str(cause);
        plain.extend(reason.next().map(|first| first.to_ascii_lowercase()));
        plain.push_str(reason.as_str());
        rest = behind;
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::without_numbers;

    #[test]
    fn errors_of_the_system_lose_their_number() {
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(without_numbers(&format!("cannot read /x: {error}")), "cannot read /x: no such file or directory");
        let both = format!("/a: {error}; /b: {error} (kept)");
        let field = format!("WARN x: it stays path=/a error={error}");
        assert_eq!(without_numbers(&field), "WARN x: it stays path=/a error=no such file or directory");
        assert_eq!(without_numbers(&both), "/a: no such file or directory; /b: no such file or directory (kept)");
        for text in ["no folder", "a (os error x)", "a (os error 2", ""] {
            assert_eq!(without_numbers(text), text);
        }
    }
}
