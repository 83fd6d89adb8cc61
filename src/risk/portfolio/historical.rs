//! Hot: results of the present portfolio in the intervals of the window (historical simulation).
//!
//! In each row every instrument takes the worst of what is in flight: result = r·(r < 0 ? high : low). That is the smallest
//! result over all outcomes of the fills, row by row, so VaR and ES made of it are at least those of every outcome.
//!
//! Costs, for a window of W rows: an exposure W, an order that is far from the limit O(1) (no result can move by more than
//! |ΔE|·max|r|), an order near it one selection in W.
//!
//! How far a result may have moved since the last selection is counted by instrument, from what it held then: an order that
//! came and went again has moved nothing, so orders that come and go all the time do not use up the distance.

use super::Exposure;
use super::tail::{Tail, WINDOW_MAX, worst};
use arrayvec::ArrayVec;

/// More than what a change or the sum of a tail rounds, as a part of its largest number.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// What an instrument held when the tail was last made.
#[derive(Clone, Copy, Debug)]
struct Base {
    /// Which making of the tail that was; another one: it has not changed since the last.
    refreshed: u64,
    exposure: Exposure,
}

/// The scenarios.
#[derive(Debug)]
pub(super) struct Historical {
    /// By row, in the grid's order.
    pnl: Box<[f64]>,
    rows: usize,
    /// The tail as of the last selection, and the rank that it was made with; 0 = none.
    tail: Tail,
    rank: usize,
    /// How often the tail was made.
    refreshed: u64,
    /// By instrument.
    bases: Box<[Base]>,
    /// By how much a result may have moved since: Σ over the instruments of what theirs may have.
    slack: f64,
    /// By how much more, since floats round.
    rounded: f64,
    /// The largest result of either sign as of the last selection.
    largest: f64,
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
    pub(super) fn new(window: usize, instruments_max: usize) -> Self {
        let floats = || vec![0.0; window].into_boxed_slice();
        Self {
            pnl: floats(),
            rows: 0,
            tail: Tail::default(),
            rank: 0,
            refreshed: 1,
            bases: vec![Base { refreshed: 0, exposure: Exposure::NONE }; instruments_max].into_boxed_slice(),
            slack: 0.0,
            rounded: 0.0,
            largest: 0.0,
            scratch: floats(),
        }
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

    /// The exposure of an instrument changes.
    #[inline]
    pub(super) fn change(&mut self, index: usize, returns: &[f64], largest: f64, old: Exposure, new: Exposure) {
        add(&mut self.pnl[..self.rows], returns, old, new);
        let (without, with) = self.moved(index, largest, old, new);
        self.slack = without + with;
        self.rounded += ROUNDING * (self.largest + self.slack + most(largest, old, new));
        if let Some(base) = self.bases.get_mut(index)
            && base.refreshed != self.refreshed
        {
            *base = Base { refreshed: self.refreshed, exposure: old };
        }
    }

    /// By how much a result may have moved since the tail was made: by all other instruments, and by this one if it has `new`
    /// in place of `old`, which it has now.
    #[inline]
    fn moved(&self, index: usize, largest: f64, old: Exposure, new: Exposure) -> (f64, f64) {
        match self.bases.get(index) {
            Some(base) if base.refreshed == self.refreshed => {
                let others = (self.slack - most(largest, base.exposure, old)).max(0.0);
                (others, most(largest, base.exposure, new))
            }
            _ => (self.slack, most(largest, old, new)),
        }
    }

    /// Makes the tail exact again, for `rank` losses in it.
    pub(super) fn refresh(&mut self, rank: usize) {
        let scratch = &mut self.scratch[..self.rows];
        scratch.copy_from_slice(&self.pnl[..self.rows]);
        match worst(scratch, rank) {
            Some(tail) => {
                (self.tail, self.rank) = (tail, rank);
                self.refreshed += 1;
                (self.slack, self.rounded) = (0.0, 0.0);
                self.largest = scratch.iter().fold(0.0, |most, result| most.max(result.abs()));
            }
            None => self.rank = 0,
        }
    }

    /// No less than the tail with another exposure of one instrument, in O(1). `None` if it takes a selection to say. With
    /// more losses in the tail both figures only get smaller, so a tail of fewer will do.
    #[inline]
    pub(super) fn bound_with(
        &self,
        index: usize,
        rank: usize,
        largest: f64,
        old: Exposure,
        new: Exposure,
    ) -> Option<Tail> {
        let (without, with) = self.moved(index, largest, old, new);
        let moved = without + with;
        let slack = moved + self.rounded + ROUNDING * (self.largest + moved + most(largest, old, new));
        (self.rank > 0 && self.rank <= rank).then_some(Tail { var: self.tail.var + slack, es: self.tail.es + slack })
    }

    /// The tail with another exposure of one instrument.
    pub(super) fn tail_with(&self, rank: usize, returns: &[f64], old: Exposure, new: Exposure) -> Option<Tail> {
        // Not an array of zeros: to clear a whole window would cost more than all that is done with it.
        let mut scratch = ArrayVec::<f64, WINDOW_MAX>::new();
        scratch.try_extend_from_slice(self.pnl.get(..self.rows)?).ok()?;
        add(&mut scratch, returns, old, new);
        worst(&mut scratch, rank)
    }
}
