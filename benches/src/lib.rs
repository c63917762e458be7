//! How fast everything is: data and processes that the benches share.

pub mod processes;

use std::error::Error;
use std::io::{self, Read};

use flate2::read::GzDecoder;

/// The result of a bench, which ends with any error.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Returns the text that a real node served on `/metrics`, about 43 kB.
///
/// # Errors
/// The data is damaged.
pub fn metrics() -> io::Result<Vec<u8>> {
    unzip(include_bytes!("../data/metrics.gz"))
}

/// Returns the text that a real node served on `/metadata`, about 1 kB.
///
/// # Errors
/// The data is damaged.
pub fn metadata() -> io::Result<Vec<u8>> {
    unzip(include_bytes!("../data/metadata.gz"))
}

fn unzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut text)?;
    Ok(text)
}
