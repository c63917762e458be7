//! The content of the files of probes: written from a seed, and digested, without a copy in memory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rustix::fs::OFlags;
use wnm_core::Bytes;
use wnm_core::probe::SeededFile;

/// The length of one read or write.
const BLOCK: usize = 64 * 1024;

/// A file that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// The file is complete; its MD5 digest in lower-case hexadecimal digits.
    Complete(String),
    /// The run was ended meanwhile.
    Stopped,
}

/// Writes a new file with the content of a seed: the key stream of ChaCha20 (RFC 8439, block counter and nonce 0) with
/// the seed as the first eight bytes of the key, least significant first, and zeroes behind them. The content is the same
/// on every platform, and its first bytes do not depend on its length.
///
/// # Errors
/// The file exists, or cannot be written.
pub fn make_seeded(file: &SeededFile, path: &Path, is_stopped: impl Fn() -> bool) -> io::Result<Made> {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(file.seed.to_le_bytes()) {
        *to = from;
    }
    let mut stream = ChaCha20Rng::from_seed(key);
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut md5 = Md5::new();
    let mut block = vec![0; BLOCK];
    let mut left = file.bytes.0;
    while left > 0 {
        if is_stopped() {
            return Ok(Made::Stopped);
        }
        stream.fill_bytes(&mut block);
        let length = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
        let part = block.get(..length).unwrap_or_default();
        md5.update(part);
        target.write_all(part)?;
        left -= length as u64;
    }
    target.flush()?;
    Ok(Made::Complete(hexadecimal(&md5.finalize())))
}

/// Returns the length of a file and its MD5 digest in lower-case hexadecimal digits; None for another kind of file, such
/// as a link that a client made.
///
/// # Errors
/// The file cannot be read.
pub fn digest(path: &Path) -> io::Result<Option<(Bytes, String)>> {
    let Some(mut reading) = Reading::open(path)? else { return Ok(None) };
    while reading.advance()? {}
    Ok(Some(reading.finish()))
}

/// A file whose content is digested from its begin.
#[derive(Debug)]
struct Reading {
    file: File,
    md5: Md5,
    length: u64,
}

impl Reading {
    /// Opens a file; None for another kind of file.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path) {
            Ok(file) => file,
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(file.metadata()?.is_file().then(|| Self { file, md5: Md5::new(), length: 0 }))
    }

    /// Digests the next block. Returns false at the end of the file, which may grow later.
    fn advance(&mut self) -> io::Result<bool> {
        let mut block = [0; BLOCK];
        let read = read(&mut self.file, &mut block)?;
        self.md5.update(block.get(..read).unwrap_or_default());
        self.length += read as u64;
        Ok(read > 0)
    }

    fn finish(self) -> (Bytes, String) {
        (Bytes(self.length), hexadecimal(&self.md5.finalize()))
    }
}

/// The digest of a file that another process writes, taken while it grows.
///
/// A client may write in another order, or write elsewhere and rename: then the digest is that of other bytes, and
/// [`finish`](Self::finish) reads the file once more.
#[derive(Debug)]
pub struct GrowingDigest {
    path: PathBuf,
    reading: Option<Reading>,
}

impl GrowingDigest {
    /// The bytes that [`advance`](Self::advance) reads at most, about 50 ms of work.
    const STEP: usize = 32 * 1024 * 1024;

    /// Returns the digest of a file that does not exist yet.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path, reading: None }
    }

    /// Digests the bytes that were written since the last call, up to 32 MiB.
    pub fn advance(&mut self) {
        if self.reading.is_none() {
            self.reading = Reading::open(&self.path).ok().flatten();
        }
        let Some(reading) = &mut self.reading else { return };
        for _ in 0..Self::STEP / BLOCK {
            match reading.advance() {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => {
                    self.reading = None;
                    break;
                }
            }
        }
    }

    /// Returns the length of the complete file and its MD5 digest in lower-case hexadecimal digits; None for another kind
    /// of file. `expected` is the digest that the content should have; the file is read again unless it has it.
    ///
    /// # Errors
    /// The file does not exist, or cannot be read.
    pub fn finish(mut self, expected: Option<&str>) -> io::Result<Option<(Bytes, String)>> {
        if let Some(mut reading) = self.reading.take() {
            while reading.advance()? {}
            let (now, read) = (fs::symlink_metadata(&self.path)?, reading.file.metadata()?);
            let is_same = (now.dev(), now.ino(), now.len()) == (read.dev(), read.ino(), reading.length);
            let (length, found) = reading.finish();
            if is_same && expected.is_none_or(|expected| expected == found) {
                return Ok(Some((length, found)));
            }
        }
        digest(&self.path)
    }
}

fn read(file: &mut File, block: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use wnm_core::probe::SizeClass;

    use super::*;

    fn seeded(seed: u64, bytes: u64) -> SeededFile {
        SeededFile { size: SizeClass::Tiny, seed, bytes: Bytes(bytes), md5: None }
    }

    #[test]
    fn seed_0_gives_the_key_stream_of_the_standard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        // RFC 8439, A.1, test vector 1: key, nonce and counter 0.
        let want = "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7";
        make_seeded(&seeded(0, 32), &path, || false).unwrap();
        assert_eq!(hexadecimal(&std::fs::read(&path).unwrap()), want);
    }

    #[test]
    fn content_is_reproducible_and_never_repeats_a_block() {
        let folder = tempfile::tempdir().unwrap();
        let [long, short, other] = ["long", "short", "other"].map(|name| folder.path().join(name));
        let made = make_seeded(&seeded(7, 200_000), &long, || false).unwrap();
        make_seeded(&seeded(7, 100_001), &short, || false).unwrap();
        make_seeded(&seeded(8, 200_000), &other, || false).unwrap();
        let [long_bytes, short_bytes, other_bytes] = [&long, &short, &other].map(|path| std::fs::read(path).unwrap());
        assert_eq!(long_bytes[..100_001], short_bytes);
        assert_ne!(long_bytes, other_bytes);
        let mut blocks: Vec<&[u8]> = long_bytes.chunks_exact(1024).collect();
        let count = blocks.len();
        blocks.sort_unstable();
        blocks.dedup();
        assert_eq!(blocks.len(), count);
        let Made::Complete(md5) = made else { panic!("{made:?}") };
        assert_eq!(digest(&long).unwrap(), Some((Bytes(200_000), md5)));
    }

    #[test]
    fn digest_is_that_of_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(digest(&path).unwrap(), Some((Bytes(3), ABC.to_owned())));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(digest(&link).unwrap(), None);
        assert_eq!(digest(folder.path()).unwrap(), None);
        assert!(digest(&folder.path().join("missing")).is_err());
    }

    /// The digest of `abc`: RFC 1321, A.5.
    const ABC: &str = "900150983cd24fb0d6963f7d28e17f72";

    #[test]
    fn growing_file_is_digested_while_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut digest = GrowingDigest::new(path.clone());
        digest.advance();
        let mut file = File::create(&path).unwrap();
        for part in ["a", "b"] {
            file.write_all(part.as_bytes()).unwrap();
            digest.advance();
        }
        let read = digest.reading.as_ref().unwrap().length;
        assert_eq!(read, 2, "the bytes are digested before the file is complete");
        file.write_all(b"c").unwrap();
        assert_eq!(digest.finish(Some(ABC)).unwrap(), Some((Bytes(3), ABC.to_owned())));
    }

    #[test]
    fn file_that_is_written_in_another_way_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let begun = |content: &str| {
            std::fs::write(&path, content).unwrap();
            let mut digest = GrowingDigest::new(path.clone());
            digest.advance();
            digest
        };
        let found = Some((Bytes(3), ABC.to_owned()));
        // Room for the content is taken first, and the content is written later.
        let reserved = begun("\0\0\0");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(reserved.finish(Some(ABC)).unwrap(), found);
        // The complete file takes the place of a part.
        let replaced = begun("ab");
        std::fs::write(folder.path().join("new"), "abc").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert_eq!(replaced.finish(None).unwrap(), found);
        let shortened = begun("abcd");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(shortened.finish(None).unwrap(), found);
        let removed = begun("abc");
        std::fs::remove_file(&path).unwrap();
        assert!(removed.finish(Some(ABC)).is_err());
        assert!(GrowingDigest::new(path).finish(None).is_err());
    }

    #[test]
    fn stopped_run_makes_no_complete_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        assert_eq!(make_seeded(&seeded(1, 1 << 40), &path, || true).unwrap(), Made::Stopped);
        assert!(make_seeded(&seeded(1, 1), &path, || false).is_err(), "an existing file is never overwritten");
    }
}
