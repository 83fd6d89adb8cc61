//! Hot: imbalance of the quantities in the best levels.

use super::Feature;
use super::tick::{Tick, wakes};
use super::top_imbalance::imbalance;
use serde::{Deserialize, Serialize};

/// `kind = "depth_imbalance"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Levels of each side: 5 or 10.
    pub levels: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { levels: 5 }
    }
}

/// (ΣQb − ΣQa) ÷ (ΣQb + ΣQa) over the best levels of our own book, −1..=1. Warm at once; needs a tradable book.
#[derive(Clone, Debug)]
pub struct DepthImbalance {
    ten: bool,
    value: Option<f64>,
}

impl Feature for DepthImbalance {
    type Params = Params;
    const NEEDS_BOOK: bool = true;
    const WAKES: u8 = wakes::BOOK;

    fn new(params: &Params) -> Result<Self, String> {
        match params.levels {
            5 | 10 => Ok(Self { ten: params.levels == 10, value: None }),
            other => Err(format!("`levels` must be 5 or 10, not {other}")),
        }
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        if !tick.tradable {
            self.value = None;
        } else if tick.book_fresh {
            let market = tick.market;
            self.value = if self.ten {
                imbalance(market.bid_qty_10.0, market.ask_qty_10.0)
            } else {
                imbalance(market.bid_qty_5.0, market.ask_qty_5.0)
            };
        }
        tick.book_fresh
    }

    #[inline]
    fn value(&self) -> Option<f64> {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use crate::feature::testkit::Scene;
    use crate::types::price::Qty;

    #[test]
    fn five_or_ten_levels() {
        let mut scene = Scene::new(
            "[[features]]\nkind='depth_imbalance'\n[[features]]\nname='ten'\nkind='depth_imbalance'\nlevels=10",
        );
        scene.top(10_000, 15, 10_100, 5);
        (scene.market.bid_qty_5, scene.market.ask_qty_5) = (Qty(30), Qty(10));
        (scene.market.bid_qty_10, scene.market.ask_qty_10) = (Qty(10), Qty(30));
        let out = scene.step();
        assert_eq!((out.get(0), out.get(1)), (Some(0.5), Some(-0.5)));
        (scene.market.bid_qty_10, scene.market.ask_qty_10) = (Qty(0), Qty(0));
        let out = scene.step();
        assert_eq!((out.get(0), out.get(1)), (Some(0.5), None), "the venue's quote alone gives no depth");
    }
}
