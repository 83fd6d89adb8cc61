//! Hot: the largest value of one order.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, quote};
use crate::risk::money::notional_e8;

/// Refuses an order whose quantity at its own price is worth more than `max_order_notional`.
pub struct MaxNotional;

impl Check for MaxNotional {
    const NAME: &'static str = "NOTIONAL_EXCEEDS_MAX_PER_ORDER";
    const UNIT: Unit = Unit::Quote;
    const KEY: Option<&'static str> = Some("max_order_notional");
    const PER_INSTRUMENT: bool = true;

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        quote(limits.max_order_notional.as_ref(), "max_order_notional")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        let wanted = &context.wanted;
        Outcome::at_most(notional_e8(context.instrument, i128::from(wanted.qty), 2 * i128::from(wanted.px)), limit)
    }
}
