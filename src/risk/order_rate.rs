//! Hot: how many orders in a window of input time, of one instrument.

use super::check::{Check, Context, Outcome, Unit};
use super::config::{ConfigError, Limits, count, limit, millis};
use crate::types::time::Nanos;

/// Refuses an order when `orders_per_window` of the instrument were approved within the last `rate_window_ms`. Cancels do not
/// count: they are always allowed.
pub struct OrderRate {
    /// Orders in one window.
    pub(super) limit: u32,
    span: Nanos,
}

impl Check for OrderRate {
    const NAME: &'static str = "ORDER_RATE_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Count;

    fn new(limits: &Limits) -> Result<Self, ConfigError> {
        let orders = limit(limits.orders_per_window.as_ref(), "orders_per_window")?;
        Ok(Self {
            limit: count(orders, 100_000, "orders_per_window", "0..=100000")?,
            span: millis(limit(limits.rate_window_ms.as_ref(), "rate_window_ms")?, "rate_window_ms")?,
        })
    }

    #[inline]
    fn check(&self, context: &Context<'_>) -> Outcome {
        if context.state.window.is_full(context.now, self.span) {
            Outcome::Refuse { value: i128::from(self.limit) + 1, limit: i128::from(self.limit) }
        } else {
            Outcome::Pass
        }
    }
}
