//! Hot: exponentially weighted return of the mid, at irregular times.

use super::Feature;
use super::tick::{Tick, wakes};
use crate::types::time::UnixNanos;
use serde::{Deserialize, Serialize};

/// `kind = "ewma_return"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Time constant τ in milliseconds, 1 to 86 400 000.
    pub tau_ms: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self { tau_ms: 5_000 }
    }
}

/// d ← d − α·d + r with r = ln(mid ÷ mid before) and α = 1 − exp(−Δt ÷ τ): the log return of the mid against its own
/// exponentially weighted past (previous-point scheme, Eckner 2012), whatever the rate of updates. Computed at each
/// update of the book.
///
/// Warm after τ of one whole book; needs a tradable book. A broken book starts it anew; a pause is passed over.
#[derive(Clone, Debug)]
pub struct EwmaReturn {
    tau_ns: f64,
    warm_up_ns: i64,
    /// Mid and time of the last update of the book.
    last: Option<(f64, UnixNanos)>,
    start: Option<UnixNanos>,
    decayed: f64,
    warm: bool,
}

impl Feature for EwmaReturn {
    type Params = Params;
    const NEEDS_BOOK: bool = true;
    const WAKES: u8 = wakes::BOOK;

    fn new(params: &Params) -> Result<Self, String> {
        if !(1..=86_400_000).contains(&params.tau_ms) {
            return Err(format!("`tau_ms` must be 1..=86400000, not {}", params.tau_ms));
        }
        let tau = params.tau_ms as i64 * 1_000_000;
        Ok(Self { tau_ns: tau as f64, warm_up_ns: tau, last: None, start: None, decayed: 0.0, warm: false })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        if tick.book_broken {
            (self.last, self.start, self.decayed, self.warm) = (None, None, 0.0, false);
        }
        if tick.book_paused {
            self.last = None;
        }
        if !tick.book_fresh || tick.mid <= 0.0 {
            return false;
        }
        let start = *self.start.get_or_insert(tick.now);
        if let Some((mid, then)) = self.last.replace((tick.mid, tick.now)) {
            if self.decayed != 0.0 {
                let alpha = -libm::expm1(-(tick.now.saturating_sub(then) as f64) / self.tau_ns);
                self.decayed -= alpha * self.decayed;
                if self.decayed.abs() < 1e-200 {
                    self.decayed = 0.0;
                }
            }
            // Most updates leave the mid where it is, and then there is no logarithm to take.
            if mid != tick.mid {
                self.decayed += libm::log(tick.mid / mid);
            }
        }
        self.warm = tick.now.saturating_sub(start) >= self.warm_up_ns;
        true
    }

    #[inline]
    fn value(&self) -> Option<f64> {
        self.warm.then_some(self.decayed)
    }
}

#[cfg(test)]
mod tests {
    use crate::event::market::flags;
    use crate::feature::testkit::Scene;
    use proptest::prelude::*;

    #[test]
    fn a_step_decays_with_tau() {
        let mut scene = Scene::new("[[features]]\nkind='ewma_return'\ntau_ms=1000");
        for (ms, mid, expected) in [
            (0, 10_000, None),
            (500, 10_100, None),
            (1_000, 10_100, Some((1.01f64).ln() * (-0.5f64).exp())),
            (3_000, 10_100, Some((1.01f64).ln() * (-2.5f64).exp())),
        ] {
            scene.at_ms(ms);
            scene.top(mid - 1, 5, mid + 1, 5);
            let out = scene.step();
            match (out.get(0), expected) {
                (Some(ours), Some(theirs)) => assert!((ours - theirs).abs() < 1e-12, "{ours} {theirs}"),
                (ours, theirs) => assert_eq!(ours, theirs),
            }
        }
        scene.market.flags |= flags::STALE;
        scene.step();
        scene.top(19_999, 5, 20_001, 5);
        let value = scene.step().get(0).unwrap();
        assert!(value < 0.01, "the jump across the pause is no return: {value}");
        scene.market.flags |= flags::BECAME_VALID;
        assert_eq!(scene.step().warm, 0);
    }

    proptest! {
        /// The oracle is Σ r·exp(−age ÷ τ) over all returns.
        #[test]
        fn agrees_with_the_batch(path in proptest::collection::vec((0i64..400, 9_000i64..11_000), 2..40)) {
            let mut scene = Scene::new("[[features]]\nkind='ewma_return'\ntau_ms=1000");
            let (mut now, mut past) = (0, Vec::new());
            for (ms, mid) in path {
                now += ms;
                scene.at_ms(now);
                scene.top(mid - 1, 5, mid + 1, 5);
                let out = scene.step();
                past.push((now, (mid as f64).ln()));
                prop_assert_eq!(out.warm, u64::from(now - past[0].0 >= 1_000));
                if let Some(value) = out.get(0) {
                    let sum: f64 =
                        past.windows(2).map(|w| (w[1].1 - w[0].1) * (-((now - w[1].0) as f64) / 1_000.0).exp()).sum();
                    prop_assert!((value - sum).abs() < 1e-9, "{} {}", value, sum);
                }
            }
        }
    }
}
