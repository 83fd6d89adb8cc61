//! Hot: imbalance of the quantities at the best bid and ask.

use super::Feature;
use super::tick::{Tick, wakes};
use crate::types::wide::to_f64;
use serde::{Deserialize, Serialize};

/// `kind = "top_imbalance"`; no parameters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {}

/// (Qb − Qa) ÷ (Qb + Qa), −1..=1 (Gould & Bonart 2015). Warm at once; needs a tradable book.
#[derive(Clone, Debug)]
pub struct TopImbalance {
    value: Option<f64>,
}

/// (bid − ask) ÷ (bid + ask) of two quantities; `None` where there is neither.
#[inline]
pub(crate) fn imbalance(bid: i64, ask: i64) -> Option<f64> {
    let (bid, ask) = (i128::from(bid), i128::from(ask));
    let sum = bid + ask;
    (bid >= 0 && ask >= 0 && sum > 0).then(|| to_f64(bid - ask) / to_f64(sum))
}

impl Feature for TopImbalance {
    type Params = Params;
    const NEEDS_BOOK: bool = true;
    const WAKES: u8 = wakes::BOOK;

    fn new(_: &Params) -> Result<Self, String> {
        Ok(Self { value: None })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        if !tick.tradable {
            self.value = None;
        } else if tick.book_fresh {
            self.value = imbalance(tick.market.bid.qty.0, tick.market.ask.qty.0);
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
    use super::*;

    #[test]
    fn the_reference_vector_and_the_ends() {
        assert_eq!(imbalance(15, 5), Some(0.5));
        assert_eq!(imbalance(5, 15), Some(-0.5));
        assert_eq!(imbalance(i64::MAX, 0), Some(1.0));
        assert_eq!(imbalance(i64::MAX, i64::MAX), Some(0.0));
        assert_eq!(imbalance(0, 0), None);
        assert_eq!(imbalance(-1, 5), None);
    }
}
