//! Tickpath: a trading host. *Market data → feature → signal → risk → execution*, over one ring with one total order.
//!
//! The rooms, in the order of the data:

// Foundation
pub mod types;
pub mod event;
pub mod ring;
pub mod journal;
pub mod metric;

// Hot stages: pure, no clock, no I/O, no allocation
pub mod market;
pub mod feature;
pub mod signal;
pub mod risk;
pub mod execution;

// Edge: may wait, may fail
pub mod acp;
pub mod venue;
pub mod bridge;
pub mod control;
pub mod agent;
pub mod report;

// Assembly
pub mod config;
pub mod runtime;
pub mod cli;
