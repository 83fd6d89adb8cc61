//! Edge: the schema: which version the database has, what is missing, and the way there. Forward only.
//!
//! The steps are the files in `migrations/`, built into the program. Each is one transaction together with the row that says it is
//! done; an advisory lock lets only one program at a time migrate, so hosts may start together.

use super::trouble::Trouble;
use refinery::Runner;
pub use refinery::Target;
use serde::Serialize;
use std::error::Error as _;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

#[allow(clippy::pedantic, missing_docs, reason = "made by the macro")]
mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Where it is kept which steps are done. In our own schema: others may use the same library in the same database.
const HISTORY: &str = "tickpath.schema_history";
/// `tickpath` in ASCII: what the advisory lock is about.
const LOCK: i64 = 0x7469_636b_7061_7468;
/// So long another program's migration is waited for.
const PATIENCE: &str = "60s";

/// Columns that must be there, and that a database which had the table before may lack.
const NEEDED: &[(&str, &[&str])] = &[
    ("public.agent_events", &["agent_name", "event_type", "payload"]),
    ("public.agent_heartbeats", &["agent_name", "status", "metadata"]),
    ("public.ops_missions", &["id"]),
    (
        "public.ops_mission_steps",
        &["id", "mission_id", "step", "kind", "status", "claimed_by", "claimed_at", "result", "updated_at"],
    ),
    ("public.ops_policy", &["key", "value"]),
    ("public.ops_agent_events", &["agent_id", "event_type", "payload"]),
    ("public.ops_outcomes", &["task_id", "agent_id", "outcome", "details"]),
    ("public.ops_reaction_rules", &["event_type", "action"]),
    (
        "public.task_queue",
        &[
            "task_id",
            "sender",
            "receiver",
            "action",
            "payload",
            "priority",
            "status",
            "created_at",
            "result",
            "error",
            "attempts",
            "updated_at",
        ],
    ),
];

/// How a database stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The newest step that is done; 0 = none.
    pub version: i32,
    /// The newest step that this program has.
    pub wanted: i32,
    /// Names of the steps that are not done.
    pub pending: Vec<String>,
    /// Tables and columns (`table.column`) that are not there.
    pub missing: Vec<String>,
    /// What the user may not do: statements for somebody who may. Known after a migration only.
    pub not_granted: Vec<String>,
}

impl Standing {
    /// Whether nothing is to be done.
    pub fn is_current(&self) -> bool {
        self.version == self.wanted && self.missing.is_empty()
    }
}

fn runner() -> Runner {
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name(HISTORY);
    runner
}

/// The newest step that this program has.
pub fn wanted() -> i32 {
    runner().get_migrations().iter().map(refinery::Migration::version).max().unwrap_or(0)
}

/// How the database stands; changes nothing.
///
/// # Errors
/// [`Trouble`].
pub async fn look(client: &Client) -> Result<Standing, Trouble> {
    let there: bool =
        client.query_one("SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[&HISTORY]).await?.try_get(0)?;
    let version: i32 = if there {
        let query = format!("SELECT coalesce(pg_catalog.max(version), 0) FROM {HISTORY}");
        client.query_one(&query, &[]).await?.try_get(0)?
    } else {
        0
    };
    let runner = runner();
    let mut pending: Vec<_> = runner.get_migrations().iter().filter(|m| m.version() > version).collect();
    pending.sort();
    let wanted = wanted();
    let missing = missing(client, version >= wanted).await?;
    let pending = pending.into_iter().map(ToString::to_string).collect();
    Ok(Standing { version, wanted, pending, missing, not_granted: Vec::new() })
}

/// What is missing of [`NEEDED`] and of the host's own tables; while they are not all made, only in tables that are there.
async fn missing(client: &Client, all: bool) -> Result<Vec<String>, Trouble> {
    let own = super::tables::needed();
    let needed = NEEDED.iter().map(|(table, columns)| ((*table).to_owned(), columns.to_vec())).chain(own);
    let (mut tables, mut columns) = (Vec::new(), Vec::new());
    for (table, names) in needed {
        for name in names {
            tables.push(table.clone());
            columns.push(name.to_owned());
        }
    }
    let rows = client
        .query(
            "SELECT n.table_name, n.column_name, pg_catalog.to_regclass(n.table_name) IS NULL \
             FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS n(table_name, column_name) \
             WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a \
                 WHERE a.attrelid = pg_catalog.to_regclass(n.table_name) AND a.attname = n.column_name AND a.attnum > 0 AND NOT a.attisdropped)",
            &[&tables, &columns],
        )
        .await?;
    let mut missing: Vec<String> = Vec::new();
    for row in rows {
        let (table, column, no_table): (String, String, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let what = if no_table { table } else { format!("{table}.{column}") };
        if (all || !no_table) && !missing.contains(&what) {
            missing.push(what);
        }
    }
    Ok(missing)
}

/// A database that cannot be used as it is, with what to do.
fn refusal(standing: &Standing) -> Option<Trouble> {
    if standing.version > standing.wanted {
        return Some(Trouble(format!(
            "PostgreSQL: the schema is of version {}, newer than this program's {}; use the newer program: a schema never goes back",
            standing.version, standing.wanted
        )));
    }
    if !standing.missing.is_empty() {
        return Some(Trouble(format!(
            "PostgreSQL: the schema lacks {}; somebody renamed or dropped it, or had a table of that name before: put it back as `migrations/` has it (`tickpath migrate --check` looks again)",
            standing.missing.join(", ")
        )));
    }
    None
}

/// Makes sure that the schema is as this program needs it: migrates if it is older and `migrate` allows it.
///
/// # Errors
/// [`Trouble`]: older and not allowed, newer, altered, or a step failed.
pub async fn ensure(client: &mut Client, migrate: bool) -> Result<Standing, Trouble> {
    let standing = look(client).await?;
    if let Some(trouble) = refusal(&standing) {
        return Err(trouble);
    }
    if standing.is_current() {
        return Ok(standing);
    }
    if !migrate {
        return Err(Trouble(format!(
            "PostgreSQL: the schema is of version {}, this program needs {}; run `tickpath migrate` as a user who may create tables, or set `[postgres] migrate = true`",
            standing.version, standing.wanted
        )));
    }
    migrate_to(client, Target::Latest).await
}

/// Does the steps that are not done, up to `target`; grants the roles what they need. Waits while another program does so.
///
/// # Errors
/// [`Trouble`].
pub async fn migrate_to(client: &mut Client, target: Target) -> Result<Standing, Trouble> {
    client.batch_execute(&format!("SET lock_timeout = '{PATIENCE}'; SET statement_timeout = 0")).await?;
    client.execute("SELECT pg_catalog.pg_advisory_lock($1)", &[&LOCK]).await.map_err(|error| {
        if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
            Trouble(format!("PostgreSQL: another program has migrated for {PATIENCE}; see pg_stat_activity"))
        } else {
            error.into()
        }
    })?;
    let migrated = under_lock(client, target).await;
    // A connection that is gone has no lock any more either.
    let unlocked = client.execute("SELECT pg_catalog.pg_advisory_unlock($1)", &[&LOCK]).await;
    let standing = migrated?;
    unlocked?;
    Ok(standing)
}

async fn under_lock(client: &mut Client, target: Target) -> Result<Standing, Trouble> {
    // Somebody else may have been here first, and may be of another version.
    if let Some(trouble) = refusal(&look(client).await?) {
        return Err(trouble);
    }
    // `IF NOT EXISTS` wants the privilege even if it is there.
    let there: bool = client
        .query_one("SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'tickpath')", &[])
        .await?
        .try_get(0)?;
    let no_right =
        "run `tickpath migrate` as the database's owner, or as a user with CREATE on it and on the schema `public`";
    let refused = |error: Trouble| Trouble(format!("{}; {no_right}", error.0));
    if !there {
        client.batch_execute("CREATE SCHEMA tickpath").await.map_err(|e| refused(migration_trouble(&e)))?;
    }
    runner().set_target(target).run_async(client).await.map_err(|error| {
        let said = error.source().and_then(|e| e.downcast_ref::<tokio_postgres::Error>());
        match said {
            Some(said) if said.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => refused(migration_trouble(said)),
            Some(said) => {
                let Trouble(why) = migration_trouble(said);
                Trouble(format!("{why}; the schema is as it was before that step"))
            }
            None => Trouble(format!(
                "PostgreSQL: {error}; `migrations/` of this program and what the database was migrated with differ: use the program that migrated it"
            )),
        }
    })?;
    let mut standing = look(client).await?;
    if standing.version >= 4 {
        let rows = client.query("SELECT tickpath.grant_roles()", &[]).await?;
        standing.not_granted = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    }
    Ok(standing)
}

/// A step's own error, without the advice for a bridge at work.
fn migration_trouble(error: &tokio_postgres::Error) -> Trouble {
    Trouble(match error.as_db_error() {
        Some(said) => format!("PostgreSQL: cannot migrate: {}", said.message()),
        None => format!("PostgreSQL: cannot migrate: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_numbered_without_a_gap() {
        let runner = runner();
        let mut versions: Vec<i32> = runner.get_migrations().iter().map(refinery::Migration::version).collect();
        versions.sort_unstable();
        assert_eq!(versions, (1..=wanted()).collect::<Vec<_>>());
        assert!(wanted() >= 4);
    }
}
