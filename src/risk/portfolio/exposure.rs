//! Hot: what one instrument can come to, with what is in flight.

use crate::risk::money::notional_e8;
use crate::types::instrument::Instrument;

/// Signed value of the position in the quote currency: from `low`, where all open sells are filled, to `high`, where all
/// open buys are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Exposure {
    low: f64,
    high: f64,
}

impl Exposure {
    /// Nothing held, nothing in flight.
    pub const NONE: Self = Self { low: 0.0, high: 0.0 };

    /// From `low` to `high`; `None` if they are no numbers or the wrong way round.
    #[inline]
    pub fn new(low: f64, high: f64) -> Option<Self> {
        (low.is_finite() && high.is_finite() && low <= high).then_some(Self { low, high })
    }

    /// Of a position with open quantities (all in quantity units, the open ones ≥ 0) at the mid `mid2` ÷ 2. `None` for a
    /// price ≤ 0 or an overflow. Each end is rounded away from zero.
    #[inline]
    pub fn of(instrument: &Instrument, position: i64, open_buy: i64, open_sell: i64, mid2: i128) -> Option<Self> {
        if open_buy < 0 || open_sell < 0 || mid2 <= 0 {
            return None;
        }
        let value = |qty: i128| {
            let notional = notional_e8(instrument, qty.abs(), mid2)? as f64 / 1e8;
            Some(if qty < 0 { -notional } else { notional })
        };
        let position = i128::from(position);
        Self::new(value(position - i128::from(open_sell))?, value(position + i128::from(open_buy))?)
    }

    /// Where all open sells are filled.
    #[inline]
    pub const fn low(self) -> f64 {
        self.low
    }

    /// Where all open buys are filled.
    #[inline]
    pub const fn high(self) -> f64 {
        self.high
    }

    #[inline]
    pub(super) fn center(self) -> f64 {
        0.5 * (self.low + self.high)
    }

    #[inline]
    pub(super) fn half_width(self) -> f64 {
        0.5 * (self.high - self.low)
    }

    /// The largest, of either sign.
    #[inline]
    pub(super) fn largest(self) -> f64 {
        self.low.abs().max(self.high.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::testing::instrument;
    use crate::types::instrument::Contract;

    #[test]
    fn the_ends_are_where_everything_is_filled() {
        let spec = Instrument { price_decimals: 2, ..instrument(0) };
        let check = |position, buy, sell, mid2, expected: Option<(f64, f64)>| {
            assert_eq!(Exposure::of(&spec, position, buy, sell, mid2).map(|e| (e.low, e.high)), expected);
        };
        check(10, 5, 20, 20_000, Some((-1000.0, 1500.0)));
        check(-3, 0, 0, 20_001, Some((-300.015, -300.015)));
        check(0, 0, 0, 1, Some((0.0, 0.0)));
        check(1, 0, 0, 0, None);
        check(1, -1, 0, 200, None);
        check(i64::MAX, i64::MAX, 0, i128::MAX, None);
        let inverse = Instrument { contract: Contract::Inverse, multiplier: 100, ..instrument(0) };
        assert_eq!(Exposure::of(&inverse, -7, 1, 0, 99), Exposure::new(-700.0, -600.0));
        assert_eq!(Exposure::new(2.0, 1.0), None);
        assert_eq!(Exposure::new(f64::NAN, 1.0), None);
    }
}
