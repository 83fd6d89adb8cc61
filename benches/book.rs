//! L2 book: one update and a look at the best level, our book beside a pair of `BTreeMap`s.
//!
//! Both get the same generated updates in short blocks, in the order A B B A, in one run; printed are the median and
//! the quartiles of the per-block ratios. Absolute times prove nothing on a shared machine.

use rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;
use tickpath::market::l2::L2Book;
use tickpath::types::price::{Px, Qty, Side};

/// Updates in a block: some tens of microseconds, so that few blocks are hit by other processes.
const BLOCK: usize = 1_000;
/// Rounds of four blocks.
const ROUNDS: usize = 1_500;

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
        match side {
            Side::Buy => half.last_key_value(),
            Side::Sell => half.first_key_value(),
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

    fn run(&self) {
        let (start, updates) = self.updates(BLOCK * ROUNDS * 2);
        let (mut ours, mut trees) = (L2Book::new(16_384), Trees::default());
        for &(side, px, qty) in &start {
            ours.set(side, Px(px), Qty(qty));
            trees.set((side, px, qty));
        }
        let mut our_block = |block: &[Update]| {
            let from = Instant::now();
            for &(side, px, qty) in block {
                black_box(ours.set(side, Px(px), Qty(qty)));
                black_box(ours.best(side));
            }
            from.elapsed().as_nanos() as f64 / block.len() as f64
        };
        let mut tree_block = |block: &[Update]| {
            let from = Instant::now();
            for &update in block {
                black_box(trees.set(update));
            }
            from.elapsed().as_nanos() as f64 / block.len() as f64
        };
        let (mut ratios, mut our_times, mut tree_times) = (Vec::new(), Vec::new(), Vec::new());
        for pair in updates.chunks_exact(2 * BLOCK) {
            let (first, second) = pair.split_at(BLOCK);
            let (a1, b1) = (our_block(first), tree_block(first));
            let (b2, a2) = (tree_block(second), our_block(second));
            ratios.push((b1 + b2) / (a1 + a2));
            our_times.push(f64::midpoint(a1, a2));
            tree_times.push(f64::midpoint(b1, b2));
        }
        let at = |list: &mut Vec<f64>, part: f64| {
            list.sort_by(f64::total_cmp);
            list[(part * (list.len() - 1) as f64) as usize]
        };
        println!(
            "{:<36} ours {:>5.1} ns, BTreeMap {:>5.1} ns, speed ÷ BTreeMap {:.2} (quartiles {:.2} to {:.2})",
            self.name,
            at(&mut our_times, 0.5),
            at(&mut tree_times, 0.5),
            at(&mut ratios, 0.5),
            at(&mut ratios, 0.25),
            at(&mut ratios, 0.75)
        );
    }
}

fn main() {
    for workload in WORKLOADS {
        workload.run();
    }
}
