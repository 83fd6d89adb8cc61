//! Edge: the journal from a place on, while it is written, with the instruments as they were defined then.

use super::id::Id;
use crate::event::definition::Definition;
use crate::event::input::InputKind;
use crate::journal::{Entry, JournalError, Reader};
use crate::types::ids::InstrumentId;
use crate::types::instrument::Instrument;
use std::path::Path;

/// Whether the entry defines an instrument, and which.
fn definition(entry: &Entry) -> Option<Instrument> {
    let input = &entry.input;
    (input.kind == InputKind::Definition.code() && input.instrument.is_some())
        .then(|| input.payload::<Definition>().instrument(input.instrument))?
}

/// A reader with its place.
pub struct Tail {
    reader: Reader,
    entry: Entry,
    /// `entry` was read, and not taken yet.
    waits: bool,
    last: u64,
    instruments: Vec<Option<Instrument>>,
    /// The first sequence of each process start, and its number; rising.
    epochs: Vec<(u64, u64)>,
    /// Sequences that the journal no longer has (retention, or a full disk), passed over here.
    missing: u64,
}

impl Tail {
    /// Behind `sequence`. Reads the audit log up to there, for the definitions.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(dir: &Path, sequence: u64) -> Result<Self, JournalError> {
        let mut tail = Self {
            reader: Reader::open_behind(dir, sequence)?,
            entry: Entry::default(),
            waits: false,
            last: sequence,
            instruments: Vec::new(),
            epochs: Vec::new(),
            missing: 0,
        };
        if sequence > 0 {
            let (mut audit, mut entry) = (Reader::audit_only(dir)?, Entry::default());
            while audit.next(&mut entry)? && entry.sequence <= sequence {
                tail.learn(&entry);
            }
        }
        Ok(tail)
    }

    fn learn(&mut self, entry: &Entry) {
        if self.epochs.last().is_none_or(|(_, epoch)| *epoch != entry.epoch) {
            self.epochs.push((entry.sequence, entry.epoch));
        }
        let Some(instrument) = definition(entry) else { return };
        let at = instrument.id.index();
        if self.instruments.len() <= at {
            self.instruments.resize(at + 1, None);
        }
        self.instruments[at] = Some(instrument);
    }

    /// The next entry, if there is one up to `limit`; it stays the next one until it is [taken](Self::take).
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn peek(&mut self, limit: u64) -> Result<Option<&Entry>, JournalError> {
        if !self.waits {
            self.waits = self.reader.next(&mut self.entry)?;
        }
        Ok((self.waits && self.entry.sequence <= limit).then_some(&self.entry))
    }

    /// The entry that [`peek`](Self::peek) gave is done with.
    pub fn take(&mut self) {
        if std::mem::take(&mut self.waits) {
            self.missing += self.entry.sequence.saturating_sub(self.last + 1);
            self.last = self.entry.sequence;
            let entry = self.entry;
            self.learn(&entry);
        }
    }

    /// The last sequence that was taken, or that lay before.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The instrument, as it is defined so far. The entry that is looked at counts, if it defines it.
    pub fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.instruments.get(id.index())?.as_ref()
    }

    /// The id of the event with this sequence.
    pub fn id_of(&self, sequence: u64) -> Id {
        let before = self.epochs.partition_point(|(first, _)| *first <= sequence);
        let epoch = before.checked_sub(1).and_then(|at| self.epochs.get(at)).or(self.epochs.first());
        Id { epoch: epoch.map_or(0, |(_, epoch)| *epoch), sequence }
    }

    /// How many sequences were passed over since it was asked last, since the journal does not have them.
    pub fn take_missing(&mut self) -> u64 {
        std::mem::take(&mut self.missing)
    }
}

/// The newest sequence of the journal's audit log: all of the journal, but for market data since.
///
/// # Errors
/// [`JournalError`].
pub fn newest(dir: &Path) -> Result<u64, JournalError> {
    let (mut audit, mut entry, mut newest) = (Reader::audit_only(dir)?, Entry::default(), 0);
    while audit.next(&mut entry)? {
        newest = entry.sequence;
    }
    Ok(newest)
}
