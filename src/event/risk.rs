//! Hot: the risk section: the target, the order that is allowed for it or the refusal, and the account.

use super::execution::{OrderType, TimeInForce};
use crate::types::price::{Money, Px, Qty, Side};
use bytemuck::{Pod, Zeroable};

crate::code_enum! {
    /// What risk said to this input.
    pub enum Verdict {
        /// Nothing was asked.
        None = 0, "none";
        /// An order is allowed: `side`, `qty`, `px`, `order_type`, `time_in_force`.
        Approved = 1, "approved";
        /// An order was asked for and refused: `check`, `value`, `limit`.
        Refused = 2, "refused";
        /// All working orders of the instrument are to be cancelled (allowed at any time).
        CancelAll = 3, "cancel_all";
    }
}

/// The risk section, for the instrument of the input.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(128))]
pub struct RiskSection {
    /// TSC when the stage was done; 0 if not stamped. Not hashed.
    pub stamp: u64,
    /// Wanted position, signed; meaningful with a verdict.
    pub target: Qty,
    /// Position, signed, after this input.
    pub position: Qty,
    /// Σ open quantity of working and in-flight buys.
    pub open_buy: Qty,
    /// Σ open quantity of working and in-flight sells.
    pub open_sell: Qty,
    /// Average entry price × 10⁴ of the price unit, rounded half to even; 0 when flat. For people: the exact cost is
    /// kept inside. (Inverse contracts: harmonic average.)
    pub avg_px_e4: i64,
    /// Realised profit and loss, without fees.
    pub realized: Money,
    /// Unrealised profit and loss at the mid (or the last mid known).
    pub unrealized: Money,
    /// Fees paid (rebates are negative).
    pub fees: Money,
    /// Value that a refused check looked at, in the check's own unit.
    pub value: Money,
    /// The limit that it passed.
    pub limit: Money,
    /// Allowed quantity.
    pub qty: Qty,
    /// Allowed price (limit orders), or the worst price that the check allowed (market orders).
    pub px: Px,
    /// Code of a [`Verdict`]. Only `risk` sets it to approved.
    pub verdict: u8,
    /// Code of the check that refused; 0 = none. The table of codes is in `risk`.
    pub check: u8,
    /// Code of a `Side`.
    pub side: u8,
    /// Code of an `OrderType`.
    pub order_type: u8,
    /// Code of a `TimeInForce`.
    pub time_in_force: u8,
    /// Bits of the gate reasons that hold (bit = code of `GateReason`); 0 = open.
    pub gate: u8,
    /// Money decimals of the amounts above.
    pub money_decimals: u8,
    /// 1 if the account changed with this input (a fill).
    pub account_changed: u8,
    /// Zero.
    pub reserved: [u64; 13],
}

impl RiskSection {
    /// The verdict; `None` for an unknown code (fail closed).
    #[inline]
    pub fn verdict(&self) -> Verdict {
        Verdict::from_code(self.verdict).unwrap_or(Verdict::None)
    }

    /// Side of the order in question.
    #[inline]
    pub fn side(&self) -> Option<Side> {
        Side::from_code(self.side)
    }

    /// Type of the order in question.
    #[inline]
    pub fn order_type(&self) -> Option<OrderType> {
        OrderType::from_code(self.order_type)
    }

    /// Time in force of the order in question.
    #[inline]
    pub fn time_in_force(&self) -> Option<TimeInForce> {
        TimeInForce::from_code(self.time_in_force)
    }
}
