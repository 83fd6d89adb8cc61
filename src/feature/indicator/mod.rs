//! Hot: the arithmetic of bar indicators, apart from ticks, so that it can be held against published tables.
//!
//! Window sums are integers (exact, no drift); recursive averages are floats, whose errors fade.

pub mod atr;
pub mod bands;
pub mod ema;
pub mod macd;
pub mod rsi;
pub mod sma;
