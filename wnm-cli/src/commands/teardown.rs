//! `wnm teardown`: removes every node.

use std::path::Path;

use wnm_core::{Selection, Verb};

use super::node::{self, Manner};
use crate::cycle::Mode;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Removes every node with its identity, service, folder and logs; the settings stay.
pub(crate) fn run(db: &Path, confirm: bool, output: &mut Output) -> Result<Exit, CliError> {
    if !confirm {
        return Err(CliError::Unconfirmed);
    }
    let manner = Manner { mode: Mode::Act, interval: None };
    node::act(db, Verb::Remove, &Selection::All, manner, output)
}
