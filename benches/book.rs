//! L2 book: one update and a look at the best level, our book beside a pair of `BTreeMap`s and two depths of hftbacktest.
//!
//! All get the same generated updates in short blocks, in turns, in one run; printed are the median of the ratios within a
//! block, and what a tenth of the blocks had less and more than. Absolute times prove nothing on a shared machine.
//! hftbacktest's take prices as floats; its `ROIVectorMarketDepth`, the fast one, holds only a range of prices that it is
//! told beforehand (here: all there will be), ours any.
//!
//! `cargo bench --bench book [-- [--quick] [--json]]`

mod shared;

use hftbacktest::depth::{HashMapMarketDepth, L2MarketDepth, MarketDepth, ROIVectorMarketDepth};
use rand_core::{Rng, SeedableRng};
use shared::findings::{Findings, Sense};
use shared::turns::{Turns, timed};
use std::collections::BTreeMap;
use std::hint::black_box;
use tickpath::market::l2::L2Book;
use tickpath::types::price::{Px, Qty, Side};

/// Updates in a block: some tens of microseconds, so that few blocks are hit by other processes.
const BLOCK: usize = 1_000;
/// Size of a price step, for those who take floats.
const TICK: f64 = 0.01;

type Update = (Side, i64, i64);

/// The rival.
#[derive(Default)]
struct Trees {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Trees {
    #[inline]
    fn set(&mut self, (side, px, qty): Update) -> Option<i64> {
        let half = if side == Side::Buy { &mut self.bids } else { &mut self.asks };
        if qty == 0 {
            half.remove(&px);
        } else {
            half.insert(px, qty);
        }
        self.best(side)
    }

    #[inline]
    fn best(&self, side: Side) -> Option<i64> {
        match side {
            Side::Buy => self.bids.last_key_value(),
            Side::Sell => self.asks.first_key_value(),
        }
        .map(|(px, _)| *px)
    }
}

/// A kind of feed: how far from the touch its updates lie, and how many levels there are.
struct Workload {
    name: &'static str,
    levels: i64,
    away: fn(u64) -> i64,
    deletes_of_8: u64,
}

/// Geometric with a mean of about `mean`.
fn geometric(r: u64, mean: f64) -> i64 {
    let unit = ((r >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
    (-unit.ln() * mean) as i64
}

const WORKLOADS: [Workload; 4] = [
    Workload { name: "near the touch, 1 000 levels", levels: 1_000, away: |r| geometric(r, 8.0), deletes_of_8: 3 },
    Workload { name: "wider, 5 000 levels", levels: 5_000, away: |r| geometric(r, 100.0), deletes_of_8: 3 },
    Workload { name: "far away, 5 000 levels", levels: 5_000, away: |r| (r >> 40) as i64 % 20_000, deletes_of_8: 6 },
    Workload {
        name: "changes of quantity at the best 10",
        levels: 1_000,
        away: |r| (r >> 40) as i64 % 10,
        deletes_of_8: 0,
    },
];

impl Workload {
    fn updates(&self, count: usize) -> (Vec<Update>, Vec<Update>) {
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(42);
        let mut touch = 6_180_000i64;
        let start = (0..self.levels)
            .flat_map(|n| [(Side::Buy, touch - 1 - n * 2, 5 + n), (Side::Sell, touch + 1 + n * 2, 5 + n)])
            .collect();
        let updates = (0..count)
            .map(|_| {
                let r = rng.next_u64();
                touch += i64::from(r % 256 == 0) - i64::from(r % 256 == 1);
                let side = if r >> 8 & 1 == 0 { Side::Buy } else { Side::Sell };
                let qty = if r >> 9 & 7 < self.deletes_of_8 { 0 } else { 1 + (r >> 12 & 0xfff) as i64 };
                (side, touch - side.sign() * (1 + (self.away)(rng.next_u64())), qty)
            })
            .collect();
        (start, updates)
    }

    fn run(&self, findings: &mut Findings) {
        let rounds = if findings.quick { 50 } else { 1_500 };
        let (start, updates) = self.updates(BLOCK * rounds);
        let prices = || start.iter().chain(&updates).map(|(_, px, _)| *px);
        let (low, high) = (prices().min().unwrap_or(0) - 10, prices().max().unwrap_or(0) + 10);
        let (mut ours, mut trees) = (L2Book::new(16_384), Trees::default());
        let mut hashed = HashMapMarketDepth::new(TICK, 1.0);
        let mut vector = ROIVectorMarketDepth::new(TICK, 1.0, low as f64 * TICK, high as f64 * TICK);
        for &update in &start {
            ours.set(update.0, Px(update.1), Qty(update.2));
            trees.set(update);
            depth(&mut hashed, update);
            depth(&mut vector, update);
        }
        let mut turns = Turns::new([
            "floor: the updates added up",
            "tickpath",
            "BTreeMap",
            "hftbacktest HashMapMarketDepth",
            "hftbacktest ROIVectorMarketDepth",
        ]);
        for block in updates.chunks_exact(BLOCK) {
            turns.block(BLOCK, |who| {
                timed(|| {
                    for &update in block {
                        match who {
                            0 => _ = black_box(update.1 + update.2),
                            1 => {
                                black_box(ours.set(update.0, Px(update.1), Qty(update.2)));
                                black_box(ours.best(update.0));
                            }
                            2 => _ = black_box(trees.set(update)),
                            3 => _ = black_box(depth(&mut hashed, update)),
                            _ => _ = black_box(depth(&mut vector, update)),
                        }
                    }
                })
            });
        }
        for side in [Side::Buy, Side::Sell] {
            let ours = ours.best(side);
            let ours = (ours.qty.0 > 0).then_some(ours.px.0);
            assert_eq!(ours, trees.best(side), "the same book");
            let best = |book: &dyn MarketDepth| match side {
                Side::Buy => book.best_bid_tick(),
                Side::Sell => book.best_ask_tick(),
            };
            // The stream's touch walks, and leaves levels behind that it crosses: ours and the trees show them, theirs moves
            // the other side's best away from a new level that crosses it.
            let theirs = (best(&hashed), best(&vector));
            findings.say(format_args!("  best {side:?}: {ours:?}, hftbacktest {} and {}", theirs.0, theirs.1));
        }
        findings.table(self.name, "update", &turns);
        findings.found(9, "÷ BTreeMap", self.name, Sense::More, turns.ratio(2, 1), &turns);
        findings.found(9, "÷ hftbacktest's fast depth", self.name, Sense::More, turns.ratio(4, 1), &turns);
    }
}

/// The same update for a depth of hftbacktest, which takes prices as floats; gives the best tick of its side.
#[inline]
fn depth(book: &mut (impl L2MarketDepth + MarketDepth), (side, px, qty): Update) -> i64 {
    let (px, qty) = (px as f64 * TICK, qty as f64);
    match side {
        Side::Buy => book.update_bid_depth(px, qty, 0).2,
        Side::Sell => book.update_ask_depth(px, qty, 0).2,
    }
}

fn main() {
    let mut findings = Findings::begin("book", std::env::args().skip(1));
    for workload in WORKLOADS {
        workload.run(&mut findings);
    }
    findings.finish();
}
