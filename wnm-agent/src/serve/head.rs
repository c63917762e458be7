//! The input of a connection, read to the letter of RFC 9112.
//!
//! The parser of hyper takes the mistakes of many clients: lines that end without a CR, two lengths that agree, and a length
//! beside a transfer coding. A proxy in front of the server may read the same bytes as two requests, or as another one. No
//! client of this server needs that freedom, so that a head with such a part is refused with status 400.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::Stream;
use super::crowd::Streaming;

/// The bytes that the parser reads instead of a part that is refused: it answers with status 400, and the empty line lets it
/// do so at once.
const REFUSED: &[u8] = b"\0\r\n\r\n";
/// The headers that tell where a body ends. A request has at most one of them.
const FRAMING: [&[u8]; 2] = [b"content-length", b"transfer-encoding"];
/// The length of the longest of these names.
const LONGEST_NAME: usize = 17;

/// A connection that passes on the end of its input only where an answer depends on it: before the head of the request is
/// complete, and while the answer goes on for as long as its client reads. The client of another answer may close its side
/// after the request, as `nc -N` does.
pub(super) struct StrictStream {
    stream: Box<dyn Stream>,
    streaming: Streaming,
    head: Head,
    /// The rest of [`REFUSED`] for the parser, once a part of the head is refused.
    refused: Option<&'static [u8]>,
}

impl StrictStream {
    pub(super) fn new(stream: Box<dyn Stream>, streaming: Streaming) -> Self {
        Self { stream, streaming, head: Head::default(), refused: None }
    }
}

impl AsyncRead for StrictStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.refused.is_none() {
            let before = into.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
            let Some(new) = into.filled().get(before..) else { return Poll::Ready(Ok(())) };
            if new.is_empty() && this.head.is_complete && !this.streaming.is_on() {
                // The answer, or the time limit of the connection, ends the wait.
                return Poll::Pending;
            }
            let Some(bad) = new.iter().position(|byte| !this.head.admits(*byte)) else { return Poll::Ready(Ok(())) };
            into.set_filled(before + bad);
            this.refused = Some(REFUSED);
        }
        let rest = this.refused.unwrap_or_default();
        let (now, later) = rest.split_at(rest.len().min(into.remaining()));
        into.put_slice(now);
        this.refused = Some(later);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for StrictStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The head of a request as far as it was read. It checks the parts that the parser of hyper lets pass.
#[derive(Debug, Default)]
struct Head {
    /// The last byte was a CR.
    after_cr: bool,
    /// The line has a byte beside its end.
    has_content: bool,
    /// A line with content is complete: the next empty one ends the head.
    has_request_line: bool,
    /// The name of the header of this line; None after its colon, and in the line of the request.
    name: Option<Name>,
    has_framing: bool,
    is_complete: bool,
}

/// The first letters of the name of a header, in lower case.
#[derive(Debug, Default)]
struct Name {
    letters: [u8; LONGEST_NAME],
    length: usize,
}

impl Name {
    fn push(&mut self, letter: u8) {
        if let Some(free) = self.letters.get_mut(self.length) {
            *free = letter.to_ascii_lowercase();
        }
        self.length += 1;
    }

    fn is_framing(&self) -> bool {
        self.letters.get(..self.length).is_some_and(|name| FRAMING.contains(&name))
    }
}

impl Head {
    /// Takes the next byte. Returns whether it may stand there.
    fn admits(&mut self, byte: u8) -> bool {
        if self.is_complete {
            return true;
        }
        if self.after_cr != (byte == b'\n') {
            return false;
        }
        self.after_cr = byte == b'\r';
        match byte {
            b'\r' => {}
            b'\n' => {
                // Empty lines before the request are ignored, by the standard and by the parser.
                self.is_complete = self.has_request_line && !self.has_content;
                self.has_request_line |= self.has_content;
                self.has_content = false;
                self.name = self.has_request_line.then(Name::default);
            }
            b':' => {
                self.has_content = true;
                let is_framing = self.name.take().is_some_and(|name| name.is_framing());
                if is_framing && std::mem::replace(&mut self.has_framing, true) {
                    return false;
                }
            }
            letter => {
                self.has_content = true;
                if let Some(name) = &mut self.name {
                    name.push(letter);
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::Router;
    use axum::extract::Extension;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::super::access::Access;
    use super::super::connection::serve_stream;
    use super::super::http::guard;
    use super::super::stream::lines;
    use super::*;

    fn router() -> Router {
        let stream = |Extension(streaming): Extension<Streaming>| async move {
            let (writer, body) = lines();
            streaming.begin();
            tokio::spawn(async move {
                let _ = writer.bytes(b"begun".to_vec()).await;
                writer.left().await;
            });
            body
        };
        // The client has closed its side before the answer begins.
        let slow = async || tokio::time::sleep(Duration::from_secs(1)).await;
        Router::new()
            .route("/", get(async || "ok"))
            .route("/slow", get(slow))
            .route("/stream", get(stream))
            .layer(from_fn_with_state(Arc::new(Access::default()), guard))
    }

    /// Sends bytes in pieces of a size, closes the side of the client if told, and returns the answer until its end; None
    /// when it does not end within a minute.
    fn answer(bytes: &[u8], size: usize, closes: bool) -> Option<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (client, server) = duplex(size);
            let served = serve_stream(Box::new(server), router(), Arc::default(), Streaming::default());
            tokio::spawn(served);
            let (mut input, mut output) = tokio::io::split(client);
            let bytes = bytes.to_vec();
            let written = tokio::spawn(async move {
                let _ = output.write_all(&bytes).await;
                if closes {
                    let _ = output.shutdown().await;
                }
                output
            });
            let mut answer = Vec::new();
            let read = tokio::time::timeout(Duration::from_secs(60), input.read_to_end(&mut answer)).await;
            drop(written);
            read.ok().map(|_| String::from_utf8(answer).unwrap())
        })
    }

    fn status(bytes: &[u8], size: usize) -> Option<u16> {
        answer(bytes, size, false)?.split(' ').nth(1)?.parse().ok()
    }

    #[test]
    fn head_that_can_be_misread_is_refused() {
        let refused: &[(&str, &[u8])] = &[
            (
                "a length and a coding",
                b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ),
            (
                "a coding and a length",
                b"GET / HTTP/1.1\r\nHost: localhost\r\nTRANSFER-ENCODING: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
            ),
            (
                "lengths that differ",
                b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 4\r\n\r\nabcd",
            ),
            (
                "a length that is repeated",
                b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
            ),
            ("two lengths in one", b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0, 0\r\n\r\n"),
            ("a length with a sign", b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n\r\n"),
            (
                "a coding that is repeated",
                b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ),
            ("an unknown coding", b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
            ("a coding in HTTP/1.0", b"GET / HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            ("lines without CR", b"GET / HTTP/1.1\nHost: localhost\n\n"),
            ("a request line without CR", b"GET / HTTP/1.1\nHost: localhost\r\n\r\n"),
            ("a header without CR", b"GET / HTTP/1.1\r\nHost: localhost\n\r\n"),
            ("a last line without CR", b"GET / HTTP/1.1\r\nHost: localhost\r\n\n"),
            ("an empty first line without CR", b"\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("a CR in a value", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n"),
            ("two CR", b"GET / HTTP/1.1\r\nHost: localhost\r\r\n\r\n"),
            ("a folded header", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n"),
            ("a fold with a tab", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\tb\r\n\r\n"),
            ("a fold in the first header", b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n"),
            ("a space before the colon", b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n"),
            (
                "a space before the colon of a length",
                b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length : 0\r\n\r\n",
            ),
            ("a header without a colon", b"GET / HTTP/1.1\r\nHost: localhost\r\nX\r\n\r\n"),
            ("a header without a name", b"GET / HTTP/1.1\r\nHost: localhost\r\n: a\r\n\r\n"),
            ("a NUL in a value", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n"),
            ("a NUL in a name", b"GET / HTTP/1.1\r\nHost: localhost\r\nX\0: a\r\n\r\n"),
            ("a NUL in the path", b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("a control character", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x0bb\r\n\r\n"),
            ("two spaces", b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("another version", b"GET / HTTP/1.2\r\nHost: localhost\r\n\r\n"),
            ("no version", b"GET /\r\nHost: localhost\r\n\r\n"),
            ("no host", b"GET / HTTP/1.1\r\n\r\n"),
            ("no host in HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n"),
            ("two hosts", b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"),
            ("the same host twice", b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
            ("a target on another host", b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("a target on another own name", b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("a target on another port", b"GET http://localhost:1/ HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("a target with a user", b"GET http://a@localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("a target of another scheme", b"GET https://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("a target without a path", b"GET localhost HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("a target that is no path", b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ];
        for (name, bytes) in refused {
            // A whole segment, and pieces that end within lines and names.
            for size in [4096, 7, 1] {
                assert_eq!(status(bytes, size), Some(400), "{name}, in pieces of {size}");
            }
        }
    }

    #[test]
    fn head_to_the_letter_is_answered() {
        let answered: &[(&str, &[u8])] = &[
            ("a plain request", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("HTTP/1.0", b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"),
            ("an empty line before it", b"\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("a length", b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\na\nb\0"),
            ("a coding", b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            (
                "names that are alike",
                b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length-X: 1\r\nX-Content-Length: content-length: 1\r\n\r\n",
            ),
            ("another request behind it", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\nHost: evil\n\n"),
            ("a whole target", b"GET http://localhost/ HTTP/1.1\r\nHost: LOCALHOST\r\n\r\n"),
        ];
        for (name, bytes) in answered {
            for size in [4096, 7, 1] {
                let answer = answer(bytes, size, false).unwrap();
                assert!(answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.0 200 "), "{name}: {answer}");
                assert_eq!(answer.matches("HTTP/1.").count(), 1, "{name}: {answer}");
            }
        }
    }

    #[test]
    fn client_that_closes_its_side_gets_the_answer() {
        for size in [4096, 1] {
            for path in ["/", "/slow"] {
                let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
                let answer = answer(request.as_bytes(), size, true).unwrap();
                assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
            }
            // An answer that goes on ends with its input: the client may have left without a word.
            let request = b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
            assert!(answer(request, size, true).is_some());
            assert!(answer(request, size, false).is_none(), "its reader is still there");
            assert_eq!(answer(b"GET / HTTP/1.1\r\nHost: local", size, true).as_deref(), Some(""), "an incomplete head");
        }
    }
}
