//! Edge: tests of the room as a whole, and what they share.

mod damage;
mod flips;
mod layout;
mod life;
mod losses;
mod tamper;

use super::testing::FaultDisk as TestDisk;
use super::*;
use crate::event::digest::SlotDigest;
use crate::event::input::{Input, InputKind, Quote};
use crate::event::slot::Slot;
use crate::types::ids::{InstrumentId, SourceId};
use bytemuck::Zeroable;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn config(bytes: u64) -> Config {
    Config { segment_bytes_market: bytes, segment_bytes_audit: bytes, ..Config::default() }
}

/// Slot `sequence`: every `every`-th is for the audit log, some of those with full sections; payloads differ.
fn slot(sequence: u64, every: u64) -> Slot {
    let mut slot = Slot::zeroed();
    let quote = Quote { update_id: sequence * 3, ..Quote::zeroed() };
    let time = sequence as i64 * 1000;
    slot.input = Input::new(InputKind::Quote, SourceId(16), InstrumentId(sequence as u32 % 5), time, &quote);
    slot.input.sequence = sequence;
    slot.input.stamp = 99;
    slot.input.decode_ticks = 99;
    slot.features.values[0] = sequence as f64;
    if sequence.is_multiple_of(every) {
        slot.signal.changed = 1;
        slot.signal.stamp = 99;
        if sequence.is_multiple_of(every * 2) {
            slot.risk.verdict = 2;
            slot.risk.stamp = 99;
            slot.risk.value = i128::from(sequence);
            slot.execution.updated = 1;
            slot.execution.stamp_encoded = 99;
            slot.execution.update.px.0 = sequence as i64;
        }
    }
    slot
}

fn append(writer: &mut Writer, sequence: u64, every: u64) -> Result<(), JournalError> {
    let slot = slot(sequence, every);
    writer.append(&slot, &SlotDigest::of(&slot))
}

/// The entry must say what slot `sequence` said.
fn same(entry: &Entry, sequence: u64, every: u64) {
    let slot = slot(sequence, every);
    assert_eq!(entry.sequence, sequence);
    let mut input = slot.input;
    (input.stamp, input.decode_ticks) = (0, 0);
    assert_eq!(bytemuck::bytes_of(&entry.input), bytemuck::bytes_of(&input));
    assert_eq!(entry.digest, SlotDigest::of(&slot));
    assert_eq!(entry.audit.is_some(), is_audit(&slot));
    if let Some(audit) = entry.audit {
        let mut copy = Slot::zeroed();
        (copy.market, copy.features) = (slot.market, slot.features);
        (copy.signal, copy.risk, copy.execution) = (audit.signal, audit.risk, audit.execution);
        assert_eq!(SlotDigest::of(&copy), entry.digest);
        assert_eq!((audit.signal.stamp, audit.risk.stamp, audit.execution.stamp_encoded), (0, 0, 0));
    }
}

/// Reads all of the journal: must be slots `first..=last`.
fn read_all(dir: &Path, first: u64, last: u64, every: u64) {
    let mut reader = Reader::open(dir).unwrap();
    let mut entry = Entry::default();
    for sequence in first..=last {
        assert!(reader.next(&mut entry).unwrap(), "{sequence} is missing");
        same(&entry, sequence, every);
    }
    assert!(!reader.next(&mut entry).unwrap(), "{} is too much", entry.sequence);
}

/// Copies a folder, also one that a living writer works in: where its helper gives a segment its name meanwhile, what was
/// listed is gone when it is read, and the copy begins anew.
fn copy(from: &Path, to: &Path) {
    while !copied(from, to) {
        fs::remove_dir_all(to).unwrap();
    }
}

fn copied(from: &Path, to: &Path) -> bool {
    fs::create_dir_all(to).unwrap();
    fs::read_dir(from).unwrap().all(|entry| {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            return copied(&entry.path(), &target);
        }
        match fs::read(entry.path()) {
            Ok(bytes) => fs::write(target, bytes).is_ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => panic!("{}: {error}", entry.path().display()),
        }
    })
}

/// What is in the directory after a writer died that had appended 1..=`last`. With `chained`, the chain was filled in.
fn crashed(dir: &Path, bytes: u64, last: u64, every: u64, chained: bool) {
    let home = tempfile::tempdir().unwrap();
    let (mut writer, _) =
        Writer::open_on(home.path(), &config(bytes), 0, std::sync::Arc::new(TestDisk::default())).unwrap();
    writer.set_epoch(1);
    for sequence in 1..=last {
        append(&mut writer, sequence, every).unwrap();
    }
    while chained && writer.heads().iter().all(|h| h.sequence < last) {
        std::thread::yield_now();
    }
    copy(home.path(), dir);
}

/// A journal of `last` slots that was closed.
fn closed(dir: &Path, bytes: u64, last: u64, every: u64) -> Summary {
    let (mut writer, _) = Writer::open_on(dir, &config(bytes), 0, std::sync::Arc::new(TestDisk::default())).unwrap();
    writer.set_epoch(1);
    for sequence in 1..=last {
        append(&mut writer, sequence, every).unwrap();
    }
    writer.close().unwrap()
}

fn recover(dir: &Path) -> Result<Recovery, JournalError> {
    super::recovery::recover(dir, 7, &TestDisk::default()).map(|(recovery, _)| recovery)
}

fn check(dir: &Path) -> Verification {
    verify(dir, &mut |_, _| {}).unwrap()
}

fn clean(dir: &Path, records: u64) {
    let found = check(dir);
    assert_eq!((found.findings.as_slice(), found.records), (&[] as &[_], records));
}
