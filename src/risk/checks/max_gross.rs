//! Hot: the largest value of all positions together, with what is in flight.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, quote};

/// Refuses an order that would make Σ |worst-case position| × mid over all instruments larger than
/// `max_gross_notional`. An exit passes also above the limit.
pub struct MaxGross;

impl Check for MaxGross {
    const NAME: &'static str = "GROSS_NOTIONAL_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Quote;
    const KEY: Option<&'static str> = Some("max_gross_notional");

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        quote(limits.max_gross_notional.as_ref(), "max_gross_notional")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        if context.only_reduces() {
            return Outcome::Pass;
        }
        Outcome::at_most(context.gross_after, limit)
    }
}
