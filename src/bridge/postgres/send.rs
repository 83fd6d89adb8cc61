//! Edge: a batch becomes rows, in one transaction with the cursor.
//!
//! # Two ways
//!
//! *Straight*: COPY into the tables themselves. Of what lies behind the cursor there is no row, since rows and cursor come by the
//! same transactions: nothing has to be looked for, and the rows are written once. *Staged*: COPY into tables of the connection's
//! own, and from there with `ON CONFLICT DO NOTHING`: what is there already stays. That is needed where the cursor was put back,
//! or taken away, or a part of the database was restored; it costs the server more than twice the work.
//!
//! The straight way finds out by itself: the keys are unique in both ways, so a row that is there already fails the COPY (23505),
//! and with it the whole transaction: no row, no move of the cursor. The same batch then goes the staged way, on a connection of
//! its own, and so do those behind it, until some of them in a row found nothing there. So the straight way can be wrong, and nothing is lost or doubled
//! for it: it only costs a try. Where it is known beforehand (a rebuilding, a cursor that is begun anew), it is not tried at all.
//!
//! # The cursor first
//!
//! The transaction begins with moving the cursor from where the batch begins to where it ends. That takes the row's lock, which an
//! earlier connection whose COMMIT was never answered may still have: its end is waited for, and if it did commit, the cursor does
//! not stand there any more, no row is moved, and nothing is written.

use super::batch::{Batch, Copied};
use super::session::{Session, Staging, number, within};
use super::tables::TABLES;
use super::trouble::Trouble;
use futures_util::SinkExt;
use futures_util::future::join_all;
use std::io::Cursor;
use std::sync::Arc;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Statement};

/// So many batches in a row must have found nothing of theirs there, until rows are written straight again.
const CLEAN: u32 = 4;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// All of it is there.
    All,
    /// The cursor was not where it was thought to be: nothing was written, and it must be asked again.
    Moved,
    /// Rows of it are there already: nothing was written. It must be sent again, by another session.
    There,
}

/// Which way batches go. It outlives a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Way {
    /// Batches yet to be staged; 0 = straight.
    staged: u32,
}

impl Way {
    /// Rows may be there already.
    pub fn look(&mut self) {
        self.staged = CLEAN;
    }

    /// A batch was staged: all its rows, and those that were new.
    fn staged(&mut self, rows: u64, new: u64) {
        if new < rows {
            self.look();
        } else if rows > 0 {
            self.staged = self.staged.saturating_sub(1);
        }
    }
}

/// Why a transaction was not done.
enum Failed {
    /// A row is there already.
    There,
    Trouble(Trouble),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        if error.code() == Some(&SqlState::UNIQUE_VIOLATION) { Self::There } else { Self::Trouble(error.into()) }
    }
}

impl Session {
    /// Writes a batch of `host`'s `journal` and moves the cursor, in one transaction.
    ///
    /// # Errors
    /// [`Trouble`]: whether it is there is not known then; the cursor will tell. With an error, or with anything but
    /// [`Sent::All`], the session is of no use any more.
    pub async fn send(&mut self, host: &str, journal: &str, batch: &Batch, way: &mut Way) -> Result<Sent, Trouble> {
        within("writing", async {
            self.partitions(&batch.days).await?;
            if way.staged == 0 {
                return match self.straight(host, journal, batch).await {
                    Ok(sent) => Ok(sent),
                    Err(Failed::Trouble(trouble)) => Err(trouble),
                    // Not on this connection: the client sends a COPY in two parts, and the server answers both if it does not
                    // take the first one, so behind a COPY that failed answers are taken for those of other statements.
                    Err(Failed::There) => {
                        way.look();
                        Ok(Sent::There)
                    }
                };
            }
            self.stage().await?;
            self.staged(host, journal, batch, way).await
        })
        .await
    }

    /// Begins a transaction and moves the cursor; whether it stood where the batch begins.
    async fn begin_with_cursor(&self, host: &str, journal: &str, batch: &Batch) -> Result<bool, Error> {
        let (from, to) = (batch.before, batch.last);
        let [from_epoch, from_sequence, to_epoch, to_sequence] =
            [from.epoch, from.sequence, to.epoch, to.sequence].map(number);
        let places: [&(dyn ToSql + Sync); 6] = [&host, &journal, &from_epoch, &from_sequence, &to_epoch, &to_sequence];
        // Sent together, in this order: one way to the server and back.
        let (begun, moved) = tokio::join!(
            biased;
            self.client().batch_execute("BEGIN"),
            self.client().execute(&self.advance, &places)
        );
        begun?;
        Ok(moved? == 1)
    }

    async fn straight(&self, host: &str, journal: &str, batch: &Batch) -> Result<Sent, Failed> {
        if !self.begin_with_cursor(host, journal, batch).await? {
            return Ok(Sent::Moved);
        }
        // They stand in the connection's queue one behind the other, so a table does not wait for the last one's answer. If one
        // fails, those behind it fail for that: the first error is the one that says why.
        let copies = batch.copied.iter().map(|rows| self.copy(&self.straight[rows.table], rows));
        for (rows, counted) in batch.copied.iter().zip(join_all(copies).await) {
            counted_right(rows, counted?).map_err(Failed::Trouble)?;
        }
        self.client().batch_execute("COMMIT").await?;
        Ok(Sent::All)
    }

    async fn staged(&self, host: &str, journal: &str, batch: &Batch, way: &mut Way) -> Result<Sent, Trouble> {
        if !self.begin_with_cursor(host, journal, batch).await? {
            return Ok(Sent::Moved);
        }
        let mut new = 0;
        for rows in &batch.copied {
            let Staging { copy, insert } = &self.staging[rows.table];
            counted_right(rows, self.copy(copy, rows).await?)?;
            new += self.client().execute(insert, &[]).await?;
        }
        self.client().batch_execute("COMMIT").await?;
        way.staged(batch.rows(), new);
        Ok(Sent::All)
    }

    /// Sends rows to a COPY; how many the server took.
    async fn copy(&self, statement: &Statement, rows: &Copied) -> Result<u64, Error> {
        let mut sink = Box::pin(self.client().copy_in::<_, Cursor<Arc<[u8]>>>(statement).await?);
        for piece in &rows.pieces {
            sink.feed(Cursor::new(Arc::clone(piece))).await?;
        }
        sink.as_mut().finish().await
    }

    /// Makes the tables in which rows are staged, at their first use: most connections never need them.
    async fn stage(&mut self) -> Result<(), Trouble> {
        if !self.staging.is_empty() {
            return Ok(());
        }
        let mut staging = Vec::with_capacity(TABLES.len());
        for table in &TABLES {
            self.client().batch_execute(&table.stage()).await?;
            let copy = self.client().prepare(&table.copy_staged()).await?;
            staging.push(Staging { copy, insert: self.client().prepare(&table.insert()).await? });
        }
        self.staging = staging;
        Ok(())
    }
}

fn counted_right(rows: &Copied, counted: u64) -> Result<(), Trouble> {
    if counted == rows.count {
        return Ok(());
    }
    Err(Trouble(format!(
        "PostgreSQL: {counted} rows of {} came in of {}: please report it",
        rows.count, TABLES[rows.table].name
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_looked_for_until_some_batches_found_none() {
        let mut way = Way::default();
        // What is there when a batch comes (rows, new ones), and how many more are staged then.
        let mut check = |rows: u64, new: u64, left: u32| {
            way.staged(rows, new);
            assert_eq!(way.staged, left, "{new} of {rows} are new");
        };
        check(5, 4, CLEAN);
        check(5, 5, CLEAN - 1);
        check(0, 0, CLEAN - 1);
        check(5, 5, CLEAN - 2);
        check(5, 0, CLEAN);
        for left in (0..CLEAN).rev() {
            check(5, 5, left);
        }
    }
}
