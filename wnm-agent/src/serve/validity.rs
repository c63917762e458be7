//! The time for which the certificate of the server is valid.

use std::time::Duration;

use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, Error, RootCertStore};
use wnm_core::Timestamp;

use crate::live::Validity;

/// The last second of the year 9999, which RFC 5280 gives to certificates without an end.
const NEVER: u64 = 253_402_300_799;

/// Returns the time for which all certificates of a chain are valid; None for one without an end.
///
/// rustls reads no dates for others. A check at an impossible time ends with the date that makes it impossible, before it
/// looks for an authority.
pub(super) fn of(chain: &[CertificateDer<'_>]) -> Option<Validity> {
    let ends = chain.iter().filter_map(|certificate| match checked(certificate, NEVER) {
        Some(CertificateError::ExpiredContext { not_after, .. }) => Some(not_after),
        Some(_) | None => None,
    });
    let begins = chain.iter().filter_map(|certificate| match checked(certificate, 0) {
        Some(CertificateError::NotValidYetContext { not_before, .. }) => Some(not_before),
        Some(_) | None => None,
    });
    let time = |at: UnixTime| Timestamp::from_secs(i64::try_from(at.as_secs()).unwrap_or(i64::MAX));
    Some(Validity { begins: begins.max().map(time).unwrap_or_default(), ends: ends.min().map(time)? })
}

/// Returns the error of a check at a time, in seconds since 1970.
fn checked(certificate: &CertificateDer<'_>, at: u64) -> Option<CertificateError> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    match verify_server_cert_signed_by_trust_anchor(&parsed, &RootCertStore::empty(), &[], at, algorithms) {
        Err(Error::InvalidCertificate(error)) => Some(error),
        Err(_) | Ok(()) => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(years: [i32; 2]) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(["node.example".to_owned()]).unwrap();
        [params.not_before, params.not_after] = years.map(|year| date_time_ymd(year, 1, 1));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn chain_is_valid_while_all_its_certificates_are() {
        let [y2020, y2025, y2030] = [1_577_836_800, 1_735_689_600, 1_893_456_000].map(Timestamp::from_secs);
        assert_eq!(of(&[certificate([2020, 2030])]), Some(Validity { begins: y2020, ends: y2030 }));
        let chain = [certificate([2020, 2030]), certificate([2020, 2025])];
        assert_eq!(of(&chain), Some(Validity { begins: y2020, ends: y2025 }));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[CertificateDer::from(vec![1, 2, 3])]), None);
    }
}
