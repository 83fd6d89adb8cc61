//! Hot: how fast orders of one instrument may follow each other.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, number};

/// Refuses more than `orders_per_window` orders of one instrument in a burst, and as many again in every `rate_window_ms` (a token
/// bucket, so it recovers by itself). Exits may go as far again beyond it: a burst of entries never holds them back.
pub struct OrderRate;

impl Check for OrderRate {
    const NAME: &'static str = "ORDER_RATE_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Count;
    const KEY: Option<&'static str> = Some("orders_per_window");
    const PER_INSTRUMENT: bool = true;

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        number(limits.orders_per_window, 100_000, "orders_per_window")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        context.within_rate(&context.state.approvals, limit)
    }
}
