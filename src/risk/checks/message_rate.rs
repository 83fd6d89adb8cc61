//! Hot: how fast messages to the venues may follow each other.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, number};

/// Refuses an order when `messages_per_window` orders and cancels of the host went out in a burst, and as many again in every
/// `rate_window_ms`. Cancels count, but nothing ever refuses them. Exits may go as far again beyond it.
pub struct MessageRate;

impl Check for MessageRate {
    const NAME: &'static str = "MESSAGE_RATE_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Count;
    const KEY: Option<&'static str> = Some("messages_per_window");

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        number(limits.messages_per_window, 100_000, "messages_per_window")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        context.within_rate(&context.totals.messages, limit)
    }
}
