//! Hot: what a recording shows of one market: total quantity by price, and what our own orders have taken from it.

use crate::types::price::{Px, Side};

/// One shown level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    /// Price for bids, −price for asks: the best has the highest key and stands last.
    key: i64,
    qty: i64,
    /// Taken by our own orders since the level was last refreshed: the recording does not know of us, so that without
    /// this two orders in a row would take the same quantity twice.
    taken: i64,
    /// Update id that set it.
    id: u64,
}

/// The recorded book of one instrument.
///
/// Until it is whole, levels with quantity 0 are kept as well: a snapshot is older than the differences that arrived
/// before it, and then each level's own update id says which of the two is right. This is the venue's procedure
/// (buffer, snapshot, drop what is older) without a buffer.
#[derive(Clone, Debug)]
pub struct RecordedBook {
    bids: Vec<Shown>,
    asks: Vec<Shown>,
    levels_max: usize,
    whole: bool,
    last_id: u64,
}

#[inline]
pub(super) const fn key_of(side: Side, px: Px) -> i64 {
    match side {
        Side::Buy => px.0,
        Side::Sell => px.0.saturating_neg(),
    }
}

impl RecordedBook {
    /// An empty book with room for `levels_max` levels a side; when it is full, the worst level is forgotten.
    pub fn new(levels_max: usize) -> Self {
        let levels_max = levels_max.max(1);
        let side = || Vec::with_capacity(levels_max);
        Self { bids: side(), asks: side(), levels_max, whole: false, last_id: 0 }
    }

    /// Whether it is complete, so that one may trade against it.
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Update id of the newest message that went in.
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Declares it complete (order-by-order feeds, the end of a snapshot) and drops the empty levels.
    pub fn complete(&mut self) {
        self.whole = true;
        self.bids.retain(|level| level.qty > 0);
        self.asks.retain(|level| level.qty > 0);
    }

    /// Notes the update id of a message.
    pub fn advance(&mut self, last_id: u64) {
        self.last_id = last_id;
    }

    /// Data is missing: empty, and not whole until the next snapshot.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.whole = false;
        self.last_id = 0;
    }

    /// A snapshot as of `last_id` begins: everything that is not newer goes.
    pub fn begin_snapshot(&mut self, last_id: u64) {
        self.bids.retain(|level| level.id > last_id);
        self.asks.retain(|level| level.id > last_id);
        self.last_id = self.last_id.max(last_id);
    }

    fn side(&self, side: Side) -> &Vec<Shown> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut Vec<Shown> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    fn find(levels: &[Shown], key: i64) -> Result<usize, usize> {
        levels.binary_search_by_key(&key, |level| level.key)
    }

    /// Quantity shown at a price.
    pub fn qty_at(&self, side: Side, px: Px) -> i64 {
        let levels = self.side(side);
        Self::find(levels, key_of(side, px)).map_or(0, |at| levels[at].qty)
    }

    /// Whether the price is no worse than the worst level that is shown, so that "nothing there" means nothing there.
    pub fn covers(&self, side: Side, px: Px) -> bool {
        self.side(side).first().is_some_and(|worst| key_of(side, px) >= worst.key)
    }

    /// Sets a level of a snapshot, unless it is known better.
    pub fn set_from_snapshot(&mut self, side: Side, px: Px, qty: i64, id: u64) {
        if Self::find(self.side(side), key_of(side, px)).is_err() {
            self.set(side, px, qty, id);
        }
    }

    /// Sets a level absolutely, gives what was shown before, and forgets what we took from it.
    pub fn set(&mut self, side: Side, px: Px, qty: i64, id: u64) -> i64 {
        let (key, qty) = (key_of(side, px), qty.max(0));
        let (whole, levels_max) = (self.whole, self.levels_max);
        let levels = self.side_mut(side);
        match Self::find(levels, key) {
            Ok(at) => {
                let before = levels[at].qty;
                if qty == 0 && whole {
                    levels.remove(at);
                } else {
                    levels[at] = Shown { key, qty, taken: 0, id };
                }
                before
            }
            Err(_) if qty == 0 && whole => 0,
            Err(0) if levels.len() >= levels_max => 0,
            Err(at) => {
                let full = levels.len() >= levels_max;
                if full {
                    levels.remove(0);
                }
                levels.insert(at - usize::from(full), Shown { key, qty, taken: 0, id });
                0
            }
        }
    }

    /// Best shown price and its quantity, empty levels passed over.
    pub fn best(&self, side: Side) -> Option<(Px, i64)> {
        self.levels(side).next()
    }

    /// Shown price and quantity of each level, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (Px, i64)> + '_ {
        let shown = self.side(side).iter().rev().filter(|level| level.qty > 0);
        shown.map(move |level| (Px(level.key.saturating_mul(side.sign())), level.qty))
    }

    /// Quantity that can still be had on `side` at `limit` or better.
    pub fn available(&self, side: Side, limit: Px) -> i64 {
        let reach = key_of(side, limit);
        let levels = self.side(side).iter().rev().take_while(|level| level.key >= reach);
        levels.fold(0i64, |sum, level| sum.saturating_add((level.qty - level.taken).max(0)))
    }

    /// Takes up to `qty` from the best level of `side` that still has some, at `limit` or better.
    pub fn take(&mut self, side: Side, limit: Px, qty: i64) -> Option<(Px, i64)> {
        let reach = key_of(side, limit);
        let levels = self.side_mut(side).iter_mut().rev().take_while(|level| level.key >= reach);
        for level in levels {
            let got = (level.qty - level.taken).min(qty);
            if got > 0 {
                level.taken += got;
                return Some((Px(level.key.saturating_mul(side.sign())), got));
            }
        }
        None
    }

    /// All numbers in units that are finer by these factors; false (and empty) if one does not fit.
    pub fn rescale(&mut self, px_factor: i64, qty_factor: i64) -> bool {
        let fits = self.bids.iter_mut().chain(&mut self.asks).all(|level| {
            let scaled = (
                level.key.checked_mul(px_factor),
                level.qty.checked_mul(qty_factor),
                level.taken.checked_mul(qty_factor),
            );
            if let (Some(key), Some(qty), Some(taken)) = scaled {
                (level.key, level.qty, level.taken) = (key, qty, taken);
                true
            } else {
                false
            }
        });
        if !fits {
            self.clear();
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_older_and_newer_than_the_snapshot() {
        let mut book = RecordedBook::new(8);
        book.set(Side::Buy, Px(100), 5, 10); // older than the snapshot: replaced
        book.set(Side::Buy, Px(99), 0, 12); // newer: stays deleted
        book.set(Side::Buy, Px(98), 7, 12); // newer: stays
        book.begin_snapshot(11);
        for (px, qty) in [(100, 1), (99, 2), (98, 3), (97, 4)] {
            book.set_from_snapshot(Side::Buy, Px(px), qty, 11);
        }
        book.complete();
        let shown: Vec<_> = (97..=100).map(|px| book.qty_at(Side::Buy, Px(px))).collect();
        assert_eq!(shown, [4, 7, 0, 1]);
        assert_eq!(book.best(Side::Buy), Some((Px(100), 1)));
        assert!(book.covers(Side::Buy, Px(97)) && !book.covers(Side::Buy, Px(96)));
    }

    #[test]
    fn the_worst_level_makes_room() {
        let mut book = RecordedBook::new(2);
        book.complete();
        for px in [100, 102, 101, 103] {
            book.set(Side::Sell, Px(px), 1, 1);
        }
        assert_eq!(book.available(Side::Sell, Px(200)), 2);
        assert_eq!(book.best(Side::Sell), Some((Px(100), 1)));
        assert_eq!(book.qty_at(Side::Sell, Px(101)), 1);
    }

    #[test]
    fn what_was_taken_comes_back_with_the_next_update_only() {
        let mut book = RecordedBook::new(8);
        book.complete();
        book.set(Side::Sell, Px(100), 5, 1);
        book.set(Side::Sell, Px(101), 5, 1);
        assert_eq!(book.take(Side::Sell, Px(100), 3), Some((Px(100), 3)));
        assert_eq!(book.take(Side::Sell, Px(101), 3), Some((Px(100), 2)));
        assert_eq!(book.take(Side::Sell, Px(100), 3), None);
        assert_eq!(book.available(Side::Sell, Px(101)), 5);
        book.set(Side::Sell, Px(100), 5, 2);
        assert_eq!(book.available(Side::Sell, Px(101)), 10);
        assert!(book.rescale(10, 100));
        assert_eq!(book.take(Side::Sell, Px(1000), 1000), Some((Px(1000), 500)));
        assert!(!book.rescale(i64::MAX, 1));
    }
}
