//! Hot: candles of 1 s, 1 m, 5 m and 1 h from the counted trades, by exchange time, on UTC boundaries.
//!
//! A candle closes when the instrument's time passes its end: the exchange time of any of its inputs, or a timer's local
//! time corrected by the last offset seen, minus a grace. Behind it come as many empty candles as the calendar expects
//! (`empties`); a stretch without any trade closes as one flat candle with the others as its empties. There is none
//! before the first trade. A trade whose own candle is closed already goes into the one that is open now, so that no
//! volume is lost; it is flagged TIME_BACK.

use super::calendar::UsEquities;
use crate::event::market::{CANDLE_INTERVALS, Candle, MarketSection};
use crate::types::price::{Px, Qty};
use crate::types::time::{NO_TIME, UnixNanos};

/// One interval's candle.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    /// Start of the open candle. It may have no trade yet.
    open_time: UnixNanos,
    candle: Candle,
}

/// The candles of one instrument.
#[derive(Clone, Debug)]
pub struct Candles {
    open: [Open; CANDLE_INTERVALS.len()],
    /// Price of the last counted trade: the price of empty candles. `None` before the first.
    last: Option<Px>,
    /// How far time has come.
    clock: UnixNanos,
    /// The nearest end of an open candle: nothing closes before it.
    next_end: UnixNanos,
    /// Trades whose own candle was closed.
    pub late: u64,
    /// Additions that did not fit (volume, turnover) and were saturated.
    pub saturated: u64,
}

impl Default for Candles {
    fn default() -> Self {
        Self { open: Default::default(), last: None, clock: NO_TIME, next_end: UnixNanos::MAX, late: 0, saturated: 0 }
    }
}

const fn floor(at: UnixNanos, interval: i64) -> UnixNanos {
    at.saturating_sub(at.rem_euclid(interval))
}

impl Candles {
    /// Time has come to `now`: closes what ends by then and writes it to the section. `calendar` is `None` where bars
    /// are expected always.
    #[inline]
    pub fn advance(&mut self, now: UnixNanos, calendar: Option<&UsEquities>, section: &mut MarketSection) {
        if now == NO_TIME || now <= self.clock {
            return;
        }
        self.clock = now;
        if now >= self.next_end {
            self.close(now, calendar, section);
        }
    }

    #[cold]
    fn close(&mut self, now: UnixNanos, calendar: Option<&UsEquities>, section: &mut MarketSection) {
        let Some(last) = self.last else { return };
        self.next_end = UnixNanos::MAX;
        for (i, &interval) in CANDLE_INTERVALS.iter().enumerate() {
            let open = &mut self.open[i];
            let end = open.open_time.saturating_add(interval);
            if now >= end {
                let next = floor(now, interval);
                let expected = |from: UnixNanos| match calendar {
                    None => next.saturating_sub(from).max(0) as u64 / interval as u64,
                    Some(calendar) => calendar.bars(from, next, interval),
                };
                let mut candle = open.candle;
                let mut empties = expected(end);
                let mut closes = candle.trades > 0;
                if !closes {
                    // Nothing traded in it: the first expected candle of the stretch stands for it, if there is one.
                    let mut first = open.open_time;
                    empties = expected(first);
                    if let (Some(calendar), true) = (calendar, empties > 0) {
                        first = calendar.first_bar(first, interval).unwrap_or(first);
                    }
                    candle = Candle { open_time: first, open: last, high: last, low: last, close: last, ..candle };
                    closes = empties > 0;
                    empties = empties.saturating_sub(1);
                }
                if closes {
                    candle.empties = empties.min(u64::from(u32::MAX)) as u32;
                    section.closed[i] = candle;
                    section.closed_mask |= 1 << i;
                }
                *open = Open { open_time: next, candle: Candle { open_time: next, ..Candle::default() } };
            }
            self.next_end = self.next_end.min(open.open_time.saturating_add(interval));
        }
    }

    /// A counted trade at exchange time `at`, after [`advance`](Self::advance). Whether it came too late for its own
    /// candle. Turnover is price × quantity in units of 10^-(price decimals + quantity decimals), saturated.
    pub fn trade(&mut self, at: UnixNanos, px: Px, qty: Qty) -> bool {
        let first = self.last.is_none();
        self.last = Some(px);
        let value = i64::try_from(i128::from(px.0) * i128::from(qty.0)).unwrap_or(i64::MAX);
        let (mut late, mut saturated) = (false, value == i64::MAX);
        for (open, &interval) in self.open.iter_mut().zip(&CANDLE_INTERVALS) {
            if first {
                open.open_time = floor(at, interval);
                open.candle.open_time = open.open_time;
                self.next_end = self.next_end.min(open.open_time.saturating_add(interval));
            }
            late |= at < open.open_time;
            let candle = &mut open.candle;
            if candle.trades == 0 {
                (candle.open, candle.high, candle.low) = (px, px, px);
            }
            candle.high = candle.high.max(px);
            candle.low = candle.low.min(px);
            candle.close = px;
            candle.trades = candle.trades.saturating_add(1);
            saturated |= candle.volume.0.checked_add(qty.0).is_none() || candle.turnover.checked_add(value).is_none();
            candle.volume.0 = candle.volume.0.saturating_add(qty.0);
            candle.turnover = candle.turnover.saturating_add(value);
        }
        self.late += u64::from(late);
        self.saturated += u64::from(saturated);
        late
    }

    /// How far time has come; `NO_TIME` before the first time.
    pub fn clock(&self) -> UnixNanos {
        self.clock
    }

    /// Multiplies prices and quantities (a finer definition). On overflow the candles begin anew: `false`.
    pub fn rescale(&mut self, price_mult: i64, qty_mult: i64) -> bool {
        let mut scale = || -> Option<()> {
            if let Some(last) = &mut self.last {
                last.0 = last.0.checked_mul(price_mult)?;
            }
            for Open { candle, .. } in &mut self.open {
                for px in [&mut candle.open, &mut candle.high, &mut candle.low, &mut candle.close] {
                    px.0 = px.0.checked_mul(price_mult)?;
                }
                candle.volume.0 = candle.volume.0.checked_mul(qty_mult)?;
                candle.turnover = candle.turnover.saturating_mul(price_mult).saturating_mul(qty_mult);
            }
            Some(())
        };
        let done = scale().is_some();
        if !done {
            *self = Self { clock: self.clock, late: self.late, saturated: self.saturated, ..Self::default() };
        }
        done
    }
}

#[cfg(test)]
#[path = "candle_tests.rs"]
mod tests;
