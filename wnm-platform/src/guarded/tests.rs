//! Links, pipes and folders that other users made or can exchange.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn chown(path: &Path, user: u32) {
    rustix::fs::chownat(
        rustix::fs::CWD,
        path,
        Some(Uid::from_raw(user)),
        Some(Gid::from_raw(user)),
        AtFlags::SYMLINK_NOFOLLOW,
    )
    .unwrap();
}

#[test]
fn only_regular_files_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), "text").unwrap();
    symlink(at("file"), at("link")).unwrap();
    make_pipe(&at("fifo"));
    std::fs::create_dir(at("folder")).unwrap();
    assert_eq!(read(&at("file"), 4, Trust::Owner).unwrap(), b"text");
    assert_eq!(read(&at("file"), 3, Trust::Anyone).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    assert_eq!(tail(&at("file"), 2).unwrap(), (b"xt".to_vec(), 2));
    assert_eq!(head(&at("file"), 2).unwrap(), b"te");
    for bad in ["link", "fifo", "folder"] {
        assert!(open(&at(bad), Trust::Anyone).is_err(), "{bad}");
        assert!(open_or_create(&at(bad), 0o600).is_err(), "{bad}");
    }
    assert!(open(Path::new("/dev/zero"), Trust::Anyone).is_err());
    assert_eq!(open(&at("none"), Trust::Anyone).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn file_that_others_write_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "text").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o646)).unwrap();
    assert!(open(&path, Trust::Owner).is_err());
    assert!(open(&path, Trust::Anyone).is_ok());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(open(&path, Trust::Owner).is_ok());
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn file_of_another_user_is_not_trusted_as_root() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "text").unwrap();
    assert!(open(&path, Trust::Owner).is_ok());
    chown(&path, 65534);
    assert!(open(&path, Trust::Owner).is_err());
}

/// A folder with links: `node/logs` leads to `real/inner`, in the folder of a node.
fn linked() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("real/inner")).unwrap();
    std::fs::create_dir(at("node")).unwrap();
    std::fs::write(at("real/inner/file"), "text").unwrap();
    symlink("../real/./inner/../inner", at("node/logs")).unwrap();
    symlink(at("real"), at("storage")).unwrap();
    symlink("turn", at("turn")).unwrap();
    folder
}

/// Asserts that no access follows the link `node/logs`.
#[track_caller]
fn assert_not_followed(folder: &Path) {
    let paths = [folder.join("node/logs/file"), folder.join("node/logs/new/file")];
    assert!(open(&paths[0], Trust::Anyone).is_err());
    assert!(write(&paths[0], b"x", 0o600).is_err());
    assert!(remove(&paths[0]).is_err());
    assert!(make_folder(&paths[1]).is_err());
    assert!(facts(&paths[0]).is_err());
    assert_eq!(std::fs::read(folder.join("real/inner/file")).unwrap(), b"text");
}

#[test]
fn links_that_others_can_exchange_are_not_followed() {
    let folder = linked();
    let at = |name: &str| folder.path().join(name);
    assert!(open(&at("storage/inner/file"), Trust::Owner).is_ok());
    assert!(open(&at("node/logs/file"), Trust::Owner).is_ok());
    assert!(open(&at("turn/file"), Trust::Anyone).is_err());
    std::fs::set_permissions(at("node"), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert_not_followed(folder.path());
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn links_of_other_users_are_not_followed_as_root() {
    let folder = linked();
    let at = |name: &str| folder.path().join(name);
    chown(&at("node"), 65534);
    assert_not_followed(folder.path());
    chown(&at("node"), 0);
    assert!(open(&at("node/logs/file"), Trust::Owner).is_ok());
    chown(&at("node/logs"), 65534);
    assert_not_followed(folder.path());
}

#[test]
fn link_in_the_place_of_a_file_is_followed_where_no_other_user_can_exchange_it() {
    let folder = linked();
    let at = |name: &str| folder.path().join(name);
    symlink("inner/file", at("real/first")).unwrap();
    symlink(at("storage/first"), at("node/second")).unwrap();
    symlink("nothing", at("node/dangling")).unwrap();
    make_pipe(&at("pipe"));
    symlink("../pipe", at("node/pipe")).unwrap();
    let read = |name: &str| open_followed(&at(name), Trust::Owner).and_then(io::read_to_string);
    for name in ["real/inner/file", "real/first", "node/second"] {
        assert_eq!(read(name).unwrap(), "text", "{name}");
    }
    assert_eq!(read("node/dangling").unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(read("node/pipe").is_err() && read("node").is_err() && read("turn").is_err());
    std::fs::set_permissions(at("node"), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(read("node/second").is_err() && read("node/dangling").is_err_and(|error| !is_missing(&error)));
}

#[test]
fn lines_are_added_behind_no_link_of_another_user() {
    let folder = linked();
    let at = |name: &str| folder.path().join(name);
    symlink("inner/file", at("real/first")).unwrap();
    symlink(at("real/first"), at("node/lines")).unwrap();
    let append = |name: &str| open_to_append(&at(name), 0o640).and_then(|mut file| file.write_all(b" more"));
    append("real/inner/file").unwrap();
    append("node/lines").unwrap();
    append("real/new").unwrap();
    open_to_append(Path::new("/dev/null"), 0o640).unwrap();
    assert_eq!(std::fs::read(at("real/new")).unwrap(), b" more");
    make_pipe(&at("pipe"));
    assert!(append("pipe").is_err(), "without a reader");
    assert!(append("node").is_err() && append("none/new").is_err());
    std::fs::set_permissions(at("node"), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(append("node/lines").is_err() && append("node/logs/file").is_err());
    assert_eq!(std::fs::read(at("real/inner/file")).unwrap(), b"text more more");
}

#[test]
fn folder_that_was_exchanged_does_not_move() {
    let folder = linked();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("logs")).unwrap();
    let id = folder_id(&at("logs")).unwrap().unwrap();
    std::fs::rename(at("logs"), at("old")).unwrap();
    assert!(move_folder(&at("logs"), id, &at("trash")).is_err());
    std::fs::create_dir(at("logs")).unwrap();
    assert!(move_folder(&at("logs"), id, &at("trash")).is_err());
    std::fs::remove_dir(at("logs")).unwrap();
    symlink(at("old"), at("logs")).unwrap();
    assert_eq!(folder_id(&at("logs")).unwrap(), None);
    assert!(move_folder(&at("logs"), id, &at("trash")).is_err());
    assert!(move_folder(&at("old"), id, &at("real")).is_err(), "the other path exists");
    assert!(at("old").exists() && !at("trash").exists());
    move_folder(&at("old"), id, &at("trash")).unwrap();
    assert!(at("trash").exists());
}

#[test]
fn files_are_replaced_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    make_folder(&at("a/b")).unwrap();
    make_folder(&at("a/b")).unwrap();
    // The leftover of another user is neither written nor followed.
    std::fs::write(at("victim"), "victim").unwrap();
    symlink(at("victim"), at("a/b/file.tmp")).unwrap();
    write(&at("a/b/file"), b"one", 0o640).unwrap();
    assert_eq!(std::fs::metadata(at("a/b/file")).unwrap().permissions().mode() & 0o777, 0o640);
    let failed = replace(&at("a/b/file"), 0o640, |file| {
        file.write_all(b"half")?;
        Err::<(), _>(io::ErrorKind::StorageFull.into())
    });
    assert!(failed.is_err());
    assert_eq!(std::fs::read(at("a/b/file")).unwrap(), b"one");
    assert_eq!(std::fs::read(at("victim")).unwrap(), b"victim");
    for _ in 0..2 {
        link(&at("a/b/file"), &at("second")).unwrap();
    }
    assert_eq!(std::fs::read(at("second")).unwrap(), b"one");
    rename(&at("second"), &at("third")).unwrap();
    remove(&at("third")).unwrap();
    remove(&at("third")).unwrap();
    remove(&at("none/third")).unwrap();
    let mut left: Vec<_> = std::fs::read_dir(at("a/b")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["file"]);
}
