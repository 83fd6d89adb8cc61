//! Edge: tests: what somebody did who can recompute every CRC.

use super::super::disk::{segment_numbers, segment_path};
use super::super::heads::write_heads;
use super::super::record::{Parsed, RecordKind, hash, parse};
use super::*;

const LAST: u64 = 150;

fn journal() -> (tempfile::TempDir, Summary) {
    let dir = tempfile::tempdir().unwrap();
    let summary = closed(dir.path(), 8 << 10, LAST, 10);
    clean(dir.path(), LAST);
    (dir, summary)
}

/// Start and end of each record.
fn records(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let (mut at, mut all) = (0, Vec::new());
    while let Parsed::Record(record) = parse(&bytes[at..]) {
        all.push(at..at + record.bytes.len());
        at += record.bytes.len();
    }
    all
}

fn mend_crc(record: &mut [u8]) {
    let end = record.len() - 4;
    let crc = crc32c::crc32c(&record[32..end]);
    record[end..].copy_from_slice(&crc.to_le_bytes());
}

/// Changes market segment 2 with `change`; verify must say `expected` among its findings.
fn check_change(change: impl Fn(&mut Vec<u8>, &[std::ops::Range<usize>]), expected: &str) {
    let (dir, _) = journal();
    let path = segment_path(dir.path(), Log::Market, 2);
    let mut bytes = fs::read(&path).unwrap();
    let all = records(&bytes);
    change(&mut bytes, &all);
    fs::write(&path, &bytes).unwrap();
    let found = check(dir.path());
    assert!(found.findings.iter().any(|f| f.what.contains(expected)), "{expected}: {:#?}", found.findings);
    assert!(found.findings.iter().all(|f| f.segment != 1), "segment 1 is whole: {:#?}", found.findings);
}

#[test]
fn edits_deletions_and_reorderings_are_found_though_the_crcs_fit() {
    let edit = |bytes: &mut Vec<u8>, all: &[std::ops::Range<usize>]| {
        bytes[all[7].start + 150] ^= 1;
        mend_crc(&mut bytes[all[7].clone()]);
    };
    check_change(edit, "record was altered");
    let delete = |bytes: &mut Vec<u8>, all: &[std::ops::Range<usize>]| drop(bytes.drain(all[7].clone()));
    check_change(delete, "records behind it were removed");
    check_change(delete, "seal does not fit");
    check_change(delete, "in neither log");
    let reorder = |bytes: &mut Vec<u8>, all: &[std::ops::Range<usize>]| {
        let (a, b) = (bytes[all[7].clone()].to_vec(), bytes[all[8].clone()].to_vec());
        bytes[all[7].start..all[8].end].copy_from_slice(&[b, a].concat());
    };
    check_change(reorder, "record was altered");
    check_change(reorder, "sequence goes backward");
    let truncate = |bytes: &mut Vec<u8>, all: &[std::ops::Range<usize>]| bytes.truncate(all[20].start);
    check_change(truncate, "does not end with its seal");
    let swap_content = |bytes: &mut Vec<u8>, all: &[std::ops::Range<usize>]| {
        // The same sequence and time, another payload, and the hash in the next record mended too.
        bytes[all[7].start + 150] ^= 1;
        mend_crc(&mut bytes[all[7].clone()]);
        let right = hash(&bytes[all[7].clone()]);
        bytes[all[8].start..all[8].start + 32].copy_from_slice(&right);
    };
    check_change(swap_content, "record was altered");
    let not_filled_in = |bytes: &mut Vec<u8>, all: &[std::ops::Range<usize>]| {
        bytes[all[8].start..all[8].start + 32].fill(0);
    };
    check_change(not_filled_in, "own link");
}

#[test]
fn segments_that_are_gone_are_found() {
    for log in Log::ALL {
        let (dir, summary) = journal();
        let numbers = segment_numbers(dir.path(), log).unwrap();
        assert!(numbers.len() >= 2);
        for number in &numbers {
            let path = segment_path(dir.path(), log, *number);
            let bytes = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            assert!(!check(dir.path()).is_clean(), "{log:?} {number}");
            assert!(matches!(recover(dir.path()), Err(JournalError::Corrupt { .. })), "{log:?} {number}");
            fs::write(&path, &bytes).unwrap();
        }
        // Also if the journal's own heads are gone, as long as somebody else has them.
        fs::remove_file(segment_path(dir.path(), log, *numbers.last().unwrap())).unwrap();
        fs::remove_file(dir.path().join("heads.json")).unwrap();
        assert!(!verify_against(dir.path(), &summary.heads).unwrap().is_clean());
    }
}

/// Writes the chain of a log anew from its first record, as somebody would who owns the host.
fn rechain(dir: &Path, log: Log) -> Head {
    let (mut last, mut sequence) = ([0; 32], 0);
    for number in segment_numbers(dir, log).unwrap() {
        let path = segment_path(dir, log, number);
        let mut bytes = fs::read(&path).unwrap();
        for range in records(&bytes) {
            let record = &mut bytes[range];
            record[..32].copy_from_slice(&last);
            mend_crc(record);
            last = hash(record);
            let Parsed::Record(record) = parse(record) else { panic!("not a record") };
            sequence = if record.kind == RecordKind::Opening { sequence } else { record.header.sequence };
        }
        fs::write(&path, &bytes).unwrap();
    }
    Head { log, sequence, hash: last }
}

#[test]
fn a_log_rewritten_from_end_to_end_is_found_by_heads_kept_elsewhere() {
    let (dir, summary) = journal();
    let path = segment_path(dir.path(), Log::Audit, 1);
    let mut bytes = fs::read(&path).unwrap();
    let record = records(&bytes)[3].clone();
    bytes[record.start + 150] ^= 1;
    mend_crc(&mut bytes[record]);
    fs::write(&path, &bytes).unwrap();
    let forged = [rechain(dir.path(), Log::Audit), summary.heads[1]];
    write_heads(dir.path(), &forged).unwrap();
    assert!(check(dir.path()).is_clean(), "from inside there is nothing to see");
    let found = verify_against(dir.path(), &summary.heads).unwrap();
    assert_eq!(found.findings.len(), 1, "{:#?}", found.findings);
    assert!(found.findings[0].what.contains("rewritten"));
    assert_eq!(found.findings[0].log, Some(Log::Audit));
}

#[test]
fn heads_of_a_running_writer_hold_later() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), &config(8 << 10), 5).unwrap();
    let mut heads = Vec::new();
    for sequence in 1..=LAST {
        append(&mut writer, sequence, 10).unwrap();
        if sequence % 20 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(2));
            heads.extend(writer.heads());
        }
    }
    assert!(verify_against(dir.path(), &heads).unwrap().is_clean(), "also while it runs");
    writer.close().unwrap();
    assert!(heads.iter().any(|h| h.sequence > 0));
    let found = verify_against(dir.path(), &heads).unwrap();
    assert!(found.is_clean(), "{:#?}", found.findings);
    let mut wrong = heads.clone();
    wrong.last_mut().unwrap().hash[0] ^= 1;
    assert!(!verify_against(dir.path(), &wrong).unwrap().is_clean());
}
