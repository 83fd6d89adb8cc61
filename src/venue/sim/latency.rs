//! Hot: latencies of the simulated venue, as pure functions of (seed, key).
//!
//! Each of the three ways (market data to us, orders to the venue, reports back) has a distribution with a **true lower
//! bound**, which the coordinator uses for its look-ahead: it may run simulated time ahead by `entry_min` +
//! `response_min` before it has seen what the host answers.
//!
//! Two draws for the same source may come out in the wrong order: a report of a later event could arrive before the one
//! of an earlier event. A real connection is a FIFO, so the coordinator releases what comes from one source at
//! `max(own arrival, arrival of the one before)`. It is not done here, because here nothing remembers anything.

use super::SimError;
use super::random::{keyed, normal, unit};
use crate::types::time::Nanos;
use serde::{Deserialize, Serialize};

/// The longest latency that a configuration may ask for: one hour.
pub const LATENCY_MAX: Nanos = 3_600_000_000_000;

/// One distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// Always the same.
    Constant {
        /// Nanoseconds, 0..=one hour.
        ns: Nanos,
    },
    /// `median` · exp(`sigma` · z), cut off at both ends.
    Lognormal {
        /// Median in nanoseconds, > 0.
        median_ns: Nanos,
        /// Standard deviation of the logarithm, 0..=5.
        sigma: f64,
        /// Nothing is faster than this.
        min_ns: Nanos,
        /// Nothing is slower than this.
        max_ns: Nanos,
    },
    /// Measured quantiles, straight lines between them.
    Quantiles {
        /// (probability, nanoseconds), both rising; the first probability is 0, the last is 1.
        points: Vec<(f64, Nanos)>,
    },
}

impl Latency {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SimError::Latency`] with what is wrong.
    pub fn validate(&self) -> Result<(), SimError> {
        let in_range = |ns: Nanos| (0..=LATENCY_MAX).contains(&ns);
        let fault = match self {
            Self::Constant { ns } => (!in_range(*ns)).then_some("ns must lie between 0 and one hour"),
            Self::Lognormal { median_ns, sigma, min_ns, max_ns } => {
                if !in_range(*min_ns) || !in_range(*max_ns) || min_ns > max_ns {
                    Some("min_ns and max_ns must rise and lie between 0 and one hour")
                } else if *median_ns < 1 || !in_range(*median_ns) {
                    Some("median_ns must lie between 1 and one hour")
                } else {
                    (!(0.0..=5.0).contains(sigma)).then_some("sigma must lie between 0 and 5")
                }
            }
            Self::Quantiles { points } => {
                let ends = points.len() >= 2 && points[0].0 == 0.0 && points[points.len() - 1].0 == 1.0;
                let rising = points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
                if !ends {
                    Some("quantiles must begin at probability 0 and end at 1")
                } else if !rising || points.len() > 1024 {
                    Some("quantiles must rise, and be at most 1024")
                } else {
                    (!points.iter().all(|p| in_range(p.1))).then_some("ns must lie between 0 and one hour")
                }
            }
        };
        fault.map_or(Ok(()), |what| Err(SimError::Latency(what)))
    }

    /// The least value that can come out.
    pub fn min(&self) -> Nanos {
        match self {
            Self::Constant { ns } => *ns,
            Self::Lognormal { min_ns, .. } => *min_ns,
            Self::Quantiles { points } => points.first().map_or(0, |p| p.1),
        }
    }

    /// The value of the `key`-th draw.
    #[inline]
    fn at(&self, seed: u64, stream: u64, key: u64) -> Nanos {
        match self {
            Self::Constant { ns } => *ns,
            Self::Lognormal { median_ns, sigma, min_ns, max_ns } => {
                let z = normal(keyed(seed, stream, key), keyed(seed, stream | 1 << 32, key));
                // The cast saturates; the clamp makes it a latency again.
                (libm::round(*median_ns as f64 * libm::exp(sigma * z)) as Nanos).clamp(*min_ns, *max_ns)
            }
            Self::Quantiles { points } => {
                let u = unit(keyed(seed, stream, key));
                let above = points.partition_point(|p| p.0 <= u).clamp(1, points.len().max(2) - 1);
                match (points.get(above - 1), points.get(above)) {
                    (Some(low), Some(high)) => {
                        let share = (u - low.0) / (high.0 - low.0);
                        (low.1 + libm::floor((high.1 - low.1) as f64 * share) as Nanos).clamp(low.1, high.1)
                    }
                    _ => self.min(),
                }
            }
        }
    }
}

/// The three ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LatencyConfig {
    /// Seed of the draws.
    pub seed: u64,
    /// From the venue's event to our receiving it. Used for generated markets; a recording has its own.
    pub feed: Latency,
    /// From our sending an order to the venue's acting on it.
    pub entry: Latency,
    /// From the venue's acting to our receiving the report.
    pub response: Latency,
}

impl Default for LatencyConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            feed: Latency::Constant { ns: 500_000 },
            entry: Latency::Constant { ns: 1_000_000 },
            response: Latency::Constant { ns: 1_000_000 },
        }
    }
}

/// Checked latencies. All methods are pure functions of (seed, key).
#[derive(Clone, Debug)]
pub struct LatencyModel {
    config: LatencyConfig,
}

impl LatencyModel {
    const FEED: u64 = 0xfeed;
    const ENTRY: u64 = 0xe472;
    const RESPONSE: u64 = 0x2e59;

    /// The model of `config`.
    ///
    /// # Errors
    /// [`SimError::Latency`].
    pub fn new(config: &LatencyConfig) -> Result<Self, SimError> {
        for latency in [&config.feed, &config.entry, &config.response] {
            latency.validate()?;
        }
        Ok(Self { config: config.clone() })
    }

    /// Nanoseconds from the venue's event number `key` to our receiving it.
    #[inline]
    pub fn feed(&self, key: u64) -> Nanos {
        self.config.feed.at(self.config.seed, Self::FEED, key)
    }

    /// Nanoseconds that the command `key` (e.g. client order id and kind) takes to the venue.
    #[inline]
    pub fn entry(&self, key: u64) -> Nanos {
        self.config.entry.at(self.config.seed, Self::ENTRY, key)
    }

    /// Nanoseconds that the report number `key` takes back.
    #[inline]
    pub fn response(&self, key: u64) -> Nanos {
        self.config.response.at(self.config.seed, Self::RESPONSE, key)
    }

    /// No `feed` is less than this.
    pub fn feed_min(&self) -> Nanos {
        self.config.feed.min()
    }

    /// No `entry` is less than this.
    pub fn entry_min(&self) -> Nanos {
        self.config.entry.min()
    }

    /// No `response` is less than this.
    pub fn response_min(&self) -> Nanos {
        self.config.response.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(entry: Latency) -> Result<LatencyModel, SimError> {
        LatencyModel::new(&LatencyConfig { entry, ..LatencyConfig::default() })
    }

    #[test]
    fn draws_are_pure_bounded_and_of_the_right_size() {
        let lognormal = Latency::Lognormal { median_ns: 1000, sigma: 0.5, min_ns: 400, max_ns: 5000 };
        let quantiles = Latency::Quantiles { points: vec![(0.0, 100), (0.5, 1000), (0.99, 2000), (1.0, 9000)] };
        for latency in [lognormal, quantiles] {
            let model = model(latency).unwrap();
            let mut draws: Vec<_> = (0..10_001).map(|k| model.entry(k)).collect();
            assert_eq!(draws[77], model.entry(77), "independent of the order of calls");
            assert!(draws.iter().all(|&d| d >= model.entry_min()));
            draws.sort_unstable();
            assert!((950..1050).contains(&draws[5000]), "median {}", draws[5000]);
            assert!(draws[10_000] > 3000 && draws[0] < 600);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            Latency::Constant { ns: -1 },
            Latency::Lognormal { median_ns: 0, sigma: 0.1, min_ns: 0, max_ns: 1 },
            Latency::Lognormal { median_ns: 5, sigma: f64::NAN, min_ns: 0, max_ns: 9 },
            Latency::Lognormal { median_ns: 5, sigma: 0.1, min_ns: 9, max_ns: 1 },
            Latency::Quantiles { points: vec![] },
            Latency::Quantiles { points: vec![(0.0, 5), (1.0, 4)] },
            Latency::Quantiles { points: vec![(0.0, 5), (f64::NAN, 6), (1.0, 7)] },
        ] {
            assert!(model(bad.clone()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn reads_as_configured() {
        let text = r#"
            seed = 3
            feed = { kind = "constant", ns = 7 }
            entry = { kind = "lognormal", median_ns = 10, sigma = 0.1, min_ns = 1, max_ns = 99 }
            response = { kind = "quantiles", points = [[0.0, 1], [1.0, 2]] }
        "#;
        let config: LatencyConfig = toml::from_str(text).unwrap();
        assert_eq!(config.feed, Latency::Constant { ns: 7 });
        assert!(toml::from_str::<LatencyConfig>("feed = { kind = \"constant\", ns = 7, x = 1 }").is_err());
    }
}
