//! Hot: amounts of the quote currency and quantities, both ways, rounded toward less risk.

use crate::risk::money::{self, QTY_DECIMALS, QUOTE_DECIMALS};
use crate::types::instrument::{Calendar, Contract, Instrument};

/// Weights are integers of 10⁻⁹ where they meet money.
const WEIGHT_UNIT: i128 = 1_000_000_000;
/// No model may want more than this many times the equity: beyond it a float would lose whole units.
const WEIGHT_MAX: f64 = 1_000.0;

/// How many days of returns make a year.
pub const fn days_per_year(calendar: Calendar) -> f64 {
    match calendar {
        Calendar::Crypto => 365.0,
        Calendar::UsEquities => 252.0,
    }
}

/// The part `weight` of `amount`, rounded down. `None` for a weight that is no number or below zero, or an overflow.
#[inline]
pub(super) fn part(amount: i128, weight: f64) -> Option<i128> {
    if weight.is_nan() || weight < 0.0 || amount < 0 {
        return None;
    }
    let weight = libm::floor(weight.min(WEIGHT_MAX) * WEIGHT_UNIT as f64) as i128;
    // amount = a·unit + r: the product cannot overflow where the result fits.
    let (a, r) = (amount / WEIGHT_UNIT, amount % WEIGHT_UNIT);
    a.checked_mul(weight)?.checked_add(r.checked_mul(weight)? / WEIGHT_UNIT)
}

/// The largest quantity, in quantity units, whose value at the mid `mid2` ÷ 2 is at most `notional_e8` ≥ 0. `None` on
/// overflow or for a price ≤ 0.
#[inline]
pub(super) fn quantity(instrument: &Instrument, notional_e8: i128, mid2: i128) -> Option<i128> {
    let multiplier = i128::from(instrument.multiplier);
    let (numerator, denominator, decimals) = match instrument.contract {
        Contract::Linear => {
            let decimals = instrument.price_decimals.checked_add(instrument.qty_decimals)?;
            (notional_e8.checked_mul(2)?, mid2.checked_mul(multiplier)?, decimals)
        }
        Contract::Inverse => (notional_e8, multiplier, instrument.qty_decimals),
    };
    if denominator <= 0 || numerator < 0 || mid2 <= 0 {
        return None;
    }
    if decimals >= QUOTE_DECIMALS {
        numerator.checked_mul(money::pow10(decimals - QUOTE_DECIMALS)?)?.checked_div(denominator)
    } else {
        numerator.checked_div(denominator.checked_mul(money::pow10(QUOTE_DECIMALS - decimals)?)?)
    }
}

/// The largest quantity, in quantity units, that is at most `qty_e18` × 10⁻¹⁸ whole units.
#[inline]
pub(super) fn quantity_e18(instrument: &Instrument, qty_e18: i128) -> Option<i128> {
    Some(qty_e18 / money::pow10(QTY_DECIMALS.checked_sub(instrument.qty_decimals)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::testing::instrument;
    use proptest::prelude::*;

    #[test]
    fn a_part_is_rounded_down_and_bounded() {
        assert_eq!(part(1_000, 0.5), Some(500));
        assert_eq!(part(1_001, 0.5), Some(500));
        assert_eq!(part(1_000, 1e9), Some(1_000_000), "at most a thousand times");
        assert_eq!(part(1_000, f64::INFINITY), Some(1_000_000));
        for bad in [f64::NAN, -0.1, f64::NEG_INFINITY] {
            assert_eq!(part(1_000, bad), None);
        }
        assert_eq!(part(i128::MAX, 2.0), None);
        assert!(part(i128::MAX, 1.0).is_some());
        assert_eq!(part(-1, 1.0), None);
    }

    proptest! {
        /// The quantity is worth at most the amount, one unit more is worth more.
        #[test]
        fn a_quantity_is_the_largest_that_fits(
            notional in 0i128..1_000_000_000_000_000, mid2 in 1i128..1_000_000_000, px in 0u8..9, qty in 0u8..9,
            multiplier in 1i64..200, inverse in any::<bool>(),
        ) {
            let contract = if inverse { Contract::Inverse } else { Contract::Linear };
            let spec = Instrument { price_decimals: px, qty_decimals: qty, multiplier, contract, ..instrument(0) };
            let units = quantity(&spec, notional, mid2).unwrap();
            // `notional_e8` rounds up, so it is at most one above.
            prop_assert!(money::notional_e8(&spec, units, mid2).unwrap() <= notional);
            prop_assert!(money::notional_e8(&spec, units + 1, mid2).unwrap() > notional);
        }
    }
}
