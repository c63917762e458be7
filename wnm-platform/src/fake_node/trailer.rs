//! The script behind an executable's last byte: JSON, its length (u64, little endian), eight bytes of magic.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Script;

const MAGIC: [u8; 8] = *b"wnm-node";
const FOOTER: u64 = 16;
const LONGEST: u64 = 64 * 1024;

/// Copies the executable `from`, which links this module, to `to` and gives it a script to play.
///
/// A script that `from` already carries is left out of the copy. The copy is executable by everyone (0755) and appears
/// under its name at once and complete: it may replace the executable of a running node.
///
/// A process that another thread starts meanwhile may hold the copy open for writing until its own exec; starting the
/// copy in that moment fails with [`io::ErrorKind::ExecutableFileBusy`] and succeeds shortly after.
///
/// # Errors
///
/// Returns the error of reading `from` or of writing beside `to`; `to` is then as it was.
pub fn make(from: &Path, to: &Path, script: &Script) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = to.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no file name"))?;
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary = to.with_file_name(format!(".{}.{}-{number}.new", name.display(), std::process::id()));
    let made = copy(from, &temporary, script).and_then(|()| fs::rename(&temporary, to));
    if made.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    made
}

/// Returns the script that the running executable carries, even when its file was replaced meanwhile.
pub(super) fn own() -> Option<Script> {
    read(&mut File::open(running_executable().ok()?).ok()?).ok()?.1
}

/// Returns a path that opens the very file that runs, which its name may no longer do.
pub(super) fn running_executable() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

fn copy(from: &Path, to: &Path, script: &Script) -> io::Result<()> {
    let mut source = File::open(from)?;
    let (plain, _) = read(&mut source)?;
    source.rewind()?;
    let mut target = OpenOptions::new().write(true).create_new(true).open(to)?;
    io::copy(&mut source.take(plain), &mut target)?;
    let mut footer = serde_json::to_vec(script)?;
    let length = footer.len() as u64;
    footer.extend(length.to_le_bytes());
    footer.extend(MAGIC);
    target.write_all(&footer)?;
    target.set_permissions(fs::Permissions::from_mode(0o755))
}

/// Returns the length of the file without its script, and the script.
fn read(file: &mut File) -> io::Result<(u64, Option<Script>)> {
    let length = file.metadata()?.len();
    let Some(end) = length.checked_sub(FOOTER) else { return Ok((length, None)) };
    let (mut size, mut magic) = ([0; 8], [0; 8]);
    file.seek(SeekFrom::Start(end))?;
    file.read_exact(&mut size)?;
    file.read_exact(&mut magic)?;
    let size = u64::from_le_bytes(size);
    let Some(start) = end.checked_sub(size) else { return Ok((length, None)) };
    if magic != MAGIC || size > LONGEST {
        return Ok((length, None));
    }
    file.seek(SeekFrom::Start(start))?;
    let mut text = Vec::new();
    file.take(size).read_to_end(&mut text)?;
    Ok((start, Some(serde_json::from_slice(&text)?)))
}
