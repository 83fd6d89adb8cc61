//! Hot: a strategy that is filled again and again the same way.

use crate::risk::bucket::Rate;
use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, number};

/// Refuses new risk on a side of an instrument on which `repeat_executions` orders were filled, wholly or partly, in one burst;
/// orders in flight count as if they were. Once that many were filled, the side stays stopped until a person enables it again.
/// Exits pass: they end with the position.
pub struct RepeatThrottle;

impl Check for RepeatThrottle {
    const NAME: &'static str = "REPEATED_EXECUTIONS_STOPPED";
    const UNIT: Unit = Unit::Count;
    const KEY: Option<&'static str> = Some("repeat_executions");
    const PER_INSTRUMENT: bool = true;

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        number(limits.repeat_executions, 100_000, "repeat_executions")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        if context.only_reduces() {
            return Outcome::Pass;
        }
        let rate = Rate { limit, window: context.settings.repeat_window };
        let side = &context.state.repeats[context.wanted.side as usize - 1];
        let more = i128::from(side.unfilled) + 1;
        if !side.stopped && side.bucket.fits(rate, context.now, more, limit) {
            return Outcome::Pass;
        }
        Outcome::Refuse { value: side.bucket.in_use(rate, context.now, more).max(limit.saturating_add(1)), limit }
    }
}
