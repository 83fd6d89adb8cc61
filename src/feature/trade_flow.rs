//! Hot: signed volume of the trades in a time window.

use super::Feature;
use super::tick::{Tick, wakes};
use super::window::Window;
use crate::types::price::Side;
use crate::types::time::UnixNanos;
use crate::types::wide::to_f64;
use serde::{Deserialize, Serialize};

/// What is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// (bought − sold) ÷ all volume, −1..=1; 0 without trades.
    #[default]
    Ratio,
    /// bought − sold, a quantity.
    Qty,
}

/// `kind = "trade_flow"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Length of the window in milliseconds.
    pub window_ms: u64,
    /// `ratio` or `qty`.
    pub output: Output,
}

impl Default for Params {
    fn default() -> Self {
        Self { window_ms: 10_000, output: Output::Ratio }
    }
}

/// Volume of aggressive buys less aggressive sells. A trade without a known aggressor counts in the volume only.
///
/// Warm once the window was watched for its whole length; a gap starts it anew. Does not look at the book.
#[derive(Clone, Debug)]
pub struct TradeFlow {
    output: Output,
    /// Signed volume, volume.
    window: Window<2>,
    value: Option<f64>,
}

impl Feature for TradeFlow {
    type Params = Params;
    const NEEDS_BOOK: bool = false;
    const WAKES: u8 = wakes::TRADE | wakes::TIME;

    fn new(params: &Params) -> Result<Self, String> {
        Ok(Self { output: params.output, window: Window::of_ms(params.window_ms)?, value: None })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        if tick.gap {
            self.window.restart();
            self.value = None;
        }
        let mut changed = self.window.advance(tick.now);
        if tick.traded {
            let qty = i128::from(tick.market.last.qty.0);
            let sign = Side::from_code(tick.market.last_aggressor).map_or(0, Side::sign);
            self.window.add([qty * i128::from(sign), qty]);
            changed = true;
        }
        if (changed || self.value.is_none()) && self.window.is_full(tick.now) {
            self.value = self.window.sums().map(|[signed, volume]| match self.output {
                Output::Qty => to_f64(signed) / tick.qty_unit(),
                Output::Ratio if volume == 0 => 0.0,
                Output::Ratio => to_f64(signed) / to_f64(volume),
            });
            return true;
        }
        false
    }

    #[inline]
    fn value(&self) -> Option<f64> {
        self.value
    }

    fn wakes_at(&self) -> UnixNanos {
        // Until it is warm, the end of its first window can come with any tick.
        if self.value.is_some() { self.window.end() } else { UnixNanos::MIN }
    }

    fn rescale(&mut self, _: u8, qty_finer_by: u8) -> bool {
        self.window.rescale([qty_finer_by; 2])
    }
}

#[cfg(test)]
mod tests {
    use crate::event::market::flags;
    use crate::feature::testkit::Scene;
    use crate::types::price::Side;

    #[test]
    fn signed_volume_over_the_window() {
        let mut scene = Scene::new(
            "[[features]]\nkind='trade_flow'\nwindow_ms=1000\n[[features]]\nname='q'\nkind='trade_flow'\nwindow_ms=1000\noutput='qty'",
        );
        for (ms, qty, side) in [(0, 30, Some(Side::Buy)), (400, 10, Some(Side::Sell)), (800, 20, None)] {
            scene.at_ms(ms);
            scene.trade(10_000, qty, side);
            assert_eq!(scene.step().warm, 0);
        }
        scene.quiet();
        scene.at_ms(1_005);
        let out = scene.step();
        assert_eq!((out.get(0), out.get(1)), (Some(-10.0 / 30.0), Some(-10.0)), "the buy just fell out");
        scene.trade(10_000, 50, Some(Side::Buy));
        let out = scene.step();
        assert_eq!((out.get(0), out.get(1)), (Some(0.5), Some(40.0)));
        scene.rescale(0, 3);
        scene.quiet();
        assert_eq!(scene.step().get(1), Some(40.0));
        scene.at_ms(9_000);
        assert_eq!(scene.step().get(0), Some(0.0));
        scene.market.flags |= flags::GAP;
        assert_eq!(scene.step().warm, 0);
    }
}
