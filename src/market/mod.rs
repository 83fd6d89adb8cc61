//! Hot: the market stage: books, synchronisation, candles, calendar, staleness, anomalies.
//!
//! [`MarketStage::on_slot`] reads an input and writes the market section: the whole state of the input's instrument
//! after it, so that later stages need no memory of the market. Which anomalies mean "not applied" stands at
//! [`anomaly`]; when a book is valid stands at [`sync`] (levels), [`l3`] (orders) and [`touch`] (level-1 files).

pub mod config;
pub mod l2;
pub mod oracle;
pub mod l3;
pub mod touch;
pub mod buffer;
pub mod sync;
pub mod top;
pub mod tape;
pub mod candle;
pub mod calendar;
pub mod staleness;
pub mod anomaly;
pub mod stats;
pub mod instrument;
pub mod stage;

pub use config::{Config, ConfigError};
pub use stage::MarketStage;
pub use stats::MarketStats;
