//! Edge: what the journal itself says that it does not have: market data that could not be written.
//!
//! When the market log needs a segment and cannot have one, the writer puts a note into the audit log, which has its
//! reserve: from which sequence on market data is not recorded, and why. When the market log goes on, it puts in a second
//! one, with the last sequence that is missing. Notes are no inputs: no stage sees them, they take no sequence, and a
//! replay passes over them; but they are records of the chain like all others. If the process ends before the market log
//! goes on, the next process start in the audit log is the end of what is missing.

use bytemuck::{Pod, Zeroable};
use serde::{Serialize, Serializer};

crate::code_enum! {
    /// Why market data was not recorded.
    pub enum LossReason {
        /// There was no room for another segment.
        DiskFull = 1, "disk full";
        /// Another segment could not be made: rights, a broken disk, a folder that is gone.
        NoSegment = 2, "no new segment could be made";
    }
}

impl Serialize for LossReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Market data that was not recorded, as the journal's own notes tell it. What concerns orders is in the audit log all the
/// same, also between the two sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// The first sequence that was refused.
    pub first: u64,
    /// The last one; 0 while it is not known, since recording has not gone on.
    pub last: u64,
    /// Why.
    pub reason: LossReason,
}

impl core::fmt::Display for Loss {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { first, last, reason } = self;
        match last {
            0 => write!(f, "market data from sequence {first} on was not recorded: {reason}"),
            last => write!(f, "market data from sequence {first} to {last} was not recorded: {reason}"),
        }
    }
}

/// Payload of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Note {
    /// The first sequence that was refused.
    pub first: u64,
    /// 0 = recording stops; else it goes on behind this sequence, the last one refused.
    pub last: u64,
    /// Code of a [`LossReason`].
    pub reason: u8,
    pub zero: [u8; 15],
}

impl Note {
    pub(super) fn stopped(loss: &Loss) -> Self {
        Self { first: loss.first, last: 0, reason: loss.reason.code(), zero: [0; 15] }
    }

    pub(super) fn goes_on(loss: &Loss) -> Self {
        Self { last: loss.last, ..Self::stopped(loss) }
    }
}

/// What the notes of an audit log add up to, read from its start.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    all: Vec<Loss>,
    /// Epoch of the last loss, while nothing has ended it.
    open: Option<u64>,
}

impl Losses {
    /// Takes in a note that was written in `epoch`.
    pub(super) fn note(&mut self, note: Note, epoch: u64) {
        let reason = LossReason::from_code(note.reason).unwrap_or(LossReason::NoSegment);
        match self.all.last_mut() {
            Some(loss) if note.last > 0 && loss.first == note.first => {
                loss.last = note.last;
                self.open = None;
            }
            _ => {
                self.all.push(Loss { first: note.first, last: note.last, reason });
                self.open = (note.last == 0).then_some(epoch);
            }
        }
    }

    /// Takes in a slot of the audit log.
    #[inline]
    pub(super) fn slot(&mut self, epoch: u64, sequence: u64) {
        if self.open.is_some_and(|open| epoch > open) {
            self.open = None;
            if let Some(loss) = self.all.last_mut() {
                loss.last = sequence.saturating_sub(1).max(loss.first);
            }
        }
    }

    /// All of them, oldest first.
    pub(super) fn all(&self) -> &[Loss] {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_add_up_to_losses() {
        let loss = Loss { first: 10, last: 19, reason: LossReason::DiskFull };
        let mut losses = Losses::default();
        losses.note(Note::stopped(&loss), 1);
        assert_eq!(losses.all(), [Loss { last: 0, ..loss }]);
        assert_eq!(losses.all()[0].to_string(), "market data from sequence 10 on was not recorded: disk full");
        losses.slot(1, 15);
        losses.note(Note::goes_on(&loss), 1);
        assert_eq!(losses.all(), [loss]);
        assert_eq!(loss.to_string(), "market data from sequence 10 to 19 was not recorded: disk full");
        // The process ends before the market log goes on: the next start is the end.
        losses.note(Note::stopped(&Loss { first: 30, ..loss }), 1);
        losses.slot(1, 35);
        losses.slot(2, 41);
        losses.slot(2, 42);
        assert_eq!(losses.all(), [loss, Loss { first: 30, last: 40, ..loss }]);
        // A code of a later version is still a loss.
        losses.note(Note { reason: 77, ..Note::stopped(&Loss { first: 50, ..loss }) }, 2);
        assert_eq!(losses.all()[2], Loss { first: 50, last: 0, reason: LossReason::NoSegment });
    }
}
