//! Edge: recovery: finds where each log ends, cuts off a torn tail, refuses what a crash cannot explain.

use super::disk::{Disk, is_unused, remove_half_made, segment_numbers, segment_path};
use super::error::JournalError;
use super::heads::{Dropped, Head, mend_dropped, read_dropped, read_heads};
use super::record::{self, Hash, Log, Parsed};
use super::scan::{Unfinished, scan_open};
use super::segment::{Sealed, cut, read_sealed};
use crate::types::time::UnixNanos;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What `Writer::open` found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Epoch of the last record; 0 = the journal is new.
    pub epoch_last: u64,
    /// Last sequence of both logs; 0 = none.
    pub sequence_last: u64,
    /// Slots in both logs, without those that retention dropped.
    pub records: u64,
    /// Bytes of torn tails that were cut off.
    pub torn_bytes: u64,
    /// Where: `log/segment@offset`, both if there are two.
    pub torn_at: Option<String>,
    /// First and last sequence missing between the ends of the two logs, which a loss of power (never the death of
    /// the process) can leave.
    pub gap: Option<(u64, u64)>,
}

/// Where one log ends.
pub(super) struct LogState {
    pub log: Log,
    /// Number of the next segment.
    pub next: u64,
    /// Hash of the last record.
    pub hash: Hash,
    /// Last sequence; 0 = none.
    pub last: u64,
    pub epoch: u64,
    pub sealed: Vec<Sealed>,
}

/// Recovers both logs in `dir`. Looks at everything before it changes anything.
pub(super) fn recover(dir: &Path, now: UnixNanos, disk: &dyn Disk) -> Result<(Recovery, [LogState; 2]), JournalError> {
    let heads = read_heads(dir)?;
    mend_dropped(dir)?;
    let dropped = read_dropped(dir)?;
    let scans = [scan_log(dir, Log::Audit, &heads, &dropped, now)?, scan_log(dir, Log::Market, &heads, &dropped, now)?];
    let mut recovery = Recovery::default();
    let [audit, market] = scans.map(|scan| finish_log(dir, scan, &mut recovery, disk));
    let logs = [audit?, market?];
    for state in &logs {
        recovery.epoch_last = recovery.epoch_last.max(state.epoch);
        recovery.sequence_last = recovery.sequence_last.max(state.last);
        recovery.records += state.sealed.iter().map(|s| s.records).sum::<u64>();
    }
    recovery.gap = find_gap(dir, &logs)?;
    Ok((recovery, logs))
}

/// What was found in a log.
struct Scan {
    state: LogState,
    /// Files that are listed as dropped, and files without a record.
    remove: Vec<PathBuf>,
    unfinished: Vec<Unfinished>,
}

fn scan_log(dir: &Path, log: Log, heads: &[Head], dropped: &[Dropped], now: UnixNanos) -> Result<Scan, JournalError> {
    let last_dropped = dropped.iter().rfind(|d| d.log == log);
    let mut state = LogState {
        log,
        next: last_dropped.map_or(1, |d| d.segment + 1),
        hash: last_dropped.map_or([0; 32], |d| d.hash),
        last: last_dropped.map_or(0, |d| d.last),
        epoch: 0,
        sealed: Vec::new(),
    };
    let numbers = segment_numbers(dir, log)?;
    let mut scan_remove = Vec::new();
    let mut unfinished: Vec<Unfinished> = Vec::new();
    let mut ended = false;
    for &number in &numbers {
        let path = segment_path(dir, log, number);
        if number < state.next {
            // A crash came between the line in the list and the removal.
            scan_remove.push(path);
            continue;
        }
        let corrupt = |offset: usize, sequence: u64, what| JournalError::Corrupt {
            segment: path.clone(),
            offset: offset as u64,
            sequence,
            what,
        };
        if ended {
            // Nothing may follow the end of the log but files that were made ahead and never used.
            if is_unused(&path).map_err(JournalError::io("read", &path))? {
                scan_remove.push(path);
                continue;
            }
            return Err(corrupt(0, state.last, "a used segment follows one that does not end with its seal"));
        }
        if number != state.next {
            return Err(corrupt(0, state.last, "the segment before this one is missing"));
        }
        let sealed = if let Some(sealed) = read_sealed(&path, log, number)? {
            if sealed.previous != state.hash {
                return Err(corrupt(0, state.last, "the chain does not continue from the segment before"));
            }
            sealed
        } else {
            let found =
                scan_open(&path, fs::read(&path).map_err(JournalError::io("read", &path))?, number, &state, now)?;
            ended = found.added > 0 || found.sealed.is_none();
            let sealed = found.sealed;
            if sealed.is_some() || found.torn > 0 {
                unfinished.push(found);
            } else {
                scan_remove.push(path.clone());
            }
            let Some(sealed) = sealed else { continue };
            sealed
        };
        if sealed.records > 0 && sealed.first <= state.last || sealed.last < sealed.first {
            return Err(corrupt(0, state.last, "sequences of the segment do not follow those before"));
        }
        state.hash = sealed.hash;
        state.last = sealed.last;
        state.epoch = state.epoch.max(sealed.epoch);
        state.next = number + 1;
        state.sealed.push(sealed);
    }
    check_head(dir, &state, heads, last_dropped)?;
    Ok(Scan { state, remove: scan_remove, unfinished })
}

/// The log must reach, and agree with, the head that its writer recorded.
fn check_head(dir: &Path, state: &LogState, heads: &[Head], dropped: Option<&Dropped>) -> Result<(), JournalError> {
    let Some(head) = heads.iter().find(|h| h.log == state.log && h.sequence > 0) else { return Ok(()) };
    let known = state.sealed.iter().any(|s| s.last == head.sequence && s.hash == head.hash)
        || dropped.is_some_and(|d| d.last >= head.sequence);
    if known {
        return Ok(());
    }
    let what = if state.last < head.sequence {
        "the log ends before the head that heads.json records: its end was cut off"
    } else {
        "the log does not contain the head that heads.json records"
    };
    Err(JournalError::Corrupt {
        segment: segment_path(dir, state.log, state.next.saturating_sub(1).max(1)),
        offset: 0,
        sequence: state.last,
        what,
    })
}

/// Does to the disk what the scan of a log decided.
fn finish_log(dir: &Path, scan: Scan, recovery: &mut Recovery, disk: &dyn Disk) -> Result<LogState, JournalError> {
    let Scan { state, remove, unfinished } = scan;
    remove_half_made(dir, state.log)?;
    for found in unfinished {
        let path = &found.path;
        if found.torn > 0 {
            let at = format!("{}/{}@{}", state.log.name(), found.number, found.bytes.len() - found.added);
            recovery.torn_bytes += found.torn;
            recovery.torn_at = Some(recovery.torn_at.take().map_or(at.clone(), |before| format!("{before}, {at}")));
        }
        if found.bytes.is_empty() {
            fs::remove_file(path).map_err(JournalError::io("remove", path))?;
            continue;
        }
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(JournalError::io("open", path))?;
        file.write_all_at(&found.bytes, 0).map_err(JournalError::io("write", path))?;
        cut(&file, path, found.bytes.len() as u64, disk).map_err(|fault| fault.error())?;
    }
    for path in remove {
        fs::remove_file(&path).map_err(JournalError::io("remove", &path))?;
    }
    Ok(state)
}

/// The sequences missing behind the log that ends first: all of them must be in the other one.
fn find_gap(dir: &Path, logs: &[LogState; 2]) -> Result<Option<(u64, u64)>, JournalError> {
    let [audit, market] = logs;
    let (short, long) = if audit.last < market.last { (audit, market) } else { (market, audit) };
    let mut expected = short.last + 1;
    let mut gap: Option<(u64, u64)> = None;
    let mut see = |first: u64, last: u64, expected: &mut u64| {
        if first > *expected {
            gap = Some((gap.map_or(*expected, |g| g.0), first - 1));
        }
        *expected = (*expected).max(last + 1);
    };
    for sealed in &long.sealed {
        if sealed.last < expected {
            continue;
        }
        if sealed.last - sealed.first + 1 == sealed.records {
            see(sealed.first.max(expected), sealed.last, &mut expected);
            continue;
        }
        let path = segment_path(dir, long.log, sealed.number);
        let bytes = fs::read(&path).map_err(JournalError::io("read", &path))?;
        let mut at = 0;
        while let Parsed::Record(record) = record::parse(&bytes[at..]) {
            if record.is_slot() && record.header.sequence >= expected {
                see(record.header.sequence, record.header.sequence, &mut expected);
            }
            at += record.bytes.len();
        }
    }
    Ok(gap)
}
