//! Edge: events become a batch: their entries, and what follows from them. While one batch is under way the next is made, in short
//! pieces between which the connection has its turn; so the server does not wait for this side, nor this side for the server.

use super::batch::Batch;
use super::mirror;
use super::outgoing::Outgoing;
use super::setup::Setup;
use crate::acp::event::{FIELDS, Texts};
use crate::bridge::id::Id;
use crate::bridge::tail::Tail;
use crate::event::input::InputKind;
use crate::journal::{Entry, JournalError};
use crate::types::time::UnixNanos;
use std::sync::atomic::Ordering;

/// Most bytes of a batch.
const BATCH_BYTES: usize = 1 << 20;
/// Events of one piece: some hundred microseconds.
const PIECE: usize = 64;

/// A batch, as far as it is made.
pub struct Made {
    /// What is to be sent.
    pub batch: Batch,
    /// The last event that was read for it.
    pub at: Id,
    /// The last id that the stream has with it.
    pub last: Id,
    /// When its newest entry was, or the newest before; `None` if none is known.
    pub newest_at: Option<UnixNanos>,
    /// Events that were read for it.
    pub taken: usize,
    /// Whether there was nothing more that may be mirrored.
    pub had_all: bool,
}

/// Makes them.
pub struct Maker<'a> {
    setup: &'a Setup,
    /// What goes out beside the entries.
    pub outgoing: &'a mut Outgoing,
    /// The journal, behind what was read.
    pub tail: Tail,
    texts: Texts,
    /// The last id that the stream had when the session began.
    had: Option<Id>,
}

impl<'a> Maker<'a> {
    /// Of what lies behind `tail`; the stream had `had` when the session began.
    pub fn new(setup: &'a Setup, outgoing: &'a mut Outgoing, tail: Tail, had: Option<Id>) -> Self {
        Self { setup, outgoing, tail, texts: Texts::default(), had }
    }

    /// One with nothing in it, behind an event that was read, one that the stream has, and its time.
    pub fn begin(&self, (at, last, newest_at): (Id, Id, Option<UnixNanos>)) -> Made {
        let most = self.setup.config.batch as usize;
        let batch = Batch::new(&self.setup.names.events(), most, self.setup.names.is_cluster());
        Made { batch, at, last, newest_at, taken: 0, had_all: false }
    }

    /// Adds events until it is full, or has all that may be mirrored now.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn fill(&mut self, made: &mut Made) -> Result<(), JournalError> {
        while self.add_some(made)? {}
        Ok(())
    }

    /// The same in pieces: others have their turn between them.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn fill_beside(&mut self, made: &mut Made) -> Result<(), JournalError> {
        while self.add_some(made)? {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// One piece; whether there is room for more, and perhaps more.
    fn add_some(&mut self, made: &mut Made) -> Result<bool, JournalError> {
        let limit = self.setup.durable.load(Ordering::Acquire);
        let most = self.setup.config.batch as usize;
        made.had_all = false;
        for _ in 0..PIECE {
            // It is also cut for its bytes.
            if made.taken >= most || made.batch.bytes() >= BATCH_BYTES {
                return Ok(false);
            }
            let Some(entry) = self.tail.peek(limit)? else {
                made.had_all = true;
                return Ok(false);
            };
            let entry: Entry = *entry;
            self.add(made, &entry);
        }
        Ok(true)
    }

    fn add(&mut self, made: &mut Made, entry: &Entry) {
        let gate_before = self.tail.accounts().gate();
        self.tail.take();
        made.taken += 1;
        made.at = Id { epoch: entry.epoch, sequence: entry.sequence };
        let values = self.texts.write(self.setup.names.host(), &self.tail.event(entry));
        let is_new = self.had.is_none_or(|had| had < made.at);
        if is_new {
            (made.last, made.newest_at) = (made.at, Some(entry.input.ts_recv));
            made.batch.add(made.at, &FIELDS, &values);
            if entry.input.kind == InputKind::Epoch.code() {
                let start = format!("{} {} {}", entry.epoch, entry.sequence, entry.input.ts_recv);
                let mut command = redis::cmd("SET");
                command.arg(self.setup.names.events_start()).arg(start);
                made.batch.also(command);
            }
        }
        let instrument = self.tail.instrument(entry.input.instrument);
        let event = mirror::Event { id: made.at, entry, instrument, values: &values, gate_before };
        self.outgoing.event(&mut made.batch, &event, &self.tail, is_new);
    }
}
