//! What benches and `perf/host` share.

pub mod binance;
pub mod turns;
