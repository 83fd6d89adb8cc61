//! Hot: how far an order's price may lie from the last trade.

use super::price_collar::distance;
use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, ppm};

/// Refuses a price further than `last_collar_ppm` from the last counted trade. Before the first trade (and on feeds that tell
/// none) there is nothing to compare: the other two collars hold.
pub struct LastCollar;

impl Check for LastCollar {
    const NAME: &'static str = "PRICE_FAR_FROM_LAST";
    const UNIT: Unit = Unit::Ppm;
    const KEY: Option<&'static str> = Some("last_collar_ppm");
    const PER_INSTRUMENT: bool = true;

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        ppm(limits.last_collar_ppm, "last_collar_ppm")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        let last = context.market.last;
        if last.qty.0 == 0 {
            return Outcome::Pass;
        }
        distance(context.wanted.px, 2 * i128::from(last.px.0), limit)
    }
}
