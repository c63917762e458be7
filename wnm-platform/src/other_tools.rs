//! Files of other tools, which their users can exchange while root takes over their nodes: a file is never a link, and always a
//! regular one, and a link on the way counts only where root or the user of wnm made it.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::guarded::{self, Trust};

/// Opens a file. Here a link in its place counts under the same conditions as one on the way.
///
/// # Errors
/// The file is missing, a link of another user, or not a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    followed(path, Trust::Anyone)
}

/// As [`open`], for a file that names programs and variables with which wnm runs them.
///
/// # Errors
/// As [`open`], or another user can write the file.
pub fn open_own(path: &Path) -> io::Result<File> {
    followed(path, Trust::Owner)
}

/// Opens a file or a pipe for lines at its end, and creates a file of this mode if it is missing.
///
/// # Errors
/// As [`open`], or the file cannot be created or written, or the pipe has no reader.
pub fn open_to_append(path: &Path, mode: u32) -> io::Result<File> {
    guarded::open_to_append(path, mode).map_err(of_link)
}

fn followed(path: &Path, trust: Trust) -> io::Result<File> {
    guarded::open_followed(path, trust).map_err(of_link)
}

/// Names the link of another user, which the system calls one link of too many.
fn of_link(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
            io::Error::other("another user made a symbolic link on its path: give the path of the file itself")
        }
        _ => error,
    }
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// The file is missing, a link, not a regular file, or longer.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    guarded::read(path, limit, Trust::Anyone)
}

/// Reads a whole file of at most `limit` bytes that names programs which wnm runs: no other user than root and that of wnm
/// may write it.
///
/// # Errors
/// As [`read`], or another user can write the file.
pub fn read_own(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    guarded::read(path, limit, Trust::Owner)
}

/// Writes a file: after a crash it has the old or the new content.
///
/// # Errors
/// The folder is missing or not writable.
pub fn write(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    guarded::write(path, text, mode)
}

/// Opens a lock file, and creates it if it is missing. Its content stays.
///
/// # Errors
/// The file is a link or not a regular file, or cannot be created.
pub fn lock_file(path: &Path) -> io::Result<File> {
    guarded::open_or_create(path, 0o644)
}

/// Renames a file within its folder.
///
/// # Errors
/// The file is missing, or the folder is not writable.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    guarded::rename(from, to)
}

/// Removes a file or a link, if it exists.
///
/// # Errors
/// The folder is not writable.
pub fn remove(path: &Path) -> io::Result<()> {
    guarded::remove(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{chown, lchown, symlink};

    use super::*;

    #[test]
    fn neither_links_nor_fifos_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("own"), "secret").unwrap();
        symlink(at("own"), at("link")).unwrap();
        symlink(at("new"), at("dangling")).unwrap();
        guarded::make_pipe(&at("fifo"));
        for name in ["link", "dangling", "fifo"] {
            assert!(read(&at(name), 100).is_err() && lock_file(&at(name)).is_err(), "{name}");
        }
        assert!(!at("new").exists());
        // A file takes the place of the link.
        write(&at("link"), b"copy", 0o600).unwrap();
        assert_eq!(
            (fs::read(at("own")).unwrap(), fs::read(at("link")).unwrap()),
            (b"secret".to_vec(), b"copy".to_vec())
        );
        assert!(read(&at("own"), 5).is_err() && read(&at("own"), 6).is_ok());
    }

    #[test]
    #[ignore = "needs root; .ci/root-tests runs it"]
    fn links_of_another_user_on_the_way_are_not_followed_as_root() {
        const OTHER: u32 = 12345;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["theirs", "own"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("own/file"), "of root").unwrap();
        chown(at("theirs"), Some(OTHER), Some(OTHER)).unwrap();
        symlink(at("own"), at("theirs/way")).unwrap();
        lchown(at("theirs/way"), Some(OTHER), Some(OTHER)).unwrap();
        let file = at("theirs/way/file");
        assert!(read(&file, 100).is_err());
        assert!(write(&file, b"theirs", 0o600).is_err());
        assert!(lock_file(&at("theirs/way/lock")).is_err());
        assert!(rename(&file, &at("theirs/way/renamed")).is_err());
        assert!(remove(&file).is_err());
        let names: Vec<_> = fs::read_dir(at("own")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["file"]);
        assert_eq!(fs::read(at("own/file")).unwrap(), b"of root");
    }
}
