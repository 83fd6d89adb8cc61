//! Edge: tests: market data that could not be written: the notes of it, and who tells them.

use super::super::record::{LENGTH_MAX, NOTE_LENGTH, SEAL_LENGTH};
use super::*;
use std::sync::Arc;

/// Appends `sequence` to the market log; whether it was written.
fn market(writer: &mut Writer, sequence: u64) -> bool {
    match append(writer, sequence, u64::MAX) {
        Ok(()) => true,
        Err(error) => {
            assert!(error.is_disk_full(), "{error}");
            false
        }
    }
}

/// Appends market data on a full disk until it is refused; gives the first sequence that was.
fn until_refused(writer: &mut Writer, mut sequence: u64) -> u64 {
    while market(writer, sequence) {
        sequence += 1;
        assert!(sequence < 1000, "there is room for a few segments only");
    }
    sequence
}

fn losses_read(dir: &Path) -> Vec<Loss> {
    let mut reader = Reader::open(dir).unwrap();
    let mut entry = Entry::default();
    while reader.next(&mut entry).unwrap() {}
    reader.losses().to_vec()
}

#[test]
fn the_audit_log_notes_from_where_to_where_market_data_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut writer, _) = Writer::open_on(dir.path(), &config(8 << 10), 5, disk.clone()).unwrap();
    writer.set_epoch(1);
    append(&mut writer, 1, 1).unwrap();
    disk.full.store(true, Ordering::SeqCst);
    let first = until_refused(&mut writer, 2);
    let mut sequence = first + 1;
    for _ in 0..3 {
        append(&mut writer, sequence, 1).unwrap();
        assert!(!market(&mut writer, sequence + 1));
        sequence += 2;
    }
    let last = sequence - 1;
    assert_eq!(writer.losses(), [Loss { first, last, reason: LossReason::DiskFull }]);
    assert_eq!(losses_read(dir.path()), [Loss { first, last: 0, reason: LossReason::DiskFull }], "while it lasts");
    // Room again: recording goes on, and that is noted.
    disk.full.store(false, Ordering::SeqCst);
    let start = std::time::Instant::now();
    while !market(&mut writer, sequence) {
        assert!(start.elapsed().as_secs() < 5);
        std::thread::yield_now();
    }
    append(&mut writer, sequence + 1, 1).unwrap();
    let loss = Loss { first, last: sequence, reason: LossReason::DiskFull };
    let written = writer.losses()[0];
    // The refused attempts at `sequence` itself count until it was written.
    assert!(written.first == first && (last..=sequence).contains(&written.last), "{written:?}");
    let loss = Loss { last: written.last, ..loss };
    writer.close().unwrap();
    assert_eq!(losses_read(dir.path()), [loss]);
    let found = check(dir.path());
    assert_eq!(found.not_recorded, [loss]);
    let [hole] = found.findings.as_slice() else { panic!("{:#?}", found.findings) };
    assert_eq!(hole.what, "market data was not recorded, as the journal itself notes: disk full");
    assert_eq!((hole.log, hole.sequence, hole.next), (Some(Log::Market), first - 1, sequence));
    assert!(hole.file.starts_with("market/"), "{hole}");
    assert_eq!(hole.found, format!("4 sequences are missing, from {first} to {last}"));
    // What was recorded is whole: the same journal opens, and goes on.
    let (writer, recovery) = Writer::open(dir.path(), &config(8 << 10), 5).unwrap();
    assert_eq!((recovery.sequence_last, recovery.torn_bytes), (sequence + 1, 0));
    drop(writer);
}

#[test]
fn a_shorter_slot_does_not_slip_into_what_is_noted_as_missing() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut writer, _) = Writer::open_on(dir.path(), &config(8 << 10), 5, disk.clone()).unwrap();
    writer.set_epoch(1);
    append(&mut writer, 1, 1).unwrap();
    disk.full.store(true, Ordering::SeqCst);
    // A slot with the longest payload finds no room where one with less would.
    let long = |sequence: u64| {
        let mut slot = slot(sequence, u64::MAX);
        slot.input.payload_len = slot.input.payload.len() as _;
        slot
    };
    let mut first = 2;
    let refused = loop {
        assert!(first < 1000, "there is room for a few segments only");
        let slot = long(first);
        match writer.append(&slot, &SlotDigest::of(&slot)) {
            Ok(()) => first += 1,
            Err(error) => break error,
        }
    };
    assert!(refused.is_disk_full(), "{refused}");
    let short = super::super::encode::plan(&slot(first + 1, u64::MAX)).length;
    assert!(writer.lanes[Log::Market.index()].current.front.room() > short + SEAL_LENGTH, "a shorter one would fit");
    assert!(!market(&mut writer, first + 1), "the market log has a hole where nothing was said to be missing");
    append(&mut writer, first + 2, 1).unwrap();
    assert_eq!(writer.losses(), [Loss { first, last: first + 1, reason: LossReason::DiskFull }]);
    // Room again: the next segment takes slots of any length.
    disk.full.store(false, Ordering::SeqCst);
    let start = std::time::Instant::now();
    let mut next = first + 3;
    while !market(&mut writer, next) {
        assert!(start.elapsed().as_secs() < 5);
        next += 1;
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    append(&mut writer, next + 1, 1).unwrap();
    writer.close().unwrap();
    let found = check(dir.path());
    let last = if next == first + 3 { first + 1 } else { next - 1 };
    assert_eq!(found.not_recorded, [Loss { first, last, reason: LossReason::DiskFull }]);
    let [hole] = found.findings.as_slice() else { panic!("{:#?}", found.findings) };
    assert_eq!((hole.log, hole.sequence, hole.next), (Some(Log::Market), first - 1, next));
}

#[test]
fn a_loss_that_lasts_to_the_end_of_the_process_ends_with_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut writer, _) = Writer::open_on(dir.path(), &config(8 << 10), 5, disk.clone()).unwrap();
    writer.set_epoch(1);
    append(&mut writer, 1, 1).unwrap();
    disk.full.store(true, Ordering::SeqCst);
    let first = until_refused(&mut writer, 2);
    append(&mut writer, first + 5, 1).unwrap();
    // The process dies.
    drop(writer);
    disk.full.store(false, Ordering::SeqCst);
    let (mut writer, recovery) = Writer::open_on(dir.path(), &config(8 << 10), 5, disk).unwrap();
    assert_eq!((recovery.sequence_last, recovery.gap), (first + 5, Some((first, first + 4))));
    writer.set_epoch(2);
    append(&mut writer, first + 6, 1).unwrap();
    for sequence in first + 7..first + 40 {
        assert!(market(&mut writer, sequence));
    }
    assert_eq!(writer.losses(), []);
    writer.close().unwrap();
    let found = check(dir.path());
    assert_eq!(found.not_recorded, [Loss { first, last: first + 5, reason: LossReason::DiskFull }]);
    assert_eq!(losses_read(dir.path()), found.not_recorded);
    assert_eq!(found.findings_total, 1, "{:#?}", found.findings);
    assert!(found.findings[0].what.contains("disk full"), "{:#?}", found.findings);
    // A hole elsewhere is not explained by it.
    let path = super::super::disk::segment_path(dir.path(), Log::Market, 1);
    fs::remove_file(path).unwrap();
    let found = check(dir.path());
    assert!(found.findings.iter().any(|f| f.what == "sequences are in neither log" && f.sequence == 1), "{found:#?}");
}

#[test]
fn notes_wait_for_a_segment_of_the_audit_log_that_has_slots() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut writer, _) = Writer::open_on(dir.path(), &config(8 << 10), 5, disk.clone()).unwrap();
    writer.set_epoch(1);
    disk.full.store(true, Ordering::SeqCst);
    // Nothing was written to the audit log yet: a note may not begin it.
    let first = until_refused(&mut writer, 1);
    assert_eq!(losses_read(dir.path()), []);
    append(&mut writer, first + 1, 1).unwrap();
    assert_eq!(losses_read(dir.path()), [Loss { first, last: 0, reason: LossReason::DiskFull }]);
    writer.close().unwrap();
    let found = check(dir.path());
    assert_eq!(found.findings_total, 1, "{:#?}", found.findings);
    assert!(found.findings[0].what.contains("disk full"));
}

/// The room that is left in the audit log's segment.
fn room(writer: &Writer) -> usize {
    writer.lanes[Log::Audit.index()].current.front.room()
}

#[test]
fn a_loss_is_noted_at_once_wherever_the_audit_log_stands() {
    // However the process ends: closed, or killed.
    let ends = |close: bool| {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(TestDisk::default());
        let (mut writer, _) = Writer::open_on(dir.path(), &config(8 << 10), 5, disk.clone()).unwrap();
        writer.set_epoch(1);
        // An audit log without room for a note and the longest slot.
        let mut sequence = 0;
        while sequence == 0 || room(&writer) >= LENGTH_MAX + NOTE_LENGTH + SEAL_LENGTH {
            sequence += 1;
            append(&mut writer, sequence, 1).unwrap();
        }
        disk.full.store(true, Ordering::SeqCst);
        sequence += 1;
        let first = until_refused(&mut writer, sequence);
        assert!(writer.notes.is_empty());
        assert_eq!(losses_read(dir.path()), [Loss { first, last: 0, reason: LossReason::DiskFull }]);
        let mut last = first + 4;
        if close {
            writer.close().unwrap();
        } else {
            drop(writer);
        }
        disk.full.store(false, Ordering::SeqCst);
        let (mut writer, recovery) = Writer::open_on(dir.path(), &config(8 << 10), 5, disk).unwrap();
        assert_eq!(recovery.sequence_last, first - 1);
        writer.set_epoch(2);
        for sequence in [last + 1, last + 2] {
            append(&mut writer, sequence, 1).unwrap();
        }
        writer.close().unwrap();
        last = last.max(first);
        let found = check(dir.path());
        assert_eq!(found.not_recorded, [Loss { first, last, reason: LossReason::DiskFull }]);
        assert_eq!(found.findings_total, 1, "{:#?}", found.findings);
        assert!(found.findings[0].what.contains("as the journal itself notes: disk full"), "{:#?}", found.findings);
    };
    ends(true);
    ends(false);
}

#[test]
fn what_was_not_noted_is_told_apart_from_what_was_lost() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut writer, _) = Writer::open_on(dir.path(), &config(8 << 10), 5, disk.clone()).unwrap();
    writer.set_epoch(1);
    disk.full.store(true, Ordering::SeqCst);
    // Killed while the note waits: nothing was written to the audit log yet.
    let first = until_refused(&mut writer, 1);
    drop(writer);
    disk.full.store(false, Ordering::SeqCst);
    let (mut writer, _) = Writer::open_on(dir.path(), &config(8 << 10), 5, disk.clone()).unwrap();
    writer.set_epoch(2);
    append(&mut writer, first + 3, 1).unwrap();
    assert!(market(&mut writer, first + 4));
    writer.close().unwrap();
    // And a hole where there was room: nothing explains it.
    let (mut writer, _) = Writer::open_on(dir.path(), &config(8 << 10), 5, disk).unwrap();
    writer.set_epoch(3);
    assert!(market(&mut writer, first + 9));
    writer.close().unwrap();
    let found = check(dir.path());
    assert_eq!(found.not_recorded, []);
    let told: Vec<_> = found.findings.iter().map(|f| (f.what, f.sequence, f.next)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|f| f.0.contains("no room for them") && (f.1, f.2) == (first - 1, first + 3)), "{told:?}");
    assert!(told.contains(&("sequences are in neither log", first + 4, first + 9)), "{told:?}");
}
