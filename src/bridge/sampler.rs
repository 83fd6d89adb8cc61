//! Edge: what the journal does not have and a mirror wants: candles that closed and feature vectors, made again from its inputs.
//!
//! Bridges know no stages. Who assembles the host gives them a [`Sampler`], which runs market and features over the same inputs
//! and so comes to the same numbers. One sampler has one state: each bridge needs one of its own.

use super::id::Id;
use crate::event::feature::FEATURES_MAX;
use crate::event::market::Candle;
use crate::journal::Entry;
use crate::types::ids::InstrumentId;
use std::sync::Arc;

/// What an input brought forth.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The candles that it closed, with the names of their intervals (`1s`, `1m`, …).
    pub candles: Vec<(&'static str, Candle)>,
    /// The feature vector, where one was due.
    pub vector: Option<FeatureVector>,
}

/// The features of an instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureVector {
    /// Their names, in the order of the values; at most [`FEATURES_MAX`].
    pub names: Arc<[String]>,
    /// Values; one that is not warm is 0 and must not be used.
    pub values: [f64; FEATURES_MAX],
    /// Bit i: the i-th is warm.
    pub warm: u64,
}

/// Makes samples of the journal's entries.
pub trait Sampler: Send {
    /// Takes the next entry of the journal; what it brought forth, if anything. Entries come in the journal's order. One that was
    /// taken before gives nothing; one that is not the next makes the sampler read what lies between by itself, or, if that is too
    /// much or not there, wait for the next process start in the journal, and say so. Blocks while it reads.
    fn take(&mut self, entry: &Entry) -> Option<Sample>;

    /// Makes ready for `entry`, which is to be taken next: reads what lies between, if it may do so without a bound. False: it was
    /// told to stop before it was ready, so the entry must not be taken now. Blocks while it reads.
    fn ready(&mut self, entry: &Entry) -> bool;

    /// What comes behind `last` is taken next, though it may have been taken before.
    fn reset(&mut self, last: Id);
}
