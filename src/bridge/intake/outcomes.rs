//! Edge: what became of tasks, on its way into PostgreSQL: `task_queue` and `ops_outcomes`.
//!
//! The outcome waits in a list of the host's, where it was put in the step that acknowledged the task. It leaves the list behind
//! the commit; written twice, it changes nothing.

use super::keys::Keys;
use crate::acp::inbound::task::Task;
use crate::bridge::postgres::address::Address;
use crate::bridge::postgres::connect as database;
use crate::bridge::postgres::trouble::Trouble as DatabaseTrouble;
use crate::bridge::redis::connect::{self, Server};
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use deadpool_postgres::{Pool, PoolError};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;

/// Between two looks at an empty list.
const IDLE: Duration = Duration::from_millis(200);
/// Between two tries to reach both stores: from, to.
const AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// To write one.
const WITHIN: Duration = Duration::from_secs(10);

/// A task as it is known at last. What others wrote of it before is brought up to date.
const TASK: &str = "
    INSERT INTO task_queue (task_id, sender, receiver, action, payload, priority, status, created_at, result, error)
    VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (task_id) DO UPDATE SET
        status = EXCLUDED.status, result = EXCLUDED.result, error = EXCLUDED.error, updated_at = now()";
/// Its outcome, once for each agent that told one.
const OUTCOME: &str = "
    INSERT INTO ops_outcomes (task_id, agent_id, outcome, details)
    SELECT $1::text::uuid, $2, $3, $4
    WHERE NOT EXISTS (SELECT FROM ops_outcomes WHERE task_id = $1::text::uuid AND agent_id = $2)";

/// What went wrong.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Redis(#[from] Trouble),
    #[error(transparent)]
    Database(#[from] DatabaseTrouble),
}

/// Runs until it is dropped; with no database it waits for ever, and the list stays empty.
pub async fn run(client: Server, keys: Keys, address: Option<Address>) {
    let Some(address) = address else { return std::future::pending().await };
    let pool = match database::pool(&address, 1) {
        Ok(pool) => pool,
        Err(trouble) => {
            tracing::warn!("intake: outcomes are not kept: {trouble}");
            return std::future::pending().await;
        }
    };
    let (mut pause, mut told) = (AGAIN.0, String::new());
    loop {
        let mut written = 0u64;
        let Err(failed) = session(&client, &keys, &pool, &mut written).await;
        let text = failed.to_string();
        if told != text {
            tracing::warn!("intake: outcomes wait in `{}`: {text}", keys.outcomes);
            told = text;
        }
        pause = if written > 0 { AGAIN.0 } else { (2 * pause).min(AGAIN.1) };
        tokio::time::sleep(pause).await;
    }
}

async fn session(client: &Server, keys: &Keys, pool: &Pool, written: &mut u64) -> Result<Infallible, Failed> {
    let mut at = connect::connect(client).await?;
    loop {
        let Some(item) = oldest(&mut at, keys).await? else {
            tokio::time::sleep(IDLE).await;
            continue;
        };
        // What is no outcome was put there by somebody else: it goes, and it is said.
        match serde_json::from_slice::<Task>(&item) {
            Ok(task) => write(pool, &task).await?,
            Err(error) => {
                tracing::warn!("intake: an item of `{}` is no outcome, and is left out: {error}", keys.outcomes);
            }
        }
        let mut remove = redis::cmd("LREM");
        remove.arg(&keys.outcomes).arg(-1).arg(&item);
        remove.query_async::<i64>(&mut at).await.map_err(Trouble::from)?;
        *written += 1;
    }
}

async fn oldest(at: &mut Link, keys: &Keys) -> Result<Option<Vec<u8>>, Trouble> {
    Ok(redis::cmd("LINDEX").arg(&keys.outcomes).arg(-1).query_async(at).await?)
}

/// `value`, unless it holds the one character that PostgreSQL cannot keep: it would be refused for ever.
fn kept(value: Value) -> Value {
    if value.to_string().contains("\\u0000") {
        return json!({"left_out": "it holds a NUL character, which PostgreSQL cannot keep; Redis has it"});
    }
    value
}

async fn write(pool: &Pool, task: &Task) -> Result<(), DatabaseTrouble> {
    let writing = async {
        let mut client = pool.get().await.map_err(|e| match e {
            PoolError::Backend(error) => DatabaseTrouble::from(error),
            other => DatabaseTrouble(format!("PostgreSQL: no connection: {other}")),
        })?;
        let transaction = client.transaction().await?;
        let (payload, result) = (kept(Value::Object(task.payload.clone())), task.result.clone().map(kept));
        let receiver = task.receiver.as_deref().filter(|name| !name.is_empty());
        transaction
            .execute(
                TASK,
                &[
                    &task.task_id,
                    &task.sender,
                    &receiver,
                    &task.action,
                    &payload,
                    &task.priority.name(),
                    &task.status,
                    &task.created_at,
                    &result,
                    &task.error,
                ],
            )
            .await?;
        let details = json!({
            "traceId": task.trace(), "action": task.action, "sender": task.sender, "result": result, "error": task.error,
        });
        let agent = task.source.as_deref().unwrap_or_default();
        transaction.execute(OUTCOME, &[&task.task_id, &agent, &task.status, &details]).await?;
        Ok::<_, DatabaseTrouble>(transaction.commit().await?)
    };
    tokio::time::timeout(WITHIN, writing).await.unwrap_or_else(|_| Err(DatabaseTrouble::too_slow("writing an outcome")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_database_cannot_keep_is_left_out() {
        let check = |value: Value, is_kept: bool| assert_eq!(kept(value.clone()) == value, is_kept, "{value}");
        check(json!({"a": ["b", 1.5, null]}), true);
        check(json!({"a": "\\\u{1}"}), true);
        check(json!({"a": ["x\u{0}y"]}), false);
        check(json!({"x\u{0}": 1}), false);
    }
}
