//! Hot: how far an order's price may lie from where the market is.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, ppm};
use crate::risk::money::div_ceil;

/// Refuses a price further than `price_collar_ppm` from the mid, or from the venue's mark price where there is one, on
/// either side.
pub struct PriceCollar;

/// |px − reference| ÷ reference in 10⁻⁶, rounded up, against `limit`; the reference is given twice. Unknown for a reference ≤ 0.
#[inline]
pub(super) fn distance(px: i64, reference2: i128, limit: i128) -> Outcome {
    if is_within(px, reference2, limit) { Outcome::Pass } else { distance_wide(px, reference2, limit) }
}

/// Whether distance × 10⁶ ≤ limit × reference, in numbers whose products fit; false also where that cannot be said so.
#[inline]
fn is_within(px: i64, reference2: i128, limit: i128) -> bool {
    let (Ok(reference2), Ok(limit)) = (i64::try_from(reference2), i64::try_from(limit)) else { return false };
    let away = px.checked_mul(2).and_then(|px2| px2.checked_sub(reference2)).and_then(i64::checked_abs);
    let Some(away) = away else { return false };
    reference2 > 0 && i128::from(away) * 1_000_000 <= i128::from(limit) * i128::from(reference2)
}

/// The same for all numbers, and by how much it is refused.
#[cold]
#[inline(never)]
fn distance_wide(px: i64, reference2: i128, limit: i128) -> Outcome {
    let scaled = (2 * i128::from(px) - reference2).abs().checked_mul(1_000_000);
    let Some((scaled, most)) = scaled.zip(limit.checked_mul(reference2)).filter(|_| reference2 > 0) else {
        return Outcome::Unknown;
    };
    if scaled <= most {
        return Outcome::Pass;
    }
    Outcome::at_most(div_ceil(scaled, reference2), limit)
}

impl Check for PriceCollar {
    const NAME: &'static str = "PRICE_OUTSIDE_COLLAR";
    const UNIT: Unit = Unit::Ppm;
    const KEY: Option<&'static str> = Some("price_collar_ppm");
    const PER_INSTRUMENT: bool = true;

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        ppm(limits.price_collar_ppm, "price_collar_ppm")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        let px = context.wanted.px;
        let Some(mid2) = context.mid2 else { return Outcome::Unknown };
        let mark2 = 2 * i128::from(context.market.mark.0);
        if is_within(px, mid2, limit) && (mark2 == 0 || is_within(px, mark2, limit)) {
            return Outcome::Pass;
        }
        further(px, mid2, mark2, limit)
    }
}

/// By how much it is refused: the larger of the two distances. `mark2` 0: there is no mark price.
#[cold]
#[inline(never)]
fn further(px: i64, mid2: i128, mark2: i128, limit: i128) -> Outcome {
    let from_mid = distance_wide(px, mid2, limit);
    if mark2 == 0 {
        return from_mid;
    }
    match (from_mid, distance_wide(px, mark2, limit)) {
        (Outcome::Unknown, _) | (_, Outcome::Unknown) => Outcome::Unknown,
        (Outcome::Refuse { value: a, .. }, Outcome::Refuse { value: b, .. }) => {
            Outcome::Refuse { value: a.max(b), limit }
        }
        (Outcome::Pass, other) | (other, Outcome::Pass) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// Prices, references and limits of all sizes, and those where the distance is just at the limit.
        #[test]
        fn the_short_way_says_what_the_long_one_says(
            (px, px_by) in (any::<i64>(), 0u32..64), (wide, wide_by) in (any::<i128>(), 0u32..128),
            near in -2i64..3, limit in prop_oneof![0i128..2_000_000, any::<i128>()], at_limit in any::<bool>(),
        ) {
            let (px, mut reference2) = (px >> px_by, wide >> wide_by);
            if at_limit {
                // 2·px = reference2 · (1 + limit), as near as integers are.
                reference2 = 2 * i128::from(px) * 1_000_000 / 1_000_000i128.saturating_add(limit).max(1) + i128::from(near);
            }
            prop_assert_eq!(distance(px, reference2, limit), distance_wide(px, reference2, limit));
        }
    }
}
