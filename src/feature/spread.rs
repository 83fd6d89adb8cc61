//! Hot: the quoted spread, ask − bid.

use super::Feature;
use super::tick::{Tick, wakes};
use crate::types::wide::to_f64;
use serde::{Deserialize, Serialize};

/// What the spread is expressed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A difference of prices.
    #[default]
    Price,
    /// Ten-thousandths of the mid.
    Bps,
}

/// `kind = "spread"`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// `price` or `bps`.
    pub unit: Unit,
}

/// Ask − bid of the freshest known top, > 0. Warm at once; needs a tradable book.
#[derive(Clone, Debug)]
pub struct Spread {
    unit: Unit,
    value: Option<f64>,
}

impl Feature for Spread {
    type Params = Params;
    const NEEDS_BOOK: bool = true;
    const WAKES: u8 = wakes::BOOK;

    fn new(params: &Params) -> Result<Self, String> {
        Ok(Self { unit: params.unit, value: None })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        if !tick.tradable {
            self.value = None;
        } else if tick.book_fresh {
            let units = i128::from(tick.market.ask.px.0) - i128::from(tick.market.bid.px.0);
            let spread = to_f64(units) / tick.px_unit();
            self.value = match self.unit {
                Unit::Price => Some(spread),
                Unit::Bps => (tick.mid > 0.0).then(|| spread / tick.mid * 1e4),
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

    #[test]
    fn in_both_units_and_only_from_a_tradable_book() {
        let mut scene = Scene::new("[[features]]\nkind='spread'\n[[features]]\nname='bps'\nkind='spread'\nunit='bps'");
        scene.top(10_000, 5, 10_002, 7);
        let out = scene.step();
        assert_eq!(out.get(0), Some(0.02));
        assert!((out.get(1).unwrap() - 0.02 / 100.01 * 1e4).abs() < 1e-12);
        assert_eq!(out.updated, 0b11);
        scene.market.flags = 0;
        let out = scene.step();
        assert_eq!((out.warm, out.updated, out.values[0]), (0, 0, 0.0));
        scene.top(10_002, 5, 10_002, 7);
        assert_eq!(scene.step().warm, 0, "locked");
        scene.top(-10_002, 5, -10_000, 7);
        let out = scene.step();
        assert_eq!((out.get(0), out.get(1)), (Some(0.02), None), "negative prices have a spread, but no relative one");
    }
}
