//! The unix socket of a daemon: made in private and put in place at once, so that it never has wider permissions.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::control::with_short_path;

/// A listening socket, whose file disappears with it.
#[derive(Debug)]
pub(super) struct ControlSocket {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

/// The file of a socket, which is removed with this value.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode: another daemon may have put its socket in place.
    identity: (u64, u64),
}

/// The reason why a daemon has no socket.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocketError {
    /// Another daemon listens.
    #[error("another daemon listens on it")]
    Taken,
    /// The file cannot be made.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ControlSocket {
    /// Listens on `path` with mode 0600. Replaces the file of a daemon that has ended without removing it.
    pub(super) fn bind(path: &Path) -> Result<Self, SocketError> {
        if with_short_path(path, |path| UnixStream::connect(path)).is_ok() {
            return Err(SocketError::Taken);
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        // Only this user can reach a socket in a folder of mode 0700, whatever the umask is.
        let private = tempfile::Builder::new().prefix(".wnm-socket-").tempdir_in(folder)?;
        let draft = private.path().join("s");
        let listener = with_short_path(&draft, |path| UnixListener::bind(path))?;
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o600))?;
        let metadata = fs::symlink_metadata(&draft)?;
        fs::rename(&draft, path)?;
        let file = SocketFile { path: path.to_path_buf(), identity: (metadata.dev(), metadata.ino()) };
        Ok(Self { listener, file })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity);
        if is_ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileTypeExt;

    use super::*;

    #[test]
    fn socket_is_private_and_disappears() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db.sock");
        let socket = ControlSocket::bind(&path).unwrap();
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the private folder is gone");
        assert!(matches!(ControlSocket::bind(&path), Err(SocketError::Taken)));
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn file_of_a_killed_daemon_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "the file outlives its listener");
        let socket = ControlSocket::bind(&path).unwrap();
        UnixStream::connect(&path).unwrap();
        // Another daemon took the place: its file stays.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        drop(socket);
        assert!(path.exists());
    }

    #[test]
    fn long_path_has_a_socket_too() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("x".repeat(120));
        fs::create_dir(&long).unwrap();
        let path = long.join("wnm.db.sock");
        let _socket = ControlSocket::bind(&path).unwrap();
        with_short_path(&path, |path| UnixStream::connect(path)).unwrap();
    }

    #[test]
    fn folder_in_the_place_of_the_socket_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db.sock");
        fs::create_dir(&path).unwrap();
        assert!(matches!(ControlSocket::bind(&path), Err(SocketError::Io(_))));
        assert!(path.is_dir());
    }
}
