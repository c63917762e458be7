//! Processes that a process manager takes for those of nodes. Each is this bench with the arguments of a node, and waits
//! until its standard input ends, so that none outlives the bench.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use wnm_store::Store;

use crate::colony::Result;

/// The processes of the nodes of a colony. They are killed when this value is dropped.
pub(crate) struct Processes(Vec<Child>);

impl Processes {
    /// Starts a process for each node of the colony in `home`.
    pub(crate) fn start(home: &Path) -> Result<Self> {
        // Hard links, whose names the kernel tells as those of the running programs. The bench may be on another volume.
        let program = home.join("bench");
        fs::copy(std::env::current_exe()?, &program)?;
        let mut processes = Self(Vec::new());
        for node in Store::open_read_only(&home.join("wnm.db"))?.snapshot()?.nodes.values() {
            fs::hard_link(&program, &node.binary)?;
            let mut command = Command::new(&node.binary);
            command.arg("--root-dir").arg(&node.root_dir).env_clear();
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            processes.0.push(command.spawn()?);
        }
        Ok(processes)
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for process in &mut self.0 {
            _ = process.kill();
            _ = process.wait();
        }
    }
}
