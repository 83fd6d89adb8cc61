//! Hot: no order while any reason holds the gate closed.

use crate::event::input::GateReason;
use crate::risk::check::{Check, Context, Outcome, Unit};

/// Refuses while the gate is closed. It has no limit: one reason is too many. An audited flatten passes the reasons that only
/// say that nothing new may be begun.
pub struct Gate;

impl Check for Gate {
    const NAME: &'static str = "GATE_CLOSED";
    const UNIT: Unit = Unit::GateBits;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        let gate = if context.may_pass_halt() {
            context.totals.gate & !GateReason::FLATTEN_PASSES
        } else {
            context.totals.gate
        };
        Outcome::at_most(Some(i128::from(gate)), 0)
    }
}
