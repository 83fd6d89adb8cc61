//! Hot: a small stage to test features on: one instrument, a market section that the test writes.

use super::{Config, FeatureStage};
use crate::event::feature::FeatureSection;
use crate::event::input::{Input, InputKind, Level, Nothing};
use crate::event::market::{Candle, MarketSection, flags};
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::price::{Px, Qty, Side};
use bytemuck::Zeroable;

/// The section and input that the next [`step`](Self::step) takes, over a valid book with 2 price decimals.
pub(crate) struct Scene {
    pub(crate) stage: FeatureStage,
    pub(crate) input: Input,
    pub(crate) market: MarketSection,
}

pub(crate) const GOOD: u32 = flags::VALID | flags::TRADING;

impl Scene {
    pub(crate) fn new(toml: &str) -> Self {
        let config: Config = toml::from_str(toml).unwrap();
        let stage = FeatureStage::new(&config, 2).unwrap();
        let input = Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(0), 0, &Nothing {});
        let mut market = MarketSection::zeroed();
        market.price_decimals = 2;
        Self { stage, input, market }
    }

    pub(crate) fn at_ms(&mut self, ms: i64) {
        self.input.ts_recv = ms * 1_000_000;
    }

    /// The next input changes the top.
    pub(crate) fn top(&mut self, bid: i64, bid_qty: i64, ask: i64, ask_qty: i64) {
        self.market.flags = GOOD | flags::BBO_CHANGED;
        self.market.bid = Level { px: Px(bid), qty: Qty(bid_qty) };
        self.market.ask = Level { px: Px(ask), qty: Qty(ask_qty) };
    }

    /// The next input is a trade.
    pub(crate) fn trade(&mut self, px: i64, qty: i64, side: Option<Side>) {
        self.market.flags = GOOD | flags::TRADED;
        self.market.last = Level { px: Px(px), qty: Qty(qty) };
        self.market.last_aggressor = side.map_or(0, Side::code);
    }

    /// The next input closes the one-second candle.
    pub(crate) fn candle(&mut self, high: i64, low: i64, close: i64, empties: u32) {
        self.market.flags = GOOD | flags::CANDLE_CLOSED;
        self.market.closed_mask = 1;
        self.market.closed[0] = Candle {
            open: Px(close),
            high: Px(high),
            low: Px(low),
            close: Px(close),
            volume: Qty(1),
            empties,
            ..Candle::default()
        };
    }

    /// The next input changes nothing.
    pub(crate) fn quiet(&mut self) {
        self.market.flags = GOOD;
        self.market.closed_mask = 0;
    }

    /// The definition got finer by this much; prices and quantities of the section are multiplied as `market` does.
    pub(crate) fn rescale(&mut self, px_finer_by: u8, qty_finer_by: u8) {
        let (px, qty) = (10i64.pow(u32::from(px_finer_by)), 10i64.pow(u32::from(qty_finer_by)));
        self.market.price_decimals += px_finer_by;
        self.market.qty_decimals += qty_finer_by;
        for level in [&mut self.market.bid, &mut self.market.ask, &mut self.market.last] {
            level.px.0 *= px;
            level.qty.0 *= qty;
        }
    }

    pub(crate) fn step(&mut self) -> FeatureSection {
        let mut out = FeatureSection::zeroed();
        // What an older slot left behind, by a stage with as many features, must not come through.
        let count = self.stage.names().len();
        out.values[..count].fill(f64::NAN);
        (out.warm, out.updated, out.stamp, out.count) = (u64::MAX, u64::MAX, 7, count as u32);
        self.stage.on_slot(&self.input, &self.market, &mut out);
        assert_eq!((out.stamp, out.count as usize), (7, self.stage.names().len()));
        for (i, value) in out.values.iter().enumerate() {
            assert!(value.is_finite() && (out.warm >> i & 1 == 1 || *value == 0.0), "{i}: {value}");
        }
        out
    }
}
