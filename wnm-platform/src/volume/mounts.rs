//! The mounts of this host: which file system a path is on. Linux tells them in `/proc/self/mountinfo`, without a call on
//! the path, and macOS in `statfs`.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// The file of the kernel with all mounts that this process sees; see proc(5).
#[cfg(not(target_os = "macos"))]
const MOUNTINFO: &str = "/proc/self/mountinfo";

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// The number of the file system, `major:minor`. All subvolumes of one btrfs have the same.
    pub(super) number: String,
    /// The folder of the file system that is mounted; not `/` for bind mounts and subvolumes.
    root: PathBuf,
    /// The folder where it is mounted.
    pub(super) point: PathBuf,
    /// The type of the file system, such as `ext4`.
    pub(super) kind: String,
    /// The source, such as `/dev/sda1`, `tank/nodes` or `server:/export`.
    pub(super) source: OsString,
    /// The upper folder of an overlay; None for other file systems.
    pub(super) upper: Option<PathBuf>,
}

/// All mounts, in the order in which they were mounted.
#[derive(Debug, Clone, Default)]
pub(super) struct Mounts(Vec<Mount>);

impl Mounts {
    /// Reads the mounts of this process; none where the kernel has no such file.
    #[cfg(not(target_os = "macos"))]
    pub(super) fn around(_path: &Path) -> Self {
        Self::parse(&std::fs::read(MOUNTINFO).unwrap_or_default())
    }

    /// Reads the mount around an absolute path without links; none when its file system does not tell.
    #[cfg(target_os = "macos")]
    pub(super) fn around(path: &Path) -> Self {
        let text = |field: &[std::ffi::c_char]| {
            let bytes = field.iter().map(|byte| byte.cast_unsigned()).take_while(|byte| *byte != 0).collect();
            OsString::from_vec(bytes)
        };
        let mount = |status: rustix::fs::StatFs| {
            let source = text(&status.f_mntfromname);
            Mount {
                number: source.to_string_lossy().into_owned(),
                root: PathBuf::from("/"),
                point: PathBuf::from(text(&status.f_mntonname)),
                kind: text(&status.f_fstypename).to_string_lossy().into_owned(),
                source,
                upper: None,
            }
        };
        Self(rustix::fs::statfs(path).ok().map(mount).into_iter().collect())
    }

    /// Parses mounts. Lines that are not mounts are skipped.
    #[cfg(any(test, fuzzing, not(target_os = "macos")))]
    fn parse(text: &[u8]) -> Self {
        Self(text.split(|byte| *byte == b'\n').filter_map(mount).collect())
    }

    /// Returns the mount that contains an absolute path without links. Of two mounts on one folder the later one hides
    /// the earlier.
    pub(super) fn of(&self, path: &Path) -> Option<&Mount> {
        let around = self.0.iter().filter(|mount| path.starts_with(&mount.point));
        around.max_by_key(|mount| mount.point.as_os_str().len())
    }

    /// Returns the name of the space of a mount. Equal names mean shared space.
    pub(super) fn pool(&self, mount: &Mount) -> String {
        let source = mount.source.to_string_lossy();
        if mount.kind == "zfs" {
            // All datasets of a pool share its space.
            return format!("zfs:{}", source.split('/').next().unwrap_or_default());
        }
        if mount.kind == "apfs" {
            // All volumes of an APFS container share its space.
            return container_of(&source).map_or_else(|| mount.number.clone(), |disk| format!("apfs:{disk}"));
        }
        // The files of an overlay are in its upper folder.
        let upper = mount.upper.as_ref().and_then(|upper| self.of(upper)).filter(|below| below.kind != "overlay");
        upper.map_or_else(|| mount.number.clone(), |below| self.pool(below))
    }
}

impl Mount {
    /// Returns the place of a path inside the file system, the same after another mount of it.
    pub(super) fn place(&self, path: &Path) -> PathBuf {
        let rest = path.strip_prefix(&self.point).unwrap_or(path);
        if rest.as_os_str().is_empty() { self.root.clone() } else { self.root.join(rest) }
    }
}

/// Returns the disk of an APFS container from one of its volumes: `disk3` of `/dev/disk3s1`, or of its snapshot
/// `/dev/disk3s1s1`, from which macOS starts.
fn container_of(source: &str) -> Option<&str> {
    let name = source.strip_prefix("/dev/").unwrap_or(source);
    let number = name.strip_prefix("disk")?;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    let (disk, volume) = name.split_at("disk".len() + digits);
    (digits > 0 && (volume.is_empty() || volume.starts_with('s'))).then_some(disk)
}

/// Parses one line: `36 35 98:0 /root /point options optional… - kind source super_options`.
#[cfg(any(test, fuzzing, not(target_os = "macos")))]
fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    let number = String::from_utf8_lossy(fields.nth(2)?).into_owned();
    let (root, point) = (PathBuf::from(unescape(fields.next()?)), PathBuf::from(unescape(fields.next()?)));
    if !point.is_absolute() {
        return None;
    }
    fields.find(|field| *field == b"-")?;
    let kind = String::from_utf8_lossy(fields.next()?).into_owned();
    let source = unescape(fields.next()?);
    let mut options = fields.next().unwrap_or_default().split(|byte| *byte == b',');
    let upper = options.find_map(|option| option.strip_prefix(b"upperdir="));
    let upper = (kind == "overlay").then(|| upper.map(|path| PathBuf::from(unescape(path)))).flatten();
    Some(Mount { number, root, point, kind, source, upper })
}

/// Decodes the escapes of the kernel: `\040` is a blank.
#[cfg(any(test, fuzzing, not(target_os = "macos")))]
fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, after @ ..] = rest {
        let code = after.get(..3).filter(|code| *first == b'\\' && code.iter().all(|c| (b'0'..=b'7').contains(c)));
        let value = code.map(|code| code.iter().fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0')));
        match value.and_then(|value| u8::try_from(value).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes)
}

/// Returns the bytes of a path as text for an identity: distinct paths have distinct texts.
pub(super) fn exact(path: &Path) -> String {
    path.as_os_str().as_bytes().escape_ascii().to_string()
}

/// Fuzz target: parses `/proc/self/mountinfo`.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let mounts = Mounts::parse(bytes);
    for mount in &mounts.0 {
        assert!(mounts.of(&mount.point).is_some(), "{mount:?}");
        _ = (mounts.pool(mount), mount.place(&mount.point));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "\
22 28 0:21 / /proc rw,relatime shared:5 - proc proc rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 28 0:50 / /tank rw - zfs tank rw,xattr
41 40 0:51 / /tank/nodes rw - zfs tank/nodes rw
42 28 0:60 /a /mnt/a rw - btrfs /dev/vdb rw,subvol=/a
43 28 0:60 /b /mnt/b rw - btrfs /dev/vdb rw,subvol=/b
44 28 8:1 / /mnt/with\\040blank rw shared:9 master:2 - ext4 /dev/sda1 rw
45 28 0:70 / /over rw - overlay overlay rw,lowerdir=/low,upperdir=/mnt/a/upper,workdir=/mnt/a/work
46 28 254:0 /data/nodes /srv/nodes rw - ext4 /dev/vda rw
47 28 0:81 / /srv/nodes rw - nfs4 server:/export rw
48 28 0:90 / /dock rw - overlay overlay rw,lowerdir=/x,upperdir=/not/visible,workdir=/w
";

    #[test]
    fn later_and_deeper_mount_hides_the_other() {
        let mounts = Mounts::parse(TEXT.as_bytes());
        for (path, source) in [
            ("/home/op", "/dev/vda"),
            ("/tank/nodes/antnode0001", "tank/nodes"),
            ("/tank/other", "tank"),
            ("/mnt/with blank/x", "/dev/sda1"),
            ("/mnt/abc", "/dev/vda"),
            ("/srv/nodes", "server:/export"),
        ] {
            assert_eq!(mounts.of(Path::new(path)).unwrap().source, source, "{path}");
        }
        assert_eq!(Mounts::default().of(Path::new("/")), None);
    }

    #[test]
    fn subvolumes_datasets_and_overlays_share_space() {
        let mounts = Mounts::parse(TEXT.as_bytes());
        let pool = |path: &str| mounts.pool(mounts.of(Path::new(path)).unwrap());
        assert_eq!(pool("/mnt/a/nodes"), pool("/mnt/b/nodes"));
        assert_eq!(pool("/tank"), pool("/tank/nodes"));
        assert_eq!(pool("/over/nodes"), pool("/mnt/a"));
        assert_eq!(pool("/dock"), "254:0", "an upper folder outside of a mount of its own is on the root volume");
        assert_ne!(pool("/home"), pool("/tank"));
    }

    #[test]
    fn volumes_of_an_apfs_container_share_space() {
        let pool = |kind: &str, source: &str| {
            let mount = Mount {
                number: source.to_owned(),
                root: PathBuf::from("/"),
                point: PathBuf::from("/System/Volumes/Data"),
                kind: kind.to_owned(),
                source: source.into(),
                upper: None,
            };
            Mounts::default().pool(&mount)
        };
        let container = pool("apfs", "/dev/disk3s5");
        for (kind, source, is_shared) in [
            ("apfs", "/dev/disk3s1s1", true),
            ("apfs", "/dev/disk3", true),
            ("apfs", "/dev/disk31s5", false),
            ("apfs", "/dev/disk4s5", false),
            ("apfs", "com.apple.os.update-8A2C@/dev/disk3s5", false),
            ("apfs", "/dev/disk", false),
            ("apfs", "disk3x", false),
            ("hfs", "/dev/disk3s5", false),
        ] {
            assert_eq!(pool(kind, source) == container, is_shared, "{kind} {source}");
        }
    }

    #[test]
    fn place_in_the_file_system_is_independent_of_the_mount_point() {
        let mounts = Mounts::parse(TEXT.as_bytes());
        let place = |path: &str| mounts.of(Path::new(path)).unwrap().place(Path::new(path));
        assert_eq!(place("/mnt/a"), Path::new("/a"));
        assert_eq!(place("/mnt/a/nodes"), Path::new("/a/nodes"));
        assert_eq!(place("/"), Path::new("/"));
    }

    #[test]
    fn path_that_is_not_utf8_is_kept() {
        let mounts = Mounts::parse(b"44 28 8:1 / /mnt/\xff\xfe rw - ext4 /dev/sda1 rw\n");
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/mnt/\xff\xfe/node"));
        assert_eq!(mounts.of(path).unwrap().source, "/dev/sda1");
        assert_eq!(exact(Path::new(std::ffi::OsStr::from_bytes(b"/\xff"))), "/\\xff");
    }

    #[test]
    fn malformed_lines_are_skipped() {
        for line in ["", "1 2 3", "36 35 98:0 / relative rw - ext4 /dev/x rw", "36 35 98:0 / /mnt rw ext4 /dev/x"] {
            assert_eq!(Mounts::parse(line.as_bytes()).0, [], "{line}");
        }
        assert_eq!(Mounts::parse(b"garbage\n28 1 254:0 / / rw - ext4 /dev/vda rw\n\xff\xff\n").0.len(), 1);
    }

    proptest! {
        #[test]
        fn any_text_is_parsed(text in proptest::collection::vec(any::<u8>(), 0..300), path in "(/[ -~]{0,8}){1,4}") {
            let mounts = Mounts::parse(&text);
            let _ = mounts.of(Path::new(&path)).map(|mount| (mounts.pool(mount), mount.place(Path::new(&path))));
        }
    }
}
