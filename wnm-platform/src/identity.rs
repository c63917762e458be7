//! The peer ID of a node from the files in its folder, also while it does not run.

use std::path::Path;

use ed25519_dalek::SigningKey;
use wnm_core::Flavor;

use crate::guarded::{self, Trust};

/// The length of an `antnode` identity: the seed of an Ed25519 key, in bytes.
const SEED: u64 = 32;
/// The bytes of libp2p before the public key: a multihash of the kind "identity" (0x00) over 36 bytes (0x24), which are a
/// protobuf message with the type of the key (field 1: Ed25519 = 1) and its 32 bytes (field 2).
const PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// The file of an `ant-node` with its address for WebRTC, which ends with its peer ID.
pub(crate) const WEBRTC_ADDRESS: &str = "webrtc-direct.multiaddr";
/// The maximum size of that file, in bytes: an address has about 200.
const WEBRTC_ADDRESS_LIMIT: u64 = 4096;

/// Returns the peer ID of the node in a folder: computed from the key of an `antnode`, or as an `ant-node` wrote it at its
/// last start with WebRTC. None without a readable file, and for other programs.
#[must_use]
pub fn peer_id(root: &Path, flavor: &Flavor) -> Option<String> {
    match flavor {
        Flavor::Antnode => of_key(root, flavor),
        Flavor::AntNode => of_address(&webrtc_address(root)?),
        Flavor::Custom(_) => None,
    }
}

/// Returns the address for WebRTC that an `ant-node` wrote at its last start.
pub(crate) fn webrtc_address(root: &Path) -> Option<String> {
    let text = guarded::read(&root.join(WEBRTC_ADDRESS), WEBRTC_ADDRESS_LIMIT, Trust::Anyone).ok()?;
    String::from_utf8(text).ok()
}

fn of_address(address: &str) -> Option<String> {
    let (_, id) = address.trim().rsplit_once("/p2p/")?;
    let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}

fn of_key(root: &Path, flavor: &Flavor) -> Option<String> {
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
        let id = "e49238084ce2893bedcccbdfb66f6de609c9d0cfd4f8247f3af96d24d21a15cd";
        let address = folder.path().join(WEBRTC_ADDRESS);
        std::fs::write(&address, format!("/ip4/127.0.0.1/udp/55318/webrtc-direct/certhash/u/p2p/{id}\n")).unwrap();
        assert_eq!(of(Flavor::AntNode).as_deref(), Some(id));
        std::fs::write(&address, "/ip4/127.0.0.1/udp/55318/p2p/<script>").unwrap();
        assert_eq!(of(Flavor::AntNode), None);
        for other in [&[7; 31][..], &[7; 33], b""] {
            std::fs::write(&key, other).unwrap();
            assert_eq!(of(Flavor::Antnode), None);
        }
    }
}
