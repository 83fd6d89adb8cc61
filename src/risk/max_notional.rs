//! Hot: the largest value of one order.

use super::check::{Check, Context, Outcome, Unit};
use super::config::{ConfigError, Limits, amount, limit};
use super::money::{QUOTE_DECIMALS, notional_e8};

/// Refuses an order whose quantity at its own price is worth more than `max_order_notional`.
pub struct MaxNotional {
    limit: i128,
}

impl Check for MaxNotional {
    const NAME: &'static str = "NOTIONAL_EXCEEDS_MAX_PER_ORDER";
    const UNIT: Unit = Unit::Quote;

    fn new(limits: &Limits) -> Result<Self, ConfigError> {
        let text = limit(limits.max_order_notional.as_ref(), "max_order_notional")?;
        Ok(Self { limit: amount(&text, "max_order_notional", QUOTE_DECIMALS)? })
    }

    #[inline]
    fn check(&self, context: &Context<'_>) -> Outcome {
        let wanted = &context.wanted;
        Outcome::at_most(notional_e8(context.instrument, i128::from(wanted.qty), 2 * i128::from(wanted.px)), self.limit)
    }
}
