//! Hot: the venue's own best bid and ask beside the book's: the fresher is shown, equal update ids are compared.

use crate::event::input::{Level, Quote};

/// Quotes that are remembered, so that a book that comes later finds the one with its update id.
const QUOTES: usize = 64;

/// The venue's quotes of one instrument.
#[derive(Clone, Copy, Debug)]
pub struct Quotes {
    ring: [Quote; QUOTES],
    /// Quotes taken in since the start.
    seen: usize,
    /// Comparisons with the book at equal update ids.
    pub checks: u64,
    /// Those that disagreed.
    pub mismatches: u64,
}

impl Default for Quotes {
    fn default() -> Self {
        Self { ring: bytemuck::Zeroable::zeroed(), seen: 0, checks: 0, mismatches: 0 }
    }
}

impl Quotes {
    /// Takes in a quote. One that is older than the last is passed over: `false`.
    #[inline]
    pub fn push(&mut self, quote: &Quote) -> bool {
        if self.latest().is_some_and(|last| quote.update_id < last.update_id) {
            return false;
        }
        self.ring[self.seen % QUOTES] = *quote;
        self.seen += 1;
        true
    }

    /// The newest quote.
    #[inline]
    pub fn latest(&self) -> Option<&Quote> {
        (self.seen > 0).then(|| &self.ring[(self.seen - 1) % QUOTES])
    }

    /// The newest quote with this update id, among those remembered.
    #[inline]
    fn at(&self, update_id: u64) -> Option<&Quote> {
        for back in 1..=self.seen.min(QUOTES) {
            let quote = &self.ring[(self.seen - back) % QUOTES];
            if quote.update_id <= update_id {
                return (quote.update_id == update_id).then_some(quote);
            }
        }
        None
    }

    /// Compares the book's best levels with the quote of the same update id, if there is one: `Some(true)` = they
    /// disagree in a price or quantity. Update id 0 means that the venue gives none.
    pub fn compare(&mut self, update_id: u64, bid: Level, ask: Level) -> Option<bool> {
        if update_id == 0 {
            return None;
        }
        let quote = self.at(update_id)?;
        let differs = |a: Level, b: Level| a.qty != b.qty || (a.qty.0 != 0 && a.px != b.px);
        let disagrees = differs(quote.bid, bid) || differs(quote.ask, ask);
        self.checks += 1;
        self.mismatches += u64::from(disagrees);
        Some(disagrees)
    }

    /// The newest quote if it is newer than the book.
    #[inline]
    pub fn fresher_than(&self, update_id: u64) -> Option<&Quote> {
        self.latest().filter(|quote| quote.update_id > update_id)
    }

    /// Forgets the quotes, keeps the counts.
    pub fn clear(&mut self) {
        self.seen = 0;
    }

    /// Multiplies prices and quantities (a finer definition); on overflow the quotes are forgotten: `false`.
    pub fn rescale(&mut self, price_mult: i64, qty_mult: i64) -> bool {
        let filled = self.seen.min(QUOTES);
        let done = self.ring[..filled].iter_mut().flat_map(|q| [&mut q.bid, &mut q.ask]).try_for_each(|level| {
            level.px.0 = level.px.0.checked_mul(price_mult)?;
            level.qty.0 = level.qty.0.checked_mul(qty_mult)?;
            Some(())
        });
        if done.is_none() {
            self.clear();
        }
        done.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::price::{Px, Qty};

    fn level(px: i64, qty: i64) -> Level {
        Level { px: Px(px), qty: Qty(qty) }
    }

    #[test]
    fn equal_ids_are_compared_and_newer_quotes_shown() {
        let mut quotes = Quotes::default();
        for id in 1..=100 {
            assert!(quotes.push(&Quote { update_id: id, bid: level(10, id as i64), ask: level(11, 1) }));
        }
        assert!(!quotes.push(&Quote { update_id: 99, bid: level(1, 1), ask: level(2, 1) }));
        assert_eq!(quotes.compare(90, level(10, 90), level(11, 1)), Some(false));
        assert_eq!(quotes.compare(90, level(10, 91), level(11, 1)), Some(true));
        assert_eq!(quotes.compare(90, level(9, 90), level(11, 1)), Some(true));
        assert_eq!(quotes.compare(20, level(10, 20), level(11, 1)), None, "too long ago");
        assert_eq!(quotes.compare(101, level(10, 20), level(11, 1)), None);
        assert_eq!((quotes.checks, quotes.mismatches), (3, 2));
        assert_eq!(quotes.fresher_than(99).unwrap().bid, level(10, 100));
        assert!(quotes.fresher_than(100).is_none());
        assert!(quotes.rescale(10, 2));
        assert_eq!(quotes.latest().unwrap().ask, level(110, 2));
        assert!(!quotes.rescale(i64::MAX, 1));
        assert!(quotes.latest().is_none());
    }
}
