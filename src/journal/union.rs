//! Edge: the two logs together: every sequence is in exactly one of them, or it is known why not; and what is missing gets
//! a place.

use super::disk::segment_name;
use super::finding::{self, Finding, Kind, Verification};
use super::loss::{Loss, LossReason};
use super::record::Log;
use super::walk::Walk;
use std::collections::BTreeMap;

/// A run of consecutive sequences in one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub first: u64,
    pub last: u64,
    /// Where its first record stands.
    pub segment: u64,
    pub offset: u64,
}

/// A place in a log where records may be missing: something was found there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Break {
    /// The last sequence before it.
    pub before: u64,
    /// The first one behind it; 0 = none.
    pub after: u64,
    pub segment: u64,
    pub offset: u64,
}

/// Missing sequences that belong together: one place, one reason.
struct Hole {
    first: u64,
    last: u64,
    count: u64,
}

/// Which hole missing sequences belong to: the index of the loss that explains it (or one of the two below), the log, the
/// place.
type Key = (u64, usize, u64, u64);

/// No note explains the hole.
const NO_LOSS: u64 = u64::MAX;
/// None does, but the market log had no room there, and nothing says that something was there.
const NO_ROOM: u64 = u64::MAX - 1;

/// The runs of a log in order and without overlaps: a copied segment has its sequences twice.
fn merged(runs: &[Run]) -> Vec<Run> {
    let mut sorted = runs.to_vec();
    sorted.sort_by_key(|run| run.first);
    let mut merged: Vec<Run> = Vec::with_capacity(sorted.len());
    for run in sorted {
        match merged.last_mut() {
            Some(before) if run.first <= before.last => before.last = before.last.max(run.last),
            _ => merged.push(run),
        }
    }
    merged
}

/// Checks the union of both logs, up to which `dropped_to` retention explains holes, and behind `complete_to` a running
/// writer does.
pub(super) fn check(out: &mut Verification, audit: &Walk, market: &Walk, dropped_to: u64, complete_to: u64) {
    let logs = [merged(&audit.runs), merged(&market.runs)];
    check_overlap(out, &logs);
    let mut all = logs.concat();
    all.sort_by_key(|run| run.first);
    out.sequence_first = all.first().map_or(0, |run| run.first);
    let losses = audit.losses.all();
    let mut holes: BTreeMap<Key, Hole> = BTreeMap::new();
    let mut last = 0;
    for run in &all {
        let from = last.max(dropped_to) + 1;
        if run.first > from && last < complete_to {
            let (first, end) = (from, run.first.saturating_sub(1));
            let key = key_of([audit, market], &logs[Log::Market.index()], losses, first, end);
            let hole = holes.entry(key).or_insert(Hole { first, last: end, count: 0 });
            hole.last = end;
            hole.count += end - first + 1;
        }
        last = last.max(run.last);
    }
    for ((loss, log, segment, offset), hole) in holes {
        let kind = match loss {
            NO_ROOM => finding::NOT_NOTED,
            _ => kind_of(usize::try_from(loss).ok().and_then(|i| losses.get(i))),
        };
        let log = Log::ALL[log];
        out.push(Finding {
            log: Some(log),
            file: segment_name(log, segment),
            segment,
            offset,
            sequence: hole.first.saturating_sub(1),
            next: hole.last.saturating_add(1),
            found: format!("{} from {} to {}", sequences(hole.count), hole.first, hole.last),
            ..Finding::of(&kind)
        });
    }
}

fn sequences(count: u64) -> String {
    if count == 1 { "1 sequence is missing,".to_owned() } else { format!("{count} sequences are missing,") }
}

fn kind_of(loss: Option<&Loss>) -> Kind {
    match loss.map(|loss| loss.reason) {
        None => finding::LOST,
        Some(LossReason::DiskFull) => finding::NOT_RECORDED_FULL,
        Some(LossReason::NoSegment) => finding::NOT_RECORDED,
    }
}

/// The hole that the missing sequences `first..=last` belong to.
fn key_of(walks: [&Walk; 2], market: &[Run], losses: &[Loss], first: u64, last: u64) -> Key {
    // What the journal itself says comes first; then the narrowest place where something else was found.
    let noted = losses.iter().position(|loss| loss.first <= first && (loss.last == 0 || last <= loss.last));
    let found = walks
        .iter()
        .flat_map(|walk| walk.breaks.iter().map(|b| (walk.log.index(), b)))
        .filter(|(_, b)| b.before < first && (b.after == 0 || last < b.after))
        .min_by_key(|(_, b)| if b.after == 0 { u64::MAX } else { b.after - b.before });
    if let (None, Some((log, found))) = (noted, found) {
        return (NO_LOSS, log, found.segment, found.offset);
    }
    // Without any other trace it is the market log that has less than it should: where it goes on, or its end.
    let behind = market.partition_point(|run| run.first <= last);
    let before = behind.checked_sub(1).and_then(|i| market.get(i)).map_or(0, |run| run.last);
    let next = market.get(behind);
    let (segment, offset) = next.map_or_else(|| walks[Log::Market.index()].place(), |run| (run.segment, run.offset));
    let unnoted = if walks[Log::Market.index()].out_of_room.contains(&before) { NO_ROOM } else { NO_LOSS };
    (noted.map_or(unnoted, |loss| loss as u64), Log::Market.index(), segment, offset)
}

/// Sequences that are in both logs: one finding for each segment of the market log.
fn check_overlap(out: &mut Verification, [audit, market]: &[Vec<Run>; 2]) {
    let mut shared: BTreeMap<u64, (Run, u64)> = BTreeMap::new();
    let (mut a, mut m) = (0, 0);
    while let (Some(one), Some(two)) = (audit.get(a), market.get(m)) {
        let (first, last) = (one.first.max(two.first), one.last.min(two.last));
        if first <= last {
            let entry = shared.entry(two.segment).or_insert((Run { first, last, ..*two }, 0));
            entry.0.last = last;
            entry.1 += last - first + 1;
        }
        if one.last < two.last { a += 1 } else { m += 1 }
    }
    for (run, count) in shared.into_values() {
        out.push(Finding {
            log: Some(Log::Market),
            file: segment_name(Log::Market, run.segment),
            segment: run.segment,
            offset: run.offset,
            sequence: run.first.saturating_sub(1),
            next: run.first,
            found: format!("{count} sequences from {} to {}", run.first, run.last),
            ..Finding::of(&finding::TWICE)
        });
    }
}
