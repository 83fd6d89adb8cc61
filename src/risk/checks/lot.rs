//! Hot: quantities on the lot.

use crate::risk::check::{Check, Context, Outcome, Unit};

/// Refuses a quantity that is no multiple of the instrument's lot, or not above zero. `value` is by how much it lies above one.
pub struct Lot;

impl Check for Lot {
    const NAME: &'static str = "QUANTITY_NOT_ON_LOT";
    const UNIT: Unit = Unit::Lots;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        let qty = context.wanted.qty;
        let beyond = qty.checked_rem_euclid(context.instrument.lot_size.0).filter(|_| qty > 0);
        Outcome::at_most(beyond.map(i128::from), 0)
    }
}
