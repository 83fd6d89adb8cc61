//! Edge: venues: how bytes become inputs, and orders become bytes.

pub mod directory;
pub mod feed;
pub mod itch;
pub mod lobster;
pub mod capture;
