//! Hot: checked integer arithmetic for money: exact, or rounded by a named rule, or `None`.

use crate::types::instrument::{Contract, Instrument};
use crate::types::price::Money;
pub(super) use crate::types::wide::pow10;
use crate::types::wide::{div_floor, mul};

/// Decimals of notionals and of the day's result, in the quote currency, as the checks compare them.
pub(super) const QUOTE_DECIMALS: u8 = 8;
/// Decimals of quantities as the checks compare them: fine enough for every instrument, so that nothing is rounded.
pub(super) const QTY_DECIMALS: u8 = 18;

/// Powers of ten that fit 64 bits.
const UNITS: [i64; 19] = {
    let mut units = [1; 19];
    let mut n = 1;
    while n < 19 {
        units[n] = units[n - 1] * 10;
        n += 1;
    }
    units
};

/// `n` ÷ `d`, rounded half to even; `d` > 0.
#[inline]
pub(super) fn div_half_even(n: i128, d: i128) -> Option<i128> {
    let (q, r) = div_floor(n, d)?;
    // r against d − r is 2r against d without the overflow.
    let up = match r.cmp(&(d - r)) {
        core::cmp::Ordering::Less => false,
        core::cmp::Ordering::Greater => true,
        core::cmp::Ordering::Equal => q & 1 == 1,
    };
    q.checked_add(i128::from(up))
}

/// `n` ÷ `d`, rounded up; `d` > 0.
#[inline]
pub(super) fn div_ceil(n: i128, d: i128) -> Option<i128> {
    let (q, r) = div_floor(n, d)?;
    q.checked_add(i128::from(r != 0))
}

/// `whole` × `part` ÷ `of`, rounded half to even, for 0 ≤ `part` ≤ `of`. It cannot overflow on the way.
#[inline]
pub(super) fn share(whole: i128, part: i64, of: i64) -> Option<i128> {
    if of <= 0 || part < 0 || part > of {
        return None;
    }
    let (part, of) = (i128::from(part), i128::from(of));
    // whole = a·of + r, so the share is a·part + r·part/of, and r·part is below 2^126.
    let (a, r) = (whole.div_euclid(of), whole.rem_euclid(of));
    let base = a.checked_mul(part)?;
    let (q, rest) = (r * part / of, r * part % of);
    let total = base.checked_add(q)?;
    let up = match rest.cmp(&(of - rest)) {
        core::cmp::Ordering::Less => false,
        core::cmp::Ordering::Greater => true,
        core::cmp::Ordering::Equal => total & 1 == 1,
    };
    total.checked_add(i128::from(up))
}

/// Signed value of `qty` (signed) at the price `px` ÷ `px_den`, in money units of the instrument.
///
/// Linear: qty × price × multiplier in the quote currency, exact for `px_den` 1. Inverse: −qty × multiplier ÷ price in
/// coin at 18 decimals. Both are rounded half to even where they are fractions. With this sign, profit is always value
/// now − value paid: a long inverse position earns multiplier × qty × (1/entry − 1/exit).
#[inline]
pub(super) fn value(instrument: &Instrument, qty: i64, px: i128, px_den: i128) -> Option<Money> {
    let amount = i128::from(qty) * i128::from(instrument.multiplier);
    match instrument.contract {
        Contract::Linear => {
            let exact = mul(amount, px)?;
            if px_den == 1 { Some(exact) } else { div_half_even(exact, px_den) }
        }
        Contract::Inverse => {
            let power = Instrument::INVERSE_MONEY_DECIMALS + instrument.price_decimals;
            let scale = pow10(power.checked_sub(instrument.qty_decimals)?)?;
            div_half_even(amount.checked_mul(scale)?.checked_mul(px_den)?, px)?.checked_neg()
        }
    }
}

/// Notional of `qty` ≥ 0 at the price `px2` ÷ 2, in 10⁻⁸ of the quote currency, rounded up. The sign of the price does not count.
#[inline]
pub(super) fn notional_e8(instrument: &Instrument, qty: i128, px2: i128) -> Option<i128> {
    match notional_short(instrument, qty, px2) {
        Some(notional) => Some(i128::from(notional)),
        None => notional_wide(instrument, qty, px2),
    }
}

/// The same where all of it fits 64 bits: a linear contract, and some 10⁹ of the quote currency.
#[inline]
fn notional_short(instrument: &Instrument, qty: i128, px2: i128) -> Option<i64> {
    if instrument.contract != Contract::Linear {
        return None;
    }
    let (qty, px2) = (i64::try_from(qty).ok()?, i64::try_from(px2).ok()?);
    let exact = qty.checked_mul(instrument.multiplier)?.checked_mul(px2.checked_abs()?)?;
    let decimals = instrument.price_decimals + instrument.qty_decimals;
    if decimals >= QUOTE_DECIMALS {
        // From 10¹⁸ on the table holds no more powers; twice the last of them is too large, too.
        let by = UNITS.get(usize::from(decimals - QUOTE_DECIMALS))?.checked_mul(2)?;
        let (q, r) = (exact.div_euclid(by), exact.rem_euclid(by));
        Some(q + i64::from(r != 0))
    } else {
        let twice = exact.checked_mul(*UNITS.get(usize::from(QUOTE_DECIMALS - decimals))?)?;
        // A half is a shift, which rounds down; the bit that it drops rounds up.
        Some((twice >> 1) + (twice & 1))
    }
}

#[cold]
#[inline(never)]
fn notional_wide(instrument: &Instrument, qty: i128, px2: i128) -> Option<i128> {
    let amount = mul(qty, i128::from(instrument.multiplier))?;
    let (exact, decimals) = match instrument.contract {
        Contract::Linear => (mul(amount, px2.checked_abs()?)?, instrument.price_decimals + instrument.qty_decimals),
        Contract::Inverse => (amount.checked_mul(2)?, instrument.qty_decimals),
    };
    if decimals >= QUOTE_DECIMALS {
        div_ceil(exact, pow10(decimals - QUOTE_DECIMALS)?.checked_mul(2)?)
    } else {
        div_ceil(mul(exact, pow10(QUOTE_DECIMALS - decimals)?)?, 2)
    }
}

/// An amount of money as 10⁻⁸ of the quote currency, rounded down (a loss is rounded up). Coin is valued at `px2` ÷ 2.
#[inline]
pub(super) fn money_e8(instrument: &Instrument, money: Money, px2: Option<i128>) -> Option<i128> {
    if money == 0 {
        return Some(0);
    }
    match instrument.contract {
        Contract::Linear => {
            let decimals = instrument.money_decimals();
            if decimals >= QUOTE_DECIMALS {
                Some(div_floor(money, pow10(decimals - QUOTE_DECIMALS)?)?.0)
            } else {
                mul(money, pow10(QUOTE_DECIMALS - decimals)?)
            }
        }
        Contract::Inverse => {
            let power = Instrument::INVERSE_MONEY_DECIMALS - QUOTE_DECIMALS + instrument.price_decimals;
            Some(div_floor(mul(money, px2?)?, pow10(power)?.checked_mul(2)?)?.0)
        }
    }
}

/// A quantity as 10⁻¹⁸ of a whole unit: always exact.
#[inline]
pub(super) fn qty_e18(qty: i128, qty_decimals: u8) -> Option<i128> {
    mul(qty, pow10(QTY_DECIMALS.checked_sub(qty_decimals)?)?)
}

#[cfg(test)]
mod tests {
    use super::super::testing::instrument;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// In the textbook's way, on quantities, prices and multipliers of all sizes.
        #[test]
        fn a_notional_is_the_same_by_the_short_way(
            (qty, qty_by) in (any::<i128>(), 0u32..128), (px2, px_by) in (any::<i128>(), 0u32..128),
            (multiplier, by) in (any::<i64>(), 0u32..64), decimals in (0u8..=18, 0u8..=18), inverse in any::<bool>(),
        ) {
            let (qty, px2, multiplier) = (qty >> qty_by, px2 >> px_by, multiplier >> by);
            let contract = if inverse { Contract::Inverse } else { Contract::Linear };
            let (price_decimals, qty_decimals) = decimals;
            let spec = Instrument { contract, price_decimals, qty_decimals, multiplier, ..instrument(0) };
            let plain = || {
                let amount = qty.checked_mul(i128::from(multiplier))?;
                let (exact, decimals) = if inverse {
                    (amount.checked_mul(2)?, qty_decimals)
                } else {
                    (amount.checked_mul(px2.checked_abs()?)?, price_decimals + qty_decimals)
                };
                let (exact, by) = if decimals >= QUOTE_DECIMALS {
                    (exact, 10i128.checked_pow(u32::from(decimals - QUOTE_DECIMALS))?.checked_mul(2)?)
                } else {
                    (exact.checked_mul(10i128.checked_pow(u32::from(QUOTE_DECIMALS - decimals))?)?, 2)
                };
                Some(exact.div_euclid(by) + i128::from(exact.rem_euclid(by) != 0))
            };
            prop_assert_eq!(notional_e8(&spec, qty, px2), plain());
            prop_assert_eq!(notional_wide(&spec, qty, px2), plain());
        }
    }

    #[test]
    fn halves_go_to_even() {
        for (n, d, expected) in [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (4, 3, 1), (5, 3, 2), (-4, 3, -1)] {
            assert_eq!(div_half_even(n, d), Some(expected), "{n}/{d}");
        }
        assert_eq!(div_half_even(1, 0), None);
        assert_eq!(div_ceil(-5, 2), Some(-2));
        assert_eq!(div_ceil(5, 2), Some(3));
    }

    proptest! {
        #[test]
        fn a_share_is_the_rounded_fraction(whole in -1_000_000i64..1_000_000, of in 1i64..1000, part in 0i64..1000) {
            let part = part.min(of);
            let expected = div_half_even(i128::from(whole) * i128::from(part), i128::from(of));
            prop_assert_eq!(share(i128::from(whole), part, of), expected);
        }
    }
}
