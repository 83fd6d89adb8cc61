//! Hot: how many orders may be open at once.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, number};

/// Refuses an order that would be more than `max_open_orders` working or in flight on the host.
pub struct OpenOrders;

impl Check for OpenOrders {
    const NAME: &'static str = "OPEN_ORDERS_EXCEED_MAX";
    const UNIT: Unit = Unit::Count;
    const KEY: Option<&'static str> = Some("max_open_orders");

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        number(limits.max_open_orders, 65_536, "max_open_orders")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        Outcome::at_most(Some(context.orders.live() as i128 + 1), limit)
    }
}
