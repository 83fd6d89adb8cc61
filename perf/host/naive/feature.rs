//! Task 3: the standard set of features, from their documented formulas.

use super::indicator::{Atr, Macd, Recent, Rsi, percent_b};
use super::market::Market;
use super::rolling::{Flow, Return, Volatility};
use super::window::{Window, float};
use std::collections::HashMap;

/// The features, in the order of their values.
pub const NAMES: [&str; 16] = [
    "spread",
    "spread_bps",
    "mid",
    "weighted_mid",
    "weighted_mid_bps",
    "top_imbalance",
    "depth_imbalance_5",
    "ofi",
    "trade_flow",
    "ewma_return",
    "realized_vol",
    "vwap",
    "rsi",
    "macd",
    "atr",
    "bollinger_b",
];

/// Values in the order of [`NAMES`]; `None` = not warm.
pub type Values = [Option<f64>; NAMES.len()];

/// Beyond so many flat bars in a row no indicator shows them any more.
const FLATS_MAX: i64 = 1_040;

/// All instruments' features.
#[derive(Default)]
pub struct Features {
    lanes: HashMap<String, Lane>,
}

impl Features {
    /// The instrument is known from `at` on: its windows are watched from there.
    pub fn define(&mut self, symbol: &str, at: i64) {
        self.lanes.entry(symbol.to_owned()).or_insert_with(|| Lane::new(at));
    }

    /// Takes in the market after an event that was received at `at`.
    pub fn step(&mut self, at: i64, market: &Market) -> Values {
        if !self.lanes.contains_key(&market.symbol) {
            self.define(&market.symbol, at);
        }
        self.lanes.get_mut(&market.symbol).expect("it was just put there").step(at, market)
    }
}

/// The best bid and ask as floats.
struct Top {
    bid: f64,
    ask: f64,
    mid: f64,
}

/// One instrument's features.
struct Lane {
    now: i64,
    /// A fresh book was taken in since the market became tradable.
    seen_book: bool,
    /// Those that follow from the book as it is.
    of_book: [Option<f64>; 7],
    flow: Flow,
    trades: Window<2>,
    average: Window<2>,
    /// Of the trades: (bought − sold) ÷ all, and the average price; as of the last change of the windows.
    ratio: f64,
    vwap: Option<f64>,
    weighted: Return,
    volatility: Volatility,
    bars: Bars,
}

impl Lane {
    fn new(at: i64) -> Self {
        let mut lane = Self {
            now: at,
            seen_book: false,
            of_book: [None; 7],
            flow: Flow::new(),
            trades: Window::new(10_000),
            average: Window::new(30_000),
            ratio: 0.0,
            vwap: None,
            weighted: Return::default(),
            volatility: Volatility::new(),
            bars: Bars::new(),
        };
        lane.trades.advance(at);
        lane.average.advance(at);
        lane
    }

    fn step(&mut self, at: i64, market: &Market) -> Values {
        self.now = self.now.max(at);
        let now = self.now;
        let tradable = market.is_tradable();
        let fresh = tradable && (!self.seen_book || market.top_changed || market.book_updated);
        self.seen_book = tradable && (self.seen_book || fresh);
        if !market.valid || market.gap || market.validity_changed {
            self.flow.restart();
            self.weighted = Return::default();
            self.volatility.restart();
        }
        if !tradable {
            self.of_book = [None; 7];
            self.flow.pause();
            self.weighted.pause();
            self.volatility.pause();
        }
        self.volatility.sample(now);
        if fresh {
            let (bid, ask) = (float(market.bid.px), float(market.ask.px));
            let top = Top { bid, ask, mid: (bid + ask) * 0.5 };
            self.of_book = of_book(market, &top);
            self.flow.step(now, (market.bid, market.ask));
            if top.mid > 0.0 {
                self.weighted.step(now, top.mid);
                self.volatility.hold(now, top.mid);
            }
        }
        self.on_trades(market);
        for candle in market.closed.iter().filter(|candle| candle.interval == 0) {
            self.bars.push(float(candle.high), float(candle.low), float(candle.close));
            for _ in 0..candle.empties.min(FLATS_MAX) {
                self.bars.push(float(candle.close), float(candle.close), float(candle.close));
            }
        }
        self.values(tradable)
    }

    fn on_trades(&mut self, market: &Market) {
        let now = self.now;
        if market.gap {
            self.trades.restart();
            self.average.restart();
        }
        let passed = (self.trades.advance(now), self.average.advance(now));
        let traded = market.last.filter(|_| market.traded);
        if let Some(last) = traded {
            self.trades.add(now, [if last.bought { last.qty } else { -last.qty }, last.qty]);
            self.average.add(now, [last.px * last.qty, last.qty]);
        }
        if passed.0 || traded.is_some() || market.gap {
            let [signed, volume] = self.trades.sums();
            self.ratio = if volume == 0.0 { 0.0 } else { signed / volume };
        }
        if passed.1 || traded.is_some() || market.gap {
            let [turnover, volume] = self.average.sums();
            self.vwap = (volume > 0.0).then(|| turnover / volume);
        }
    }

    fn values(&mut self, tradable: bool) -> Values {
        let now = self.now;
        let when = |holds: bool, value: Option<f64>| value.filter(|value| holds && value.is_finite());
        let [spread, spread_bps, mid, weighted_mid, weighted_mid_bps, top_imbalance, depth_imbalance] = self.of_book;
        [
            spread,
            spread_bps,
            mid,
            weighted_mid,
            weighted_mid_bps,
            top_imbalance,
            depth_imbalance,
            when(tradable, self.flow.value(now)),
            when(self.trades.is_full(now), Some(self.ratio)),
            when(tradable, self.weighted.value()),
            when(tradable, self.volatility.value()),
            when(self.average.is_full(now), self.vwap),
            self.bars.rsi.value(),
            self.bars.macd.histogram(),
            self.bars.atr.value(),
            self.bars.percent_b,
        ]
    }
}

/// Spread, spread in ten-thousandths, mid, weighted mid, its distance from the mid, and the two imbalances.
fn of_book(market: &Market, top: &Top) -> [Option<f64>; 7] {
    let spread = float(market.ask.px - market.bid.px);
    let (bid_qty, ask_qty) = (float(market.bid.qty), float(market.ask.qty));
    let above_bid = (top.ask - top.bid) * (bid_qty / (bid_qty + ask_qty));
    let above_mid = above_bid - (top.ask - top.bid) * 0.5;
    let bps = |distance: f64| (top.mid > 0.0).then(|| distance / top.mid * 1e4);
    let imbalance = |bid: f64, ask: f64| (bid + ask > 0.0).then(|| (bid - ask) / (bid + ask));
    [
        Some(spread),
        bps(spread),
        Some(top.mid),
        Some(top.bid + above_bid),
        bps(above_mid),
        imbalance(bid_qty, ask_qty),
        imbalance(float(market.bid_sums[0]), float(market.ask_sums[0])),
    ]
}

/// Indicators of bars of a second.
struct Bars {
    rsi: Rsi,
    macd: Macd,
    atr: Atr,
    closes: Recent,
    percent_b: Option<f64>,
}

impl Bars {
    fn new() -> Self {
        Self {
            rsi: Rsi::new(14),
            macd: Macd::new(12, 26, 9),
            atr: Atr::new(14),
            closes: Recent::new(20),
            percent_b: None,
        }
    }

    fn push(&mut self, high: f64, low: f64, close: f64) {
        self.rsi.push(close);
        self.macd.push(close);
        self.atr.push(high, low, close);
        self.closes.push(close);
        self.percent_b = percent_b(&self.closes, 2.0);
    }
}
