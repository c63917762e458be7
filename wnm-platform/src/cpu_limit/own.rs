//! A control group that wnm creates, or docker with its driver `cgroupfs`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use wnm_core::Cores;

use super::{Controller, NoCpuLimit};
use crate::error::{FileOperation, PlatformError};

/// A control group inside the outermost writable one.
#[derive(Debug)]
pub(crate) struct OwnGroup {
    pub(crate) controller: Controller,
    /// Its parent.
    base: PathBuf,
    pub(crate) folder: PathBuf,
}

impl OwnGroup {
    /// Returns the group inside the outermost writable group around this process.
    ///
    /// # Errors
    /// No group is writable, or that group has no CPU controller.
    pub(crate) fn around_us(controller: &Controller, name: &str) -> Result<Self, NoCpuLimit> {
        let top = controller.folder("");
        let own = controller.group_of("self").map(|path| controller.folder(&path)).unwrap_or_default();
        let around = own.ancestors().take_while(|folder| folder.starts_with(&top));
        let Some(base) = around.filter(|folder| is_ours(folder)).last() else {
            return Err(NoCpuLimit::NotWritable);
        };
        if !controller.is_offered_in(base) {
            return Err(NoCpuLimit::NotDelegated(base.to_owned()));
        }
        Ok(Self::within(controller, base.to_owned(), name))
    }

    /// Returns the group with this parent.
    pub(crate) fn within(controller: &Controller, base: PathBuf, name: &str) -> Self {
        Self { controller: controller.clone(), folder: base.join(name), base }
    }

    /// Creates the group, unless it exists.
    pub(crate) fn make(&self) -> Result<(), PlatformError> {
        fs::create_dir_all(&self.folder).map_err(|source| self.failed(FileOperation::Create, source))
    }

    /// Puts a process into the group. ESRCH means that the process has exited meanwhile, which is no error.
    pub(crate) fn enter(&self, process: u32) -> Result<(), PlatformError> {
        match fs::write(self.folder.join("cgroup.procs"), process.to_string()) {
            Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => Ok(()),
            entered => entered.map_err(|source| self.failed(FileOperation::AddProcessTo, source)),
        }
    }

    /// Tells whether a process is in the group.
    pub(crate) fn holds(&self, process: u32) -> bool {
        let path = self.controller.group_of(&process.to_string());
        path.is_some_and(|path| self.controller.folder(&path).starts_with(&self.folder))
    }

    /// Returns the processes outside the group. Its list answers for all of its own processes at once; those of groups
    /// inside it are asked one by one.
    pub(crate) fn outside(&self, processes: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let list = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        let inside: BTreeSet<u32> = list.lines().filter_map(|process| process.parse().ok()).collect();
        processes.into_iter().filter(|process| !inside.contains(process) && !self.holds(*process)).collect()
    }

    /// Enables a controller for the group.
    pub(crate) fn offer(&self, controller: &str) -> io::Result<()> {
        self.controller.offer(&self.base, controller)
    }

    /// Sets the limit; None removes it.
    pub(super) fn cap(&self, limit: Option<Cores>) -> Result<(), PlatformError> {
        // Enabled each time: another program that manages the parent may have disabled the controller.
        let capped = self.offer("cpu").and_then(|()| self.controller.cap(&self.folder, limit));
        capped.map_err(|source| self.failed(FileOperation::LimitCpuOf, source))
    }

    /// Removes the group if it contains no processes.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir(&self.folder);
    }

    fn failed(&self, operation: FileOperation, source: io::Error) -> PlatformError {
        PlatformError::File { operation, path: self.folder.clone(), source }
    }
}

/// Tells whether wnm may create groups here and move processes into them.
fn is_ours(folder: &Path) -> bool {
    [folder.to_owned(), folder.join("cgroup.procs")].iter().all(|path| access(path, Access::WRITE_OK).is_ok())
}
