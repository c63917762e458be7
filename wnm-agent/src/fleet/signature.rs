//! Signatures in the format of minisign, and the key files of its program.

use std::path::Path;

use minisign_verify::{PublicKey as Verifier, Signature};
use serde::{Deserialize, Serialize};
use wnm_core::fleet::command::{Command, Verbs, VerifySignature, enclose};

use super::secret_file;

/// The length of a secret key file without its comment, in bytes, as the manual of minisign describes it.
const KEY_LENGTH: usize = 158;

/// The public key of a fleet, as the second line of a public key file of minisign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(String);

/// A text that is no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a public key of minisign")]
pub struct NotAKey;

impl PublicKey {
    /// Returns the key of a text: the key itself, or a public key file.
    ///
    /// # Errors
    /// The text is no key.
    pub fn new(text: &str) -> Result<Self, NotAKey> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        Verifier::from_base64(line).map(|_| Self(line.to_owned())).map_err(|_| NotAKey)
    }

    /// Returns the key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl VerifySignature for PublicKey {
    /// Tells whether the signature, a signature file of minisign, is one of the document by this key.
    fn has_signed(&self, document: &[u8], signature: &str) -> bool {
        let (Ok(key), Ok(signature)) = (Verifier::from_base64(&self.0), Signature::decode(signature)) else {
            return false;
        };
        // Without the legacy form, which signs the document itself: minisign writes the other since 0.10.
        key.verify(document, &signature, false).is_ok()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = NotAKey;

    fn try_from(text: String) -> Result<Self, NotAKey> {
        Self::new(&text)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.0
    }
}

/// The secret key of a fleet.
pub struct SigningKey(minisign::SecretKey);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}

/// The secret key cannot be created, read or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] secret_file::SecretFileError),
    /// The file contains no secret key of minisign.
    #[error("{} is not a secret key of minisign", path.display())]
    NotAKey {
        /// The file.
        path: std::path::PathBuf,
    },
    /// The key has a password.
    #[error("the key {} is encrypted with a password", path.display())]
    Encrypted {
        /// The file.
        path: std::path::PathBuf,
    },
    /// The keys could not be computed.
    #[error("cannot sign: {0}")]
    Sign(String),
}

impl SigningKey {
    /// Returns a new key.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().map_err(|e| KeyError::Sign(e.to_string()))?;
        Ok(Self(pair.sk))
    }

    /// Reads a key file of minisign without a password, which only its owner can read.
    ///
    /// # Errors
    /// The file cannot be read, other users can read it, it is no secret key, or it is encrypted.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = secret_file::read(path)?;
        let not_a_key = || KeyError::NotAKey { path: path.to_owned() };
        let bytes = key_bytes(&text).ok_or_else(not_a_key)?;
        if bytes.get(2..4) != Some(&[0, 0]) {
            return Err(KeyError::Encrypted { path: path.to_owned() });
        }
        // Not by the reader of key files: it expects the checksum that the program minisign leaves empty without a password.
        let key = Self(minisign::SecretKey::from_bytes(&bytes).map_err(|_| not_a_key())?);
        let public = key.public().map_err(|_| not_a_key())?;
        // A damaged key makes signatures that its own public part refuses.
        if public.has_signed(b"", &key.sign(b"")?) { Ok(key) } else { Err(not_a_key()) }
    }

    /// Returns the public key.
    ///
    /// # Errors
    /// The secret key is damaged.
    pub fn public(&self) -> Result<PublicKey, KeyError> {
        let public = minisign::PublicKey::from_secret_key(&self.0).map_err(|e| KeyError::Sign(e.to_string()))?;
        PublicKey::new(&public.to_base64()).map_err(|_| KeyError::Sign("no public key".to_owned()))
    }

    /// Writes the key as a key file of minisign that only its owner can read. Never replaces a file.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        let text = self.0.to_box(Some("secret key of a fleet of wnm")).map_err(|e| KeyError::Sign(e.to_string()))?;
        Ok(secret_file::create(path, &text.to_string())?)
    }

    /// Returns the signature of a document, as a signature file of minisign.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn sign(&self, document: &[u8]) -> Result<String, KeyError> {
        let signed = minisign::sign(None, &self.0, document, Some("command of a fleet of wnm"), None);
        signed.map(|signature| signature.to_string()).map_err(|error| KeyError::Sign(error.to_string()))
    }

    /// Returns the text of a command for the engine, signed.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn sign_command<V: Verbs>(&self, command: &Command<V>) -> Result<String, KeyError> {
        let document = command.document().map_err(|error| KeyError::Sign(error.to_string()))?;
        let signature = self.sign(document.as_bytes())?;
        enclose(document, signature).map_err(|error| KeyError::Sign(error.to_string()))
    }
}

/// Returns the bytes of a secret key file; None for another file. Two bytes name the signature, and the next two the
/// derivation of the key from a password: zeroes without one.
fn key_bytes(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let line = text.lines().nth(1)?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(line.trim()).ok()?;
    (bytes.len() == KEY_LENGTH && bytes.starts_with(b"Ed")).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wnm_core::Timestamp;
    use wnm_core::fleet::command::{Refusal, Target, Verb};

    use super::*;

    /// Files that minisign 0.11 of Debian wrote: `minisign -G -W` and `minisign -S`.
    const PUBLIC: &str = "untrusted comment: minisign public key 8EFD1376074FDEBB
RWS73k8HdhP9jrL5Z0M3cPW9kc/yJnMtTmFyo4k8L6RipS4XKm4qXB2F
";
    const SECRET: &str = "untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAu95PB3YT/Y7hSHbmJAZ5nF9PzPM3QpJDYD40Xpw8/Os0pVypopGUxbL5Z0M3cPW9kc/yJnMtTmFyo4k8L6RipS4XKm4qXB2FAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
";
    const ENCRYPTED: &str = "untrusted comment: minisign encrypted secret key
RWRTY0Iy0ciEO29oKS3YxddMYcQScql8tBWBBT8Gx9HerUmvgwIAAAACAAAAAAAAAEAAAAAAKzkblNoN4w1fPGXhqs1fI7No+BKbdtkuxrO7WM+/nw4RGJLFKBsaJRerw9qsg04ZIBDnbUBJ3vWi88N3Qag58Kk3XYsWyr3IG6xE+PgwV9Dhea3RNylBw7Q0AqXWZgLASAMFr5fpCYc=
";
    const DOCUMENT: &str = r#"{"fleet":"farm","generation":1795000000000,"target":"all","issued":1795000000000,"not_after":1797592000000,"verb":{"hold":{"reason":"new kernel","drain":false}}}"#;
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUS73k8HdhP9joAovzGKndnEj0rpzqFZqjyT2b6uEvwZTVwDLLkRXRlmP496ktm7hUU/QhMDtoYqdeuFwVNJQFZaRwU7gWKPUg8=
trusted comment: timestamp:1795947133\tfile:doc.json\thashed
fbKKRHobdny+8SaH5Niip4/K79GxMEaGviTuZplEvNlLJGaQrRiSdjrwSacUt/02s56DYXQZNMl7ZwZOLUocCg==
";

    fn stored(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.key");
        secret_file::create(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn files_of_minisign_are_read_and_its_signatures_verified() {
        let public = PublicKey::new(PUBLIC).unwrap();
        assert_eq!(PublicKey::new(public.as_str()), Ok(public.clone()));
        assert!(public.has_signed(DOCUMENT.as_bytes(), SIGNATURE));
        let (_folder, path) = stored(SECRET);
        let own = SigningKey::read(&path).unwrap().sign(DOCUMENT.as_bytes()).unwrap();
        assert!(public.has_signed(DOCUMENT.as_bytes(), &own));
        assert!(!public.has_signed(DOCUMENT.replace("false", "true").as_bytes(), &own));
        let other = SigningKey::generate().unwrap().public().unwrap();
        assert!(!other.has_signed(DOCUMENT.as_bytes(), &own));
    }

    #[test]
    fn new_keys_are_written_as_files_that_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.key");
        let key = SigningKey::generate().unwrap();
        let public = key.public().unwrap();
        key.write(&path).unwrap();
        assert!(matches!(key.write(&path), Err(KeyError::File(_))));
        let signature = SigningKey::read(&path).unwrap().sign(b"x").unwrap();
        assert!(public.has_signed(b"x", &signature) && !public.has_signed(b"y", &signature));
    }

    #[test]
    fn encrypted_and_damaged_keys_are_told_apart() {
        let (_folder, path) = stored(ENCRYPTED);
        assert!(matches!(SigningKey::read(&path), Err(KeyError::Encrypted { .. })));
        for text in ["", "x", PUBLIC, &SECRET[..SECRET.len() - 40], "untrusted comment: x\nRWQAAEIy"] {
            let (_folder, path) = stored(text);
            assert!(matches!(SigningKey::read(&path), Err(KeyError::NotAKey { .. })), "{text}");
        }
        for text in ["", "x", SECRET, "RWS73k8HdhP9jrL5Z0M3cPW9kc"] {
            assert!(PublicKey::new(text).is_err(), "{text}");
        }
    }

    fn enclosed(document: &str, signature: &str) -> String {
        enclose(document.to_owned(), signature.to_owned()).unwrap()
    }

    fn read(text: &str) -> Result<Command, Refusal> {
        Command::read(text, &PublicKey::new(PUBLIC).unwrap())
    }

    #[test]
    fn command_signed_by_minisign_is_read() {
        let command = read(&enclosed(DOCUMENT, SIGNATURE)).unwrap();
        assert_eq!((command.generation, &command.target), (1_795_000_000_000, &Target::All));
        assert_eq!(command.verb, Verb::Hold { reason: "new kernel".to_owned(), drain: false });
        assert_eq!(command.document().unwrap(), DOCUMENT);
    }

    #[test]
    fn signed_command_is_read_with_its_key_only() {
        let command: Command = serde_json::from_str(DOCUMENT).unwrap();
        let command = Command { issued: Timestamp::from_millis(1), ..command };
        let key = SigningKey::generate().unwrap();
        let public = key.public().unwrap();
        let text = key.sign_command(&command).unwrap();
        assert_eq!(Command::read(&text, &public), Ok(command));
        assert_eq!(read(&text), Err(Refusal::Signature));
    }

    #[test]
    fn changed_and_unsigned_documents_are_refused() {
        let forged = DOCUMENT.replace("new kernel", "old kernel");
        let other = SigningKey::generate().unwrap().sign(DOCUMENT.as_bytes()).unwrap();
        for (document, signature) in [
            (DOCUMENT, ""),
            (DOCUMENT, "x"),
            (DOCUMENT, other.as_str()),
            (forged.as_str(), SIGNATURE),
            ("", SIGNATURE),
            (&DOCUMENT[..DOCUMENT.len() - 1], SIGNATURE),
        ] {
            assert_eq!(read(&enclosed(document, signature)), Err(Refusal::Signature));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_change_of_a_signed_text_is_accepted(at in 0_usize..600, byte in any::<u8>()) {
            let text = enclosed(DOCUMENT, SIGNATURE);
            let mut bytes = text.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(command) = read(&String::from_utf8_lossy(&bytes)) {
                prop_assert_eq!(Ok(command), read(&text));
            }
        }
    }
}
