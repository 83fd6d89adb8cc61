//! The record in a real PostgreSQL: every sequence once, typed rows as the journal has them, whatever happens to the server, the
//! connection or the host.

use crate::postgres_server::{CANARY, PostgresServer};
use crate::support::{arg, tickpath};
use serde_json::Value;
use std::path::Path;
use std::process::Child;

/// A run of the main job that mirrors into `url`, with more in its environment.
pub fn start_with(journal: &Path, url: &str, speed: &str, events: u64, environment: &[(&str, &str)]) -> Child {
    tickpath()
        .args(["run", "--plain", "--json", "--speed", speed, "--events", &events.to_string()])
        .args(["--journal", arg(journal)])
        .env("DATABASE_URL", url)
        .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
        .envs(environment.iter().copied())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

/// The same as the host `tickpath-1`.
pub fn start(journal: &Path, url: &str, speed: &str, events: u64) -> Child {
    start_with(journal, url, speed, events, &[])
}

/// What it said at its end.
pub fn end(child: Child) -> (Value, String) {
    let output = child.wait_with_output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{errors}");
    assert!(!out.contains(CANARY) && !errors.contains(CANARY), "a password was told: {out}\n{errors}");
    (serde_json::from_str(out.lines().last().unwrap()).unwrap(), errors.into_owned())
}

/// Asks the host to end in order.
pub fn stop(child: &Child) {
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

/// The events of a host are 1..=last, once each.
#[track_caller]
pub fn is_whole_as(name: &str, server: &PostgresServer, last: u64) {
    let query = format!(
        "SELECT count(*), count(DISTINCT sequence), min(sequence), max(sequence) FROM tickpath.events WHERE host = '{name}'"
    );
    let found: Vec<u64> = server.ask(&query)[0].iter().map(|n| n.parse().unwrap_or(0)).collect();
    assert_eq!(found, [last, last, 1, last], "{name}: rows, sequences, first, last");
}

#[track_caller]
pub fn is_whole(server: &PostgresServer, last: u64) {
    is_whole_as("tickpath-1", server, last);
}

/// What a bridge had no time for when its host ended is written at the next start: short runs, until the table has all; the last
/// sequence.
pub fn settle_as(name: &str, server: &PostgresServer, journal: &Path) -> u64 {
    let mut stood = Vec::new();
    let longest = if std::env::var_os("TICKPATH_LONG").is_some() { 16 } else { 2 };
    for turn in 0..20 {
        // A slow market, so that a bridge far behind comes nearer, some 600 events a second. In the long form it is millions
        // behind, and has to make its samplers what they were before it writes again: then longer each time.
        let child =
            start_with(journal, &server.admin(), "1x", 50 + 500 * turn.min(longest), &[("TICKPATH__HOST__NAME", name)]);
        let (summary, errors) = end(child);
        let last = summary["last_sequence"].as_u64().unwrap();
        let query = format!("SELECT coalesce(max(sequence), 0) FROM tickpath.cursors WHERE host = '{name}'");
        let has = server.number(&query);
        if has == last {
            return last;
        }
        stood.push((has, last, errors));
    }
    panic!("it never has all: {stood:?}");
}

/// The same for `tickpath-1`.
pub fn settle(server: &PostgresServer, journal: &Path) -> u64 {
    settle_as("tickpath-1", server, journal)
}

/// Lines that `tickpath export` gives, without the first.
fn exported(journal: &Path, what: &str) -> Vec<String> {
    let output = tickpath().args(["export", "--what", what, "--journal", arg(journal)]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().skip(1).map(ToOwned::to_owned).collect()
}

/// Each typed table has as many rows as the journal gives.
#[track_caller]
pub fn typed_rows_are_the_journals(server: &PostgresServer, journal: &Path) {
    let count = |table: &str, condition: &str| {
        server.number(&format!("SELECT count(*) FROM tickpath.{table} WHERE {condition}")) as usize
    };
    let (orders, fills) = (exported(journal, "orders"), exported(journal, "fills"));
    let submits = orders.iter().filter(|line| line.contains(",submit,")).count();
    let refusals = exported(journal, "risk").iter().filter(|line| line.contains(",refused,")).count();
    let all = [
        ("order_events", count("order_events", "true"), orders.len()),
        ("orders", count("orders", "true"), submits),
        ("fills", count("fills", "true"), fills.len()),
        ("signals", count("signals", "true"), exported(journal, "signals").len()),
        ("risk_refusals", count("risk_refusals", "true"), refusals),
        ("state_changes", count("state_changes", "true"), exported(journal, "control").len()),
        ("heartbeats", count("heartbeats", "true"), count("events", "type = 'host.timer'")),
    ];
    println!("{all:?}");
    for (table, rows, expected) in all {
        assert_eq!(rows, expected, "{table}");
    }
    assert!(fills.len() > 5 && submits > 5, "a run that says something");
}

#[test]
fn every_event_once_and_typed_over_restarts_of_the_host() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let mut last = 0;
    for _ in 0..3 {
        let (summary, errors) = end(start(&journal, &server.admin(), "200x", 20_000));
        let sequence = summary["last_sequence"].as_u64().unwrap();
        assert!(sequence > last + 20_000, "{summary}\n{errors}");
        last = settle(&server, &journal);
        is_whole(&server, last);
    }
    typed_rows_are_the_journals(&server, &journal);

    // An event's row says what `tickpath events` does.
    let output = tickpath().args(["events", "--journal", arg(&journal), "--type", "venue.report"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut compared = 0;
    for line in text.lines().take(50) {
        let event: Value = serde_json::from_str(line).unwrap();
        let row = server.ask(&format!(
            "SELECT type, source, trace, instrument, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') || '+00:00', data FROM tickpath.events WHERE epoch = {} AND sequence = {}",
            event["epoch"], event["sequence"]
        ));
        let of = |name: &str| event[name].as_str().unwrap().to_owned();
        let expected = [of("type"), of("source"), of("traceId"), of("instrument"), of("timestamp")];
        assert_eq!(row[0][..5], expected, "{line}");
        assert_eq!(serde_json::from_str::<Value>(&row[0][5]).unwrap(), event["data"], "{line}");
        compared += 1;
    }
    assert_eq!(compared, 50);
    // Money and quantities are exact: each fill is what its event says.
    let differ = server.number(
        "SELECT count(*) FROM tickpath.fills f JOIN tickpath.events e USING (host, epoch, sequence, at) \
         WHERE f.px <> (e.data ->> 'last_px')::numeric OR f.qty <> (e.data ->> 'last_qty')::numeric \
            OR f.fee <> (e.data ->> 'fee')::numeric OR f.trace <> e.trace OR f.client_order_id <> e.data ->> 'client_order_id'",
    );
    assert_eq!(differ, 0);
    // An order's life is found by its id, and by what led to it.
    let lives = server.number(
        "SELECT count(*) FROM tickpath.orders o WHERE NOT EXISTS (SELECT 1 FROM tickpath.order_events e WHERE e.client_order_id = o.client_order_id AND e.event = 'submit' AND e.trace = o.trace)",
    );
    assert_eq!(lives, 0);
    println!("3 runs, {last} events: each once, typed");
}
