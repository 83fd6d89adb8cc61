//! Edge: what the signed texts are made of: hashes, hexadecimal, escapes, times, lines.
//!
//! A text is ASCII: a first line that says what it is, then one `key=value` line for each field, in one fixed order, each ended
//! by one `\n`. Every value has exactly one spelling, and what is read is written again and compared, so two different texts
//! never mean the same and two different meanings never have the same text.

use std::fmt;
use std::str::FromStr;

/// Latest time in a signed text: seconds since 1970 (in the year 2255), so that nanoseconds fit in 64 bits.
pub const SECONDS_MAX: i64 = 9_000_000_000;

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
        Self(hash)
    }

    /// Whether it stands for "could not be computed".
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 32]
    }

    /// The first half, as the journal's epoch records keep it.
    pub fn short(&self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(&self.0[..16]);
        short
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        unhex(text).map(Self).ok_or_else(|| format!("`{text}` is no SHA-256: expected 64 characters 0-9a-f"))
    }
}

/// A text that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Malformed {
    /// Its line, from 1; 0 = the text as a whole.
    pub line: usize,
    /// What was expected and what stands there.
    pub what: String,
}

impl Malformed {
    /// A fault of the text as a whole.
    pub(super) fn whole(what: impl Into<String>) -> Self {
        Self { line: 0, what: what.into() }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of exactly `2 * N` lower-case hexadecimal digits.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    if text.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Printable ASCII as it is, but `\` as `\\`; all else (line ends, terminal codes, letters that look like others) as `\u{…}`.
pub fn escape(text: &str) -> String {
    escape_also(text, '\\')
}

/// The same, where `=` also has a meaning.
pub(super) fn escape_name(text: &str) -> String {
    escape_also(text, '=')
}

fn escape_also(text: &str, also: char) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\\' {
            out.push_str("\\\\");
        } else if (' '..='~').contains(&c) && c != also {
            out.push(c);
        } else {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
    out
}

/// What [`escape`] and [`escape_name`] were given; `None` for a wrong escape. Spellings that they would not choose are found
/// by whoever writes the text again.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('\\') {
            out.push('\\');
            rest = behind;
        } else {
            let (digits, behind) = rest.strip_prefix("u{")?.split_once('}')?;
            if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
            rest = behind;
        }
    }
    out.push_str(rest);
    Some(out)
}

/// `2026-11-21T12:39:01Z`; a number where it is no time.
pub fn utc(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// The seconds since 1970 of exactly what [`utc`] writes, within `0..=SECONDS_MAX`.
pub fn from_utc(text: &str) -> Option<i64> {
    let seconds = text.parse::<jiff::Timestamp>().ok()?.as_second();
    ((0..=SECONDS_MAX).contains(&seconds) && utc(seconds) == text).then_some(seconds)
}

/// Whether `text` can name a person: 1 to 23 characters `a-z0-9._-`, the first a letter or digit. Lower case only, so that no
/// two names look alike; short, so that two fit where the journal keeps who wanted something.
pub fn is_person(text: &str) -> bool {
    is_name(text, 23) && !text.bytes().any(|b| b.is_ascii_uppercase())
}

/// Whether `text` can name a key, also as a file: 1 to 48 characters `A-Za-z0-9._-`, the first a letter or digit.
pub fn is_key_id(text: &str) -> bool {
    is_name(text, 48)
}

fn is_name(text: &str, max: usize) -> bool {
    text.len() <= max
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// Reads `key=value` lines in their fixed order.
pub(super) struct Lines<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lines<'a> {
    /// Lines of `bytes`, of which the first must be `title`.
    pub(super) fn new(bytes: &'a [u8], bytes_max: usize, title: &str) -> Result<Self, Malformed> {
        if bytes.len() > bytes_max {
            return Err(Malformed::whole(format!("{} bytes: expected at most {bytes_max}", bytes.len())));
        }
        if let Some(at) = bytes.iter().position(|b| !matches!(b, b'\n' | b' '..=b'~')) {
            let line = bytes[..at].split(|b| *b == b'\n').count();
            return Err(Malformed { line, what: format!("byte {:#04x}: expected printable ASCII", bytes[at]) });
        }
        let text = std::str::from_utf8(bytes).map_err(|e| Malformed::whole(e.to_string()))?;
        let mut lines = Self { rest: text, line: 0 };
        if lines.next()? == title { Ok(lines) } else { Err(lines.fault(format!("expected `{title}`"))) }
    }

    fn next(&mut self) -> Result<&'a str, Malformed> {
        self.line += 1;
        let (line, rest) =
            self.rest.split_once('\n').ok_or_else(|| self.fault("the text ends here without its line end"))?;
        self.rest = rest;
        Ok(line)
    }

    /// A fault in the line that was read last.
    pub(super) fn fault(&self, what: impl Into<String>) -> Malformed {
        Malformed { line: self.line, what: what.into() }
    }

    /// The value of the next line, which must begin with `key=`.
    pub(super) fn value(&mut self, key: &str) -> Result<&'a str, Malformed> {
        let line = self.next()?;
        line.strip_prefix(key).and_then(|rest| rest.strip_prefix('=')).ok_or_else(|| {
            let found = line.split('=').next().unwrap_or("");
            self.fault(format!("expected `{key}=…`, found `{found}`: the fields have one fixed order"))
        })
    }

    /// The next line behind `prefix`, if it begins with it.
    pub(super) fn optional(&mut self, prefix: &str) -> Result<Option<&'a str>, Malformed> {
        if self.rest.starts_with(prefix) { self.next().map(|line| line.strip_prefix(prefix)) } else { Ok(None) }
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed { line: self.line + 1, what: "expected the end of the text".to_owned() })
        }
    }
}
