//! The end of a process, as far as its process manager reports it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status with which a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    /// The process exited with this code, 0 to 255.
    Code(i32),
    /// This signal ended the process.
    Signal(i32),
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// The end of a process: its status and its last message. A part that the process manager does not know is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exit {
    /// The exit code or the signal; None where the process manager does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ExitStatus>,
    /// The last line that the process wrote to its standard error; None when it is empty or unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Exit {
    /// Returns whether nothing is known about the end.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        self.status.is_none() && self.message.is_none()
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.status, &self.message) {
            (Some(status), Some(message)) => write!(f, "{status}: {message}"),
            (Some(status), None) => status.fmt(f),
            (None, Some(message)) => f.write_str(message),
            (None, None) => f.write_str("exit status unknown"),
        }
    }
}
