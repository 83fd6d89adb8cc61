//! What somebody did to the journal of a real run: `verify` says what, in which file, at which byte, between which
//! sequences, and what to do, for people and for programs.

use crate::support::{arg, run_json, tickpath};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// One record in a segment's bytes, by the documented layout.
#[derive(Clone, Copy, Debug)]
struct Record {
    at: usize,
    len: usize,
    kind: u8,
    sequence: u64,
}

fn records(bytes: &[u8]) -> Vec<Record> {
    let (mut at, mut all) = (0, Vec::new());
    while at + 72 <= bytes.len() {
        let len = u32::from_le_bytes(bytes[at + 32..at + 36].try_into().unwrap()) as usize;
        let sequence = u64::from_le_bytes(bytes[at + 48..at + 56].try_into().unwrap());
        all.push(Record { at, len, kind: bytes[at + 36], sequence });
        at += len;
    }
    all
}

/// The slots of a segment: neither header, seal nor note.
fn slots(bytes: &[u8]) -> Vec<Record> {
    records(bytes).into_iter().filter(|r| r.kind == 2 || r.kind == 3).collect()
}

fn mend_crc(record: &mut [u8]) {
    let end = record.len() - 4;
    let crc = crc32c::crc32c(&record[32..end]);
    record[end..].copy_from_slice(&crc.to_le_bytes());
}

/// Two runs into the same folder, so that there are two epochs; small segments, so that there are several.
fn journal(dir: &Path, start: &str) {
    for (n, epoch) in [(1, 1), (2, 2)] {
        let output = tickpath()
            .args(["run", "--journal", arg(dir), "--speed", "max", "--events", "8000", "--json"])
            .args(["--start", &format!("{start}{n}00000000000")])
            .env("TICKPATH__JOURNAL__SEGMENT_BYTES_MARKET", "524288")
            .env("TICKPATH__JOURNAL__SEGMENT_BYTES_AUDIT", "16384")
            .env("TICKPATH__RISK__ORDERS__COOLDOWN_MS", "50")
            .env("TICKPATH__RISK__LIMITS__ORDERS_PER_WINDOW", "10000")
            .env("TICKPATH__RISK__LIMITS__ORDERS_PER_WINDOW_TOTAL", "10000")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(dir.join(format!("config-{epoch}.toml")).is_file());
    }
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_dir() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        } else if entry.file_name() != "latency" {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    }
}

fn segment(log: &str, number: usize) -> String {
    format!("{log}/{number:010}.seg")
}

/// What a finding must say; `None` = anything.
#[derive(Clone, Debug, Default)]
struct Expected {
    file: String,
    what: &'static str,
    byte: Option<usize>,
    between: Option<(u64, u64)>,
    found: String,
}

fn expect(file: impl Into<String>, what: &'static str) -> Expected {
    Expected { file: file.into(), what, ..Expected::default() }
}

impl Expected {
    fn at(mut self, byte: usize) -> Self {
        self.byte = Some(byte);
        self
    }

    fn between(mut self, before: u64, next: u64) -> Self {
        self.between = Some((before, next));
        self
    }

    fn found(mut self, found: impl Into<String>) -> Self {
        self.found = found.into();
        self
    }

    fn is_met(&self, finding: &Value) -> bool {
        finding["file"] == self.file.as_str()
            && finding["what"].as_str().unwrap().contains(self.what)
            && self.byte.is_none_or(|byte| finding["offset"] == byte)
            && self.between.is_none_or(|(a, b)| finding["sequence"] == a && finding["next"] == b)
            && finding["found"].as_str().unwrap().contains(&self.found)
            && !finding["advice"].as_str().unwrap().is_empty()
    }
}

/// The bench: a whole journal, what is in its files, and the checks so far.
struct Bench {
    root: tempfile::TempDir,
    segments: BTreeMap<String, Vec<u8>>,
    cases: u32,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        journal(&root.path().join("whole"), "17000");
        journal(&root.path().join("other"), "17001");
        let mut segments = BTreeMap::new();
        for log in ["audit", "market"] {
            for entry in fs::read_dir(root.path().join("whole").join(log)).unwrap() {
                let path = entry.unwrap().path();
                let name = format!("{log}/{}", path.file_name().unwrap().to_str().unwrap());
                segments.insert(name, fs::read(path).unwrap());
            }
        }
        let value = run_json(&["verify", "--journal", arg(&root.path().join("whole"))], 0);
        assert_eq!((&value["ok"], &value["findings_total"]), (&Value::Bool(true), &Value::from(0)));
        Self { root, segments, cases: 0 }
    }

    fn count(&self, log: &str) -> usize {
        self.segments.keys().filter(|name| name.starts_with(log)).count()
    }

    fn slots(&self, log: &str, number: usize) -> Vec<Record> {
        slots(&self.segments[&segment(log, number)])
    }

    /// First and last sequence of a segment.
    fn span(&self, log: &str, number: usize) -> (u64, u64) {
        let slots = self.slots(log, number);
        (slots[0].sequence, slots[slots.len() - 1].sequence)
    }

    /// Does `change` to a copy of the journal; verify must say all of `expected`, and `at_most` things.
    fn check(&mut self, name: &str, at_most: u64, expected: &[Expected], change: impl FnOnce(&Path)) {
        let dir = self.root.path().join("copy");
        let _ = fs::remove_dir_all(&dir);
        copy(&self.root.path().join("whole"), &dir);
        change(&dir);
        let value = run_json(&["verify", "--journal", arg(&dir)], 1);
        assert_eq!(value["ok"], false, "{name}");
        let findings = value["findings"].as_array().unwrap();
        let text = serde_json::to_string_pretty(&value["findings"]).unwrap();
        for expected in expected {
            assert!(findings.iter().any(|f| expected.is_met(f)), "{name}: expected {expected:?} in\n{text}");
        }
        let total = value["findings_total"].as_u64().unwrap();
        assert!(total <= at_most, "{name}: {total} findings, where {at_most} say it all:\n{text}");
        // For people the same: file, byte and sequences of every finding, and the exit code.
        let output = tickpath().args(["verify", "--journal", arg(&dir)]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        let shown = String::from_utf8(output.stdout).unwrap();
        for f in findings {
            let mut line = String::new();
            write!(line, "FAULT  {}, byte {}, ", f["file"].as_str().unwrap(), f["offset"]).unwrap();
            assert!(shown.contains(&line), "{name}: `{line}` is not in\n{shown}");
            for part in [&f["what"], &f["found"], &f["advice"]] {
                assert!(shown.contains(part.as_str().unwrap()), "{name}: {part} is not in\n{shown}");
            }
        }
        self.cases += 1;
    }
}

#[test]
fn verify_names_the_file_and_the_place_of_whatever_was_done() {
    let mut bench = Bench::new();
    let whole = bench.root.path().join("whole");
    let other = bench.root.path().join("other");
    let logs: [(&'static str, usize); 2] = [("audit", bench.count("audit")), ("market", bench.count("market"))];
    assert!(logs.iter().all(|(_, count)| *count >= 4), "{logs:?}");

    for (log, count) in logs {
        // Segments that are gone: first, middle, last.
        let (first, second) = (bench.span(log, 1), bench.span(log, 2));
        let gone = expect(segment(log, 1), "segment is missing").at(0).between(0, second.0);
        let holes = expect(segment(log, 1), "in neither log").at(0);
        bench.check("first", 2, &[gone, holes], |dir| fs::remove_file(dir.join(segment(log, 1))).unwrap());
        let third = bench.span(log, 3);
        let gone = expect(segment(log, 2), "segment is missing").at(0).between(first.1, third.0);
        let holes = expect(segment(log, 2), "in neither log").found("missing, from");
        bench.check("middle", 2, &[gone, holes], |dir| fs::remove_file(dir.join(segment(log, 2))).unwrap());
        let gone = expect(segment(log, count), "segment is missing: the log ends before a recorded head")
            .between(bench.span(log, count - 1).1, 0);
        bench.check("last", 3, &[gone], |dir| fs::remove_file(dir.join(segment(log, count))).unwrap());

        // Files that changed their place.
        let swapped = [
            expect(segment(log, 2), "another segment than its name says").found(format!("{log} segment 3")),
            expect(segment(log, 3), "another segment than its name says").found(format!("{log} segment 2")),
        ];
        bench.check("swapped", 2, &swapped, |dir| {
            fs::rename(dir.join(segment(log, 2)), dir.join("between")).unwrap();
            fs::rename(dir.join(segment(log, 3)), dir.join(segment(log, 2))).unwrap();
            fs::rename(dir.join("between"), dir.join(segment(log, 3))).unwrap();
        });
        for name in [count + 1, count + 5] {
            let copied = expect(segment(log, name), "another segment").at(0).found(format!("{log} segment 2"));
            bench.check("copied", 1, &[copied], |dir| {
                fs::copy(dir.join(segment(log, 2)), dir.join(segment(log, name))).unwrap();
            });
        }
        let name = format!("{log}/0000000002 (copy).seg");
        let foreign = expect(name.clone(), "not the journal's").found(format!("{log} segment 2"));
        bench.check("foreign name", 1, &[foreign], |dir| {
            fs::copy(dir.join(segment(log, 2)), dir.join(&name)).unwrap();
        });
        let replaced = expect(segment(log, 2), "of another journal").at(0).found(segment(log, 1));
        bench.check("of another journal", 200, &[replaced], |dir| {
            fs::copy(other.join(segment(log, 2)), dir.join(segment(log, 2))).unwrap();
        });
        let emptied = expect(segment(log, 1), "segment is missing: the log ends before a recorded head").between(0, 0);
        bench.check("emptied", 3, &[emptied], |dir| {
            fs::remove_dir_all(dir.join(log)).unwrap();
            fs::create_dir(dir.join(log)).unwrap();
        });

        // Cut off: the last segment, in a record and between two; and one in the middle.
        let last = bench.slots(log, count);
        let keep = last[last.len() / 2];
        for (cut, byte) in [(keep.at, keep.at), (keep.at + keep.len / 2, keep.at)] {
            let end = expect(segment(log, count), "end was cut off").at(byte).between(keep_before(&last, keep), 0);
            bench.check("tail cut", 3, &[end], |dir| truncate(dir, &segment(log, count), cut));
        }
        let middle = bench.slots(log, 2);
        let keep = middle[middle.len() / 2];
        let cut = expect(segment(log, 2), "end was cut off").at(keep.at).between(keep_before(&middle, keep), third.0);
        bench.check("cut in the middle", 2, &[cut], |dir| truncate(dir, &segment(log, 2), keep.at));

        // Records: altered with the CRC made right, removed, a flipped bit, a lost sector, one behind the end.
        let (place, next) = (middle[5], middle[6]);
        let altered =
            expect(segment(log, 2), "record was altered").at(place.at).between(middle[4].sequence, next.sequence);
        bench.check("edit", 1, &[altered], |dir| {
            change(dir, &segment(log, 2), |bytes| {
                bytes[place.at + 100] ^= 1;
                mend_crc(&mut bytes[place.at..place.at + place.len]);
            });
        });
        let link = expect(segment(log, 2), "own link").at(place.at);
        bench.check("link", 1, &[link], |dir| change(dir, &segment(log, 2), |bytes| bytes[place.at + 3] ^= 1));
        let removed = [
            expect(segment(log, 2), "records behind it were removed").at(middle[4].at),
            expect(segment(log, 2), "seal does not fit"),
            expect(segment(log, 2), "in neither log").found(format!("from {0} to {0}", place.sequence)),
        ];
        bench.check("removed", 3, &removed, |dir| {
            change(dir, &segment(log, 2), |bytes| drop(bytes.drain(place.at..place.at + place.len)));
        });
        let flipped = expect(segment(log, 2), "CRC mismatch").at(place.at).between(middle[4].sequence, next.sequence);
        bench.check("bit", 2, &[flipped], |dir| change(dir, &segment(log, 2), |bytes| bytes[place.at + 90] ^= 0x10));
        bench.check("sector", 2, &[expect(segment(log, 2), "")], |dir| {
            change(dir, &segment(log, 2), |bytes| bytes[1024..1536].fill(0));
        });
        let length = bench.segments[&segment(log, count)].len();
        let behind = expect(segment(log, count), "behind the seal").at(length);
        bench.check("behind the end", 2, &[behind], |dir| {
            change(dir, &segment(log, count), |bytes| bytes.extend_from_slice(&[7; 32]));
        });
        // The seal of the end, with a right CRC: only the recorded head knows.
        let seal = records(&bench.segments[&segment(log, count)]).pop().unwrap();
        let rewritten = expect(segment(log, count), "rewritten").at(seal.at);
        bench.check("seal", 1, &[rewritten], |dir| {
            change(dir, &segment(log, count), |bytes| {
                bytes[seal.at + 56] ^= 1;
                mend_crc(&mut bytes[seal.at..]);
            });
        });
    }

    let folder = expect("market/", "folder of the log is missing");
    bench.check("folder gone", 3, &[folder], |dir| fs::remove_dir_all(dir.join("market")).unwrap());

    // Files beside the logs.
    let epoch_2 = epochs(&whole)[1];
    let config = expect("config-2.toml", "configuration of an epoch is missing").between(epoch_2, epoch_2);
    bench.check("config gone", 1, &[config], |dir| fs::remove_file(dir.join("config-2.toml")).unwrap());
    let config = expect("config-1.toml", "not the one that the epoch ran with").between(1, 1);
    bench.check("config", 1, &[config], |dir| change(dir, "config-1.toml", |bytes| bytes[20] ^= 1));
    let heads = expect("heads.json", "heads.json is missing");
    bench.check("heads gone", 1, &[heads], |dir| fs::remove_file(dir.join("heads.json")).unwrap());
    let heads = expect("heads.json", "older than the log");
    bench.check("heads emptied", 2, &[heads], |dir| fs::write(dir.join("heads.json"), "[]\n").unwrap());
    let heads = expect("heads.json", "not as the journal wrote it").at(1);
    bench.check("heads damaged", 3, &[heads], |dir| change(dir, "heads.json", |bytes| bytes[1] = b'x'));
    println!("{} alterations of a real run's journal, each told with its file and place", bench.cases);

    // A file of somebody else's beside the logs is told and is no fault.
    let dir = bench.root.path().join("copy");
    fs::remove_dir_all(&dir).unwrap();
    copy(&whole, &dir);
    fs::write(dir.join("notes.txt"), "mine").unwrap();
    let value = run_json(&["verify", "--journal", arg(&dir)], 0);
    assert_eq!((&value["ok"], &value["foreign"][0]), (&Value::Bool(true), &Value::from("notes.txt")));
}

/// The last sequence before `record`.
fn keep_before(slots: &[Record], record: Record) -> u64 {
    slots.iter().rfind(|slot| slot.at < record.at).unwrap().sequence
}

/// Sequences of the process starts: an audit record whose input is of kind 1.
fn epochs(dir: &Path) -> Vec<u64> {
    let mut names: Vec<_> = fs::read_dir(dir.join("audit")).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    let mut found = Vec::new();
    for path in names {
        let bytes = fs::read(path).unwrap();
        // The kind stands behind trace, times, venue id, instrument and source of the input (48 + 4 + 2 − 8 bytes).
        found.extend(slots(&bytes).iter().filter(|r| bytes[r.at + 72 + 46] == 1).map(|r| r.sequence));
    }
    found
}

fn change(dir: &Path, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(dir.join(file)).unwrap();
    change(&mut bytes);
    fs::write(dir.join(file), bytes).unwrap();
}

fn truncate(dir: &Path, file: &str, bytes: usize) {
    change(dir, file, |all| all.truncate(bytes));
}
