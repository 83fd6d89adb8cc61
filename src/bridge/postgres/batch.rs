//! Edge: events that are written together: their rows, and between which places of the journal they lie.
//!
//! A batch is kept until it is known what became of it. A commit whose answer never came may have been done or not: the cursor,
//! which moves in the same transaction, says which, and then the same rows are written again or are done with.

use super::encode::Rows;
use super::rows::RowMaker;
use super::tables::TABLES;
use crate::bridge::id::Id;
use crate::bridge::sampler::Sampler;
use crate::bridge::tail::Tail;
use crate::journal::{Entry, JournalError, Places};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;
/// Most bytes of a batch.
const BATCH_BYTES: usize = 4 << 20;

/// What makes batches.
pub struct Maker {
    /// Makes rows.
    pub rows: RowMaker,
    /// Samples of the features.
    pub features: Option<Box<dyn Sampler>>,
    /// The sampler gave up reading, since the host ends: what it has not seen is not written without its samples, but at the
    /// next start with them.
    pub gave_up: bool,
}

/// Rows of one table, as they are sent.
#[derive(Clone, Debug)]
pub struct Copied {
    /// Index in [`TABLES`].
    pub table: usize,
    /// How many.
    pub count: u64,
    /// In the binary format of COPY, in pieces; shared, so that they can be sent again.
    pub pieces: Vec<Arc<[u8]>>,
}

/// Events that are written together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The event before the first.
    pub before: Id,
    /// The last.
    pub last: Id,
    /// Events.
    pub events: u64,
    /// Whether that is all there was; a batch may be cut for its events or its bytes.
    pub had_all: bool,
    /// Events that the journal did not have any more, though it had them when this record was begun.
    pub missing: u64,
    /// Where in the journal the last one ends.
    pub places: Places,
    /// Their rows.
    pub copied: Vec<Copied>,
    /// Days (since 1970-01-01, UTC) that they lie in.
    pub days: BTreeSet<i64>,
}

impl Batch {
    /// Bytes of the rows.
    pub fn bytes(&self) -> u64 {
        self.copied.iter().flat_map(|rows| &rows.pieces).map(|piece| piece.len() as u64).sum()
    }

    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.copied.iter().map(|rows| rows.count).sum()
    }
}

impl Maker {
    /// The events behind `last` come next, whatever came before.
    pub fn reset(&mut self, last: Id) {
        if let Some(sampler) = &mut self.features {
            sampler.reset(last);
        }
    }

    /// The next events of `tail` up to `limit`, at most `most`; `None` if there is none.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn next(&mut self, tail: &mut Tail, before: Id, limit: u64, most: u64) -> Result<Option<Batch>, JournalError> {
        let mut rows: [Rows; TABLES.len()] = Default::default();
        let (mut events, mut last, mut days, mut had_all) = (0, before, BTreeSet::new(), false);
        while events < most && rows.iter().map(Rows::len).sum::<usize>() < BATCH_BYTES {
            let Some(entry) = tail.peek(limit)? else {
                had_all = true;
                break;
            };
            let entry: Entry = *entry;
            if let Some(sampler) = &mut self.features
                && !sampler.ready(&entry)
            {
                self.gave_up = true;
                break;
            }
            tail.take();
            let event = tail.event(&entry);
            last = Id { epoch: entry.epoch, sequence: entry.sequence };
            self.rows.add(&mut rows, &event);
            if let Some(vector) = self.features.as_mut().and_then(|sampler| sampler.take(&entry)?.vector) {
                self.rows.add_features(&mut rows, &event, &vector.names, &vector.values, vector.warm);
            }
            days.insert(entry.input.ts_recv.div_euclid(DAY));
            events += 1;
        }
        if events == 0 {
            return Ok(None);
        }
        let copied = rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()).map(|(table, rows)| Copied {
            table,
            count: rows.count(),
            pieces: rows.finish(),
        });
        let (missing, places) = (tail.take_missing(), tail.places());
        Ok(Some(Batch { before, last, events, had_all, missing, places, copied: copied.collect(), days }))
    }
}
