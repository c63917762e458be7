//! HTTP responses of metrics servers: status 200, and the beginning and end of the body.

use std::io;

/// The maximum number of headers.
const MOST_HEADERS: usize = 64;

/// The head of a response with status 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The length of the head in bytes, which is the start of the body.
    pub(super) length: usize,
    pub(super) framing: Framing,
}

/// The way in which a response marks the end of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// The body has this many bytes.
    Length(usize),
    /// The body is chunked.
    Chunks,
    /// The body ends with the connection.
    UntilClosed,
}

impl Head {
    /// Parses the head of a response; None while it is incomplete. Interim responses before it, such as
    /// `100 Continue`, are skipped, and so are headers that are no HTTP.
    ///
    /// # Errors
    /// The response is not HTTP, has another status than 200, too many headers, or a compressed body.
    pub(super) fn read(received: &[u8]) -> io::Result<Option<Self>> {
        let mut start = 0;
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            let rest = received.get(start..).unwrap_or_default();
            let httparse::Status::Complete(length) =
                lenient().parse_response(&mut response, rest).map_err(io::Error::other)?
            else {
                return Ok(None);
            };
            start += length;
            match response.code {
                Some(200) => return Ok(Some(Self { length: start, framing: Framing::of(response.headers)? })),
                // 101 ends HTTP on the connection.
                Some(100 | 102..=199) => {}
                _ => return Err(io::Error::other("HTTP status is not 200")),
            }
        }
    }
}

fn lenient() -> httparse::ParserConfig {
    let mut config = httparse::ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .ignore_invalid_headers_in_responses(true);
    config
}

impl Framing {
    /// Returns the framing of a body with these headers.
    fn of(headers: &[httparse::Header<'_>]) -> io::Result<Self> {
        let mut framing = Self::UntilClosed;
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            let value = header.value.trim_ascii();
            if is("transfer-encoding") && value.eq_ignore_ascii_case(b"chunked") {
                framing = Self::Chunks;
            } else if is("content-length") && framing != Self::Chunks {
                let value = std::str::from_utf8(value).map_err(io::Error::other)?;
                framing = Self::Length(value.parse().map_err(io::Error::other)?);
            } else if is("transfer-encoding") || (is("content-encoding") && !value.eq_ignore_ascii_case(b"identity")) {
                return Err(io::Error::other("compressed body"));
            }
        }
        Ok(framing)
    }
}

/// Joins a chunked body; None while it is incomplete.
///
/// # Errors
/// The chunks are malformed.
pub(super) fn unchunk(mut chunks: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::with_capacity(chunks.len());
    loop {
        let malformed = |_| io::Error::other("malformed chunks");
        let httparse::Status::Complete((at, length)) = httparse::parse_chunk_size(chunks).map_err(malformed)? else {
            return Ok(None);
        };
        if length == 0 {
            return Ok(Some(text));
        }
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let Some((chunk, rest)) = chunks.get(at..).and_then(|rest| rest.split_at_checked(length)) else {
            return Ok(None);
        };
        text.extend_from_slice(chunk);
        match rest.strip_prefix(b"\r\n") {
            Some(rest) => chunks = rest,
            None if rest.len() < 2 => return Ok(None),
            None => return Err(io::Error::other("malformed chunks")),
        }
    }
}

/// Fuzz target: parses a response as it arrives, byte by byte at its begin, and the chunks after its head.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let whole = Head::read(bytes);
    if let Ok(Some(head)) = whole {
        assert!(head.length <= bytes.len(), "{head:?}");
        for end in [head.length - 1, head.length / 2, 0] {
            assert!(matches!(Head::read(&bytes[..end]), Ok(None)), "a head of {end} of {} bytes", head.length);
        }
        assert!(Head::read(&bytes[..head.length]).is_ok_and(|read| read == Some(head)), "bytes of the body count");
    }
    let start = whole.ok().flatten().map_or(0, |head| head.length);
    if let Ok(Some(body)) = unchunk(&bytes[start..]) {
        assert!(body.len() < bytes.len(), "{} bytes of {}", body.len(), bytes.len());
        let chunk = format!("{:x}\r\n", body.len()).into_bytes();
        let again = [&chunk[..], &body, b"\r\n0\r\n\r\n"].concat();
        assert!(body.is_empty() || unchunk(&again).is_ok_and(|read| read.as_ref() == Some(&body)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_determines_framing() {
        let framing = |headers: &str| {
            Head::read(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes()).map(|head| head.map(|head| head.framing))
        };
        assert_eq!(framing("").unwrap(), Some(Framing::UntilClosed));
        assert_eq!(framing("Content-Length: 12\r\n").unwrap(), Some(Framing::Length(12)));
        assert_eq!(framing("Transfer-Encoding: chunked\r\ncontent-length: 3\r\n").unwrap(), Some(Framing::Chunks));
        assert_eq!(framing("content-encoding: identity\r\n").unwrap(), Some(Framing::UntilClosed));
        for bad in ["content-length: -1\r\n", "content-encoding: gzip\r\n", "transfer-encoding: gzip, chunked\r\n"] {
            assert!(framing(bad).is_err(), "{bad}");
        }
        assert_eq!(Head::read(b"HTTP/1.1 200 O").unwrap(), None);
        assert!(Head::read(b"HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n").is_err());
        assert!(Head::read(b"SSH-2.0-OpenSSH_9.2\r\n").is_err());
    }

    #[test]
    fn odd_heads_are_read() {
        let framing = |bytes: &[u8]| Head::read(bytes).map(|head| head.map(|head| (head.length, head.framing)));
        for head in [
            &b"HTTP/1.1 200 OK\r\nx-odd: \xff\xfe\xe9\r\nContent-Length: 3\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\n\x01: x\r\nContent-Length: 3\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nbad header\r\nContent-Length : \t3 \r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx-folded: a\r\n b\r\nCONTENT-LENGTH:3\r\n\r\n",
            b"HTTP/1.1  200  OK\r\nContent-Length: 3\r\n\r\n",
            b"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
        ] {
            let want = (head.len(), Framing::Length(3));
            assert_eq!(framing(head).unwrap(), Some(want), "{}", String::from_utf8_lossy(head));
        }
        assert_eq!(framing(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 20").unwrap(), None);
        assert!(framing(b"HTTP/1.1 101 Switching\r\n\r\n").is_err());
        assert!(framing(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\n\r\n").is_err());
    }

    #[test]
    fn chunks_are_joined() {
        assert_eq!(unchunk(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n").unwrap().as_deref(), Some(&b"abcde"[..]));
        for incomplete in [&b""[..], b"3", b"3\r\nab", b"3\r\nabc", b"3\r\nabc\r", b"3\r\nabc\r\n"] {
            assert_eq!(unchunk(incomplete).unwrap(), None, "{incomplete:?}");
        }
        for bad in [&b"x\r\n"[..], b"3\r\nabcd\r\n", b"ffffffffffffffffff\r\n"] {
            assert!(unchunk(bad).is_err(), "{bad:?}");
        }
    }
}
