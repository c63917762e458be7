//! Reads lines of bounded length: a line without end, such as a binary file, cannot exhaust the memory.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// The longest accepted line, in bytes. A full list of 50,000 nodes takes 10 MB.
pub(crate) const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// The lines of an input.
pub(crate) struct Lines<R> {
    input: BufReader<R>,
    /// A line that spans two fills of the input's buffer.
    joined: Vec<u8>,
    /// Length in the input's buffer of the line returned last, including its line feed.
    lent: usize,
    /// The number of the line returned last, from 1.
    pub(crate) number: u64,
}

/// A line without its line feed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// The bytes of the line.
    Whole(&'a [u8]),
    /// The line is longer than [`LONGEST_LINE`] and was skipped.
    TooLong,
}

/// The place of a line's bytes.
enum Found {
    InBuffer(usize),
    Joined,
    TooLong,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(CHUNK, input), joined: Vec::new(), lent: 0, number: 0 }
    }

    /// Tells whether the next line is already buffered, so that reading it does not block.
    pub(crate) fn is_ready(&self) -> bool {
        memchr::memchr(b'\n', self.input.buffer().get(self.lent..).unwrap_or_default()).is_some()
    }

    /// Returns the bytes of the line returned last.
    pub(crate) fn last(&self) -> &[u8] {
        match self.lent.checked_sub(1) {
            Some(length) => self.input.buffer().get(..length).unwrap_or_default(),
            None => &self.joined,
        }
    }

    /// Returns the next line that is not blank; None at the end. The last line may lack its line feed.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            self.input.consume(std::mem::take(&mut self.lent));
            let Some(found) = self.find()? else { return Ok(None) };
            self.number += 1;
            let is_blank = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_whitespace);
            match found {
                Found::InBuffer(length) => {
                    self.lent = length + 1;
                    if !is_blank(&self.input.buffer()[..length]) {
                        return Ok(Some(Line::Whole(&self.input.buffer()[..length])));
                    }
                }
                Found::Joined if is_blank(&self.joined) => {}
                Found::Joined => return Ok(Some(Line::Whole(&self.joined))),
                Found::TooLong => return Ok(Some(Line::TooLong)),
            }
        }
    }

    fn find(&mut self) -> io::Result<Option<Found>> {
        self.joined.clear();
        let mut is_too_long = false;
        let mut is_begun = false;
        loop {
            let available = match self.input.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            };
            let end = memchr::memchr(b'\n', available);
            if let (Some(length), false) = (end, is_begun) {
                return Ok(Some(Found::InBuffer(length)));
            }
            if available.is_empty() {
                return Ok(is_begun.then_some(if is_too_long { Found::TooLong } else { Found::Joined }));
            }
            let part = &available[..end.unwrap_or(available.len())];
            is_begun = true;
            is_too_long |= self.joined.len() + part.len() > LONGEST_LINE;
            if !is_too_long {
                self.joined.extend_from_slice(part);
            }
            let used = end.map_or(part.len(), |length| length + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(if is_too_long { Found::TooLong } else { Found::Joined }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: impl Read) -> Vec<(u64, Option<String>)> {
        let mut lines = Lines::new(input);
        let mut all = Vec::new();
        loop {
            let line = match lines.next().unwrap() {
                Some(Line::Whole(bytes)) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
                Some(Line::TooLong) => None,
                None => return all,
            };
            all.push((lines.number, line));
        }
    }

    /// Returns one byte at a time, as a slow pipe does.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut buffer[..1])
        }
    }

    #[test]
    fn blank_lines_count_and_are_skipped() {
        let text = b"one\n\n  \r\ntwo\nthree";
        let want: Vec<_> = [(1, "one"), (4, "two"), (5, "three")].map(|(n, t)| (n, Some(t.to_owned()))).into();
        assert_eq!(read(&text[..]), want);
        assert_eq!(read(Slowly(text)), want);
    }

    #[test]
    fn line_without_end_is_skipped_in_bounded_memory() {
        let long = io::repeat(b'x').take(3 * LONGEST_LINE as u64);
        let input = (&b"a\n"[..]).chain(long).chain(&b"\nb\n"[..]);
        assert_eq!(read(input), [(1, Some("a".into())), (2, None), (3, Some("b".into()))]);
        let mut lines = Lines::new(io::repeat(b'x').take(3 * LONGEST_LINE as u64));
        assert_eq!(lines.next().unwrap(), Some(Line::TooLong));
        assert!(lines.joined.capacity() <= 2 * LONGEST_LINE);
    }

    #[test]
    fn longest_line_is_whole() {
        let input = io::repeat(b'x').take(LONGEST_LINE as u64).chain(&b"\n"[..]);
        assert!(matches!(Lines::new(input).next().unwrap(), Some(Line::Whole(bytes)) if bytes.len() == LONGEST_LINE));
    }
}
