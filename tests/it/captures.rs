//! Real captures through the whole program.

use crate::support::{PLACEMENTS, arg, captures, run_json};
use flate2::read::MultiGzDecoder;
use rust_decimal::Decimal;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

/// What a capture says by update id.
#[derive(Default)]
struct Told {
    /// The venue's own best bid and ask: bid px, bid qty, ask px, ask qty.
    quotes: HashMap<u64, [Decimal; 4]>,
    /// The venue's time of the difference with this final update id, in nanoseconds.
    times: HashMap<u64, i64>,
}

fn read_told(path: &Path, told: &mut Told) {
    for line in BufReader::new(MultiGzDecoder::new(std::fs::File::open(path).unwrap())).lines() {
        let line = line.unwrap();
        let Some((_, json)) = line.split_once(' ') else { continue };
        if !json.contains("bookTicker") && !json.contains("depthUpdate") {
            continue;
        }
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        let data = &value["data"];
        if data["e"] == "depthUpdate" {
            let at = data["T"].as_i64().or(data["E"].as_i64()).unwrap();
            told.times.insert(data["u"].as_u64().unwrap(), at * 1_000_000);
            continue;
        }
        let number = |key: &str| data[key].as_str().unwrap().parse::<Decimal>().unwrap();
        told.quotes.insert(data["u"].as_u64().unwrap(), ["b", "B", "a", "A"].map(number));
    }
}

/// Compares an exported bbo with the venue's quotes and times; the number of common update ids. Each row must bear the time
/// of the difference whose update id it shows, the first one, made by a snapshot that came later, too.
fn compare(csv: &Path, told: &Told) -> (u64, u64) {
    let text = std::fs::read_to_string(csv).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next().unwrap(), "sequence,ts_recv,ts_event,instrument,update_id,bid_px,bid_qty,ask_px,ask_qty");
    let (mut common, mut rows) = (0, 0);
    for line in lines {
        rows += 1;
        let cells: Vec<&str> = line.split(',').collect();
        let ours: Vec<Decimal> = cells[5..9].iter().map(|c| c.parse().unwrap()).collect();
        assert!(ours[0] < ours[2], "crossed: {line}");
        let update_id: u64 = cells[4].parse().unwrap();
        assert_eq!(cells[2].parse().ok(), told.times.get(&update_id).copied(), "{line}");
        if let Some(venue) = told.quotes.get(&update_id) {
            assert_eq!(ours, venue, "{line}");
            common += 1;
        }
    }
    (common, rows)
}

fn check(dir: &Path, files: &[&str], common_min: u64) {
    let root = tempfile::tempdir().unwrap();
    let journal = root.path().join("j");
    let paths: Vec<_> = files.iter().map(|f| dir.join("hftbacktest").join(f)).collect();
    let mut args = vec!["replay"];
    args.extend(paths.iter().map(|p| arg(p)));
    args.extend(["--journal", arg(&journal)]);
    let summary = run_json(&args, 0);
    let counts = &summary["counts"];
    assert_eq!(counts["crossed"], 0, "{files:?} {counts}");
    assert_eq!(counts["gaps"], 0, "{files:?} {counts}");
    assert_eq!(counts["quote_mismatches"], 0, "{files:?} {counts}");
    assert_eq!(counts["decoded_by_fallback"], 0, "{files:?}: every real message is read by the fast path");
    assert_eq!(counts["signals_on_bad_market"], 0);
    let agreed = counts["statements_agreed"].as_u64().unwrap();
    assert!(agreed > 0 && counts["statements_differed"] == 0, "{files:?}: {counts} {}", summary["differences"]);
    assert_eq!(summary["problem_count"], 0);
    assert!(
        summary["feed_latency_ns"]["min"].as_i64().unwrap() < 0,
        "the captures' clock ran behind the venue's: kept as it is"
    );
    let out = root.path().join("bbo.csv");
    run_json(&["export", "--journal", arg(&journal), "--what", "bbo", "--format", "csv", "--out", arg(&out)], 0);
    let mut told = Told::default();
    for path in &paths {
        read_told(path, &mut told);
    }
    let (common, rows) = compare(&out, &told);
    println!("{files:?}: {agreed} statements of the venue agree with what execution and risk hold");
    println!("{files:?}: {rows} book updates, {common} of them at an update id of the venue's bookTicker, all equal");
    assert!(common >= common_min, "{files:?}: only {common} common update ids");
    assert_eq!(run_json(&["parity", "--journal", arg(&journal)], 0)["divergences"], 0);
}

#[test]
fn usdm_btcusdt_equals_the_venues_quotes() {
    if let Some(dir) = captures("usdm_btcusdt") {
        check(&dir, &["usdm_btcusdt_20240808.gz"], 100);
    }
}

#[test]
fn usdm_ethusdt_equals_the_venues_quotes() {
    if let Some(dir) = captures("usdm_ethusdt") {
        check(&dir, &["usdm_ethusdt_20240808.gz"], 100);
    }
}

#[test]
fn spot_over_midnight_equals_the_venues_quotes() {
    if let Some(dir) = captures("spot_btcusdt") {
        check(&dir, &["spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"], 100);
    }
}

#[test]
fn coinm_over_midnight_equals_the_venues_quotes() {
    if let Some(dir) = captures("cm_btcusd_perp") {
        check(&dir, &["cm_btcusd_perp_20240808.gz", "cm_btcusd_perp_20240809.gz"], 100);
    }
}

#[test]
fn a_capture_without_a_snapshot_gives_no_signal_and_says_why() {
    let Some(dir) = captures("no snapshot") else { return };
    for file in ["spot_btcusdt_20240809.gz", "cm_btcusd_perp_20240809.gz"] {
        let path = dir.join("hftbacktest").join(file);
        let summary = run_json(&["replay", arg(&path)], 0);
        assert_eq!(summary["signals"], 0, "{file}");
        assert_eq!(summary["orders"], 0, "{file}");
        assert_eq!(summary["instruments"][0]["book_valid"], false);
        assert_eq!(summary["instruments"][0]["invalid_reason"], "no_snapshot");
        let text = crate::support::run(&["replay", arg(&path)]);
        assert!(String::from_utf8_lossy(&text.stdout).contains("the data holds no snapshot to begin from"), "{file}");
    }
}

#[test]
fn two_instruments_in_five_placements_give_one_hash() {
    let Some(dir) = captures("placements") else { return };
    let files = ["usdm_btcusdt_20240808.gz", "usdm_ethusdt_20240808.gz"].map(|f| dir.join("hftbacktest").join(f));
    let mut hashes = Vec::new();
    for placement in PLACEMENTS {
        let root = tempfile::tempdir().unwrap();
        let journal = root.path().join("j");
        let summary = run_json(
            &["replay", arg(&files[0]), arg(&files[1]), "--placement", placement, "--journal", arg(&journal)],
            0,
        );
        assert_eq!(summary["events"], 93_954 + 74_655);
        assert!(summary["orders"].as_u64().unwrap() > 0, "{summary}");
        hashes.push(summary["output_hash"].as_str().unwrap().to_owned());
        assert_eq!(run_json(&["parity", "--journal", arg(&journal)], 0)["divergences"], 0);
    }
    println!("{hashes:?}");
    assert!(hashes.iter().all(|h| *h == hashes[0]), "{hashes:?}");
}

#[test]
fn snapshots_that_arrive_seconds_late_join_the_buffered_differences() {
    let Some(dir) = captures("cryptofeed") else { return };
    for (stem, symbols) in [("BINANCE", 4), ("BINANCE_FUTURES", 4)] {
        let files: Vec<_> = [".0", ".http.0.0", ".ws.1.0"]
            .iter()
            .map(|end| dir.join("cryptofeed").join(format!("{stem}{end}")))
            .collect();
        let summary = run_json(&["replay", arg(&files[0]), arg(&files[1]), arg(&files[2])], 0);
        let instruments = summary["instruments"].as_array().unwrap();
        assert_eq!(instruments.len(), symbols, "only those that turn up: {summary}");
        for instrument in instruments {
            assert_eq!(instrument["inferred"], false, "from exchangeInfo: {instrument}");
            assert_eq!(instrument["book_valid"], true, "{stem}: {instrument}");
        }
        assert_eq!(summary["counts"]["quote_mismatches"], 0);
        assert_eq!(summary["counts"]["crossed"], 0);
    }
}

#[test]
fn itch_pcaps_and_lobster_files_are_replayed() {
    let Some(dir) = captures("itch, lobster") else { return };
    let mut pcaps = 0;
    for folder in ["Nasdaq.Equities.TotalView.Itch.v5.0", "Nasdaq.Equities.TotalView.Itch.v5.0.20230822"] {
        for entry in std::fs::read_dir(dir.join("omi/Nasdaq").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "pcap") {
                let summary = run_json(&["replay", arg(&path)], 0);
                assert!(summary["events"].as_u64().unwrap() > 0, "{}", path.display());
                pcaps += 1;
            }
        }
    }
    assert_eq!(pcaps, 23);
    let lobster = dir.join("lobster/AMZN_2012-06-21_34200000_57600000_message_1.csv");
    let summary = run_json(&["replay", arg(&lobster)], 0);
    let rows = BufReader::new(std::fs::File::open(&lobster).unwrap()).lines().count() as u64 - 1;
    assert_eq!(summary["events"], rows);
}

#[test]
fn a_hot_thread_makes_no_system_call_per_message() {
    let Some(dir) = captures("strace") else { return };
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("SKIPPED strace count: strace is not installed");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let count = |events: &str| -> u64 {
        let log = root.path().join(format!("strace-{events}"));
        let status = Command::new("strace")
            .args(["-ff", "-qq", "-o", arg(&log), env!("CARGO_BIN_EXE_tickpath")])
            .args([
                "replay",
                arg(&dir.join("hftbacktest/usdm_btcusdt_20240808.gz")),
                "--events",
                events,
                "--placement",
                "fused",
                "--json",
            ])
            .env("TICKPATH__TOPOLOGY__WAIT", "\"spin\"")
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        // The hot thread's log is the one in which the thread names itself `sequencer`.
        let mut calls = None;
        for entry in std::fs::read_dir(root.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with(&format!("strace-{events}.")) {
                let text = std::fs::read_to_string(&path).unwrap();
                if text.contains("PR_SET_NAME, \"sequencer\"") {
                    calls = Some(text.lines().count() as u64);
                }
            }
        }
        calls.expect("the sequencer thread was traced")
    };
    let (few, many) = (count("20000"), count("80000"));
    println!("system calls of the hot thread: {few} for 20 000 messages, {many} for 80 000");
    assert!(many <= few + 40, "{few} system calls for 20 000 messages, {many} for 80 000");
}
