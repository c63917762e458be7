//! The peer ID of a node, computed from its identity file.

use std::path::Path;

use ed25519_dalek::SigningKey;
use wnm_core::Flavor;

use crate::guarded::{self, Trust};

/// The length of an `antnode` identity: the seed of an Ed25519 key, in bytes.
const SEED: u64 = 32;
/// What libp2p puts before the public key: a multihash of the kind "identity" (0x00) over 36 bytes (0x24), which are a
/// protobuf message with the type of the key (field 1: Ed25519 = 1) and its 32 bytes (field 2).
const PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// Returns the peer ID of the node in a folder, also while it does not run; None without a readable identity, and for
/// programs other than `antnode`, which derive it in another way.
#[must_use]
pub fn peer_id(root: &Path, flavor: &Flavor) -> Option<String> {
    if *flavor != Flavor::Antnode {
        return None;
    }
    let seed = guarded::read(&root.join(flavor.identity_file()), SEED, Trust::Anyone).ok()?;
    let public = SigningKey::from_bytes(&seed.try_into().ok()?).verifying_key();
    Some(bs58::encode([PREFIX.as_slice(), public.as_bytes()].concat()).into_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_id_is_that_of_libp2p() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("secret-key");
        let of = |flavor| peer_id(folder.path(), &flavor);
        assert_eq!(of(Flavor::Antnode), None);
        // An antnode 0.4.17 with this identity reports this peer ID.
        std::fs::write(&key, [7; 32]).unwrap();
        assert_eq!(of(Flavor::Antnode).as_deref(), Some("12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7"));
        assert_eq!(of(Flavor::AntNode), None);
        for other in [&[7; 31][..], &[7; 33], b""] {
            std::fs::write(&key, other).unwrap();
            assert_eq!(of(Flavor::Antnode), None);
        }
    }
}
