//! The one way to open files that a node or another user can write.
//!
//! A path is followed one folder at a time, and each folder is held open while the next one is opened below it, so that
//! no other process can exchange a part of the path meanwhile. A symbolic link on the way counts only where root or the
//! user of wnm made it, in a folder that no other user can write. The file itself is never a link, and always a regular
//! file: opening a FIFO would otherwise wait for ever.

mod way;
mod writers;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use crate::volume;
pub(crate) use way::is_own_user;
use way::{MAX_LINKS, Missing, may_follow, walk};
pub(crate) use writers::others_can_write;

/// Flags of every file: no link, no wait for the other end of a FIFO, no controlling terminal.
const PLAIN: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// The owners whose files count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Any owner: the content is only input.
    Anyone,
    /// Root and the user of wnm, and only files that no other user can write: the content decides about other files.
    Owner,
}

/// A folder that stays the same while it is held, whatever happens to its path.
#[derive(Debug)]
pub(crate) struct HeldFolder(Arc<OwnedFd>, PathBuf);

impl HeldFolder {
    /// Opens a folder.
    ///
    /// # Errors
    /// The folder does not exist, or a link on the way was made by another user.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        volume::io(path, |path| Self::at(path, Missing::Fail))
    }

    /// Opens a folder, and creates it and its parents where they are missing.
    ///
    /// # Errors
    /// A folder cannot be created, or a link on the way was made by another user.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        volume::io(path, |path| Self::at(path, Missing::Create))
    }

    fn at(path: &Path, missing: Missing) -> io::Result<Self> {
        Ok(Self(Arc::new(walk(path, missing)?), path.to_owned()))
    }

    /// Returns the descriptor of the folder.
    pub(crate) fn descriptor(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.0)
    }

    /// Returns owner, mode and kind of the folder.
    ///
    /// # Errors
    /// The system call fails.
    pub(crate) fn facts(&self) -> io::Result<Stat> {
        let folder = Arc::clone(&self.0);
        volume::io(&self.1, move |_| Ok(rustix::fs::fstat(folder)?))
    }

    /// Changes the owner of the folder itself, not of its contents.
    ///
    /// # Errors
    /// The process is not root.
    pub(crate) fn give_to(&self, user: u32, group: u32) -> io::Result<()> {
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        let held = Self(Arc::clone(&self.0), self.1.clone());
        volume::io(&self.1, move |_| Ok(rustix::fs::fchown(held.readable()?, Some(user), Some(group))?))
    }

    /// Returns the descriptor of the folder for calls that need more than its place.
    fn readable(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, ".", flags, Mode::empty())?)
    }

    /// Opens a regular file in the folder.
    fn file(&self, name: &OsStr, flags: OFlags, mode: u32) -> io::Result<File> {
        let opened = rustix::fs::openat(&self.0, name, flags | PLAIN, mode_of(mode))?;
        let facts = rustix::fs::fstat(&opened)?;
        if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(File::from(opened))
    }

    /// Creates an empty file, and replaces the leftover of an interrupted attempt.
    fn new_file(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        self.remove(name)?;
        self.file(name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL, mode)
    }

    /// Removes a file or a link, if it exists.
    fn remove(&self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Flushes the folder: a rename is durable only after an fsync of its folder.
    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.readable()?)?)
    }
}

/// Opens a file for reading.
///
/// # Errors
/// The file is missing, a link, not a regular file, or has an owner that does not count.
pub(crate) fn open(path: &Path, trust: Trust) -> io::Result<File> {
    volume::io(path, move |path| {
        let (folder, name) = place(path, Missing::Fail)?;
        trusted(folder.file(&name, OFlags::RDONLY, 0)?, trust)
    })
}

/// Returns a file, if its owner counts.
fn trusted(file: File, trust: Trust) -> io::Result<File> {
    if trust == Trust::Owner && !is_own(&rustix::fs::fstat(&file)?) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "another user can write it"));
    }
    Ok(file)
}

/// As [`open`], but follows a link in the place of the file where one on the way would be followed.
///
/// # Errors
/// The file is missing, not a regular file, or a link that another user made or can exchange.
pub(crate) fn open_followed(path: &Path, trust: Trust) -> io::Result<File> {
    volume::io(path, move |path| trusted(followed(path, |folder, name| folder.file(name, OFlags::RDONLY, 0))?, trust))
}

/// Opens a file, a FIFO or a character device for writing at its end, and creates a file if it is missing. A link in its
/// place counts as in [`open_followed`].
///
/// # Errors
/// The path is a link that another user made or can exchange, or a folder, a FIFO has no reader, or the file cannot be
/// created.
pub(crate) fn open_to_append(path: &Path, mode: u32) -> io::Result<File> {
    volume::io(path, move |path| {
        followed(path, |folder, name| {
            let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | PLAIN;
            let opened = rustix::fs::openat(&folder.0, name, flags, mode_of(mode))?;
            match FileType::from_raw_mode(rustix::fs::fstat(&opened)?.st_mode) {
                FileType::RegularFile | FileType::Fifo | FileType::CharacterDevice => Ok(File::from(opened)),
                _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file or a pipe")),
            }
        })
    })
}

/// Opens the file of a path, and follows a link in its place where one on the way would be followed.
fn followed(path: &Path, open: impl Fn(&HeldFolder, &OsStr) -> io::Result<File>) -> io::Result<File> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let (folder, name) = place(&path, Missing::Fail)?;
        let is_link = |error: &io::Error| Errno::from_io_error(error).is_some_and(|error| error == Errno::LOOP);
        match open(&folder, &name) {
            Err(error) if is_link(&error) && may_follow(&folder.0, &name)? => {
                let target = rustix::fs::readlinkat(&folder.0, &*name, Vec::new())?;
                path = folder.1.join(OsString::from_vec(target.into_bytes()));
            }
            opened => return opened,
        }
    }
    Err(Errno::LOOP.into())
}

/// Opens a file for reading and writing, and creates it if it is missing.
///
/// # Errors
/// The file is a link or not a regular file, or cannot be created.
pub(crate) fn open_or_create(path: &Path, mode: u32) -> io::Result<File> {
    volume::io(path, move |path| {
        let (folder, name) = place(path, Missing::Fail)?;
        folder.file(&name, OFlags::RDWR | OFlags::CREATE, mode)
    })
}

/// Empties a file, and creates it if it is missing.
///
/// # Errors
/// As [`open_or_create`].
pub(crate) fn empty(path: &Path, mode: u32) -> io::Result<()> {
    volume::io_writing(path, move |path| open_or_create(path, mode)?.set_len(0))
}

/// Sets the time of the last change of a file that no other user can write.
///
/// # Errors
/// As [`open`].
pub(crate) fn set_modified(path: &Path, time: SystemTime) -> io::Result<()> {
    volume::io_writing(path, move |path| open(path, Trust::Owner)?.set_modified(time))
}

/// Reads a whole file up to a size limit, in bytes.
///
/// # Errors
/// As [`open`], or the file is longer.
pub(crate) fn read(path: &Path, limit: u64, trust: Trust) -> io::Result<Vec<u8>> {
    volume::io(path, move |path| {
        let mut text = Vec::new();
        open(path, trust)?.take(limit + 1).read_to_end(&mut text)?;
        if text.len() as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {limit} bytes")));
        }
        Ok(text)
    })
}

/// Reads the first bytes of a file.
///
/// # Errors
/// As [`open`].
pub(crate) fn head(path: &Path, length: u64) -> io::Result<Vec<u8>> {
    volume::io(path, move |path| {
        let mut text = Vec::new();
        open(path, Trust::Anyone)?.take(length).read_to_end(&mut text)?;
        Ok(text)
    })
}

/// Reads the last bytes of a file. Returns also the number of bytes before them.
///
/// # Errors
/// As [`open`].
pub(crate) fn tail(path: &Path, length: u64) -> io::Result<(Vec<u8>, u64)> {
    volume::io(path, move |path| {
        let mut file = open(path, Trust::Anyone)?;
        let skipped = file.metadata()?.len().saturating_sub(length);
        file.seek(SeekFrom::Start(skipped))?;
        let mut text = Vec::new();
        file.take(length).read_to_end(&mut text)?;
        Ok((text, skipped))
    })
}

/// Writes a file atomically: after a crash it has the old or the new content.
///
/// # Errors
/// The folder is missing or not writable.
pub(crate) fn write(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let text = text.to_vec();
    replace(path, mode, move |file| file.write_all(&text))
}

/// Fills a new file and puts it in the place of another one. After a crash the path has the old or the new file.
///
/// # Errors
/// The folder is missing or not writable, or `fill` fails; the half-written file is then removed.
pub(crate) fn replace<T: Send + 'static>(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut File) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    volume::io_writing(path, move |path| {
        let (folder, name) = place(path, Missing::Fail)?;
        let half = half(&name);
        let filled = folder.new_file(&half, mode).and_then(|mut file| {
            let filled = fill(&mut file)?;
            // The mode of a new file is reduced by the umask.
            rustix::fs::fchmod(&file, mode_of(mode))?;
            file.sync_all()?;
            folder.rename(&half, &name)?;
            folder.sync()?;
            Ok(filled)
        });
        if filled.is_err() {
            // On a full disk a partial file would stay and keep it full.
            let _ = folder.remove(&half);
        }
        filled
    })
}

/// Gives a file a second name beside or elsewhere on the same volume, in the place of another file.
///
/// # Errors
/// The source is missing or a link, or the file system has no hard links.
pub(crate) fn link(from: &Path, to: &Path) -> io::Result<()> {
    let from = from.to_owned();
    volume::io_writing(to, move |to| {
        let (source, old) = place(&from, Missing::Fail)?;
        let (target, new) = place(to, Missing::Fail)?;
        let half = half(&new);
        target.remove(&half)?;
        rustix::fs::linkat(&source.0, &*old, &target.0, &*half, AtFlags::empty())?;
        // rename(2) of two names of one file does nothing, and the half name would stay.
        let renamed = target.rename(&half, &new).and_then(|()| target.remove(&half)).and_then(|()| target.sync());
        if renamed.is_err() {
            let _ = target.remove(&half);
        }
        renamed
    })
}

/// Renames a file within its folder.
///
/// # Errors
/// The file is missing, or the folder is not writable.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let Some(new) = to.file_name().filter(|_| from.parent() == to.parent()).map(OsStr::to_owned) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    volume::io_writing(from, move |from| {
        let (folder, old) = place(from, Missing::Fail)?;
        folder.rename(&old, &new)?;
        folder.sync()
    })
}

/// Device and inode of a folder, which its path may name no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FolderId(u64, u64);

#[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "the fields differ between operating systems")]
impl FolderId {
    fn of(facts: &Stat) -> Self {
        Self(facts.st_dev as u64, facts.st_ino as u64)
    }
}

/// Returns the identity of a folder; None when the path is no folder, is a link, or does not exist.
///
/// # Errors
/// A link on the way was made by another user.
pub(crate) fn folder_id(path: &Path) -> io::Result<Option<FolderId>> {
    let is_folder = |facts: &Stat| FileType::from_raw_mode(facts.st_mode) == FileType::Directory;
    Ok(facts(path)?.filter(is_folder).as_ref().map(FolderId::of))
}

/// Moves exactly this folder to a path that does not exist, on the same volume.
///
/// # Errors
/// The path is another folder or a link by now, the other path exists, or a link on the way was made by another user.
pub(crate) fn move_folder(from: &Path, id: FolderId, to: &Path) -> io::Result<()> {
    let to = to.to_owned();
    volume::io_writing(from, move |from| {
        let ((source, old), (target, new)) = (place(from, Missing::Fail)?, place(&to, Missing::Fail)?);
        let is_it = |folder: &HeldFolder, name: &OsStr| {
            let facts = rustix::fs::statat(&folder.0, name, AtFlags::SYMLINK_NOFOLLOW);
            facts.is_ok_and(|facts| FolderId::of(&facts) == id)
        };
        let exchanged = || io::Error::new(io::ErrorKind::NotADirectory, "another folder has its place");
        if !is_it(&source, &old) {
            return Err(exchanged());
        }
        if rustix::fs::statat(&target.0, &*new, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        rustix::fs::renameat(&source.0, &*old, &target.0, &*new)?;
        if !is_it(&target, &new) {
            // Another process exchanged it at the same moment.
            rustix::fs::renameat(&target.0, &*new, &source.0, &*old)?;
            return Err(exchanged());
        }
        source.sync().and_then(|()| target.sync())
    })
}

/// Removes a file or a link, if it exists.
///
/// # Errors
/// The folder is not writable.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    volume::io_writing(path, |path| match place(path, Missing::Fail) {
        Ok((folder, name)) => folder.remove(&name),
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(error),
    })
}

/// Creates a folder and its parents, unless they exist.
///
/// # Errors
/// A folder cannot be created, or a link on the way was made by another user.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    volume::io_writing(path, |path| HeldFolder::create(path).map(drop))
}

/// Flushes the folder of a file.
///
/// # Errors
/// The folder is missing, or the system call fails.
pub(crate) fn sync_folder(file: &Path) -> io::Result<()> {
    volume::io_writing(file, |file| place(file, Missing::Fail)?.0.sync())
}

/// Returns the facts of a file without following it; None when it does not exist.
///
/// # Errors
/// A link on the way was made by another user.
pub(crate) fn facts(path: &Path) -> io::Result<Option<Stat>> {
    volume::io(path, |path| {
        let found = place(path, Missing::Fail)
            .and_then(|(folder, name)| Ok(rustix::fs::statat(&folder.0, &*name, AtFlags::SYMLINK_NOFOLLOW)?));
        match found {
            Ok(facts) => Ok(Some(facts)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    })
}

/// Tells whether no other user than root and that of wnm can write a file or folder with these facts.
pub(crate) fn is_own(facts: &Stat) -> bool {
    is_own_user(facts.st_uid) && !others_can_write(facts.st_mode, facts.st_gid)
}

/// Tells whether an error means that the path does not exist.
pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Opens the folder of a file and returns the name of the file in it.
fn place(path: &Path, missing: Missing) -> io::Result<(HeldFolder, OsString)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((HeldFolder::at(folder, missing)?, name))
}

/// Returns the name of a file while it is written.
fn half(name: &OsStr) -> OsString {
    let mut half = name.to_owned();
    half.push(".tmp");
    half
}

#[allow(clippy::useless_conversion, reason = "the width of a mode differs between operating systems")]
fn mode_of(mode: u32) -> Mode {
    Mode::from_raw_mode(mode.try_into().unwrap_or(0o600))
}

/// Makes a named pipe. rustix has no call for it on macOS.
#[cfg(test)]
pub(crate) fn make_pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().is_ok_and(|status| status.success()));
}

/// Makes a log folder that is a link to another folder with a log, in a folder that every user can write.
#[cfg(test)]
pub(crate) fn linked_logs(folder: &Path, log: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let [other, node] = ["other", "node"].map(|name| folder.join(name));
    for folder in [&other, &node] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::write(other.join(log), "a secret\n").unwrap();
    std::os::unix::fs::symlink(&other, node.join("logs")).unwrap();
    std::fs::set_permissions(&node, std::fs::Permissions::from_mode(0o777)).unwrap();
    node.join("logs")
}

#[cfg(test)]
mod tests;
