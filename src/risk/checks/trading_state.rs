//! Hot: no order in a halted scope.

use crate::event::operator::ScopeState;
use crate::risk::check::{Check, Context, Outcome, Unit};

/// Refuses while an operator halted the host, the venue, the strategy or the instrument. An audited flatten passes.
pub struct TradingHalted;

impl Check for TradingHalted {
    const NAME: &'static str = "TRADING_HALTED";
    const UNIT: Unit = Unit::State;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        let state = context.totals.trading_state(context.state);
        if state == ScopeState::Halted && !context.may_pass_halt() {
            Outcome::Refuse { value: i128::from(state.code()), limit: i128::from(ScopeState::Reducing.code()) }
        } else {
            Outcome::Pass
        }
    }
}
