//! Hot: synchronisation: the rules one by one, and a feed with random faults against the true book at every update id.

use super::*;
use crate::event::input::{InputKind, Level};
use crate::market::config::Config;
use crate::market::instrument::tests::crypto;
use crate::market::oracle::OracleBook;
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::price::{Px, Qty};
use bytemuck::Zeroable;
use rand_core::{Rng, SeedableRng};

struct Fixture {
    sync: Sync,
    book: L2Book,
    pool: DepthPool,
    filter: LevelFilter,
}

impl Fixture {
    fn new() -> Self {
        Self {
            sync: Sync::new(InvalidReason::NoData),
            book: L2Book::new(100),
            pool: DepthPool::new(40, 30),
            filter: LevelFilter::new(&Config::default(), &crypto(0)),
        }
    }

    fn take(&mut self, input: &Input) -> SyncOutcome {
        self.sync.on_depth(input, &self.filter, &mut self.book, &mut self.pool)
    }

    fn all(&mut self, inputs: &[Input]) {
        for input in inputs {
            self.take(input);
        }
    }
}

/// A message in parts of at most `part_levels` levels: ids (first, last, previous).
fn message(style: DepthStyle, ids: (u64, u64, u64), levels: &[(Side, i64, i64)], part_levels: usize) -> Vec<Input> {
    let mut sorted = levels.to_vec();
    sorted.sort_by_key(|l| l.0 == Side::Sell);
    let mut chunks: Vec<_> = sorted.chunks(part_levels).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    let parts = chunks.len();
    let part = |(n, chunk): (usize, &[(Side, i64, i64)])| {
        let mut depth = Depth::zeroed();
        (depth.first_id, depth.last_id, depth.prev_id) = ids;
        depth.style = style.code();
        depth.bids = chunk.iter().filter(|l| l.0 == Side::Buy).count() as u8;
        depth.asks = chunk.len() as u8 - depth.bids;
        for (level, &(_, px, qty)) in depth.levels.iter_mut().zip(chunk) {
            *level = Level { px: Px(px), qty: Qty(qty) };
        }
        let mut input = Input::new(InputKind::Depth, SourceId::FEED_FIRST, InstrumentId(0), 0, &depth);
        input.part = n as u16;
        input.flags = if n == 0 { flags::FIRST } else { 0 } | if n + 1 == parts { flags::LAST } else { 0 };
        input
    };
    chunks.into_iter().enumerate().map(part).collect()
}

fn diff(first: u64, last: u64) -> Vec<Input> {
    message(DepthStyle::DiffByFirst, (first, last, 0), &[(Side::Buy, last as i64, 1)], 18)
}

fn future(first: u64, last: u64, prev: u64) -> Vec<Input> {
    message(DepthStyle::DiffByPrev, (first, last, prev), &[(Side::Buy, last as i64, 1)], 18)
}

fn snapshot(last: u64) -> Vec<Input> {
    message(DepthStyle::Snapshot, (last, last, 0), &[(Side::Buy, 1, 1), (Side::Sell, 900, 1)], 1)
}

/// Messages in order, and after each the expected reason.
fn check(steps: Vec<(Vec<Input>, InvalidReason)>) -> Fixture {
    let mut f = Fixture::new();
    for (n, (inputs, expected)) in steps.into_iter().enumerate() {
        f.all(&inputs);
        assert_eq!(f.sync.reason(), expected, "step {n}");
    }
    f
}

use InvalidReason as Why;

#[test]
fn spot_joins_by_first_id() {
    let f = check(vec![
        (diff(11, 15), Why::NoSnapshot),
        (diff(16, 20), Why::NoSnapshot),
        (snapshot(9), Why::SnapshotTooOld),
        (snapshot(18), Why::None), // 11..=15 is dropped, 16..=20 joins
        (diff(21, 22), Why::None),
        (diff(21, 22), Why::None), // again: passed over
        (snapshot(3), Why::None),  // late and old: passed over
        (diff(24, 25), Why::SequenceGap),
        (snapshot(22), Why::SnapshotTooOld),
        (snapshot(23), Why::None),
    ]);
    assert_eq!(f.sync.last_id(), 25);
    assert_eq!((f.sync.stats().gaps, f.sync.stats().snapshots, f.sync.stats().snapshots_passed_over), (1, 2, 3));
    let prices: Vec<_> = f.book.levels(Side::Buy).map(|l| l.px.0).collect();
    assert_eq!(prices, [25, 1]);
    check(vec![
        (snapshot(10), Why::AwaitingFirstDiff),
        (diff(5, 10), Why::AwaitingFirstDiff),
        (diff(11, 12), Why::None),
    ]);
    check(vec![(snapshot(10), Why::AwaitingFirstDiff), (diff(12, 13), Why::SnapshotTooOld), (snapshot(12), Why::None)]);
}

#[test]
fn futures_join_by_range_and_continue_by_previous_id() {
    check(vec![
        (future(11, 15, 8), Why::NoSnapshot),
        (snapshot(10), Why::SnapshotTooOld),
        (future(18, 20, 15), Why::SnapshotTooOld),
        (snapshot(16), Why::SnapshotTooOld), // in between: 18..=20 does not hold it
        (snapshot(18), Why::None),
        (future(25, 30, 20), Why::None), // ids jump, `pu` does not
        (future(31, 33, 29), Why::SequenceGap),
        (snapshot(32), Why::None),
        (future(20, 33, 30), Why::None), // stale
    ]);
}

#[test]
fn a_snapshot_of_the_same_id_is_compared() {
    let start = vec![(snapshot(10), Why::AwaitingFirstDiff), (diff(11, 12), Why::None)];
    let agreeing =
        message(DepthStyle::Snapshot, (12, 12, 0), &[(Side::Buy, 12, 1), (Side::Buy, 1, 1), (Side::Sell, 900, 1)], 2);
    let f = check([start.clone(), vec![(agreeing, Why::None)]].concat());
    assert_eq!(f.sync.stats().snapshots_verified, 1);
    check(
        [start, vec![(message(DepthStyle::Snapshot, (12, 12, 0), &[(Side::Buy, 12, 2)], 2), Why::SequenceGap)]]
            .concat(),
    );
}

#[test]
fn broken_messages_are_gaps() {
    let start = || vec![(snapshot(10), Why::AwaitingFirstDiff), (diff(11, 12), Why::None)];
    let long =
        message(DepthStyle::DiffByFirst, (13, 15, 0), &[(Side::Buy, 2, 1), (Side::Buy, 3, 1), (Side::Buy, 4, 1)], 1);
    check([start(), vec![(long.clone(), Why::None)]].concat());
    let without = |n: usize| [&long[..n], &long[n + 1..]].concat();
    for n in 0..2 {
        check([start(), vec![(without(n), Why::SequenceGap)]].concat());
    }
    check([start(), vec![(without(2), Why::None), (diff(16, 17), Why::SequenceGap)]].concat());
    // A level that cannot be applied.
    let bad = message(DepthStyle::DiffByFirst, (13, 15, 0), &[(Side::Buy, 2, -1)], 1);
    check([start(), vec![(bad, Why::OutOfRange), (snapshot(20), Why::AwaitingFirstDiff)]].concat());
    let mut short = diff(13, 15);
    short[0].payload_len = 30;
    check([start(), vec![(short, Why::OutOfRange)]].concat());
}

#[test]
fn top_levels_are_whole_each_time_until_differences_come() {
    let top = |id| message(DepthStyle::TopLevels, (id, id, 0), &[(Side::Buy, id as i64, 1), (Side::Sell, 900, 1)], 1);
    let f =
        check(vec![(top(5), Why::None), (top(7), Why::None), (top(6), Why::None), (top(8)[..1].to_vec(), Why::None)]);
    assert_eq!((f.sync.last_id(), f.sync.has_full_depth(), f.sync.is_amid_message()), (7, false, true));
    check(vec![
        (top(5), Why::None),
        (diff(6, 7), Why::NoSnapshot),
        (top(8), Why::NoSnapshot),
        (snapshot(6), Why::None),
    ]);
}

#[test]
fn without_a_snapshot_the_oldest_differences_go() {
    let mut f = Fixture::new();
    for id in 1..100 {
        f.all(&diff(id, id));
    }
    assert_eq!((f.sync.reason(), f.sync.buffer.len()), (Why::NoSnapshot, 30));
    f.all(&snapshot(60));
    assert_eq!(f.sync.reason(), Why::BufferFull, "what would join it was dropped");
    f.all(&snapshot(69));
    assert_eq!((f.sync.reason(), f.sync.last_id()), (Why::None, 99));
}

/// A venue: updates one by one, each with its id, and the true book after each.
struct Venue {
    truth: Vec<(u64, OracleBook)>,
    messages: Vec<Vec<Input>>,
}

impl Venue {
    fn new(by_prev: bool, rng: &mut rand_pcg::Pcg64Mcg) -> Self {
        let (mut id, mut prev, mut book) = (100u64, 100u64, OracleBook::new(100));
        let (mut truth, mut messages) = (vec![(id, book.clone())], Vec::new());
        for _ in 0..10 {
            let mut levels: Vec<(Side, i64, i64)> = Vec::new();
            let mut first = 0;
            for _ in 0..=rng.next_u64() % 5 {
                let r = rng.next_u64();
                id += if by_prev { 1 + (r >> 50) % 3 } else { 1 };
                first = if first == 0 { id } else { first };
                let side = if r & 1 == 0 { Side::Buy } else { Side::Sell };
                let px = if side == Side::Buy { 10 } else { 20 } + (r >> 1 & 7) as i64;
                let qty = (r >> 8 & 3) as i64;
                book.set(side, Px(px), Qty(qty));
                levels.retain(|l| (l.0, l.1) != (side, px));
                levels.push((side, px, qty));
                truth.push((id, book.clone()));
            }
            let style = if by_prev { DepthStyle::DiffByPrev } else { DepthStyle::DiffByFirst };
            messages.push(message(style, (first, id, prev), &levels, 2));
            prev = id;
        }
        Self { truth, messages }
    }

    fn snapshot(&self, at: usize) -> Vec<Input> {
        let (id, book) = &self.truth[at % self.truth.len()];
        let side = |side: Side| book.levels(side).map(move |l| (side, l.px.0, l.qty.0));
        let levels: Vec<_> = side(Side::Buy).chain(side(Side::Sell)).collect();
        message(DepthStyle::Snapshot, (*id, *id, 0), &levels, 4)
    }
}

/// 20 000 random feeds: messages and parts are lost, doubled and swapped, snapshots come at any time and age. Whenever
/// the book says that it is valid, it must be the venue's book at its update id, level by level.
#[test]
fn a_book_with_a_missing_difference_is_never_valid() {
    let (mut valid, mut invalid, mut gaps) = (0u32, 0u32, 0u64);
    for seed in 0..20_000 {
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
        let venue = Venue::new(seed % 2 == 0, &mut rng);
        let mut feed: Vec<Input> = Vec::new();
        let mut messages = venue.messages.clone();
        let faults = seed % 4; // 0: none
        for n in 0..messages.len() {
            if faults > 0 && rng.next_u64().is_multiple_of(8) {
                let other = (n + 1).min(messages.len() - 1);
                messages.swap(n, other);
            }
        }
        for message in messages {
            let r = rng.next_u64();
            if r.is_multiple_of(3) {
                feed.extend(venue.snapshot((r >> 8) as usize));
            }
            for _ in 0..if faults > 0 { [1, 1, 1, 1, 0, 2, 1, 1][(r >> 40 & 7) as usize] } else { 1 } {
                for part in &message {
                    let copies = usize::from(faults != 3 || !rng.next_u64().is_multiple_of(24));
                    feed.extend(std::iter::repeat_n(*part, copies));
                }
            }
        }
        let mut f = Fixture::new();
        for input in &feed {
            f.take(input);
            if f.sync.is_amid_message() {
                continue;
            }
            if f.sync.reason() != InvalidReason::None {
                invalid += 1;
                continue;
            }
            valid += 1;
            let id = f.sync.last_id();
            let (_, truth) = venue.truth.iter().find(|t| t.0 == id).expect("an update id of the venue");
            for side in [Side::Buy, Side::Sell] {
                assert!(f.book.levels(side).eq(truth.levels(side)), "seed {seed}, id {id}");
            }
        }
        gaps += f.sync.stats().gaps;
        let waiting = f.sync.buffer.len();
        assert!(waiting <= 30);
    }
    assert!(valid > 50_000 && invalid > 50_000 && gaps > 5_000, "{valid} {invalid} {gaps}");
}
