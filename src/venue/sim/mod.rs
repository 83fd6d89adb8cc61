//! Hot: the simulated venue: a market to trade on that needs nobody else, in simulated time, the same every time.
//!
//! Everything here is a pure state machine. Nothing reads a clock, waits, or draws a random number that depends on who
//! asked first. The coordinator (in `runtime`) owns the time; it adds the latencies and decides what comes next:
//!
//! ```text
//!                       GENERATED MARKET                                 RECORDED MARKET
//!
//!            Generator::next_time / step                       market inputs of the recording
//!                        │ frames (Binance USD-M bytes)                    │ ts_venue = ts_recv
//!                        │ ts_venue + feed latency                         ├───────────────┐
//!                        ▼                                                 ▼               ▼
//!      decoder ──► inputs ──► the host's five stages ◄── inputs      the host       RecordedVenue::on_market
//!                                     │
//!                                     │ ApprovedOrder, at ts
//!                                     ▼
//!                     ts + entry latency = ts_venue: on_order ──► matching, or queue position and shown depth
//!                                                                       │
//!                     ts_venue + response latency  ◄── take_report ─────┘
//!                                     │ Report input
//!                                     ▼
//!                                 the host
//! ```
//!
//! So an input at simulated time T can be answered at T + `entry_min` + `response_min` at the earliest; that is how far
//! the coordinator may look ahead. Of one source nothing overtakes: it releases each report no sooner than the one before.
//!
//! | part | what it is |
//! |---|---|
//! | [`random`] | seeded streams, and draws that are a function of a key |
//! | [`latency`] | the three latencies and their lower bounds |
//! | [`queue`] | where a resting order stands, if only totals are shown |
//! | [`matching`] | a matching engine, order by order |
//! | [`report`] | fees, ids and waiting reports |
//! | [`recorded`] | our orders in a recorded market |
//! | [`generator`] | a market of agents, published as a real venue would |
//!
//! # What it does not do
//!
//! - A recording does not react to us. Our taking is remembered only until the level is shown anew; so results hold for
//!   orders that are small against what is shown. Hidden and iceberg quantity is met only as the trades that it leads to.
//! - In a recording, an order reaches the book as it was shown at that time of *receiving*; the venue itself was ahead of
//!   it by the recording's own feed latency.
//! - Market orders keep to the protecting limit that risk gave them. A real venue would not know it.
//! - There are no stops, no amendments, no iceberg orders, no auctions, no funding payments and no liquidations.
//! - Our orders are never traded with each other: the one that comes in expires. Real venues offer other choices.
//! - The generated market has the manners of a real one (spread, depth, clustering of volatility), but no edge that is
//!   found in it means anything elsewhere. Its agents do not react to our orders but through the book.
//! - An id of an order may be used again once the order is over, as at Binance; only open ids are refused.

pub mod random;
pub mod latency;
pub mod queue;
pub mod matching;
pub mod report;
pub mod recorded;
pub mod generator;
#[cfg(test)]
mod together;

use serde::{Deserialize, Serialize};

/// Configuration of the simulated venue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Latencies of both kinds of market.
    pub latency: latency::LatencyConfig,
    /// Our orders in recorded markets: queue model, fills, refusals.
    pub recorded: recorded::RecordedConfig,
    /// Reports that never reach us, at random, in 10⁻⁶, drawn with the latencies' seed: a drill of the comparison of what the
    /// venue and the host hold, which must find each. Fills that are lost stay unknown.
    pub lose_reports_ppm: u32,
    /// The generated market.
    pub generator: generator::GeneratorConfig,
}

impl Config {
    /// Checks all parts.
    ///
    /// # Errors
    /// [`SimError`] with the first thing that makes no sense.
    pub fn validate(&self) -> Result<(), SimError> {
        latency::LatencyModel::new(&self.latency)?;
        queue::QueueModel::new(self.recorded.queue)?;
        if self.lose_reports_ppm > 1_000_000 {
            return Err(SimError::Losses);
        }
        self.generator.validate()
    }
}

/// Why a simulated venue cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// A latency makes no sense.
    #[error("simulated latency: {0}")]
    Latency(&'static str),
    /// More reports to lose than there are.
    #[error("lose_reports_ppm: at most 1000000, which is all of them")]
    Losses,
    /// A queue model makes no sense.
    #[error("queue model: {0}")]
    Queue(&'static str),
    /// The generated market makes no sense.
    #[error("generated market, instrument {symbol}: {what}")]
    Generator {
        /// The symbol in question.
        symbol: String,
        /// What is wrong.
        what: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_sound_and_unknown_keys_are_refused() {
        let config = Config::default();
        config.validate().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
        let written =
            "[recorded]\nqueue = { kind = \"prob_power\", n = 3.0 }\n[[generator.instruments]]\nsymbol = \"X\"\n";
        let read: Config = toml::from_str(written).unwrap();
        assert_eq!(read.recorded.queue, queue::QueueConfig::ProbPower { n: 3.0 });
        assert_eq!(read.generator.instruments.len(), 1);
        assert!(toml::from_str::<Config>("[generator]\nsed = 1\n").is_err());
    }
}
