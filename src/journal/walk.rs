//! Edge: the walk of verify through one log: every record, its place in the chain, the heads on the way.

use super::disk::segment_name;
use super::error::JournalError;
use super::finding::{self, Finding, Kind, Verification};
use super::folder::{Folder, Names, has_records, segments_of};
use super::heads::{Dropped, Head, hex_of};
use super::links::{At, Links};
use super::loss::Losses;
use super::meta::EpochMark;
use super::record::{Log, Opening, Parsed, RecordKind, SealReason, parse};
use super::union::{Break, Run};

/// The walk through one log.
pub(super) struct Walk {
    pub(super) log: Log,
    /// Where it is.
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) links: Links,
    /// Last sequence of the log.
    pub(super) sequence: u64,
    pub(super) epoch: u64,
    pub(super) segment_first: u64,
    pub(super) segment_records: u64,
    /// Whether the place in the chain is known: behind a damaged record it is not, and one finding is enough.
    pub(super) in_order: bool,
    /// Whether records of the segment are damaged: then its counts cannot fit, and that need not be told as well.
    pub(super) damaged: bool,
    /// Whether the segment's header is another one's: then its sequences are not where they should be either.
    pub(super) displaced: bool,
    /// Whether the sequence has gone backward and not yet come up again.
    pub(super) backward: bool,
    /// The end of the first segment that the helper has not finished (cut to its length), once there was one: behind it
    /// the chain may not be filled in yet.
    pub(super) unfinished: Option<(u64, u64)>,
    /// Whether a segment was made ahead behind the end.
    pub(super) unused: bool,
    /// Seal of the last segment: its number, the sequence, its byte, the code of its reason.
    pub(super) seal: Option<(u64, u64, u64, u8)>,
    /// Sequence of the seal before that one; 0 = none.
    pub(super) seal_before: u64,
    /// Heads to be met, where they are recorded, and whether they were met.
    pub(super) heads: Vec<(Head, &'static str, bool)>,
    /// Places in the list of findings that wait for the next good sequence.
    pub(super) waiting: Vec<usize>,
    /// Runs of consecutive sequences.
    pub(super) runs: Vec<Run>,
    /// Where records may be missing.
    pub(super) breaks: Vec<Break>,
    /// Whether there is one whose end is not yet known.
    pub(super) open: bool,
    /// Last sequences of the segments that were not left for the next one, but had no room for another slot.
    pub(super) out_of_room: Vec<u64>,
    /// Process starts (audit log).
    pub(super) epochs: Vec<EpochMark>,
    /// What the notes say (audit log).
    pub(super) losses: Losses,
}

impl Walk {
    /// Before the first segment that was not dropped, on the way to `heads`.
    pub(super) fn new(log: Log, dropped: Option<&Dropped>, heads: impl Iterator<Item = (Head, &'static str)>) -> Self {
        let met = |head: &Head| {
            dropped.is_some_and(|d| head.sequence < d.last || (head.sequence == d.last && head.hash == d.hash))
        };
        Self {
            log,
            segment: dropped.map_or(0, |d| d.segment),
            offset: 0,
            links: Links::new(dropped.map_or([0; 32], |d| d.hash)),
            sequence: dropped.map_or(0, |d| d.last),
            epoch: 0,
            segment_first: 0,
            segment_records: 0,
            in_order: true,
            damaged: false,
            displaced: false,
            backward: false,
            unfinished: None,
            unused: false,
            seal: None,
            seal_before: dropped.map_or(0, |d| d.last),
            heads: heads.map(|(head, origin)| (head, origin, met(&head))).collect(),
            waiting: Vec::new(),
            runs: Vec::new(),
            breaks: Vec::new(),
            open: false,
            out_of_room: Vec::new(),
            epochs: Vec::new(),
            losses: Losses::default(),
        }
    }

    /// Whether the log may be growing: its end is not finished, or a segment was made ahead.
    pub(super) fn running(&self) -> bool {
        self.unfinished.is_some() || self.unused
    }

    /// The last sequence.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Segment and byte of the end.
    pub(super) fn place(&self) -> (u64, u64) {
        (self.segment.max(1), self.offset)
    }

    /// The sequence that a recorded head of this log must have at least, if the writer closed it: a crash while it did so
    /// can leave the head one segment behind.
    pub(super) fn head_least(&self) -> Option<u64> {
        let (number, _, _, reason) = self.seal?;
        let closed = !self.running() && reason == SealReason::Closed.code() && number == self.segment;
        (closed && self.seal_before > 0).then_some(self.seal_before)
    }

    /// Walks through all segments from number `expected` on.
    pub(super) fn segments(
        &mut self,
        folder: &dyn Folder,
        mut expected: u64,
        out: &mut Verification,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), JournalError> {
        let Some(Names { numbers, foreign }) = segments_of(folder, self.log)? else {
            let file = format!("{}/", self.log.name());
            out.push(Finding { log: Some(self.log), file, ..Finding::of(&finding::NO_FOLDER) });
            self.break_here();
            return Ok(());
        };
        for name in foreign {
            let file = format!("{}/{name}", self.log.name());
            let found = folder.read(&file)?.map_or_else(String::new, |bytes| header_words(&bytes));
            out.push(Finding { log: Some(self.log), file, found, ..Finding::of(&finding::FOREIGN) });
        }
        let mut ended = false;
        for (i, &number) in numbers.iter().enumerate() {
            if number < expected {
                // Recorded as dropped, and a crash came before the removal.
                continue;
            }
            let file = segment_name(self.log, number);
            // Only files that were made ahead and never used may follow the end of a log. Asked before the segment is
            // read, since a running writer may end it in between.
            let behind = &numbers[i + 1..];
            let is_last = behind.iter().all(|n| !folder.has_records(&segment_name(self.log, *n)));
            let Some(bytes) = folder.read(&file)? else { continue };
            let used = has_records(&bytes);
            if used && ended {
                // A running writer has begun it since the end of the log was read.
                break;
            }
            ended |= is_last;
            let own = header_of(&bytes).is_none_or(|header| header.is_of(self.log, number));
            if number != expected && used && own {
                self.missing(out, expected, number - 1);
            }
            if used {
                if number == expected || own {
                    expected = number + 1;
                }
                let again = || folder.read(&file).ok().flatten().filter(|_| is_last);
                self.segment(out, number, &bytes, is_last, &again);
                out.segments += 1;
            } else {
                expected = expected.max(number + 1);
                self.without_records(out, number, &bytes, is_last);
            }
            out.bytes += bytes.len() as u64;
            progress(out.bytes);
        }
        Ok(())
    }

    /// Segments `from..=to` are not there.
    fn missing(&mut self, out: &mut Verification, from: u64, to: u64) {
        let found = if to > from { format!("segments {from} to {to} are not there") } else { String::new() };
        (self.segment, self.offset) = (from, 0);
        self.find(out, &finding::MISSING, segment_name(self.log, from), found);
        self.break_here();
        self.in_order = false;
    }

    /// A file without a whole record: made ahead, or the writer died in its header.
    fn without_records(&mut self, out: &mut Verification, number: u64, bytes: &[u8], is_last: bool) {
        let place = (self.segment, self.offset);
        (self.segment, self.offset) = (number, 0);
        if !is_last || bytes.is_empty() {
            self.find(out, &finding::EMPTY, String::new(), String::new());
            self.break_here();
            self.in_order = false;
            return;
        }
        self.tail(out, bytes, 0);
        self.unused = true;
        // The end of the log is where its records end.
        (self.segment, self.offset) = place;
    }

    /// Says which heads were not met, and where the log ends.
    pub(super) fn end(&mut self, out: &mut Verification) {
        let heads = &mut self.heads;
        let broken = self.links.end(|right| {
            heads.iter_mut().filter(|(head, ..)| head.hash == *right).map(|(.., met)| *met = true).count() > 0
        });
        self.broken(out, broken);
        let (segment, offset) = self.place();
        let sealed = self.seal.filter(|seal| seal.0 == segment);
        for (head, origin, _) in core::mem::take(&mut self.heads).into_iter().filter(|(.., met)| !met) {
            let expected = format!("{} {} ({origin})", head.sequence, hex_of(&head.hash));
            let found = format!("the log ends with sequence {}", self.sequence);
            let cut = self.sequence < head.sequence || self.sequence == head.sequence && sealed.is_none();
            let kind = match sealed {
                Some(_) if cut => {
                    (self.segment, self.offset) = (if self.sequence == 0 { 1 } else { segment + 1 }, 0);
                    &finding::END_MISSING
                }
                None if cut && self.sequence > 0 => &finding::END_CUT,
                None if cut => &finding::END_MISSING,
                _ => {
                    let run = self.runs.iter().rfind(|run| run.first <= head.sequence);
                    (self.segment, self.offset) = match sealed.filter(|seal| seal.1 == head.sequence) {
                        Some((number, _, at, _)) => (number, at),
                        None => run.map_or((segment, offset), |run| (run.segment, run.offset)),
                    };
                    &finding::REWRITTEN
                }
            };
            self.segment = self.segment.max(1);
            let found = if cut { found } else { String::new() };
            self.find(out, kind, expected, found);
            self.break_here();
            (self.segment, self.offset) = (segment, offset);
        }
        if self.sequence > 0 {
            out.heads.push(Head { log: self.log, sequence: self.sequence, hash: self.links.previous });
        }
        out.epoch_last = out.epoch_last.max(self.epoch);
        out.sequence_last = out.sequence_last.max(self.sequence);
    }

    /// Adds a finding at the place where the walk is; it will be told the next good sequence.
    pub(super) fn find(&mut self, out: &mut Verification, kind: &Kind, expected: String, found: String) {
        let at = At { segment: self.segment, offset: self.offset, sequence: self.sequence };
        self.find_at(out, kind, at, 0, expected, found);
    }

    pub(super) fn find_at(
        &mut self,
        out: &mut Verification,
        kind: &Kind,
        at: At,
        next: u64,
        expected: String,
        found: String,
    ) {
        let place = out.push(Finding {
            log: Some(self.log),
            file: segment_name(self.log, at.segment),
            segment: at.segment,
            offset: at.offset,
            sequence: at.sequence,
            next,
            expected,
            found,
            ..Finding::of(kind)
        });
        self.waiting.extend(place.filter(|_| next == 0));
    }

    /// From the last sequence to the next, records may be missing.
    pub(super) fn break_here(&mut self) {
        self.breaks.push(Break { before: self.sequence, after: 0, segment: self.segment, offset: self.offset });
        self.open = true;
    }
}

/// The header at the start of a segment's bytes.
pub(super) fn header_of(bytes: &[u8]) -> Option<Opening> {
    match parse(bytes) {
        Parsed::Record(record) if record.kind == RecordKind::Opening => Some(record.mark()),
        _ => None,
    }
}

/// Which segment a file holds, by its header; empty if it has none.
pub(super) fn header_words(bytes: &[u8]) -> String {
    header_of(bytes).map_or_else(String::new, |header| header_name(header.log(), header.segment))
}

pub(super) fn header_name(log: u8, segment: u64) -> String {
    match Log::ALL.get(usize::from(log)) {
        Some(log) => format!("{} segment {segment}", log.name()),
        None => format!("segment {segment} of an unknown log"),
    }
}
