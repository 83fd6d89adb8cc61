//! Hot: counters and latency histograms.
