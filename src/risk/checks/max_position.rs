//! Hot: the largest position of one instrument, with what is in flight.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, quantity};
use crate::risk::money::qty_e18;

/// Refuses an order after whose fill, and the fill of all that is open on its side, the position would be larger than
/// `max_position`.
pub struct MaxPosition;

impl Check for MaxPosition {
    const NAME: &'static str = "POSITION_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Quantity;
    const KEY: Option<&'static str> = Some("max_position");
    const PER_INSTRUMENT: bool = true;

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        quantity(limits.max_position.as_ref(), "max_position")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        let reach = context.reach;
        if i64::try_from(reach).is_err() {
            return Outcome::Unknown;
        }
        Outcome::at_most(qty_e18(reach, context.instrument.qty_decimals), limit)
    }
}
