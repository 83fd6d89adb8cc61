//! Hot: the largest quantity of one order.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, quantity};
use crate::risk::money::qty_e18;

/// Refuses an order of more than `max_order_qty`.
pub struct MaxQty;

impl Check for MaxQty {
    const NAME: &'static str = "QUANTITY_EXCEEDS_MAX_PER_ORDER";
    const UNIT: Unit = Unit::Quantity;
    const KEY: Option<&'static str> = Some("max_order_qty");
    const PER_INSTRUMENT: bool = true;

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        quantity(limits.max_order_qty.as_ref(), "max_order_qty")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        let qty = qty_e18(i128::from(context.wanted.qty), context.instrument.qty_decimals);
        Outcome::at_most(qty.filter(|&qty| qty > 0), limit)
    }
}
