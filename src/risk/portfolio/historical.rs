//! Hot: results of the present portfolio in the intervals of the window (historical simulation).
//!
//! In each row every instrument takes the worst of what is in flight: result = r·(r < 0 ? high : low). That is the smallest
//! result over all outcomes of the fills, row by row, so VaR and ES made of it are at least those of every outcome.
//!
//! Costs, for a window of W rows: an exposure W, an order that is far from the limit O(1) (no result can move by more than
//! |ΔE|·max|r|), an order near it one selection in W.

use super::Exposure;
use super::tail::{Tail, WINDOW_MAX, worst};

/// The scenarios.
#[derive(Debug)]
pub(super) struct Historical {
    /// By row, in the grid's order.
    pnl: Box<[f64]>,
    rows: usize,
    /// The tail as of the last selection, and the rank that it was made with; 0 = none.
    tail: Tail,
    rank: usize,
    /// By how much a result may have moved since.
    slack: f64,
    scratch: Box<[f64]>,
}

/// Adds what the step from `old` to `new` makes in the rows of `returns`.
#[inline]
fn add(pnl: &mut [f64], returns: &[f64], old: Exposure, new: Exposure) {
    let (low, high) = (new.low() - old.low(), new.high() - old.high());
    for (pnl, &r) in pnl.iter_mut().zip(returns) {
        *pnl += r * if r < 0.0 { high } else { low };
    }
}

/// The most that a result can move.
#[inline]
fn most(largest: f64, old: Exposure, new: Exposure) -> f64 {
    largest * (new.low() - old.low()).abs().max((new.high() - old.high()).abs())
}

impl Historical {
    pub(super) fn new(window: usize) -> Self {
        let floats = || vec![0.0; window].into_boxed_slice();
        Self { pnl: floats(), rows: 0, tail: Tail::default(), rank: 0, slack: 0.0, scratch: floats() }
    }

    /// All anew: `held` gives each exposure with its returns.
    pub(super) fn recompute<'a>(&mut self, rows: usize, held: impl Iterator<Item = (Exposure, &'a [f64])>) {
        self.rows = rows.min(self.pnl.len());
        self.pnl.fill(0.0);
        for (exposure, returns) in held {
            add(&mut self.pnl[..self.rows], returns, Exposure::NONE, exposure);
        }
        self.rank = 0;
    }

    /// An exposure changes.
    #[inline]
    pub(super) fn change(&mut self, returns: &[f64], largest: f64, old: Exposure, new: Exposure) {
        add(&mut self.pnl[..self.rows], returns, old, new);
        self.slack += most(largest, old, new);
    }

    /// Makes the tail exact again, for `rank` losses in it.
    pub(super) fn refresh(&mut self, rank: usize) {
        let scratch = &mut self.scratch[..self.rows];
        scratch.copy_from_slice(&self.pnl[..self.rows]);
        match worst(scratch, rank) {
            Some(tail) => (self.tail, self.rank, self.slack) = (tail, rank, 0.0),
            None => self.rank = 0,
        }
    }

    /// No less than the tail with another exposure of one instrument, in O(1). `None` if it takes a selection to say. With
    /// more losses in the tail both figures only get smaller, so a tail of fewer will do.
    #[inline]
    pub(super) fn bound_with(&self, rank: usize, largest: f64, old: Exposure, new: Exposure) -> Option<Tail> {
        let slack = self.slack + most(largest, old, new);
        (self.rank > 0 && self.rank <= rank).then_some(Tail { var: self.tail.var + slack, es: self.tail.es + slack })
    }

    /// The tail with another exposure of one instrument.
    pub(super) fn tail_with(&self, rank: usize, returns: &[f64], old: Exposure, new: Exposure) -> Option<Tail> {
        let mut scratch = [0.0; WINDOW_MAX];
        let scratch = scratch.get_mut(..self.rows)?;
        scratch.copy_from_slice(&self.pnl[..self.rows]);
        add(scratch, returns, old, new);
        worst(scratch, rank)
    }
}
