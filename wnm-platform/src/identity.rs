//! The identity of a node from the files in its folder, also while it does not run: its peer ID, and whether two nodes
//! have the same one.

use std::fs;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use sha2::{Digest as _, Sha256};
use wnm_core::Flavor;

use crate::files;
use crate::guarded::{self, Trust};

/// The length of an `antnode` identity: the seed of an Ed25519 key, in bytes.
const SEED: u64 = 32;
/// The bytes of libp2p before the public key: a multihash of the kind "identity" (0x00) over 36 bytes (0x24), which are a
/// protobuf message with the type of the key (field 1: Ed25519 = 1) and its 32 bytes (field 2).
const PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// The maximum size of an identity file, in bytes: the key of an `ant-node`, which resists quantum computers, is a text of
/// 5,984 numbers with up to nine characters each.
pub(crate) const KEY_LIMIT: u64 = 64 * 1024;

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

/// The digest of an identity file. Two nodes with equal digests have one identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdentityDigest([u8; 32]);

/// Returns the digest of the identity of the node in a folder; None without a readable identity file, and for other
/// programs.
#[must_use]
pub fn digest(root: &Path, flavor: &Flavor) -> Option<IdentityDigest> {
    if matches!(flavor, Flavor::Custom(_)) {
        return None;
    }
    let key = guarded::read(&root.join(flavor.identity_file()), KEY_LIMIT, Trust::Anyone).ok()?;
    (!key.is_empty()).then(|| IdentityDigest(Sha256::digest(&key).into()))
}

/// An identity file that is not a key: the node does not start with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The file is empty.
    #[error("its identity file {} is empty", .0.display())]
    Empty(PathBuf),
    /// The file has another length than a key.
    #[error("its identity file {} has {length} bytes, but a key has {SEED}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
    },
}

/// Returns the fault of the identity file in a folder; None for a key, and without such a file.
#[must_use]
pub fn key_fault(root: &Path, flavor: &Flavor) -> Option<KeyFault> {
    let path = root.join(flavor.identity_file());
    let length = files::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
    length_fault(path, length, flavor)
}

/// Returns the fault of a key of this length, which `path` contains or is to contain.
pub(crate) fn length_fault(path: PathBuf, length: u64, flavor: &Flavor) -> Option<KeyFault> {
    match flavor {
        Flavor::Custom(_) => None,
        Flavor::Antnode | Flavor::AntNode if length == 0 => Some(KeyFault::Empty(path)),
        Flavor::Antnode if length != SEED => Some(KeyFault::Length { path, length }),
        Flavor::Antnode | Flavor::AntNode => None,
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

    #[test]
    fn identities_are_compared_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("node_identity.key");
        let digest = || digest(folder.path(), &Flavor::AntNode);
        let fault = || key_fault(folder.path(), &Flavor::AntNode).map(|fault| fault.to_string());
        assert_eq!((digest(), fault()), (None, None));
        std::fs::write(&key, "").unwrap();
        assert_eq!(digest(), None);
        assert!(fault().is_some_and(|fault| fault.ends_with("node_identity.key is empty")));
        std::fs::write(&key, "one").unwrap();
        let one = digest().unwrap();
        std::fs::write(&key, "other").unwrap();
        assert!(digest().is_some_and(|other| other != one) && fault().is_none());
        std::fs::write(folder.path().join("secret-key"), [7; 31]).unwrap();
        let fault = key_fault(folder.path(), &Flavor::Antnode).unwrap().to_string();
        assert!(fault.ends_with("secret-key has 31 bytes, but a key has 32"), "{fault}");
    }
}
