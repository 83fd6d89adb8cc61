//! Edge: the walk of verify through one log: every record, its place in the chain, the heads on the way.

use super::disk::{is_unused, segment_numbers, segment_path};
use super::error::JournalError;
use super::heads::{Dropped, Head, hex_of};
use super::record::{
    ALIGN, Hash, Log, Opening, Parsed, Record, RecordKind, SEAL_LENGTH, Seal, hash, next_valid, parse,
};
use super::verify::{Finding, Verification};
use std::path::Path;

/// The walk through one log.
pub(super) struct Walk {
    log: Log,
    segment: u64,
    offset: u64,
    /// Hash of the record before.
    previous: Hash,
    /// Last sequence of the log.
    sequence: u64,
    epoch: u64,
    segment_first: u64,
    segment_records: u64,
    /// Whether the place in the chain is known: after a damaged record it is not, and one finding is enough.
    in_order: bool,
    /// Whether segments that the helper has not finished (cut to their length) have begun: there the chain may not be
    /// filled in yet.
    unfinished: bool,
    /// Whether a segment was made ahead behind the end.
    unused: bool,
    /// Heads to be met, and whether they were.
    heads: Vec<(Head, bool)>,
    /// First and last of each run of consecutive sequences.
    runs: Vec<(u64, u64)>,
}

impl Walk {
    /// Before the first segment that was not dropped, on the way to `heads`.
    pub(super) fn new(log: Log, dropped: Option<&Dropped>, heads: impl Iterator<Item = Head>) -> Self {
        let met = |head: &Head| {
            dropped.is_some_and(|d| head.sequence < d.last || (head.sequence == d.last && head.hash == d.hash))
        };
        Self {
            log,
            segment: 0,
            offset: 0,
            previous: dropped.map_or([0; 32], |d| d.hash),
            sequence: dropped.map_or(0, |d| d.last),
            epoch: 0,
            segment_first: 0,
            segment_records: 0,
            in_order: true,
            unfinished: false,
            unused: false,
            heads: heads.map(|head| (head, met(&head))).collect(),
            runs: Vec::new(),
        }
    }

    /// Whether the log may be growing: its end is not finished, or a segment was made ahead.
    pub(super) fn running(&self) -> bool {
        self.unfinished || self.unused
    }

    /// The last sequence.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// First and last of each run of consecutive sequences.
    pub(super) fn runs(&self) -> &[(u64, u64)] {
        &self.runs
    }

    /// Walks through all segments from number `expected` on.
    pub(super) fn segments(
        &mut self,
        dir: &Path,
        mut expected: u64,
        out: &mut Verification,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), JournalError> {
        let numbers = segment_numbers(dir, self.log)?;
        for (i, &number) in numbers.iter().enumerate() {
            if number < expected {
                // Recorded as dropped, and a crash came before the removal.
                continue;
            }
            let path = segment_path(dir, self.log, number);
            // Only files that were made ahead and never used may follow the end of a log. Asked before the segment is
            // read, since a running writer may end it in between.
            let behind = &numbers[i + 1..];
            let is_last = behind.iter().all(|n| is_unused(&segment_path(dir, self.log, *n)).unwrap_or(false));
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(JournalError::io("read", &path)(error)),
            };
            self.unused |= is_last && !behind.is_empty();
            let unused = bytes.iter().all(|b| *b == 0);
            if number != expected && !unused {
                self.segment = number;
                self.find(out, "segments are missing", expected.to_string(), number.to_string());
            }
            expected = number + 1;
            if !unused {
                self.segment(out, number, &bytes, is_last);
                out.segments += 1;
            } else if is_last && !bytes.is_empty() {
                self.unused = true;
            } else {
                self.segment = number;
                self.find(out, "the segment is empty", String::new(), String::new());
            }
            out.bytes += bytes.len() as u64;
            progress(out.bytes);
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// Says which heads were not met, and where the log ends.
    pub(super) fn end(&mut self, out: &mut Verification) {
        for (head, _) in core::mem::take(&mut self.heads).into_iter().filter(|(_, met)| !met) {
            let what = if self.sequence < head.sequence {
                "the log ends before a recorded head: its end was cut off"
            } else {
                "the log does not contain a recorded head: it was rewritten"
            };
            self.find(out, what, format!("{} {}", head.sequence, hex_of(&head.hash)), self.sequence.to_string());
        }
        if self.sequence > 0 {
            out.heads.push(Head { log: self.log, sequence: self.sequence, hash: self.previous });
        }
        out.epoch_last = out.epoch_last.max(self.epoch);
        out.sequence_last = out.sequence_last.max(self.sequence);
    }

    fn find(&self, out: &mut Verification, what: &'static str, expected: String, found: String) {
        let (segment, offset, sequence) = (self.segment, self.offset, self.sequence);
        out.push(Finding { log: Some(self.log), segment, offset, sequence, what, expected, found });
    }

    fn segment(&mut self, out: &mut Verification, number: u64, bytes: &[u8], is_last: bool) {
        (self.segment, self.segment_first, self.segment_records) = (number, 0, 0);
        let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |p| p + 1);
        let (mut at, mut sealed) = (0, false);
        let end = bytes.len().saturating_sub(SEAL_LENGTH);
        let finished = matches!(parse(&bytes[end..]), Parsed::Record(record) if record.kind == RecordKind::Seal);
        self.offset = 0;
        if finished && self.unfinished {
            self.find(out, "the segment before this one has zeros behind its seal", String::new(), String::new());
        }
        self.unfinished |= !finished;
        loop {
            self.offset = at as u64;
            match parse(&bytes[at..]) {
                Parsed::Record(record) => {
                    if sealed {
                        self.find(out, "a record behind the seal", String::new(), String::new());
                    }
                    sealed |= record.kind == RecordKind::Seal;
                    self.record(out, &record, at, !finished);
                    at += record.bytes.len();
                }
                _ if used <= at => break,
                damaged => {
                    let unpublished = !matches!(damaged, Parsed::Bad(_)) && !sealed && !finished;
                    if unpublished && next_valid(bytes, at + ALIGN).is_none() {
                        // The writer died while it wrote this record, which it had not published: recovery's torn tail.
                        out.torn_bytes += (used - at) as u64;
                        break;
                    }
                    let what = if let Parsed::Bad(what) = damaged { what } else { "a record is missing before others" };
                    let what = if sealed { "bytes behind the seal" } else { what };
                    self.find(out, what, String::new(), String::new());
                    self.in_order = false;
                    match next_valid(bytes, at + ALIGN) {
                        Some(next) => at = next,
                        None => break,
                    }
                }
            }
        }
        if !sealed && !is_last {
            self.find(out, "the segment does not end with its seal: its end was cut off", String::new(), String::new());
        }
    }

    fn record(&mut self, out: &mut Verification, record: &Record<'_>, at: usize, unfinished: bool) {
        let header = record.header;
        let right = hash_with(record.bytes, &self.previous);
        if header.previous == [0; 32] && self.previous != [0; 32] && unfinished {
            // Not filled in yet, or the page was written back before it was.
            out.unchained += u64::from(record.is_slot());
        } else if self.in_order && header.previous != self.previous {
            let (expected, found) = (hex_of(&self.previous), hex_of(&header.previous));
            self.find(out, "the chain is broken: the record before this one was altered or removed", expected, found);
        }
        self.previous =
            if self.in_order && unfinished && header.previous == [0; 32] { right } else { hash(record.bytes) };
        self.in_order = true;
        if header.epoch < self.epoch {
            self.find(out, "the epoch goes backward", self.epoch.to_string(), header.epoch.to_string());
        }
        self.epoch = self.epoch.max(header.epoch);
        match record.kind {
            RecordKind::Opening => {
                if at != 0 || !record.mark::<Opening>().is_of(self.log, self.segment) {
                    self.find(out, "a header that does not belong here", String::new(), String::new());
                }
                self.segment_first = header.sequence;
            }
            RecordKind::Seal => {
                let seal: Seal = record.mark();
                if (seal.records, header.sequence) != (self.segment_records, self.sequence) {
                    let expected = format!("{} records to {}", seal.records, header.sequence);
                    let found = format!("{} records to {}", self.segment_records, self.sequence);
                    self.find(out, "the seal does not fit what is before it", expected, found);
                }
            }
            RecordKind::Market | RecordKind::Audit => self.slot(out, record, at),
        }
        for (head, met) in &mut self.heads {
            *met |= head.sequence == header.sequence && head.hash == self.previous;
        }
    }

    fn slot(&mut self, out: &mut Verification, record: &Record<'_>, at: usize) {
        let sequence = record.header.sequence;
        if at == 0 {
            self.find(out, "the segment does not start with its header", String::new(), String::new());
        }
        if (record.kind == RecordKind::Audit) != (self.log == Log::Audit) {
            self.find(out, "a record of the other log", String::new(), String::new());
        }
        if self.segment_records == 0 && at != 0 && self.segment_first != sequence {
            let expected = self.segment_first.to_string();
            self.find(out, "the first slot is not the one that the header names", expected, sequence.to_string());
        }
        self.segment_records += 1;
        out.records += 1;
        if sequence <= self.sequence {
            let expected = format!("> {}", self.sequence);
            self.find(out, "the sequence goes backward", expected, sequence.to_string());
            return;
        }
        match self.runs.last_mut() {
            Some((_, last)) if *last + 1 == sequence => *last = sequence,
            _ => self.runs.push((sequence, sequence)),
        }
        self.sequence = sequence;
    }
}

/// Hash of `record` as it will be when `previous` is filled in.
fn hash_with(record: &[u8], previous: &Hash) -> Hash {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(previous);
    context.update(&record[32..]);
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}
