//! Hot: the largest expected shortfall of all positions, with what is in flight.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, quote};

/// Refuses an order after which the expected shortfall of the host (see `portfolio`), the larger one of history and covariances, would be larger than `max_expected_shortfall`. An exit passes.
pub struct ExpectedShortfall;

impl Check for ExpectedShortfall {
    const NAME: &'static str = "EXPECTED_SHORTFALL_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Quote;
    const KEY: Option<&'static str> = Some("max_expected_shortfall");

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        quote(limits.max_expected_shortfall.as_ref(), "max_expected_shortfall")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        if context.only_reduces() {
            return Outcome::Pass;
        }
        context.tail_after(limit, |tail| tail.es)
    }
}
