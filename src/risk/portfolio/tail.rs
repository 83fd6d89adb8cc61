//! Hot: value at risk and expected shortfall of a list of results: which loss counts, and the mean behind it.
//!
//! The rule (one of several in use, fixed here): of n results the VaR at the confidence α is the k-th largest loss,
//! k = ⌊n·(1 − α)⌋ + 1, and the expected shortfall is the mean of the k largest losses. 1 − α is an integer of 10⁻⁶, so that
//! k does not hang on how a float was rounded.

/// Most results that one window holds.
pub const WINDOW_MAX: usize = 1_024;

/// A loss that is exceeded rarely, and the mean of those at or beyond it; in the quote currency, losses positive.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tail {
    /// Value at risk.
    pub var: f64,
    /// Expected shortfall; at least the value at risk.
    pub es: f64,
}

impl Tail {
    /// Both times `by`.
    #[inline]
    #[must_use]
    pub fn scaled(self, by: f64) -> Self {
        Self { var: self.var * by, es: self.es * by }
    }
}

/// Floats below this have a whole part of 64 bits: 2⁶².
const SHORT: f64 = (1u64 << 62) as f64;

/// An amount as 10⁻⁸ of the quote currency, rounded up; `None` if it is no number or does not fit.
#[inline]
pub fn to_e8(amount: f64) -> Option<i128> {
    let scaled = amount * 1e8;
    if scaled.abs() < SHORT {
        // The same by 64 bits: what is cut off above the whole part rounds up.
        let whole = scaled as i64;
        return Some(i128::from(whole + i64::from((whole as f64) < scaled)));
    }
    let scaled = libm::ceil(scaled);
    // 2¹²⁶ and all integers that a float below it can hold fit.
    (scaled.abs() < 8.5e37).then_some(scaled as i128)
}

/// How many of `n` losses are in the tail of 10⁻⁶ × `tail_ppm`, the one that is the VaR included. At least 1.
#[inline]
pub const fn rank(n: u32, tail_ppm: u32) -> usize {
    (n as u64 * tail_ppm as u64 / 1_000_000) as usize + 1
}

/// VaR and ES of `pnl` (profits positive) where `k` losses are in the tail. `pnl` is left in another order. `None` if there
/// are fewer than `k`, or one is no number.
#[inline]
pub fn worst(pnl: &mut [f64], k: usize) -> Option<Tail> {
    if k == 0 || k > pnl.len() {
        return None;
    }
    let (below, var, _) = pnl.select_nth_unstable_by(k - 1, f64::total_cmp);
    let var = *var;
    // The order in which a selection leaves its parts is its own affair: a sum that must be the same bits everywhere is
    // made in sorted order.
    below.sort_unstable_by(f64::total_cmp);
    let sum = below.iter().fold(0.0, |sum, result| sum + result) + var;
    let tail = Tail { var: -var, es: -sum / k as f64 };
    (tail.var.is_finite() && tail.es.is_finite()).then_some(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rule_by_hand() {
        let check = |n: u32, ppm, k| assert_eq!(rank(n, ppm), k, "{n} {ppm}");
        check(100, 50_000, 6);
        check(99, 50_000, 5);
        check(250, 10_000, 3);
        check(99, 10_000, 1);
        // As a float, 1 − 0.9 is below a tenth, and the rank would be 10.
        check(100, 100_000, 11);
        check(u32::MAX, 1_000_000, u32::MAX as usize + 1);
        let mut pnl: Vec<f64> = (1..=100).map(f64::from).map(|x| 50.0 - x).collect();
        // The losses are 50, 49, 48, …: the sixth is 45, the mean of six 47.5.
        assert_eq!(worst(&mut pnl, 6), Some(Tail { var: 45.0, es: 47.5 }));
        assert_eq!(worst(&mut [3.0], 1), Some(Tail { var: -3.0, es: -3.0 }), "a profit in every case");
        assert_eq!(worst(&mut [], 1), None);
        assert_eq!(worst(&mut [1.0], 2), None);
        assert_eq!(worst(&mut [f64::NEG_INFINITY, 1.0], 1), None);
    }

    #[test]
    fn amounts_round_up() {
        for (amount, expected) in
            [(1.0, Some(100_000_000)), (1e-9, Some(1)), (-1e-9, Some(0)), (-1.0, Some(-100_000_000))]
        {
            assert_eq!(to_e8(amount), expected);
        }
        for bad in [f64::NAN, f64::INFINITY, 1e40] {
            assert_eq!(to_e8(bad), None);
        }
    }

    proptest! {
        #[test]
        fn the_short_way_rounds_like_the_long_one(bits in any::<u64>(), exponent in -12i32..25, digits in -1.0f64..1.0) {
            for amount in [f64::from_bits(bits), digits * 10f64.powi(exponent), (digits * 1e6).round() / 1e6] {
                let scaled = libm::ceil(amount * 1e8);
                prop_assert_eq!(to_e8(amount), (scaled.abs() < 8.5e37).then_some(scaled as i128), "{}", amount);
            }
        }

        #[test]
        fn sorting_is_the_oracle(pnl in proptest::collection::vec(-1e6f64..1e6, 1..300), ppm in 1u32..500_000) {
            let k = rank(pnl.len() as u32, ppm);
            let mut sorted = pnl.clone();
            sorted.sort_by(f64::total_cmp);
            let mean = sorted[..k].iter().sum::<f64>() / k as f64;
            let tail = worst(&mut pnl.clone(), k).unwrap();
            prop_assert_eq!(tail.var, -sorted[k - 1]);
            prop_assert!((tail.es + mean).abs() <= 1e-9 * mean.abs());
            prop_assert!(tail.es >= tail.var - 1e-9 * tail.var.abs());
        }
    }
}
