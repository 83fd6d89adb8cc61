//! Hot: the largest quantity of one order.

use super::check::{Check, Context, Outcome, Unit};
use super::config::{ConfigError, Limits, amount, limit};
use super::money::{QTY_DECIMALS, qty_e18};

/// Refuses an order of more than `max_order_qty`.
pub struct MaxQty {
    limit: i128,
}

impl Check for MaxQty {
    const NAME: &'static str = "QUANTITY_EXCEEDS_MAX_PER_ORDER";
    const UNIT: Unit = Unit::Quantity;

    fn new(limits: &Limits) -> Result<Self, ConfigError> {
        let text = limit(limits.max_order_qty.as_ref(), "max_order_qty")?;
        Ok(Self { limit: amount(&text, "max_order_qty", QTY_DECIMALS)? })
    }

    #[inline]
    fn check(&self, context: &Context<'_>) -> Outcome {
        let qty = qty_e18(i128::from(context.wanted.qty), context.instrument.qty_decimals);
        Outcome::at_most(qty.filter(|&qty| qty > 0), self.limit)
    }
}
