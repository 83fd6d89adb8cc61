//! Hot: the naive book: two ordered maps. It is the oracle of the fast book, in tests and benchmarks, and nothing else.

use super::l2::Change;
use crate::event::input::Level;
use crate::types::price::{Px, Qty, Side};
use std::collections::BTreeMap;

/// A book that is obviously right: quantities by price.
#[derive(Clone, Debug, Default)]
pub struct OracleBook {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    levels_max: usize,
}

impl OracleBook {
    /// An empty book of at most `levels_max` levels a side.
    pub fn new(levels_max: usize) -> Self {
        Self { levels_max, ..Self::default() }
    }

    /// Sets the absolute quantity at a price; 0 deletes the level. The answer is the one that `L2Book` must give.
    pub fn set(&mut self, side: Side, px: Px, qty: Qty) -> Change {
        let levels_max = self.levels_max;
        let half = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        if qty.0 == 0 {
            return if half.remove(&px.0).is_some() { Change::Made } else { Change::None };
        }
        let before = half.insert(px.0, qty.0);
        if half.len() > levels_max {
            match side {
                Side::Buy => half.pop_first(),
                Side::Sell => half.pop_last(),
            };
            return Change::Full;
        }
        if before == Some(qty.0) { Change::None } else { Change::Made }
    }

    /// Forgets all levels.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> Box<dyn Iterator<Item = Level> + '_> {
        let level = |(&px, &qty): (&i64, &i64)| Level { px: Px(px), qty: Qty(qty) };
        match side {
            Side::Buy => Box::new(self.bids.iter().rev().map(level)),
            Side::Sell => Box::new(self.asks.iter().map(level)),
        }
    }

    /// The best level of a side; quantity 0 if there is none.
    pub fn best(&self, side: Side) -> Level {
        self.levels(side).next().unwrap_or_default()
    }

    /// Levels of a side.
    pub fn len(&self, side: Side) -> usize {
        match side {
            Side::Buy => self.bids.len(),
            Side::Sell => self.asks.len(),
        }
    }

    /// Whether a side has no level.
    pub fn is_empty(&self, side: Side) -> bool {
        self.len(side) == 0
    }
}
