//! Candles of 1 s, 1 m, 5 m and 1 h by exchange time, from the trades.
//!
//! The rules are the product's: a bar closes a grace after its end, an input gives out at most one bar of an interval, and a
//! stretch without trades is one flat bar that stands for all of them.

use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Lengths in nanoseconds.
const INTERVALS: [i64; 4] = [1_000_000_000, 60_000_000_000, 300_000_000_000, 3_600_000_000_000];

/// A bar.
#[derive(Clone, Copy, Debug)]
pub struct Candle {
    /// Which of the intervals, the shortest first.
    pub interval: usize,
    /// First price.
    pub open: Decimal,
    /// Highest.
    pub high: Decimal,
    /// Lowest.
    pub low: Decimal,
    /// Last.
    pub close: Decimal,
    /// Σ quantity.
    pub volume: Decimal,
    /// Σ price × quantity.
    pub turnover: Decimal,
    /// Trades.
    pub trades: u32,
    /// Empty bars right behind it that closed with it.
    pub empties: i64,
}

impl Candle {
    fn flat(interval: usize, px: Decimal, empties: i64) -> Self {
        let (volume, turnover) = (Decimal::ZERO, Decimal::ZERO);
        Self { interval, open: px, high: px, low: px, close: px, volume, turnover, trades: 0, empties }
    }
}

/// The bars of one interval.
#[derive(Debug, Default)]
struct Line {
    /// Start of the first bar that was not given out yet.
    begin: i64,
    /// Close of the last one that was.
    close: Decimal,
    /// Bars with trades, by their start.
    bars: BTreeMap<i64, Candle>,
}

impl Line {
    /// The next bar that starts before `open`, if there is one.
    fn give(&mut self, index: usize, open: i64) -> Option<Candle> {
        let interval = INTERVALS[index];
        let head = self.bars.first_key_value().map(|(start, _)| *start).filter(|start| *start < open);
        let (from, to) = (self.begin, head.unwrap_or(open));
        self.begin = to;
        let flats = (to - from) / interval;
        if flats > 0 {
            return Some(Candle::flat(index, self.close, flats - 1));
        }
        let start = head?;
        let mut bar = self.bars.remove(&start)?;
        let to = self.bars.first_key_value().map_or(open, |(next, _)| open.min(*next));
        bar.empties = ((to - start - interval) / interval).max(0);
        (self.begin, self.close) = (to, bar.close);
        Some(bar)
    }
}

/// The candles of one instrument.
#[derive(Debug)]
pub struct Candles {
    lines: [Line; INTERVALS.len()],
    grace: i64,
    begun: bool,
    clock: i64,
}

impl Candles {
    /// None yet; `grace` in nanoseconds.
    pub fn new(grace: i64) -> Self {
        Self { lines: Default::default(), grace, begun: false, clock: i64::MIN }
    }

    /// Time has come to `now`: what is closed by then.
    pub fn advance(&mut self, now: i64) -> Vec<Candle> {
        self.clock = self.clock.max(now);
        let mut closed = Vec::new();
        if self.begun {
            for (index, line) in self.lines.iter_mut().enumerate() {
                let settled = self.clock - self.grace;
                if settled >= line.begin + INTERVALS[index] {
                    closed.extend(line.give(index, floor(settled, INTERVALS[index])));
                }
            }
        }
        closed
    }

    /// A trade at the exchange time `at`; one that comes too late for its own bar counts in the oldest open one.
    pub fn trade(&mut self, at: i64, px: Decimal, qty: Decimal) {
        for (index, line) in self.lines.iter_mut().enumerate() {
            let interval = INTERVALS[index];
            let own = floor(at, interval);
            let late = own + interval + self.grace <= self.clock;
            let start = if late { floor(self.clock - self.grace, interval) } else { own };
            if !self.begun || start < line.begin {
                line.begin = start;
            }
            let bar = line.bars.entry(start).or_insert_with(|| Candle::flat(index, px, 0));
            bar.high = bar.high.max(px);
            bar.low = bar.low.min(px);
            bar.close = px;
            bar.volume += qty;
            bar.turnover += px * qty;
            bar.trades += 1;
        }
        self.begun = true;
    }
}

fn floor(at: i64, interval: i64) -> i64 {
    at - at.rem_euclid(interval)
}
