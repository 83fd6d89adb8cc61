//! Hot: how many orders may be open at once.

use super::check::{Check, Context, Outcome, Unit};
use super::config::{ConfigError, Limits, limit};

/// Refuses an order that would be more than `max_open_orders` working or in flight on the host.
pub struct OpenOrders {
    /// Orders of the host.
    pub(super) limit: u32,
}

impl Check for OpenOrders {
    const NAME: &'static str = "OPEN_ORDERS_EXCEED_MAX";
    const UNIT: Unit = Unit::Count;

    fn new(limits: &Limits) -> Result<Self, ConfigError> {
        Ok(Self { limit: limit(limits.max_open_orders.as_ref(), "max_open_orders")? })
    }

    #[inline]
    fn check(&self, context: &Context<'_>) -> Outcome {
        Outcome::at_most(Some(context.orders.live() as i128 + 1), i128::from(self.limit))
    }
}
