//! Hot: the largest value at risk of all positions, with what is in flight.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, quote};

/// Refuses an order after which the value at risk of the host (see `portfolio`), the larger one of history and covariances, would be larger than `max_var`. An exit passes.
pub struct ValueAtRisk;

impl Check for ValueAtRisk {
    const NAME: &'static str = "VALUE_AT_RISK_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Quote;
    const KEY: Option<&'static str> = Some("max_var");

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        quote(limits.max_var.as_ref(), "max_var")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        if context.only_reduces() {
            return Outcome::Pass;
        }
        context.tail_after(limit, |tail| tail.var)
    }
}
