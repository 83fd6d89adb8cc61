//! Contestants in turns, block by block, and the ratios within a block: what all measurements share.
//!
//! A machine whose speed drifts treats all contestants of a block alike, so only ratios within one are compared. The first
//! contestant is the *floor*, whose work never changes in kind; a block in which it was more than a fifth slower or faster
//! than it mostly is, for the work that it had, is dropped for all: it was disturbed from outside.
#![allow(dead_code, reason = "each bench uses its part of it")]

use serde::{Deserialize, Deserializer, Serialize};
use std::time::Instant;

/// Times of all contestants, by block.
pub struct Turns {
    names: Vec<String>,
    /// Nanoseconds an item, by contestant, by block.
    times: Vec<Vec<f64>>,
}

/// The ratios of two contestants in the blocks that were kept; no numbers if there were none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The middle one.
    #[serde(deserialize_with = "number")]
    pub median: f64,
    /// A tenth of the blocks had less.
    #[serde(deserialize_with = "number")]
    pub low: f64,
    /// A tenth of the blocks had more.
    #[serde(deserialize_with = "number")]
    pub high: f64,
}

/// JSON has `null` for what is no number.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} [{:.2} to {:.2}]", self.median, self.low, self.high)
    }
}

impl Ratio {
    /// Of ratios block by block.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| match values.len() {
            0 => f64::NAN,
            n => values[((n - 1) as f64 * part).round() as usize],
        };
        Self { median: at(0.5), low: at(0.1), high: at(0.9) }
    }
}

impl Turns {
    /// No block yet; the floor is the first.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        Self { times: vec![Vec::new(); names.len()], names }
    }

    /// One block of `items`: every contestant once, in an order that turns with the blocks. `run` is told whose turn it is
    /// and returns the nanoseconds that it took.
    pub fn block(&mut self, items: usize, run: impl FnMut(usize) -> f64) {
        self.block_of(items, items, run);
    }

    /// The same where the floor's work is counted in something else: bytes.
    pub fn block_of(&mut self, items: usize, floor_items: usize, mut run: impl FnMut(usize) -> f64) {
        let (count, done) = (self.names.len(), self.times[0].len());
        for turn in 0..count {
            // A B C, then C B A, each time begun by another one.
            let at = if done % 2 == 0 { turn } else { count - 1 - turn };
            let who = (at + done / 2) % count;
            let time = run(who);
            self.times[who].push(time / if who == 0 { floor_items } else { items } as f64);
        }
    }

    /// A block that was timed elsewhere: nanoseconds an item, by contestant.
    pub fn take(&mut self, times: &[f64]) {
        self.times.iter_mut().zip(times).for_each(|(list, time)| list.push(*time));
    }

    /// What a contestant took in the last block, in nanoseconds an item.
    pub fn last(&self, who: usize) -> f64 {
        self.times[who].last().copied().unwrap_or(f64::NAN)
    }

    /// Blocks in which the floor was what it mostly is.
    pub fn kept(&self) -> Vec<usize> {
        let floor = &self.times[0];
        let usual = Ratio::of(floor.clone()).median;
        (0..floor.len()).filter(|&block| (floor[block] / usual - 1.0).abs() <= 0.2).collect()
    }

    /// All blocks.
    pub fn blocks(&self) -> usize {
        self.times[0].len()
    }

    /// Names, in the order of the contestants.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Nanoseconds an item of a contestant.
    pub fn nanos(&self, who: usize) -> Ratio {
        Ratio::of(self.kept().iter().map(|&block| self.times[who][block]).collect())
    }

    /// The time of one ÷ the time of another, in the same block.
    pub fn ratio(&self, who: usize, other: usize) -> Ratio {
        Ratio::of(self.kept().iter().map(|&block| self.times[who][block] / self.times[other][block]).collect())
    }

    /// The same for a figure made of all times of a block.
    pub fn figure(&self, of: impl Fn(&[f64]) -> f64) -> Ratio {
        let block = |block: usize| self.times.iter().map(|times| times[block]).collect::<Vec<f64>>();
        Ratio::of(self.kept().into_iter().map(|at| of(&block(at))).collect())
    }
}

/// Nanoseconds that `work` took.
pub fn timed(work: impl FnOnce()) -> f64 {
    let from = Instant::now();
    work();
    from.elapsed().as_nanos() as f64
}
