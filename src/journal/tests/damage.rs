//! Edge: tests: what crashes leave, and what they cannot have left.

use super::super::disk::segment_path;
use super::super::record::{Parsed, parse};
use super::*;
use rand_core::Rng;
use rand_core::SeedableRng;

/// Seed of the random faults: `TICKPATH_TEST_SEED`, or the same each time. Shown when a test fails.
pub(super) fn seed() -> u64 {
    let seed = std::env::var("TICKPATH_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed);
    println!("TICKPATH_TEST_SEED={seed}");
    seed
}

/// Bytes of the segment's records up to its zeros.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|b| *b != 0).map_or(0, |p| p + 1).next_multiple_of(32)
}

/// Where each record ends, and its sequence.
fn ends(bytes: &[u8]) -> Vec<(usize, u64)> {
    let (mut at, mut ends) = (0, Vec::new());
    while let Parsed::Record(record) = parse(&bytes[at..]) {
        at += record.bytes.len();
        if record.is_slot() {
            ends.push((at, record.header.sequence));
        }
    }
    ends
}

/// A journal whose writer died, of which one segment is to be damaged: the last of `log`.
struct Crashed {
    dir: tempfile::TempDir,
    log: Log,
    /// Files by their path in the folder, as the crash left them.
    files: Vec<(std::path::PathBuf, Vec<u8>)>,
    path: std::path::PathBuf,
    /// The last segment as the crash left it.
    bytes: Vec<u8>,
    /// The last sequence in the segments before it.
    before: u64,
}

impl Crashed {
    /// 60 slots, all in `log`, with the chain filled in or not; if `further`, behind 90 of an earlier process.
    fn new(log: Log, chained: bool, further: bool) -> Self {
        let every = if log == Log::Market { u64::MAX } else { 1 };
        let dir = tempfile::tempdir().unwrap();
        let before = if further { closed(dir.path(), 16 << 10, 90, every).sequence_last } else { 0 };
        let bytes = if log == Log::Market { 16 << 10 } else { 48 << 10 };
        let home = tempfile::tempdir().unwrap();
        copy(dir.path(), home.path());
        let disk = std::sync::Arc::new(TestDisk::default());
        let (mut writer, _) = Writer::open_on(home.path(), &config(bytes), 0, disk).unwrap();
        writer.set_epoch(2);
        for sequence in before + 1..=before + 60 {
            append(&mut writer, sequence, every).unwrap();
        }
        while chained && writer.heads().iter().all(|h| h.sequence < before + 60) {
            std::thread::yield_now();
        }
        fs::remove_dir_all(dir.path()).unwrap();
        copy(home.path(), dir.path());
        let mut files = Vec::new();
        for log in Log::ALL {
            for number in super::super::disk::segment_numbers(dir.path(), log).unwrap() {
                let path = segment_path(dir.path(), log, number);
                let bytes = fs::read(&path).unwrap();
                if bytes.iter().any(|b| *b != 0) {
                    files.push((path, bytes));
                } else {
                    fs::remove_file(path).unwrap();
                }
            }
        }
        let (path, bytes) =
            files.iter().rfind(|(path, _)| path.parent().unwrap().ends_with(log.name())).unwrap().clone();
        assert_eq!(ends(&bytes).len(), 60);
        Self { dir, log, files, path, bytes, before }
    }

    /// Puts `bytes` in place of the last segment and recovers: what was found, or the error.
    fn recover_with(&self, bytes: &[u8]) -> Result<Recovery, JournalError> {
        let dir = self.dir.path();
        for (path, bytes) in self.files.iter().filter(|(path, _)| *path != self.path) {
            if fs::metadata(path).map_or(0, |m| m.len()) != bytes.len() as u64 {
                fs::write(path, bytes).unwrap();
            }
        }
        // A new file: some file systems write one out at once that was cut to nothing and written again.
        let _ = fs::remove_file(&self.path);
        fs::write(&self.path, bytes).unwrap();
        let recovery = recover(dir);
        let after = fs::read(&self.path).ok();
        match &recovery {
            Err(_) => assert_eq!(after.as_deref(), Some(bytes), "corruption was changed"),
            Ok(recovery) if recovery.records > self.before => {
                let found = check(dir);
                assert_eq!((found.findings.as_slice(), found.records), (&[] as &[_], recovery.records));
            }
            Ok(_) => assert_eq!(after, None, "nothing in it"),
        }
        recovery
    }

    /// All the tails that the two tests below make: first one, then the other log, chained or not, alone or further on.
    fn all() -> impl Iterator<Item = Self> {
        [(Log::Market, true, false), (Log::Market, false, true), (Log::Audit, true, true), (Log::Audit, false, false)]
            .into_iter()
            .map(|(log, chained, further)| Self::new(log, chained, further))
    }
}

/// Puts `bytes` in place of a crashed journal's only market segment and recovers: the last sequence, or the error.
fn recover_with(dir: &Path, bytes: &[u8]) -> Result<Recovery, JournalError> {
    fs::create_dir_all(dir.join("audit")).unwrap();
    fs::create_dir_all(dir.join("market")).unwrap();
    super::super::heads::write_heads(dir, &[]).unwrap();
    let path = segment_path(dir, Log::Market, 1);
    let _ = fs::remove_file(&path);
    fs::write(&path, bytes).unwrap();
    let recovery = recover(dir);
    let after = fs::read(&path).ok();
    match &recovery {
        Err(_) => assert_eq!(after.as_deref(), Some(bytes), "corruption was changed"),
        Ok(_) => assert!(check(dir).is_clean()),
    }
    recovery
}

fn image(last: u64, chained: bool) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    crashed(dir.path(), 16 << 10, last, u64::MAX, chained);
    fs::read(segment_path(dir.path(), Log::Market, 1)).unwrap()
}

#[test]
fn a_tail_cut_at_every_byte_recovers_exactly_the_whole_records() {
    for crashed in Crashed::all() {
        let bytes = &crashed.bytes;
        let (end, ends) = (used(bytes), ends(bytes));
        let mut cuts = 0;
        // Cut to a length (a file system that lost it), or never written.
        for (cut, zeros) in (end - 4096..=end).flat_map(|cut| [(cut, false), (cut, true)]) {
            let mut torn = bytes.clone();
            if zeros {
                torn[cut..].fill(0);
            } else {
                torn.truncate(cut);
            }
            let recovery = crashed.recover_with(&torn).unwrap();
            // A record whose last bytes are zero anyway may be whole although it was cut.
            let expected = ends.iter().filter(|(end, _)| *end <= cut || zeros && bytes[cut..*end] == torn[cut..*end]);
            let expected = expected.map(|e| e.1).max().unwrap_or(crashed.before);
            assert_eq!((recovery.sequence_last, recovery.records), (expected, expected), "cut at {cut}");
            let whole = ends.iter().rfind(|e| e.1 == expected).unwrap().0;
            let left = torn.iter().rposition(|b| *b != 0).map_or(0, |p| p + 1).saturating_sub(whole) as u64;
            assert_eq!(recovery.torn_bytes, left, "cut at {cut}");
            assert_eq!(recovery.torn_at.is_some(), left > 0);
            cuts += 1;
        }
        println!(
            "{:?} log, behind sequence {}: {cuts} cuts, each recovered to its whole records",
            crashed.log, crashed.before
        );
    }
}

#[test]
fn a_sector_of_the_tail_that_was_not_written_back_ends_the_log_there() {
    for crashed in Crashed::all() {
        let bytes = &crashed.bytes;
        let (end, ends) = (used(bytes), ends(bytes));
        for sector in (end / 512 - 8)..=(end / 512) {
            let mut torn = bytes.clone();
            torn[sector * 512..(sector + 1) * 512].fill(0);
            let recovery = crashed.recover_with(&torn).unwrap();
            let expected = ends.iter().rfind(|e| e.0 <= sector * 512).unwrap().1;
            assert_eq!((recovery.sequence_last, recovery.records), (expected, expected), "sector {sector}");
        }
    }
}

#[test]
fn a_sector_that_was_on_the_disk_before_is_corruption() {
    let home = tempfile::tempdir().unwrap();
    let (mut writer, _) =
        Writer::open_on(home.path(), &config(16 << 10), 0, std::sync::Arc::new(TestDisk::default())).unwrap();
    for sequence in 1..=60 {
        append(&mut writer, sequence, u64::MAX).unwrap();
        if sequence == 50 {
            writer.sync().unwrap();
        }
    }
    let bytes = fs::read(segment_path(home.path(), Log::Market, 1)).unwrap();
    let ends = ends(&bytes);
    let dir = tempfile::tempdir().unwrap();
    for sector in 0..used(&bytes) / 512 {
        let mut torn = bytes.clone();
        torn[sector * 512..(sector + 1) * 512].fill(0);
        let whole = ends.iter().filter(|e| e.0 <= sector * 512).count();
        match recover_with(dir.path(), &torn) {
            Ok(recovery) => assert!(whole >= 50 && recovery.sequence_last == whole as u64, "sector {sector}"),
            Err(error) => {
                assert!(whole < 50, "sector {sector}: {error}");
                let JournalError::Corrupt { sequence, .. } = error else { panic!("{error}") };
                assert_eq!(sequence, whole as u64);
            }
        }
    }
}

#[test]
fn bit_flips_in_the_middle_are_found_and_never_cut_off() {
    const FLIPS: usize = 1200;
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(seed());
    let dir = tempfile::tempdir().unwrap();
    for chained in [true, false] {
        let bytes = image(60, chained);
        let last_start = ends(&bytes)[58].0;
        for _ in 0..FLIPS / 2 {
            let bit = random.next_u64() as usize % (last_start * 8);
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let outcome = recover_with(dir.path(), &flipped);
            assert!(matches!(outcome, Err(JournalError::Corrupt { .. })), "bit {bit}: {outcome:?}");
        }
    }
}

#[test]
fn bit_flips_anywhere_in_a_closed_journal_are_found() {
    const FLIPS: usize = 1200;
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(seed() + 1);
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 8 << 10, 150, 10);
    let mut files = Vec::new();
    for log in Log::ALL {
        for number in super::super::disk::segment_numbers(dir.path(), log).unwrap() {
            let path = segment_path(dir.path(), log, number);
            let bytes = fs::read(&path).unwrap();
            files.push((path, bytes));
        }
    }
    assert!(files.len() >= 5);
    let mut refused = 0;
    for i in 0..FLIPS {
        let (path, bytes) = &files[i % files.len()];
        let bit = random.next_u64() as usize % (bytes.len() * 8);
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::remove_file(path).unwrap();
        fs::write(path, &flipped).unwrap();
        assert!(!check(dir.path()).is_clean(), "{} bit {bit}", path.display());
        if i % 4 == 0 {
            match recover(dir.path()) {
                Err(JournalError::Corrupt { .. }) => refused += 1,
                // The bodies of sealed segments are left to verify.
                Ok(recovery) => assert_eq!((recovery.records, recovery.torn_bytes), (150, 0)),
                Err(error) => panic!("{error}"),
            }
            assert_eq!(fs::read(path).unwrap(), flipped, "it was changed");
        }
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    }
    assert!(refused > 0);
    clean(dir.path(), 150);
}

#[test]
fn a_power_loss_that_takes_more_of_the_market_log_is_reported_as_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    crashed(dir.path(), 32 << 10, 105, 10, true);
    let path = segment_path(dir.path(), Log::Market, 1);
    let mut bytes = fs::read(&path).unwrap();
    let ends = ends(&bytes);
    let kept = ends.iter().rfind(|e| e.1 < 60).unwrap();
    assert_eq!(kept.1, 59);
    bytes[kept.0..].fill(0);
    fs::write(&path, &bytes).unwrap();
    let recovery = recover(dir.path()).unwrap();
    assert_eq!((recovery.sequence_last, recovery.gap), (100, Some((61, 99))));
    let found = check(dir.path());
    // One finding, with its place: where the market log ends.
    let [hole] = found.findings.as_slice() else { panic!("{:#?}", found.findings) };
    let end = fs::metadata(&path).unwrap().len();
    assert_eq!((hole.what, hole.file.as_str()), ("sequences are in neither log", "market/0000000001.seg"));
    assert!(hole.offset <= end && hole.offset >= kept.0 as u64, "{hole}");
    assert_eq!((hole.sequence, hole.next), (60, 100));
    assert_eq!(hole.found, "36 sequences are missing, from 61 to 99");
}

/// Not a test by itself: what `kill -9` is done to. Appends until it dies, telling what was acknowledged.
#[test]
fn child_that_appends_until_it_is_killed() {
    use std::io::Write;
    let Ok(dir) = std::env::var("TICKPATH_TEST_JOURNAL_CHILD") else { return };
    let (mut writer, recovery) = Writer::open(Path::new(&dir), &config(256 << 10), 0).unwrap();
    writer.set_epoch(recovery.epoch_last + 1);
    let mut out = std::io::stdout();
    for sequence in recovery.sequence_last + 1.. {
        append(&mut writer, sequence, 13).unwrap();
        if sequence % 64 == 0 {
            writeln!(out, "acknowledged {sequence}").unwrap();
            out.flush().unwrap();
        }
    }
}

#[test]
fn after_a_kill_every_acknowledged_record_is_there() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().unwrap();
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(seed() + 2);
    for round in 1..=8u64 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::tests::damage::child_that_appends_until_it_is_killed", "--nocapture"])
            .env("TICKPATH_TEST_JOURNAL_CHILD", dir.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = 1 + random.next_u64() % 100;
        let mut acknowledged = 0;
        let mut read = |line: String| {
            acknowledged = line.strip_prefix("acknowledged ").and_then(|n| n.parse().ok()).unwrap_or(acknowledged);
            acknowledged
        };
        let mut count = 0;
        while count < wanted {
            let line = lines.next().expect("the child ended by itself").unwrap();
            count += u64::from(line.starts_with("acknowledged"));
            read(line);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            read(line);
        }
        assert!(check(dir.path()).is_clean(), "before recovery: {:?}", check(dir.path()).findings);
        let (_, logs) = super::super::recovery::recover(dir.path(), 7, &TestDisk::default()).unwrap();
        let last = logs.iter().map(|l| l.last).max().unwrap();
        assert!(last >= acknowledged, "round {round}: {acknowledged} was acknowledged, {last} is there");
        read_all(dir.path(), 1, last, 13);
        clean(dir.path(), last);
    }
}
