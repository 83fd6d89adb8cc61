//! Edge: configuration of the bridges. Addresses and passwords are secrets, and come from the environment alone.

use crate::acp::names;
use crate::acp::topic::{Topic, Topics};
use serde::{Deserialize, Serialize};

/// `[redis]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedisConfig {
    /// Whether the address leads to a cluster. Some keys are spelled in another way there, so it is not guessed.
    pub cluster: bool,
    /// Prefix of all keys and channels.
    pub prefix: String,
    /// Entries of the event stream that are kept, 1000..=10⁹; 0 = all.
    pub stream_length: u64,
    /// So many times `stream_length` are kept for consumer groups that are behind, 1..=1000. Beyond that they are trimmed, and
    /// it is told.
    pub stream_patience: u64,
    /// Most events of one transaction, 1..=10 000.
    pub batch: u32,
    /// Most events a second while catching up; 0 = as fast as the store takes them.
    pub events_per_second: u32,
    /// Topics that are published on; all of them are named in `acp::topic`.
    pub topics: Vec<String>,
    /// Events that the stream may be behind the journal before events are written without their messages, 0..=10⁹.
    pub publish_behind: u64,
    /// Between two feature vectors of one instrument on `features.micro`, in milliseconds of market time, 1..=3 600 000.
    pub feature_interval_ms: u64,
    /// Prefix of the engine's keys and channels.
    pub aism_prefix: String,
    /// Entries of the engine's audit stream that are kept, about, 1000..=10⁹.
    pub audit_length: u64,
    /// Without TLS to a host that is not this one: only in a network that is yours alone.
    pub plain_allowed: bool,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            cluster: false,
            prefix: names::PREFIX.to_owned(),
            stream_length: 1_000_000,
            stream_patience: 4,
            batch: 512,
            events_per_second: 0,
            topics: Topic::ALL.iter().map(|topic| topic.name().to_owned()).collect(),
            publish_behind: 10_000,
            feature_interval_ms: 1_000,
            aism_prefix: names::AISM_PREFIX.to_owned(),
            audit_length: 1_000_000,
            plain_allowed: false,
        }
    }
}

/// `[postgres]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PostgresConfig {
    /// Most events of one transaction, 1..=100 000.
    pub batch: u32,
    /// Most events a second while catching up; 0 = as fast as the store takes them.
    pub events_per_second: u32,
    /// Days (UTC) that are kept, 1..=36 500; 0 = all. Nothing is dropped below the floor that the database's admin sets, nor
    /// before it is set.
    pub keep_days: u32,
    /// Whether the bridge may bring an older schema up to date by itself.
    pub migrate: bool,
    /// Whether market data that led to nothing has rows too. Without it the sequences of `tickpath.events` have gaps.
    pub market_data: bool,
    /// Between two rows of `tickpath.features` of one instrument, in milliseconds of market time, 1..=3 600 000.
    pub feature_interval_ms: u64,
    /// Without TLS (`sslmode=disable`) to a host that is not this one: only in a network that is yours alone.
    pub plain_allowed: bool,
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            batch: 8192,
            events_per_second: 0,
            keep_days: 0,
            migrate: true,
            market_data: true,
            feature_interval_ms: 1_000,
            plain_allowed: false,
        }
    }
}

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: expected {expected}")]
pub struct ConfigError {
    /// The setting.
    pub name: &'static str,
    /// What it can be.
    pub expected: &'static str,
}

impl PostgresConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ConfigError`] with the first that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = |holds: bool, name, expected| if holds { Ok(()) } else { Err(ConfigError { name, expected }) };
        check((1..=100_000).contains(&self.batch), "batch", "1..=100000")?;
        check(self.keep_days <= 36_500, "keep_days", "0, or 1..=36500")?;
        check((1..=3_600_000).contains(&self.feature_interval_ms), "feature_interval_ms", "1..=3600000")
    }
}

impl RedisConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ConfigError`] with the first that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = |holds: bool, name, expected| if holds { Ok(()) } else { Err(ConfigError { name, expected }) };
        check(names::is_word(&self.prefix), "prefix", "1 to 32 characters A-Za-z0-9._-")?;
        let length = self.stream_length;
        check(length == 0 || (1_000..=1_000_000_000).contains(&length), "stream_length", "0, or 1000..=1000000000")?;
        check((1..=1_000).contains(&self.stream_patience), "stream_patience", "1..=1000")?;
        check((1..=10_000).contains(&self.batch), "batch", "1..=10000")?;
        check(
            Topics::named(&self.topics).is_ok(),
            "topics",
            "names out of market.raw features.candles features.micro signal.long signal.short signal.flat portfolio.target execution.fill signals decisions alerts logs incidents state_changes errors measurements",
        )?;
        check(self.publish_behind <= 1_000_000_000, "publish_behind", "0..=1000000000")?;
        check((1..=3_600_000).contains(&self.feature_interval_ms), "feature_interval_ms", "1..=3600000")?;
        check(names::is_word(&self.aism_prefix), "aism_prefix", "1 to 32 characters A-Za-z0-9._-")?;
        check((1_000..=1_000_000_000).contains(&self.audit_length), "audit_length", "1000..=1000000000")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_unknown_keys() {
        RedisConfig::default().validate().unwrap();
        let check = |text: &str, name: &str| {
            let config: RedisConfig = toml::from_str(text).unwrap();
            assert_eq!(config.validate().map_err(|e| e.name), Err(name), "{text}");
        };
        check("prefix = 'a:b'", "prefix");
        check("stream_length = 999", "stream_length");
        check("stream_patience = 0", "stream_patience");
        check("batch = 10001", "batch");
        check("topics = ['market.raw', 'market']", "topics");
        check("feature_interval_ms = 0", "feature_interval_ms");
        check("aism_prefix = 'a:b'", "aism_prefix");
        check("audit_length = 10", "audit_length");
        assert!(
            toml::from_str::<RedisConfig>("url = 'redis://x'").is_err(),
            "no address in a file that is hashed and kept"
        );
        PostgresConfig::default().validate().unwrap();
        let check = |text: &str, name: &str| {
            let config: PostgresConfig = toml::from_str(text).unwrap();
            assert_eq!(config.validate().map_err(|e| e.name), Err(name), "{text}");
        };
        check("batch = 0", "batch");
        check("batch = 100001", "batch");
        check("keep_days = 36501", "keep_days");
        assert!(toml::from_str::<PostgresConfig>("url = 'postgres://x'").is_err());
    }
}
