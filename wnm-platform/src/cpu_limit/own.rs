//! A control group that wnm makes itself, or that docker makes where it does so without systemd.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use wnm_core::Cores;

use super::{Controller, NoCpuLimit};
use crate::error::{FileOperation, PlatformError};

/// A control group in the outermost one that may be written.
#[derive(Debug)]
pub(super) struct OwnGroup {
    controller: Controller,
    /// What it is in.
    base: PathBuf,
    pub(super) folder: PathBuf,
}

impl OwnGroup {
    /// Returns the one in the outermost group around this process that wnm has the rights to.
    ///
    /// # Errors
    /// It has rights to none, or that one has no processor time to share out.
    pub(super) fn around_us(controller: &Controller, name: &str) -> Result<Self, NoCpuLimit> {
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

    /// Returns the one in this group.
    pub(super) fn within(controller: &Controller, base: PathBuf, name: &str) -> Self {
        Self { controller: controller.clone(), folder: base.join(name), base }
    }

    /// Makes the group where it is not there.
    pub(super) fn make(&self) -> Result<(), PlatformError> {
        fs::create_dir_all(&self.folder).map_err(|source| self.failed(FileOperation::Create, source))
    }

    /// Puts a process into the group; one that has ended meanwhile has no need of it.
    pub(super) fn enter(&self, process: u32) -> Result<(), PlatformError> {
        match fs::write(self.folder.join("cgroup.procs"), process.to_string()) {
            Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => Ok(()),
            entered => entered.map_err(|source| self.failed(FileOperation::AddProcessTo, source)),
        }
    }

    /// Caps the group; None lifts the cap.
    pub(super) fn cap(&self, limit: Option<Cores>) -> Result<(), PlatformError> {
        // Whoever else governs the group around it may have taken this back.
        let capped = self.controller.offer(&self.base).and_then(|()| self.controller.cap(&self.folder, limit));
        capped.map_err(|source| self.failed(FileOperation::LimitCpuOf, source))
    }

    /// Removes the group; one that has processes in it stays.
    pub(super) fn remove(&self) {
        let _ = fs::remove_dir(&self.folder);
    }

    fn failed(&self, operation: FileOperation, source: io::Error) -> PlatformError {
        PlatformError::File { operation, path: self.folder.clone(), source }
    }
}

/// Tells whether groups may be made in this one, and processes moved into them.
fn is_ours(folder: &Path) -> bool {
    [folder.to_owned(), folder.join("cgroup.procs")].iter().all(|path| access(path, Access::WRITE_OK).is_ok())
}
