//! Hot: how fast orders of the host may follow each other.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, number};

/// Refuses more than `orders_per_window_total` orders of the host in a burst, and as many again in every `rate_window_ms` (a token
/// bucket, so it recovers by itself). Exits may go as far again beyond it: a burst of entries never holds them back.
pub struct OrderRateTotal;

impl Check for OrderRateTotal {
    const NAME: &'static str = "ORDER_RATE_EXCEEDS_MAX_OF_HOST";
    const UNIT: Unit = Unit::Count;
    const KEY: Option<&'static str> = Some("orders_per_window_total");

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        number(limits.orders_per_window_total, 100_000, "orders_per_window_total")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        context.within_rate(&context.totals.approvals, limit)
    }
}
