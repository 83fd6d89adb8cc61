//! Edge: what the portfolio's risk figures are told.

use super::tail::WINDOW_MAX;
use crate::risk::config::{ConfigError, count};
use crate::types::time::{MILLIS, Nanos};
use serde::{Deserialize, Serialize};

/// `[risk.portfolio]`: how returns are taken and what is made of them. Limits stand with the other limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Length of one interval of returns, in milliseconds of input time, 100..=86400000.
    pub interval_ms: u64,
    /// Intervals in the window of historical scenarios, 20..=1024.
    pub window: u32,
    /// Returns that an instrument must have before its risk is known, 2..=1024 and at most `window`. Until then, figures with
    /// it are *not known*, and a limit on them refuses what would add risk.
    pub samples_min: u32,
    /// Weight of the past in the exponential average, 0.5..=0.9999 (RiskMetrics 1996: 0.94 for daily returns).
    pub lambda: f64,
    /// Confidence of VaR and ES, 0.5..=0.9999, in steps of 10⁻⁶.
    pub confidence: f64,
    /// Horizon of VaR and ES in intervals, 1..=10000000: figures grow with its square root, which holds as far as returns are
    /// independent.
    pub horizon_intervals: u32,
    /// Instruments whose correlations are kept, 1..=256, in the order in which they are first heard of. All others count with
    /// correlation 1 against us.
    pub covariance_max: u32,
}

impl Default for Config {
    /// Minutes, a window of 500, 99 % over an hour.
    fn default() -> Self {
        Self {
            interval_ms: 60_000,
            window: 500,
            samples_min: 100,
            lambda: 0.94,
            confidence: 0.99,
            horizon_intervals: 60,
            covariance_max: 64,
        }
    }
}

/// The configuration, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) interval: Nanos,
    pub(super) window: usize,
    pub(super) samples_min: u32,
    pub(super) lambda: f64,
    /// 10⁶·(1 − α).
    pub(super) tail_ppm: u32,
    /// √h.
    pub(super) horizon: f64,
    /// z_α·√h.
    pub(super) z: f64,
    /// φ(z_α) ÷ (1 − α)·√h.
    pub(super) es: f64,
    pub(super) covariance_max: usize,
}

impl Config {
    pub(super) fn check(&self) -> Result<Settings, ConfigError> {
        let range = |ok: bool, name, range| if ok { Ok(()) } else { Err(ConfigError::Range { name, range }) };
        range((100..=86_400_000).contains(&self.interval_ms), "portfolio.interval_ms", "100..=86400000 ms")?;
        range((20..=WINDOW_MAX as u32).contains(&self.window), "portfolio.window", "20..=1024")?;
        let enough = self.samples_min >= 2 && self.samples_min <= self.window;
        range(enough, "portfolio.samples_min", "2..=window")?;
        range((0.5..=0.9999).contains(&self.lambda), "portfolio.lambda", "0.5..=0.9999")?;
        range((0.5..=0.9999).contains(&self.confidence), "portfolio.confidence", "0.5..=0.9999")?;
        let long = (1..=10_000_000).contains(&self.horizon_intervals);
        range(long, "portfolio.horizon_intervals", "1..=10000000")?;
        range(self.covariance_max >= 1, "portfolio.covariance_max", "1..=256")?;
        let covariance_max = count(self.covariance_max, 256, "portfolio.covariance_max", "1..=256")? as usize;
        let tail_ppm = 1_000_000 - libm::rint(self.confidence * 1e6) as u32;
        let alpha = 1.0 - f64::from(tail_ppm) / 1e6;
        let horizon = libm::sqrt(f64::from(self.horizon_intervals));
        Ok(Settings {
            interval: self.interval_ms as i64 * MILLIS,
            window: self.window as usize,
            samples_min: self.samples_min,
            lambda: self.lambda,
            tail_ppm,
            horizon,
            z: super::normal::quantile(alpha) * horizon,
            es: super::normal::shortfall(alpha) * horizon,
            covariance_max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_out_of_range_does_not_load() {
        let check = |toml: &str, expected: &str| {
            let error = match toml::from_str::<Config>(toml) {
                Err(e) => e.to_string(),
                Ok(config) => config.check().expect_err(toml).to_string(),
            };
            assert!(error.contains(expected), "{toml}\ngave: {error}");
        };
        check("intervall_ms = 1", "unknown field `intervall_ms`");
        check("interval_ms = 99", "`portfolio.interval_ms` must be within 100..=86400000 ms");
        check("window = 1025", "`portfolio.window` must be within 20..=1024");
        check("window = 50", "`portfolio.samples_min` must be within 2..=window");
        check("samples_min = 1", "`portfolio.samples_min`");
        check("lambda = nan", "`portfolio.lambda`");
        check("lambda = 1.0", "`portfolio.lambda`");
        check("confidence = 0.4", "`portfolio.confidence`");
        check("horizon_intervals = 0", "`portfolio.horizon_intervals`");
        check("covariance_max = 0", "`portfolio.covariance_max`");
        check("covariance_max = 257", "`portfolio.covariance_max`");
        let settings = Config { confidence: 0.95, horizon_intervals: 4, ..Config::default() }.check().unwrap();
        assert_eq!((settings.tail_ppm, settings.horizon), (50_000, 2.0));
        assert!((settings.z - 2.0 * 1.644_854).abs() < 1e-6 && (settings.es - 2.0 * 2.062_713).abs() < 1e-6);
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
    }
}
