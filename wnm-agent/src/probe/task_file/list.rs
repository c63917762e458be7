//! The lists of an earlier agent: `fileSize,name,address,md5` for downloads, where a digest of 0 is none, and
//! `fileSize,seed,size,md5` for quotes and uploads.

use wnm_core::probe::{KnownFile, SeededFile, SizeClass, TaskCause, check_name};
use wnm_core::{Bytes, Unit};

use super::{FileProblem, ReadPlan, quoted, size_class};

const HEAD: &str = "filesize";

/// Tells whether a line is one of a list: a head, or four fields of which the first names a class.
pub(super) fn is_line(line: &str) -> bool {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let is_first = |word: &str| word.eq_ignore_ascii_case(HEAD) || SizeClass::from_word(word).is_some();
    fields.len() == 4 && fields.first().copied().is_some_and(is_first)
}

pub(super) fn read(text: &str, into: &mut ReadPlan) {
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let is_head = fields.first().is_some_and(|first| first.eq_ignore_ascii_case(HEAD));
        if line.is_empty() || line.starts_with('#') || is_head {
            continue;
        }
        if let Err(cause) = entry(&fields, into) {
            into.problems.push(FileProblem::Entry { entry: format!("line {number}"), cause });
        }
    }
}

fn entry(fields: &[&str], into: &mut ReadPlan) -> Result<(), TaskCause> {
    let &[class, second, third, digest] = fields else {
        return Err(TaskCause::Form { key: "line", value: quoted(&fields.join(",")), form: "four fields with commas" });
    };
    let (size, md5) = (size_class("fileSize", class)?, md5(digest)?);
    match second.parse() {
        // A name may be a number too; an address is longer than any length.
        Ok(seed) if third.len() < 20 => {
            into.plan.seeds.push(SeededFile { size, seed, bytes: length(third, size)?, md5 });
        }
        _ => into.plan.files.push(known_file(size, second, address(third)?, md5)?),
    }
    Ok(())
}

/// Returns a file on the network. Without a name it has the begin of its address.
pub(super) fn known_file(
    size: SizeClass,
    name: &str,
    address: String,
    md5: Option<String>,
) -> Result<KnownFile, TaskCause> {
    let name = if name.is_empty() { address.chars().take(12).collect() } else { name.to_owned() };
    check_name(&name)?;
    Ok(KnownFile { size, name, address, md5 })
}

/// The longest address, in hexadecimal digits. A private file is named by its data map; Linux accepts 128 KiB for one
/// argument of a program.
const LONGEST_ADDRESS: usize = 100_000;

/// Reads an address: hexadecimal digits only, so that it can be neither a flag nor a word of a shell.
pub(super) fn address(text: &str) -> Result<String, TaskCause> {
    let digits = text.trim().trim_start_matches("0x");
    let is_address =
        (64..=LONGEST_ADDRESS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_address {
        return Ok(digits.to_ascii_lowercase());
    }
    Err(TaskCause::Form { key: "address", value: quoted(text), form: "an address of 64 to 100000 hexadecimal digits" })
}

/// Reads a digest; None for `0` and an empty field.
pub(super) fn md5(text: &str) -> Result<Option<String>, TaskCause> {
    let text = text.trim();
    match text {
        "" | "0" => Ok(None),
        _ if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Ok(Some(text.to_ascii_lowercase()))
        }
        _ => Err(TaskCause::Form { key: "md5", value: quoted(text), form: "32 hexadecimal digits, or 0" }),
    }
}

/// Reads the length of a file of a class, in bytes or with a unit.
pub(super) fn length(text: &str, size: SizeClass) -> Result<Bytes, TaskCause> {
    let wrong = |form| TaskCause::Form { key: "bytes", value: quoted(text), form };
    let bare = Unit::Bytes.to_bare(text.trim()).ok().and_then(|bare| bare.parse().ok());
    let bytes = bare.ok_or_else(|| wrong("a size, such as 1000000 or 1MB"))?;
    // The clients cannot encrypt a file of less than three bytes.
    if (3..=size.most().0).contains(&bytes) { Ok(Bytes(bytes)) } else { Err(wrong("a length of its class")) }
}
