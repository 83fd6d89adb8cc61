//! Hot: only exits in a reducing scope.

use crate::event::operator::ScopeState;
use crate::risk::check::{Check, Context, Outcome, Unit};

/// Refuses new risk while an operator lets the host, the venue, the strategy or the instrument only reduce.
pub struct ReduceOnly;

impl Check for ReduceOnly {
    const NAME: &'static str = "TRADING_REDUCE_ONLY";
    const UNIT: Unit = Unit::State;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        let state = context.totals.trading_state(context.state);
        if state == ScopeState::Reducing && !context.only_reduces() {
            Outcome::Refuse { value: i128::from(state.code()), limit: i128::from(ScopeState::Active.code()) }
        } else {
            Outcome::Pass
        }
    }
}
