//! Where the frames come from: recorded days, and the generated market where there are none.

use crate::shared::binance::{CAPTURES, Kind, Message, captured};
use crate::shared::findings::Findings;
use tickpath::types::instrument::{Instrument, VenueKind};
use tickpath::venue::sim::generator::{FrameBuffer, Generator, GeneratorConfig};

/// Frames of one stream.
pub struct Source {
    /// Its name, for the report.
    pub name: String,
    /// Whose frames.
    pub venue: VenueKind,
    /// What is defined beforehand.
    pub instruments: Vec<Instrument>,
    /// The frames, in their order.
    pub messages: Vec<Message>,
}

/// All there are.
pub fn all(generated: usize, findings: &mut Findings) -> Vec<Source> {
    let recorded = CAPTURES.iter().filter_map(|(file, venue)| {
        let Some(messages) = captured(file) else {
            findings.skip(format_args!("{file}: SKIPPED, no capture (TICKPATH_CAPTURES names the folder)"));
            return None;
        };
        Some(Source { name: (*file).to_owned(), venue: *venue, instruments: Vec::new(), messages })
    });
    recorded.chain([market(generated)]).collect()
}

/// `count` frames of the generated market.
pub fn market(count: usize) -> Source {
    let start = 1_700_000_000_000_000_000;
    let mut generator = Generator::new(&GeneratorConfig::default(), start, 1, &[]).expect("the standard market");
    let mut frames = FrameBuffer::default();
    let mut messages = Vec::with_capacity(count);
    while messages.len() < count {
        frames.clear();
        generator.step(&mut frames);
        messages.extend(frames.iter().map(|frame| {
            let head = std::str::from_utf8(&frame.bytes[..frame.bytes.len().min(60)]).unwrap_or_default();
            let kind = match head {
                head if !head.starts_with("{\"stream\"") => Kind::Other,
                head if head.contains("@bookTicker") => Kind::Quote,
                head if head.contains("@trade") => Kind::Trade,
                head if head.contains("@depth") => Kind::Depth,
                _ => Kind::Other,
            };
            Message { at: frame.ts_venue + 500_000, kind, bytes: frame.bytes.to_vec() }
        }));
    }
    let instruments = generator.instruments();
    Source { name: "generated market".to_owned(), venue: VenueKind::Simulated, instruments, messages }
}
