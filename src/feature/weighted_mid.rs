//! Hot: the weighted mid, often called microprice. (Stoikov's microprice of 2018 adds a fitted correction; this is the
//! plain weighting.)

use super::Feature;
use super::tick::{Tick, wakes};
use serde::{Deserialize, Serialize};

/// What is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The weighted mid, a price between bid and ask.
    #[default]
    Price,
    /// (weighted mid − mid) ÷ mid in ten-thousandths: > 0 leans up.
    Bps,
}

/// `kind = "weighted_mid"`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// `price` or `bps`.
    pub output: Output,
}

/// (Pb·Qa + Pa·Qb) ÷ (Qb + Qa) (e.g. Gatheral & Oomen 2010). Warm at once; needs a tradable book.
#[derive(Clone, Debug)]
pub struct WeightedMid {
    output: Output,
    value: Option<f64>,
}

impl Feature for WeightedMid {
    type Params = Params;
    const NEEDS_BOOK: bool = true;
    const WAKES: u8 = wakes::BOOK;

    fn new(params: &Params) -> Result<Self, String> {
        Ok(Self { output: params.output, value: None })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        if !tick.tradable {
            self.value = None;
        } else if tick.book_fresh {
            // As a distance from the bid, so that nothing is lost to the size of the price.
            let (bid, ask) = (tick.market.bid.qty.0 as f64, tick.market.ask.qty.0 as f64);
            let above_bid = (tick.ask - tick.bid) * (bid / (bid + ask));
            self.value = match self.output {
                Output::Price => Some(tick.bid + above_bid),
                Output::Bps => {
                    let above_mid = above_bid - (tick.ask - tick.bid) * 0.5;
                    (tick.mid > 0.0).then(|| above_mid / tick.mid * 1e4)
                }
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
    fn the_reference_vector() {
        let mut scene = Scene::new(
            "[[features]]\nkind='weighted_mid'\n[[features]]\nname='bps'\nkind='weighted_mid'\noutput='bps'",
        );
        scene.top(10_000, 15, 10_100, 5);
        let out = scene.step();
        assert_eq!(out.get(0), Some(100.75));
        assert!((out.get(1).unwrap() - 0.25 / 100.5 * 1e4).abs() < 1e-9);
        scene.top(10_000, i64::MAX, 10_100, i64::MAX);
        let out = scene.step();
        assert_eq!((out.get(0), out.get(1)), (Some(100.5), Some(0.0)));
    }
}
