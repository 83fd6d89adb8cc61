//! Hot: the fall of the equity from its high-water mark, in exact integers.
//!
//! The mark must survive a restart exactly, but equity moves with the market, which is not in the audit log. So the mark is
//! only moved by *told* equities: when the equity is a step above the mark ([`HighWater::is_due`]), the stage tells it in
//! the slot's section, the slot is kept in the audit log for it, and both the live stage and the restored one take it from
//! there ([`HighWater::take`]). The mark lags the true peak by less than one step, and as every telling raises it by a step,
//! they are few: 10⁻⁴ a step is at most 6 932 tellings for a doubled equity.

use crate::risk::config::{ConfigError, count};
use serde::{Deserialize, Serialize};

const PPM: i128 = 1_000_000;

/// `[risk.drawdown]`. The limit stands with the other limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// By how much the equity must be above the mark before it is told, in 10⁻⁶ of the mark, 1..=100000.
    pub step_ppm: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { step_ppm: 100 }
    }
}

/// The highest equity that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HighWater {
    mark_e8: Option<i128>,
    step_ppm: i128,
}

impl HighWater {
    /// No mark yet: the first equity is one.
    ///
    /// # Errors
    /// [`ConfigError`]: a value outside its range.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let step = count(config.step_ppm, 100_000, "drawdown.step_ppm", "1..=100000")?;
        if step == 0 {
            return Err(ConfigError::Range { name: "drawdown.step_ppm", range: "1..=100000" });
        }
        Ok(Self { mark_e8: None, step_ppm: i128::from(step) })
    }

    /// The mark in 10⁻⁸ of the quote currency.
    #[inline]
    pub fn mark_e8(&self) -> Option<i128> {
        self.mark_e8
    }

    /// Whether this equity is to be told: it is the first one, or a step above the mark.
    #[inline]
    pub fn is_due(&self, equity_e8: i128) -> bool {
        match self.mark_e8 {
            None => true,
            Some(mark) => {
                // A step of nothing would be told with every tick.
                let step = (mark.saturating_abs() / PPM).saturating_mul(self.step_ppm).max(1);
                equity_e8 >= mark.saturating_add(step)
            }
        }
    }

    /// A told equity, live or out of the audit log.
    #[inline]
    pub fn take(&mut self, equity_e8: i128) {
        self.mark_e8 = Some(self.mark_e8.map_or(equity_e8, |mark| mark.max(equity_e8)));
    }

    /// The mark begins anew at this equity: an operator's command (money was taken out, or a loss is accepted).
    pub fn reset(&mut self, equity_e8: i128) {
        self.mark_e8 = Some(equity_e8);
    }

    /// 1 − equity ÷ mark in 10⁻⁶, rounded up; more than 10⁶ where the equity is below zero. `None` without a mark, or where
    /// the mark is not above zero: then no part of it can be named.
    #[inline]
    pub fn drawdown_ppm(&self, equity_e8: i128) -> Option<u64> {
        let mark = self.mark_e8?.max(equity_e8);
        if mark <= 0 {
            return None;
        }
        let fall = mark.checked_sub(equity_e8)?;
        let ppm = crate::risk::money::div_ceil(fall.checked_mul(PPM)?, mark)?;
        Some(u64::try_from(ppm).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn water(step_ppm: u32) -> HighWater {
        HighWater::new(&Config { step_ppm }).unwrap()
    }

    #[test]
    fn the_vector_of_the_risk_sheet() {
        let (mut water, mut most) = (water(1), 0);
        for equity in [100i128, 110, 105, 120, 90, 95, 130] {
            let equity = equity * 100_000_000;
            if water.is_due(equity) {
                water.take(equity);
            }
            most = most.max(water.drawdown_ppm(equity).unwrap());
        }
        assert_eq!((most, water.mark_e8()), (250_000, Some(13_000_000_000)));
    }

    #[test]
    fn the_edges() {
        let mut water = water(100);
        assert_eq!((water.drawdown_ppm(5), water.mark_e8()), (None, None));
        water.take(0);
        assert_eq!(water.drawdown_ppm(-5), None, "no part of nothing");
        water.take(1_000_000);
        assert_eq!(water.drawdown_ppm(-1), Some(1_000_001));
        assert_eq!(water.drawdown_ppm(999_999), Some(1));
        assert_eq!(water.drawdown_ppm(2_000_000), Some(0), "a peak that was not told yet is no fall");
        assert_eq!((water.is_due(1_000_099), water.is_due(1_000_100)), (false, true));
        water.take(999);
        assert_eq!(water.mark_e8(), Some(1_000_000), "it never goes down by itself");
        water.reset(999);
        assert_eq!(water.drawdown_ppm(999), Some(0));
        water.reset(i128::MAX);
        assert_eq!((water.drawdown_ppm(i128::MIN), water.is_due(i128::MAX)), (None, true));
        for bad in [0, 100_001] {
            assert!(HighWater::new(&Config { step_ppm: bad }).is_err());
        }
        assert!(toml::from_str::<Config>("steps = 1").is_err());
    }

    proptest! {
        /// Against the running maximum of everything: behind by less than a step, and few tellings.
        #[test]
        fn the_mark_is_the_maximum_but_for_a_step(moves in proptest::collection::vec(-2_000_000i128..2_000_000, 1..400)) {
            let (mut water, mut equity, mut highest, mut told) = (water(100), 1_000_000_000i128, 0i128, 0);
            let first = equity + moves[0];
            for by in moves {
                equity += by;
                highest = highest.max(equity);
                if water.is_due(equity) {
                    water.take(equity);
                    told += 1;
                }
                let mark = water.mark_e8().unwrap();
                prop_assert!(mark <= highest && highest - mark < mark / 10_000 + 1, "{mark} {highest}");
                let (exact, ours) = (1.0 - equity as f64 / highest as f64, water.drawdown_ppm(equity).unwrap() as f64);
                prop_assert!((exact * 1e6 - ours).abs() <= 101.0, "{exact} {ours}");
            }
            prop_assert!(f64::from(told) <= 1.0 + libm::log(highest as f64 / first as f64) / 9.9e-5);
        }
    }
}
