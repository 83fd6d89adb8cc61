//! Hot: a test of both venues at once: what the generated market publishes, taken as a recording.

use super::generator::{FrameBuffer, Generator, GeneratorConfig, Published};
use super::recorded::{RecordedConfig, RecordedVenue};
use crate::event::definition::Definition;
use crate::event::input::{Depth, DepthStyle, Input, InputKind, LEVELS_MAX, Level, Quote, Trade, flags};
use crate::types::decimal::Decimal;
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty, Side};
use crate::types::time::SECONDS;
use bytemuck::Zeroable;
use serde_json::Value;

struct Source {
    instrument: Instrument,
    venue: RecordedVenue,
    frame_ts: i64,
}

impl Source {
    fn number(text: &Value, decimals: u8) -> i64 {
        Decimal::parse(text.as_str().unwrap().as_bytes()).unwrap().at_scale(decimals).unwrap()
    }

    fn level(&self, px: &Value, qty: &Value) -> Level {
        let px = Px(Self::number(px, self.instrument.price_decimals));
        Level { px, qty: Qty(Self::number(qty, self.instrument.qty_decimals)) }
    }

    fn input<P: bytemuck::NoUninit>(&self, kind: InputKind, payload: &P) -> Input {
        Input::new(kind, SourceId::FEED_FIRST, self.instrument.id, self.frame_ts, payload)
    }

    /// A depth message in as many parts as it needs.
    fn depth(&mut self, style: DepthStyle, ids: [u64; 3], bids: &Value, asks: &Value) {
        let side = |side: &Value, bid| {
            let levels = side.as_array().unwrap().iter();
            levels.map(|level| (bid, self.level(&level[0], &level[1]))).collect::<Vec<_>>()
        };
        let levels = [side(bids, true), side(asks, false)].concat();
        let parts: Vec<_> = if levels.is_empty() { vec![&levels[..]] } else { levels.chunks(LEVELS_MAX).collect() };
        for (part, chunk) in parts.iter().enumerate() {
            let mut depth = Depth::zeroed();
            [depth.first_id, depth.last_id, depth.prev_id] = ids;
            depth.style = style.code();
            depth.bids = chunk.iter().filter(|level| level.0).count() as u8;
            depth.asks = chunk.len() as u8 - depth.bids;
            depth.levels.iter_mut().zip(*chunk).for_each(|(to, from)| *to = from.1);
            let mut input = self.input(InputKind::Depth, &depth);
            input.flags = if part == 0 { flags::FIRST } else { 0 };
            input.flags |= if part + 1 == parts.len() { flags::LAST } else { 0 };
            self.venue.on_market(&input);
        }
    }

    fn read(&mut self, frame: Published<'_>) {
        self.frame_ts = frame.ts_venue;
        let value: Value = serde_json::from_slice(frame.bytes).unwrap();
        if let Some(id) = value.get("lastUpdateId").and_then(Value::as_u64) {
            self.depth(DepthStyle::Snapshot, [id, id, 0], &value["bids"], &value["asks"]);
            return;
        }
        let data = &value["data"];
        match data["e"].as_str().unwrap() {
            "depthUpdate" => {
                let ids = ["U", "u", "pu"].map(|key| data[key].as_u64().unwrap());
                self.depth(DepthStyle::DiffByPrev, ids, &data["b"], &data["a"]);
            }
            "bookTicker" => {
                let (bid, ask) = (self.level(&data["b"], &data["B"]), self.level(&data["a"], &data["A"]));
                let quote = Quote { update_id: data["u"].as_u64().unwrap(), bid, ask };
                self.venue.on_market(&self.input(InputKind::Quote, &quote));
            }
            "trade" => {
                let mut trade = Trade::zeroed();
                let level = self.level(&data["p"], &data["q"]);
                (trade.px, trade.qty) = (level.px, level.qty);
                trade.aggressor = if data["m"] == true { Side::Sell } else { Side::Buy }.code();
                self.venue.on_market(&self.input(InputKind::Trade, &trade));
            }
            _ => {}
        }
    }
}

#[test]
fn a_recording_of_the_generated_market_shows_its_book() {
    let config = GeneratorConfig::default();
    let mut generator = Generator::new(&config, 0, 1, &[]).unwrap();
    let id = InstrumentId(1);
    let instrument = generator.instruments()[id.index()];
    let mut venue = RecordedVenue::new(&RecordedConfig::default(), 2).unwrap();
    venue.on_market(&Definition::input(&instrument, 0));
    let mut source = Source { instrument, venue, frame_ts: 0 };
    let mut frames = FrameBuffer::default();
    let (mut whole, mut best) = (0, 0);
    while generator.next_time() < 30 * SECONDS {
        frames.clear();
        generator.step(&mut frames);
        for frame in frames.iter().filter(|frame| frame.instrument == id) {
            source.read(frame);
        }
        let Some(book) = source.venue.book(id) else { continue };
        let complete = frames.iter().any(|f| f.instrument == id && f.bytes.windows(11).any(|w| w == b"depthUpdate"));
        // Between two depth messages quotes keep the best level right; with a depth message all levels are.
        let depth = if complete { usize::MAX } else { 1 };
        for side in [Side::Buy, Side::Sell] {
            let shown: Vec<_> = book.levels(side).take(depth).collect();
            let truth: Vec<_> = generator.levels(id, side).take(depth).map(|level| (level.0, level.1.0)).collect();
            assert_eq!(shown, truth, "{side} at {}", source.frame_ts);
        }
        whole += usize::from(complete);
        best += usize::from(!complete);
    }
    assert!(whole > 250 && best > 1000, "{whole} {best}");
}
