//! Hot: no order while the account is not known.

use crate::risk::check::{Check, Context, Outcome, Unit};

/// Refuses once a report or a definition could not be booked (overflow, a contradiction, no room): the position is then
/// not known. It stays so until the state is rebuilt. It has no limit.
pub struct AccountFault;

impl Check for AccountFault {
    const NAME: &'static str = "ACCOUNT_UNKNOWN";
    const UNIT: Unit = Unit::Count;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        Outcome::at_most(Some(i128::from(context.state.fault) + i128::from(context.totals.fault)), 0)
    }
}
