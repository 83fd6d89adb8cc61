//! Edge: venues: how bytes become inputs, and orders become bytes.

pub mod decimal_fast;
pub mod directory;
pub mod feed;
pub mod binance;
pub mod itch;
pub mod lobster;
pub mod capture;
pub mod order_entry;
pub mod sim;
