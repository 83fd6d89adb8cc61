//! Hot: candles of 1 s, 1 m, 5 m and 1 h from the counted trades, by exchange time, on UTC boundaries.
//!
//! A trade belongs to the bar that its exchange time lies in. Streams of one venue overtake each other by milliseconds,
//! so a bar closes only when the instrument's time has passed its end by a grace: the time that any of its inputs showed,
//! or a timer's local time corrected by the last offset seen. Until then the next bar takes its own trades already: with a
//! grace shorter than the shortest interval at most two bars of an interval are open, the closing and the current one. A
//! trade later than that is late: it counts in the oldest bar still open, so that no volume is lost.
//!
//! One input gives out at most one closed candle of each interval. If it closes both bars (time jumped by nearly an
//! interval), the second is given out with the instrument's next input. Behind a candle come as many empty ones as the
//! calendar expects (`empties`); a stretch without any trade closes as one flat candle with the others as its empties.
//! There is none before the first trade.

use super::calendar::UsEquities;
use crate::event::market::{CANDLE_INTERVALS, Candle, MarketSection};
use crate::types::price::{Px, Qty};
use crate::types::time::{NO_TIME, Nanos, UnixNanos};

/// The bars of one interval.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// Start of the first bar that was not given out yet.
    begin: UnixNanos,
    /// Close of the last bar with trades that was: the price of empty bars behind it.
    close: Px,
    /// Bars with trades that were not given out yet, by time; no trades = none. Two suffice: each input gives one out
    /// where there is a closed one, before it adds at most one; where there is none, only the two open ones exist.
    bars: [Candle; 2],
}

/// The candles of one instrument.
#[derive(Clone, Debug)]
pub struct Candles {
    lines: [Line; CANDLE_INTERVALS.len()],
    /// How long after its end a bar still takes trades; shorter than the shortest interval.
    grace: Nanos,
    /// Whether there was a trade.
    begun: bool,
    /// How far time has come.
    clock: UnixNanos,
    /// The clock at which the next bar closes, or less while closed ones wait to be given out.
    next_close: UnixNanos,
    /// Trades that came when their own bar was closed in one interval or more.
    pub late: u64,
    /// Additions that did not fit (volume, turnover) and were saturated.
    pub saturated: u64,
}

const fn floor(at: UnixNanos, interval: Nanos) -> UnixNanos {
    at.saturating_sub(at.rem_euclid(interval))
}

impl Line {
    /// The next candle, if one that starts before `open`, the first open bar's start, was not given out yet.
    fn give(&mut self, open: UnixNanos, interval: Nanos, calendar: Option<&UsEquities>) -> Option<Candle> {
        let expected = |from: UnixNanos, to: UnixNanos| match calendar {
            None => to.saturating_sub(from).max(0) as u64 / interval as u64,
            Some(calendar) => calendar.bars(from, to, interval),
        };
        let counted = |bars: u64| bars.min(u64::from(u32::MAX)) as u32;
        let [mut head, next] = self.bars;
        let is_closed = head.trades > 0 && head.open_time < open;
        let (from, to) = (self.begin, if is_closed { head.open_time } else { open });
        self.begin = to;
        let flats = expected(from, to);
        if flats > 0 {
            // Nothing traded there: the first expected bar of the stretch stands for it.
            let first = calendar.and_then(|calendar| calendar.first_bar(from, interval)).unwrap_or(from);
            let (px, empties) = (self.close, counted(flats - 1));
            return Some(Candle {
                open_time: first,
                open: px,
                high: px,
                low: px,
                close: px,
                empties,
                ..head_of(first)
            });
        }
        if !is_closed {
            return None;
        }
        let to = if next.trades > 0 { open.min(next.open_time) } else { open };
        head.empties = counted(expected(head.open_time.saturating_add(interval), to));
        *self = Self { begin: to, close: head.close, bars: [next, Candle::default()] };
        Some(head)
    }

    /// Start of the bar that `at` lies in; a division only where that bar has no trade yet.
    #[inline]
    fn start_of(&self, at: UnixNanos, interval: Nanos) -> UnixNanos {
        let holds = |bar: &&Candle| bar.trades > 0 && (0..interval).contains(&at.saturating_sub(bar.open_time));
        self.bars.iter().find(holds).map_or_else(|| floor(at, interval), |bar| bar.open_time)
    }

    /// The bar that starts at `start`. If there were no room for it (there always is), the nearest one.
    fn bar(&mut self, start: UnixNanos) -> &mut Candle {
        let [head, next] = &mut self.bars;
        let behind = head.trades > 0 && start > head.open_time;
        if head.trades > 0 && start < head.open_time && next.trades == 0 {
            (*next, *head) = (*head, Candle::default());
        }
        let bar = if behind { next } else { head };
        if bar.trades == 0 {
            *bar = head_of(start);
        }
        bar
    }
}

/// A bar without trades.
fn head_of(open_time: UnixNanos) -> Candle {
    Candle { open_time, ..Candle::default() }
}

impl Candles {
    /// No candles. `grace` in nanoseconds: at least 0, and less than the shortest interval.
    pub fn new(grace: Nanos) -> Self {
        Self {
            lines: Default::default(),
            grace,
            begun: false,
            clock: NO_TIME,
            next_close: UnixNanos::MAX,
            late: 0,
            saturated: 0,
        }
    }

    /// Time has come to `now` (`NO_TIME`: it is not known to have moved): writes to the section what is closed by then.
    /// To be called before [`trade`](Self::trade) with each input. `calendar` is `None` where bars are expected always.
    #[inline]
    pub fn advance(&mut self, now: UnixNanos, calendar: Option<&UsEquities>, section: &mut MarketSection) {
        self.clock = self.clock.max(now);
        if self.clock >= self.next_close {
            self.close(calendar, section);
        }
    }

    #[cold]
    fn close(&mut self, calendar: Option<&UsEquities>, section: &mut MarketSection) {
        if !self.begun {
            return;
        }
        self.next_close = UnixNanos::MAX;
        for (i, (line, &interval)) in self.lines.iter_mut().zip(&CANDLE_INTERVALS).enumerate() {
            let open = floor(self.clock.saturating_sub(self.grace), interval);
            if line.begin < open
                && section.closed_mask >> i & 1 == 0
                && let Some(candle) = line.give(open, interval, calendar)
            {
                section.closed[i] = candle;
                section.closed_mask |= 1 << i;
            }
            let end = line.begin.saturating_add(interval);
            self.next_close = self.next_close.min(end.saturating_add(self.grace));
        }
    }

    /// A counted trade at exchange time `at`, not beyond the clock. Whether it came too late for its own bar in an interval
    /// or more. Turnover is price × quantity in units of 10^-(price decimals + quantity decimals), saturated.
    pub fn trade(&mut self, at: UnixNanos, px: Px, qty: Qty) -> bool {
        let value = i64::try_from(i128::from(px.0) * i128::from(qty.0)).unwrap_or(i64::MAX);
        let (mut late, mut saturated) = (false, value == i64::MAX);
        for (line, &interval) in self.lines.iter_mut().zip(&CANDLE_INTERVALS) {
            let own = line.start_of(at, interval);
            let closes = own.saturating_add(interval).saturating_add(self.grace);
            let start = if closes > self.clock { own } else { floor(self.clock.saturating_sub(self.grace), interval) };
            // The first trades of all may come in the wrong order too.
            if !self.begun || start < line.begin {
                line.begin = start;
                let end = start.saturating_add(interval);
                self.next_close = self.next_close.min(end.saturating_add(self.grace));
            }
            let bar = line.bar(start);
            late |= bar.open_time != own;
            if bar.trades == 0 {
                (bar.open, bar.high, bar.low) = (px, px, px);
            }
            bar.high = bar.high.max(px);
            bar.low = bar.low.min(px);
            bar.close = px;
            bar.trades = bar.trades.saturating_add(1);
            saturated |= bar.volume.0.checked_add(qty.0).is_none() || bar.turnover.checked_add(value).is_none();
            bar.volume.0 = bar.volume.0.saturating_add(qty.0);
            bar.turnover = bar.turnover.saturating_add(value);
        }
        self.begun = true;
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
            for Line { close, bars, .. } in &mut self.lines {
                close.0 = close.0.checked_mul(price_mult)?;
                for candle in bars {
                    for px in [&mut candle.open, &mut candle.high, &mut candle.low, &mut candle.close] {
                        px.0 = px.0.checked_mul(price_mult)?;
                    }
                    candle.volume.0 = candle.volume.0.checked_mul(qty_mult)?;
                    candle.turnover = candle.turnover.saturating_mul(price_mult).saturating_mul(qty_mult);
                }
            }
            Some(())
        };
        let done = scale().is_some();
        if !done {
            *self = Self { clock: self.clock, late: self.late, saturated: self.saturated, ..Self::new(self.grace) };
        }
        done
    }
}

#[cfg(test)]
#[path = "candle_tests.rs"]
mod tests;
