//! The file with the private key of the wallet that pays uploads.

use std::path::Path;

use wnm_platform::probe::Secret;

use crate::private_file::{self, PrivateFileError};

/// Reads the private key of a wallet from a file that only its owner can read. No error quotes it.
///
/// # Errors
/// The file cannot be read, other users can read it, or it contains no private key.
pub fn read_key(path: &Path) -> Result<Secret, PrivateFileError> {
    private_file::read(path, |text| {
        let digits = text.trim().trim_start_matches("0x");
        let is_key = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_key {
            Ok(Secret(format!("0x{digits}")))
        } else {
            Err("no private key of 64 hexadecimal digits in it".to_owned())
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn key_is_read_from_a_private_file_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let read = |text: &str, mode: u32| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            read_key(&path)
        };
        let digits = "0123456789abcdef".repeat(4);
        assert_eq!(read(&format!("0x{digits}\n"), 0o600).unwrap().0, format!("0x{digits}"));
        assert!(matches!(read(&digits, 0o640), Err(PrivateFileError::Open { mode: 0o640, .. })));
        for text in ["", "password", &digits[1..], &format!("{digits}0")] {
            let error = read(text, 0o400).unwrap_err();
            assert!(matches!(error, PrivateFileError::Invalid { .. }));
            assert!(text.is_empty() || !error.to_string().contains(text), "{error}");
        }
        assert!(matches!(read_key(&folder.path().join("none")), Err(PrivateFileError::Unreadable { .. })));
        assert!(matches!(read_key(folder.path()), Err(PrivateFileError::Unreadable { .. })));
    }
}
