//! Hot: no order that would trade with our own.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::types::price::Side;

/// Refuses an order that crosses one of our own working orders of the other side. `value` is the order's price, `limit`
/// the price of the order that it would meet. It has no limit to configure.
pub struct SelfTrade;

impl Check for SelfTrade {
    const NAME: &'static str = "SELF_TRADE_PREVENTED";
    const UNIT: Unit = Unit::Price;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        let wanted = &context.wanted;
        let met = context.orders.of(&context.state.list).find(|own| {
            own.side != wanted.side
                && match wanted.side {
                    Side::Buy => wanted.px >= own.px,
                    Side::Sell => wanted.px <= own.px,
                }
        });
        match met {
            Some(own) => Outcome::Refuse { value: i128::from(wanted.px), limit: i128::from(own.px) },
            None => Outcome::Pass,
        }
    }
}
