//! Hot: volume-weighted average price of the trades.

use super::Feature;
use super::tick::{Tick, wakes};
use super::window::Window;
use crate::types::time::UnixNanos;
use crate::types::wide::to_f64;
use serde::{Deserialize, Serialize};

/// `kind = "vwap"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Length of the rolling window in milliseconds; 0 = since the day began in UTC, which holds one whole session of
    /// crypto markets as well as of United States equities.
    pub window_ms: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self { window_ms: 30_000 }
    }
}

/// Σpq ÷ Σq of the trades that count, a price. Exact sums.
///
/// Rolling: warm once the window was watched for its whole length and holds a trade. Day: warm from its first trade. A
/// gap starts it anew. Does not look at the book.
#[derive(Clone, Debug)]
pub struct Vwap {
    day: bool,
    /// Σpq in price × quantity units, Σq.
    window: Window<2>,
    value: Option<f64>,
}

impl Feature for Vwap {
    type Params = Params;
    const NEEDS_BOOK: bool = false;
    const WAKES: u8 = wakes::TRADE | wakes::TIME;

    fn new(params: &Params) -> Result<Self, String> {
        let day = params.window_ms == 0;
        let window = if day { Window::new(86_400_000_000_000, 1) } else { Window::of_ms(params.window_ms)? };
        Ok(Self { day, window, value: None })
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
            self.window.add([i128::from(tick.market.last.px.0) * qty, qty]);
            changed = true;
        }
        if !changed && self.value.is_some() {
            return false;
        }
        self.value = match self.window.sums() {
            Some([turnover, volume]) if volume > 0 && (self.day || self.window.is_full(tick.now)) => {
                Some(to_f64(turnover) / (to_f64(volume) * tick.px_unit()))
            }
            _ => None,
        };
        self.value.is_some()
    }

    #[inline]
    fn value(&self) -> Option<f64> {
        self.value
    }

    fn wakes_at(&self) -> UnixNanos {
        // Until it is warm, the end of its first window can come with any tick.
        if self.value.is_some() { self.window.end() } else { UnixNanos::MIN }
    }

    fn rescale(&mut self, px_finer_by: u8, qty_finer_by: u8) -> bool {
        self.window.rescale([px_finer_by.saturating_add(qty_finer_by), qty_finer_by])
    }
}

#[cfg(test)]
mod tests {
    use crate::feature::testkit::Scene;

    #[test]
    fn rolling_and_of_the_day() {
        let mut scene =
            Scene::new("[[features]]\nkind='vwap'\nwindow_ms=1000\n[[features]]\nname='day'\nkind='vwap'\nwindow_ms=0");
        scene.trade(10_000, 10, None);
        let out = scene.step();
        assert_eq!((out.get(0), out.get(1)), (None, Some(100.0)));
        scene.at_ms(500);
        scene.trade(10_300, 20, None);
        assert_eq!(scene.step().get(1), Some(102.0));
        scene.at_ms(1_100);
        scene.quiet();
        let out = scene.step();
        assert_eq!((out.get(0), out.get(1)), (Some(103.0), Some(102.0)));
        scene.rescale(2, 5);
        scene.quiet();
        let out = scene.step();
        assert_eq!((out.get(0), out.get(1)), (Some(103.0), Some(102.0)));
        scene.at_ms(86_400_000);
        assert_eq!(scene.step().warm, 0, "no trade in the window, none on the new day");
    }
}
