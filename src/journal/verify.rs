//! Edge: verify: reads every byte of a journal and says what was altered, removed, reordered or cut off.

use super::disk::{segment_numbers, segment_path};
use super::error::JournalError;
use super::heads::{Head, read_dropped, read_heads};
use super::record::Log;
use super::walk::Walk;
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
    /// Bytes of a record at the end that the writer died in, before it published it. The next start cuts them off.
    pub torn_bytes: u64,
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
    loop {
        let out = verify_once(dir, outside, progress)?;
        // A running writer may have dropped segments meanwhile, which then seem to be missing: look again.
        let dropped = read_dropped(dir).map_or(0, |dropped| dropped.len() as u64);
        if out.is_clean() || dropped <= out.dropped {
            return Ok(out);
        }
    }
}

fn verify_once(dir: &Path, outside: &[Head], progress: &mut dyn FnMut(u64, u64)) -> Result<Verification, JournalError> {
    let mut out = Verification::default();
    // Before the segments, since a running writer moves them ahead.
    let mut heads = read_heads(dir).unwrap_or_else(|error| {
        out.note("heads.json cannot be read", String::new(), error.to_string());
        Vec::new()
    });
    heads.extend_from_slice(outside);
    let dropped = read_dropped(dir).unwrap_or_else(|error| {
        out.note("dropped.jsonl cannot be read", String::new(), error.to_string());
        Vec::new()
    });
    out.dropped = dropped.len() as u64;
    let mut total = 0;
    for log in Log::ALL {
        for number in segment_numbers(dir, log)? {
            total += std::fs::metadata(segment_path(dir, log, number)).map_or(0, |m| m.len());
        }
    }
    let dropped_to = dropped.iter().map(|d| d.last).max().unwrap_or(0);
    // Market first: what a running writer adds to the market log after that is not looked for in the union.
    let mut walk_log = |log: Log| -> Result<Walk, JournalError> {
        let last_dropped = dropped.iter().rfind(|d| d.log == log);
        let heads = heads.iter().filter(|h| h.log == log && h.sequence > 0).copied();
        let mut walk = Walk::new(log, last_dropped, heads);
        walk.segments(dir, last_dropped.map_or(1, |d| d.segment + 1), &mut out, &mut |done| {
            progress(done, total.max(done));
        })?;
        walk.end(&mut out);
        Ok(walk)
    };
    let market = walk_log(Log::Market)?;
    let audit = walk_log(Log::Audit)?;
    let complete_to = if market.running() { market.sequence() } else { u64::MAX };
    out.heads.reverse();
    out.check_union(&[audit.runs(), market.runs()], dropped_to, complete_to);
    Ok(out)
}

impl Verification {
    fn note(&mut self, what: &'static str, expected: String, found: String) {
        self.push(Finding { log: None, segment: 0, offset: 0, sequence: 0, what, expected, found });
    }

    /// Adds a finding.
    pub(super) fn push(&mut self, finding: Finding) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// Every sequence must be in exactly one log, but for what retention dropped and what is behind `complete_to`.
    fn check_union(&mut self, runs: &[&[(u64, u64)]; 2], dropped_to: u64, complete_to: u64) {
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
                self.note("a sequence is in both logs", expected, found);
            } else if first > last + 1 && first - 1 > dropped_to && last < complete_to {
                self.note("sequences are in neither log", expected, found);
            }
            last = last.max(end);
        }
    }
}
