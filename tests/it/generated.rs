//! The main job on the generated market: determinism in every placement, parity, continuation, exports.

use crate::support::{PLACEMENTS, arg, run, run_json, tickpath};
use std::path::Path;

const START: &str = "1700000000000000000";

fn main_job(dir: &Path, placement: &str, events: &str) -> serde_json::Value {
    run_json(
        &[
            "run",
            "--journal",
            arg(dir),
            "--speed",
            "max",
            "--events",
            events,
            "--start",
            START,
            "--placement",
            placement,
        ],
        0,
    )
}

#[test]
fn the_same_outputs_in_every_placement_and_parity_finds_nothing() {
    let root = tempfile::tempdir().unwrap();
    let mut hashes = Vec::new();
    for (n, placement) in PLACEMENTS.iter().enumerate() {
        let dir = root.path().join(n.to_string());
        let summary = main_job(&dir, placement, "20000");
        assert_eq!(summary["events"], 20000);
        assert!(summary["orders"].as_u64().unwrap() > 10, "it trades: {summary}");
        assert!(summary["fills"].as_u64().unwrap() > 0, "it is filled: {summary}");
        assert_eq!(summary["counts"]["signals_on_bad_market"], 0);
        assert_eq!(summary["counts"]["gaps"], 0);
        assert_eq!(summary["counts"]["report_anomalies"], 0);
        assert_eq!(summary["not_approved"], 0);
        hashes.push(summary["output_hash"].as_str().unwrap().to_owned());
        let parity = run_json(&["parity", "--journal", arg(&dir)], 0);
        assert_eq!(parity["divergences"], 0);
        assert_eq!(parity["output_hash"], summary["output_hash"]);
        let verify = run_json(&["verify", "--journal", arg(&dir)], 0);
        assert_eq!(verify["ok"], true);
    }
    assert!(hashes.iter().all(|h| *h == hashes[0]), "{hashes:?}");
}

#[test]
fn a_restart_continues_and_parity_spans_it() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("j");
    let first = main_job(&dir, "fused", "15000");
    let second = run_json(
        &[
            "run",
            "--journal",
            arg(&dir),
            "--speed",
            "max",
            "--events",
            "15000",
            "--start",
            "1700000900000000000",
            "--placement",
            "market+feature,signal+risk,execution",
        ],
        0,
    );
    assert_eq!((first["epoch"].as_u64(), second["epoch"].as_u64()), (Some(1), Some(2)));
    assert!(second["last_sequence"].as_u64() > first["last_sequence"].as_u64());
    let parity = run_json(&["parity", "--journal", arg(&dir)], 0);
    assert_eq!(parity["divergences"], 0, "what a restart restores is what a process that never ended has: {parity}");
    assert_eq!(parity["epochs"], 2);
    assert_eq!(parity["last_sequence"], second["last_sequence"]);
    assert_eq!(run_json(&["verify", "--journal", arg(&dir)], 0)["ok"], true);
}

#[test]
fn a_changed_configuration_is_found_by_parity() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("j");
    main_job(&dir, "fused", "20000");
    let path = dir.join("config-1.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = text.replace("confidence_min = 0.25", "confidence_min = 0.99");
    assert_ne!(changed, text, "nothing to change was found");
    let other = root.path().join("other.toml");
    std::fs::write(&other, &changed).unwrap();
    let parity = run_json(&["parity", "--journal", arg(&dir), "--config", arg(&other)], 1);
    assert!(parity["divergences"].as_u64().unwrap() > 0);
    let first = &parity["first_divergence"];
    assert!(first["sequence"].as_u64().unwrap() > 0, "{parity}");
    assert_eq!(first["sections"][0], "risk", "the sizing was changed: {parity}");
    let fields = first["fields"].as_array().unwrap();
    assert!(!fields.is_empty() && fields.iter().all(|f| f["recorded"] != f["replayed"]), "{parity}");
    assert!(fields.iter().any(|f| f["field"] == "verdict" && f["recorded"] == "approved"), "{parity}");
    let name = first["instrument"].as_str().unwrap();
    assert!(name == "BTCUSDT.SIM" || name == "ETHUSDT.SIM", "{parity}");
    let by_section = parity["by_section"].as_object().unwrap();
    assert!(by_section.contains_key("risk") && !by_section.contains_key("market"), "{parity}");
    let output = run(&["parity", "--journal", arg(&dir), "--config", arg(&other)]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in
        ["inputs DIFFER; by section: ", "the first at sequence ", " of ", "verdict", "recorded approved, replayed "]
    {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    assert!(!text.contains("Section {"), "no structure as the compiler prints it: {text}");
    // The recorded configuration itself cannot be exchanged unnoticed.
    std::fs::write(&path, changed).unwrap();
    let error = run_json(&["parity", "--journal", arg(&dir)], 4);
    assert!(
        error["error"]["what"].as_str().unwrap().contains("not the configuration that the journal was written with")
    );
}

#[test]
fn a_restart_with_another_configuration_is_still_in_parity() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("j");
    main_job(&dir, "fused", "15000");
    let output = tickpath()
        .args(["run", "--journal", arg(&dir), "--speed", "max", "--events", "15000", "--json"])
        .args(["--start", "1700000900000000000"])
        .env("TICKPATH__RISK__ORDERS__SLIPPAGE_TICKS", "7")
        .env("TICKPATH__RISK__SIZING__NOTIONAL_PER_POSITION", "\"5000\"")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let parity = run_json(&["parity", "--journal", arg(&dir)], 0);
    assert_eq!((&parity["divergences"], &parity["epochs"]), (&0.into(), &2.into()));
    // A start that fails leaves no trace.
    let output = tickpath()
        .args(["run", "--journal", arg(&dir), "--speed", "max", "--events", "10"])
        .env("TICKPATH__HOST__NAME", "much-too-long-a-name")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(run_json(&["parity", "--journal", arg(&dir)], 0)["divergences"], 0);
}

#[test]
fn market_time_does_not_go_back_at_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("j");
    main_job(&dir, "fused", "15000");
    let second = main_job(&dir, "fused", "15000");
    assert!(second["orders"].as_u64().unwrap() > 5, "it trades at once: {second}");
    assert_eq!(run_json(&["parity", "--journal", arg(&dir)], 0)["divergences"], 0);
}

#[test]
fn a_reader_that_goes_away_does_not_end_the_run() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("j");
    let mut child = tickpath()
        .args(["run", "--journal", arg(&dir), "--plain", "--speed", "5x", "--seconds", "15"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(run_json(&["verify", "--journal", arg(&dir)], 0)["ok"], true);
}

#[test]
fn every_export_in_every_format() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("j");
    let summary = main_job(&dir, "fused", "20000");
    for what in ["bbo", "trades", "candles", "features", "signals", "risk", "orders", "fills", "control"] {
        let mut rows = Vec::new();
        for format in ["csv", "jsonl", "parquet"] {
            let out = root.path().join(format!("{what}.{format}"));
            let told = run_json(
                &["export", "--journal", arg(&dir), "--what", what, "--format", format, "--out", arg(&out)],
                0,
            );
            rows.push(told["rows"].as_u64().unwrap());
            assert!(std::fs::metadata(&out).unwrap().len() > 0);
            if format != "parquet" {
                let lines = std::fs::read_to_string(&out).unwrap().lines().count() as u64;
                assert_eq!(lines, rows[0] + u64::from(format == "csv"), "{what} {format}");
            }
        }
        assert!(rows[0] > 0, "{what} has rows");
        assert!(rows.iter().all(|r| *r == rows[0]), "{what}: {rows:?}");
        if what == "fills" {
            assert_eq!(rows[0], summary["fills"].as_u64().unwrap());
        }
    }
    let bbo = std::fs::read_to_string(root.path().join("bbo.csv")).unwrap();
    assert_eq!(
        bbo.lines().next().unwrap(),
        "sequence,ts_recv,ts_event,instrument,update_id,bid_px,bid_qty,ask_px,ask_qty"
    );
}

#[test]
fn positions_are_the_sum_of_the_fills() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("j");
    let summary = main_job(&dir, "fused", "30000");
    let csv = run(&["export", "--journal", arg(&dir), "--what", "fills", "--format", "csv"]);
    let text = String::from_utf8(csv.stdout).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|h| *h == name).unwrap();
    let mut sums = std::collections::BTreeMap::<String, rust_decimal::Decimal>::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let qty: rust_decimal::Decimal = cells[at("last_qty")].parse().unwrap();
        let signed = if cells[at("side")] == "buy" { qty } else { -qty };
        let sum = sums.entry(cells[at("instrument")].to_owned()).or_default();
        *sum += signed;
        assert_eq!(*sum, cells[at("position")].parse().unwrap(), "{line}");
    }
    for instrument in summary["instruments"].as_array().unwrap() {
        let position: rust_decimal::Decimal = instrument["position"].as_str().unwrap().parse().unwrap();
        let sum = sums.get(instrument["instrument"].as_str().unwrap()).copied().unwrap_or_default();
        assert_eq!(position, sum, "{instrument}");
    }
}

#[test]
fn ctrl_c_ends_it_cleanly() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("j");
    let mut child = tickpath()
        .args(["run", "--journal", arg(&dir), "--plain", "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let start = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed().as_secs() < 20, "it does not end");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    let summary: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(summary["events"].as_u64().unwrap() > 0);
    assert_eq!(run_json(&["verify", "--journal", arg(&dir)], 0)["ok"], true);
    assert_eq!(run_json(&["parity", "--journal", arg(&dir)], 0)["divergences"], 0);
}

#[test]
fn a_journal_that_lags_closes_the_gate_and_opens_it_again() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("j");
    // A ring of the least size, each batch synced to the disk, and market time far faster than the disk.
    let output = tickpath()
        .args(["run", "--journal", arg(&dir), "--speed", "100000x", "--events", "40000", "--start", START, "--json"])
        .env("TICKPATH__TOPOLOGY__RING_SLOTS", "64")
        .env("TICKPATH__JOURNAL__DURABILITY", "synced")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let summary: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    // The opening and the end account for two; the others come in pairs of closed and open.
    let changes = summary["counts"]["gate_changes"].as_u64().unwrap();
    assert!(changes >= 4, "it closed, and opened again: {changes}");
    assert_eq!(summary["journal_last_sequence"], summary["last_sequence"], "nothing was lost");
    let parity = run_json(&["parity", "--journal", arg(&dir)], 0);
    assert_eq!((&parity["divergences"], &parity["lost"]), (&0.into(), &0.into()));
    assert_eq!(run_json(&["verify", "--journal", arg(&dir)], 0)["ok"], true);
}
