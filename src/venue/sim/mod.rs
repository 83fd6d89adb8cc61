//! Hot: the simulated venue.

pub mod latency;
pub mod matching;
pub mod queue;
pub mod random;
pub mod recorded;
pub mod report;

/// Why a simulated venue cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// A latency makes no sense.
    #[error("simulated latency: {0}")]
    Latency(&'static str),
    /// A queue model makes no sense.
    #[error("queue model: {0}")]
    Queue(&'static str),
    /// The generated market makes no sense.
    #[error("generated market, instrument {symbol}: {what}")]
    Generator {
        /// The symbol in question.
        symbol: String,
        /// What is wrong.
        what: &'static str,
    },
}
