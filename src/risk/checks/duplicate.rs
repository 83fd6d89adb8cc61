//! Hot: no order twice.

use crate::risk::check::{Check, Context, Outcome, Sense, Unit};
use crate::risk::config::{ConfigError, Limits, span};

/// Refuses an order that equals one of the last few of the instrument (side, price, quantity) if that was approved less than
/// `duplicate_window_ms` ago. `value` is how long ago. A longer window is the tighter limit.
pub struct Duplicate;

impl Check for Duplicate {
    const NAME: &'static str = "DUPLICATE_ORDER";
    const UNIT: Unit = Unit::Nanos;
    const SENSE: Sense = Sense::AtLeast;
    const KEY: Option<&'static str> = Some("duplicate_window_ms");
    const PER_INSTRUMENT: bool = true;

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        span(limits.duplicate_window_ms, "duplicate_window_ms")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        match context.state.recent.age_of(&context.wanted, context.now) {
            Some(age) if i128::from(age) < limit => Outcome::Refuse { value: i128::from(age), limit },
            _ => Outcome::Pass,
        }
    }
}
