//! Hot: ids, prices, quantities, time, instruments. Imports nothing of ours.

pub mod codes;
pub mod decimal;
pub mod ids;
pub mod instrument;
pub mod price;
pub mod time;
pub mod wide;
