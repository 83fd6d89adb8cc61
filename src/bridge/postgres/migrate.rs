//! Edge: the schema: which version the database has, what is missing, and the way there. Forward only.
//!
//! The steps are the files in `migrations/`, built into the program. Each is one transaction together with the row that says it is
//! done; an advisory lock lets only one program at a time migrate, so hosts may start together. The last step grants the roles what
//! they need, so there are no tables without grants.

use super::check::{self, Found};
use super::trouble::Trouble;
use refinery::Runner;
pub use refinery::Target;
use serde::Serialize;
use std::error::Error as _;
use std::time::Duration;
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

/// How long a migration waits; then it is given up, and says for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For each lock that somebody else holds, another program's migration among them. Whole milliseconds, at least 1.
    pub lock: Duration,
    /// For one look at the schema.
    pub look: Duration,
    /// For all of it: a server that answers nothing any more.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { lock: Duration::from_mins(1), look: Duration::from_secs(30), whole: Duration::from_mins(15) }
    }
}

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
    /// Columns of another type: which, what was found, what was expected, and how to change it.
    pub altered: Vec<String>,
    /// What the user may not do: statements for somebody who may. Known after a migration only.
    pub not_granted: Vec<String>,
}

impl Standing {
    /// Whether nothing is to be done.
    pub fn is_current(&self) -> bool {
        self.version == self.wanted && self.missing.is_empty() && self.altered.is_empty()
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
    let Found { missing, altered } = check::look(client, version >= wanted).await?;
    let pending = pending.into_iter().map(ToString::to_string).collect();
    Ok(Standing { version, wanted, pending, missing, altered, not_granted: Vec::new() })
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
            "PostgreSQL: the schema lacks {}; somebody renamed or dropped it, had a table of that name before, or migrated with a build from before the first release (then make the database anew: the journal fills it): put it back as `migrations/` has it (`tickpath migrate --check` looks again)",
            standing.missing.join(", ")
        )));
    }
    if !standing.altered.is_empty() {
        return Some(Trouble(format!(
            "PostgreSQL: columns have types that this program cannot work with: {}; change them so, or give a table that is for something else another name (`tickpath migrate --check` looks again)",
            standing.altered.join("; ")
        )));
    }
    None
}

/// Makes sure that the schema is as this program needs it: migrates if it is older and `migrate` allows it.
///
/// # Errors
/// [`Trouble`]: older and not allowed, newer, altered, a step failed, or it waited for longer than [`Patience`] has.
pub async fn ensure(client: &mut Client, migrate: bool) -> Result<Standing, Trouble> {
    let patience = Patience::default();
    let standing = match tokio::time::timeout(patience.look, look(client)).await {
        Ok(standing) => standing?,
        Err(_) => return Err(Trouble::too_slow("looking at the schema")),
    };
    if let Some(trouble) = refusal(&standing) {
        return Err(trouble);
    }
    if standing.is_current() {
        return Ok(standing);
    }
    if !migrate {
        return Err(Trouble(format!(
            "PostgreSQL: the schema is of version {}, this program needs {}; run `tickpath migrate` as a user who may create tables, or set `[postgres] migrate = true` if this user may (LIVE never migrates)",
            standing.version, standing.wanted
        )));
    }
    migrate_with(client, Target::Latest, patience).await
}

/// Does the steps that are not done, up to `target`; grants the roles what they need. Waits while another program does so.
///
/// # Errors
/// [`Trouble`].
pub async fn migrate_to(client: &mut Client, target: Target) -> Result<Standing, Trouble> {
    migrate_with(client, target, Patience::default()).await
}

/// The same with another patience. If it fails, the connection must not be used again.
///
/// # Errors
/// [`Trouble`].
pub async fn migrate_with(client: &mut Client, target: Target, patience: Patience) -> Result<Standing, Trouble> {
    match tokio::time::timeout(patience.whole, locked(client, target, patience)).await {
        Ok(standing) => standing,
        Err(_) => Err(Trouble(format!(
            "PostgreSQL: the migration has not come to its end in {:?}, and is given up: the step under way is undone, those before it stand; see what it waits for in pg_stat_activity, or whether the server is frozen; then run `tickpath migrate`",
            patience.whole
        ))),
    }
}

async fn locked(client: &mut Client, target: Target, patience: Patience) -> Result<Standing, Trouble> {
    let (lock, whole) = (patience.lock.as_millis().max(1), patience.whole.as_millis().max(1));
    client.batch_execute(&format!("SET lock_timeout = {lock}; SET statement_timeout = {whole}")).await?;
    client.execute("SELECT pg_catalog.pg_advisory_lock($1)", &[&LOCK]).await.map_err(|error| {
        if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
            let wait = patience.lock;
            Trouble(format!(
                "PostgreSQL: another program has migrated for {wait:?}; see pg_stat_activity, then try again"
            ))
        } else {
            error.into()
        }
    })?;
    let migrated = under_lock(client, target, patience).await;
    // A connection that is gone has no lock any more either.
    let unlocked = client.execute("SELECT pg_catalog.pg_advisory_unlock($1)", &[&LOCK]).await;
    let standing = migrated?;
    unlocked?;
    Ok(standing)
}

async fn under_lock(client: &mut Client, target: Target, patience: Patience) -> Result<Standing, Trouble> {
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
            Some(said) if said.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                let (Trouble(why), wait) = (migration_trouble(said), patience.lock);
                Trouble(format!(
                    "{why}: somebody has held a lock on a table that the step needs for {wait:?}; see who in pg_locks and pg_stat_activity, end that, and run `tickpath migrate`; the schema is as it was before that step"
                ))
            }
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
