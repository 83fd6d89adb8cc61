//! Hot: the host's totals over all instruments, kept up to date by what one instrument adds.

use super::account::{NO_DAY, day_of};
use super::instrument::State;
use super::money::{money_e8, notional_e8};
use super::window::Window;
use crate::event::input::GateReason;
use crate::types::time::UnixNanos;

/// Added to the unknown instruments when a total does not fit, until all is computed anew.
const OVERFLOW: u32 = 1 << 20;

/// What one instrument adds to the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Worst-case position × mark, in 10⁻⁸ of the quote currency.
    pub(super) gross_e8: i128,
    /// The day's result with what is unrealised, same unit.
    pub(super) pnl_e8: i128,
    /// It holds or has in flight what cannot be valued.
    pub(super) unknown: bool,
}

impl Part {
    pub(super) const EMPTY: Self = Self { gross_e8: 0, pnl_e8: 0, unknown: false };

    fn of(state: &State, day: i64) -> Self {
        let known = || {
            let instrument = state.instrument.as_ref()?;
            let most = worst(state.account.position, state.open_buy, state.open_sell);
            let gross_e8 = if most == 0 { 0 } else { notional_e8(instrument, most, state.mark2?)? };
            let money = state.account.banked(day)?.checked_add(state.unrealized()?)?;
            Some(Self { gross_e8, pnl_e8: money_e8(instrument, money, state.mark2)?, unknown: false })
        };
        if state.instrument.is_none() {
            return Self::EMPTY;
        }
        known().filter(|_| !state.fault).unwrap_or(Self { unknown: true, ..Self::EMPTY })
    }
}

/// The largest position, of either sign, that what is open can lead to.
#[inline]
pub(super) fn worst(position: i64, open_buy: i64, open_sell: i64) -> i128 {
    let position = i128::from(position);
    (position + i128::from(open_buy)).abs().max((position - i128::from(open_sell)).abs())
}

/// The host.
#[derive(Debug)]
pub(super) struct Totals {
    /// Bits of the gate reasons that hold. Not ready until the first gate input says so.
    pub(super) gate: u8,
    /// Something happened that belongs to no instrument that we know: nothing is approved any more.
    pub(super) fault: bool,
    /// Approvals of the host.
    pub(super) window: Window,
    /// The UTC day whose loss stopped trading.
    latched: i64,
    // ---- Follows from the instruments ----
    pub(super) gross_e8: i128,
    pub(super) pnl_e8: i128,
    /// Instruments that cannot be valued.
    pub(super) unknown: u32,
    day: i64,
}

impl Totals {
    pub(super) fn new(orders_per_window: u32) -> Self {
        Self {
            gate: bit(GateReason::NotReady),
            fault: false,
            window: Window::new(orders_per_window),
            latched: NO_DAY,
            gross_e8: 0,
            pnl_e8: 0,
            unknown: 0,
            day: NO_DAY,
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

    /// Brings the totals up to date after `state` changed.
    #[inline]
    pub(super) fn refresh(&mut self, states: &mut [State], index: usize, now: UnixNanos) {
        if day_of(now) != self.day {
            self.recompute(states, now);
            return;
        }
        let Some(state) = states.get_mut(index) else { return };
        let part = Part::of(state, self.day);
        if part == state.part {
            return;
        }
        match (|| {
            let gross = self.gross_e8.checked_sub(state.part.gross_e8)?.checked_add(part.gross_e8)?;
            Some((gross, self.pnl_e8.checked_sub(state.part.pnl_e8)?.checked_add(part.pnl_e8)?))
        })() {
            Some((gross, pnl)) => (self.gross_e8, self.pnl_e8) = (gross, pnl),
            None => self.unknown = self.unknown.saturating_add(OVERFLOW),
        }
        self.unknown = self.unknown - u32::from(state.part.unknown) + u32::from(part.unknown);
        state.part = part;
    }

    /// All anew: a new day, a new epoch, a finer scale.
    pub(super) fn recompute(&mut self, states: &mut [State], now: UnixNanos) {
        self.day = day_of(now);
        (self.gross_e8, self.pnl_e8, self.unknown) = (0, 0, 0);
        for state in states {
            state.part = Part::of(state, self.day);
            self.unknown += u32::from(state.part.unknown);
            match self.gross_e8.checked_add(state.part.gross_e8).zip(self.pnl_e8.checked_add(state.part.pnl_e8)) {
                Some((gross, pnl)) => (self.gross_e8, self.pnl_e8) = (gross, pnl),
                None => self.unknown = self.unknown.saturating_add(OVERFLOW),
            }
        }
    }
}

/// The bit of a gate reason.
#[inline]
pub(super) const fn bit(reason: GateReason) -> u8 {
    1 << reason.code()
}
