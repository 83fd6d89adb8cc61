//! Hot: how far an order's price may lie from where the market is.

use super::check::{Check, Context, Outcome, Unit};
use super::config::{ConfigError, Limits, limit};
use super::money::div_ceil;

/// Refuses a price further than `price_collar_ppm` from the mid, or from the venue's mark price where there is one, on
/// either side.
pub struct PriceCollar {
    limit: i128,
}

/// |px − reference| ÷ reference in 10⁻⁶, rounded up; the reference is given twice. `None` for a reference ≤ 0.
fn distance_ppm(px: i64, reference2: i128) -> Option<i128> {
    let distance2 = (2 * i128::from(px) - reference2).abs();
    div_ceil(distance2.checked_mul(1_000_000)?, reference2)
}

impl Check for PriceCollar {
    const NAME: &'static str = "PRICE_OUTSIDE_COLLAR";
    const UNIT: Unit = Unit::Ppm;

    fn new(limits: &Limits) -> Result<Self, ConfigError> {
        Ok(Self { limit: i128::from(limit(limits.price_collar_ppm.as_ref(), "price_collar_ppm")?) })
    }

    #[inline]
    fn check(&self, context: &Context<'_>) -> Outcome {
        let px = context.wanted.px;
        let from_mid = context.mid2().and_then(|mid2| distance_ppm(px, mid2));
        let mark = context.market.mark.0;
        let worst = if mark == 0 {
            from_mid
        } else {
            from_mid.zip(distance_ppm(px, 2 * i128::from(mark))).map(|(a, b)| a.max(b))
        };
        Outcome::at_most(worst, self.limit)
    }
}
