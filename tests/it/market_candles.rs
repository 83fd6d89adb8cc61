//! Every candle of every Binance capture, through the whole program, against bars that are made here from the raw file:
//! its trades grouped by the interval of the venue's trade time, and nothing else.

use crate::support::{arg, captures, run, run_json};
use flate2::read::MultiGzDecoder;
use rust_decimal::Decimal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Open, high, low, close, volume, trades.
#[derive(Clone, Debug, PartialEq)]
struct Bar {
    prices: [Decimal; 4],
    volume: Decimal,
    trades: u64,
}

/// (symbol, interval) → open time in nanoseconds → bar.
type Bars = BTreeMap<(String, &'static str), BTreeMap<i64, Bar>>;

const INTERVALS: [(&str, i64); 4] =
    [("1s", 1_000_000_000), ("1m", 60_000_000_000), ("5m", 300_000_000_000), ("1h", 3_600_000_000_000)];

/// The messages of a capture: lines of `<local time> <message>` or `<local time>: <message>`.
fn messages(path: &Path) -> impl Iterator<Item = Value> {
    let file = std::fs::File::open(path).unwrap();
    let zipped = path.extension().is_some_and(|e| e == "gz");
    let bytes: Box<dyn Read> = if zipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    BufReader::new(bytes).lines().filter_map(|line| {
        let line = line.unwrap();
        let value: Value = serde_json::from_str(&line[line.find(" {")?..]).ok()?;
        Some(value.get("data").unwrap_or(&value).clone())
    })
}

/// All bars of the trades that count: on the market, each id once. An aggregate is one trade.
fn grouped(files: &[PathBuf]) -> Bars {
    let mut bars = Bars::new();
    let mut last_ids = BTreeMap::<String, u64>::new();
    for data in files.iter().flat_map(|f| messages(f)) {
        let (first, last) = match data["e"].as_str() {
            Some("trade") => (&data["t"], &data["t"]),
            Some("aggTrade") => (&data["f"], &data["l"]),
            _ => continue,
        };
        if data["X"].as_str().is_some_and(|kind| kind != "MARKET") {
            continue;
        }
        let symbol = data["s"].as_str().unwrap().to_owned();
        let last_id = last_ids.entry(symbol.clone()).or_default();
        if first.as_u64().unwrap() <= *last_id {
            continue;
        }
        *last_id = last.as_u64().unwrap();
        let number = |key: &str| data[key].as_str().unwrap().parse::<Decimal>().unwrap();
        let (px, qty, at) = (number("p"), number("q"), data["T"].as_i64().unwrap() * 1_000_000);
        for (name, interval) in INTERVALS {
            let of_interval = bars.entry((symbol.clone(), name)).or_default();
            let bar = of_interval.entry(at - at % interval).or_insert(Bar {
                prices: [px; 4],
                volume: Decimal::ZERO,
                trades: 0,
            });
            let [open, high, low, _] = bar.prices;
            bar.prices = [open, high.max(px), low.min(px), px];
            bar.volume += qty;
            bar.trades += 1;
        }
    }
    bars
}

/// The exported candles, by the same keys, in the order of the file.
fn exported(csv: &Path) -> BTreeMap<(String, &'static str), Vec<(i64, Bar)>> {
    let text = std::fs::read_to_string(csv).unwrap();
    let mut lines = text.lines();
    let header = "sequence,ts_recv,ts_event,instrument,interval,open_time,open,high,low,close,volume,trades";
    assert_eq!(lines.next().unwrap(), header);
    let mut rows = BTreeMap::<_, Vec<_>>::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |n: usize| cells[n].parse::<Decimal>().unwrap();
        let symbol = cells[3].split_once('.').unwrap().0.to_owned();
        let interval = INTERVALS.iter().find(|(name, _)| *name == cells[4]).unwrap().0;
        let bar = Bar { prices: [6, 7, 8, 9].map(number), volume: number(10), trades: cells[11].parse().unwrap() };
        rows.entry((symbol, interval)).or_default().push((cells[5].parse().unwrap(), bar));
    }
    rows
}

/// Replays, exports, compares. `bars_min`: bars with trades that there must be at least, so that the test has teeth.
fn check(files: &[PathBuf], bars_min: usize) {
    let root = tempfile::tempdir().unwrap();
    let (journal, csv) = (root.path().join("j"), root.path().join("candles.csv"));
    let mut args = vec!["replay"];
    args.extend(files.iter().map(|f| arg(f)));
    args.extend(["--observe", "--journal", arg(&journal)]);
    let summary = run_json(&args, 0);
    assert_eq!(summary["counts"]["trades_late"], 0, "{}", summary["anomalies"]);
    assert_eq!(summary["anomalies"]["clock_ahead"], 0);
    run_json(&["export", "--journal", arg(&journal), "--what", "candles", "--out", arg(&csv)], 0);

    let (expected, ours) = (grouped(files), exported(&csv));
    let (mut equal, mut empty) = (0, 0);
    for (key, expected) in &expected {
        let interval = INTERVALS.iter().find(|(name, _)| *name == key.1).unwrap().1;
        let ours = ours.get(key).map_or(&[][..], Vec::as_slice);
        let mut next = *expected.first_key_value().unwrap().0;
        let mut close = Decimal::ZERO;
        for (start, bar) in ours {
            assert_eq!(*start, next, "{key:?}: the bars follow each other");
            next += interval;
            if let Some(expected) = expected.get(start) {
                assert_eq!(bar, expected, "{key:?} {start}");
                close = bar.prices[3];
                equal += 1;
            } else {
                assert_eq!(*bar, Bar { prices: [close; 4], volume: Decimal::ZERO, trades: 0 }, "{key:?} {start}");
                empty += 1;
            }
        }
        // Open at the end: the bar of the last trade, the one before where the grace had not passed yet.
        let open = expected.range(next..).count();
        assert!(open <= 2, "{key:?}: {open} bars were not closed");
    }
    assert!(ours.keys().all(|key| expected.contains_key(key)));
    let name = files.last().unwrap().file_name().unwrap().to_str().unwrap();
    println!(
        "… {name}: {equal} bars with trades equal the raw file's, {empty} empty ones between them; late trades {} of {}",
        summary["counts"]["trades_late"], summary["counts"]["trades"]
    );
    assert!(equal >= bars_min, "{equal} bars");
}

#[test]
fn candles_equal_the_trades_of_the_raw_file() {
    let Some(dir) = captures("candles") else { return };
    for (files, bars_min) in [
        (&["usdm_btcusdt_20240808.gz"][..], 340),
        (&["usdm_ethusdt_20240808.gz"], 330),
        (&["spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"], 500),
        (&["spot_btcusdt_20240809.gz"], 300),
        (&["cm_btcusd_perp_20240808.gz", "cm_btcusd_perp_20240809.gz"], 400),
        (&["cm_btcusd_perp_20240809.gz"], 200),
    ] {
        let files: Vec<_> = files.iter().map(|f| dir.join("hftbacktest").join(f)).collect();
        check(&files, bars_min);
    }
    for (stem, bars_min) in [("BINANCE", 1), ("BINANCE_FUTURES", 20)] {
        let file = |end: &str| dir.join("cryptofeed").join(format!("{stem}{end}"));
        check(&[file(".0"), file(".http.0.0"), file(".ws.1.0")], bars_min);
    }
}

/// Fifty trades, one each 100 ms; the venue's time of one is a day ahead, that of another two seconds old.
#[test]
fn a_wrong_time_is_told_and_moves_no_other_trade() {
    let root = tempfile::tempdir().unwrap();
    let (path, journal) = (root.path().join("trades.raw"), root.path().join("j"));
    let line = |n: i64| {
        let at = 1_723_161_255_000 + n * 100;
        let told = at + [(20, 86_400_000), (40, -2_000)].iter().find(|(k, _)| *k == n).map_or(0, |(_, by)| *by);
        format!(
            r#"{}000000 {{"stream":"btcusdt@trade","data":{{"e":"trade","E":{told},"T":{told},"s":"BTCUSDT","t":{},"p":"100.5","q":"1","X":"MARKET","m":false}}}}"#,
            at + 5,
            n + 1
        )
    };
    let text: Vec<String> = (0..50).map(line).collect();
    std::fs::write(&path, text.join("\n")).unwrap();
    let summary = run_json(&["replay", arg(&path), "--journal", arg(&journal)], 0);
    assert_eq!((&summary["counts"]["trades"], &summary["counts"]["trades_late"]), (&50.into(), &1.into()));
    let anomalies = summary["anomalies"].as_object().unwrap();
    let seen: Vec<_> =
        anomalies.iter().filter(|(_, n)| **n != 0).map(|(name, n)| (name.as_str(), n.as_u64())).collect();
    assert_eq!(seen, [("time_back", Some(1)), ("negative_latency", Some(1)), ("clock_ahead", Some(1))]);
    assert_eq!(summary["counts"]["anomalies"], 2, "slots with any but negative latency");

    let csv = root.path().join("candles.csv");
    run_json(&["export", "--journal", arg(&journal), "--what", "candles", "--out", arg(&csv)], 0);
    let rows = exported(&csv);
    let trades: Vec<u64> = rows[&("BTCUSDT".to_owned(), "1s")].iter().map(|(_, bar)| bar.trades).collect();
    // The late one belongs to the third, which closed at 3.25 s; at 3.9 s the fourth is the oldest that is still open.
    assert_eq!(trades, [10, 10, 10, 11]);
    assert_eq!(run_json(&["parity", "--journal", arg(&journal)], 0)["divergences"], 0);

    let output = run(&["replay", arg(&path)]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("anomalies: 1 time_back, 1 clock_ahead"), "{text}");
    assert!(text.contains("trades      1 of 50 came when their own candle was closed"), "{text}");
}
