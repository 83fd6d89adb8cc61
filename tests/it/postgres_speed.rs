//! How fast the record in PostgreSQL is written, beside what the server can do at most (psql's `\copy` of ready files of the same
//! rows, into tables with the same columns, keys, indexes and partitions) and what a simple client does. Run by `perf/postgres`.

use crate::mirrored::in_postgres;
use crate::postgres_server::{PASSWORD, PostgresServer};
use crate::support::{arg, tickpath};
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tickpath::bridge::config::PostgresConfig;
use tickpath::bridge::postgres::tables::TABLES;

/// Rows that are inserted one by one.
const ONE_BY_ONE: u64 = 4_000;

/// The bridge over the whole journal, as a host without events would run it; seconds.
fn bridge(journal: &Path, server: &PostgresServer, host: String) -> f64 {
    let (standing, took) = in_postgres(server, journal, &host, PostgresConfig::default());
    assert!(standing.events > 200_000, "{standing:?}");
    took.as_secs_f64()
}

/// `\copy` of each table by one psql, of the database as it is; seconds.
fn copy(server: &PostgresServer, command: impl Fn(&str) -> String) -> f64 {
    let begun = Instant::now();
    let mut psql = Command::new("psql");
    psql.arg(server.url("admin", PASSWORD, "postgres")).args(["-q", "-v", "ON_ERROR_STOP=1"]);
    for table in &TABLES {
        psql.arg("-c").arg(command(table.name));
    }
    let output = psql.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    begun.elapsed().as_secs_f64()
}

/// Prepared INSERTs, one a transaction, as a simple client writes; rows a second.
fn inserts(server: &PostgresServer) -> f64 {
    server.with(&server.admin(), async |client| {
        let insert = "INSERT INTO rival_events (host, epoch, sequence, at, type, source, instrument, trace, data) SELECT 'i', epoch, sequence, at, type, source, instrument, trace, data FROM rows WHERE sequence = $1";
        client.batch_execute("CREATE TEMP TABLE rows AS SELECT * FROM tickpath.events LIMIT 1; UPDATE rows SET sequence = 1").await.unwrap();
        let insert = client.prepare(&insert.replace("SELECT 'i', epoch, sequence,", "SELECT 'i', epoch, $2,").replace("WHERE sequence = $1", "WHERE $1::bigint = 1")).await.unwrap();
        let begun = Instant::now();
        for sequence in 0..ONE_BY_ONE {
            client.execute(&insert, &[&1i64, &(sequence as i64)]).await.unwrap();
        }
        ONE_BY_ONE as f64 / begun.elapsed().as_secs_f64()
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
#[ignore = "a measurement: perf/postgres"]
fn rows_a_second_beside_copy_and_inserts() {
    // As it is set up for use: synced.
    let Some(server) = PostgresServer::start(&["fsync=on", "shared_buffers=256MB", "max_wal_size=4GB"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (journal, files) = (dir.path().join("j"), dir.path().join("rows"));
    let run = tickpath()
        .args(["run", "--plain", "--json", "--speed", "1000x", "--events", "200000", "--journal", arg(&journal)])
        .output()
        .unwrap();
    assert!(run.status.success());
    let rounds = std::env::var("TICKPATH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    // The schema, the days' partitions and the files are made before anything is timed.
    bridge(&journal, &server, "first".to_owned());
    let count = |table: &str| server.number(&format!("SELECT count(*) FROM tickpath.{table} WHERE host = 'first'"));
    let rows: u64 = TABLES.iter().map(|table| count(table.name)).sum();
    let file = |table: &str| files.with_extension(table);
    copy(&server, |table| {
        format!(
            "\\copy (SELECT * FROM tickpath.{table} WHERE host = 'first' ORDER BY epoch, sequence) TO '{}' (FORMAT binary)",
            file(table).display()
        )
    });
    let (mut bridges, mut copies, mut singles) = (Vec::new(), Vec::new(), Vec::new());
    let (mut by_copy, mut by_single) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        for table in &TABLES {
            let name = table.name;
            server.ask(&format!("DROP TABLE IF EXISTS rival_{name}; CREATE TABLE rival_{name} (LIKE tickpath.{name} INCLUDING ALL) PARTITION BY RANGE (at); CREATE TABLE rival_{name}_all PARTITION OF rival_{name} FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"));
        }
        // What one of them left to be written must not be the next one's burden.
        let even = || server.ask("CHECKPOINT");
        even();
        let bridge = rows as f64 / bridge(&journal, &server, format!("h{round}"));
        even();
        let copied = rows as f64
            / copy(&server, |table| format!("\\copy rival_{table} FROM '{}' (FORMAT binary)", file(table).display()));
        even();
        let single = inserts(&server);
        println!("round {round}: bridge {bridge:.0}, copy {copied:.0}, inserts {single:.0}");
        for (all, value) in [
            (&mut bridges, bridge),
            (&mut copies, copied),
            (&mut singles, single),
            (&mut by_copy, bridge / copied),
            (&mut by_single, bridge / single),
        ] {
            all.push(value);
        }
    }
    let whole: Vec<u64> =
        TABLES.iter().map(|table| server.number(&format!("SELECT count(*) FROM rival_{}", table.name))).collect();
    println!("{rows} rows of {} tables: {whole:?} (events with those that were inserted)", TABLES.len());
    let (bridge, copied, single) = (median(bridges), median(copies), median(singles));
    println!(
        "| what | rows/s (medians of {rounds} rounds in turns) | bridge ÷ it (median of the rounds' ratios) |\n|---|---|---|"
    );
    println!("| the bridge (all typed tables, cursor, from the journal) | {bridge:.0} | 1 |");
    println!("| `\\copy` binary of ready files of the same rows | {copied:.0} | {:.2} |", median(by_copy));
    println!("| prepared INSERTs of events, one a transaction | {single:.0} | {:.1} |", median(by_single));
    assert!(bridge > single, "a bridge that is slower than one by one is broken");
}
