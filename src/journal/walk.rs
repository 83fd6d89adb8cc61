//! Edge: the walk of verify through one log: every record, its place in the chain, the heads on the way.

use super::disk::segment_name;
use super::error::JournalError;
use super::finding::{self, Finding, Kind, Verification, damaged};
use super::folder::{Folder, has_records, segments_of};
use super::heads::{Dropped, Head, hex_of};
use super::links::{At, Broken, Links};
use super::loss::Losses;
use super::meta::EpochMark;
use super::record::{
    ALIGN, LENGTH_MAX, Log, Opening, Parsed, Record, RecordKind, SEAL_LENGTH, Seal, SealReason, next_valid, parse,
};
use super::union::{Break, Run};
use std::borrow::Cow;

/// The walk through one log.
pub(super) struct Walk {
    pub log: Log,
    /// Where it is.
    segment: u64,
    offset: u64,
    links: Links,
    /// Last sequence of the log.
    sequence: u64,
    epoch: u64,
    segment_first: u64,
    segment_records: u64,
    /// Whether the place in the chain is known: behind a damaged record it is not, and one finding is enough.
    in_order: bool,
    /// Whether the segment's header is another one's: then its sequences are not where they should be either.
    displaced: bool,
    /// Whether the sequence has gone backward and not yet come up again.
    backward: bool,
    /// The end of the first segment that the helper has not finished (cut to its length), once there was one: behind it
    /// the chain may not be filled in yet.
    unfinished: Option<(u64, u64)>,
    /// Whether a segment was made ahead behind the end.
    unused: bool,
    /// Seal of the last segment: its number, the sequence, its byte, the code of its reason.
    seal: Option<(u64, u64, u64, u8)>,
    /// Sequence of the seal before that one; 0 = none.
    seal_before: u64,
    /// Heads to be met, where they are recorded, and whether they were met.
    heads: Vec<(Head, &'static str, bool)>,
    /// Places in the list of findings that wait for the next good sequence.
    waiting: Vec<usize>,
    /// Runs of consecutive sequences.
    pub runs: Vec<Run>,
    /// Where records may be missing.
    pub breaks: Vec<Break>,
    /// Whether there is one whose end is not yet known.
    open: bool,
    /// Process starts (audit log).
    pub epochs: Vec<EpochMark>,
    /// What the notes say (audit log).
    pub losses: Losses,
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
        let Some((numbers, foreign)) = segments_of(folder, self.log)? else {
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

    /// What stands behind the last record of a log that was not finished: nothing, or a record that the writer died in.
    fn tail(&mut self, out: &mut Verification, bytes: &[u8], at: usize) {
        let Some(first) = bytes[at..].iter().position(|b| *b != 0).map(|p| at + p) else { return };
        let last = bytes.iter().rposition(|b| *b != 0).unwrap_or(first);
        // Of an unpublished record the chain (32 bytes) and the length (4) are not yet there.
        if first >= at + 36 && last < at + LENGTH_MAX {
            out.torn_bytes += (last + 1 - at) as u64;
            out.torn_at.push(format!("{} byte {at}", segment_name(self.log, self.segment)));
        } else {
            self.offset = first as u64;
            self.find(out, &finding::TAIL, String::new(), format!("bytes {first} to {last}"));
            self.offset = at as u64;
        }
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
    fn find(&mut self, out: &mut Verification, kind: &Kind, expected: String, found: String) {
        let at = At { segment: self.segment, offset: self.offset, sequence: self.sequence };
        self.find_at(out, kind, at, 0, expected, found);
    }

    fn find_at(&mut self, out: &mut Verification, kind: &Kind, at: At, next: u64, expected: String, found: String) {
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
    fn break_here(&mut self) {
        self.breaks.push(Break { before: self.sequence, after: 0, segment: self.segment, offset: self.offset });
        self.open = true;
    }

    fn segment<'a>(
        &mut self,
        out: &mut Verification,
        number: u64,
        bytes: &[u8],
        is_last: bool,
        again: &dyn Fn() -> Option<Cow<'a, [u8]>>,
    ) {
        let before = (self.segment.max(1), self.offset);
        (self.segment, self.offset, self.segment_first, self.segment_records) = (number, 0, 0, 0);
        let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |p| p + 1);
        let end = bytes.len().saturating_sub(SEAL_LENGTH);
        let finished = matches!(parse(&bytes[end..]), Parsed::Record(record) if record.kind == RecordKind::Seal);
        if finished && let Some((segment, offset)) = self.unfinished.take() {
            let at = At { segment, offset, sequence: self.sequence };
            self.find_at(out, &finding::ZEROS, at, 0, String::new(), String::new());
        }
        if self.displaced {
            // What the next segment continues is not what was read before it.
            self.in_order = false;
        }
        self.displaced = false;
        let (mut at, mut sealed, mut cut) = (0, false, false);
        loop {
            self.offset = at as u64;
            match parse(&bytes[at..]) {
                Parsed::Record(record) => {
                    if sealed {
                        self.find(out, &finding::BEHIND_SEAL, String::new(), "a record".to_owned());
                    }
                    sealed |= record.kind == RecordKind::Seal;
                    self.record(out, &record, at, !finished);
                    at += record.bytes.len();
                }
                _ if used <= at => break,
                found => {
                    let next = next_valid(bytes, at + ALIGN);
                    let unpublished = matches!(found, Parsed::End) && !sealed && !finished;
                    if unpublished && next.is_none() {
                        self.tail(out, bytes, at);
                        break;
                    }
                    if again().is_some_and(|now| matches!(now.get(at..).map(parse), Some(Parsed::Record(_)))) {
                        // A running writer wrote it while it was read.
                        self.unused = true;
                        break;
                    }
                    let kind = match found {
                        _ if sealed => finding::BEHIND_SEAL,
                        Parsed::Bad(what) => damaged(what),
                        _ => finding::SKIPPED,
                    };
                    self.find(out, &kind, String::new(), String::new());
                    self.break_here();
                    self.in_order = false;
                    match next {
                        Some(next) => at = next,
                        None => {
                            cut = true;
                            break;
                        }
                    }
                }
            }
        }
        if !sealed && !is_last && !cut {
            self.find(out, &finding::NOT_SEALED, String::new(), String::new());
            self.break_here();
            self.in_order = false;
        }
        if !finished && (sealed || is_last) && self.unfinished.is_none() {
            self.unfinished = Some((number, at as u64));
        }
        if self.displaced && self.backward {
            // A copy of what was read before: the log goes on behind the segment in front of it.
            (self.segment, self.offset, self.backward) = (before.0, before.1, false);
        }
    }

    fn record(&mut self, out: &mut Verification, record: &Record<'_>, at: usize, unfinished: bool) {
        let header = record.header;
        let opening = (record.kind == RecordKind::Opening).then(|| record.mark::<Opening>());
        if opening.is_some_and(|opening| at != 0 || !opening.is_of(self.log, self.segment)) {
            let (expected, found) = (header_name(self.log.index() as u8, self.segment), header_words(record.bytes));
            self.find(out, &finding::WRONG_HEADER, expected, found);
            (self.displaced, self.in_order) = (true, false);
        }
        let place = At { segment: self.segment, offset: at as u64, sequence: self.sequence };
        let (broken, blank) = self.links.take(record, place, self.in_order, unfinished);
        out.unchained += u64::from(blank && record.is_slot());
        self.broken(out, broken);
        self.in_order = true;
        if header.epoch < self.epoch && !self.displaced {
            self.find(out, &finding::EPOCH, self.epoch.to_string(), header.epoch.to_string());
        }
        self.epoch = self.epoch.max(header.epoch);
        match record.kind {
            RecordKind::Opening => self.segment_first = header.sequence,
            RecordKind::Seal => {
                let seal: Seal = record.mark();
                if (seal.records, header.sequence) != (self.segment_records, self.sequence) && !self.backward {
                    let expected = format!("{} records to {}", seal.records, header.sequence);
                    let found = format!("{} records to {}", self.segment_records, self.sequence);
                    self.find(out, &finding::SEAL, expected, found);
                }
                if !self.displaced {
                    self.seal_before = self.seal.map_or(self.seal_before, |seal| seal.1);
                    self.seal = Some((self.segment, header.sequence, at as u64, seal.reason));
                }
            }
            RecordKind::Note if self.log == Log::Audit => self.losses.note(record.mark(), header.epoch),
            RecordKind::Note => self.find(out, &finding::OTHER_LOG, String::new(), "a note".to_owned()),
            RecordKind::Market | RecordKind::Audit => self.slot(out, record, at),
        }
        let hash = self.links.previous;
        for (head, _, met) in &mut self.heads {
            *met |= head.sequence == header.sequence && head.hash == hash;
        }
    }

    /// Says what is wrong with the chain.
    fn broken(&mut self, out: &mut Verification, broken: Option<Broken>) {
        let (kind, misfit, at) = match broken {
            None => return,
            Some(Broken::Link(misfit)) => (&finding::LINK, misfit, misfit.here),
            Some(Broken::Before(misfit)) if misfit.opening => (&finding::NOT_CONTINUED, misfit, misfit.here),
            Some(Broken::Before(misfit)) => (&finding::ALTERED, misfit, misfit.culprit),
        };
        let (expected, mut found) = (hex_of(&misfit.expected), hex_of(&misfit.found));
        if kind == &finding::NOT_CONTINUED {
            let (file, byte) = (segment_name(self.log, misfit.culprit.segment.max(1)), misfit.culprit.offset);
            found = format!("{found} (the record before is {file} byte {byte})");
        }
        self.find_at(out, kind, at, misfit.next, expected, found);
        self.breaks.push(Break {
            before: misfit.culprit.sequence,
            after: misfit.next,
            segment: at.segment,
            offset: at.offset,
        });
        self.open |= misfit.next == 0;
    }

    fn slot(&mut self, out: &mut Verification, record: &Record<'_>, at: usize) {
        let sequence = record.header.sequence;
        if at == 0 {
            self.find(out, &finding::NO_HEADER, String::new(), String::new());
        }
        if (record.kind == RecordKind::Audit) != (self.log == Log::Audit) {
            self.find(out, &finding::OTHER_LOG, String::new(), String::new());
        }
        if self.segment_records == 0 && at != 0 && self.segment_first != sequence && !self.displaced {
            let expected = self.segment_first.to_string();
            self.find(out, &finding::FIRST, expected, sequence.to_string());
        }
        self.segment_records += 1;
        out.records += 1;
        match self.runs.last_mut() {
            Some(run) if run.last + 1 == sequence => run.last = sequence,
            _ => {
                let (segment, offset) = (self.segment, at as u64);
                self.runs.push(Run { first: sequence, last: sequence, segment, offset });
            }
        }
        if sequence <= self.sequence {
            if !self.backward && !self.displaced {
                let expected = format!("> {}", self.sequence);
                self.find(out, &finding::BACKWARD, expected, sequence.to_string());
            }
            self.backward = true;
            return;
        }
        self.backward = false;
        self.sequence = sequence;
        for place in self.waiting.drain(..) {
            out.findings[place].next = sequence;
        }
        if core::mem::take(&mut self.open) {
            for open in self.breaks.iter_mut().filter(|b| b.after == 0) {
                open.after = sequence;
            }
        }
        if self.log == Log::Audit {
            self.losses.slot(record.header.epoch, sequence);
            if let Some(start) = record.epoch_start() {
                self.epochs.push(EpochMark { epoch: start.epoch, sequence, config_hash: start.config_hash });
            }
        }
    }
}

/// The header at the start of a segment's bytes.
fn header_of(bytes: &[u8]) -> Option<Opening> {
    match parse(bytes) {
        Parsed::Record(record) if record.kind == RecordKind::Opening => Some(record.mark()),
        _ => None,
    }
}

/// Which segment a file holds, by its header; empty if it has none.
fn header_words(bytes: &[u8]) -> String {
    header_of(bytes).map_or_else(String::new, |header| header_name(header.log(), header.segment))
}

fn header_name(log: u8, segment: u64) -> String {
    match Log::ALL.get(usize::from(log)) {
        Some(log) => format!("{} segment {segment}", log.name()),
        None => format!("segment {segment} of an unknown log"),
    }
}
