//! Who a node is: a key made once, and the peer ids derived from it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ed25519_dalek::SigningKey;
use sha2::{Digest as _, Sha256};

/// What a node's identity file holds.
pub(super) struct Key([u8; 32]);

impl Key {
    /// Reads the key at `path`, or makes one there (mode 0600) when there is none; fails when what is there is no
    /// key of 32 bytes.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => bytes
                .try_into()
                .map(Self)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the key has not 32 bytes")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::random()?;
                key.save(path)?;
                Ok(key)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a key that was never seen before.
    pub(super) fn random() -> io::Result<Self> {
        let mut bytes = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Writes the key to `path`, which must not exist, with mode 0600.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(&self.0)
    }

    /// Returns the peer id in the form of `antnode`: `12D3KooW` and 44 more characters.
    pub(super) fn libp2p_peer_id(&self) -> String {
        // An identity multihash of a protobuf public key of type ed25519.
        let mut multihash = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
        multihash.extend(SigningKey::from_bytes(&self.0).verifying_key().as_bytes());
        base58(&multihash)
    }

    /// Returns the peer id in the form of `ant-node`: 64 hexadecimal digits.
    pub(super) fn hex_peer_id(&self) -> String {
        self.digest().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

fn base58(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut digits: Vec<u8> = Vec::new(); // base 58, the lowest first
    for byte in &bytes[zeros..] {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    let leading = std::iter::repeat_n(0, zeros);
    leading.chain(digits.into_iter().rev()).map(|digit| char::from(ALPHABET[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::{Key, base58};

    #[test]
    fn encodes_base58() {
        assert_eq!(base58(b"Hello World!"), "2NEpo7TZRRrLZSi2U");
        assert_eq!(base58(&[0, 0, 0x28, 0x7f, 0xb4, 0xcd]), "11233QC4");
    }

    #[test]
    fn peer_ids_look_right() {
        let key = Key([7; 32]);
        let id = key.libp2p_peer_id();
        // An antnode 0.4.17 with this identity reports this peer ID.
        assert_eq!(id, "12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7");
        assert_eq!(key.hex_peer_id().len(), 64);
    }
}
