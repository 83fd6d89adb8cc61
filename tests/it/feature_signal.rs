//! The feature and the signal stage together: their defaults agree, and the cost does not grow with the window.

use bytemuck::Zeroable;
use std::time::{Duration, Instant};
use tickpath::event::feature::FeatureSection;
use tickpath::event::input::{Input, InputKind, Level, Nothing};
use tickpath::event::market::{MarketSection, flags};
use tickpath::event::signal::SignalSection;
use tickpath::feature::{self, FeatureStage};
use tickpath::signal::{self, SignalStage};
use tickpath::types::ids::{InstrumentId, SourceId};
use tickpath::types::price::{Px, Qty, Side};

/// Input and market number `i`: a market that moves every 10 ms, trades, and closes a candle every second.
fn tick(i: i64, input: &mut Input, market: &mut MarketSection) {
    input.ts_recv = i * 10_000_000;
    let wave = (i * 7919 % 101) - 50;
    let px = 1_000_000 + wave + i % 1_000;
    market.flags = flags::VALID | flags::TRADING | flags::BBO_CHANGED | flags::TRADED;
    (market.price_decimals, market.qty_decimals) = (2, 3);
    market.bid = Level { px: Px(px), qty: Qty(1_000 + wave) };
    market.ask = Level { px: Px(px + 1), qty: Qty(1_000 - wave) };
    (market.bid_qty_5, market.ask_qty_5) = (Qty(5_000 + wave), Qty(5_000 - wave));
    market.last = Level { px: Px(px), qty: Qty(10 + wave.abs()) };
    market.last_aggressor = if wave > 0 { Side::Buy } else { Side::Sell }.code();
    if i % 100 == 0 {
        market.flags |= flags::CANDLE_CLOSED;
        market.closed_mask = 1;
        let candle = &mut market.closed[0];
        (candle.open, candle.high, candle.low, candle.close) = (Px(px), Px(px + 9), Px(px - 9), Px(px + wave % 9));
        candle.volume = Qty(100);
    }
}

fn start() -> (Input, MarketSection) {
    (Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(0), 0, &Nothing {}), MarketSection::zeroed())
}

#[test]
fn the_defaults_agree_and_give_signals_within_a_minute() {
    let mut features = FeatureStage::new(&feature::Config::default(), 1).unwrap();
    let mut signals = SignalStage::new(&signal::Config::default(), features.names(), 1).unwrap();
    let (mut input, mut market) = start();
    let (mut values, mut signal) = (FeatureSection::zeroed(), SignalSection::zeroed());
    let mut first = [None; 2];
    for i in 0..6_000 {
        tick(i, &mut input, &mut market);
        features.on_slot(&input, &market, &mut values);
        signals.on_slot(&input, &market, &values, &mut signal);
        if values.warm.count_ones() == values.count {
            first[0].get_or_insert(i / 100);
        }
        if signal.present == 1 {
            first[1].get_or_insert(i / 100);
        }
    }
    println!("seconds until all features are warm, until the first signal: {first:?}");
    assert!(first.iter().all(|s| s.is_some_and(|s| s < 45)), "{first:?}");
}

/// The fastest of five runs over 20 000 ticks.
fn cost(toml: &str) -> Duration {
    let config: feature::Config = toml::from_str(toml).unwrap();
    (0..5)
        .map(|_| {
            let mut stage = FeatureStage::new(&config, 1).unwrap();
            let (mut input, mut market) = start();
            let mut out = FeatureSection::zeroed();
            let begin = Instant::now();
            for i in 0..20_000 {
                tick(i, &mut input, &mut market);
                stage.on_slot(&input, &market, &mut out);
            }
            std::hint::black_box(out);
            begin.elapsed()
        })
        .min()
        .unwrap()
}

/// Windows 500 times as long hold 500 times as many ticks. Something that walks its window would cost a hundred times
/// as much; the bound leaves room for a busy machine.
#[test]
fn the_cost_of_a_tick_does_not_grow_with_the_window() {
    let set = |ms: u32, period: u32| {
        format!(
            "[[features]]\nkind='ofi'\nwindow_ms={ms}\n[[features]]\nkind='trade_flow'\nwindow_ms={ms}
             [[features]]\nkind='vwap'\nwindow_ms={ms}\n[[features]]\nkind='realized_vol'\nsample_ms=10\nsamples={n}
             [[features]]\nkind='sma'\nperiod={period}\n[[features]]\nkind='bollinger'\nperiod={period}
             [[features]]\nkind='bar_vwap'\nperiod={period}\n[[features]]\nkind='atr'\nsmoothing='simple'\nperiod={period}",
            n = period * 4,
        )
    };
    let (short, long) = (cost(&set(200, 2)), cost(&set(100_000, 1_000)));
    let ratio = long.as_secs_f64() / short.as_secs_f64();
    println!("8 features, 20 000 ticks: {short:?} with short windows, {long:?} with long ones, ratio {ratio:.2}");
    assert!(ratio < 8.0, "{ratio}");
}
