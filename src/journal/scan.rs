//! Edge: a segment that was not finished: what of it is whole, and whether a crash explains the rest.

use super::encode::{Stamp, set_length, write_mark};
use super::error::JournalError;
use super::record::{ALIGN, Log, Opening, Parsed, RecordKind, SEAL_LENGTH, Seal, SealReason, hash, next_valid, parse};
use super::recovery::LogState;
use super::segment::Sealed;
use crate::types::time::UnixNanos;
use std::path::{Path, PathBuf};

/// A power loss leaves holes in units of this many bytes.
const SECTOR: usize = 512;

/// What is to be done to a segment that was not finished.
pub(super) struct Unfinished {
    pub number: u64,
    pub path: PathBuf,
    /// The whole records, chain filled in, with a seal at the end; empty = remove the file.
    pub bytes: Vec<u8>,
    /// Bytes at the end of `bytes` that are not in the file: the seal.
    pub added: usize,
    /// Torn bytes behind the records.
    pub torn: u64,
    /// What the finished segment will be.
    pub sealed: Option<Sealed>,
}

/// Reads a segment that was not finished, whose file holds `bytes`, record by record, behind what `state` says.
pub(super) fn scan_open(
    path: &Path,
    mut bytes: Vec<u8>,
    number: u64,
    state: &LogState,
    now: UnixNanos,
) -> Result<Unfinished, JournalError> {
    let log = state.log;
    let corrupt = |offset: usize, sequence: u64, what| JournalError::Corrupt {
        segment: path.to_path_buf(),
        offset: offset as u64,
        sequence,
        what,
    };
    let slot_kind = match log {
        Log::Audit => RecordKind::Audit,
        Log::Market => RecordKind::Market,
    };
    let mut previous = state.hash;
    let (mut at, mut first, mut last, mut records, mut epoch, mut durable) = (0, 0, state.last, 0, state.epoch, 0);
    let mut seal_met = false;
    while let Parsed::Record(found) = parse(&bytes[at..]) {
        let (header, kind, length) = (found.header, found.kind, found.bytes.len());
        if header.previous != [0; 32] && header.previous != previous {
            return Err(corrupt(at, last, "the chain is broken"));
        }
        match kind {
            RecordKind::Opening if at == 0 => {
                if !found.mark::<Opening>().is_of(log, number) {
                    return Err(corrupt(at, last, "the header belongs to another segment"));
                }
            }
            RecordKind::Seal if at > 0 => {
                let seal: Seal = found.mark();
                if seal.records != records || header.sequence != last {
                    return Err(corrupt(at, last, "the seal does not fit what is before it"));
                }
                seal_met = true;
            }
            RecordKind::Note if at > 0 && log == Log::Audit && header.sequence == last => {}
            kind if kind == slot_kind && at > 0 => {
                if header.sequence <= last || header.epoch < epoch {
                    return Err(corrupt(at, last, "sequence or epoch goes backward"));
                }
                first = if records == 0 { header.sequence } else { first };
                last = header.sequence;
                records += 1;
            }
            _ => return Err(corrupt(at, last, "a record that does not belong here")),
        }
        (epoch, durable) = (epoch.max(header.epoch), durable.max(header.durable));
        bytes[at..at + 32].copy_from_slice(&previous);
        previous = hash(&bytes[at..at + length]);
        at += length;
        if seal_met {
            break;
        }
    }
    let torn = torn_bytes(&bytes, at, last, durable, seal_met).map_err(|(offset, what)| corrupt(offset, last, what))?;
    bytes.truncate(at);
    let mut found = Unfinished { number, path: path.to_path_buf(), bytes, added: 0, torn, sealed: None };
    if records == 0 {
        // A header alone says nothing that the next segment's header will not say again.
        found.bytes.clear();
        return Ok(found);
    }
    if !seal_met {
        let seal = Seal { first, records, reason: SealReason::Recovered.code(), zero: [0; 7], torn };
        found.bytes.resize(at + SEAL_LENGTH, 0);
        let out = &mut found.bytes[at..];
        write_mark(out, RecordKind::Seal, Stamp { epoch, durable }, last, now, &seal);
        set_length(out);
        out[..32].copy_from_slice(&previous);
        previous = hash(out);
        found.added = SEAL_LENGTH;
    }
    let first_previous = found.bytes.first_chunk().copied().unwrap_or_default();
    found.sealed = Some(Sealed {
        number,
        bytes: found.bytes.len() as u64,
        first,
        last,
        records,
        epoch,
        previous: first_previous,
        hash: previous,
    });
    Ok(found)
}

/// How many bytes behind the whole records at `at` are torn, or why a crash cannot explain them.
///
/// Torn is: bytes with no whole record behind them; or a hole of at least one sector of zeros (a write-back that the
/// power cut short), if nothing says that the hole was on disk before. Everything else is an alteration.
fn torn_bytes(bytes: &[u8], at: usize, last: u64, durable: u64, seal_met: bool) -> Result<u64, (usize, &'static str)> {
    let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |p| p + 1);
    if used <= at {
        return Ok(0);
    }
    if seal_met {
        return Err((at, "there are bytes behind the seal"));
    }
    let what = match parse(&bytes[at..]) {
        Parsed::Bad(what) => what,
        _ => "a record is missing before others",
    };
    let mut durable = durable;
    let mut next = next_valid(bytes, at + ALIGN);
    let whole_behind = next;
    while let Some(found) = next {
        let Parsed::Record(record) = parse(&bytes[found..]) else { break };
        durable = durable.max(record.header.durable);
        next = next_valid(bytes, found + record.bytes.len());
    }
    if durable > last {
        return Err((at, what));
    }
    if let Some(behind) = whole_behind {
        let hole = (at.next_multiple_of(SECTOR)..)
            .step_by(SECTOR)
            .take_while(|sector| sector + SECTOR <= behind)
            .any(|sector| bytes[sector..sector + SECTOR].iter().all(|b| *b == 0));
        if !hole {
            return Err((at, what));
        }
    }
    Ok((used - at) as u64)
}
