//! The open database compared with the file at its path.

use std::path::Path;

use crate::error::StoreError;
use crate::file::{self, IfExists};
use crate::{Store, open};

/// The result of [`Store::follow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// The open database is the one at the path.
    Unchanged,
    /// Another database was opened.
    Replaced,
    /// The open database was written to its path again, where no database could be read.
    WrittenBack,
}

impl Store {
    /// Tells whether another file, or none, is at the path of the database since it was opened.
    ///
    /// SQLite would go on with the file that has lost its name, and a removed node would come back with the next process
    /// that opens the database.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        !file::identity(&self.path).is_ok_and(|found| found == self.identity)
    }

    /// Checks the pages of the file if it has changed since the last call, also by the log of this store.
    ///
    /// A cycle that changes nothing reads only the cache of its connection, which does not notice that another program has
    /// overwritten the file.
    ///
    /// # Errors
    /// The file is damaged or is no database.
    pub(crate) fn check_content(&mut self) -> Result<(), StoreError> {
        let changed = file::last_change(&self.path)?;
        if changed == self.changed {
            return Ok(());
        }
        // Through SQLite: it keeps its locks on a file that the process has open twice.
        open::connect_to_read(&self.path)
            .and_then(|(db, _)| open::check_pages(&db, &self.path))
            .map_err(|error| error.at(&self.path))?;
        self.changed = changed;
        Ok(())
    }

    /// Opens the database at `path` in the place of this one, if it is another file: a backup was restored beside a
    /// daemon, or a link leads elsewhere. If no database can be read there, and this one is whole, writes it there again.
    ///
    /// The caller holds the lock of the colony.
    ///
    /// # Errors
    /// As for [`open`](Self::open); this store then stays, and refuses to write.
    pub fn follow(&mut self, path: &Path) -> Result<Followed, StoreError> {
        let is_same = file::resolved(path) == self.path;
        if is_same && !self.is_replaced() {
            return Ok(Followed::Unchanged);
        }
        match Self::open(path) {
            Ok(other) => *self = other,
            Err(error) if is_same && error.is_unreadable() && self.can_be_written_back() => {
                self.write_back()?;
                return Ok(Followed::WrittenBack);
            }
            Err(error) => return Err(error),
        }
        Ok(Followed::Replaced)
    }

    /// Tells whether the file that has lost its name is whole, and was not lost on purpose: `purge` removes the copies
    /// first. Its folder must be on the same volume as before: in the place of a volume that is not mounted, a database
    /// would be forgotten with the next mount.
    fn can_be_written_back(&self) -> bool {
        let volume = file::identity(file::folder(&self.path)).map(|(volume, _)| volume);
        volume.is_ok_and(|volume| volume == self.identity.0)
            && Self::has_copy(&self.path)
            && open::integrity_errors(&self.db, "quick_check(1)").is_ok_and(|errors| errors.is_empty())
    }

    /// Writes the open database to its path. Another file there is set aside.
    fn write_back(&mut self) -> Result<(), StoreError> {
        let draft = file::suffixed(&self.path, ".rebuilt");
        file::copy(&self.db, &draft, IfExists::Replace).map_err(|error| error.at(&self.path))?;
        file::replace(&self.path, &draft)?;
        *self = Self::open(&self.path)?;
        Ok(())
    }
}
