//! Hot: no order while any reason holds the gate closed.

use crate::event::input::GateReason;
use crate::risk::aggregate::bit;
use crate::risk::check::{Check, Context, Outcome, Unit};

/// Refuses while the gate is closed. It has no limit: one reason is too many. An audited flatten passes the reasons that only
/// say that nothing new may be begun.
pub struct Gate;

/// Reasons that an audited flatten passes. The others say that we do not know what we hold, what it is worth or what time it
/// is, that an order could not be recorded, or that this host may not trade at all: then a flatten could make it worse.
const FLATTEN_PASSES: u32 = bit(GateReason::Kill)
    | bit(GateReason::Halt)
    | bit(GateReason::Shutdown)
    | bit(GateReason::Fault)
    | bit(GateReason::Degraded);

impl Check for Gate {
    const NAME: &'static str = "GATE_CLOSED";
    const UNIT: Unit = Unit::GateBits;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        let gate = if context.may_pass_halt() { context.totals.gate & !FLATTEN_PASSES } else { context.totals.gate };
        Outcome::at_most(Some(i128::from(gate)), 0)
    }
}
