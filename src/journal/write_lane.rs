//! Edge: one log from the writer's side: its current segment, and what goes in front of and behind the slots.

use super::encode::{Stamp, write_mark};
use super::error::Fault;
use super::loss::Note;
use super::record::{Log, NOTE_LENGTH, OPENING_LENGTH, Opening, RecordKind, SEAL_LENGTH, Seal, SealReason};
use super::segment::Prepared;
use crate::types::time::UnixNanos;

/// Room that slots leave in the audit log's segments for notes: one that recording stops, one that it goes on. They are written
/// at once, wherever the segment stands, so that they are there whenever the process ends.
const NOTES_ROOM: usize = 2 * NOTE_LENGTH;

/// One log, from the writer's side.
pub(super) struct WriteLane {
    pub log: Log,
    pub segment_bytes: u64,
    pub current: Prepared,
    pub next: Option<Prepared>,
    /// Why there is no next segment, as far as the helper has said.
    pub failure: Option<Fault>,
    /// First sequence of the current segment.
    pub first: u64,
    /// Slots in the current segment.
    pub records: u64,
    /// Last sequence of this log.
    pub last: u64,
    /// Time of its last slot.
    pub time: UnixNanos,
    /// Sealed segments that the helper has not finished.
    pub unfinished: usize,
    /// Bytes of the current segment that were synced.
    pub synced: usize,
    /// A slot was refused: no other goes into this segment either, also none that is shorter, so that what is missing is
    /// what the note says, from the first sequence to the last.
    pub refusing: bool,
}

impl WriteLane {
    /// Writes the seal.
    pub(super) fn end(&mut self, reason: SealReason, stamp: Stamp) {
        let seal = Seal { first: self.first, records: self.records, reason: reason.code(), zero: [0; 7], torn: 0 };
        // There is always room: `append` leaves it.
        if let Some(out) = self.current.front.spare(SEAL_LENGTH) {
            write_mark(out, RecordKind::Seal, stamp, self.last, self.time, &seal);
            self.current.front.publish(SEAL_LENGTH);
        }
    }

    /// Whether a slot of `length` bytes still fits, with what may have to come behind it.
    #[inline]
    pub(super) fn fits(&self, length: usize) -> bool {
        let opening = if self.current.front.used() == 0 { OPENING_LENGTH } else { 0 };
        let notes = if self.log == Log::Audit { NOTES_ROOM } else { 0 };
        !self.refusing && self.has_room(opening + length + notes)
    }

    /// Whether `length` bytes, and the seal behind them, still fit.
    #[inline]
    fn has_room(&self, length: usize) -> bool {
        // More, not as much: a file that ends with its seal is one that was finished.
        self.current.front.room() > length + SEAL_LENGTH
    }

    /// Writes the header of a segment whose first slot is `sequence`.
    pub(super) fn begin(&mut self, stamp: Stamp, sequence: u64, time: UnixNanos) {
        let opening = Opening::new(self.log, self.current.number, self.segment_bytes);
        if let Some(out) = self.current.front.spare(OPENING_LENGTH) {
            write_mark(out, RecordKind::Opening, stamp, sequence, time, &opening);
            self.current.front.publish(OPENING_LENGTH);
        }
        self.first = sequence;
        self.records = 0;
        self.synced = 0;
    }

    /// Writes as many of `notes` as may be written now, and takes them away. Only behind a slot: a segment without one says
    /// nothing, and is removed if the process ends there.
    pub(super) fn write_notes(&mut self, notes: &mut Vec<Note>, stamp: Stamp, time: UnixNanos) {
        if self.records == 0 || self.current.front.used() == 0 {
            return;
        }
        let mut written = 0;
        while let Some(note) = notes.get(written)
            && self.has_room(NOTE_LENGTH)
            && let Some(out) = self.current.front.spare(NOTE_LENGTH)
        {
            write_mark(out, RecordKind::Note, stamp, self.last, time, note);
            self.current.front.publish(NOTE_LENGTH);
            written += 1;
        }
        notes.drain(..written);
    }
}
