//! Hot: everything that rides on the ring. A slot is the whole journey of one input.
//!
//! | section | written by | read by | bytes |
//! |---|---|---|---|
//! | [`Input`](input::Input) | sequencer | all | 384 |
//! | [`MarketSection`](market::MarketSection) | market | feature and all after it | 512 |
//! | [`FeatureSection`](feature::FeatureSection) | feature | signal, shadow lane, journal | 384 |
//! | [`SignalSection`](signal::SignalSection) | signal | risk, journal | 128 |
//! | [`RiskSection`](risk::RiskSection) | risk | execution, journal | 256 |
//! | [`ExecutionSection`](execution::ExecutionSection) | execution | gateway, journal | 384 |
//!
//! Every section starts with its stamp (a TSC reading), which is no part of what is hashed, and is plain old data
//! without padding. Codes from a section may come from a damaged disk, so they are read by functions that can say no.

pub mod approval;
pub mod definition;
pub mod digest;
pub mod execution;
pub mod feature;
pub mod input;
pub mod market;
pub mod operator;
pub mod outside;
pub mod report;
pub mod risk;
pub mod signal;
pub mod slot;
pub mod statement;
