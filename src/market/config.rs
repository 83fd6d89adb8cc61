//! Hot: the room's configuration; read once at start.

use crate::types::time::{MILLIS, Nanos};
use serde::{Deserialize, Serialize};

/// Configuration of the market stage (`[market]`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Price levels that one side of a book holds; when it is full the level furthest from the touch is dropped.
    /// 1 ..= 1 048 576. Memory is touched only as levels come.
    pub levels_max: usize,
    /// Orders that all order-by-order books hold together; one more makes the book invalid. 1 ..= 2^28.
    pub orders_max: usize,
    /// Depth inputs (parts of messages) that all instruments together may buffer while they wait for snapshots.
    pub buffer_parts_max: usize,
    /// Depth inputs that one instrument may buffer; the oldest messages are dropped for newer ones.
    pub buffer_parts_instrument_max: usize,
    /// Market data older than this is stale, in milliseconds. At least 1.
    pub stale_after_ms: i64,
    /// How long after its end a candle may still get trades, in milliseconds of exchange time (as inputs show it, or as
    /// the local clock does, corrected by the last offset seen). A trade later than that counts in the oldest candle still
    /// open. 0 ..= 999, that is less than the shortest interval.
    pub candle_grace_ms: i64,
    /// An exchange time further ahead of the local receive time than this, in milliseconds, is flagged and not believed:
    /// the input is taken as one without exchange time, so that a single wrong time cannot carry the clock of the candles
    /// forward by more than this (and trades are late for so long). Larger than any offset between the clocks of host and
    /// venue that is to be lived with. 0 ..= 86 400 000.
    pub clock_ahead_max_ms: i64,
    /// A trade or quote further from the last price than this is flagged, in 10⁻⁶. At least 1.
    pub price_jump_ppm: u32,
    /// A single trade or level of more whole units than this is flagged. At least 1.
    pub size_whole_max: u64,
    /// LOBSTER files are level-1 files, which hold only the events that touch the best level (see `market::touch`).
    /// `false`: they hold every event, and an ordinary order-by-order book is kept.
    pub lobster_level_1: bool,
    /// Further days on which United States equities are closed, as `YYYYMMDD` (announced after the table was made).
    pub us_closures: Vec<u32>,
    /// Further days on which they close at 13:00 in New York, as `YYYYMMDD`.
    pub us_early_closes: Vec<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            levels_max: 16_384,
            orders_max: 1 << 20,
            buffer_parts_max: 65_536,
            buffer_parts_instrument_max: 4_096,
            stale_after_ms: 5_000,
            candle_grace_ms: 250,
            clock_ahead_max_ms: 10_000,
            price_jump_ppm: 100_000,
            size_whole_max: 1_000_000_000_000,
            lobster_level_1: true,
            us_closures: Vec::new(),
            us_early_closes: Vec::new(),
        }
    }
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A limit outside its range.
    #[error("market.{field} = {value} is outside {range}")]
    OutOfRange {
        /// Name of the key.
        field: &'static str,
        /// What was given.
        value: i128,
        /// What is allowed.
        range: &'static str,
    },
    /// Not a day, or not one that the calendar covers.
    #[error("market.{field}: {date} is not a day (YYYYMMDD) between 2007 and 2050")]
    BadDate {
        /// Name of the key.
        field: &'static str,
        /// What was given.
        date: u32,
    },
}

impl Config {
    /// Checks the ranges; dates are checked where the calendar is built.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for the first limit outside its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = |field, value: i128, low: i128, high: i128, range| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(ConfigError::OutOfRange { field, value, range }) }
        };
        const DAY_MS: i128 = 86_400_000;
        check("levels_max", self.levels_max as i128, 1, 1 << 20, "1 ..= 1048576")?;
        check("orders_max", self.orders_max as i128, 1, 1 << 28, "1 ..= 268435456")?;
        check("buffer_parts_max", self.buffer_parts_max as i128, 1, 1 << 24, "1 ..= 16777216")?;
        check("buffer_parts_instrument_max", self.buffer_parts_instrument_max as i128, 1, 1 << 24, "1 ..= 16777216")?;
        check("stale_after_ms", i128::from(self.stale_after_ms), 1, DAY_MS, "1 ..= 86400000")?;
        check("candle_grace_ms", i128::from(self.candle_grace_ms), 0, 999, "0 ..= 999")?;
        check("clock_ahead_max_ms", i128::from(self.clock_ahead_max_ms), 0, DAY_MS, "0 ..= 86400000")?;
        check("price_jump_ppm", i128::from(self.price_jump_ppm), 1, i128::from(u32::MAX), "1 ..= 4294967295")?;
        check("size_whole_max", i128::from(self.size_whole_max), 1, i128::from(i64::MAX), "1 ..= 2^63 - 1")
    }

    /// The staleness limit.
    pub fn stale_after(&self) -> Nanos {
        self.stale_after_ms * MILLIS
    }

    /// The grace of candles.
    pub fn candle_grace(&self) -> Nanos {
        self.candle_grace_ms * MILLIS
    }

    /// How far exchange times may be ahead of the local clock.
    pub fn clock_ahead_max(&self) -> Nanos {
        self.clock_ahead_max_ms * MILLIS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_checked_and_unknown_keys_refused() {
        assert_eq!(Config::default().validate(), Ok(()));
        let bad = Config { levels_max: 0, ..Config::default() };
        assert_eq!(bad.validate().unwrap_err().to_string(), "market.levels_max = 0 is outside 1 ..= 1048576");
        assert!(Config { stale_after_ms: 0, ..Config::default() }.validate().is_err());
        let bad = Config { candle_grace_ms: 1_000, ..Config::default() };
        assert_eq!(bad.validate().unwrap_err().to_string(), "market.candle_grace_ms = 1000 is outside 0 ..= 999");
        assert!(Config { clock_ahead_max_ms: -1, ..Config::default() }.validate().is_err());
        assert!(toml::from_str::<Config>("levels = 3").is_err());
        assert_eq!(toml::from_str::<Config>("stale_after_ms = 7").unwrap().stale_after(), 7 * MILLIS);
    }
}
