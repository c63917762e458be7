//! The exit codes of wnm. Scripts depend on them: a code never changes its meaning.

use std::process::ExitCode;

/// The end of a command. The README and the man page list the codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command succeeded.
    Done,
    /// A setting, an argument or the host does not allow the command.
    Unusable,
    /// The command line is not valid.
    Usage,
    /// An action failed, or a check found an error.
    ActionFailed,
    /// Another wnm holds the lock.
    Locked,
    /// No colony exists yet.
    NotInitialised,
    /// Standard output cannot be written: its reader has gone, or its disk is full.
    Output,
    /// wnm itself failed, or the system below it.
    Internal,
}

impl Exit {
    /// Returns the number that the process ends with.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unusable => 1,
            Self::Usage => 2,
            Self::ActionFailed => 3,
            Self::Locked => 4,
            Self::NotInitialised => 5,
            // EX_IOERR of sysexits.h.
            Self::Output => 74,
            // EX_SOFTWARE of sysexits.h.
            Self::Internal => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
