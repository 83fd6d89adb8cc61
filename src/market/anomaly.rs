//! Hot: the anomaly filter. It flags and counts; nothing is dropped in silence.
//!
//! Not applied: ZERO_SIZE and BAD_PRICE (a book that could not take a level or an order is invalid; a trade does not
//! count; a quote is not shown), UNDEFINED, and REPEATED trades, which do not count. CLOCK_AHEAD: only the time is not
//! used. All others are applied as they are.

use super::config::Config;
use crate::event::input::Level;
use crate::event::market::anomaly;
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty, pow10};

/// How many kinds there are.
pub const KINDS: usize = 12;
/// Their names, by bit.
pub const NAMES: [&str; KINDS] = [
    "crossed",
    "price_jump",
    "zero_size",
    "absurd_size",
    "time_back",
    "negative_latency",
    "bad_price",
    "book_full",
    "repeated",
    "undefined",
    "unknown_order",
    "clock_ahead",
];

/// How often each kind was seen; index = bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnomalyCounts(pub [u64; KINDS]);

impl AnomalyCounts {
    /// Counts each bit of one input once.
    #[inline]
    pub fn add(&mut self, mut bits: u32) {
        while bits != 0 {
            if let Some(count) = self.0.get_mut(bits.trailing_zeros() as usize) {
                *count += 1;
            }
            bits &= bits - 1;
        }
    }

    /// The count of one `anomaly` bit.
    pub fn of(&self, bit: u32) -> u64 {
        self.0.get(bit.trailing_zeros() as usize).copied().unwrap_or(0)
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Name and count of each kind, in the order of the bits.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        NAMES.into_iter().zip(self.0)
    }
}

/// The limits, in the units of one instrument.
#[derive(Clone, Copy, Debug)]
pub struct LevelFilter {
    size_max: i64,
    price_jump_ppm: u32,
}

impl LevelFilter {
    /// The limits of `config` at the instrument's scale.
    pub fn new(config: &Config, instrument: &Instrument) -> Self {
        let whole = i64::try_from(config.size_whole_max).unwrap_or(i64::MAX);
        Self {
            size_max: whole.checked_mul(pow10(instrument.qty_decimals)).unwrap_or(i64::MAX),
            price_jump_ppm: config.price_jump_ppm,
        }
    }

    /// A book level, whose quantity may be 0.
    #[inline]
    pub fn level(&self, level: &Level) -> u32 {
        let mut bits = 0;
        if level.qty.0 < 0 {
            bits |= anomaly::ZERO_SIZE;
        }
        if level.qty.0 > self.size_max {
            bits |= anomaly::ABSURD_SIZE;
        }
        if level.px.0 <= 0 {
            bits |= anomaly::BAD_PRICE;
        }
        bits
    }

    /// A trade; `reference` is the last price, or the mid where there was none yet.
    #[inline]
    pub fn trade(&self, px: Px, qty: Qty, reference: Option<Px>) -> u32 {
        let mut bits = 0;
        if qty.0 <= 0 {
            bits |= anomaly::ZERO_SIZE;
        }
        if qty.0 > self.size_max {
            bits |= anomaly::ABSURD_SIZE;
        }
        if px.0 <= 0 {
            bits |= anomaly::BAD_PRICE;
        }
        bits | self.jump(px, reference)
    }

    /// One side of a quote; quantity 0 = not there, and then the price means nothing.
    #[inline]
    pub fn quote(&self, level: &Level, reference: Option<Px>) -> u32 {
        if level.qty.0 == 0 {
            return 0;
        }
        self.level(level) | self.jump(level.px, reference)
    }

    #[inline]
    fn jump(&self, px: Px, reference: Option<Px>) -> u32 {
        let Some(reference) = reference else { return 0 };
        let away = (i128::from(px.0) - i128::from(reference.0)).abs() * 1_000_000;
        let limit = i128::from(reference.0).abs() * i128::from(self.price_jump_ppm);
        if away > limit { anomaly::PRICE_JUMP } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::instrument::tests::crypto;

    #[test]
    fn limits_are_exact() {
        let config = Config { price_jump_ppm: 100_000, size_whole_max: 5, ..Config::default() };
        let filter = LevelFilter::new(&config, &crypto(0)); // 2 and 3 decimals
        let at = |px, qty| filter.trade(Px(px), Qty(qty), Some(Px(1000)));
        assert_eq!(at(1100, 5000), 0);
        assert_eq!(at(1101, 1), anomaly::PRICE_JUMP);
        assert_eq!(at(899, 1), anomaly::PRICE_JUMP);
        assert_eq!(at(1000, 5001), anomaly::ABSURD_SIZE);
        assert_eq!(at(1000, 0), anomaly::ZERO_SIZE);
        assert_eq!(at(0, 1), anomaly::BAD_PRICE | anomaly::PRICE_JUMP);
        assert_eq!(filter.trade(Px(9_999_999), Qty(1), None), 0);
        assert_eq!(filter.level(&Level { px: Px(1), qty: Qty(0) }), 0);
        assert_eq!(filter.level(&Level { px: Px(1), qty: Qty(-1) }), anomaly::ZERO_SIZE);
        assert_eq!(filter.quote(&Level::default(), Some(Px(1000))), 0);
    }

    #[test]
    fn counts_are_by_bit() {
        let mut counts = AnomalyCounts::default();
        counts.add(anomaly::CROSSED | anomaly::UNKNOWN_ORDER);
        counts.add(anomaly::CROSSED | 1 << 31);
        assert_eq!((counts.of(anomaly::CROSSED), counts.of(anomaly::UNKNOWN_ORDER), counts.total()), (2, 1, 3));
        assert_eq!(counts.named().last(), Some(("clock_ahead", 0)));
        assert_eq!(counts.named().find(|(_, count)| *count == 1), Some(("unknown_order", 1)));
    }
}
