//! Hot: what an agent outside the host thinks of an instrument, as an input: with who says so, until when it counts, and the
//! trace that its sender gave it, so that the journal tells whose opinion an order followed and a replay follows it again.

use super::input::{Input, InputKind};
use super::operator::{fixed, text};
use super::signal::Direction;
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::time::UnixNanos;
use bytemuck::{Pod, Zeroable};
use std::borrow::Cow;

/// Bytes of an agent's name.
pub const WHO_BYTES: usize = 48;
/// Bytes of a model's tag, `name@vYYMMDD`.
pub const MODEL_BYTES: usize = 48;
/// Bytes of a trace; longer ones are refused at the edge, never cut.
pub const TRACE_BYTES: usize = 64;

/// Payload of [`InputKind::Outside`], for the input's instrument.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct OutsideSignal {
    /// Confidence, 0..=1. Anything else is no signal.
    pub confidence: f64,
    /// It counts before this instant, in the time of the inputs.
    pub until: UnixNanos,
    /// When its sender says that it was made.
    pub sent: UnixNanos,
    /// Number of the request, so that a repeat is known; 0 = none.
    pub request: u64,
    /// Code of a [`Direction`].
    pub direction: u8,
    /// Zero.
    pub reserved: [u8; 7],
    /// Whose it is: UTF-8, zero behind.
    pub who: [u8; WHO_BYTES],
    /// Which model's: UTF-8, zero behind; may be empty.
    pub model: [u8; MODEL_BYTES],
    /// The sender's own trace: UTF-8, zero behind.
    pub trace: [u8; TRACE_BYTES],
}

impl OutsideSignal {
    /// A signal of `who`.
    pub fn new(who: &str, direction: Direction, confidence: f64, until: UnixNanos) -> Self {
        Self { confidence, until, direction: direction.code(), who: fixed(who), ..Self::zeroed() }
    }

    /// The same, by a model and under the sender's trace; both are cut to their room.
    pub fn with_origin(mut self, model: &str, trace: &str) -> Self {
        (self.model, self.trace) = (fixed(model), fixed(trace));
        self
    }

    /// The signal as an input.
    pub fn input(&self, instrument: InstrumentId, at: UnixNanos) -> Input {
        Input::new(InputKind::Outside, SourceId::COMMAND, instrument, at, self)
    }

    /// Which way, if the signal makes sense: a known direction with a confidence from 0 to 1.
    #[inline]
    pub fn direction(&self) -> Option<Direction> {
        Direction::from_code(self.direction).filter(|_| (0.0..=1.0).contains(&self.confidence))
    }

    /// Whose.
    pub fn who(&self) -> Cow<'_, str> {
        text(&self.who)
    }

    /// Which model's; empty if it was not said.
    pub fn model(&self) -> Cow<'_, str> {
        text(&self.model)
    }

    /// The sender's trace; empty if there is none.
    pub fn trace(&self) -> Cow<'_, str> {
        text(&self.trace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_and_nonsense_has_no_direction() {
        let signal = OutsideSignal::new("agent:002", Direction::Short, 0.75, 9).with_origin("scout@v260101", "t-1");
        let input = signal.input(InstrumentId(3), 7);
        let read: &OutsideSignal = input.payload();
        assert_eq!((read.direction(), read.confidence, read.until), (Some(Direction::Short), 0.75, 9));
        assert_eq!((&*read.who(), &*read.model(), &*read.trace()), ("agent:002", "scout@v260101", "t-1"));
        for confidence in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            assert_eq!(OutsideSignal { confidence, ..signal }.direction(), None, "{confidence}");
        }
        assert_eq!(OutsideSignal { direction: 9, ..signal }.direction(), None);
    }
}
