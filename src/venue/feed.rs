//! Hot: what a feed gives and what a decoder makes of it. Decoders run on the hot thread.

use super::directory::Directory;
use crate::event::input::Input;
use crate::types::ids::SourceId;
use crate::types::time::UnixNanos;
use bytemuck::Zeroable;

/// One message as the venue sent it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it was received (local clock).
    pub ts_recv: UnixNanos,
    /// The feed that it came from.
    pub source: SourceId,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Inputs that one frame became; reused from frame to frame, so that after warm-up nothing is allocated.
#[derive(Debug)]
pub struct InputBatch {
    inputs: Vec<Input>,
    len: usize,
}

impl InputBatch {
    /// Room for `capacity` inputs; a longer message makes it grow once.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { inputs: vec![Input::zeroed(); capacity.max(1)], len: 0 }
    }

    /// Forgets the inputs, keeps the room.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// The next input, to be filled in. Its header is zero; its payload is what an earlier message left there, and
    /// only the bytes up to `payload_len` will count.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "it lends, which an iterator cannot")]
    pub fn next(&mut self) -> &mut Input {
        if self.len == self.inputs.len() {
            self.grow();
        }
        let input = &mut self.inputs[self.len];
        self.len += 1;
        bytemuck::bytes_of_mut(input)[..64].fill(0);
        input
    }

    #[cold]
    fn grow(&mut self) {
        let room = self.inputs.len() * 2;
        self.inputs.resize(room, Input::zeroed());
    }

    /// Takes back all inputs behind the first `len` (a message that turned out to be unreadable).
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// How many inputs there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The inputs.
    #[inline]
    pub fn as_slice(&self) -> &[Input] {
        &self.inputs[..self.len]
    }

    /// The inputs, to be changed.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [Input] {
        &mut self.inputs[..self.len]
    }
}

crate::code_enum! {
    /// What is wrong with a frame.
    pub enum DecodeFault {
        /// Not the syntax (JSON, framing) of this feed.
        Syntax = 1, "syntax";
        /// A message type that this decoder does not know.
        UnknownMessage = 2, "unknown_message";
        /// A field that must be there is not, or has another type.
        Field = 3, "field";
        /// A symbol that is not in the definitions.
        UnknownSymbol = 4, "unknown_symbol";
        /// A number that does not fit, at any scale.
        OutOfRange = 5, "out_of_range";
        /// Shorter than the specification says.
        TooShort = 6, "too_short";
    }
}

/// Why a frame was not decoded. Small and `Copy`: on a live feed this is ordinary. The inputs of the frame that were
/// already pushed are taken back by the decoder; the runtime turns the error into a `Gap` input, counts and reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault} at byte {at}: expected {expected}")]
pub struct DecodeError {
    /// What.
    pub fault: DecodeFault,
    /// Where, in bytes from the start of the frame.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

/// Bytes to inputs, for one feed.
///
/// A message may become no input (heartbeats, answers to subscriptions), one, or a group of several, all with the same
/// times; the first has `flags::FIRST`, the last `flags::LAST`. A new symbol or a finer scale is pushed as a
/// `Definition` input in front. `stamp`, `sequence` and `trace` are left 0: the sequencer gives them.
pub trait Decoder: Send {
    /// Decodes `frame` and appends its inputs to `out`.
    ///
    /// # Errors
    /// [`DecodeError`]; then `out` is as it was before, but for definitions.
    fn decode(&mut self, frame: &Frame<'_>, directory: &mut Directory, out: &mut InputBatch)
    -> Result<(), DecodeError>;
}
