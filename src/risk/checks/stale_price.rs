//! Hot: no order at an old price.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, span};
use crate::types::time::age;

/// Refuses when the best bid and ask were last told longer than `max_price_age_ms` ago, though other data of the instrument may
/// still arrive: a book that is frozen behind a living connection. An age that is not known is the largest.
pub struct StalePrice;

impl Check for StalePrice {
    const NAME: &'static str = "PRICE_STALE";
    const UNIT: Unit = Unit::Nanos;
    const KEY: Option<&'static str> = Some("max_price_age_ms");
    const PER_INSTRUMENT: bool = true;

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        span(limits.max_price_age_ms, "max_price_age_ms")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        let age = age(context.now, context.state.quoted_at).unwrap_or(i64::MAX);
        Outcome::at_most(Some(i128::from(age)), limit)
    }
}
