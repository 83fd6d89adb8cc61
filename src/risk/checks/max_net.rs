//! Hot: the largest value of all longs less all shorts, with what is in flight.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, quote};

/// Refuses an order after whose fill, and the fill of all that is open on its side on the whole host, the net value in its
/// direction would be larger than `max_net_notional`. An exit passes also above the limit: one leg of a hedge may always go.
pub struct MaxNet;

impl Check for MaxNet {
    const NAME: &'static str = "NET_NOTIONAL_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Quote;
    const KEY: Option<&'static str> = Some("max_net_notional");

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        quote(limits.max_net_notional.as_ref(), "max_net_notional")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        if context.only_reduces() {
            return Outcome::Pass;
        }
        Outcome::at_most(context.net_after(), limit)
    }
}
