//! Hot: where a resting order stands in a queue of which only the total is shown.
//!
//! A level's total can shrink because someone ahead of us left or because someone behind us did. The models differ in
//! how likely they take each to be, given what stands in front (F) and behind (B). The formulas are those of the
//! hftbacktest project (2025). Their original checks only for infinity; here a front below zero counts as zero and
//! 0/0 counts as "behind us", so that no NaN can arise.
//!
//! Trades must be applied before the depth message that reflects them: [`QueueModel::on_trade`] remembers what was
//! traded, and [`QueueModel::on_depth`] does not take it for cancellations.

use super::SimError;
use serde::{Deserialize, Serialize};

/// Which model, with its parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum QueueConfig {
    /// Everyone who leaves was behind us; only trades bring us forward. The cautious default.
    #[default]
    RiskAverse,
    /// P(behind) = ln(1+B) / (ln(1+B) + ln(1+F)).
    ProbLog,
    /// P(behind) = Bⁿ / (Bⁿ + Fⁿ).
    ProbPower {
        /// Exponent, 0 < n ≤ 10.
        n: f64,
    },
    /// P(behind) = ln(1+B) / ln(1+B+F).
    ProbLog2,
    /// P(behind) = Bⁿ / (B+F)ⁿ.
    ProbPower2 {
        /// Exponent, 0 < n ≤ 10.
        n: f64,
    },
    /// P(behind) = 1 − (F/(F+B))ⁿ.
    ProbPower3 {
        /// Exponent, 0 < n ≤ 10.
        n: f64,
    },
}

/// The place of one order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueuePosition {
    /// Quantity ahead of us, in quantity units; below zero by less than one lot after trades that reached us.
    pub front: f64,
    /// Traded at our price since the level's last update, in quantity units.
    pub traded: f64,
}

impl QueuePosition {
    /// Behind all of `displayed`.
    pub fn behind(displayed: i64) -> Self {
        Self { front: displayed.max(0) as f64, traded: 0.0 }
    }

    /// The same place in units that are `factor` times finer.
    pub fn rescale(&mut self, factor: f64) {
        self.front *= factor;
        self.traded *= factor;
    }
}

/// A checked model.
#[derive(Clone, Copy, Debug)]
pub struct QueueModel {
    config: QueueConfig,
}

impl QueueModel {
    /// The model of `config`.
    ///
    /// # Errors
    /// [`SimError::Queue`] for an exponent that makes no sense.
    pub fn new(config: QueueConfig) -> Result<Self, SimError> {
        match config {
            QueueConfig::ProbPower { n } | QueueConfig::ProbPower2 { n } | QueueConfig::ProbPower3 { n }
                if !(n > 0.0 && n <= 10.0) =>
            {
                Err(SimError::Queue("the exponent must lie between 0 and 10"))
            }
            _ => Ok(Self { config }),
        }
    }

    /// A trade of `qty` at our price.
    #[inline]
    pub fn on_trade(&self, position: &mut QueuePosition, qty: i64) {
        position.front -= qty as f64;
        position.traded += qty as f64;
    }

    /// The level's displayed total went from `before` to `now`.
    #[inline]
    pub fn on_depth(&self, position: &mut QueuePosition, before: i64, now: i64) {
        let (before, now) = (before as f64, now.max(0) as f64);
        let left = before - now - position.traded;
        position.traded = 0.0;
        if left > 0.0 && self.config != QueueConfig::RiskAverse {
            let front = position.front.max(0.0);
            let behind = (before - front).max(0.0);
            let p = self.behind_probability(front, behind);
            position.front = front - (1.0 - p) * left + (behind - p * left).min(0.0);
            position.front = position.front.max(0.0);
        }
        position.front = position.front.min(now);
    }

    /// How much of a trade has reached us, in whole lots (rounded to the nearest): the front is then used up.
    #[inline]
    pub fn reached(&self, position: &mut QueuePosition, lot: i64) -> i64 {
        let lots = libm::round(-position.front / lot.max(1) as f64);
        if lots >= 1.0 {
            position.front = 0.0;
            (lots as i64).saturating_mul(lot.max(1))
        } else {
            0
        }
    }

    /// Probability that what was cancelled stood behind us, 0..=1.
    fn behind_probability(&self, front: f64, behind: f64) -> f64 {
        let ln = |x: f64| libm::log1p(x);
        let p = match self.config {
            QueueConfig::RiskAverse => 1.0,
            QueueConfig::ProbLog => ln(behind) / (ln(behind) + ln(front)),
            QueueConfig::ProbPower { n } => {
                let b = libm::pow(behind, n);
                b / (b + libm::pow(front, n))
            }
            QueueConfig::ProbLog2 => ln(behind) / ln(behind + front),
            QueueConfig::ProbPower2 { n } => libm::pow(behind, n) / libm::pow(behind + front, n),
            QueueConfig::ProbPower3 { n } => 1.0 - libm::pow(front / (front + behind), n),
        };
        if p.is_finite() { p.clamp(0.0, 1.0) } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(config: QueueConfig, front: f64, before: i64, now: i64, expected: f64) {
        let model = QueueModel::new(config).unwrap();
        let mut position = QueuePosition { front, traded: 0.0 };
        model.on_depth(&mut position, before, now);
        assert!((position.front - expected).abs() < 5e-6, "{config:?}: {} not {expected}", position.front);
    }

    #[test]
    fn published_vectors() {
        check(QueueConfig::ProbLog, 60.0, 100, 80, 49.49223);
        check(QueueConfig::ProbPower { n: 3.0 }, 60.0, 100, 80, 44.57143);
        check(QueueConfig::RiskAverse, 60.0, 100, 80, 60.0);
        check(QueueConfig::RiskAverse, 60.0, 100, 40, 40.0);
        // By hand: p = ln 41 / ln 101; p = 0.4³; p = 1 − 0.6³.
        check(QueueConfig::ProbLog2, 60.0, 100, 80, 60.0 - (1.0 - 41f64.ln() / 101f64.ln()) * 20.0);
        check(QueueConfig::ProbPower2 { n: 3.0 }, 60.0, 100, 80, 60.0 - (1.0 - 0.064) * 20.0);
        check(QueueConfig::ProbPower3 { n: 3.0 }, 60.0, 100, 80, 60.0 - 0.216 * 20.0);
    }

    #[test]
    fn published_sequence() {
        let model = QueueModel::new(QueueConfig::ProbLog).unwrap();
        let mut position = QueuePosition::behind(100);
        model.on_depth(&mut position, 100, 150);
        assert_eq!(position.front, 100.0);
        model.on_trade(&mut position, 30);
        assert_eq!(position, QueuePosition { front: 70.0, traded: 30.0 });
        model.on_depth(&mut position, 150, 110);
        assert!((position.front - 65.07610).abs() < 5e-6, "{}", position.front);
    }

    #[test]
    fn a_trade_reaches_us_when_the_front_is_used_up() {
        let model = QueueModel::new(QueueConfig::RiskAverse).unwrap();
        let mut position = QueuePosition::behind(10);
        model.on_trade(&mut position, 10);
        assert_eq!(model.reached(&mut position, 1), 0);
        model.on_trade(&mut position, 4);
        assert_eq!(model.reached(&mut position, 1), 4);
        assert_eq!(position.front, 0.0);
    }

    #[test]
    fn bad_exponents_are_refused() {
        for n in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(QueueModel::new(QueueConfig::ProbPower { n }).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn the_front_is_never_nan_nor_more_than_the_level(
            kind in 0usize..6,
            steps in proptest::collection::vec((any::<bool>(), 0i64..200), 1..40),
        ) {
            let config = [
                QueueConfig::RiskAverse, QueueConfig::ProbLog, QueueConfig::ProbPower { n: 2.0 }, QueueConfig::ProbLog2,
                QueueConfig::ProbPower2 { n: 0.5 }, QueueConfig::ProbPower3 { n: 3.0 },
            ][kind];
            let model = QueueModel::new(config).unwrap();
            let mut level = 100;
            let mut position = QueuePosition::behind(level);
            for (trade, amount) in steps {
                let front = position.front;
                if trade {
                    model.on_trade(&mut position, amount);
                    model.reached(&mut position, 1);
                } else {
                    model.on_depth(&mut position, level, amount);
                    level = amount;
                    prop_assert!(position.front <= level as f64);
                }
                prop_assert!(position.front.is_finite());
                prop_assert!(position.front <= front.max(0.0), "nobody overtakes us");
            }
        }
    }
}
