//! The coding of an answer: compressed for clients that accept it.

use std::io::Write as _;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

/// The level of compression, below the usual 6: the thread of the server compresses. The metrics of 100 nodes have 120 kB,
/// and 14 kB at this level.
const LEVEL: Compression = Compression::new(4);

/// A coding of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Coding {
    /// The bytes as they are.
    Identity,
    /// Compressed.
    Gzip,
}

impl Coding {
    /// Returns the best coding for the headers `Accept-Encoding` of a request. A client that accepts neither gets the bytes
    /// as they are, as RFC 9110 advises.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        // The weights of gzip, of the bytes as they are, and of each coding that is not named.
        let (mut gzip, mut identity, mut other) = (None, None, None);
        let values = headers.get_all(header::ACCEPT_ENCODING).iter();
        for value in values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
            let mut parts = value.split(';').map(str::trim);
            let weight = match parts.next() {
                Some("*") => &mut other,
                Some(name) if name.eq_ignore_ascii_case("identity") => &mut identity,
                Some(name) if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => &mut gzip,
                _ => continue,
            };
            *weight = Some(parts.next().map_or(1000, thousandths));
        }
        let gzip = gzip.or(other).unwrap_or(0);
        // Without a weight of its own it is accepted, after the codings that the client names.
        if gzip > 0 && gzip >= identity.unwrap_or(0) { Self::Gzip } else { Self::Identity }
    }

    /// Returns a body in this coding.
    pub(super) fn encode(self, body: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Identity => body,
            Self::Gzip => gzip(&body),
        }
    }

    /// Returns the answer with a body that is in this coding, where others depend on the request.
    pub(super) fn answer(self, content_type: &'static str, body: Bytes) -> Response {
        let vary = (header::VARY, "Accept, Accept-Encoding");
        let mut response = ([(header::CONTENT_TYPE, content_type), vary], body).into_response();
        if self == Self::Gzip {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// Returns a weight such as `q=0.5` in thousandths; 0 for another parameter, because its meaning is unknown.
fn thousandths(parameter: &str) -> u16 {
    let Some((name, value)) = parameter.split_once('=') else { return 0 };
    let value: f32 = if name.trim().eq_ignore_ascii_case("q") { value.trim().parse().unwrap_or(0.0) } else { 0.0 };
    // A weight outside of the range counts as its end, and one that is no number as 0.
    (value * 1000.0).clamp(0.0, 1000.0) as u16
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), LEVEL);
    // A vector takes all bytes.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn coding_is_that_of_the_highest_weight() {
        let accepted = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::ACCEPT_ENCODING, value.parse().unwrap());
            }
            Coding::accepted(&headers)
        };
        for values in [
            // Prometheus, browsers, curl --compressed.
            &["gzip"] as &[&str],
            &["gzip, deflate, br, zstd"],
            &["deflate, gzip, br, zstd"],
            &["x-gzip"],
            &["GZip"],
            &["*"],
            &["*;q=0.1"],
            &["gzip;q=0.001"],
            &["gzip ; Q = 1.000"],
            &["identity;q=0, gzip;q=0.5"],
            &["identity;q=0.5, gzip;q=0.5"],
            &["identity;q=0, *"],
            &["*;q=0, gzip"],
            &["br", "gzip"],
            &["gzip;q=7"],
        ] {
            assert_eq!(accepted(values), Coding::Gzip, "{values:?}");
        }
        for values in [
            &[] as &[&str],
            &[""],
            &["identity"],
            &["br, zstd"],
            &["gzip;q=0"],
            &["gzip;q=0.0"],
            &["gzip;q=0, *"],
            &["*;q=0"],
            &["identity;q=0"],
            &["identity, gzip;q=0.5"],
            &["identity;q=0.6, *;q=0.5"],
            &["gzip;q=x"],
            &["gzip;q=NaN"],
            &["gzip;q=-1"],
            &["gzip;level=1"],
            &["gzipped"],
        ] {
            assert_eq!(accepted(values), Coding::Identity, "{values:?}");
        }
    }

    #[test]
    fn body_survives_its_coding() {
        let body = "wnm_node_up{node=\"antnode0001\"} 1\n".repeat(1000).into_bytes();
        assert_eq!(Coding::Identity.encode(body.clone()), body);
        let coded = Coding::Gzip.encode(body.clone());
        assert!(coded.len() < body.len() / 10, "{} bytes", coded.len());
        let mut decoded = Vec::new();
        flate2::read::GzDecoder::new(&coded[..]).read_to_end(&mut decoded).unwrap();
        assert!(decoded == body);
    }
}
