//! Edge: what the bridge's user may do: all that it needs, and, for LIVE, nothing that could change what is recorded.

use super::address::Address;
use super::session::{Session, within};
use super::trouble::Trouble;
use tokio_postgres::Client;

/// Rights that are needed and are not there.
const NEEDED: &str = "
    SELECT 'INSERT, SELECT ON tickpath.' || t FROM pg_catalog.unnest(tickpath.audit_tables()) AS t
        WHERE NOT has_table_privilege('tickpath.' || t, 'INSERT') OR NOT has_table_privilege('tickpath.' || t, 'SELECT')
    UNION ALL SELECT 'INSERT, SELECT, UPDATE ON tickpath.cursors'
        WHERE NOT has_table_privilege('tickpath.cursors', 'INSERT') OR NOT has_table_privilege('tickpath.cursors', 'SELECT')
           OR NOT has_table_privilege('tickpath.cursors', 'UPDATE')
    UNION ALL SELECT 'EXECUTE ON FUNCTION tickpath.make_partitions'
        WHERE NOT has_function_privilege('tickpath.make_partitions(date, date)', 'EXECUTE')
    UNION ALL SELECT 'TEMPORARY ON DATABASE ' || current_database()
        WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')";

/// How its user, or a role that it can take on, could change or delete what is recorded: by its rights, as an owner (who can take
/// the triggers off), or by giving itself the rights.
const COULD: &str = "
    WITH mine AS (
        SELECT r.oid, r.rolsuper, r.rolcreaterole FROM pg_catalog.pg_roles r WHERE pg_has_role(r.oid, 'MEMBER')
    ), parents AS (
        SELECT ('tickpath.' || t)::regclass::oid AS oid FROM pg_catalog.unnest(tickpath.audit_tables()) AS t
    ), audit AS (
        SELECT c.oid, c.relowner, c.relname FROM pg_catalog.pg_class c
        WHERE c.oid IN (SELECT oid FROM parents)
           OR c.oid IN (SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent IN (SELECT oid FROM parents))
    )
    SELECT 'is a superuser' FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper
    UNION ALL (
        SELECT how FROM (
            SELECT 1 AS n, 'can take on the role of a superuser' AS how WHERE EXISTS (SELECT FROM mine WHERE rolsuper)
            UNION ALL SELECT 2, 'may make roles (CREATEROLE)' WHERE EXISTS (SELECT FROM mine WHERE rolcreaterole)
            UNION ALL SELECT 3, 'owns the database' FROM pg_catalog.pg_database
                WHERE datname = current_database() AND datdba IN (SELECT oid FROM mine)
            UNION ALL SELECT 4, 'owns the schema tickpath' FROM pg_catalog.pg_namespace
                WHERE nspname = 'tickpath' AND nspowner IN (SELECT oid FROM mine)
            UNION ALL SELECT 5, 'owns tickpath.' || relname FROM audit WHERE relowner IN (SELECT oid FROM mine)
            UNION ALL SELECT 6, 'may ' || needed || ' tickpath.' || relname
                FROM audit, mine, (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS v(needed)
                WHERE has_table_privilege(mine.oid, audit.oid, needed)
            UNION ALL SELECT 7, 'may lower the floor of what is kept (tickpath.retention)'
                WHERE EXISTS (SELECT FROM mine WHERE has_table_privilege(mine.oid, 'tickpath.retention', 'UPDATE'))
        ) ways
        WHERE NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
        ORDER BY n, how LIMIT 3
    )";

/// How the bridge's user could change what is recorded, in words; `None` if it could not.
///
/// # Errors
/// [`Trouble`].
pub async fn could_change(client: &Client) -> Result<Option<String>, Trouble> {
    let rows = within("asking for its rights", async { Ok(client.query(COULD, &[]).await?) }).await?;
    let ways: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    if ways.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!(
        "its user could change or delete what is recorded: it {}; give a login in DATABASE_URL that is a member of tickpath_writer and of nothing else (CREATE ROLE desk LOGIN PASSWORD '…' IN ROLE tickpath_writer), and migrate with another",
        ways.join(", ")
    )))
}

/// Whether the server is there, takes writes, has the schema, and lets this user add to the record, but not change it: as LIVE
/// needs it. It migrates nothing: who may do that could change what is recorded, too.
///
/// # Errors
/// Why not.
pub async fn fit_for_live(address: &Address) -> Result<(), Trouble> {
    let session = Session::open(address, false).await?;
    // Preparing a statement asks for no right.
    let rows = within("asking for its rights", async { Ok(session.client().query(NEEDED, &[]).await?) }).await?;
    let missing: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    if !missing.is_empty() {
        return Err(Trouble(format!(
            "PostgreSQL: its user lacks {}: GRANT tickpath_writer TO that user",
            missing.join("; ")
        )));
    }
    match could_change(session.client()).await? {
        Some(how) => Err(Trouble(format!("PostgreSQL: {how}"))),
        None => Ok(()),
    }
}
