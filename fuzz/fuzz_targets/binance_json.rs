//! Binance frames: fast path, general parser and an independent oracle must agree, or all refuse.
//!
//! `cargo +nightly fuzz run binance_json -- -dict=fuzz/binance_json.dict`. The first byte chooses the venue; the frames
//! follow, one a line, so that what an instrument has learned matters too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tickpath::types::instrument::VenueKind;

// The counts are for the integration tests.
#[allow(dead_code)]
#[path = "../../tests/it/venue_binance_oracle.rs"]
mod oracle;

fuzz_target!(|data: &[u8]| {
    let Some((&first, frames)) = data.split_first() else { return };
    let venue = match first % 4 {
        0 => None,
        1 => Some(VenueKind::BinanceSpot),
        2 => Some(VenueKind::BinanceUsdm),
        _ => Some(VenueKind::BinanceCoinm),
    };
    let mut trio = oracle::Trio::new(venue);
    for frame in frames.split(|&byte| byte == b'\n').take(8) {
        trio.check(frame);
    }
});
