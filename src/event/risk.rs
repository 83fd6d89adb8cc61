//! Hot: the risk section: the target, the order that is allowed for it or the refusal, and the account.

use super::execution::{OrderType, TimeInForce};
use super::operator::ScopeState;
use crate::types::ids::Sequence;
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

crate::code_enum! {
    /// What became of an operator's command.
    pub enum OperatorOutcome {
        /// The input was no command.
        None = 0, "none";
        /// Done.
        Accepted = 1, "accepted";
        /// Action, scope or state mean nothing to this build: the whole host is halted until somebody sets its state.
        NotUnderstood = 2, "not_understood";
        /// No such instrument, venue kind or strategy on this host.
        NoSuchScope = 3, "no_such_scope";
        /// No such check, or it has no limit, or none of this scope.
        NoSuchLimit = 4, "no_such_limit";
        /// `old` is not the value in force: `value` is.
        OldDiffers = 5, "old_differs";
        /// Looser than the configured ceiling: `limit` is that.
        BeyondCeiling = 6, "beyond_ceiling";
        /// A command with this request number was taken before.
        Repeated = 7, "repeated";
        /// `until` is past, or missing where a command must end, or given where it cannot be kept.
        BadUntil = 8, "bad_until";
        /// The configuration restricts the instrument; only a configuration lifts it.
        Configured = 9, "configured";
        /// The wanted position does not fit, or is no multiple of the lot.
        BadTarget = 10, "bad_target";
        /// There is nothing that could be enabled again.
        NothingStopped = 11, "nothing_stopped";
        /// A number outside what the limit can be.
        BadValue = 12, "bad_value";
        /// Who wants it is not said.
        Anonymous = 13, "anonymous";
    }
}

/// Bits of [`RiskSection::marks`].
pub mod marks {
    /// The order belongs to a flatten that an operator asked for: it only reduces, and passes a halted host.
    pub const FLATTEN: u32 = 1 << 0;
    /// Nothing was decided, but a restart needs this section: it goes to the audit log.
    pub const NOTED: u32 = 1 << 1;
    /// The target is an operator's or an agent's, not the signal's.
    pub const TARGET: u32 = 1 << 2;
    /// The repeated-execution throttle stopped buys, until a person enables them again.
    pub const STOPPED_BUY: u32 = 1 << 3;
    /// The same for sells.
    pub const STOPPED_SELL: u32 = 1 << 4;
    /// The instrument is restricted.
    pub const RESTRICTED: u32 = 1 << 5;
    /// The loss of the day stopped trading.
    pub const DAY_STOPPED: u32 = 1 << 6;
    /// The drawdown stopped trading, until a person enables it again.
    pub const DRAWDOWN_STOPPED: u32 = 1 << 7;
    /// A circuit breaker of the instrument, its venue or the strategy is open.
    pub const BREAKER_OPEN: u32 = 1 << 8;
    /// `mid2` is the mark of this interval of returns.
    pub const MARK: u32 = 1 << 9;
    /// `high_water_e8` rose with this input.
    pub const HIGH_WATER: u32 = 1 << 10;
    /// Where it begins what decided the size of the target (code of a `Bound` of `risk::sizing_models`, or 128 + code of an
    /// `Unsized`); 0 = no size rule.
    pub const SIZE_SHIFT: u32 = 16;
    /// Where the trading state (code of a `ScopeState`) begins: the strictest of host, venue, strategy and instrument.
    pub const STATE_SHIFT: u32 = 24;
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
    /// Value that a refused check looked at, in the check's own unit. Of an operator's limit: the value that was in force.
    pub value: Money,
    /// The limit that it passed. Of an operator's limit: the one now in force, or the ceiling if that refused it.
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
    /// Code of an [`OperatorOutcome`].
    pub operator: u8,
    /// Money decimals of the amounts above.
    pub money_decimals: u8,
    /// 1 if the account changed with this input (a fill).
    pub account_changed: u8,
    /// Bits of the gate reasons that hold (bit = code of `GateReason`); 0 = open.
    pub gate: u32,
    /// See [`marks`].
    pub marks: u32,
    /// What the host is worth, in 10⁻⁸ of the quote currency: its capital and all that was won and lost since its journal
    /// began, unrealised included; as far as it is known.
    pub equity_e8: Money,
    /// The highest `equity_e8` that was told: drawdown counts from here. `i128::MIN` = none yet.
    pub high_water_e8: Money,
    /// Σ |worst-case position| × mark of the host, same unit.
    pub gross_e8: Money,
    /// Twice the mid that an order was decided at, or that was told (`marks::MARK`), in price units; else 0.
    pub mid2: i64,
    /// Sequence of the input that wanted the position that the verdict is about: an outside signal, or a command of somebody;
    /// 0 = the host's own models.
    pub origin: Sequence,
    /// Zero.
    pub reserved: [u64; 4],
}

impl RiskSection {
    /// The verdict; `None` for an unknown code (fail closed).
    #[inline]
    pub fn verdict(&self) -> Verdict {
        Verdict::from_code(self.verdict).unwrap_or(Verdict::None)
    }

    /// What became of an operator's command; an unknown code counts as not understood (fail closed).
    #[inline]
    pub fn outcome(&self) -> OperatorOutcome {
        OperatorOutcome::from_code(self.operator).unwrap_or(OperatorOutcome::NotUnderstood)
    }

    /// The strictest trading state that holds for the instrument; halted for an unknown code.
    #[inline]
    pub fn trading_state(&self) -> ScopeState {
        ScopeState::from_code((self.marks >> marks::STATE_SHIFT) as u8).unwrap_or(ScopeState::Halted)
    }

    /// Whether all of `mask` is set in the marks.
    #[inline]
    pub fn has(&self, mask: u32) -> bool {
        self.marks & mask == mask
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
