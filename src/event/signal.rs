//! Hot: the signal section: what the models say, together and one by one.

use crate::types::ids::Sequence;
use bytemuck::{Pod, Zeroable};

/// The most models that vote on a host.
pub const VOTES_MAX: usize = 8;

crate::code_enum! {
    /// Direction of a signal.
    pub enum Direction {
        /// No position.
        Flat = 0, "flat";
        /// Long.
        Long = 1, "long";
        /// Short.
        Short = 2, "short";
    }
}

impl Direction {
    /// +1, 0 or −1.
    #[inline]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Flat => 0,
            Self::Long => 1,
            Self::Short => -1,
        }
    }
}

crate::code_enum! {
    /// Why there is no signal.
    pub enum Silence {
        /// There is one.
        None = 0, "none";
        /// The input does not concern a market.
        NotMarket = 1, "not_market";
        /// The book is not valid.
        InvalidBook = 2, "invalid_book";
        /// The data is stale.
        Stale = 3, "stale";
        /// Features are not warm yet.
        Warming = 4, "warming";
        /// Not in continuous trading, or one side is empty.
        NotTrading = 5, "not_trading";
        /// Models do not agree enough.
        NoQuorum = 6, "no_quorum";
        /// Nothing that the models look at has changed.
        Unchanged = 7, "unchanged";
        /// No model is configured.
        NoModel = 8, "no_model";
    }
}

/// What one model says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Vote {
    /// Confidence, 0..=1.
    pub confidence: f32,
    /// Index of the model in the configuration.
    pub model: u16,
    /// Code of a [`Direction`].
    pub direction: u8,
    /// 1 if the model had what it needed.
    pub cast: u8,
}

/// The signal section, for the instrument of the input.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(128))]
pub struct SignalSection {
    /// TSC when the stage was done; 0 if not stamped. Not hashed.
    pub stamp: u64,
    /// The ensemble's confidence, 0..=1.
    pub confidence: f64,
    /// The ensemble's score, −1..=1.
    pub score: f64,
    /// 1 if there is a signal with this input (a fresh opinion, also if it is the same as before).
    pub present: u8,
    /// Code of a [`Direction`].
    pub direction: u8,
    /// Code of a [`Silence`]: why not present.
    pub silence: u8,
    /// Votes in use.
    pub votes_len: u8,
    /// 1 if the direction differs from the last present signal of this instrument.
    pub changed: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// The votes.
    pub votes: [Vote; VOTES_MAX],
    /// Sequence of the outside signal that this is; 0 = the host's own models.
    pub origin: Sequence,
    /// Zero.
    pub reserved2: [u64; 3],
}

impl SignalSection {
    /// The direction; flat for an unknown code (fail closed).
    #[inline]
    pub fn direction(&self) -> Direction {
        Direction::from_code(self.direction).unwrap_or(Direction::Flat)
    }
}
