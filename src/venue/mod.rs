//! Edge: venues: how bytes become inputs, and orders become bytes.

pub mod directory;
pub mod feed;
pub mod order_entry;
