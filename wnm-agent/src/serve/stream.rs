//! Answers that go on: lines of JSON, written as long as the client reads them.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use futures_core::Stream;
use serde::Serialize;
use tokio::sync::mpsc;

/// Lines that wait for a slow client. Its writer then waits too, and continues with the state of that time.
const WAITING_LINES: usize = 8;

/// The writer of an answer that goes on.
pub(super) struct LineWriter(mpsc::Sender<Bytes>);

/// The client has left.
pub(super) struct Left;

struct LineStream(mpsc::Receiver<Bytes>);

impl Stream for LineStream {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|line| line.map(Ok))
    }
}

/// Returns a writer, and the body of the answer that it writes.
pub(super) fn lines() -> (LineWriter, Body) {
    let (sender, receiver) = mpsc::channel(WAITING_LINES);
    (LineWriter(sender), Body::from_stream(LineStream(receiver)))
}

impl LineWriter {
    /// Writes a value as one line. Waits for a slow client.
    pub(super) async fn value<T: Serialize>(&self, value: &T) -> Result<(), Left> {
        let mut line = serde_json::to_vec(value).map_err(|_| Left)?;
        line.push(b'\n');
        self.0.send(line.into()).await.map_err(|_| Left)
    }

    /// Writes bytes as they are. Waits for a slow client.
    pub(super) async fn bytes(&self, bytes: Vec<u8>) -> Result<(), Left> {
        self.0.send(bytes.into()).await.map_err(|_| Left)
    }

    /// Writes an empty line, which tells a client that the server lives.
    pub(super) async fn empty(&self) -> Result<(), Left> {
        self.0.send(Bytes::from_static(b"\n")).await.map_err(|_| Left)
    }

    /// Returns when the client has left.
    pub(super) async fn left(&self) {
        self.0.closed().await;
    }
}
