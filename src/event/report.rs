//! Hot: a venue's report on one of our orders, as an input.

use crate::types::ids::ClientOrderId;
use crate::types::price::{Px, Qty, Side, pow10};
use bytemuck::{Pod, Zeroable};

crate::code_enum! {
    /// What the venue says (FIX ExecType 150).
    pub enum ExecType {
        /// Accepted; it rests or will trade.
        New = 1, "new";
        /// A fill, partial or full.
        Trade = 2, "trade";
        /// Cancelled on request.
        Canceled = 3, "canceled";
        /// Refused.
        Rejected = 4, "rejected";
        /// Ended by the venue: IOC remainder, session end, self-trade prevention.
        Expired = 5, "expired";
        /// Changed on request: `leaves_qty` and `px` are the new ones.
        Replaced = 6, "replaced";
        /// A cancel or change was refused; the order is as it was.
        CancelRejected = 7, "cancel_rejected";
        /// A stop was triggered.
        Triggered = 8, "triggered";
    }
}

crate::code_enum! {
    /// Whether a fill added or took liquidity (FIX LastLiquidityInd 851).
    pub enum Liquidity {
        /// Rested.
        Maker = 1, "maker";
        /// Took.
        Taker = 2, "taker";
    }
}

crate::code_enum! {
    /// Why a venue refused or ended an order.
    pub enum VenueReason {
        /// No reason.
        None = 0, "none";
        /// Price not on the tick.
        BadTick = 1, "bad_tick";
        /// Quantity not on the lot, or not positive.
        BadLot = 2, "bad_lot";
        /// A post-only order would have traded.
        WouldTake = 3, "would_take";
        /// Nothing to trade against (market or IOC).
        NoLiquidity = 4, "no_liquidity";
        /// No such order.
        UnknownOrder = 5, "unknown_order";
        /// The id was used before.
        DuplicateId = 6, "duplicate_id";
        /// No such instrument, or it does not trade now.
        NotTrading = 7, "not_trading";
        /// Fill-or-kill could not fill.
        FokUnfilled = 8, "fok_unfilled";
        /// Random fault of the simulated venue, as configured.
        Simulated = 9, "simulated";
        /// Found to be gone when host and venue were reconciled after a restart.
        Reconciled = 10, "reconciled";
        /// Price outside the venue's limits.
        PriceLimit = 11, "price_limit";
        /// The venue closed.
        SessionEnd = 12, "session_end";
        /// Stopped by our own gate, last before the wire: it never left the host.
        Gated = 13, "gated";
    }
}

/// Payload of `InputKind::Report`. `trace` of the input is the sequence that led to the order.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Report {
    /// Fee of this fill in money units of the instrument; negative is a rebate. 0 without a fill.
    pub fee: i128,
    /// Our id.
    pub client_order_id: ClientOrderId,
    /// The venue's id; 0 if it gave none.
    pub venue_order_id: u64,
    /// Trade id (FIX ExecID 17) of a fill; else 0.
    pub trade_id: u64,
    /// Price of this fill (FIX LastPx 31); else the order's price.
    pub last_px: Px,
    /// Quantity of this fill (FIX LastQty 32); else 0.
    pub last_qty: Qty,
    /// All filled so far (FIX CumQty 14).
    pub cum_qty: Qty,
    /// Still open (FIX LeavesQty 151); 0 once the order is over.
    pub leaves_qty: Qty,
    /// Code of an [`ExecType`].
    pub exec_type: u8,
    /// Code of the order's `Side`.
    pub side: u8,
    /// Code of a [`Liquidity`]; 0 without a fill.
    pub liquidity: u8,
    /// Code of a [`VenueReason`].
    pub reason: u8,
    /// Zero.
    pub reserved: [u8; 4],
}

impl Report {
    /// The same report in units of price, quantity and money that are finer by so many decimals. `None` if a number does not
    /// fit.
    pub fn in_finer_units(&self, px_by: u8, qty_by: u8, money_by: u8) -> Option<Self> {
        let qty = |qty: Qty| qty.0.checked_mul(pow10(qty_by)).map(Qty);
        Some(Self {
            fee: self.fee.checked_mul(10i128.checked_pow(u32::from(money_by))?)?,
            last_px: Px(self.last_px.0.checked_mul(pow10(px_by))?),
            last_qty: qty(self.last_qty)?,
            cum_qty: qty(self.cum_qty)?,
            leaves_qty: qty(self.leaves_qty)?,
            ..*self
        })
    }

    /// What the venue says.
    #[inline]
    pub fn exec_type(&self) -> Option<ExecType> {
        ExecType::from_code(self.exec_type)
    }

    /// Side of the order.
    #[inline]
    pub fn side(&self) -> Option<Side> {
        Side::from_code(self.side)
    }
}
