//! Hot: no new risk behind an open circuit breaker.

use crate::risk::breaker::Key;
use crate::risk::check::{Check, Context, Outcome, Unit};

/// Refuses new risk while a circuit breaker of the strategy, the venue or the instrument is open, or half-open and all its
/// probes are on their way. `value` is the code of the `Cause`, `breaker::Breakers` holds the limits. Exits pass: they end
/// with the position.
pub struct BreakerOpen;

impl Check for BreakerOpen {
    const NAME: &'static str = "CIRCUIT_BREAKER_OPEN";
    const UNIT: Unit = Unit::Count;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        match context.breakers.check(context.now, Key::of(context.instrument)) {
            Err(stop) if !context.only_reduces() => Outcome::Refuse { value: i128::from(stop.cause.code()), limit: 0 },
            _ => Outcome::Pass,
        }
    }
}
