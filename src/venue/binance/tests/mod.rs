//! Tests of the decoder: tables by hand, in which both paths must agree.

mod render;
mod tables;
mod venues;

use super::BinanceDecoder;
use crate::event::input::{InputKind, flags};
use crate::types::ids::SourceId;
use crate::types::instrument::VenueKind;
use crate::venue::directory::Directory;
use crate::venue::feed::{DecodeError, Decoder, Frame, InputBatch};

/// The folder of real captures, if there is one.
pub fn captures() -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("TICKPATH_CAPTURES").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        std::path::PathBuf::from,
    );
    if folder.is_dir() {
        Some(folder)
    } else {
        eprintln!("SKIPPED: no captures at {}", folder.display());
        None
    }
}

/// A decoder with all that it needs.
struct Desk {
    decoder: BinanceDecoder,
    directory: Directory,
    out: InputBatch,
}

impl Desk {
    fn new(venue: Option<VenueKind>, fast: bool) -> Self {
        let mut decoder = BinanceDecoder::new(venue);
        decoder.set_fast_path(fast);
        Self { decoder, directory: Directory::new(16), out: InputBatch::with_capacity(4) }
    }

    fn decode(&mut self, json: &str) -> Result<String, DecodeError> {
        self.decode_from(SourceId::FEED_FIRST, json)
    }

    /// The inputs as text; all of them must have come by the path that the decoder says it took.
    fn decode_from(&mut self, source: SourceId, json: &str) -> Result<String, DecodeError> {
        self.out.clear();
        let before = self.decoder.stats();
        let frame = Frame { ts_recv: 7, source, bytes: json.as_bytes() };
        self.decoder.decode(&frame, &mut self.directory, &mut self.out)?;
        let stats = self.decoder.stats();
        assert_eq!(stats.fast + stats.fallback, before.fast + before.fallback + 1);
        for input in self.out.as_slice() {
            assert_eq!(input.ts_recv, 7);
            if input.kind() != Some(InputKind::Definition) {
                assert_eq!(input.source, source);
                assert_eq!(input.flags & flags::FALLBACK != 0, stats.fallback > before.fallback, "{json}");
            }
        }
        Ok(render::render(self.out.as_slice(), &self.directory))
    }
}

/// Decodes `json` by the fast path, and changed copies of it by the general one: the answer must be `expected`.
fn check(venue: VenueKind, json: &str, expected: &str) {
    let mut fast = Desk::new(Some(venue), true);
    assert_eq!(fast.decode(json).unwrap(), expected, "{json}");
    assert_eq!(fast.decoder.stats().fast, 1, "by the fast path: {json}");
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    let mutations = [
        json.to_owned(),
        serde_json::to_string_pretty(&value).unwrap(),
        mutate(&value, false).to_string(),
        mutate(&value, true).to_string(),
        escape(&mutate(&value, true).to_string()),
        format!(" {json}\r\n"),
    ];
    for (i, changed) in mutations.iter().enumerate() {
        let mut general = Desk::new(Some(venue), i > 0);
        assert_eq!(general.decode(changed).unwrap(), expected, "{changed}");
        assert_eq!(general.decoder.stats().fallback, 1, "by the general parser: {changed}");
    }
    // The second time nothing is new: the same without the definition.
    let expected: String = expected.split_inclusive('\n').filter(|l| !l.starts_with("definition")).collect();
    assert_eq!(fast.decode(json).unwrap(), expected);
    assert_eq!(fast.decoder.stats().fast, 2);
}

/// Keys in the opposite order; with `more`, unknown ones between them.
fn mutate(value: &serde_json::Value, more: bool) -> serde_json::Value {
    use serde_json::{Map, Value, json};
    match value {
        Value::Object(map) => {
            let mut changed = Map::new();
            for (i, (key, value)) in map.iter().rev().enumerate() {
                if more {
                    changed.insert(format!("new{i}"), json!({"e": ["x", null, {}], "s": -1.5e3}));
                }
                changed.insert(key.clone(), mutate(value, more));
            }
            Value::Object(changed)
        }
        // Levels are arrays: their order means something.
        Value::Array(items) => items.iter().map(|item| mutate(item, more)).collect(),
        other => other.clone(),
    }
}

/// Writes every letter `u`, `T` and every `0` inside of strings as an escape.
fn escape(json: &str) -> String {
    let mut quoted = false;
    json.chars()
        .map(|c| {
            quoted ^= c == '"';
            if quoted && "uT0".contains(c) { format!("\\u{:04x}", c as u32) } else { c.to_string() }
        })
        .collect()
}
