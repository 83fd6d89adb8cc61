//! Hot: the fast book of price levels: absolute quantities by price.
//!
//! | file | what |
//! |---|---|
//! | `half` | one side: a window of price steps around the touch with a bitmap, moved as the touch moves |
//! | `far` | what lies below the window: a two-level sorted list |

mod far;
mod half;

use crate::event::input::Level;
use crate::types::price::{Px, Qty, Side};
use half::Half;

/// What [`L2Book::set`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing: the level already had this quantity, or was not there to be deleted.
    None,
    /// The book changed.
    Made,
    /// The side was full: the level furthest from the touch was dropped (it may have been this very one).
    Full,
}

/// A book of price levels. Prices may be anything; quantities must be above 0 (0 deletes).
#[derive(Debug)]
pub struct L2Book {
    bids: Half,
    asks: Half,
    levels_max: usize,
}

/// The price as a key that grows towards the touch, and back (it is its own inverse).
#[inline]
const fn key(side: Side, px: i64) -> i64 {
    match side {
        Side::Buy => px,
        Side::Sell => !px,
    }
}

impl L2Book {
    /// An empty book of at most `levels_max` levels a side (at least 1).
    pub fn new(levels_max: usize) -> Self {
        let levels_max = levels_max.max(1);
        Self { bids: Half::new(levels_max), asks: Half::new(levels_max), levels_max }
    }

    #[inline]
    fn half(&self, side: Side) -> &Half {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    /// Sets the absolute quantity at a price; 0 deletes the level.
    #[inline]
    pub fn set(&mut self, side: Side, px: Px, qty: Qty) -> Change {
        let levels_max = self.levels_max;
        match side {
            Side::Buy => self.bids.set(px.0, qty.0, levels_max),
            Side::Sell => self.asks.set(!px.0, qty.0, levels_max),
        }
    }

    /// The quantity at a price; 0 if there is no such level.
    pub fn get(&self, side: Side, px: Px) -> Qty {
        Qty(self.half(side).get(key(side, px.0)))
    }

    /// Forgets all levels, keeps the room.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// The best level of a side; quantity 0 if there is none.
    #[inline]
    pub fn best(&self, side: Side) -> Level {
        match self.half(side).best() {
            Some((k, qty)) => Level { px: Px(key(side, k)), qty: Qty(qty) },
            None => Level::default(),
        }
    }

    /// Whether both sides are there and the best bid is not below the best ask.
    #[inline]
    pub fn is_crossed(&self) -> bool {
        match (self.bids.best(), self.asks.best()) {
            (Some((bid, _)), Some((ask, _))) => bid >= !ask,
            _ => false,
        }
    }

    /// Σ quantity of the best 5 and of the best 10 levels of a side, saturated at the range of 64 bits.
    #[inline]
    pub fn sums(&self, side: Side) -> (Qty, Qty) {
        let (five, ten) = self.half(side).sums();
        (Qty(five), Qty(ten))
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.half(side).iter().map(move |(k, qty)| Level { px: Px(key(side, k)), qty: Qty(qty) })
    }

    /// Levels of a side.
    #[inline]
    pub fn len(&self, side: Side) -> usize {
        self.half(side).len()
    }

    /// Whether a side has no level.
    pub fn is_empty(&self, side: Side) -> bool {
        self.len(side) == 0
    }

    /// Multiplies all prices and quantities (a finer definition; both at least 1). On overflow the answer is `false`
    /// and the book is empty: it must be built anew.
    pub fn rescale(&mut self, price_mult: i64, qty_mult: i64) -> bool {
        let done = self
            .bids
            .rescale(|k| k.checked_mul(price_mult), price_mult, qty_mult)
            .and_then(|()| self.asks.rescale(|k| (!k).checked_mul(price_mult).map(|px| !px), price_mult, qty_mult));
        if done.is_none() {
            self.clear();
        }
        done.is_some()
    }
}

#[cfg(test)]
mod tests;
