//! `tickpath events`: the journal, event by event, without any server.

use crate::support::{arg, run_json, tickpath};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

fn run(journal: &Path, events: &str) -> u64 {
    let summary = run_json(&["run", "--plain", "--speed", "max", "--events", events, "--journal", arg(journal)], 0);
    summary["last_sequence"].as_u64().unwrap()
}

fn lines(journal: &Path, more: &[&str]) -> Vec<Value> {
    let output = tickpath().args(["events", "--journal", arg(journal)]).args(more).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

fn sequences(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["sequence"].as_u64().unwrap()).collect()
}

#[test]
fn a_journal_is_shown_event_by_event_and_followed() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let last = run(&journal, "20000");
    let all = lines(&journal, &[]);
    assert_eq!(sequences(&all), (1..=last).collect::<Vec<_>>());
    for row in &all {
        let names: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = ["type", "timestamp", "source", "traceId", "sequence", "instrument", "data", "epoch"];
        assert_eq!(names, expected, "{row}");
        assert!(row["timestamp"].as_str().unwrap().ends_with("+00:00") && row["data"].is_object(), "{row}");
    }
    assert_eq!((&all[0]["type"], &all[0]["epoch"]), (&"host.epoch".into(), &1.into()));
    let reports: Vec<&Value> = all.iter().filter(|row| row["type"] == "venue.report").collect();
    let fill = reports.iter().find(|row| row["data"]["exec_type"] == "trade").expect("a fill");
    // Its trace leads to the order, which names it.
    let origin = fill["traceId"].as_str().unwrap().strip_prefix("tickpath-1-1-").unwrap().parse::<usize>().unwrap();
    let id = &fill["data"]["client_order_id"];
    assert_eq!(&all[origin - 1]["data"]["orders"][0]["client_order_id"], id, "{}", all[origin - 1]);

    // Parts of it, from the middle too: the instruments are known there.
    assert_eq!(lines(&journal, &["--type", "venue.report"]).len(), reports.len());
    let middle = lines(&journal, &["--from", &(last / 2).to_string(), "--events", "100"]);
    assert_eq!(middle, all[last as usize / 2 - 1..][..100]);
    assert_eq!(lines(&journal, &["--from", &(last + 1).to_string()]).len(), 0);

    // As they come, over a restart of the host.
    let mut follower = tickpath()
        .args(["events", "--follow", "--journal", arg(&journal), "--from", &(last + 1).to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let newer = run(&journal, "2000");
    let mut followed = Vec::new();
    for line in BufReader::new(follower.stdout.take().unwrap()).lines() {
        followed.push(serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        if followed.len() as u64 == newer - last {
            break;
        }
    }
    follower.kill().unwrap();
    follower.wait().unwrap();
    assert_eq!(sequences(&followed), (last + 1..=newer).collect::<Vec<_>>());
    assert!(followed.iter().all(|row| row["epoch"] == 2));
}
