//! What is recorded in PostgreSQL is exact also where rows are written again: beyond a cursor that was put back or taken away, and
//! where the journal lacks what it had dropped. In the end all tables are as if nothing had happened.

use crate::bridge_postgres::{end, is_whole, settle, settle_as, start, start_with};
use crate::mirrored::in_postgres;
use crate::postgres_server::PostgresServer;
use crate::support::{arg, tickpath};
use std::path::Path;
use tickpath::bridge::config::PostgresConfig;
use tickpath::bridge::postgres::tables::TABLES;
use tickpath::bridge::status::Standing;

/// A host that writes the same journal without a fault.
const PLAIN: &str = "unfaulted";

/// Rows of a host's tables up to `last`, one line each without the host's name.
fn lines(server: &PostgresServer, table: &str, host: &str, last: u64) -> Vec<String> {
    let query = format!(
        "SELECT replace(t::text, t.host, 'H') AS line FROM tickpath.{table} t WHERE host = '{host}' AND sequence <= {last} ORDER BY 1"
    );
    server.ask(&query).into_iter().map(|row| row[0].clone()).collect()
}

/// All tables of `tickpath-1` up to `last`, samples of the features among them, are as a bridge writes them in one go.
#[track_caller]
pub fn as_without_faults(server: &PostgresServer, journal: &Path, last: u64) {
    settle_as(PLAIN, server, journal);
    let mut counts = Vec::new();
    for table in &TABLES {
        let (found, expected) = (lines(server, table.name, "tickpath-1", last), lines(server, table.name, PLAIN, last));
        let differ = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        assert_eq!((found.len(), differ), (expected.len(), None), "{}", table.name);
        counts.push((table.name, found.len()));
    }
    assert!(counts.iter().any(|(table, count)| *table == "features" && *count > 10), "{counts:?}");
    println!("as without faults: {counts:?}");
}

#[test]
fn rows_beyond_a_cursor_that_was_put_back_stay_and_nothing_is_missing() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let small = [("TICKPATH__POSTGRES__BATCH", "1000")];
    end(start_with(&journal, &server.admin(), "200x", 20_000, &small));
    let last = settle(&server, &journal);
    is_whole(&server, last);
    assert!(!server.log().contains("duplicate key"), "straight, and nothing was there");
    // A part of what lies behind is gone, too: somebody restored some tables and not others.
    for table in ["events", "features", "order_events"] {
        server.ask(&format!("ALTER TABLE tickpath.{table} DISABLE TRIGGER keep_rows; DELETE FROM tickpath.{table} WHERE sequence BETWEEN 7000 AND 9000 OR sequence > 15000; ALTER TABLE tickpath.{table} ENABLE ALWAYS TRIGGER keep_rows"));
    }
    server.ask("UPDATE tickpath.cursors SET epoch = 1, sequence = 5000");
    let last = settle(&server, &journal);
    is_whole(&server, last);
    assert!(server.log().contains("duplicate key"), "the straight way was tried, and found rows");
    as_without_faults(&server, &journal, last);
}

#[test]
fn a_cursor_that_was_deleted_lets_no_other_journal_in() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (journal, other) = (dir.path().join("j"), dir.path().join("other"));
    end(start(&journal, &server.admin(), "200x", 5_000));
    settle(&server, &journal);
    let rows = server.number("SELECT count(*) FROM tickpath.events");
    server.ask("DELETE FROM tickpath.cursors");
    // One with fewer starts than the rows know, and then one with more.
    for turn in 0..4 {
        let (_, errors) = end(start(&other, &server.admin(), "200x", 300));
        assert!(errors.contains("is another one in the rows than in the journal"), "{turn}: {errors}");
        assert!(errors.contains("[host] name"), "{turn}: {errors}");
        let now = server.number("SELECT count(*) FROM tickpath.events")
            + server.number("SELECT count(*) FROM tickpath.cursors");
        assert_eq!(now, rows, "{turn}: nothing is added, and no cursor is begun");
    }
    // Its own journal goes on, and what is there stays.
    let last = settle(&server, &journal);
    is_whole(&server, last);
    assert!(!server.log().contains("duplicate key"), "it knew that rows are there");
    as_without_faults(&server, &journal, last);
}

/// A run without a store, whose journal keeps but a little of the market data.
fn forgetful(journal: &Path, events: u64, url: Option<&str>) {
    let mut command = tickpath();
    command
        .args([
            "run",
            "--plain",
            "--json",
            "--speed",
            "500x",
            "--events",
            &events.to_string(),
            "--journal",
            arg(journal),
        ])
        .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
        .env("TICKPATH__JOURNAL__SEGMENT_BYTES_MARKET", "131072")
        .env("TICKPATH__JOURNAL__RETENTION_BYTES_MARKET", "1048576");
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A bridge over a journal that nobody writes; how it stands when it has all.
fn over(journal: &Path, server: &PostgresServer, host: &str, batch: u32) -> Standing {
    in_postgres(server, journal, host, PostgresConfig { batch, ..PostgresConfig::default() }).0
}

#[test]
fn what_the_journal_dropped_before_the_store_was_connected_is_no_loss_and_afterwards_it_is() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (early, late) = (dir.path().join("early"), dir.path().join("late"));
    // Connected for the first time when the head is gone; in small steps, and a second time in the middle.
    forgetful(&late, 40_000, None);
    let dropped = tickpath::journal::read_dropped(&late).unwrap().iter().map(|d| d.last).max().unwrap();
    assert!(dropped > 5_000, "{dropped}");
    let first = over(&late, &server, "late", 200);
    assert!(first.events > 1_000 && first.lost == 0, "{first:?}");
    let gaps = server.number("SELECT max(sequence) - count(*) FROM tickpath.events WHERE host = 'late'");
    assert!(gaps > 1_000, "{gaps}: it did lack some");
    server.ask(&format!("UPDATE tickpath.cursors SET sequence = {} WHERE host = 'late'", dropped / 2));
    let again = over(&late, &server, "late", 200);
    assert!(again.events > 500 && again.lost == 0, "{again:?}");
    // Connected from the beginning, and then away until the journal had dropped what it lacked.
    forgetful(&early, 100, Some(&server.admin()));
    let had = over(&early, &server, "tickpath-1", 8_000).sequence.unwrap();
    forgetful(&early, 40_000, None);
    let dropped = tickpath::journal::read_dropped(&early).unwrap().iter().map(|d| d.last).max().unwrap();
    assert!(dropped > had, "{dropped} {had}");
    let standing = over(&early, &server, "tickpath-1", 200);
    let missing = server.number("SELECT max(sequence) - count(*) FROM tickpath.events WHERE host = 'tickpath-1'");
    assert!(missing > 1_000, "{missing}");
    assert_eq!(standing.lost, missing, "each one is counted");
    println!("dropped before: {gaps} missing, 0 lost; dropped since: {missing} missing, {} lost", standing.lost);
}
