//! Rewards addresses, and weighted lists from which each new node draws one.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha3::{Digest, Keccak256};

/// The address of the community faucet of the network: the word `faucet`, and the default of the word `donate`.
pub const FAUCET: Address = Address([
    0x00, 0x45, 0x5d, 0x78, 0xf8, 0x50, 0xb0, 0x35, 0x8e, 0x8c, 0xea, 0x5b, 0xe2, 0x4d, 0x41, 0x5e, 0x01, 0xe1, 0x07,
    0xcf,
]);

/// An account that receives rewards.
///
/// Its text has the mixed-case checksum of EIP-55. Parsing checks the checksum of mixed-case text, and accepts text in
/// one case without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Address([u8; 20]);

/// A text that is no rewards address and no weighted list of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid rewards address {text:?}: {cause}")]
pub struct WalletError {
    /// The text, or the entry of a list, cut to 60 characters.
    pub text: String,
    /// The reason.
    pub cause: WalletCause,
}

/// The reason why a text is no rewards address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalletCause {
    /// The text is not `0x` and 40 hexadecimal digits.
    #[error("not 0x and 40 hexadecimal digits")]
    NotAnAddress,
    /// The case of the letters does not match the EIP-55 checksum of the digits, so that a digit is probably wrong.
    #[error("the EIP-55 checksum does not match, a digit is probably wrong (these digits would be {checksummed})")]
    WrongChecksum {
        /// The same digits with the case that matches their checksum.
        checksummed: String,
    },
    /// An entry of a list has no weight in the range.
    #[error("no weight from 1 to 1000000 after a colon, as in faucet:1")]
    NotAWeight,
    /// A list contains the account twice.
    #[error("listed twice")]
    Twice,
}

impl WalletError {
    fn new(text: &str, cause: WalletCause) -> Self {
        Self { text: text.chars().take(60).collect(), cause }
    }
}

thread_local! {
    /// The last address with its digits. The nodes of a colony share few addresses, and the digest takes longer than all other
    /// parts of a node's description.
    static LAST: RefCell<Option<(Address, String)>> = const { RefCell::new(None) };
}

impl Address {
    /// Returns the hexadecimal digits with the case of EIP-55, without `0x`.
    fn checksummed(self) -> String {
        LAST.with_borrow_mut(|last| match last {
            Some((address, digits)) if *address == self => digits.clone(),
            _ => last.insert((self, self.digits())).1.clone(),
        })
    }

    fn digits(self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        let plain: String = self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect();
        let digest = Keccak256::digest(plain.as_bytes());
        plain
            .char_indices()
            .map(|(i, digit)| {
                let nibble = digest[i / 2] >> (4 * (1 - i % 2)) & 0xf;
                if nibble >= 8 { digit.to_ascii_uppercase() } else { digit }
            })
            .collect()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", self.checksummed())
    }
}

impl FromStr for Address {
    type Err = WalletError;
    fn from_str(text: &str) -> Result<Self, WalletError> {
        let wrong = || WalletError::new(text, WalletCause::NotAnAddress);
        let digits = text.strip_prefix("0x").filter(|d| d.len() == 40).ok_or_else(wrong)?;
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let nibble = |digit: u8| char::from(digit).to_digit(16).ok_or_else(wrong);
            *byte = (nibble(pair[0])? * 16 + nibble(pair[1])?) as u8;
        }
        let address = Self(bytes);
        let mixed = digits.bytes().any(|b| b.is_ascii_lowercase()) && digits.bytes().any(|b| b.is_ascii_uppercase());
        if mixed && digits != address.checksummed() {
            return Err(WalletError::new(text, WalletCause::WrongChecksum { checksummed: address.to_string() }));
        }
        Ok(address)
    }
}

impl TryFrom<String> for Address {
    type Error = WalletError;
    fn try_from(text: String) -> Result<Self, WalletError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

/// A recipient of rewards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payee {
    /// The account with this address.
    Account(Address),
    /// The community faucet.
    Faucet,
    /// The account of the setting `donate_address`.
    Donate,
}

impl fmt::Display for Payee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(address) => address.fmt(f),
            Self::Faucet => f.write_str("faucet"),
            Self::Donate => f.write_str("donate"),
        }
    }
}

/// The setting `rewards_address`: one recipient, or several with weights from 1 to 1000000.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rewards(Vec<(Payee, u32)>);

impl Rewards {
    /// Draws the rewards address of a new node by weight.
    ///
    /// `roll` is a uniformly random number; the same roll always returns the same address.
    #[must_use]
    pub fn draw(&self, roll: u64, donate: Address) -> Address {
        let total: u64 = self.0.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut left = roll % total.max(1);
        for (payee, weight) in &self.0 {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return payee.account(donate),
            }
        }
        donate
    }
}

impl Rewards {
    /// Returns the addresses that a node can draw.
    pub(crate) fn accounts(&self, donate: Address) -> impl Iterator<Item = Address> {
        self.0.iter().filter(|(_, weight)| *weight > 0).map(move |(payee, _)| payee.account(donate))
    }
}

impl Payee {
    fn account(self, donate: Address) -> Address {
        match self {
            Self::Account(address) => address,
            Self::Faucet => FAUCET,
            Self::Donate => donate,
        }
    }
}

impl FromStr for Rewards {
    type Err = WalletError;
    fn from_str(text: &str) -> Result<Self, WalletError> {
        let payee = |name: &str| match name {
            "faucet" => Ok(Payee::Faucet),
            "donate" => Ok(Payee::Donate),
            address => address.parse().map(Payee::Account),
        };
        if !text.contains([',', ':']) {
            return Ok(Self(vec![(payee(text.trim())?, 1)]));
        }
        let mut list: Vec<(Payee, u32)> = Vec::new();
        for entry in text.split(',').map(str::trim) {
            let (name, weight) = entry.split_once(':').unwrap_or((entry, ""));
            let payee = payee(name.trim())?;
            let weight = weight.trim().parse().ok().filter(|w| (1..=1_000_000).contains(w));
            let weight = weight.ok_or_else(|| WalletError::new(entry, WalletCause::NotAWeight))?;
            if list.iter().any(|(other, _)| *other == payee) {
                return Err(WalletError::new(entry, WalletCause::Twice));
            }
            list.push((payee, weight));
        }
        Ok(Self(list))
    }
}

impl fmt::Display for Rewards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(payee, 1)] = self.0.as_slice() {
            return payee.fmt(f);
        }
        for (i, (payee, weight)) in self.0.iter().enumerate() {
            write!(f, "{}{payee}:{weight}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Rewards {
    type Error = WalletError;
    fn try_from(text: String) -> Result<Self, WalletError> {
        text.parse()
    }
}

impl From<Rewards> for String {
    fn from(rewards: Rewards) -> String {
        rewards.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of EIP-55 itself.
    const CHECKSUMMED: [&str; 4] = [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    ];

    #[test]
    fn checksums_follow_eip_55() {
        for text in CHECKSUMMED {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
            let lower = text.to_lowercase();
            assert_eq!(lower.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!(FAUCET.to_string(), "0x00455d78f850b0358E8cea5be24d415E01E107CF");
    }

    #[test]
    fn invalid_addresses_have_a_cause() {
        let error = |text: &str| text.parse::<Rewards>().unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                error(""),
                error("0x123"),
                error("52908400098527886E0F7030069857D2E4169EE7"),
                error("0xzz908400098527886E0F7030069857D2E4169EE7"),
                error("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"),
                error("faucet:0"),
                error("faucet:1,donate"),
                error("faucet:1,donate:1,faucet:2"),
                error("faucet:99999999999"),
            ]
            .join("\n"),
            @r#"
        invalid rewards address "": not 0x and 40 hexadecimal digits
        invalid rewards address "0x123": not 0x and 40 hexadecimal digits
        invalid rewards address "52908400098527886E0F7030069857D2E4169EE7": not 0x and 40 hexadecimal digits
        invalid rewards address "0xzz908400098527886E0F7030069857D2E4169EE7": not 0x and 40 hexadecimal digits
        invalid rewards address "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD": the EIP-55 checksum does not match, a digit is probably wrong (these digits would be 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed)
        invalid rewards address "faucet:0": no weight from 1 to 1000000 after a colon, as in faucet:1
        invalid rewards address "donate": no weight from 1 to 1000000 after a colon, as in faucet:1
        invalid rewards address "faucet:2": listed twice
        invalid rewards address "faucet:99999999999": no weight from 1 to 1000000 after a colon, as in faucet:1
        "#
        );
    }

    #[test]
    fn draws_follow_the_weights_exactly() {
        let account = CHECKSUMMED[0].parse::<Address>().unwrap();
        let other = CHECKSUMMED[2].parse::<Address>().unwrap();
        let rewards: Rewards = format!("{account}:100,faucet:1,donate:10").parse().unwrap();
        assert_eq!(rewards.to_string(), format!("{account}:100,faucet:1,donate:10"));
        let draws: Vec<Address> = (0..1110).map(|roll| rewards.draw(roll, other)).collect();
        let count = |who: Address| draws.iter().filter(|drawn| **drawn == who).count();
        assert_eq!((count(account), count(FAUCET), count(other)), (1000, 10, 100));
    }

    #[test]
    fn shares_of_random_draws_match_the_weights() {
        const DRAWS: u64 = 10_000;
        // SplitMix64, so that the test is deterministic: the n-th number of its sequence.
        let roll = |n: u64| {
            let z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let [account, donate] = [CHECKSUMMED[0], CHECKSUMMED[2]].map(|text| text.parse::<Address>().unwrap());
        let rewards: Rewards = format!("{account}:100,faucet:1,donate:10").parse().unwrap();
        for (payee, weight) in [(account, 100.0), (FAUCET, 1.0), (donate, 10.0)] {
            let drawn = (1..=DRAWS).filter(|n| rewards.draw(roll(*n), donate) == payee).count() as f64;
            let (draws, share) = (DRAWS as f64, weight / 111.0);
            // Four standard deviations of a binomial distribution.
            let bound = 4.0 * (draws * share * (1.0 - share)).sqrt();
            assert!((drawn - draws * share).abs() < bound, "{payee}: {drawn} of {draws}, expected a share of {share}");
        }
    }
}
