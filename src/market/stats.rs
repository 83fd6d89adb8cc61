//! Hot: what happened to one instrument's market data, for summaries.

use super::anomaly::AnomalyCounts;
use super::sync::SyncStats;
use crate::event::market::InvalidReason;

/// Counts of one instrument since the start of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketStats {
    /// Market-data inputs.
    pub inputs: u64,
    /// Messages that changed the book (a long message is several inputs).
    pub book_updates: u64,
    /// Gaps: found by update ids, broken-off messages, and `Gap` inputs.
    pub gaps: u64,
    /// Messages after which the book was crossed in continuous trading.
    pub crossed: u64,
    /// Times that a valid book became invalid.
    pub invalid_spans: u64,
    /// Whether the book is valid now, or why not.
    pub invalid_reason: InvalidReason,
    /// Whether the book was ever valid.
    pub ever_valid: bool,
    /// Snapshots, buffered and passed-over differences.
    pub sync: SyncStats,
    /// The venue's quotes.
    pub quotes: u64,
    /// Comparisons of quote and book at equal update ids.
    pub quote_checks: u64,
    /// Those that disagreed.
    pub quote_mismatches: u64,
    /// Trades that counted.
    pub trades: u64,
    /// Trade ids that were jumped over.
    pub trade_ids_missing: u64,
    /// Aggregates that were not counted since some of their trades had been.
    pub trades_overlapping: u64,
    /// Trades that the venue broke afterwards; they stay in the candles that they were counted in.
    pub trades_broken: u64,
    /// Trades whose own candle was closed already.
    pub trades_late: u64,
    /// Volumes or turnovers that were saturated.
    pub saturated: u64,
    /// Candles that closed, empties not counted.
    pub candles: u64,
    /// The venue's final bars that could be compared with our own.
    pub bar_checks: u64,
    /// Those that disagreed in a price, the volume or the trades.
    pub bar_mismatches: u64,
    /// Smallest feed latency in nanoseconds (negative where clocks differ); `i64::MAX` if there was none.
    pub latency_min: i64,
    /// Largest feed latency in nanoseconds; `i64::MIN` if there was none.
    pub latency_max: i64,
    /// Anomalies by kind.
    pub anomalies: AnomalyCounts,
}

impl Default for MarketStats {
    fn default() -> Self {
        Self {
            inputs: 0,
            book_updates: 0,
            gaps: 0,
            crossed: 0,
            invalid_spans: 0,
            invalid_reason: InvalidReason::NoData,
            ever_valid: false,
            sync: SyncStats::default(),
            quotes: 0,
            quote_checks: 0,
            quote_mismatches: 0,
            trades: 0,
            trade_ids_missing: 0,
            trades_overlapping: 0,
            trades_broken: 0,
            trades_late: 0,
            saturated: 0,
            candles: 0,
            bar_checks: 0,
            bar_mismatches: 0,
            latency_min: i64::MAX,
            latency_max: i64::MIN,
            anomalies: AnomalyCounts::default(),
        }
    }
}
