//! Edge: the journal from a place on, while it is written, with the instruments as they were defined then.

use super::account::Accounts;
use super::id::Id;
use crate::acp::event::{Event, Outputs};
use crate::acp::trace::{Trace, Traces};
use crate::event::definition::Definition;
use crate::event::input::InputKind;
use crate::journal::{Entry, JournalError, Loss, Places, Reader};
use crate::types::ids::InstrumentId;
use crate::types::instrument::Instrument;
use crate::types::time::{MICROS, UnixNanos};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

/// Whether the entry defines an instrument, and which.
fn definition(entry: &Entry) -> Option<Instrument> {
    let input = &entry.input;
    (input.kind == InputKind::Definition.code() && input.instrument.is_some())
        .then(|| input.payload::<Definition>().instrument(input.instrument))?
}

/// How a process start is known from another one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The sequence of its first record.
    pub sequence: u64,
    /// When it began; stores keep whole microseconds.
    pub at: UnixNanos,
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
    /// When each process start began, by its number, as far as the journal has its first record.
    starts: BTreeMap<u64, Start>,
    traces: Traces,
    accounts: Accounts,
    /// Instruments whose account changed with the entries taken, since it was asked last.
    touched: BTreeSet<InstrumentId>,
    /// Sequences that the journal no longer has (retention, or a full disk), passed over here.
    missing: u64,
    /// What lies before was not there to be passed over.
    expected_from: u64,
}

/// Asked again and again while much is read: whether to give up.
pub type Stop<'a> = &'a dyn Fn() -> bool;

/// Between two questions whether to give up, in entries.
const ASK_EVERY: u64 = 4096;

impl Tail {
    /// Behind the event `last`. A later process start may give sequences again that its journal had lost; those are behind it
    /// too. Reads the audit log, for the definitions. `None`: it was stopped.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(dir: &Path, last: Id, stop: Stop<'_>) -> Result<Option<Self>, JournalError> {
        let mut tail = Self {
            reader: Reader::open(dir)?,
            entry: Entry::default(),
            waits: false,
            last: 0,
            instruments: Vec::new(),
            epochs: Vec::new(),
            starts: BTreeMap::new(),
            traces: Traces::default(),
            accounts: Accounts::default(),
            touched: BTreeSet::new(),
            missing: 0,
            expected_from: 1,
        };
        if last == Id::default() {
            return Ok(Some(tail));
        }
        let (mut audit, mut entry, mut read) = (Reader::audit_only(dir)?, Entry::default(), 0u64);
        let mut from = last.sequence;
        while audit.next(&mut entry)? {
            if entry.epoch > last.epoch {
                from = from.min(entry.sequence - 1);
                break;
            }
            if entry.sequence > last.sequence {
                break;
            }
            tail.learn(&entry);
            read += 1;
            if read.is_multiple_of(ASK_EVERY) && stop() {
                return Ok(None);
            }
        }
        tail.reader = Reader::open_behind(dir, from)?;
        tail.last = from;
        Ok(Some(tail))
    }

    fn learn(&mut self, entry: &Entry) {
        if self.epochs.last().is_none_or(|(_, epoch)| *epoch != entry.epoch) {
            self.epochs.push((entry.sequence, entry.epoch));
        }
        if entry.input.kind == InputKind::Epoch.code() {
            self.starts.insert(entry.epoch, Start { sequence: entry.sequence, at: entry.input.ts_recv });
        }
        self.traces.learn(entry.epoch, &entry.input, entry.audit.as_ref().map(|s| &s.risk));
        if self.accounts.learn(entry) {
            self.touched.insert(entry.input.instrument);
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
            let skipped = (self.last + 1).max(self.expected_from)..self.entry.sequence;
            if !skipped.is_empty() {
                self.missing += skipped.end - skipped.start - self.noted(&skipped);
            }
            self.last = self.entry.sequence;
            let entry = self.entry;
            self.learn(&entry);
        }
    }

    /// How many of `range` the journal itself notes as never recorded.
    fn noted(&self, range: &Range<u64>) -> u64 {
        let of = |loss: &Loss| {
            let last = if loss.last == 0 { u64::MAX } else { loss.last };
            (range.end - 1).min(last).saturating_add(1).saturating_sub(range.start.max(loss.first))
        };
        self.reader.losses().iter().map(of).sum::<u64>().min(range.end - range.start)
    }

    /// The last sequence that was taken, or that lay before.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Where in the journal what was taken ends.
    pub fn places(&self) -> Places {
        self.reader.places()
    }

    /// The instrument, as it is defined so far. The entry that is looked at counts, if it defines it.
    pub fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.instruments.get(id.index())?.as_ref()
    }

    /// Whose wish the entry follows; it must have been [taken](Self::take).
    pub fn trace(&self, entry: &Entry) -> Trace<'_> {
        self.traces.of(entry.epoch, &entry.input, entry.audit.as_ref().map(|s| &s.risk))
    }

    /// The entry as stores show it; it must have been [taken](Self::take).
    pub fn event<'a>(&'a self, entry: &'a Entry) -> Event<'a> {
        Event {
            epoch: entry.epoch,
            input: &entry.input,
            instrument: self.instrument(entry.input.instrument),
            instruments: &self.instruments,
            outputs: entry.audit.as_ref().map(|s| Outputs {
                signal: &s.signal,
                risk: &s.risk,
                execution: &s.execution,
            }),
            trace: self.trace(entry),
        }
    }

    /// The id of the event with this sequence.
    pub fn id_of(&self, sequence: u64) -> Id {
        let before = self.epochs.partition_point(|(first, _)| *first <= sequence);
        let epoch = before.checked_sub(1).and_then(|at| self.epochs.get(at)).or(self.epochs.first());
        Id { epoch: epoch.map_or(0, |(_, epoch)| *epoch), sequence }
    }

    /// Whether the process start `epoch` is another one here than where `stored` was written: the journal was put back to an older
    /// copy and went on from there, so that a store has what it has not. What lies too far back to be known is not another one.
    pub fn is_another(&self, epoch: u64, stored: Start) -> bool {
        let micros = |start: &Start| (start.sequence, start.at.div_euclid(MICROS));
        self.starts.get(&epoch).is_some_and(|here| micros(here) != micros(&stored))
    }

    /// How a process start began; `None` if that lies too far back to be known.
    pub fn start(&self, epoch: u64) -> Option<Start> {
        self.starts.get(&epoch).copied()
    }

    /// Whether `entry`, the last that was [taken](Self::take), begins the process start `epoch` in another way than `stored`.
    pub fn begins_another(&self, entry: &Entry, epoch: u64, stored: Start) -> bool {
        entry.epoch == epoch && entry.input.kind == InputKind::Epoch.code() && self.is_another(epoch, stored)
    }

    /// The newest process start that was met; 0 = none.
    pub fn newest_epoch(&self) -> u64 {
        self.epochs.last().map_or(0, |(_, epoch)| *epoch)
    }

    /// What is held, and whether the gate is open, behind the entries taken.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Instruments whose account changed with the entries taken, since it was asked last (at first: all that were ever touched).
    pub fn take_touched(&mut self) -> BTreeSet<InstrumentId> {
        std::mem::take(&mut self.touched)
    }

    /// What is not there before `sequence` is not missed: the journal had dropped it before anybody wanted it.
    pub fn expect_from(&mut self, sequence: u64) {
        self.expected_from = sequence;
    }

    /// How many sequences were passed over since it was asked last, since the journal does not have them.
    pub fn take_missing(&mut self) -> u64 {
        std::mem::take(&mut self.missing)
    }
}

/// The newest event of the journal's audit log: all of the journal, but for market data since. `None`: it was stopped.
///
/// # Errors
/// [`JournalError`].
pub fn newest(dir: &Path, stop: Stop<'_>) -> Result<Option<Id>, JournalError> {
    let (mut audit, mut entry, mut newest, mut read) =
        (Reader::audit_only(dir)?, Entry::default(), Id::default(), 0u64);
    while audit.next(&mut entry)? {
        newest = Id { epoch: entry.epoch, sequence: entry.sequence };
        read += 1;
        if read.is_multiple_of(ASK_EVERY) && stop() {
            return Ok(None);
        }
    }
    Ok(Some(newest))
}

/// What tells this journal from every other: a digest of its first record, with its time in nanoseconds. `None` while it is
/// empty.
///
/// # Errors
/// [`JournalError`].
pub fn identity(dir: &Path) -> Result<Option<String>, JournalError> {
    let (mut audit, mut entry) = (Reader::audit_only(dir)?, Entry::default());
    Ok(audit
        .next(&mut entry)?
        .then(|| format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytemuck::bytes_of(&entry.input)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::digest::SlotDigest;
    use crate::event::input::{EpochStart, Input, Nothing};
    use crate::event::slot::Slot;
    use crate::journal::{Config, Writer};
    use crate::types::ids::SourceId;
    use crate::types::instrument::{Calendar, Contract, Symbol, VenueKind};
    use crate::types::price::{Px, Qty};
    use bytemuck::Zeroable;

    fn instrument(qty_decimals: u8) -> Instrument {
        Instrument {
            id: InstrumentId(0),
            symbol: Symbol::from("A").unwrap(),
            venue: VenueKind::Simulated,
            contract: Contract::Linear,
            calendar: Calendar::Crypto,
            price_decimals: 0,
            qty_decimals,
            price_shown: 0,
            qty_shown: 0,
            tick_size: Px(1),
            lot_size: Qty(1),
            multiplier: 1,
            maker_fee_ppm: 0,
            taker_fee_ppm: 0,
            inferred: false,
        }
    }

    /// One process start: its epoch, a definition with so many decimals, and quotes, from sequence `first` to `last`.
    fn start(dir: &Path, epoch: u64, decimals: u8, first: u64, last: u64) {
        let (mut writer, _) = Writer::open(dir, &Config::default(), 5).unwrap();
        writer.set_epoch(epoch);
        for sequence in first..=last {
            let mut slot = Slot::zeroed();
            slot.input = match sequence - first {
                0 => {
                    let start = EpochStart { epoch, config_hash: [0; 16], build_hash: [0; 16] };
                    Input::new(InputKind::Epoch, SourceId::HOST, InstrumentId::NONE, 9, &start)
                }
                1 => Definition::input(&instrument(decimals), 9),
                _ => Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(0), 9, &Nothing {}),
            };
            slot.input.sequence = sequence;
            writer.append(&slot, &SlotDigest::of(&slot)).unwrap();
        }
        writer.close().unwrap();
    }

    fn rest(tail: &mut Tail) -> Vec<Id> {
        let mut ids = Vec::new();
        while let Some(entry) = tail.peek(u64::MAX).unwrap() {
            ids.push(Id { epoch: entry.epoch, sequence: entry.sequence });
            tail.take();
        }
        ids
    }

    fn ids(epoch: u64, from: u64, to: u64) -> Vec<Id> {
        (from..=to).map(|sequence| Id { epoch, sequence }).collect()
    }

    #[test]
    fn it_begins_behind_what_a_store_has_and_knows_the_instruments_as_of_then() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(identity(dir.path()).unwrap(), None);
        start(dir.path(), 1, 2, 1, 50);
        start(dir.path(), 2, 3, 51, 80);
        let open = |epoch, sequence| Tail::open(dir.path(), Id { epoch, sequence }, &|| false).unwrap().unwrap();
        let check = |epoch: u64, sequence: u64, expected: Vec<Id>, decimals: Option<u8>| {
            let mut tail = open(epoch, sequence);
            assert_eq!(tail.instrument(InstrumentId(0)).map(|i| i.qty_decimals), decimals, "{epoch}-{sequence}");
            assert_eq!(rest(&mut tail), expected, "{epoch}-{sequence}");
            assert_eq!(tail.take_missing(), 0, "{epoch}-{sequence}");
        };
        let all = [ids(1, 1, 50), ids(2, 51, 80)].concat();
        check(0, 0, all.clone(), None);
        check(1, 1, all[1..].to_vec(), None);
        check(1, 20, all[20..].to_vec(), Some(2));
        check(1, 50, all[50..].to_vec(), Some(2));
        check(2, 51, all[51..].to_vec(), Some(2));
        check(2, 60, all[60..].to_vec(), Some(3));
        check(2, 80, Vec::new(), Some(3));
        // A start whose journal had lost the tail of the one before: its sequences come again, and are not what the store has.
        check(1, 65, all[50..].to_vec(), Some(2));
        check(u64::MAX, 65, all[65..].to_vec(), Some(3));
        // Only as far as it may.
        let mut tail = open(1, 48);
        assert!(tail.peek(48).unwrap().is_none() && tail.peek(49).unwrap().is_some());
        assert_eq!(tail.last(), 48);
        assert!(
            Tail::open(dir.path(), Id { epoch: 1, sequence: 20 }, &|| true).unwrap().is_some(),
            "little is read at once"
        );
        let of = |dir: &Path| identity(dir).unwrap().unwrap();
        assert_eq!((of(dir.path()), of(dir.path()).len()), (of(dir.path()), 32));
        assert_eq!(tail.newest_epoch(), 1);
        assert_eq!((tail.id_of(20), tail.id_of(0)), (Id { epoch: 1, sequence: 20 }, Id { epoch: 1, sequence: 0 }));
    }
}
