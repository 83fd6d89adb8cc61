//! Edge: one connection of the bridge: looked over, its staging tables made, the cursor asked; then batch after batch.

use super::address::Address;
use super::batch::Batch;
use super::migrate;
use super::tables::{BEGIN_CURSOR, LOCK_CURSOR, MOVE_CURSOR, START, TABLES};
use super::trouble::Trouble;
use crate::bridge::id::Id;
use crate::bridge::tail::Start;
use crate::types::time::MICROS;
use futures_util::SinkExt;
use std::collections::BTreeSet;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

/// For a whole batch, and for looking a connection over. A server that was stopped for a moment gets the time to go on.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// What the server itself gives up after: less than we wait, so that it does not work for nobody.
const SETTINGS: &str = "SET statement_timeout = '25s'; SET lock_timeout = '10s'; \
    SET idle_in_transaction_session_timeout = '30s'; SET timezone = 'UTC'; SET client_min_messages = warning; \
    SET search_path = pg_catalog, pg_temp";

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// All of it is there.
    All,
    /// The cursor was not where it was thought to be: nothing was written, and it must be asked again.
    Moved,
}

/// Where a host's cursor stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of which journal it is.
    pub journal: String,
    /// The last event that is written; 0-0 = none.
    pub last: Id,
}

/// Statements for one table.
struct Statements {
    copy: Statement,
    insert: Statement,
}

/// A connection that is ready to write.
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
    tables: Vec<Statements>,
    lock: Statement,
    advance: Statement,
    /// Days that have their partitions.
    days: BTreeSet<i64>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // It ends with the client; but a peer that does not answer would keep it.
        self.driver.abort();
    }
}

fn sequence(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

async fn within<T>(doing: &str, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    tokio::time::timeout(ANSWER_WITHIN, work).await.unwrap_or_else(|_| Err(Trouble::too_slow(doing)))
}

impl Session {
    /// Connects, looks the server and its schema over (and migrates it, with `migrate`), makes the staging tables.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn open(address: &Address, may_migrate: bool) -> Result<Self, Trouble> {
        let (mut client, driver) = super::connect::connect(address).await?;
        if let Some(trouble) = within("looking it over", super::connect::read_only(&client)).await? {
            return Err(trouble);
        }
        // Not within a time: somebody else's migration is waited for, and a big one takes as long as it takes.
        migrate::ensure(&mut client, may_migrate).await?;
        within("making the staging tables", async move {
            client.batch_execute(SETTINGS).await?;
            let mut tables = Vec::with_capacity(TABLES.len());
            for table in &TABLES {
                client.batch_execute(&table.stage()).await?;
                let (copy, insert) = (client.prepare(&table.copy()).await?, client.prepare(&table.insert()).await?);
                tables.push(Statements { copy, insert });
            }
            let (lock, advance) = (client.prepare(LOCK_CURSOR).await?, client.prepare(MOVE_CURSOR).await?);
            Ok(Self { client, driver, tables, lock, advance, days: BTreeSet::new() })
        })
        .await
    }

    /// Where the cursor of `host` stands; one that is not there is begun for `journal`. Waits for a transaction that holds it: an
    /// earlier connection of ours may still be committing.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn place(&mut self, host: &str, journal: &str) -> Result<Place, Trouble> {
        within("asking for the cursor", async {
            self.client.execute(BEGIN_CURSOR, &[&host, &journal]).await?;
            let row = self.client.query_one(&self.lock, &[&host]).await?;
            let (epoch, last): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
            Ok(Place { journal: row.try_get(0)?, last: Id { epoch: sequence(epoch), sequence: sequence(last) } })
        })
        .await
    }

    /// How the process start `epoch` of `host` began, as the rows have it; `None` if they do not (any more).
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn start_of(&self, host: &str, epoch: u64) -> Result<Option<Start>, Trouble> {
        within("asking how the last start began", async {
            let row = self.client.query_opt(START, &[&host, &i64::try_from(epoch).unwrap_or(i64::MAX)]).await?;
            let Some(row) = row else { return Ok(None) };
            let at: i64 = row.try_get(1)?;
            Ok(Some(Start { sequence: sequence(row.try_get(0)?), at: at.saturating_mul(MICROS) }))
        })
        .await
    }

    /// Puts the cursor of `host` before everything. A batch that is still under way on an earlier connection is done before it,
    /// or finds the cursor moved.
    ///
    /// # Errors
    /// [`Trouble`]: whether it is done is not known then.
    pub async fn rewind(&mut self, host: &str) -> Result<(), Trouble> {
        within("moving the cursor", async {
            self.client.execute(&self.advance, &[&host, &0_i64, &0_i64]).await?;
            Ok(())
        })
        .await
    }

    /// Writes a batch and moves the cursor, in one transaction.
    ///
    /// # Errors
    /// [`Trouble`]: whether it is there is not known then; the cursor will tell.
    pub async fn send(&mut self, host: &str, batch: &Batch) -> Result<Sent, Trouble> {
        within("writing", async {
            self.partitions(&batch.days).await?;
            let sent = self.transaction(host, batch).await;
            if sent.is_err() {
                // It may be for a partition that somebody dropped.
                self.days.clear();
            }
            sent
        })
        .await
    }

    /// Makes sure that days have their partitions.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn partitions(&mut self, days: &BTreeSet<i64>) -> Result<(), Trouble> {
        let new: Vec<i64> = days.difference(&self.days).copied().collect();
        for day in new {
            let day_number = i32::try_from(day).unwrap_or(i32::MAX);
            self.client
                .execute(
                    "SELECT tickpath.make_partitions(date '1970-01-01' + $1::integer, date '1970-01-01' + $1::integer)",
                    &[&day_number],
                )
                .await?;
            self.days.insert(day);
        }
        Ok(())
    }

    async fn transaction(&mut self, host: &str, batch: &Batch) -> Result<Sent, Trouble> {
        let transaction = self.client.transaction().await?;
        let Some(row) = transaction.query_opt(&self.lock, &[&host]).await? else { return Ok(Sent::Moved) };
        let (epoch, last): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        if (Id { epoch: sequence(epoch), sequence: sequence(last) }) != batch.before {
            return Ok(Sent::Moved);
        }
        for rows in &batch.copied {
            let statements = &self.tables[rows.table];
            let mut sink = Box::pin(transaction.copy_in::<_, Cursor<Arc<[u8]>>>(&statements.copy).await?);
            sink.send(Cursor::new(Arc::clone(&rows.bytes))).await?;
            let count = sink.as_mut().finish().await?;
            if count != rows.count {
                return Err(Trouble(format!(
                    "PostgreSQL: {count} rows of {} came in of {}: please report it",
                    rows.count, TABLES[rows.table].name
                )));
            }
            transaction.execute(&statements.insert, &[&host]).await?;
        }
        transaction.execute(&self.advance, &[&host, &number(batch.last.epoch), &number(batch.last.sequence)]).await?;
        transaction.commit().await?;
        Ok(Sent::All)
    }

    /// Drops partitions older than `days`, as far as the database's admin allows; what was done, in words, if there is something
    /// to say.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn drop_old(&mut self, days: u32) -> Result<Option<String>, Trouble> {
        within("dropping old partitions", async {
            let keep = i32::try_from(days).unwrap_or(i32::MAX);
            let floor: Option<i32> =
                self.client.query_one("SELECT pg_catalog.max(least_days) FROM tickpath.retention", &[]).await?.try_get(0)?;
            let Some(floor) = floor else {
                return Ok(Some(format!(
                    "nothing is dropped, though `[postgres] keep_days = {days}`: the database's admin has set no floor (UPDATE tickpath.retention SET least_days = …)"
                )));
            };
            let dropped = match self.client.query("SELECT tickpath.drop_old_partitions($1)", &[&keep]).await {
                Ok(rows) => rows.len(),
                // Somebody reads them: there is a next time.
                Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            if dropped == 0 {
                return Ok(None);
            }
            self.days.clear();
            Ok(Some(format!("{dropped} partitions older than {} days are dropped", keep.max(floor))))
        })
        .await
    }
}

/// Whether the server is there, takes writes, and has the schema (or may be given it), as LIVE needs it.
///
/// # Errors
/// Why not.
pub async fn fit_for_live(address: &Address, may_migrate: bool) -> Result<(), Trouble> {
    let session = Session::open(address, may_migrate).await?;
    // Preparing a statement asks for no right.
    let missing = within("asking for its rights", async {
        let rows = session
            .client
            .query(
                "SELECT t FROM unnest(tickpath.audit_tables() || ARRAY['cursors']) AS t
                 WHERE NOT has_table_privilege('tickpath.' || t, 'INSERT, SELECT')
                    OR t = 'cursors' AND NOT has_table_privilege('tickpath.cursors', 'UPDATE')",
                &[],
            )
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<Vec<String>, Trouble>>()
    })
    .await?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(Trouble(format!(
        "PostgreSQL: its user may not write tickpath.{}: GRANT tickpath_writer TO that user",
        missing.join(", tickpath.")
    )))
}
