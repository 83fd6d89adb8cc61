//! Hot: counters and latency histograms, filled on the reader's side.

pub mod counts;
pub mod latency;
