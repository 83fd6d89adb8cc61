//! Edge: heads (how far a log went, and its hash there) and the list of what retention dropped.

use super::disk::replace;
use super::error::JournalError;
use super::record::{Hash, Log};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Name of the file of heads.
pub(super) const HEADS_FILE: &str = "heads.json";
/// Name of the list of dropped segments.
pub(super) const DROPPED_FILE: &str = "dropped.jsonl";

/// A point in a log. Kept off the host, it shows later that nothing before it was altered or cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Which log.
    pub log: Log,
    /// Sequence of the record; for a sealed segment its last.
    pub sequence: u64,
    /// SHA-256 of the record (of the seal, if it is one), which covers the whole log before it.
    #[serde(with = "hex")]
    pub hash: Hash,
}

/// A segment that retention removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Which log.
    pub log: Log,
    /// Number of the segment.
    pub segment: u64,
    /// Its first sequence.
    pub first: u64,
    /// Its last sequence.
    pub last: u64,
    /// Slots in it.
    pub records: u64,
    /// SHA-256 of its seal, from which the chain goes on.
    #[serde(with = "hex")]
    pub hash: Hash,
}

/// Hashes as hexadecimal text.
mod hex {
    use super::Hash;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::hex_of(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let mut hash = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(D::Error::custom("a hash has 64 hexadecimal digits"));
        }
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = core::str::from_utf8(digits).map_err(D::Error::custom)?;
            *byte = u8::from_str_radix(digits, 16).map_err(D::Error::custom)?;
        }
        Ok(hash)
    }
}

/// `hash` as hexadecimal text.
pub(super) fn hex_of(hash: &Hash) -> String {
    use core::fmt::Write;
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn invalid(path: &Path, what: impl core::fmt::Display) -> JournalError {
    JournalError::io("read", path)(io::Error::new(io::ErrorKind::InvalidData, what.to_string()))
}

/// The heads in the text of a `heads.json`, or at which byte it is not one, and why.
pub(super) fn parse_heads(text: &[u8]) -> Result<Vec<Head>, (u64, String)> {
    serde_json::from_slice(text).map_err(|error| (offset_of(text, &error), error.to_string()))
}

/// The text that the writer stores for `heads`.
pub(super) fn canonical_heads(heads: &[Head]) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(heads).map(|text| text + "\n")
}

/// Byte of a JSON error in `text`.
fn offset_of(text: &[u8], error: &serde_json::Error) -> u64 {
    let lines = text.split_inclusive(|b| *b == b'\n').take(error.line().saturating_sub(1));
    (lines.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1)) as u64
}

/// The whole lines in the text of a `dropped.jsonl`, each with its byte, or why it is none as the writer stores them. A last
/// line that a crash cut off is left out: its segment is still there.
pub(super) fn parse_dropped(text: &[u8]) -> impl Iterator<Item = (u64, Result<Dropped, String>)> {
    let mut at = 0;
    text.split_inclusive(|b| *b == b'\n').filter(|line| line.ends_with(b"\n")).map(move |line| {
        let (offset, body) = (at, &line[..line.len() - 1]);
        at += line.len() as u64;
        let parsed = serde_json::from_slice::<Dropped>(body).map_err(|error| error.to_string()).and_then(|dropped| {
            let right = serde_json::to_vec(&dropped).is_ok_and(|right| right == body);
            if right { Ok(dropped) } else { Err("not as the writer stores it".to_owned()) }
        });
        (offset, parsed)
    })
}

/// The heads that the writer recorded at its last seal; empty for a journal that has none yet.
///
/// # Errors
/// [`JournalError::Io`] if the file cannot be read or understood.
pub fn read_heads(dir: &Path) -> Result<Vec<Head>, JournalError> {
    let path = dir.join(HEADS_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| invalid(&path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(JournalError::io("read", &path)(error)),
    }
}

/// Replaces the recorded heads.
pub(super) fn write_heads(dir: &Path, heads: &[Head]) -> Result<(), JournalError> {
    let text = canonical_heads(heads).map_err(|error| invalid(&dir.join(HEADS_FILE), error))?;
    replace(dir, HEADS_FILE, text.as_bytes())
}

/// What retention removed, oldest first. A last line that a crash cut off is left out: its segment is still there.
///
/// # Errors
/// [`JournalError::Io`] if the file cannot be read or a whole line not be understood.
pub fn read_dropped(dir: &Path) -> Result<Vec<Dropped>, JournalError> {
    let path = dir.join(DROPPED_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(JournalError::io("read", &path)(error)),
    };
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    text[..whole].lines().map(|line| serde_json::from_str(line).map_err(|error| invalid(&path, error))).collect()
}

/// Cuts off a line that a crash left unfinished, so that the next one starts a line of its own.
pub(super) fn mend_dropped(dir: &Path) -> Result<(), JournalError> {
    let path = dir.join(DROPPED_FILE);
    let Ok(text) = std::fs::read(&path) else { return Ok(()) };
    let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        let cut = || OpenOptions::new().write(true).open(&path)?.set_len(whole as u64);
        cut().map_err(JournalError::io("mend", &path))?;
    }
    Ok(())
}

/// Records that a segment is about to be removed.
pub(super) fn record_dropped(dir: &Path, dropped: &Dropped) -> Result<(), JournalError> {
    let path = dir.join(DROPPED_FILE);
    let mut line = serde_json::to_string(dropped).map_err(|error| invalid(&path, error))?;
    line.push('\n');
    let append = || -> io::Result<File> {
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        Ok(file)
    };
    append().map_err(JournalError::io("write", &path))?;
    super::disk::sync_dir(dir)
}
