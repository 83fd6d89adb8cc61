//! Hot: how far an order's price may lie from where the market is.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, ppm};
use crate::risk::money::div_ceil;

/// Refuses a price further than `price_collar_ppm` from the mid, or from the venue's mark price where there is one, on
/// either side.
pub struct PriceCollar;

/// |px − reference| ÷ reference in 10⁻⁶, rounded up, against `limit`; the reference is given twice. Unknown for a reference ≤ 0.
///
/// It divides only to say by how much it is refused: distance × 10⁶ ≤ limit × reference is the same, and ten times as fast.
#[inline]
pub(super) fn distance(px: i64, reference2: i128, limit: i128) -> Outcome {
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
        let Some(mid2) = context.mid2() else { return Outcome::Unknown };
        let from_mid = distance(px, mid2, limit);
        let mark = context.market.mark.0;
        if mark == 0 {
            return from_mid;
        }
        match (from_mid, distance(px, 2 * i128::from(mark), limit)) {
            (Outcome::Unknown, _) | (_, Outcome::Unknown) => Outcome::Unknown,
            (Outcome::Refuse { value: a, .. }, Outcome::Refuse { value: b, .. }) => {
                Outcome::Refuse { value: a.max(b), limit }
            }
            (Outcome::Pass, other) | (other, Outcome::Pass) => other,
        }
    }
}
