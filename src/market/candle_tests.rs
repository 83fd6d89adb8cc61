//! Hot: candles against hand-made tapes, and against a plain sum by interval.

use super::*;
use crate::market::config::Config;
use crate::types::time::{MILLIS, SECONDS};
use bytemuck::Zeroable;
use proptest::prelude::*;

/// Advances and gives back what closed: interval index, open time, trades, volume, empties.
fn advance(candles: &mut Candles, now: i64, calendar: Option<&UsEquities>) -> Vec<(usize, Candle)> {
    let mut section = MarketSection::zeroed();
    candles.advance(now, calendar, &mut section);
    (0..4).filter(|i| section.closed_mask >> i & 1 == 1).map(|i| (i, section.closed[i])).collect()
}

fn trade(candles: &mut Candles, at: i64, px: i64, qty: i64) -> bool {
    candles.trade(at, Px(px), Qty(qty))
}

#[test]
fn a_candle_closes_when_time_passes_its_end() {
    let mut candles = Candles::default();
    assert!(advance(&mut candles, 500 * SECONDS, None).is_empty(), "none before the first trade");
    let t = 1_000 * SECONDS;
    assert!(advance(&mut candles, t, None).is_empty());
    for (at, px, qty) in [(0, 100, 2), (300, 120, 1), (900, 90, 3)] {
        assert!(!trade(&mut candles, t + at * MILLIS, px, qty));
    }
    assert!(advance(&mut candles, t + SECONDS - 1, None).is_empty());
    let closed = advance(&mut candles, t + SECONDS, None);
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
fn a_quiet_stretch_closes_as_empties() {
    let mut candles = Candles::default();
    let t = 1_200 * SECONDS; // on a minute and on five
    trade(&mut candles, t, 100, 1);
    let closed = advance(&mut candles, t + 4 * SECONDS, None);
    assert_eq!((closed[0].1.open_time, closed[0].1.trades, closed[0].1.empties), (t, 1, 3));
    let closed = advance(&mut candles, t + 6 * SECONDS, None);
    assert_eq!((closed[0].1.open_time, closed[0].1.trades, closed[0].1.empties), (t + 4 * SECONDS, 0, 1));
    assert_eq!((closed[0].1.close, closed[0].1.volume), (Px(100), Qty(0)));
    let closed = advance(&mut candles, t + 120 * SECONDS, None);
    assert_eq!(closed.iter().map(|(i, c)| (*i, c.trades, c.empties)).collect::<Vec<_>>(), [(0, 0, 113), (1, 1, 1)]);
}

#[test]
fn late_trades_count_in_the_open_candle() {
    let mut candles = Candles::default();
    let t = 1_200 * SECONDS;
    trade(&mut candles, t, 100, 1);
    advance(&mut candles, t + SECONDS, None);
    assert!(trade(&mut candles, t + 999 * MILLIS, 101, 5));
    assert_eq!(candles.late, 1);
    let closed = advance(&mut candles, t + 2 * SECONDS, None);
    assert_eq!((closed[0].1.open_time, closed[0].1.volume, closed[0].1.open), (t + SECONDS, Qty(5), Px(101)));
}

#[test]
fn equities_expect_no_bars_outside_the_session() {
    let calendar = UsEquities::new(&Config::default()).unwrap();
    let close = (1793629800 + 390 * 60) * SECONDS; // 2026-11-02, 16:00 in New York
    let mut candles = Candles::default();
    let minutes = |closed: Vec<(usize, Candle)>| closed.into_iter().find(|(i, _)| *i == 1).map(|(_, c)| c);
    trade(&mut candles, close - 180 * SECONDS, 100, 1);
    let closed = minutes(advance(&mut candles, close + 3_600 * SECONDS, Some(&calendar))).unwrap();
    assert_eq!((closed.trades, closed.empties), (1, 2));
    assert!(minutes(advance(&mut candles, close + 7_200 * SECONDS, Some(&calendar))).is_none());
    let open = close + (17 * 3_600 + 1_800) * SECONDS;
    assert!(minutes(advance(&mut candles, open + 59 * SECONDS, Some(&calendar))).is_none());
    let closed = minutes(advance(&mut candles, open + 120 * SECONDS, Some(&calendar))).unwrap();
    assert_eq!((closed.open_time, closed.trades, closed.empties), (open, 0, 1));
}

#[test]
fn turnover_and_scales_saturate_or_begin_anew() {
    let mut candles = Candles::default();
    trade(&mut candles, SECONDS, i64::MAX / 2, 4);
    assert_eq!(candles.saturated, 1);
    assert!(!candles.rescale(10, 1));
    trade(&mut candles, SECONDS, 7, 2);
    assert!(candles.rescale(10, 100));
    let closed = advance(&mut candles, 2 * SECONDS, None);
    assert_eq!((closed[0].1.open, closed[0].1.volume, closed[0].1.turnover), (Px(70), Qty(200), 14_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    /// Every interval's candles and empties tile the time from the first trade on, and hold all volume.
    #[test]
    fn candles_tile_time(steps in proptest::collection::vec((0i64..5_000, 1i64..100, 1i64..50), 1..120)) {
        let (mut candles, mut now) = (Candles::default(), 7_777 * SECONDS);
        let mut closed: [Vec<Candle>; 4] = Default::default();
        let mut total = 0;
        for (wait, px, qty) in steps {
            now += wait * MILLIS;
            for (i, candle) in advance(&mut candles, now, None) {
                closed[i].push(candle);
            }
            trade(&mut candles, now, px, qty);
            total += qty;
        }
        for (i, candle) in advance(&mut candles, now + 3_600 * SECONDS, None) {
            closed[i].push(candle);
        }
        for (list, interval) in closed.iter().zip(CANDLE_INTERVALS) {
            prop_assert_eq!(list.iter().map(|c| c.volume.0).sum::<i64>(), total);
            for pair in list.windows(2) {
                let next = pair[0].open_time + (i64::from(pair[0].empties) + 1) * interval;
                prop_assert_eq!(pair[1].open_time, next);
            }
            prop_assert!(list.iter().all(|c| c.low <= c.open.min(c.close) && c.high >= c.open.max(c.close)));
        }
    }
}
