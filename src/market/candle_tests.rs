//! Hot: candles against hand-made tapes, and against trades grouped by the interval of their exchange time.

use super::*;
use crate::market::config::Config;
use crate::types::time::{MILLIS, SECONDS};
use bytemuck::Zeroable;
use proptest::prelude::*;
use std::collections::BTreeMap;

const GRACE: Nanos = 250 * MILLIS;
/// On a minute and on five.
const T: UnixNanos = 1_200 * SECONDS;

fn candles() -> Candles {
    Candles::new(GRACE)
}

/// Advances and gives back what closed, by interval.
fn advance(candles: &mut Candles, now: i64, calendar: Option<&UsEquities>) -> Vec<(usize, Candle)> {
    let mut section = MarketSection::zeroed();
    candles.advance(now, calendar, &mut section);
    (0..4).filter(|i| section.closed_mask >> i & 1 == 1).map(|i| (i, section.closed[i])).collect()
}

/// What closes of the interval of one second.
fn seconds(candles: &mut Candles, now: i64) -> Option<Candle> {
    advance(candles, now, None).into_iter().find(|(i, _)| *i == 0).map(|(_, c)| c)
}

fn trade(candles: &mut Candles, at: i64, px: i64, qty: i64) -> bool {
    candles.trade(at, Px(px), Qty(qty))
}

#[test]
fn a_candle_closes_when_time_passes_its_end_and_the_grace() {
    let mut candles = candles();
    assert!(advance(&mut candles, 500 * SECONDS, None).is_empty(), "none before the first trade");
    let t = 1_000 * SECONDS;
    for (at, px, qty) in [(0, 100, 2), (300, 120, 1), (900, 90, 3)] {
        assert!(advance(&mut candles, t + at * MILLIS, None).is_empty());
        assert!(!trade(&mut candles, t + at * MILLIS, px, qty));
    }
    assert!(advance(&mut candles, t + SECONDS + GRACE - 1, None).is_empty());
    let closed = advance(&mut candles, t + SECONDS + GRACE, None);
    let expected = Candle {
        open_time: t,
        open: Px(100),
        high: Px(120),
        low: Px(90),
        close: Px(90),
        volume: Qty(6),
        trades: 3,
        empties: 0,
        turnover: 590,
    };
    assert_eq!(closed, [(0, expected)]);
}

#[test]
fn within_the_grace_two_candles_take_their_own_trades() {
    let mut candles = candles();
    for (at, px) in [(900, 100), (1_100, 200), (999, 101), (1_249, 201)] {
        assert_eq!(seconds(&mut candles, T + at * MILLIS), None);
        assert!(!trade(&mut candles, T + at * MILLIS, px, 1), "{at}");
    }
    let closed = seconds(&mut candles, T + 1_250 * MILLIS).unwrap();
    assert_eq!((closed.open_time, closed.open, closed.close, closed.trades), (T, Px(100), Px(101), 2));
    // Now it is closed: what belongs there is late, and counts in the oldest one that is open.
    assert!(trade(&mut candles, T + 999 * MILLIS, 102, 5));
    assert_eq!(candles.late, 1);
    let closed = seconds(&mut candles, T + 2_250 * MILLIS).unwrap();
    assert_eq!((closed.open_time, closed.volume, closed.open, closed.low), (T + SECONDS, Qty(7), Px(200), Px(102)));
}

#[test]
fn the_first_trades_may_come_in_the_wrong_order() {
    let mut candles = candles();
    for (at, px) in [(1_100, 200), (950, 100)] {
        advance(&mut candles, T + at * MILLIS, None);
        assert!(!trade(&mut candles, T + at * MILLIS, px, 1));
    }
    let opens = [1_250, 2_250].map(|at| seconds(&mut candles, T + at * MILLIS).map(|c| (c.open_time, c.open)));
    assert_eq!(opens, [Some((T, Px(100))), Some((T + SECONDS, Px(200)))]);
}

#[test]
fn two_candles_that_close_at_once_are_given_out_one_by_one() {
    let mut candles = candles();
    for at in [900, 1_100] {
        advance(&mut candles, T + at * MILLIS, None);
        trade(&mut candles, T + at * MILLIS, at, 1);
    }
    let first = seconds(&mut candles, T + 5_000 * MILLIS).unwrap();
    assert_eq!((first.open_time, first.empties), (T, 0));
    assert!(!trade(&mut candles, T + 5_000 * MILLIS, 7, 1));
    let second = seconds(&mut candles, NO_TIME).unwrap();
    assert_eq!((second.open_time, second.trades, second.empties), (T + SECONDS, 1, 2), "to the first open one");
    assert_eq!(seconds(&mut candles, T + 5_100 * MILLIS), None);
    let flat = seconds(&mut candles, T + 7_000 * MILLIS).unwrap();
    assert_eq!((flat.open_time, flat.trades, flat.close), (T + 4 * SECONDS, 0, Px(1_100)), "of the bar before it");
    let third = seconds(&mut candles, NO_TIME).unwrap();
    assert_eq!((third.open_time, third.trades, third.empties), (T + 5 * SECONDS, 1, 0));
}

#[test]
fn a_quiet_stretch_closes_as_empties() {
    let mut candles = candles();
    advance(&mut candles, T, None);
    trade(&mut candles, T, 100, 1);
    let closed = advance(&mut candles, T + 4 * SECONDS + GRACE, None);
    assert_eq!((closed[0].1.open_time, closed[0].1.trades, closed[0].1.empties), (T, 1, 3));
    let closed = advance(&mut candles, T + 6 * SECONDS + GRACE, None);
    assert_eq!((closed[0].1.open_time, closed[0].1.trades, closed[0].1.empties), (T + 4 * SECONDS, 0, 1));
    assert_eq!((closed[0].1.close, closed[0].1.volume), (Px(100), Qty(0)));
    let closed = advance(&mut candles, T + 120 * SECONDS + GRACE, None);
    assert_eq!(closed.iter().map(|(i, c)| (*i, c.trades, c.empties)).collect::<Vec<_>>(), [(0, 0, 113), (1, 1, 1)]);
}

#[test]
fn equities_expect_no_bars_outside_the_session() {
    let calendar = UsEquities::new(&Config::default()).unwrap();
    let close = (1793629800 + 390 * 60) * SECONDS; // 2026-11-02, 16:00 in New York
    let mut candles = candles();
    let minutes = |closed: Vec<(usize, Candle)>| closed.into_iter().find(|(i, _)| *i == 1).map(|(_, c)| c);
    advance(&mut candles, close - 180 * SECONDS, Some(&calendar));
    trade(&mut candles, close - 180 * SECONDS, 100, 1);
    let closed = minutes(advance(&mut candles, close + 3_600 * SECONDS, Some(&calendar))).unwrap();
    assert_eq!((closed.trades, closed.empties), (1, 2));
    assert!(minutes(advance(&mut candles, close + 7_200 * SECONDS, Some(&calendar))).is_none());
    let open = close + (17 * 3_600 + 1_800) * SECONDS;
    assert!(minutes(advance(&mut candles, open + 60 * SECONDS, Some(&calendar))).is_none());
    let closed = minutes(advance(&mut candles, open + 120 * SECONDS + GRACE, Some(&calendar))).unwrap();
    assert_eq!((closed.open_time, closed.trades, closed.empties), (open, 0, 1));
}

#[test]
fn turnover_and_scales_saturate_or_begin_anew() {
    let mut candles = candles();
    advance(&mut candles, SECONDS, None);
    trade(&mut candles, SECONDS, i64::MAX / 2, 4);
    assert_eq!(candles.saturated, 1);
    assert!(!candles.rescale(10, 1));
    trade(&mut candles, SECONDS, 7, 2);
    advance(&mut candles, 2 * SECONDS, None);
    trade(&mut candles, 2 * SECONDS, 8, 1);
    assert!(candles.rescale(10, 100));
    for (opened, volume, turnover) in [(70, 200, 14_000), (80, 100, 8_000)] {
        let closed = seconds(&mut candles, 9 * SECONDS).unwrap();
        assert_eq!((closed.open, closed.volume, closed.turnover), (Px(opened), Qty(volume), turnover));
    }
    let flat = seconds(&mut candles, 11 * SECONDS).unwrap();
    assert_eq!((flat.close, flat.trades), (Px(80), 0), "the price of empty bars is scaled too");
}

/// The simplest reading: each trade in the bar of its exchange time, or, if that ended a grace ago, in the oldest bar that
/// did not; bars without trades have the close of the one before.
#[derive(Default)]
struct Grouped {
    bars: [BTreeMap<i64, Candle>; 4],
    late: u64,
}

impl Grouped {
    fn trade(&mut self, clock: i64, grace: i64, at: i64, px: i64, qty: i64) {
        let mut late = false;
        for (bars, interval) in self.bars.iter_mut().zip(CANDLE_INTERVALS) {
            let (own, open) = (at.div_euclid(interval), (clock - grace).div_euclid(interval));
            late |= own < open;
            let start = own.max(open) * interval;
            let bar = bars.entry(start).or_insert(Candle {
                open_time: start,
                open: Px(px),
                high: Px(px),
                low: Px(px),
                ..Candle::default()
            });
            (bar.high, bar.low, bar.close) = (bar.high.max(Px(px)), bar.low.min(Px(px)), Px(px));
            bar.volume.0 += qty;
            bar.turnover += px * qty;
            bar.trades += 1;
        }
        self.late += u64::from(late);
    }

    /// All bars of an interval that end by `until`, empty ones in between and behind.
    fn expected(&self, i: usize, until: i64) -> Vec<Candle> {
        let (bars, interval) = (&self.bars[i], CANDLE_INTERVALS[i]);
        let Some((&first, opening)) = bars.first_key_value() else { return Vec::new() };
        let mut close = opening.open;
        let mut all = Vec::new();
        for start in (first..=until - interval).step_by(interval as usize) {
            let flat = Candle { open_time: start, open: close, high: close, low: close, close, ..Candle::default() };
            let bar = bars.get(&start).copied().unwrap_or(flat);
            close = bar.close;
            all.push(bar);
        }
        all
    }
}

/// A candle with its empties as bars of their own.
fn spread(candle: &Candle, interval: i64, into: &mut Vec<Candle>) {
    into.push(Candle { empties: 0, ..*candle });
    for n in 1..=i64::from(candle.empties) {
        let (open_time, close) = (candle.open_time + n * interval, candle.close);
        into.push(Candle { open_time, open: close, high: close, low: close, close, ..Candle::default() });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// Trades that are up to 1.2 s older than the newest time seen, timers, silences: every bar of every interval is the
    /// group of its trades, and what is late is what is later than the grace.
    #[test]
    fn each_trade_is_in_the_bar_of_its_time(
        grace in prop::sample::select(vec![0i64, 1, 250, 999]),
        start in 0i64..3_600_000,
        steps in prop::collection::vec(
            (prop_oneof![4 => 0i64..400, 2 => 400i64..2_500, 1 => 2_500i64..200_000], 0i64..1_200, 1i64..100, 0i64..50),
            1..150,
        ),
    ) {
        let grace = grace * MILLIS;
        let (mut candles, mut oracle) = (Candles::new(grace), Grouped::default());
        let mut clock = 7_200 * SECONDS + start * MILLIS;
        let mut given: [Vec<Candle>; 4] = Default::default();
        let mut take = |closed: Vec<(usize, Candle)>| {
            for (i, candle) in closed {
                spread(&candle, CANDLE_INTERVALS[i], &mut given[i]);
            }
        };
        for (wait, back, px, qty) in steps {
            // A wait moves the clock; a trade is that much older than the clock. Quantity 0: a timer.
            clock += wait * MILLIS;
            take(advance(&mut candles, clock, None));
            if qty > 0 {
                let at = clock - back * MILLIS;
                let late = oracle.late;
                oracle.trade(clock, grace, at, px, qty);
                prop_assert_eq!(trade(&mut candles, at, px, qty), oracle.late > late);
            }
        }
        clock += 3_600 * SECONDS + grace;
        for _ in 0..4 {
            take(advance(&mut candles, clock, None));
        }
        prop_assert_eq!(candles.late, oracle.late);
        for (i, given) in given.iter().enumerate() {
            let until = (clock - grace).div_euclid(CANDLE_INTERVALS[i]) * CANDLE_INTERVALS[i];
            prop_assert_eq!(given, &oracle.expected(i, until));
        }
    }
}
