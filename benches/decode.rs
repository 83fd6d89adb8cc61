//! Decoding Binance frames: ours against typed decoding by serde_json, simd-json and sonic-rs (checked and unchecked).
//!
//! All turn bytes into structs with integers for prices and quantities. The rivals are helped: they are told the type of
//! each frame beforehand, keep only what ours keeps, do not look up instruments, and simd-json reuses its buffers (it
//! writes into its input, so a copy of the frame, which a receive buffer would not need, is part of its time).
//!
//! Method: all contestants and a floor (copying the frame, counted by byte) run in turns of some hundred frames, in an order
//! that turns too; what counts is the ratio within a block. Blocks in which the floor moved by more than a fifth are dropped
//! for all.
//!
//! `cargo bench --bench decode [-- [--quick] [--json]]`; real frames are looked for in `TICKPATH_CAPTURES` (default `../shared/data`).

#![allow(unsafe_code, reason = "a rival's fastest way")]

mod shared;

use shared::binance::{CAPTURES, Fixed, Kind, Message, captured};
use shared::findings::{Findings, Sense};
use shared::turns::{Turns, timed};
use std::hint::black_box;
use tickpath::types::ids::SourceId;
use tickpath::types::instrument::VenueKind;
use tickpath::venue::binance::BinanceDecoder;
use tickpath::venue::directory::Directory;
use tickpath::venue::feed::{Decoder, Frame, InputBatch};

/// Frames of a block.
const BLOCK: usize = 512;

const CONTESTANTS: [&str; 8] = [
    "floor: copy of a byte",
    "tickpath",
    "tickpath, general parser",
    "serde_json typed",
    "serde_json typed, f64",
    "simd-json typed",
    "sonic-rs typed",
    "sonic-rs typed, unchecked",
];
/// The rivals among them.
const RIVALS: std::ops::Range<usize> = 3..CONTESTANTS.len();

/// Measures `frames`; `row` is the goal that they are about.
fn run(findings: &mut Findings, row: Option<u8>, name: &str, venue: VenueKind, frames: &[Message]) {
    let rounds = if findings.quick { 20 } else { 600 };
    if frames.len() < BLOCK {
        return findings.skip(format_args!("{name}: SKIPPED, {} frames are less than a block", frames.len()));
    }
    let bytes = frames.iter().map(|frame| frame.bytes.len()).sum::<usize>() / frames.len();
    let mut decoder = BinanceDecoder::new(Some(venue));
    let mut general = BinanceDecoder::new(Some(venue));
    general.set_fast_path(false);
    let (mut directory, mut general_directory) = (Directory::new(4), Directory::new(4));
    let mut out = InputBatch::with_capacity(256);
    // Instruments and their scales are known before anything is measured.
    for frame in frames {
        for (decoder, directory) in [(&mut decoder, &mut directory), (&mut general, &mut general_directory)] {
            out.clear();
            decoder.decode(&whole(&frame.bytes), directory, &mut out).unwrap();
        }
    }
    // As many zeros as a frame may be long, so that the floor is one copy.
    let mut copy = vec![0u8; 1 << 20];
    let mut scratch = Vec::with_capacity(1 << 20);
    let mut buffers = simd_json::Buffers::new(1 << 16);
    let mut turns = Turns::new(CONTESTANTS);
    for block in frames.chunks_exact(BLOCK).cycle().take(rounds) {
        // Books of recorded days are longer at one time than at another: that disturbs nobody.
        let bytes = block.iter().map(|frame| frame.bytes.len()).sum();
        turns.block_of(BLOCK, bytes, |who| match who {
            0 => each(block, |_, bytes| {
                copy[..bytes.len()].copy_from_slice(bytes);
                black_box(&copy);
                0
            }),
            1 => each(block, |_, bytes| {
                out.clear();
                decoder.decode(&whole(bytes), &mut directory, &mut out).unwrap();
                black_box(out.as_slice()).len() as u64
            }),
            2 => each(block, |_, bytes| {
                out.clear();
                general.decode(&whole(bytes), &mut general_directory, &mut out).unwrap();
                black_box(out.as_slice()).len() as u64
            }),
            3 => each(block, |kind, bytes| typed!(Fixed, kind, serde_json::from_slice(bytes).unwrap())),
            4 => each(block, |kind, bytes| typed!(f64, kind, serde_json::from_slice(bytes).unwrap())),
            5 => each(block, |kind, bytes| {
                scratch.clear();
                scratch.extend_from_slice(bytes);
                let read = &mut scratch;
                typed!(Fixed, kind, simd_json::serde::from_slice_with_buffers(read, &mut buffers).unwrap())
            }),
            6 => each(block, |kind, bytes| typed!(Fixed, kind, sonic_rs::from_slice(bytes).unwrap())),
            _ => each(block, |kind, bytes| {
                // SAFETY: the frames are ASCII, as made here or by the venue; checked when they were taken in.
                typed!(Fixed, kind, unsafe { sonic_rs::from_slice_unchecked(bytes) }.unwrap())
            }),
        });
    }
    findings.table(name, "message", &turns);
    let best = turns.figure(|times| times[RIVALS].iter().copied().fold(f64::MAX, f64::min) / times[1]);
    findings.say(format_args!("  {} frames of {bytes} bytes on average", frames.len()));
    findings.say(format_args!("  speed ÷ the best rival of each block: {best}"));
    findings.found(row, "÷ best typed decoder", name, Sense::More, best, &turns);
}

fn whole(bytes: &[u8]) -> Frame<'_> {
    Frame { ts_recv: 1, source: SourceId::FEED_FIRST, bytes }
}

fn each(block: &[Message], mut read: impl FnMut(Kind, &[u8]) -> u64) -> f64 {
    timed(|| {
        for message in block {
            black_box(read(message.kind, black_box(&message.bytes)));
        }
    })
}

/// Frames shaped like the venue's, from a small generator of random numbers.
fn generated(kind: Kind, venue: VenueKind) -> Vec<Message> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let futures = venue != VenueKind::BinanceSpot;
    let zeros = if futures { "" } else { "000000" };
    let tail = if futures { "" } else { "00000" };
    (0..2048u64)
        .map(|i| {
            let px = 61_000 + random(1500);
            let time = 1_723_161_256_313 + i * 7;
            let id = 5_123_107_839_020 + i * 31;
            let mut qty = |max: u64| format!("{}.{:03}{tail}", random(max), random(1000));
            let (q0, q1) = (qty(12), qty(30));
            let json = match kind {
                Kind::Quote if futures => format!(
                    r#"{{"stream":"btcusdt@bookTicker","data":{{"e":"bookTicker","u":{id},"s":"BTCUSDT","b":"{px}.20","B":"{q0}","a":"{px}.30","A":"{q1}","T":{time},"E":{time}}}}}"#
                ),
                Kind::Quote => format!(
                    r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{id},"s":"BTCUSDT","b":"{px}.20{zeros}","B":"{q0}","a":"{px}.30{zeros}","A":"{q1}"}}}}"#
                ),
                Kind::Trade if futures => format!(
                    r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{time},"T":{time},"s":"BTCUSDT","t":{id},"p":"{px}.30","q":"{q0}","X":"MARKET","m":{}}}}}"#,
                    i % 3 == 0
                ),
                Kind::Trade => format!(
                    r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{time},"s":"BTCUSDT","t":{id},"p":"{px}.30{zeros}","q":"{q0}","T":{time},"m":{},"M":true}}}}"#,
                    i % 3 == 0
                ),
                Kind::Depth => {
                    let mut side = || {
                        let levels: Vec<String> =
                            (0..20).map(|l| format!(r#"["{}.{l:02}{zeros}","{}"]"#, px + l, qty(9))).collect();
                        levels.join(",")
                    };
                    let (bids, asks) = (side(), side());
                    let (engine, prev) =
                        if futures { (format!(r#""T":{time},"#), format!(r#""pu":{id},"#)) } else { Default::default() };
                    format!(
                        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{time},{engine}"s":"BTCUSDT","U":{id},"u":{id},{prev}"b":[{bids}],"a":[{asks}]}}}}"#
                    )
                }
                Kind::Other => unreachable!("only streams are made"),
            };
            Message { at: 1, kind, bytes: json.into_bytes() }
        })
        .collect()
}

/// The goal that frames of a kind are about.
fn row(kind: Kind) -> Option<u8> {
    match kind {
        Kind::Quote | Kind::Trade => Some(5),
        Kind::Depth => Some(6),
        Kind::Other => None,
    }
}

fn main() {
    let mut findings = Findings::begin("decode", std::env::args().skip(1));
    for (venue, name) in [(VenueKind::BinanceUsdm, "USD-M"), (VenueKind::BinanceSpot, "spot")] {
        for (kind, what) in
            [(Kind::Quote, "bookTicker"), (Kind::Trade, "trade"), (Kind::Depth, "depth, 20 + 20 levels")]
        {
            run(&mut findings, row(kind), &format!("{name} {what}, generated"), venue, &generated(kind, venue));
        }
    }
    for (file, venue) in CAPTURES {
        let Some(mut messages) = captured(file) else {
            findings.skip(format_args!("{file}: SKIPPED, no capture (TICKPATH_CAPTURES names the folder)"));
            continue;
        };
        messages.retain(|message| message.kind != Kind::Other && message.bytes.is_ascii());
        run(&mut findings, None, &format!("{file}, whole mix"), venue, &messages);
        for (kind, what) in [(Kind::Quote, "bookTicker"), (Kind::Trade, "trade"), (Kind::Depth, "depth")] {
            let (part, rest): (Vec<_>, Vec<_>) = messages.into_iter().partition(|message| message.kind == kind);
            run(&mut findings, row(kind), &format!("{file}, {what}"), venue, &part);
            messages = rest;
        }
    }
    findings.finish();
}
