//! Bad input: what, where, what to do; an exit code; and nothing lost that came before.

use crate::support::{arg, run_json, tickpath};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A capture made here: spot messages with a snapshot.
fn lines(messages: usize) -> String {
    let mut text = String::new();
    let base = 1_700_000_000_000_000_000u64;
    let mut push = |n: usize, json: String| writeln!(text, "{} {json}", base + n as u64 * 1_000_000).unwrap();
    push(0, r#"{"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,"s":"ABCUSDT","U":1,"u":2,"b":[["10.00","1.000"]],"a":[["10.02","1.000"]]}}"#.to_owned());
    push(1, r#"{"lastUpdateId":2,"bids":[["10.00","1.000"],["9.99","2.000"]],"asks":[["10.02","1.000"],["10.03","2.000"]]}"#.to_owned());
    for n in 2..messages {
        let id = n + 1;
        push(
            n,
            format!(
                r#"{{"stream":"abcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{},"s":"ABCUSDT","U":{id},"u":{id},"b":[["10.00","{}.000"]],"a":[]}}}}"#,
                1_700_000_000_000u64 + n as u64,
                n % 7 + 1
            ),
        );
    }
    text
}

fn gz(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn file(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Replays with a journal; gives the summary or the error, and the inputs that the journal then holds.
fn replay(dir: &Path, path: &Path, code: i32, expected: &[&str]) -> (serde_json::Value, u64) {
    let journal = dir.join(format!("j-{}", path.file_name().unwrap().to_str().unwrap()));
    let value = run_json(&["replay", arg(path), "--journal", arg(&journal)], code);
    let text = value.to_string();
    for part in expected {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    let held = if journal.join("audit").is_dir() {
        let parity = run_json(&["parity", "--journal", arg(&journal)], 0);
        assert_eq!(parity["divergences"], 0);
        parity["replayed"].as_u64().unwrap()
    } else {
        0
    };
    (value, held)
}

#[test]
fn a_whole_file_is_clean() {
    let dir = tempfile::tempdir().unwrap();
    let (summary, held) = replay(dir.path(), &file(dir.path(), "whole", lines(500).as_bytes()), 0, &[]);
    assert_eq!(summary["events"], 500);
    assert_eq!(summary["instruments"][0]["instrument"], "ABCUSDT.BINANCE");
    assert_eq!(summary["instruments"][0]["bid"], "10.00");
    assert!(held > 500);
    // The same, packed.
    let (packed, _) = replay(dir.path(), &file(dir.path(), "whole.gz", &gz(lines(500).as_bytes())), 0, &[]);
    assert_eq!(packed["output_hash"], summary["output_hash"]);
    let zst = zstd::encode_all(lines(500).as_bytes(), 1).unwrap();
    let (packed, _) = replay(dir.path(), &file(dir.path(), "whole.zst", &zst), 0, &[]);
    assert_eq!(packed["output_hash"], summary["output_hash"]);
}

#[test]
fn a_truncated_gzip_gives_what_is_there_and_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let packed = gz(lines(5000).as_bytes());
    let path = file(dir.path(), "cut.gz", &packed[..packed.len() / 2]);
    let (summary, held) = replay(dir.path(), &path, 1, &["cut.gz"]);
    let events = summary["events"].as_u64().unwrap();
    assert!(events > 500 && events < 5000, "{summary}");
    assert!(held > events, "all of it is in the journal");
}

#[test]
fn a_corrupt_gzip_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut packed = gz(lines(5000).as_bytes());
    let at = packed.len() - 6;
    packed[at] ^= 0xff;
    replay(dir.path(), &file(dir.path(), "flipped.gz", &packed), 1, &["flipped.gz"]);
}

#[test]
fn wrong_formats_are_told() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes, parts) in [
        ("prose", &b"It was a dark and stormy night;\nthe rain fell in torrents\n"[..], &["prose"][..]),
        ("empty", b"", &["empty"]),
        ("binary", &[0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5, 6, 7, 8], &["binary"]),
    ] {
        replay(dir.path(), &file(dir.path(), name, bytes), 1, parts);
    }
    replay(dir.path(), &dir.path().join("not-there"), 2, &["not-there"]);
}

#[test]
fn an_undecodable_message_closes_the_book_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = lines(200);
    let at = text.rfind("\"U\":150").unwrap();
    text.replace_range(at..at + 7, "\"U\":1x0");
    let (summary, _) =
        replay(dir.path(), &file(dir.path(), "bad-line", text.as_bytes()), 1, &["/bad-line: line 150 cannot be read"]);
    assert_eq!(summary["problem_count"], 1);
    assert_eq!(summary["events"], 200, "what follows is read all the same");
    assert_eq!(summary["instruments"][0]["book_valid"], false, "the book may have lost something");
}

#[test]
fn a_message_that_cannot_be_read_is_told_with_what_the_checksum_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = lines(200);
    let at = text.rfind("\"U\":150").unwrap();
    text.replace_range(at..at + 7, "\"U\":1x0");
    let sound = file(dir.path(), "sound.gz", &gz(text.as_bytes()));
    let (summary, _) = replay(dir.path(), &sound, 1, &[]);
    let told = summary["problems"][0].as_str().unwrap();
    assert!(told.contains("sound.gz: line 150 cannot be read") && told.contains("checksum is right"), "{told}");
    assert_eq!(summary["error"], serde_json::Value::Null);
    // The same bytes, but what stands behind them is the checksum of the file as it was recorded.
    let (whole, mut damaged) = (gz(lines(200).as_bytes()), gz(text.as_bytes()));
    let (n, m) = (damaged.len(), whole.len());
    damaged[n - 8..].copy_from_slice(&whole[m - 8..]);
    let (summary, _) = replay(dir.path(), &file(dir.path(), "damaged.gz", &damaged), 1, &[]);
    let told = summary["problems"][0].as_str().unwrap();
    assert!(told.contains("damaged.gz: line 150") && told.contains("the file's gzip is corrupt"), "{told}");
    let error = &summary["error"];
    assert!(error["what"].as_str().unwrap().contains("corrupt gzip: its checksum does not match"), "{error}");
    assert!(error["where"].as_str().unwrap().contains("damaged.gz"), "{error}");
    assert_eq!(error["exit_code"], 1);
    assert_eq!(summary["events"], 200);
}

#[test]
fn a_bad_line_closes_the_book_as_an_undecodable_message_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut text: Vec<String> = lines(200).lines().map(ToOwned::to_owned).collect();
    text.insert(100, "no time here".to_owned());
    let path = file(dir.path(), "bad", (text.join("\n") + "\n").as_bytes());
    let (summary, _) = replay(dir.path(), &path, 1, &["bad line 101 (byte "]);
    assert_eq!(summary["events"], 200, "what follows is read all the same");
    assert_eq!(summary["counts"]["gaps"], 1);
    assert_eq!(summary["instruments"][0]["book_valid"], false, "the line may have been a change of the book");
}

#[test]
fn errors_go_to_standard_error_and_the_summary_to_standard_output() {
    let dir = tempfile::tempdir().unwrap();
    let packed = gz(lines(5000).as_bytes());
    let path = file(dir.path(), "cut.gz", &packed[..packed.len() / 2]);
    let output = tickpath().args(["replay", arg(&path)]).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1));
    assert!(out.contains("output hash") && out.contains("told on standard error"), "{out}");
    assert!(!out.contains("ends too early"), "{out}");
    assert!(err.starts_with("tickpath: ") && err.contains("the gzip ends too early"), "{err}");
    let output = tickpath().args(["replay", arg(&path), "--json"]).output().unwrap();
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(object["error"]["hint"].as_str().unwrap().contains("get the whole file"), "{object}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("the gzip ends too early"));
}

#[test]
fn definitions_alone_are_nothing_to_replay() {
    let dir = tempfile::tempdir().unwrap();
    let info = r#"configuration: {}
https://api.binance.com/api/v3/exchangeInfo -> 1626992740.175661: {"timezone":"UTC","serverTime":1,"rateLimits":[],"exchangeFilters":[],"symbols":[{"symbol":"XYZUSDT","status":"TRADING","baseAsset":"XYZ","baseAssetPrecision":8,"quoteAsset":"USDT","quotePrecision":8,"quoteAssetPrecision":8,"filters":[{"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00000000","tickSize":"0.01000000"},{"filterType":"LOT_SIZE","minQty":"0.00001000","maxQty":"9000.00000000","stepSize":"0.00001000"}]}]}
"#;
    let path = file(dir.path(), "info", info.as_bytes());
    let output = tickpath().args(["replay", arg(&path), "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "as an empty file");
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(object["error"]["what"].as_str().unwrap().contains("only definitions of instruments"), "{object}");
}

#[test]
fn observing_says_that_it_observes() {
    let dir = tempfile::tempdir().unwrap();
    let capture = file(dir.path(), "observed", traded(0).as_bytes());
    let journal = dir.path().join("j");
    let summary = run_json(&["replay", arg(&capture), "--observe", "--journal", arg(&journal)], 0);
    let refused = summary["counts"]["refused"].as_u64().unwrap();
    assert!(refused > 0 && summary["orders"] == 0, "{summary}");
    assert_eq!(summary["gate_refusals"]["mode_observe"], refused, "{summary}");
    let text = tickpath().args(["replay", arg(&capture), "--observe"]).output().unwrap().stdout;
    assert!(String::from_utf8(text).unwrap().contains("× GATE_CLOSED (mode_observe)"));
    let rows = tickpath().args(["export", "--journal", arg(&journal), "--what", "risk"]).output().unwrap().stdout;
    let rows = String::from_utf8(rows).unwrap();
    assert!(rows.contains(",refused,GATE_CLOSED,mode_observe,,"), "{rows}");
}

#[test]
fn a_gap_is_found_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let text = lines(200).lines().filter(|l| !l.contains("\"U\":150,")).collect::<Vec<_>>().join("\n") + "\n";
    let (summary, _) = replay(dir.path(), &file(dir.path(), "gap", text.as_bytes()), 0, &[]);
    assert_eq!(summary["counts"]["gaps"], 1);
    assert_eq!(summary["instruments"][0]["invalid_reason"], "sequence_gap");
}

#[test]
fn a_finer_decimal_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = lines(100);
    text.push_str("1700000001000000000 {\"stream\":\"abcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1700000001000,\"s\":\"ABCUSDT\",\"U\":101,\"u\":101,\"b\":[[\"10.0000123\",\"0.12345678\"]],\"a\":[]}}\n");
    let (summary, _) = replay(dir.path(), &file(dir.path(), "finer", text.as_bytes()), 0, &[]);
    assert_eq!(summary["instruments"][0]["bid"], "10.0000123");
    let journal = dir.path().join("j-finer");
    let out = dir.path().join("bbo.csv");
    run_json(&["export", "--journal", arg(&journal), "--what", "bbo", "--out", arg(&out)], 0);
    let text = std::fs::read_to_string(out).unwrap();
    let last = text.lines().last().unwrap();
    assert!(last.ends_with(",101,10.0000123,0.12345678,10.0200000,1.00000000"), "{last}");
}

#[test]
fn a_symbol_outside_the_definitions_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let definitions = file(
        dir.path(),
        "info.json",
        br#"{"timezone":"UTC","serverTime":1,"rateLimits":[],"exchangeFilters":[],"symbols":[{"symbol":"XYZUSDT","status":"TRADING","baseAsset":"XYZ","baseAssetPrecision":8,"quoteAsset":"USDT","quotePrecision":8,"quoteAssetPrecision":8,"filters":[{"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00000000","tickSize":"0.01000000"},{"filterType":"LOT_SIZE","minQty":"0.00001000","maxQty":"9000.00000000","stepSize":"0.00001000"}]}]}"#,
    );
    let path = file(dir.path(), "lines", lines(50).as_bytes());
    let summary = run_json(&["replay", arg(&path), "--definitions", arg(&definitions)], 1);
    assert!(summary["problem_count"].as_u64().unwrap() > 0);
    assert!(summary["problems"][0].as_str().unwrap().contains("unknown_symbol"), "{summary}");
}

#[test]
fn a_journal_that_cannot_be_written_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "lines", lines(50).as_bytes());
    let blocked = file(dir.path(), "a-file", b"x");
    let error = run_json(&["replay", arg(&path), "--journal", arg(&blocked.join("j"))], 1);
    assert!(error["error"]["where"].as_str().unwrap().contains("a-file"), "{error}");
    // A second run into the same folder would mix two records.
    let journal = dir.path().join("j");
    run_json(&["replay", arg(&path), "--journal", arg(&journal)], 0);
    let error = run_json(&["replay", arg(&path), "--journal", arg(&journal)], 2);
    assert!(error["error"]["what"].as_str().unwrap().contains("already holds a journal"), "{error}");
}

/// A small file system of its own, unmounted at the end; only root may.
struct Small(tempfile::TempDir);

impl Small {
    fn mount(megabytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("small")).unwrap();
        let small = Self(dir);
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs", arg(&small.path())])
            .output()
            .is_ok_and(|o| o.status.success());
        if !mounted {
            eprintln!("SKIPPED full disk: only root can mount a small file system");
        }
        mounted.then_some(small)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("small")
    }

    fn grow(&self, megabytes: u32) {
        let options = format!("remount,size={megabytes}m");
        let grown = std::process::Command::new("mount").args(["-o", &options, arg(&self.path())]).status();
        assert!(grown.unwrap().success());
    }

    /// A run into `j` on it, with small segments.
    fn run(&self, args: &[&str]) -> (Option<i32>, serde_json::Value) {
        let output = tickpath()
            .args(["run", "--journal", arg(&self.path().join("j")), "--json"])
            .args(args)
            .env("TICKPATH__JOURNAL__SEGMENT_BYTES_MARKET", "4194304")
            .env("TICKPATH__JOURNAL__SEGMENT_BYTES_AUDIT", "2097152")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), serde_json::from_str(text.lines().last().unwrap()).unwrap())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.path()).output();
    }
}

#[test]
fn a_full_disk_stops_the_run_and_keeps_what_was_written() {
    let Some(small) = Small::mount(24) else { return };
    let journal = small.path().join("j");
    let (code, summary) = small.run(&["--speed", "max", "--events", "400000", "--start", "1700000000000000000"]);
    assert_eq!(code, Some(1), "{summary}");
    let error = summary["error"]["what"].as_str().unwrap();
    assert!(error.contains("full") || error.contains("space"), "{error}");
    assert!(error.contains("small/j"), "it says where: {error}");
    assert_eq!(summary["not_recorded"].as_array().unwrap().len(), 0, "nothing comes after the end of a replay");
    let verified = run_json(&["verify", "--journal", arg(&journal)], 0);
    assert_eq!(verified["not_recorded"][0]["reason"], "disk full", "the journal says why it ends: {verified}");
    run_json(&["parity", "--journal", arg(&journal)], 0);
}

#[test]
fn a_full_disk_under_a_live_host_is_noted_with_its_sequences_by_everything_that_reads_the_journal() {
    let Some(small) = Small::mount(24) else { return };
    let journal = small.path().join("j");
    let (code, summary) = small.run(&["--speed", "2000x", "--events", "2000000", "--start", "1700000000000000000"]);
    assert_eq!(code, Some(1), "{summary}");
    assert!(summary["error"]["what"].as_str().unwrap().contains("small/j"), "{summary}");
    let lost = &summary["not_recorded"][0];
    let (first, last) = (lost["first"].as_u64().unwrap(), lost["last"].as_u64().unwrap());
    // How much comes between the fault and the end is up to the scheduler: one message, or thousands.
    assert!(first > 1000 && last >= first && lost["reason"] == "disk full", "{summary}");
    // Orders and control are recorded to the end all the same: the gate's word on the journal, and the shutdown.
    assert!(summary["last_sequence"].as_u64().unwrap() >= last);

    // A start with more room goes on; and what was not recorded stays told, up to that start.
    small.grow(64);
    let (code, summary) = small.run(&["--speed", "max", "--events", "3000", "--start", "1800000000000000000"]);
    assert_eq!((code, &summary["epoch"]), (Some(0), &2.into()), "{summary}");
    let verified = run_json(&["verify", "--journal", arg(&journal)], 1);
    let noted = &verified["not_recorded"][0];
    assert_eq!((&noted["first"], verified["not_recorded"].as_array().unwrap().len()), (&first.into(), 1));
    assert!(noted["last"].as_u64().unwrap() >= last, "{noted}");
    let findings = verified["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "nothing else is wrong: {findings:#?}");
    assert_eq!(findings[0]["what"], "market data was not recorded, as the journal itself notes: disk full");
    assert!(findings[0]["file"].as_str().unwrap().starts_with("market/"));
    assert_eq!(findings[0]["sequence"].as_u64().unwrap() + 1, first);
    let words = format!("market data from sequence {first} to {} was not recorded: disk full", noted["last"]);
    let parity = run_json(&["parity", "--journal", arg(&journal)], 1);
    assert_eq!((&parity["divergences"], &parity["not_recorded"][0]), (&0.into(), noted));
    assert!(parity["lost"].as_u64().unwrap() > 0);
    let out = small.path().join("trades.csv");
    let exported = ["export", "--journal", arg(&journal), "--what", "trades", "--out", arg(&out)];
    for args in [&["verify", "--journal", arg(&journal)][..], &["parity", "--journal", arg(&journal)], &exported] {
        let output = tickpath().args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains(&words), "{args:?}: `{words}` is not in\n{text}");
        assert_eq!(output.status.code(), Some(1), "{args:?}");
    }
}

/// A capture of two minutes with trades, whose every other block of 200 messages is `early_ns` early.
fn traded(early_ns: u64) -> String {
    let mut text = String::new();
    let base = 1_700_000_000_000_000_000u64;
    writeln!(text, r#"{base} {{"lastUpdateId":2,"E":1700000000000,"T":1700000000000,"symbol":"ABCUSDT","bids":[["10.00","9"],["9.99","9"]],"asks":[["10.01","9"],["10.02","9"]]}}"#).unwrap();
    let mut state = 7u64;
    for n in 0..6000u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let ts = base + (n + 1) * 20_000_000 - if n / 200 % 2 == 1 { early_ns } else { 0 };
        let (id, ms) = (n + 3, 1_700_000_000_000 + (n + 1) * 20);
        let (b, a) = ((state >> 33) % 50 + 1, (state >> 40) % 50 + 1);
        let json = if n % 3 == 0 {
            format!(
                r#"{{"stream":"abcusdt@trade","data":{{"e":"trade","E":{ms},"T":{ms},"s":"ABCUSDT","t":{id},"p":"10.01","q":"{b}","X":"MARKET","m":{}}}}}"#,
                state >> 50 & 1 == 1
            )
        } else {
            format!(
                r#"{{"stream":"abcusdt@depth@0ms","data":{{"e":"depthUpdate","E":{ms},"T":{ms},"s":"ABCUSDT","U":{},"u":{id},"pu":{},"b":[["10.00","{b}"]],"a":[["10.01","{a}"]]}}}}"#,
                if n == 1 { 2 } else { id },
                if n == 1 {
                    1
                } else if (n - 1) % 3 == 0 {
                    id - 2
                } else {
                    id - 1
                }
            )
        };
        writeln!(text, "{ts} {json}").unwrap();
    }
    text
}

#[test]
fn times_that_go_back_give_the_same_outputs_in_every_placement() {
    // The generated market's own stream would not go back; so a capture is made whose every other block is 300 ms early.
    let dir = tempfile::tempdir().unwrap();
    let text = traded(300_000_000);
    let path = file(dir.path(), "back", text.as_bytes());
    let mut hashes = Vec::new();
    for placement in crate::support::PLACEMENTS {
        for _ in 0..2 {
            let output = tickpath()
                .args(["replay", arg(&path), "--placement", placement, "--json"])
                .env("TICKPATH__RISK__ORDERS__COOLDOWN_MS", "50")
                .env("TICKPATH__RISK__LIMITS__ORDERS_PER_WINDOW", "10000")
                .env("TICKPATH__RISK__LIMITS__ORDERS_PER_WINDOW_TOTAL", "10000")
                .output()
                .unwrap();
            let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(summary["counts"]["gaps"], 0, "{summary}");
            assert!(summary["orders"].as_u64().unwrap() > 5, "{summary}");
            hashes.push(summary["output_hash"].as_str().unwrap().to_owned());
        }
    }
    assert!(hashes.iter().all(|h| *h == hashes[0]), "{hashes:?}");
}
