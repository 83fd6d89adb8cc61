//! Edge: whether the tables are as this program writes and reads them: each column there, and of a type that it can be.
//!
//! A database may have had the agents' tables before, made by others: those need the columns that are used, of types that come to
//! the same. The host's own tables must be exactly what `migrations/` made: a `numeric(10, 2)` would round in silence.

use super::tables;
use super::trouble::Trouble;
use tokio_postgres::Client;

/// Types that a column may have, with `|` between them.
const TEXT: &str = "text|varchar";
const WHOLE: &str = "smallint|integer|bigint";
const NAME: &str = "smallint|integer|bigint|uuid";
const TIME: &str = "timestamptz|timestamp";

/// Columns of the agents' tables.
const NEEDED: &[(&str, &[(&str, &str)])] = &[
    ("public.agent_events", &[("agent_name", TEXT), ("event_type", TEXT), ("payload", "jsonb")]),
    ("public.agent_heartbeats", &[("agent_name", TEXT), ("status", TEXT), ("metadata", "jsonb")]),
    ("public.ops_missions", &[("id", NAME)]),
    (
        "public.ops_mission_steps",
        &[
            ("id", NAME),
            ("mission_id", NAME),
            ("step", WHOLE),
            ("kind", TEXT),
            ("status", TEXT),
            ("claimed_by", TEXT),
            ("claimed_at", TIME),
            ("result", "jsonb"),
            ("updated_at", TIME),
        ],
    ),
    ("public.ops_policy", &[("key", TEXT), ("value", "jsonb")]),
    ("public.ops_agent_events", &[("agent_id", TEXT), ("event_type", TEXT), ("payload", "jsonb")]),
    ("public.ops_outcomes", &[("task_id", "uuid"), ("agent_id", TEXT), ("outcome", TEXT), ("details", "jsonb")]),
    ("public.ops_reaction_rules", &[("event_type", TEXT), ("action", TEXT)]),
    (
        "public.task_queue",
        &[
            ("task_id", "uuid"),
            ("sender", TEXT),
            ("receiver", TEXT),
            ("action", TEXT),
            ("payload", "jsonb"),
            ("priority", TEXT),
            ("status", TEXT),
            ("created_at", "bigint"),
            ("result", "jsonb"),
            ("error", TEXT),
            ("attempts", WHOLE),
            ("updated_at", TIME),
        ],
    ),
];

/// What is there of the columns $2 of the tables $1, where it is not what it must be: one of the types $3, and in our own tables
/// of no bounded size. A domain counts as what it is made of.
const QUERY: &str = "
    SELECT n.table_name, n.column_name, n.accepted, pg_catalog.to_regclass(n.table_name) IS NULL, a.found
    FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[]))
            AS n(table_name, column_name, accepted)
        LEFT JOIN LATERAL (
            SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) AS found, a.atttypmod AS size,
                   CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END AS base
            FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = pg_catalog.to_regclass(n.table_name) AND a.attname = n.column_name
              AND a.attnum > 0 AND NOT a.attisdropped
        ) a ON true
    WHERE a.found IS NULL
       OR NOT EXISTS (
            SELECT FROM pg_catalog.unnest(pg_catalog.string_to_array(n.accepted, '|')) AS accepted(name)
            WHERE pg_catalog.to_regtype(accepted.name) = a.base
       )
       OR a.size <> -1 AND n.table_name LIKE 'tickpath.%'";

/// What is wrong.
#[derive(Debug, Default)]
pub struct Found {
    /// Tables and columns (`table.column`) that are not there.
    pub missing: Vec<String>,
    /// Columns of another type: which, what was found, what was expected, the way there.
    pub altered: Vec<String>,
}

/// Looks all tables over; while they are not `all` made, only those that are there.
///
/// # Errors
/// [`Trouble`].
pub async fn look(client: &Client, all: bool) -> Result<Found, Trouble> {
    let (mut names, mut columns, mut types) = (Vec::new(), Vec::new(), Vec::new());
    let agents = NEEDED
        .iter()
        .flat_map(|(table, columns)| columns.iter().map(|(column, kind)| ((*table).to_owned(), *column, *kind)));
    for (table, column, kind) in agents.chain(tables::needed()) {
        names.push(table);
        columns.push(column);
        types.push(kind);
    }
    let mut found = Found::default();
    for row in client.query(QUERY, &[&names, &columns, &types]).await? {
        let (table, column, accepted): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let (no_table, is): (bool, Option<String>) = (row.try_get(3)?, row.try_get(4)?);
        if let Some(is) = is {
            let expected = accepted.replace('|', " or ");
            let way = accepted.split('|').next().unwrap_or_default();
            found.altered.push(format!(
                "{table}.{column} is {is}, expected {expected} (ALTER TABLE {table} ALTER COLUMN \"{column}\" TYPE {way} USING \"{column}\"::{way})"
            ));
            continue;
        }
        let what = if no_table { table } else { format!("{table}.{column}") };
        if (all || !no_table) && !found.missing.contains(&what) {
            found.missing.push(what);
        }
    }
    Ok(found)
}
