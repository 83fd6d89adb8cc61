//! Hot: the host's totals over all instruments, kept up to date by what one instrument adds.

use super::account::{NO_DAY, day_of};
use super::bucket::Bucket;
use super::instrument::State;
use super::money::{money_e8, notional_e8};
use super::portfolio::drawdown::HighWater;
use crate::event::input::GateReason;
use crate::event::operator::ScopeState;
use crate::types::instrument::{Instrument, VenueKind};
use crate::types::time::UnixNanos;

/// Added to the unknown instruments when a total does not fit, until all is computed anew.
const OVERFLOW: u32 = 1 << 20;
/// Codes of venue kinds are below this.
const VENUES: usize = 32;

/// What one instrument adds to the totals; their sum has the same shape. Amounts in 10⁻⁸ of the quote currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// |Worst-case position| × mark.
    pub(super) gross_e8: i128,
    /// Position × mark, signed, if all buys are filled.
    pub(super) high_e8: i128,
    /// The same if all sells are filled.
    pub(super) low_e8: i128,
    /// The day's result with what is unrealised.
    pub(super) pnl_e8: i128,
    /// The result since the beginning, with what is unrealised.
    pub(super) total_e8: i128,
    /// It holds or has in flight what cannot be valued.
    pub(super) unknown: bool,
}

impl Part {
    pub(super) const EMPTY: Self = Self { gross_e8: 0, high_e8: 0, low_e8: 0, pnl_e8: 0, total_e8: 0, unknown: false };

    fn of(state: &State, day: i64) -> Self {
        let Some(instrument) = &state.instrument else { return Self::EMPTY };
        let known = || {
            let (high, low) = state.span();
            let (high_e8, low_e8) = match state.mark2 {
                _ if high == 0 && low == 0 => (0, 0),
                Some(mark2) => (signed_e8(instrument, high, mark2)?, signed_e8(instrument, low, mark2)?),
                None => return None,
            };
            let unrealized = state.unrealized()?;
            let of = |money: i128| money_e8(instrument, money.checked_add(unrealized)?, state.mark2);
            Some(Self {
                gross_e8: high_e8.checked_abs()?.max(low_e8.checked_abs()?),
                high_e8,
                low_e8,
                pnl_e8: of(state.account.banked(day)?)?,
                total_e8: of(state.account.realized.checked_sub(state.account.fees)?)?,
                unknown: false,
            })
        };
        known().filter(|_| !state.fault).unwrap_or(Self { unknown: true, ..Self::EMPTY })
    }

    /// The sum without `old` and with `new`; `None` if it does not fit.
    #[inline]
    pub(super) fn swap(&self, old: &Self, new: &Self) -> Option<Self> {
        let swap = |sum: i128, old: i128, new: i128| sum.checked_sub(old)?.checked_add(new);
        Some(Self {
            gross_e8: swap(self.gross_e8, old.gross_e8, new.gross_e8)?,
            high_e8: swap(self.high_e8, old.high_e8, new.high_e8)?,
            low_e8: swap(self.low_e8, old.low_e8, new.low_e8)?,
            pnl_e8: swap(self.pnl_e8, old.pnl_e8, new.pnl_e8)?,
            total_e8: swap(self.total_e8, old.total_e8, new.total_e8)?,
            unknown: false,
        })
    }
}

/// Value of a signed quantity at the price `mark2` ÷ 2, signed, rounded away from zero.
#[inline]
pub(super) fn signed_e8(instrument: &Instrument, qty: i128, mark2: i128) -> Option<i128> {
    if qty == 0 {
        return Some(0);
    }
    Some(qty.signum() * notional_e8(instrument, qty.checked_abs()?, mark2)?)
}

/// The host.
#[derive(Debug)]
pub(super) struct Totals {
    /// Bits of the gate reasons that hold. Not ready until the first gate input says so.
    pub(super) gate: u32,
    /// Something happened that belongs to no instrument that we know: nothing is approved any more.
    pub(super) fault: bool,
    /// What operators let the host, this strategy and each venue kind do.
    pub(super) host: ScopeState,
    pub(super) strategy: ScopeState,
    venues: [ScopeState; VENUES],
    /// The kill switch of this strategy and of each venue kind: beside the states, so that a release takes back the kill and
    /// nothing that somebody else has said.
    pub(super) strategy_killed: bool,
    venues_killed: [bool; VENUES],
    /// Approvals of the host.
    pub(super) approvals: Bucket,
    /// Approvals and cancels of the host.
    pub(super) messages: Bucket,
    /// The UTC day whose loss stopped trading.
    latched: i64,
    /// The drawdown stopped trading, until a person enables it again.
    pub(super) drawdown_stopped: bool,
    /// The highest equity that was told.
    pub(super) high: HighWater,
    /// None told.
    pub(super) no_high: HighWater,
    // ---- Follows from the instruments ----
    pub(super) sum: Part,
    /// Instruments that cannot be valued.
    pub(super) unknown: u32,
    day: i64,
}

/// A high-water mark that is not known yet, as the section has it.
pub(super) const NO_HIGH: i128 = i128::MIN;

impl Totals {
    pub(super) fn new(high: HighWater) -> Self {
        Self {
            gate: bit(GateReason::NotReady),
            fault: false,
            host: ScopeState::Active,
            strategy: ScopeState::Active,
            venues: [ScopeState::Active; VENUES],
            strategy_killed: false,
            venues_killed: [false; VENUES],
            approvals: Bucket::UNUSED,
            messages: Bucket::UNUSED,
            latched: NO_DAY,
            drawdown_stopped: false,
            high,
            no_high: high,
            sum: Part::EMPTY,
            unknown: 0,
            day: NO_DAY,
        }
    }

    /// The strictest state that holds for `state`.
    #[inline]
    pub(super) fn trading_state(&self, state: &State) -> ScopeState {
        if state.killed
            || self.strategy_killed
            || state.instrument.as_ref().is_some_and(|i| self.is_venue_killed(i.venue))
        {
            return ScopeState::Halted;
        }
        let venue = state.instrument.as_ref().map_or(ScopeState::Active, |i| self.venue(i.venue));
        self.host.max(self.strategy).max(venue).max(state.trading)
    }

    #[inline]
    fn is_venue_killed(&self, kind: VenueKind) -> bool {
        self.venues_killed.get(usize::from(kind.code())).copied().unwrap_or(true)
    }

    pub(super) fn kill_venue(&mut self, kind: VenueKind, killed: bool) {
        if let Some(state) = self.venues_killed.get_mut(usize::from(kind.code())) {
            *state = killed;
        }
    }

    #[inline]
    pub(super) fn venue(&self, kind: VenueKind) -> ScopeState {
        // A code beyond the table cannot be; if it were, it would be halted.
        self.venues.get(usize::from(kind.code())).copied().unwrap_or(ScopeState::Halted)
    }

    pub(super) fn set_venue(&mut self, kind: VenueKind, to: ScopeState) {
        if let Some(state) = self.venues.get_mut(usize::from(kind.code())) {
            *state = to;
        }
    }

    /// Whether the daily loss has stopped trading at `now`. A clock that runs backward does not lift it.
    #[inline]
    pub(super) fn is_latched(&self, now: UnixNanos) -> bool {
        day_of(now) <= self.latched
    }

    pub(super) fn latch(&mut self, now: UnixNanos) {
        self.latched = self.latched.max(day_of(now));
    }

    /// What the host is worth; `None` while it is not known.
    #[inline]
    pub(super) fn equity(&self, capital_e8: i128) -> Option<i128> {
        if self.unknown > 0 { None } else { capital_e8.checked_add(self.sum.total_e8) }
    }

    /// How far the equity has fallen from the highest that was told; `None` while it is not known.
    #[inline]
    pub(super) fn drawdown(&self, capital_e8: i128) -> Option<i128> {
        let equity = self.equity(capital_e8)?;
        self.high.mark_e8().map_or(Some(0), |mark| mark.max(equity).checked_sub(equity))
    }

    /// Brings the totals up to date after `state` changed. A new day computes all of them anew.
    #[inline]
    pub(super) fn refresh(&mut self, states: &mut [State], index: usize, now: UnixNanos) {
        if day_of(now) != self.day {
            self.recompute(states, now);
            return;
        }
        let Some(state) = states.get_mut(index).filter(|s| s.dirty) else { return };
        state.dirty = false;
        let part = Part::of(state, self.day);
        if part == state.part {
            return;
        }
        match self.sum.swap(&state.part, &part) {
            Some(sum) => self.sum = sum,
            None => self.unknown = self.unknown.saturating_add(OVERFLOW),
        }
        self.unknown = self.unknown - u32::from(state.part.unknown) + u32::from(part.unknown);
        state.part = part;
    }

    /// All anew: a new day, a new epoch.
    pub(super) fn recompute(&mut self, states: &mut [State], now: UnixNanos) {
        self.day = day_of(now);
        (self.sum, self.unknown) = (Part::EMPTY, 0);
        for state in states {
            state.dirty = false;
            state.part = Part::of(state, self.day);
            self.unknown += u32::from(state.part.unknown);
            match self.sum.swap(&Part::EMPTY, &state.part) {
                Some(sum) => self.sum = sum,
                None => self.unknown = self.unknown.saturating_add(OVERFLOW),
            }
        }
    }
}

/// The bit of a gate reason.
#[inline]
pub(super) const fn bit(reason: GateReason) -> u32 {
    1 << reason.code()
}
