//! Edge: tests: the life of a journal: append, rotate, close, open again, full disk, broken disk.

use super::super::disk::DirLock;
use super::*;
use std::sync::Arc;

#[test]
fn what_is_appended_is_read_back_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut last = 0;
    for epoch in 1..=3 {
        let (mut writer, recovery) = Writer::open(dir, &config(16 << 10), 5).unwrap();
        let expected = Recovery { epoch_last: epoch - 1, sequence_last: last, records: last, ..Recovery::default() };
        assert_eq!(recovery, expected);
        writer.set_epoch(epoch);
        for sequence in last + 1..=last + 300 {
            append(&mut writer, sequence, 7).unwrap();
        }
        last += 300;
        assert_eq!((writer.last_sequence(), writer.synced_to()), (last, last - 300));
        assert_eq!(writer.sync().unwrap(), last);
        assert_eq!(writer.synced_to(), last);
        read_all(dir, 1, last, 7);
        let summary = writer.close().unwrap();
        assert_eq!((summary.records, summary.sequence_last), (300, last));
        let heads = read_heads(dir).unwrap();
        assert_eq!(heads, summary.heads);
        read_all(dir, 1, last, 7);
        clean(dir, last);
        assert!(verify_against(dir, &heads).unwrap().is_clean());
    }
    // The audit log alone.
    let mut reader = Reader::audit_only(dir).unwrap();
    let mut entry = Entry::default();
    for sequence in (7..=last).step_by(7) {
        assert!(reader.next(&mut entry).unwrap());
        same(&entry, sequence, 7);
    }
    assert!(!reader.next(&mut entry).unwrap());
    // Opened and closed without a slot: nothing is left behind.
    let files = |log: &str| fs::read_dir(dir.join(log)).unwrap().count();
    let before = (files("audit"), files("market"));
    Writer::open(dir, &config(16 << 10), 5).unwrap().0.close().unwrap();
    assert_eq!((files("audit"), files("market")), before);
    clean(dir, last);
}

#[test]
fn a_dropped_writer_leaves_what_recovery_finishes() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), &config(8 << 10), 5).unwrap();
    writer.set_epoch(4);
    for sequence in 1..=200 {
        append(&mut writer, sequence, 9).unwrap();
    }
    drop(writer);
    let (mut writer, recovery) = Writer::open(dir.path(), &config(8 << 10), 5).unwrap();
    assert_eq!(recovery, Recovery { epoch_last: 4, sequence_last: 200, records: 200, ..Recovery::default() });
    writer.set_epoch(5);
    append(&mut writer, 201, 9).unwrap();
    writer.close().unwrap();
    read_all(dir.path(), 1, 201, 9);
    clean(dir.path(), 201);
}

#[test]
fn sequences_must_rise_and_sizes_must_work() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), &config(8 << 10), 5).unwrap();
    append(&mut writer, 5, 9).unwrap();
    for found in [4, 5] {
        assert!(matches!(append(&mut writer, found, 9), Err(JournalError::Sequence { last: 5, .. })));
    }
    drop(writer);
    for bytes in [0, (8 << 10) - 1, (1 << 30) + 1] {
        assert!(matches!(Writer::open(dir.path(), &config(bytes), 5), Err(JournalError::Config { .. })));
    }
    let text = "segment_bytes_audit = 9000\ndurability = \"synced\"";
    let parsed: Config = toml::from_str(text).unwrap();
    assert_eq!((parsed.segment_bytes_audit, parsed.durability), (9000, Durability::Synced));
    assert!(toml::from_str::<Config>("segment_byte = 1").is_err());
}

#[test]
fn two_writers_are_refused_with_the_pid_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, _) = Writer::open(dir.path(), &config(8 << 10), 5).unwrap();
    let Err(JournalError::Locked { holder, .. }) = Writer::open(dir.path(), &config(8 << 10), 5) else {
        panic!("the second writer was let in")
    };
    assert_eq!(holder, std::process::id().to_string());
    drop(writer);
    DirLock::take(dir.path()).unwrap();
}

#[test]
fn a_directory_that_cannot_be_is_an_error_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = Writer::open(&file.join("journal"), &config(8 << 10), 5).err().unwrap();
    assert!(matches!(&error, JournalError::Io { operation: "create the directory", .. }), "{error}");
    assert!(error.to_string().contains("file/journal"), "{error}");
    assert!(matches!(Reader::open(&dir.path().join("none")), Err(JournalError::Io { .. })));
    if rustix::process::getuid().is_root() {
        println!("skipped: root may write to a read-only directory");
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    assert!(matches!(Writer::open(&dir.path().join("j"), &config(8 << 10), 5), Err(JournalError::Io { .. })));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_full_disk_stops_the_market_log_and_spares_the_audit_log() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut writer, _) = Writer::open_on(dir.path(), &config(8 << 10), 5, disk.clone()).unwrap();
    writer.set_epoch(1);
    disk.full.store(true, Ordering::SeqCst);
    let mut sequence = 0;
    // Market: the current segment and perhaps one that was made ahead.
    let error = loop {
        sequence += 1;
        match append(&mut writer, sequence, u64::MAX) {
            Ok(()) => assert!(sequence < 100, "there is room for two segments only"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::DiskFull { bytes: 8192, .. }), "{error}");
    assert!(error.to_string().contains("market/"), "{error}");
    // Audit goes on for at least a whole segment more, which holds 11 of these.
    for _ in 0..14 {
        append(&mut writer, sequence, 1).unwrap();
        sequence += 1;
    }
    assert!(append(&mut writer, sequence, u64::MAX).is_err());
    assert!(!writer.is_faulted());
    // When there is room again, it works again.
    disk.full.store(false, Ordering::SeqCst);
    let start = std::time::Instant::now();
    while append(&mut writer, sequence, u64::MAX).is_err() {
        assert!(start.elapsed().as_secs() < 5);
        std::thread::yield_now();
    }
    writer.close().unwrap();
    clean(dir.path(), sequence);
    disk.full.store(true, Ordering::SeqCst);
    assert!(Writer::open_on(dir.path(), &config(8 << 10), 5, disk).err().unwrap().is_disk_full());
}

#[test]
fn a_tmpfs_that_fills_up_is_an_error_not_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = rustix::process::getuid().is_root()
        && std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tickpath-test"])
            .arg(dir.path())
            .output()
            .is_ok_and(|o| o.status.success());
    if !mounted {
        println!("skipped: a tmpfs cannot be mounted here");
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        let (mut writer, _) = Writer::open(dir.path(), &config(128 << 10), 5).unwrap();
        writer.set_epoch(1);
        let mut appended = 0;
        let error = loop {
            match append(&mut writer, appended + 1, u64::MAX) {
                Ok(()) => appended += 1,
                Err(error) => break error,
            }
        };
        assert!(error.is_disk_full(), "{error}");
        append(&mut writer, appended + 1, 1).unwrap();
        drop(writer);
        let mut reader = Reader::open(dir.path()).unwrap();
        let mut entry = Entry::default();
        for sequence in 1..=appended {
            assert!(reader.next(&mut entry).unwrap());
            same(&entry, sequence, u64::MAX);
        }
        assert!(reader.next(&mut entry).unwrap());
        same(&entry, appended + 1, 1);
        assert!(!reader.next(&mut entry).unwrap());
    });
    let unmounted = std::process::Command::new("umount").arg(dir.path()).status();
    assert!(unmounted.is_ok_and(|s| s.success()));
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_failed_sync_is_final() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let config = Config { durability: Durability::Synced, ..config(8 << 10) };
    let (mut writer, _) = Writer::open_on(dir.path(), &config, 5, disk.clone()).unwrap();
    append(&mut writer, 1, 9).unwrap();
    assert_eq!(writer.sync().unwrap(), 1);
    append(&mut writer, 2, 9).unwrap();
    disk.broken.store(true, Ordering::SeqCst);
    assert!(matches!(writer.sync(), Err(JournalError::Io { operation: "sync", .. })));
    assert!(writer.is_faulted());
    // The disk says that all is well now. It is not believed.
    assert!(writer.sync().is_err());
    assert!(matches!(append(&mut writer, 3, 9), Err(JournalError::Io { operation: "sync", .. })));
    assert_eq!(writer.synced_to(), 1);
    assert!(writer.close().is_err());
    let recovery = recover(dir.path()).unwrap();
    assert_eq!(recovery.sequence_last, 2);
}

#[test]
fn a_reader_follows_a_writer_over_rotations() {
    const LAST: u64 = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), &config(64 << 10), 5).unwrap();
    writer.set_epoch(1);
    let path = dir.path().to_path_buf();
    let follower = std::thread::spawn(move || {
        let mut reader = Reader::open(&path).unwrap();
        let mut entry = Entry::default();
        for sequence in 1..=LAST {
            while !reader.next(&mut entry).unwrap() {
                std::thread::yield_now();
            }
            same(&entry, sequence, 11);
        }
        assert!(!reader.next(&mut entry).unwrap());
    });
    for sequence in 1..=LAST {
        append(&mut writer, sequence, 11).unwrap();
    }
    follower.join().unwrap();
    writer.close().unwrap();
    clean(dir.path(), LAST);
    // From any place, without what lies before it.
    for behind in [0, 1, 2, 77, 9_999, 10_000, 10_001, LAST - 1, LAST, LAST + 5] {
        let mut reader = Reader::open_behind(dir.path(), behind).unwrap();
        let mut entry = Entry::default();
        for sequence in behind + 1..=LAST.min(behind + 500) {
            assert!(reader.next(&mut entry).unwrap(), "{behind}: {sequence}");
            same(&entry, sequence, 11);
        }
        if behind + 500 > LAST {
            assert!(!reader.next(&mut entry).unwrap(), "{behind}");
        }
    }
}

#[test]
fn retention_drops_the_oldest_and_the_chain_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { retention_bytes_market: 20 << 10, ..config(8 << 10) };
    let mut last = 0;
    for _ in 0..2 {
        let (mut writer, recovery) = Writer::open(dir.path(), &config, 5).unwrap();
        assert_eq!(recovery.sequence_last, last);
        for sequence in last + 1..=last + 500 {
            append(&mut writer, sequence, 50).unwrap();
        }
        last += 500;
        writer.close().unwrap();
        let found = check(dir.path());
        assert!(found.is_clean(), "{:?}", found.findings);
        assert!(found.dropped > 0 && found.records < last);
        let kept: u64 =
            fs::read_dir(dir.path().join("market")).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!(kept <= 20 << 10, "{kept}");
    }
    let dropped = read_dropped(dir.path()).unwrap();
    assert!(dropped.windows(2).all(|w| w[0].segment + 1 == w[1].segment && w[0].last < w[1].first));
    let mut reader = Reader::open(dir.path()).unwrap();
    let mut entry = Entry::default();
    let mut sequences = Vec::new();
    while reader.next(&mut entry).unwrap() {
        same(&entry, entry.sequence, 50);
        sequences.push(entry.sequence);
    }
    let gone = dropped.last().unwrap().last;
    let expected: Vec<u64> = (1..=last).filter(|s| *s > gone || s % 50 == 0).collect();
    assert_eq!(sequences, expected);
    // The next segment removed by hand is not policy.
    fs::remove_file(super::super::disk::segment_path(dir.path(), Log::Market, dropped.last().unwrap().segment + 1))
        .unwrap();
    assert!(!check(dir.path()).is_clean());
}

#[test]
fn meta_files_are_replaced_whole_and_stay_in_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    write_meta(dir.path(), "config-1.toml", b"one").unwrap();
    write_meta(dir.path(), "config-1.toml", b"two").unwrap();
    assert_eq!(fs::read(dir.path().join("config-1.toml")).unwrap(), b"two");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    for name in ["", ".", "..", "a/b", "../x", "lock", "heads.json", "dropped.jsonl", ".hidden"] {
        assert!(matches!(write_meta(dir.path(), name, b""), Err(JournalError::Name { .. })), "{name}");
    }
}

#[test]
fn a_running_journal_verifies_clean_and_the_writer_may_change_its_thread() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { retention_bytes_market: 256 << 10, ..config(32 << 10) };
    let (mut writer, _) = Writer::open_on(dir.path(), &config, 5, Arc::new(TestDisk::default())).unwrap();
    writer.set_epoch(1);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        let mut sequence = 0;
        while !stopped.load(Ordering::Relaxed) {
            sequence += 1;
            append(&mut writer, sequence, 3).unwrap();
            if sequence % 20 == 0 {
                std::thread::sleep(std::time::Duration::from_micros(500));
            }
        }
        writer.close().unwrap()
    });
    // Thirty checks, and on until the writer has written something worth checking.
    let (mut checks, mut seen) = (0, 0);
    while checks < 30 || seen < 1_000 {
        let found = check(dir.path());
        assert!(found.is_clean(), "{:#?}", found.findings);
        (checks, seen) = (checks + 1, found.sequence_last);
    }
    stop.store(true, Ordering::Relaxed);
    let summary = thread.join().unwrap();
    let found = verify_against(dir.path(), &summary.heads).unwrap();
    assert!(found.is_clean(), "{:#?}", found.findings);
    assert_eq!((found.sequence_last, found.heads.as_slice()), (summary.sequence_last, summary.heads.as_slice()));
}

#[test]
fn how_far_a_reader_is_behind_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), &config(16 << 10), 5).unwrap();
    for sequence in 1..=600 {
        append(&mut writer, sequence, 7).unwrap();
    }
    writer.sync().unwrap();
    let (mut reader, mut entry) = (Reader::open(dir.path()).unwrap(), Entry::default());
    let behind = |reader: &Reader| bytes_between(dir.path(), &reader.places(), &writer.places()).unwrap();
    let mut last = behind(&reader);
    assert!(last > 600 * 128, "{last}");
    while reader.next(&mut entry).unwrap() {
        let now = behind(&reader);
        assert!(now < last, "{}: {now} after {last}", entry.sequence);
        last = now;
    }
    assert_eq!((entry.sequence, last), (600, 0));
}
