//! Hot: which trades count. Each trade id counts once, whether it comes alone, in an aggregate, or in both.
//!
//! Ids above the last counted one count. An aggregate all of whose ids are new counts whole; one that covers counted
//! and new ids cannot be split and does not count (its new ids count if they come alone); both kinds of repetition are
//! flagged. Id 0 means that the venue gives none: such trades always count.

use crate::event::input::Trade;

/// What to do with a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Count,
    /// Seen before, or older than what was seen.
    Repeated,
    /// An aggregate that was counted in part already.
    Overlap,
}

/// The trade ids of one instrument.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tape {
    last_id: u64,
    /// Ids that were jumped over since the first trade.
    pub missing: u64,
}

impl Tape {
    /// Judges a trade, and remembers its ids if it counts.
    #[inline]
    pub fn judge(&mut self, trade: &Trade) -> Verdict {
        if trade.trade_id == 0 {
            return Verdict::Count;
        }
        if trade.trade_id <= self.last_id {
            return Verdict::Repeated;
        }
        let first = if trade.first_trade_id == 0 { trade.trade_id } else { trade.first_trade_id.min(trade.trade_id) };
        if first <= self.last_id {
            return Verdict::Overlap;
        }
        if self.last_id != 0 {
            self.missing += first - self.last_id - 1;
        }
        self.last_id = trade.trade_id;
        Verdict::Count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    #[test]
    fn every_id_counts_once() {
        let mut tape = Tape::default();
        let mut check = |first, last, expected| {
            let trade = Trade { trade_id: last, first_trade_id: first, ..Trade::zeroed() };
            assert_eq!(tape.judge(&trade), expected, "{first}..={last}");
        };
        check(10, 10, Verdict::Count);
        check(10, 10, Verdict::Repeated);
        check(11, 13, Verdict::Count); // an aggregate first …
        check(12, 12, Verdict::Repeated); // … then its parts
        check(14, 14, Verdict::Count);
        check(14, 16, Verdict::Overlap);
        check(15, 15, Verdict::Count);
        check(9, 9, Verdict::Repeated);
        check(0, 0, Verdict::Count);
        check(20, 20, Verdict::Count);
        assert_eq!(tape.missing, 4);
    }
}
