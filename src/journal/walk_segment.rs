//! Edge: the walk of verify through one segment: its records, its end, and what of both does not belong there.

use super::disk::segment_name;
use super::finding::{self, Verification, damaged};
use super::heads::hex_of;
use super::links::{At, Broken};
use super::meta::EpochMark;
use super::record::{
    ALIGN, LENGTH_MAX, Log, Opening, Parsed, Record, RecordKind, SEAL_LENGTH, Seal, SealReason, next_valid, parse,
};
use super::union::{Break, Run};
use super::walk::{Walk, header_name, header_of, header_words};
use std::borrow::Cow;

impl Walk {
    /// Walks through the segment `number`, whose file holds `bytes`; `again` reads the file of a log's last segment once
    /// more, in case that a writer was at it.
    pub(super) fn segment<'a>(
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
        (self.displaced, self.damaged) = (false, false);
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
                    (self.in_order, self.damaged) = (false, true);
                    let Some(next) = next else {
                        cut = true;
                        break;
                    };
                    at = next;
                }
            }
        }
        let full = self.seal.is_some_and(|seal| seal.0 == number && seal.3 == SealReason::Full.code());
        let reserved = header_of(bytes).map_or(u64::MAX, |header| header.segment_bytes);
        if !full && self.segment_records > 0 && reserved <= at as u64 + (LENGTH_MAX + SEAL_LENGTH) as u64 {
            self.out_of_room.push(self.sequence);
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
                let derived = self.backward || self.damaged;
                if (seal.records, header.sequence) != (self.segment_records, self.sequence) && !derived {
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
    pub(super) fn broken(&mut self, out: &mut Verification, broken: Option<Broken>) {
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
        let derived = self.displaced || self.damaged;
        if self.segment_records == 0 && at != 0 && self.segment_first != sequence && !derived {
            let expected = self.segment_first.to_string();
            self.find(out, &finding::FIRST, expected, sequence.to_string());
        }
        self.segment_records += 1;
        out.records += 1;
        match self.runs.last_mut() {
            Some(run) if run.last.checked_add(1) == Some(sequence) => run.last = sequence,
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

    /// What stands behind the last record of a log that was not finished: nothing, or a record that the writer died in.
    pub(super) fn tail(&mut self, out: &mut Verification, bytes: &[u8], at: usize) {
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
}
