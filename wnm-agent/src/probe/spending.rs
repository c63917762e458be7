//! The tokens that uploads may spend in a day.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use wnm_core::Timestamp;
use wnm_core::probe::{Atto, day_of};

/// The name of the record in the folder of the probes.
const NAME: &str = "spending";
/// The length of the record, in bytes. It is written as a whole, so that no reader finds half of it.
const LENGTH: usize = 64;

/// The spending of a day, which begins at midnight UTC.
///
/// A price is reserved in a file before an upload starts, so that all uploads together never exceed the limit: those of a
/// daemon, those of commands beside it, and those of a wnm that was killed before it stored them.
#[derive(Debug, Clone)]
pub struct Spending {
    limit: Atto,
    /// The tokens of the uploads that the database has, with their day; without the file they still count.
    stored: Day,
    file: PathBuf,
}

/// The tokens of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Day {
    number: i64,
    spent: Atto,
}

/// A price that was reserved.
#[derive(Debug)]
#[must_use]
pub struct Reservation {
    day: i64,
    price: Atto,
}

/// A price is not reserved.
#[derive(Debug, thiserror::Error)]
pub enum NotReserved {
    /// The limit of the day would be exceeded.
    #[error("the price of {0} exceeds the rest of the day")]
    Exceeded(Atto),
    /// The record of the day cannot be used.
    #[error("cannot record the price in {path}: {source}", path = path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl Spending {
    /// Returns the spending with a limit a day, recorded in this folder. The database has uploads of `stored` tokens on the
    /// day of `now`.
    #[must_use]
    pub fn new(folder: &Path, limit: Atto, stored: Atto, now: Timestamp) -> Self {
        Self { limit, stored: Day { number: day_of(now), spent: stored }, file: folder.join(NAME) }
    }

    /// Sets the limit a day.
    pub fn set_limit(&mut self, limit: Atto) {
        self.limit = limit;
    }

    /// Returns the tokens of today that are spent or reserved. A record that cannot be read counts when an upload starts.
    #[must_use]
    pub fn spent(&self, now: Timestamp) -> Atto {
        let recorded = File::open(&self.file).and_then(|file| read(&file)).unwrap_or_default();
        self.today(recorded, now).spent
    }

    /// Tells whether another upload may ask for its price.
    #[must_use]
    pub fn is_left(&self, now: Timestamp) -> bool {
        self.spent(now) < self.limit
    }

    /// Reserves a price, durably.
    ///
    /// # Errors
    /// The limit would be exceeded, or the record of the day cannot be read or written. Nothing is reserved.
    pub fn reserve(&self, price: Atto, now: Timestamp) -> Result<Reservation, NotReserved> {
        let failed = |source| NotReserved::Record { path: self.file.clone(), source };
        let file = self.open().map_err(failed)?;
        let Day { number, spent } = self.today(read(&file).map_err(failed)?, now);
        let sum = spent.plus(price);
        if sum > self.limit {
            return Err(NotReserved::Exceeded(price));
        }
        write(&file, Day { number, spent: sum }).map_err(failed)?;
        Ok(Reservation { day: number, price })
    }

    /// Replaces a reserved price by the tokens that the upload spent. An upload that does not tell them has spent its
    /// price.
    pub fn settle(&self, reserved: &Reservation, paid: Option<Atto>) {
        let Some(paid) = paid.filter(|paid| *paid != reserved.price) else { return };
        let settled = self.open().and_then(|file| {
            let Day { number, spent } = read(&file)?;
            // The price of an upload over midnight stays with the day before.
            if number != reserved.day {
                return Ok(());
            }
            write(&file, Day { number, spent: Atto(spent.0.saturating_sub(reserved.price.0)).plus(paid) })
        });
        if let Err(error) = settled {
            tracing::warn!(path = %self.file.display(), %error, "the price of an upload counts instead of its cost");
        }
    }

    /// Returns the day of `now` with its tokens. Those of a later day count too: a clock that goes back to an earlier day
    /// allows nothing more.
    fn today(&self, recorded: Day, now: Timestamp) -> Day {
        let number = day_of(now);
        let of = |day: Day| if day.number >= number { day.spent } else { Atto::default() };
        Day { number, spent: of(recorded).max(of(self.stored)) }
    }

    /// Opens the record, which no other process changes meanwhile.
    fn open(&self) -> io::Result<File> {
        if let Some(folder) = self.file.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
        let file = options.open(&self.file)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }
}

fn read(file: &File) -> io::Result<Day> {
    let mut record = [0; LENGTH];
    let length = file.read_at(&mut record, 0)?;
    if length == 0 {
        return Ok(Day::default());
    }
    let text = record.get(..length).and_then(|record| std::str::from_utf8(record).ok()).unwrap_or_default();
    let day = text.split_once(' ').and_then(|(number, spent)| {
        Some(Day { number: number.parse().ok()?, spent: Atto(spent.trim().parse().ok()?) })
    });
    day.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "no record of a day; without the file, that of the database counts")
    })
}

fn write(file: &File, day: Day) -> io::Result<()> {
    let text = format!("{} {}", day.number, day.spent.0);
    file.write_all_at(format!("{text:<width$}\n", width = LENGTH - 1).as_bytes(), 0)?;
    // Before the payment.
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * 60 * 60 * 1000)
    }

    fn spending(folder: &tempfile::TempDir, stored: u128, now: Timestamp) -> Spending {
        Spending::new(folder.path(), Atto(10), Atto(stored), now)
    }

    #[test]
    fn uploads_of_all_processes_stay_below_the_limit_together() {
        let folder = tempfile::tempdir().unwrap();
        let (daemon, command) = (spending(&folder, 3, at(1)), spending(&folder, 3, at(1)));
        let first = daemon.reserve(Atto(4), at(1)).unwrap();
        assert!(matches!(command.reserve(Atto(4), at(2)), Err(NotReserved::Exceeded(Atto(4)))));
        daemon.settle(&first, Some(Atto(1)));
        let second = command.reserve(Atto(6), at(2)).unwrap();
        assert!(!daemon.is_left(at(3)));
        command.settle(&second, None);
        assert_eq!(daemon.spent(at(4)), Atto(10));
        // The process that was killed had stored nothing.
        assert_eq!(spending(&folder, 0, at(4)).spent(at(4)), Atto(10));
    }

    #[test]
    fn each_day_has_its_own_limit_and_the_clock_never_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut spending = spending(&folder, 10, at(23));
        assert!(!spending.is_left(at(23)));
        let midnight = spending.reserve(Atto(10), at(24)).unwrap();
        assert!(!spending.is_left(at(1)));
        let _next = spending.reserve(Atto(7), at(48)).unwrap();
        spending.settle(&midnight, Some(Atto(1)));
        assert_eq!(spending.spent(at(49)), Atto(7));
        spending.set_limit(Atto(0));
        assert!(!spending.is_left(at(72)));
    }

    #[test]
    fn record_that_cannot_be_used_reserves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let refused = || spending(&folder, 0, at(1)).reserve(Atto(1), at(1)).unwrap_err().to_string();
        fs::write(&path, "much").unwrap();
        assert!(refused().contains("no record of a day"), "{}", refused());
        fs::remove_file(&path).unwrap();
        // A link to a file that could be read and written.
        let other = folder.path().join("other");
        fs::write(&other, "").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(matches!(spending(&folder, 0, at(1)).reserve(Atto(1), at(1)), Err(NotReserved::Record { .. })));
        assert_eq!(spending(&folder, 4, at(1)).spent(at(1)), Atto(4));
    }
}
