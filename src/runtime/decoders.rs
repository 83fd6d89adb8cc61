//! Hot: the decoder of each reader, chosen when its file is opened.

use super::frames::{FrameRef, FrameRefKind};
use crate::types::instrument::VenueKind;
use crate::venue::binance::{BinanceDecoder, Ignored};
use crate::venue::capture::DecoderKind;
use crate::venue::directory::Directory;
use crate::venue::feed::{DecodeError, Decoder, Frame, InputBatch};
use crate::venue::itch::ItchDecoder;
use crate::venue::lobster::LobsterDecoder;

/// One of the decoders there are; an enum, so that the call is direct.
pub enum AnyDecoder {
    /// Binance JSON.
    Binance(Box<BinanceDecoder>),
    /// NASDAQ ITCH 5.0.
    Itch(Box<ItchDecoder>),
    /// LOBSTER message rows.
    Lobster(Box<LobsterDecoder>),
}

impl AnyDecoder {
    /// The decoder that a reader asks for.
    pub fn new(kind: &DecoderKind) -> Self {
        match kind {
            DecoderKind::Binance { venue } => Self::Binance(Box::new(BinanceDecoder::new(*venue))),
            DecoderKind::Itch { midnight } => Self::Itch(Box::new(ItchDecoder::new(*midnight))),
            DecoderKind::Lobster { symbol, midnight } => {
                Self::Lobster(Box::new(LobsterDecoder::new(*symbol, *midnight)))
            }
        }
    }

    /// The decoder of the generated market.
    pub fn generated() -> Self {
        Self::Binance(Box::new(BinanceDecoder::new(Some(VenueKind::Simulated))))
    }

    /// Decodes one frame; `about` says what its bytes do not: the symbol of a REST answer, the number of a message.
    ///
    /// # Errors
    /// See [`Decoder::decode`].
    #[inline]
    pub fn decode(
        &mut self,
        frame: &Frame<'_>,
        about: &FrameRef,
        directory: &mut Directory,
        out: &mut InputBatch,
    ) -> Result<(), DecodeError> {
        match self {
            Self::Binance(decoder) => {
                if let FrameRefKind::RestSnapshot(symbol) = about.kind {
                    decoder.set_rest_symbol(symbol);
                }
                decoder.decode(frame, directory, out)
            }
            Self::Itch(decoder) => {
                if about.sequence > 0 {
                    decoder.set_next_sequence(about.sequence);
                }
                decoder.decode(frame, directory, out)
            }
            Self::Lobster(decoder) => decoder.decode(frame, directory, out),
        }
    }

    /// What was read but became no input, by name, for the summary.
    pub fn notes(&self) -> Vec<(String, u64)> {
        let mut notes = Vec::new();
        match self {
            Self::Binance(decoder) => {
                let stats = decoder.stats();
                notes.extend(Ignored::ALL.iter().map(|kind| (format!("ignored {kind}"), stats.ignored(*kind))));
            }
            Self::Itch(decoder) => {
                let counts = decoder.counts();
                notes.push(("order messages of stocks that no message has named yet".to_owned(), counts.unnamed));
                notes.push(("messages of test symbols".to_owned(), counts.test_symbols));
                notes.push(("messages of stocks outside the definitions".to_owned(), counts.refused));
                notes.push(("halts of other markets".to_owned(), counts.other_markets));
                notes.push(("messages longer than the specification".to_owned(), counts.longer));
            }
            Self::Lobster(_) => {}
        }
        notes.retain(|note| note.1 > 0);
        notes
    }
}
