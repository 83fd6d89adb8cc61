//! Hot: the decoder of each reader, chosen when its file is opened.

use crate::types::instrument::{Symbol, VenueKind};
use crate::types::time::UnixNanos;
use crate::venue::binance::BinanceDecoder;
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
            DecoderKind::Lobster { symbol, midnight } => Self::Lobster(Box::new(LobsterDecoder::new(symbol.as_str(), *midnight))),
        }
    }

    /// The decoder of the generated market.
    pub fn generated() -> Self {
        Self::Binance(Box::new(BinanceDecoder::new(Some(VenueKind::Simulated))))
    }

    /// Decodes one frame; `rest_symbol` names the instrument of a REST answer that does not say it itself.
    ///
    /// # Errors
    /// See [`Decoder::decode`].
    #[inline]
    pub fn decode(
        &mut self,
        frame: &Frame<'_>,
        rest_symbol: Option<Symbol>,
        directory: &mut Directory,
        out: &mut InputBatch,
    ) -> Result<(), DecodeError> {
        match self {
            Self::Binance(decoder) => {
                if rest_symbol.is_some() {
                    decoder.set_rest_symbol(rest_symbol);
                }
                decoder.decode(frame, directory, out)
            }
            Self::Itch(decoder) => decoder.decode(frame, directory, out),
            Self::Lobster(decoder) => decoder.decode(frame, directory, out),
        }
    }

}

