//! Edge: one connection of the bridge: looked over, its statements prepared, the cursor asked.

use super::address::Address;
use super::migrate;
use super::tables::{BEGIN_CURSOR, LOCK_CURSOR, MOVE_CURSOR, NEWEST, REWIND_CURSOR, START, TABLES};
use super::trouble::Trouble;
use crate::bridge::id::Id;
use crate::bridge::tail::Start;
use crate::types::time::MICROS;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Statement};

/// For a whole batch, and for looking a connection over. A server that was stopped for a moment gets the time to go on.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// What the server itself gives up after: less than we wait, so that it does not work for nobody. A host that vanished in the middle
/// of a COPY is noticed by the keep-alives alone: until then it would hold the cursor.
const SETTINGS: &str = "SET statement_timeout = '25s'; SET lock_timeout = '10s'; \
    SET idle_in_transaction_session_timeout = '30s'; \
    SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET timezone = 'UTC'; SET client_min_messages = warning; \
    SET search_path = pg_catalog, pg_temp";

/// Where a host's cursor stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of which journal it is.
    pub journal: String,
    /// The last event that is written; 0-0 = none.
    pub last: Id,
    /// The first sequence from which on the journal had everything when the record was begun; what it lacks before is no loss.
    pub whole_from: u64,
}

/// Statements for one table, by the way of staging.
pub(super) struct Staging {
    pub(super) copy: Statement,
    pub(super) insert: Statement,
}

/// A connection that is ready to write.
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
    /// COPY straight into each table.
    pub(super) straight: Vec<Statement>,
    /// By the way of tables of the connection's own; empty until they are needed.
    pub(super) staging: Vec<Staging>,
    pub(super) advance: Statement,
    /// Days that have their partitions.
    pub(super) days: BTreeSet<i64>,
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

pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) async fn within<T>(doing: &str, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    tokio::time::timeout(ANSWER_WITHIN, work).await.unwrap_or_else(|_| Err(Trouble::too_slow(doing)))
}

impl Session {
    /// Connects, looks the server and its schema over (and migrates it, with `migrate`), prepares the statements.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn open(address: &Address, may_migrate: bool) -> Result<Self, Trouble> {
        let (mut client, driver) = super::connect::connect(address).await?;
        if let Some(trouble) = within("looking it over", super::connect::read_only(&client)).await? {
            return Err(trouble);
        }
        migrate::ensure(&mut client, may_migrate).await?;
        within("preparing the statements", async move {
            client.batch_execute(SETTINGS).await?;
            let mut straight = Vec::with_capacity(TABLES.len());
            for table in &TABLES {
                straight.push(client.prepare(&table.copy()).await?);
            }
            let advance = client.prepare(MOVE_CURSOR).await?;
            Ok(Self { client, driver, straight, staging: Vec::new(), advance, days: BTreeSet::new() })
        })
        .await
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Where the cursor of `host` stands; `None` if there is none. Waits for a transaction that holds it: an earlier connection of
    /// ours may still be committing.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn place(&self, host: &str) -> Result<Option<Place>, Trouble> {
        within("asking for the cursor", async {
            let Some(row) = self.client.query_opt(LOCK_CURSOR, &[&host]).await? else { return Ok(None) };
            let (epoch, last): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
            Ok(Some(Place {
                journal: row.try_get(0)?,
                last: Id { epoch: sequence(epoch), sequence: sequence(last) },
                whole_from: sequence(row.try_get(3)?),
            }))
        })
        .await
    }

    /// Begins a cursor of `host` for `journal`, which has everything from `whole_from` on, unless there is one by now.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn begin(&self, host: &str, journal: &str, whole_from: u64) -> Result<(), Trouble> {
        within("beginning a cursor", async {
            self.client.execute(BEGIN_CURSOR, &[&host, &journal, &number(whole_from)]).await?;
            Ok(())
        })
        .await
    }

    /// The newest process start of `host` that has rows; `None` if it has none.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn newest(&self, host: &str) -> Result<Option<u64>, Trouble> {
        within("asking for the newest rows", async {
            let newest: Option<i64> = self.client.query_one(NEWEST, &[&host]).await?.try_get(0)?;
            Ok(newest.map(sequence))
        })
        .await
    }

    /// How the process start `epoch` of `host` began, as the rows have it; `None` if they do not (any more).
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn start_of(&self, host: &str, epoch: u64) -> Result<Option<Start>, Trouble> {
        within("asking how the last start began", async {
            let row = self.client.query_opt(START, &[&host, &number(epoch)]).await?;
            let Some(row) = row else { return Ok(None) };
            let at: i64 = row.try_get(1)?;
            Ok(Some(Start { sequence: sequence(row.try_get(0)?), at: at.saturating_mul(MICROS) }))
        })
        .await
    }

    /// Puts the cursor of `host` before everything; its journal has everything from `whole_from` on. A batch that is still under
    /// way on an earlier connection is done before it, or finds the cursor moved.
    ///
    /// # Errors
    /// [`Trouble`]: whether it is done is not known then.
    pub async fn rewind(&self, host: &str, whole_from: u64) -> Result<(), Trouble> {
        within("moving the cursor", async {
            self.client.execute(REWIND_CURSOR, &[&host, &number(whole_from)]).await?;
            Ok(())
        })
        .await
    }
}
