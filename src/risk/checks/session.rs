//! Hot: no order outside continuous trading.

use crate::event::market::flags;
use crate::risk::check::{Check, Context, Outcome, Unit};

/// Refuses unless the market stage says that the instrument is in continuous trading (its calendar and the venue's status).
pub struct Session;

impl Check for Session {
    const NAME: &'static str = "SESSION_CLOSED";
    const UNIT: Unit = Unit::Count;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        Outcome::at_most(Some(i128::from(!context.market.has(flags::TRADING))), 0)
    }
}
