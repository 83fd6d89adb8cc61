//! The five steps one after the other, with no task and no channel between them; and what goes from one to the next.

use super::decode::{Decode, Decoded};
use super::feature::{Features, Values};
use super::market::{Market, Markets};
use super::signal::{Outcome, Signals};
use super::trade::{Sent, Trader};
use crate::hot::Build;
use tickpath::types::instrument::Instrument;
use tokio::sync::oneshot;

/// Something on its way through the tasks, and which message it is from.
#[derive(Debug)]
pub struct Step<T> {
    /// Number of the message, from 0.
    pub number: u64,
    /// When it was received, in nanoseconds.
    pub at: i64,
    /// An instrument that has to be defined before it.
    pub definition: Option<Box<Instrument>>,
    /// Told when all that follows from the message is done.
    pub done: Option<oneshot::Sender<()>>,
    /// `None`: the message says nothing about a market.
    pub body: Option<T>,
}

impl<T> Step<T> {
    /// The same with what the next step made of it.
    pub fn and_then<U>(self, make: impl FnOnce(i64, T) -> Option<U>) -> Step<U> {
        let Self { number, at, definition, done, body } = self;
        Step { number, at, definition, done, body: body.and_then(|body| make(at, body)) }
    }
}

/// A raw frame.
pub type Raw = Step<Vec<u8>>;
/// What the market is, and its features.
pub type Featured = (Market, Values);
/// What the market is, and what the models say.
pub type Signalled = (Market, Option<Outcome>);

/// What each step keeps.
pub struct Chain {
    /// Step 1.
    pub decode: Decode,
    /// Step 2.
    pub markets: Markets,
    /// Step 3.
    pub features: Features,
    /// Step 4.
    pub signals: Signals,
    /// Step 5.
    pub trader: Trader,
}

impl Chain {
    /// For `build`, opened at `at`.
    ///
    /// # Panics
    /// If other features are configured than those that the baseline has.
    pub fn new(build: &Build, at: i64) -> Self {
        let standard = tickpath::feature::Config::default();
        assert_eq!(build.config.feature, standard, "the baseline has the standard set of features");
        let mut features = Features::default();
        for instrument in &build.instruments {
            features.define(&instrument.symbol, at);
        }
        Self {
            decode: Decode::default(),
            markets: Markets::new(&build.config.market),
            features,
            signals: Signals::new(&build.config.signal),
            trader: Trader::new(build, at),
        }
    }

    /// A frame through all steps.
    pub fn run(&mut self, frame: Raw, sent: &mut Vec<Sent>) {
        let step = decode(&mut self.decode, frame);
        let step = market(&mut self.markets, step);
        let step = feature(&mut self.features, step);
        let step = signal(&mut self.signals, step);
        trade(&mut self.trader, step, sent);
    }
}

/// Step 1: bytes to an event.
pub fn decode(state: &mut Decode, step: Raw) -> Step<Decoded> {
    step.and_then(|_, bytes| state.step(&bytes))
}

/// Step 2: an event to a market.
pub fn market(state: &mut Markets, step: Step<Decoded>) -> Step<Market> {
    step.and_then(|at, decoded| Some(state.step(at, decoded)))
}

/// Step 3: a market to its features.
pub fn feature(state: &mut Features, step: Step<Market>) -> Step<Featured> {
    step.and_then(|at, market| {
        let values = state.step(at, &market);
        Some((market, values))
    })
}

/// Step 4: features to a signal.
pub fn signal(state: &mut Signals, step: Step<Featured>) -> Step<Signalled> {
    step.and_then(|_, (market, values)| {
        let outcome = state.step(&market, &values);
        Some((market, outcome))
    })
}

/// Step 5: a signal to orders; then whoever waits is told.
pub fn trade(state: &mut Trader, step: Step<Signalled>, sent: &mut Vec<Sent>) {
    let Step { number, at, definition, done, body } = step;
    if let Some(instrument) = definition {
        state.define(at, &instrument, number, sent);
    }
    if let Some((market, outcome)) = body {
        state.step(at, market, outcome, number, sent);
    }
    if let Some(done) = done {
        // Nobody waits any more: it is as well.
        let _ = done.send(());
    }
}
