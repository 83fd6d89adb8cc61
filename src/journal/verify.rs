//! Edge: verify: reads every byte of a journal and says what was altered, removed, reordered or cut off.

use super::disk::{is_unused, segment_numbers, segment_path};
use super::error::JournalError;
use super::heads::{Head, hex_of, read_dropped, read_heads};
use super::record::{
    ALIGN, Hash, Log, Opening, Parsed, Record, RecordKind, SEAL_LENGTH, Seal, hash, next_valid, parse,
};
use serde::Serialize;
use std::path::Path;

/// Findings that are kept in full; the rest is only counted.
const FINDINGS_MAX: usize = 100;

/// Something in the journal that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In which log; `None` if it concerns the union of both.
    pub log: Option<Log>,
    /// Number of the segment; 0 if it concerns no single one.
    pub segment: u64,
    /// Byte offset in the segment.
    pub offset: u64,
    /// Sequence that it concerns, or the last good one before it.
    pub sequence: u64,
    /// What is wrong.
    pub what: &'static str,
    /// What should be there; may be empty.
    pub expected: String,
    /// What is there; may be empty.
    pub found: String,
}

/// What `verify` read and found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Segments read.
    pub segments: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Slots read.
    pub records: u64,
    /// First sequence in the journal; 0 = empty.
    pub sequence_first: u64,
    /// Last sequence in the journal.
    pub sequence_last: u64,
    /// Epoch of the last slot.
    pub epoch_last: u64,
    /// Slots at the end whose chain the writer had not filled in yet (a crash, or a running writer).
    pub unchained: u64,
    /// Segments that retention dropped, by its own record.
    pub dropped: u64,
    /// Where the chain of each log ends.
    pub heads: Vec<Head>,
    /// What is wrong, the first 100.
    pub findings: Vec<Finding>,
    /// How much is wrong.
    pub findings_total: u64,
}

impl Verification {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings_total == 0
    }
}

/// Checks the journal in `dir` against itself and against its own `heads.json`. `progress` is told the bytes done and
/// the bytes in all.
///
/// # Errors
/// [`JournalError::Io`] if something cannot be read. What is wrong with the journal is a [`Finding`], not an error.
pub fn verify(dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Verification, JournalError> {
    verify_with(dir, &[], progress)
}

/// [`verify`], and that the journal contains `heads`, which were kept elsewhere: that finds a rewritten or cut end.
///
/// # Errors
/// As [`verify`].
pub fn verify_against(dir: &Path, heads: &[Head]) -> Result<Verification, JournalError> {
    verify_with(dir, heads, &mut |_, _| {})
}

fn verify_with(dir: &Path, outside: &[Head], progress: &mut dyn FnMut(u64, u64)) -> Result<Verification, JournalError> {
    let mut out = Verification::default();
    // Before the segments, since a running writer moves it ahead.
    let mut heads = match read_heads(dir) {
        Ok(heads) => heads,
        Err(error) => {
            out.note(None, "heads.json cannot be read", String::new(), error.to_string());
            Vec::new()
        }
    };
    heads.extend_from_slice(outside);
    let mut total = 0;
    let mut numbers = [Vec::new(), Vec::new()];
    for log in Log::ALL {
        numbers[log.index()] = segment_numbers(dir, log)?;
        for number in &numbers[log.index()] {
            total += std::fs::metadata(segment_path(dir, log, *number)).map_or(0, |m| m.len());
        }
    }
    let dropped = match read_dropped(dir) {
        Ok(dropped) => dropped,
        Err(error) => {
            out.note(None, "dropped.jsonl cannot be read", String::new(), error.to_string());
            Vec::new()
        }
    };
    out.dropped = dropped.len() as u64;
    let mut runs = [Vec::new(), Vec::new()];
    let mut dropped_to = 0;
    for log in Log::ALL {
        let last_dropped = dropped.iter().rfind(|d| d.log == log);
        dropped_to = dropped_to.max(last_dropped.map_or(0, |d| d.last));
        let mut walk = Walk {
            log,
            segment: 0,
            offset: 0,
            previous: last_dropped.map_or([0; 32], |d| d.hash),
            sequence: last_dropped.map_or(0, |d| d.last),
            epoch: 0,
            segment_first: 0,
            segment_records: 0,
            in_order: true,
            unfinished: false,
            heads: heads.iter().filter(|h| h.log == log && h.sequence > 0).map(|h| (*h, false)).collect(),
            runs: Vec::new(),
        };
        if let Some(dropped) = last_dropped {
            for (head, met) in &mut walk.heads {
                *met = head.sequence < dropped.last || (head.sequence == dropped.last && head.hash == dropped.hash);
            }
        }
        let mut expected = last_dropped.map_or(1, |d| d.segment + 1);
        for (i, &number) in numbers[log.index()].iter().enumerate() {
            if number < expected {
                // Recorded as dropped, and a crash came before the removal.
                continue;
            }
            let path = segment_path(dir, log, number);
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(JournalError::io("read", &path)(error)),
            };
            let unused = bytes.iter().all(|b| *b == 0);
            if number != expected && !unused {
                walk.segment = number;
                out.find(&walk, "segments are missing", expected.to_string(), number.to_string());
            }
            expected = number + 1;
            // Only files that were made ahead and never used may follow the end of a log.
            let is_last =
                numbers[log.index()][i + 1..].iter().all(|n| is_unused(&segment_path(dir, log, *n)).unwrap_or(false));
            if unused {
                if !is_last || bytes.is_empty() {
                    walk.segment = number;
                    out.find(&walk, "the segment is empty", String::new(), String::new());
                }
            } else {
                walk.segment(&mut out, number, &bytes, is_last);
                out.segments += 1;
            }
            out.bytes += bytes.len() as u64;
            progress(out.bytes, total.max(out.bytes));
        }
        for (head, met) in core::mem::take(&mut walk.heads) {
            if !met {
                let what = if walk.sequence < head.sequence {
                    "the log ends before a recorded head: its end was cut off"
                } else {
                    "the log does not contain a recorded head: it was rewritten"
                };
                out.find(&walk, what, format!("{} {}", head.sequence, hex_of(&head.hash)), walk.sequence.to_string());
            }
        }
        if walk.sequence > 0 {
            out.heads.push(Head { log, sequence: walk.sequence, hash: walk.previous });
        }
        out.epoch_last = out.epoch_last.max(walk.epoch);
        out.sequence_last = out.sequence_last.max(walk.sequence);
        runs[log.index()] = walk.runs;
    }
    out.check_union(&runs, dropped_to);
    Ok(out)
}

/// The walk through one log.
struct Walk {
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
    /// Heads to be met, and whether they were.
    heads: Vec<(Head, bool)>,
    /// First and last of each run of consecutive sequences.
    runs: Vec<(u64, u64)>,
}

impl Walk {
    fn segment(&mut self, out: &mut Verification, number: u64, bytes: &[u8], is_last: bool) {
        (self.segment, self.segment_first, self.segment_records) = (number, 0, 0);
        let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |p| p + 1);
        let (mut at, mut sealed) = (0, false);
        let end = bytes.len().saturating_sub(SEAL_LENGTH);
        let finished = matches!(parse(&bytes[end..]), Parsed::Record(record) if record.kind == RecordKind::Seal);
        self.offset = 0;
        if finished && self.unfinished {
            out.find(self, "the segment before this one has zeros behind its seal", String::new(), String::new());
        }
        self.unfinished |= !finished;
        loop {
            self.offset = at as u64;
            match parse(&bytes[at..]) {
                Parsed::Record(record) => {
                    if sealed {
                        out.find(self, "a record behind the seal", String::new(), String::new());
                    }
                    sealed |= record.kind == RecordKind::Seal;
                    self.record(out, &record, at, !finished);
                    at += record.bytes.len();
                }
                _ if used <= at => break,
                damaged => {
                    let what = if let Parsed::Bad(what) = damaged { what } else { "a record is missing before others" };
                    let what = if sealed { "bytes behind the seal" } else { what };
                    out.find(self, what, String::new(), String::new());
                    self.in_order = false;
                    match next_valid(bytes, at + ALIGN) {
                        Some(next) => at = next,
                        None => break,
                    }
                }
            }
        }
        if !sealed && !is_last {
            out.find(self, "the segment does not end with its seal: its end was cut off", String::new(), String::new());
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
            out.find(self, "the chain is broken: the record before this one was altered or removed", expected, found);
        }
        self.previous =
            if self.in_order && unfinished && header.previous == [0; 32] { right } else { hash(record.bytes) };
        self.in_order = true;
        if header.epoch < self.epoch {
            out.find(self, "the epoch goes backward", self.epoch.to_string(), header.epoch.to_string());
        }
        self.epoch = self.epoch.max(header.epoch);
        match record.kind {
            RecordKind::Opening => {
                if at != 0 || !record.mark::<Opening>().is_of(self.log, self.segment) {
                    out.find(self, "a header that does not belong here", String::new(), String::new());
                }
                self.segment_first = header.sequence;
            }
            RecordKind::Seal => {
                let seal: Seal = record.mark();
                if (seal.records, header.sequence) != (self.segment_records, self.sequence) {
                    let expected = format!("{} records to {}", seal.records, header.sequence);
                    let found = format!("{} records to {}", self.segment_records, self.sequence);
                    out.find(self, "the seal does not fit what is before it", expected, found);
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
            out.find(self, "the segment does not start with its header", String::new(), String::new());
        }
        if (record.kind == RecordKind::Audit) != (self.log == Log::Audit) {
            out.find(self, "a record of the other log", String::new(), String::new());
        }
        if self.segment_records == 0 && at != 0 && self.segment_first != sequence {
            let expected = self.segment_first.to_string();
            out.find(self, "the first slot is not the one that the header names", expected, sequence.to_string());
        }
        self.segment_records += 1;
        out.records += 1;
        if sequence <= self.sequence {
            let expected = format!("> {}", self.sequence);
            out.find(self, "the sequence goes backward", expected, sequence.to_string());
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

impl Verification {
    fn find(&mut self, walk: &Walk, what: &'static str, expected: String, found: String) {
        let (segment, offset, sequence) = (walk.segment, walk.offset, walk.sequence);
        self.push(Finding { log: Some(walk.log), segment, offset, sequence, what, expected, found });
    }

    fn note(&mut self, log: Option<Log>, what: &'static str, expected: String, found: String) {
        self.push(Finding { log, segment: 0, offset: 0, sequence: 0, what, expected, found });
    }

    fn push(&mut self, finding: Finding) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// Every sequence must be in exactly one log, but for what retention dropped.
    fn check_union(&mut self, runs: &[Vec<(u64, u64)>; 2], dropped_to: u64) {
        let mut places = [0; 2];
        let mut last = 0;
        loop {
            let next = |i: usize| runs[i].get(places[i]).copied();
            let (i, (first, end)) = match (next(0), next(1)) {
                (Some(a), Some(m)) if a.0 <= m.0 => (0, a),
                (_, Some(m)) => (1, m),
                (Some(a), None) => (0, a),
                (None, None) => break,
            };
            places[i] += 1;
            if self.sequence_first == 0 {
                self.sequence_first = first;
            }
            let (expected, found) = ((last + 1).to_string(), first.to_string());
            if first <= last {
                self.note(None, "a sequence is in both logs", expected, found);
            } else if first > last + 1 && first - 1 > dropped_to {
                self.note(None, "sequences are in neither log", expected, found);
            }
            last = last.max(end);
        }
    }
}
