//! Units of settings: a bare number has the unit of its setting, and times and sizes may name another one.

use std::borrow::Cow;
use std::fmt;

use super::problem::ProblemCause;

/// The unit of a bare number, which is also the unit of the stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// No unit: a count, a word or a text.
    None,
    /// Percent; `%` may follow the number.
    Percent,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Thousands of a port number.
    Thousands,
}

/// Units of time in milliseconds, the largest first. `m` is a minute, as in Go and Kubernetes.
const TIMES: &[(&str, u128)] = &[
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Units of size in bytes, the largest first, decimal before binary. `M` alone is not one of them: `df -h` takes it for
/// MiB, and vendors of disks for MB.
const SIZES: &[(&str, u128)] = &[
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1000),
    ("B", 1),
];

/// A part of a quantity that cannot be read.
enum Unreadable {
    Syntax,
    TooLarge,
    /// The number of bytes or milliseconds is not whole.
    Fraction,
}

impl Unit {
    /// Returns the unit for help texts, such as `seconds`; empty without a unit.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Percent => "percent",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes/s",
            Self::Thousands => "thousands",
        }
    }

    /// Returns how a value may name another unit; empty for units that have no others.
    #[must_use]
    pub const fn forms(self) -> &'static str {
        match self {
            Self::None | Self::Thousands => "",
            Self::Percent => "or with %, such as 70%",
            Self::Seconds | Self::Milliseconds => "or with units (ms, s, min, h, d, w), such as 10s or 2h 5min",
            Self::Bytes => "or with a unit (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB), such as 500MB or 1.5TiB",
            Self::BytesPerSecond => "or with a unit (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB), such as 10MB/s",
        }
    }

    /// Returns the text of a value as a bare number in this unit. A text without another unit is returned unchanged.
    ///
    /// # Errors
    /// The text has an unknown unit, or is no whole number of this one.
    pub fn to_bare(self, text: &str) -> Result<Cow<'_, str>, ProblemCause> {
        let bare = |scale: u128, total: Result<u128, Unreadable>| match total {
            Ok(total) if total % scale != 0 => Err(ProblemCause::NotWholeUnits { unit: self }),
            Ok(total) => Ok(Cow::Owned((total / scale).to_string())),
            Err(Unreadable::Fraction) => Err(ProblemCause::NotWholeUnits { unit: self }),
            Err(Unreadable::TooLarge) => Err(ProblemCause::OutOfRange { min: 0, max: u64::MAX, unit: self.name() }),
            Err(Unreadable::Syntax) => Err(ProblemCause::NotAQuantity { unit: self }),
        };
        // Python writes floats as 1e3; a number of JSON comes in this form too.
        if text.parse::<f64>().is_ok() && !text.contains(|c: char| c.is_ascii_alphabetic()) {
            return Ok(Cow::Borrowed(text));
        }
        match self {
            Self::None | Self::Thousands => Ok(Cow::Borrowed(text)),
            Self::Percent => Ok(Cow::Borrowed(text.strip_suffix('%').map_or(text, str::trim_end))),
            Self::Seconds => bare(1000, sum(text, TIMES)),
            Self::Milliseconds => bare(1, sum(text, TIMES)),
            Self::Bytes => bare(1, size(text)),
            Self::BytesPerSecond => bare(1, size(text.strip_suffix("/s").unwrap_or(text))),
        }
    }

    /// Returns a value of this unit for people, such as `5min`, `2 GB` or `70 %`. Settings accept this form.
    #[must_use]
    pub fn display(self, bare: &str) -> String {
        let (Ok(number), false) = (bare.parse::<u64>(), bare.is_empty()) else {
            return if self == Self::Percent { format!("{bare} %") } else { bare.to_owned() };
        };
        match self {
            Self::None | Self::Thousands => bare.to_owned(),
            Self::Percent => format!("{bare} %"),
            Self::Seconds => time(u128::from(number) * 1000),
            Self::Milliseconds => time(number.into()),
            Self::Bytes => rounded_size(number),
            Self::BytesPerSecond => format!("{}/s", rounded_size(number)),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads parts such as `2h 5min`, and returns their sum.
fn sum(text: &str, units: &[(&str, u128)]) -> Result<u128, Unreadable> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(Unreadable::Syntax);
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (number, after) = split_at(rest, |c| !c.is_ascii_digit() && c != '.');
        let (unit, after) = split_at(after.trim_start(), |c| !c.is_ascii_alphabetic());
        let scale = units.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale).ok_or(Unreadable::Syntax)?;
        total = total.checked_add(scaled(number, scale)?).ok_or(Unreadable::TooLarge)?;
        rest = after.trim_start();
    }
    Ok(total)
}

/// Reads one size; the unit may be in any case, because no unit of bits is allowed.
fn size(text: &str) -> Result<u128, Unreadable> {
    let (number, unit) = split_at(text.trim(), |c| !c.is_ascii_digit() && c != '.');
    let unit = unit.trim();
    let known = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    scaled(number, known.ok_or(Unreadable::Syntax)?.1)
}

/// Splits a text before the first character that matches.
fn split_at(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

/// Returns a decimal number times a scale, exactly.
fn scaled(number: &str, scale: u128) -> Result<u128, Unreadable> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) || number.ends_with('.') {
        return Err(Unreadable::Syntax);
    }
    // Nine digits of a fraction identify a byte of a terabyte; the whole part stays far below the limit of u128.
    if whole.len() > 20 {
        return Err(Unreadable::TooLarge);
    }
    if fraction.len() > 12 {
        return Err(Unreadable::Fraction);
    }
    let whole: u128 = whole.parse().map_err(|_| Unreadable::Syntax)?;
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| Unreadable::Syntax)? };
    let divisor = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| Unreadable::Fraction)?);
    if !(part * scale).is_multiple_of(divisor) {
        return Err(Unreadable::Fraction);
    }
    Ok(whole * scale + part * scale / divisor)
}

/// Returns a time in all units that it needs: `2h 5min`, `1s 500ms`.
fn time(milliseconds: u128) -> String {
    let mut rest = milliseconds;
    let mut parts = Vec::new();
    // Weeks read as days, as in the rest of the output.
    for (name, scale) in TIMES.iter().filter(|(name, _)| *name != "w" && *name != "m") {
        if rest >= *scale {
            parts.push(format!("{}{name}", rest / scale));
            rest %= scale;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// Returns a size in the largest unit that states it exactly with three decimals at most.
fn rounded_size(bytes: u64) -> String {
    let bytes = u128::from(bytes);
    // Five digits before the point are harder to read than the next unit, if there is one.
    let exact = |scale: u128| (1..10_000).contains(&(bytes / scale)) && (bytes * 1000).is_multiple_of(scale);
    // Decimal units first: operators write 2 GB, and 2 GB has no short form in GiB.
    let is_decimal = |name: &str| !name.contains('i');
    let decimal = SIZES.iter().find(|(name, scale)| *scale > 1 && is_decimal(name) && exact(*scale));
    let binary = SIZES.iter().find(|(name, scale)| !is_decimal(name) && exact(*scale));
    let (name, scale) = match (decimal, binary) {
        // 1.5 TiB is a multiple of 1 kB / 1000 too; the larger unit is the one that was meant.
        (Some(decimal), Some(binary)) if binary.1 > decimal.1 * 2 => *binary,
        (Some(decimal), _) => *decimal,
        (None, Some(binary)) => *binary,
        (None, None) => return format!("{bytes} B"),
    };
    let (whole, thousandths) = (bytes / scale, bytes % scale * 1000 / scale);
    let fraction = format!("{thousandths:03}");
    match fraction.trim_end_matches('0') {
        "" => format!("{whole} {name}"),
        fraction => format!("{whole}.{fraction} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_become_bare_numbers() {
        for (unit, text, want) in [
            (Unit::Seconds, "300", "300"),
            (Unit::Seconds, "10s", "10"),
            (Unit::Seconds, "5m", "300"),
            (Unit::Seconds, "2h 5min", "7500"),
            (Unit::Seconds, "2h5min", "7500"),
            (Unit::Seconds, "1.5 h", "5400"),
            (Unit::Seconds, "1w", "604800"),
            (Unit::Seconds, "1500ms 500ms", "2"),
            (Unit::Milliseconds, "250", "250"),
            (Unit::Milliseconds, "250ms", "250"),
            (Unit::Milliseconds, "1.5s", "1500"),
            (Unit::Bytes, "2000000000", "2000000000"),
            (Unit::Bytes, "500MB", "500000000"),
            (Unit::Bytes, "2 gb", "2000000000"),
            (Unit::Bytes, "1.5TiB", "1649267441664"),
            (Unit::Bytes, "7B", "7"),
            (Unit::BytesPerSecond, "10MB/s", "10000000"),
            (Unit::BytesPerSecond, "10kB", "10000"),
            (Unit::Percent, "70%", "70"),
            (Unit::Percent, "70.5 %", "70.5"),
            (Unit::None, "70%", "70%"),
        ] {
            assert_eq!(unit.to_bare(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn unreadable_quantities_have_a_cause() {
        let cause = |unit: Unit, text: &str| unit.to_bare(text).unwrap_err();
        for text in ["soon", "", "5 parsecs", "5M", "h", "1..5h", "-5s", "5s,", "5s 3"] {
            assert_eq!(cause(Unit::Seconds, text), ProblemCause::NotAQuantity { unit: Unit::Seconds }, "{text}");
        }
        for text in ["500M", "2Gb/s", "many", "MB", "1,5GB", "-1GB", "1GB 2MB"] {
            assert_eq!(cause(Unit::Bytes, text), ProblemCause::NotAQuantity { unit: Unit::Bytes }, "{text}");
        }
        for (unit, text) in [(Unit::Seconds, "500ms"), (Unit::Milliseconds, "0.5ms"), (Unit::Bytes, "1.0001kB")] {
            assert_eq!(cause(unit, text), ProblemCause::NotWholeUnits { unit }, "{text}");
        }
        assert!(matches!(cause(Unit::Bytes, "999999999999999999999TB"), ProblemCause::OutOfRange { .. }));
    }

    #[test]
    fn displayed_values_are_exact_and_accepted() {
        for (unit, bare, want) in [
            (Unit::Seconds, "0", "0s"),
            (Unit::Seconds, "300", "5min"),
            (Unit::Seconds, "7503", "2h 5min 3s"),
            (Unit::Seconds, "4000000", "46d 7h 6min 40s"),
            (Unit::Milliseconds, "1500", "1s 500ms"),
            (Unit::Bytes, "2000000000", "2 GB"),
            (Unit::Bytes, "1300000000", "1.3 GB"),
            (Unit::Bytes, "1649267441664", "1.5 TiB"),
            (Unit::Bytes, "1048576", "1 MiB"),
            (Unit::Bytes, "9007199254740993", "9007199254740993 B"),
            (Unit::Bytes, "0", "0 B"),
            (Unit::BytesPerSecond, "10000000", "10 MB/s"),
            (Unit::Percent, "49.5", "49.5 %"),
            (Unit::Thousands, "55", "55"),
        ] {
            assert_eq!(unit.display(bare), want);
            assert_eq!(unit.to_bare(want).unwrap(), bare);
        }
    }
}
