//! What benches and `perf/` share.

pub mod binance;
pub mod findings;
pub mod turns;
