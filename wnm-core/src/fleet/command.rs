//! Commands of the operator to the hosts of a fleet, and the checks that each must pass.
//!
//! The engine carries commands and is no authority. A command with a signature may hold or resume. A document without
//! one may hold only: anyone may stop, only the key may start. The list of verbs is closed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::Name;
use crate::model::units::Timestamp;

/// Longest document with its signature, in bytes.
pub const LONGEST_COMMAND: usize = 64 << 10;
/// Longest reason, in characters.
const LONGEST_REASON: usize = 200;
/// Most holds without a signature that one command ends.
pub const MOST_LIFTED: usize = 1024;
/// Most holds without a signature that are in effect on a host. It stays held while it refuses another one.
pub const MOST_STOPS: usize = 16;

/// The hosts that a command is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// All hosts of the fleet, also those that join later.
    All,
    /// One host.
    Host(Name),
}

impl Target {
    /// Returns whether a host is one of the target.
    #[must_use]
    pub fn includes(&self, host: &Name) -> bool {
        match self {
            Self::All => true,
            Self::Host(name) => name == host,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all hosts"),
            Self::Host(host) => write!(f, "host {host}"),
        }
    }
}

/// The identifier of a hold without a signature: 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct StopId(String);

impl StopId {
    /// Returns the identifier of random bits.
    #[must_use]
    pub fn new(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }
}

impl TryFrom<String> for StopId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if text.len() == 32 && text.bytes().all(is_digit) { Ok(Self(text)) } else { Err("not 32 hexadecimal digits") }
    }
}

/// The closed list of verbs of a signed command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Verb {
    /// Hold voluntary actions.
    Hold {
        /// The reason, on one line.
        reason: String,
        /// Whether removals in their delay are cancelled too.
        drain: bool,
    },
    /// End the hold.
    Resume {
        /// The holds without a signature that end too.
        lifts: Vec<StopId>,
    },
}

/// The verbs of one kind of signed documents.
pub trait Verbs: Serialize + serde::de::DeserializeOwned {
    /// Bounds the texts of a verb after it is read.
    ///
    /// # Errors
    /// The verb is longer than any of its kind.
    fn bounded(self) -> Result<Self, Refusal>;
}

impl Verbs for Verb {
    fn bounded(self) -> Result<Self, Refusal> {
        match self {
            Self::Hold { reason, drain } => Ok(Self::Hold { reason: one_line(&reason), drain }),
            Self::Resume { lifts } if lifts.len() > MOST_LIFTED => Err(Refusal::TooLong),
            Self::Resume { lifts } => Ok(Self::Resume { lifts }),
        }
    }
}

/// A signed command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command<V = Verb> {
    /// The fleet.
    pub fleet: Name,
    /// The generation: a command replaces those of lower generations. The time of issue in milliseconds, and above that of
    /// the command before.
    pub generation: u64,
    /// The hosts.
    pub target: Target,
    /// The time of issue, by the operator's clock.
    pub issued: Timestamp,
    /// The end: no host obeys the command later.
    pub not_after: Timestamp,
    /// The verb.
    pub verb: V,
}

/// A hold without a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// The fleet.
    pub fleet: Name,
    /// The identifier, which the command that ends it names.
    pub id: StopId,
    /// The hosts.
    pub target: Target,
    /// The time of issue, by the clock of its author.
    pub issued: Timestamp,
    /// The end of the hold.
    pub not_after: Timestamp,
    /// The reason, on one line.
    pub reason: String,
    /// Whether removals in their delay are cancelled too.
    pub drain: bool,
}

/// A public key. This crate has no cryptography: whether a signature is valid comes in as an answer.
pub trait VerifySignature {
    /// Tells whether a signature is one of the document by this key.
    fn has_signed(&self, document: &[u8], signature: &str) -> bool;
}

/// A document with its signature, as the engine carries it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    document: String,
    signature: String,
}

/// The reason why a host refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The text is longer than any command.
    #[error("it is longer than 64 KiB")]
    TooLong,
    /// The text is no command of this version.
    #[error("it is not a command of the documented form: {0}")]
    Form(String),
    /// The signature is not one of the fleet's key.
    #[error("its signature is not by the key of the fleet")]
    Signature,
    /// The command is of another fleet.
    #[error("it is for the fleet {0}")]
    OtherFleet(Name),
    /// The command is for other hosts.
    #[error("it is for {0}")]
    OtherTarget(Target),
    /// The command has ended.
    #[error("it has ended")]
    Expired,
    /// A command of a higher generation was obeyed.
    #[error("its generation {generation} is older than {applied}")]
    Older {
        /// The generation of the command.
        generation: u64,
        /// The highest generation that was obeyed.
        applied: u64,
    },
    /// A verb for all hosts is sent to one, or the reverse.
    #[error("its verb is not one for {0}")]
    VerbOfOthers(Target),
    /// As many holds without a signature are in effect as a host remembers.
    #[error("{MOST_STOPS} others are in effect")]
    TooManyStops,
    /// Another command has the same generation.
    #[error("another command has its generation {0}")]
    GenerationTwice(u64),
}

impl<V: Verbs> Command<V> {
    /// Returns the document that is signed.
    ///
    /// # Errors
    /// The command cannot be written as JSON.
    pub fn document(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads a text of the engine, and checks its signature before it reads the document.
    ///
    /// # Errors
    /// The text is too long, has another form, or its signature is not by the key.
    pub fn read(text: &str, key: &impl VerifySignature) -> Result<Self, Refusal> {
        let envelope: Envelope = parse(text)?;
        if !key.has_signed(envelope.document.as_bytes(), &envelope.signature) {
            return Err(Refusal::Signature);
        }
        let command: Self = parse(&envelope.document)?;
        Ok(Self { verb: command.verb.bounded()?, ..command })
    }
}

impl Stop {
    /// Reads a text of the engine.
    ///
    /// # Errors
    /// The text is too long, or no hold.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let mut stop: Self = parse(text)?;
        stop.reason = one_line(&stop.reason);
        Ok(stop)
    }
}

/// Returns the generation of the next command: the time of issue in milliseconds, and above that of the last command of
/// its author and all that it has seen.
#[must_use]
pub fn next_generation(last: u64, wall: Timestamp, seen: u64) -> u64 {
    let now = u64::try_from(wall.as_millis()).unwrap_or(0);
    now.max(last.saturating_add(1)).max(seen.saturating_add(1))
}

/// Returns a document and its signature, a signature file of minisign, as the engine carries them.
///
/// # Errors
/// They cannot be written as JSON.
pub fn enclose(document: String, signature: String) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Envelope { document, signature })
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    if text.len() > LONGEST_COMMAND {
        return Err(Refusal::TooLong);
    }
    serde_json::from_str(text).map_err(|error| Refusal::Form(one_line(&error.to_string())))
}

/// Returns a text of another host on one line of bounded length, without control characters.
#[must_use]
pub fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A key whose signature of a document is the document in reverse.
    struct Reversing;

    impl VerifySignature for Reversing {
        fn has_signed(&self, document: &[u8], signature: &str) -> bool {
            signature.bytes().rev().eq(document.iter().copied())
        }
    }

    fn enclosed(document: &str) -> String {
        enclose(document.to_owned(), document.chars().rev().collect()).unwrap()
    }

    const DOCUMENT: &str = r#"{"fleet":"farm","generation":7,"target":"all","issued":7,"not_after":9,"verb":{"hold":{"reason":"new kernel","drain":false}}}"#;

    #[test]
    fn only_signed_documents_are_read() {
        let command = <Command>::read(&enclosed(DOCUMENT), &Reversing).unwrap();
        assert_eq!((command.generation, &command.target), (7, &Target::All));
        assert_eq!(command.verb, Verb::Hold { reason: "new kernel".to_owned(), drain: false });
        assert_eq!(command.document().unwrap(), DOCUMENT);
        for signature in ["", DOCUMENT] {
            let text = enclose(DOCUMENT.to_owned(), signature.to_owned()).unwrap();
            assert_eq!(<Command>::read(&text, &Reversing), Err(Refusal::Signature));
        }
        for text in ["", "{}", DOCUMENT, "[]", "null", r#"{"document":1,"signature":2}"#] {
            assert!(matches!(<Command>::read(text, &Reversing), Err(Refusal::Form(_))), "{text}");
        }
        assert_eq!(<Command>::read(&"x".repeat(LONGEST_COMMAND + 1), &Reversing), Err(Refusal::TooLong));
    }

    #[test]
    fn signed_documents_of_other_forms_are_refused() {
        for document in [
            "{}".to_owned(),
            DOCUMENT.replace("\"hold\":", "\"remove\":"),
            DOCUMENT.replace("\"drain\"", "\"shell\""),
            DOCUMENT.replace("\"issued\"", "\"host\":1,\"issued\""),
            DOCUMENT.replace("farm", "Farm*"),
            DOCUMENT.replace("\"generation\":7", "\"generation\":-1"),
        ] {
            let read = <Command>::read(&enclosed(&document), &Reversing);
            assert!(matches!(read, Err(Refusal::Form(_))), "{document}");
        }
    }

    #[test]
    fn holds_without_signature_are_bounded() {
        let text = |reason: &str| {
            serde_json::json!({"fleet": "farm", "id": "0".repeat(32), "target": {"host": "a"}, "issued": 1,
                "not_after": 2, "reason": reason, "drain": true})
            .to_string()
        };
        let stop = Stop::read(&text(&format!("a\n\u{1b}[31mb {}", "x".repeat(500)))).unwrap();
        assert!(stop.reason.starts_with("a [31mb xxx") && stop.reason.chars().count() == LONGEST_REASON);
        for wrong in [text("a").replace("0000", "000g"), text("a").replace("\"id\"", "\"verb\""), DOCUMENT.to_owned()] {
            assert!(matches!(Stop::read(&wrong), Err(Refusal::Form(_))));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_text_panics(text in ".{0,300}") {
            _ = <Command>::read(&text, &Reversing);
            _ = Stop::read(&text);
        }

        #[test]
        fn truncated_commands_are_refused(length in 0_usize..500) {
            let text = enclosed(DOCUMENT);
            prop_assert!(<Command>::read(&text[..length % text.len()], &Reversing).is_err());
        }
    }
}
