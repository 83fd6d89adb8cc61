//! Hot: order flow imbalance (Cont, Kukanov & Stoikov 2014, J. Financial Econometrics 12(1)).

use super::Feature;
use super::tick::{Tick, wakes};
use super::window::Window;
use crate::event::input::Level;
use crate::types::decimal::rescale;
use crate::types::price::{Px, Qty};
use crate::types::time::UnixNanos;
use crate::types::wide::to_f64;
use serde::{Deserialize, Serialize};

/// What OFI is expressed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Σe ÷ mean of (Qb + Qa)/2 over the window's events: how often the queue was turned over, signed.
    #[default]
    Depth,
    /// Σe, a quantity.
    Qty,
}

/// `kind = "ofi"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Length of the window in milliseconds.
    pub window_ms: u64,
    /// `depth` or `qty`.
    pub unit: Unit,
}

impl Default for Params {
    fn default() -> Self {
        Self { window_ms: 10_000, unit: Unit::Depth }
    }
}

/// Σe over a rolling window, where between two updates of the top
/// e = 1{Pb≥Pb'}Qb − 1{Pb≤Pb'}Qb' − 1{Pa≤Pa'}Qa + 1{Pa≥Pa'}Qa' (primes: before).
///
/// Warm once the window was watched for its whole length over one whole book; needs a tradable book. A broken book
/// starts it anew; across a pause of trading or freshness no event is counted.
#[derive(Clone, Debug)]
pub struct Ofi {
    unit: Unit,
    /// Best bid and ask before.
    last: Option<(Level, Level)>,
    /// Σe, Σ(Qb + Qa), events.
    window: Window<3>,
    value: Option<f64>,
}

/// The contribution of one update of the top.
#[inline]
pub(crate) fn event((bid0, ask0): (Level, Level), (bid, ask): (Level, Level)) -> i128 {
    let when = |holds: bool, qty: Qty| if holds { i128::from(qty.0) } else { 0 };
    when(bid.px >= bid0.px, bid.qty) - when(bid.px <= bid0.px, bid0.qty) - when(ask.px <= ask0.px, ask.qty)
        + when(ask.px >= ask0.px, ask0.qty)
}

impl Feature for Ofi {
    type Params = Params;
    const NEEDS_BOOK: bool = true;
    const WAKES: u8 = wakes::BOOK | wakes::TIME;

    fn new(params: &Params) -> Result<Self, String> {
        Ok(Self { unit: params.unit, last: None, window: Window::of_ms(params.window_ms)?, value: None })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        if tick.book_broken {
            self.last = None;
            self.window.restart();
            self.value = None;
        }
        if tick.book_paused {
            self.last = None;
        }
        if self.last.is_none() && !tick.book_fresh {
            return false;
        }
        let mut changed = self.window.advance(tick.now);
        if tick.book_fresh {
            let top = (tick.market.bid, tick.market.ask);
            if let Some(before) = self.last.replace(top)
                && before != top
            {
                let depth = i128::from(top.0.qty.0) + i128::from(top.1.qty.0);
                self.window.add([event(before, top), depth, 1]);
                changed = true;
            }
        }
        let was_warm = self.value.is_some();
        let warm = self.window.is_full(tick.now);
        if warm && (changed || !was_warm) {
            self.value = self.window.sums().and_then(|[flow, depth, events]| match self.unit {
                Unit::Qty => Some(to_f64(flow) / tick.qty_unit()),
                Unit::Depth if events == 0 => Some(0.0),
                Unit::Depth => (depth > 0).then(|| to_f64(flow) * 2.0 * to_f64(events) / to_f64(depth)),
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
        match (self.last, self.value) {
            // Time passes only from a book on.
            (None, _) => UnixNanos::MAX,
            // The end of its first window can come with any tick.
            (Some(_), None) => UnixNanos::MIN,
            (Some(_), Some(_)) => self.window.end(),
        }
    }

    fn rescale(&mut self, px_finer_by: u8, qty_finer_by: u8) -> bool {
        if let Some((bid, ask)) = &mut self.last {
            for level in [bid, ask] {
                match (rescale(level.px.0, px_finer_by), rescale(level.qty.0, qty_finer_by)) {
                    (Some(px), Some(qty)) => *level = Level { px: Px(px), qty: Qty(qty) },
                    _ => return false,
                }
            }
        }
        self.window.rescale([qty_finer_by, qty_finer_by, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::testkit::Scene;

    fn top((bid, bid_qty, ask, ask_qty): (i64, i64, i64, i64)) -> (Level, Level) {
        (Level { px: Px(bid), qty: Qty(bid_qty) }, Level { px: Px(ask), qty: Qty(ask_qty) })
    }

    #[test]
    fn the_reference_vectors() {
        let check = |before, after, expected| assert_eq!(event(top(before), top(after)), expected);
        check((100, 10, 101, 8), (100, 12, 101, 5), 5);
        check((100, 12, 101, 5), (101, 3, 102, 7), 8);
        check((101, 3, 102, 7), (99, 9, 102, 10), -6);
        check((100, 10, 101, 8), (100, 10, 101, 8), 0);
    }

    const QTY: &str =
        "[[features]]\nkind='ofi'\nunit='qty'\nwindow_ms=1000\n[[features]]\nname='d'\nkind='ofi'\nwindow_ms=1000";

    /// The three events of the reference within one second.
    fn warm_scene() -> Scene {
        let mut scene = Scene::new(QTY);
        for (ms, (bid, bid_qty, ask, ask_qty)) in
            [(0, (100, 10, 101, 8)), (500, (100, 12, 101, 5)), (600, (101, 3, 102, 7)), (700, (99, 9, 102, 10))]
        {
            scene.at_ms(ms);
            scene.top(bid, bid_qty, ask, ask_qty);
            assert_eq!(scene.step().warm, 0, "warms up for the whole window");
        }
        scene.quiet();
        scene
    }

    #[test]
    fn sums_over_the_window_and_forgets() {
        let mut scene = warm_scene();
        scene.at_ms(1_000);
        let out = scene.step();
        assert_eq!(out.get(0), Some(7.0));
        // Depth in the three events: 17, 10, 19.
        assert_eq!(out.get(1), Some(7.0 * 2.0 * 3.0 / 46.0));
        scene.at_ms(1_550);
        assert_eq!(scene.step().get(0), Some(2.0), "the first event fell out");
        scene.at_ms(3_000);
        let out = scene.step();
        assert_eq!((out.get(0), out.get(1)), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn a_finer_definition_changes_nothing() {
        let mut scene = warm_scene();
        scene.at_ms(1_000);
        let before = scene.step();
        scene.rescale(3, 4);
        scene.quiet();
        let after = scene.step();
        assert_eq!((before.values, before.warm), (after.values, after.warm));
        scene.at_ms(1_001);
        scene.top(99_000, 90_000, 102_000, 110_000);
        assert_eq!(scene.step().get(0), Some(6.0), "one more lot on the ask, and the old top is scaled too");
    }

    #[test]
    fn a_pause_is_passed_over_and_a_break_starts_anew() {
        use crate::event::market::flags;
        let mut scene = warm_scene();
        scene.at_ms(1_000);
        assert_eq!(scene.step().get(0), Some(7.0));
        scene.market.flags |= flags::STALE;
        assert_eq!(scene.step().warm, 0);
        scene.at_ms(1_100);
        scene.top(500, 1_000, 501, 1);
        assert_eq!(scene.step().get(0), Some(7.0), "the jump across the pause does not count");
        scene.top(500, 1_001, 501, 1);
        assert_eq!(scene.step().get(0), Some(8.0));
        scene.market.flags |= flags::GAP | flags::BECAME_VALID;
        assert_eq!(scene.step().warm, 0);
        scene.quiet();
        scene.at_ms(2_050);
        assert_eq!(scene.step().warm, 0, "warms up for a whole window again");
        scene.at_ms(2_100);
        assert_eq!(scene.step().get(0), Some(0.0));
    }
}
