//! Hot: how far an order's price may lie from a price that does not move with the market.

use super::price_collar::distance;
use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, ppm};

/// Refuses a price further than `static_collar_ppm` from the instrument's configured `reference_price`, or else from the first
/// mid of the UTC day: a book that ran away does not take the collar with it.
pub struct StaticCollar;

impl Check for StaticCollar {
    const NAME: &'static str = "PRICE_OUTSIDE_STATIC_COLLAR";
    const UNIT: Unit = Unit::Ppm;
    const KEY: Option<&'static str> = Some("static_collar_ppm");
    const PER_INSTRUMENT: bool = true;

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        ppm(limits.static_collar_ppm, "static_collar_ppm")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        match context.state.reference2 {
            Some(reference2) => distance(context.wanted.px, reference2, limit),
            None => Outcome::Unknown,
        }
    }
}
