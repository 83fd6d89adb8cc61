//! Edge: heartbeats on their way into PostgreSQL: the history, which nobody waits for.

use crate::bridge::postgres::address::Address;
use crate::bridge::postgres::connect;
use crate::bridge::postgres::trouble::Trouble;
use deadpool_postgres::{Pool, PoolError};
use serde_json::Value;
use std::future::Future;
use std::time::Duration;
use tokio::sync::mpsc;

/// The contract's own statement.
const INSERT: &str = "INSERT INTO agent_heartbeats (agent_name, status, metadata) VALUES ($1, $2, $3)";
/// To connect, and to write some rows.
const WITHIN: Duration = Duration::from_secs(5);

/// A heartbeat for the history.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The agent's id.
    pub agent: String,
    /// Its status.
    pub status: &'static str,
    /// What else is known: an object.
    pub metadata: Value,
}

/// Why rows were not written, in words, with what to do. Never with the address, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LedgerTrouble(pub String);

/// Where heartbeats are kept.
pub trait Ledger {
    /// Writes rows, all or none.
    fn write(&mut self, rows: &[Row]) -> impl Future<Output = Result<(), LedgerTrouble>>;
}

/// Writes what comes until there is no more. What cannot be written is told once and given up: it is only history.
pub async fn run(mut ledger: impl Ledger, mut queue: mpsc::Receiver<Vec<Row>>) {
    let mut told = String::new();
    while let Some(rows) = queue.recv().await {
        match ledger.write(&rows).await {
            Ok(()) => told.clear(),
            Err(LedgerTrouble(text)) => {
                if told != text {
                    tracing::warn!("agents: heartbeats are not kept: {text}");
                    told = text;
                }
            }
        }
    }
}

/// The table `agent_heartbeats` of PostgreSQL.
pub struct Postgres(Pool);

impl Postgres {
    /// At `address`; connects to nothing yet.
    ///
    /// # Errors
    /// The pool cannot be built.
    pub fn new(address: &Address) -> Result<Self, LedgerTrouble> {
        connect::pool(address, 1).map(Self).map_err(|Trouble(text)| LedgerTrouble(text))
    }

    async fn insert(&self, rows: &[Row]) -> Result<(), Trouble> {
        let mut client = self.0.get().await.map_err(|e| match e {
            PoolError::Backend(error) => Trouble::from(error),
            other => Trouble(format!("PostgreSQL: no connection: {other}")),
        })?;
        let transaction = client.transaction().await?;
        for row in rows {
            transaction.execute(INSERT, &[&row.agent, &row.status, &row.metadata]).await?;
        }
        Ok(transaction.commit().await?)
    }
}

impl Ledger for Postgres {
    async fn write(&mut self, rows: &[Row]) -> Result<(), LedgerTrouble> {
        match tokio::time::timeout(WITHIN, self.insert(rows)).await {
            Ok(written) => written.map_err(|Trouble(text)| LedgerTrouble(text)),
            // The connection goes with what was under way.
            Err(_) => Err(LedgerTrouble(format!("PostgreSQL: no answer within {} s", WITHIN.as_secs()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_written_is_given_up_and_the_next_is_tried() {
        struct Odd(Vec<&'static str>);
        impl Ledger for &mut Odd {
            async fn write(&mut self, rows: &[Row]) -> Result<(), LedgerTrouble> {
                if rows[0].agent == "bad" {
                    return Err(LedgerTrouble("no table".to_owned()));
                }
                self.0.push(rows[0].status);
                Ok(())
            }
        }
        let (sender, queue) = mpsc::channel(8);
        for agent in ["bad", "good", "bad", "good"] {
            let row = Row { agent: agent.to_owned(), status: "alive", metadata: Value::Null };
            sender.try_send(vec![row]).unwrap();
        }
        drop(sender);
        let mut odd = Odd(Vec::new());
        run(&mut odd, queue).await;
        assert_eq!(odd.0, ["alive", "alive"]);
    }
}
