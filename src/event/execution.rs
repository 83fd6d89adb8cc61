//! Hot: the execution section: commands to the venue and what became of an order.

use super::statement::{OrdersCount, Traded};
use crate::types::ids::{ClientOrderId, InstrumentId};
use crate::types::price::{Px, Qty, Side};
use bytemuck::{Pod, Zeroable};

/// The most commands that one input leads to.
pub const COMMANDS_MAX: usize = 4;

crate::code_enum! {
    /// Type of an order (FIX OrdType 40).
    pub enum OrderType {
        /// At any price; the section's price is a limit that risk has set all the same.
        Market = 1, "market";
        /// At the price or better.
        Limit = 2, "limit";
    }
}

crate::code_enum! {
    /// How long an order stands (FIX TimeInForce 59).
    pub enum TimeInForce {
        /// Until it is cancelled.
        Gtc = 1, "gtc";
        /// What can be had at once; the rest is cancelled.
        Ioc = 2, "ioc";
        /// All at once or nothing.
        Fok = 3, "fok";
        /// Only as a maker (post-only); refused if it would take.
        Gtx = 4, "gtx";
    }
}

crate::code_enum! {
    /// What the venue is asked to do.
    pub enum CommandKind {
        /// A new order.
        New = 1, "new";
        /// Cancel `client_order_id`.
        Cancel = 2, "cancel";
    }
}

crate::code_enum! {
    /// State of an order; the words are those of `peers.md`.
    pub enum OrderState {
        /// Made, not yet sent.
        Initialized = 1, "INITIALIZED";
        /// Refused by us.
        Denied = 2, "DENIED";
        /// Sent; no answer yet.
        Submitted = 3, "SUBMITTED";
        /// The venue has it.
        Accepted = 4, "ACCEPTED";
        /// Refused by the venue.
        Rejected = 5, "REJECTED";
        /// A change was asked for.
        PendingUpdate = 6, "PENDING_UPDATE";
        /// A cancel was asked for.
        PendingCancel = 7, "PENDING_CANCEL";
        /// A stop was triggered.
        Triggered = 8, "TRIGGERED";
        /// Filled in part; the rest is open.
        PartiallyFilled = 9, "PARTIALLY_FILLED";
        /// Filled.
        Filled = 10, "FILLED";
        /// Cancelled.
        Canceled = 11, "CANCELED";
        /// Ended by the venue.
        Expired = 12, "EXPIRED";
    }
}

impl OrderState {
    /// Whether nothing more can happen to the order.
    #[inline]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Denied | Self::Rejected | Self::Filled | Self::Canceled | Self::Expired)
    }
}

/// One command to the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct OrderCommand {
    /// The order.
    pub client_order_id: ClientOrderId,
    /// Price; for a market order the protecting limit.
    pub px: Px,
    /// Quantity, > 0; for a cancel the quantity still open as far as we know.
    pub qty: Qty,
    /// Instrument.
    pub instrument: InstrumentId,
    /// Code of a [`CommandKind`].
    pub kind: u8,
    /// Code of a `Side`.
    pub side: u8,
    /// Code of an [`OrderType`].
    pub order_type: u8,
    /// Code of a [`TimeInForce`].
    pub time_in_force: u8,
}

impl OrderCommand {
    /// Side, if the code is one.
    #[inline]
    pub fn side(&self) -> Option<Side> {
        Side::from_code(self.side)
    }
}

/// An order whose state changed with this input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct OrderUpdate {
    /// The order.
    pub client_order_id: ClientOrderId,
    /// The venue's id; 0 if none yet.
    pub venue_order_id: u64,
    /// Σ price × quantity of its fills, in money units of a linear contract; for the average price.
    pub notional: i128,
    /// Trade id of the fill, if this was one.
    pub trade_id: u64,
    /// Price of this fill.
    pub last_px: Px,
    /// Quantity of this fill; 0 if it was none.
    pub last_qty: Qty,
    /// The order's price.
    pub px: Px,
    /// The order's quantity.
    pub qty: Qty,
    /// Filled so far.
    pub cum_qty: Qty,
    /// Still open.
    pub leaves_qty: Qty,
    /// Code of the [`OrderState`] before.
    pub state_before: u8,
    /// Code of the [`OrderState`] now.
    pub state: u8,
    /// Code of a `Side`.
    pub side: u8,
    /// Code of a `report::Liquidity`.
    pub liquidity: u8,
    /// Code of a `report::VenueReason`.
    pub reason: u8,
    /// 1 if the report could not be applied (unknown order, illegal move, quantity not conserved).
    pub anomalous: u8,
    /// Zero.
    pub reserved: [u8; 18],
}

crate::code_enum! {
    /// How what we hold compares with a venue's statement.
    pub enum Agreement {
        /// There was no statement, or none that can be compared.
        None = 0, "none";
        /// They agree.
        Agrees = 1, "agrees";
        /// They differ: see [`differs`].
        Differs = 2, "differs";
    }
}

/// Bits of [`ExecutionSection::differs`]: in what a statement and we differ.
pub mod differs {
    /// The venue has other open orders than those that it confirmed to us.
    pub const ORDERS: u8 = 1 << 0;
    /// The venue counts other fills than we do.
    pub const FILLS: u8 = 1 << 1;
    /// Risk's position is not the one of the start and all fills since.
    pub const POSITION: u8 = 1 << 2;
    /// Risk counts another open quantity than execution does.
    pub const OPEN: u8 = 1 << 3;
    /// The venue has taken an order, and its answer never came.
    pub const UNANSWERED: u8 = 1 << 4;

    /// What `bits` say, for people.
    pub fn names(bits: u8) -> String {
        let all = [
            (ORDERS, "open orders"),
            (FILLS, "fills"),
            (POSITION, "position"),
            (OPEN, "open quantity"),
            (UNANSWERED, "orders without an answer"),
        ];
        let names: Vec<&str> = all.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
        names.join(", ")
    }
}

/// The execution section.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(128))]
pub struct ExecutionSection {
    /// TSC when the stage was done; 0 if not stamped. Not hashed.
    pub stamp: u64,
    /// TSC when the commands were encoded for the venue; 0 if there were none or not stamped. Not hashed.
    pub stamp_encoded: u64,
    /// Commands in use.
    pub commands_len: u8,
    /// 1 if `update` says something.
    pub updated: u8,
    /// Code of an [`Agreement`], for a statement.
    pub agreement: u8,
    /// See [`differs`].
    pub differs: u8,
    /// 1 if this instrument (or the whole) differs in something else than before, or agrees now.
    pub agreement_changed: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// Orders of the host that are open after this input.
    pub open_orders: u32,
    /// Instruments (and the whole, as one more) for which the last statement differed.
    pub differing: u32,
    /// Commands, in the order in which they must leave.
    pub commands: [OrderCommand; COMMANDS_MAX],
    /// The order that the input's report was about.
    pub update: OrderUpdate,
    /// For a statement: the orders that the venue has confirmed to us, as execution has them.
    pub confirmed: OrdersCount,
    /// For a statement: the fills since the host's start, as execution has them.
    pub traded: Traded,
    /// For a statement: the position that follows from the one at the start and those fills.
    pub position: Qty,
    /// For a statement: open quantity of all working buys as execution has them, confirmed or not.
    pub open_buy: Qty,
    /// The same of the sells.
    pub open_sell: Qty,
    /// For a statement on all orders: those that the venue has taken and that no answer came to.
    pub unanswered: u32,
    /// Zero.
    pub reserved3: [u32; 9],
}

impl ExecutionSection {
    /// Bytes in front of the commands.
    pub const HEAD: usize = core::mem::offset_of!(ExecutionSection, commands);

    /// Makes the section all zero, whatever an older slot left in it. What is behind the head is only written where the head
    /// says that it was used: of the six cache lines, which another core has read since, most inputs touch one.
    ///
    /// It relies on sections that were zero at first, and of which none but the execution stage has written since.
    #[inline]
    pub fn clear(&mut self) {
        if (self.commands_len | self.updated | self.agreement) != 0 {
            *self = Self::zeroed();
        } else {
            let (head, behind) = bytemuck::bytes_of_mut(self).split_at_mut(Self::HEAD);
            head.fill(0);
            debug_assert!(behind.iter().all(|byte| *byte == 0), "a quiet section says nothing");
        }
    }

    /// The commands.
    #[inline]
    pub fn commands(&self) -> &[OrderCommand] {
        &self.commands[..(self.commands_len as usize).min(COMMANDS_MAX)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl Fn(&mut ExecutionSection)) {
        let mut section = ExecutionSection::zeroed();
        change(&mut section);
        section.clear();
        assert!(bytemuck::bytes_of(&section).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn whatever_an_older_slot_left_is_cleared() {
        check(|_| {});
        check(|section| (section.stamp, section.stamp_encoded, section.open_orders, section.differing) = (1, 2, 3, 4));
        check(|section| {
            section.commands_len = 1;
            bytemuck::bytes_of_mut(&mut section.commands).fill(0xa5);
        });
        check(|section| {
            section.updated = 1;
            bytemuck::bytes_of_mut(&mut section.update).fill(0xa5);
        });
        check(|section| {
            (section.agreement, section.agreement_changed, section.differs) = (Agreement::Differs.code(), 1, 0xff);
            (section.confirmed.orders, section.traded.bought, section.position) = (1, Qty(2), Qty(3));
            (section.open_buy, section.open_sell, section.unanswered) = (Qty(4), Qty(5), 6);
        });
    }
}
