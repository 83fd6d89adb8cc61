//! Hot: checked 128-bit arithmetic with a short way for numbers of 64 bits, which is what amounts mostly are.
//!
//! A checked product of two `i128` is some 40 instructions, and a division calls a function. Two numbers that fit an `i64` have
//! a product that cannot overflow, by one multiplication, and a quotient by one division. The results are the same bits: each
//! function here is compared with the plain one in the tests.

/// `a` × `b`; `None` if it does not fit.
#[inline]
pub fn mul(a: i128, b: i128) -> Option<i128> {
    match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => Some(i128::from(a) * i128::from(b)),
        _ => mul_slow(a, b),
    }
}

#[cold]
#[inline(never)]
fn mul_slow(a: i128, b: i128) -> Option<i128> {
    a.checked_mul(b)
}

/// `a` × `b`, or the largest or smallest number if that does not fit.
#[inline]
pub fn mul_saturating(a: i128, b: i128) -> i128 {
    match mul(a, b) {
        Some(product) => product,
        None if (a < 0) == (b < 0) => i128::MAX,
        None => i128::MIN,
    }
}

/// Quotient rounded down and rest ≥ 0 of `n` ÷ `d`; `None` unless `d` > 0.
#[inline]
pub fn div_floor(n: i128, d: i128) -> Option<(i128, i128)> {
    match (i64::try_from(n), i64::try_from(d)) {
        (Ok(n), Ok(d)) if d > 0 => Some((i128::from(n.div_euclid(d)), i128::from(n.rem_euclid(d)))),
        (_, Ok(..=0)) => None,
        _ => div_floor_slow(n, d),
    }
}

#[cold]
#[inline(never)]
fn div_floor_slow(n: i128, d: i128) -> Option<(i128, i128)> {
    if d <= 0 {
        return None;
    }
    let q = n.div_euclid(d);
    // The rest fits, whatever the product does.
    Some((q, n.wrapping_sub(q.wrapping_mul(d))))
}

/// `n` ÷ `d`, rounded towards zero; `None` unless `d` > 0.
#[inline]
pub fn div_trunc(n: i128, d: i128) -> Option<i128> {
    match (i64::try_from(n), i64::try_from(d)) {
        (Ok(n), Ok(d)) if d > 0 => Some(i128::from(n / d)),
        (_, Ok(..=0)) => None,
        _ => div_trunc_slow(n, d),
    }
}

#[cold]
#[inline(never)]
fn div_trunc_slow(n: i128, d: i128) -> Option<i128> {
    if d > 0 { n.checked_div(d) } else { None }
}

/// The float next to `n`.
#[inline]
pub fn to_f64(n: i128) -> f64 {
    match i64::try_from(n) {
        Ok(n) => n as f64,
        Err(_) => to_f64_slow(n),
    }
}

#[cold]
#[inline(never)]
fn to_f64_slow(n: i128) -> f64 {
    n as f64
}

/// 10^`n`; `None` beyond 38, where it does not fit.
#[inline]
pub fn pow10(n: u8) -> Option<i128> {
    const TABLE: [i128; 39] = {
        let mut table = [1; 39];
        let mut i = 1;
        while i < 39 {
            table[i] = table[i - 1] * 10;
            i += 1;
        }
        table
    };
    TABLE.get(usize::from(n)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers of all sizes, and those around where one way gives over to the other.
    fn number() -> impl Strategy<Value = i128> {
        let edges = [0, 1, 2, 3, i128::from(i64::MAX), 1 << 63, (1 << 63) + 1, 1 << 64, 1 << 126, i128::MAX, i128::MIN];
        let edge = (proptest::sample::select(edges.to_vec()), any::<bool>(), -2i128..3)
            .prop_map(|(edge, minus, by)| (if minus { edge.wrapping_neg() } else { edge }).saturating_add(by));
        let any_size = (any::<i128>(), 0u32..128).prop_map(|(n, by)| n >> by);
        prop_oneof![any::<i64>().prop_map(i128::from), any_size, edge]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_short_way_gives_the_bits_of_the_long_one(a in number(), b in number()) {
            prop_assert_eq!(mul(a, b), a.checked_mul(b));
            prop_assert_eq!(mul_saturating(a, b), a.saturating_mul(b));
            let floor = (b > 0).then(|| (a.div_euclid(b), a.rem_euclid(b)));
            prop_assert_eq!(div_floor(a, b), floor);
            prop_assert_eq!(div_trunc(a, b), (b > 0).then(|| a / b));
            prop_assert_eq!(to_f64(a).to_bits(), (a as f64).to_bits());
        }
    }

    #[test]
    fn powers_of_ten() {
        for n in 0..=u8::MAX {
            assert_eq!(pow10(n), 10i128.checked_pow(u32::from(n)));
        }
    }
}
