//! A whole decision, from raw bytes to the encoded order, beside others' decoding of the same bytes alone.

use crate::cores::Cores;
use crate::hot::{Build, Came, HotPath};
use crate::shared::binance::{Fixed, Kind, Message};
use crate::shared::turns::{Turns, timed};
use crate::stages::{Alone, LONE};
use crate::typed;
use std::hint::black_box;

/// Messages of a block: their inputs are fewer than the ring's watermark, so that the recorder holds up nobody within one.
pub const BLOCK: usize = 1024;

/// What takes part, the floor first.
pub const CONTESTANTS: [&str; 10] = [
    "floor: copy of a byte",
    "tickpath: bytes to order",
    "tickpath: bytes to order, no stamps",
    "serde_json typed, integers",
    "serde_json typed, f64",
    "serde_json typed, rust_decimal",
    "simd-json typed, integers",
    "simd-json typed, f64",
    "sonic-rs typed, integers",
    "sonic-rs typed, f64",
];
/// Places of the above.
pub const STAMPED: usize = 1;
/// Without reading the clock between the stages.
pub const BARE: usize = 2;
/// All ways of `serde_json`.
pub const SERDE: std::ops::Range<usize> = 3..6;

/// One pass over all `messages`, into `turns`.
///
/// # Panics
/// If the decisions are not the same, whichever way they were made.
pub fn pass(build: &Build, messages: &[Message], cores: &Cores, turns: &mut Turns, parts: &mut Turns) -> Came {
    let mut bare = build.clone();
    bare.config.topology.stamps = false;
    let at = messages[0].at - 1_000_000;
    cores.free();
    let mut paths = [HotPath::start(build, at), HotPath::start(&bare, at)];
    cores.pin();
    let mut alone = Alone::new(&bare, at);
    let mut lone = LONE.map(|(_, slots)| (Alone::new(&bare, at), slots));
    let mut copy = vec![0u8; 1 << 20];
    let mut scratch = Vec::with_capacity(1 << 20);
    let mut buffers = simd_json::Buffers::new(1 << 16);
    for block in messages.chunks(BLOCK) {
        let known = block.iter().filter(|message| message.kind != Kind::Other).count();
        if known < BLOCK {
            // The end of the capture, or a snapshot, which the others do not read: taken in, and not timed.
            for path in &mut paths {
                run(path, block);
                path.answer();
                path.settle();
            }
            alone.block(block);
            alone.answer();
            for (lone, slots) in &mut lone {
                lone.fused(block, *slots);
                lone.answer();
            }
            continue;
        }
        let bytes = block.iter().map(|message| message.bytes.len()).sum();
        turns.block_of(block.len(), bytes, |who| match who {
            0 => timed(|| {
                for message in block {
                    let bytes = black_box(message.bytes.as_slice());
                    copy[..bytes.len()].copy_from_slice(bytes);
                    black_box(&copy);
                }
            }),
            STAMPED | BARE => {
                let path = &mut paths[who - 1];
                let time = timed(|| run(path, block));
                path.answer();
                // What the other threads have left to do is nobody else's time.
                path.settle();
                time
            }
            3 => each(block, |kind, bytes| typed!(Fixed, kind, serde_json::from_slice(bytes).unwrap())),
            4 => each(block, |kind, bytes| typed!(f64, kind, serde_json::from_slice(bytes).unwrap())),
            5 => each(block, |kind, bytes| typed!(rust_decimal::Decimal, kind, serde_json::from_slice(bytes).unwrap())),
            6 => each(block, |kind, bytes| {
                // It writes into its input: the copy, which a receive buffer would not need, is part of its time.
                scratch.clear();
                scratch.extend_from_slice(bytes);
                let read = &mut scratch;
                typed!(Fixed, kind, simd_json::serde::from_slice_with_buffers(read, &mut buffers).unwrap())
            }),
            7 => each(block, |kind, bytes| {
                scratch.clear();
                scratch.extend_from_slice(bytes);
                let read = &mut scratch;
                typed!(f64, kind, simd_json::serde::from_slice_with_buffers(read, &mut buffers).unwrap())
            }),
            8 => each(block, |kind, bytes| typed!(Fixed, kind, sonic_rs::from_slice(bytes).unwrap())),
            _ => each(block, |kind, bytes| typed!(f64, kind, sonic_rs::from_slice(bytes).unwrap())),
        });
        // The fused path has just done this block; the stages alone do it now.
        let mut times = vec![turns.last(0), turns.last(BARE)];
        for (lone, slots) in &mut lone {
            times.push(lone.fused(block, *slots) / block.len() as f64);
            lone.answer();
        }
        times.extend(alone.block(block).map(|time| time / block.len() as f64));
        parts.take(&times);
        alone.answer();
    }
    let [stamped, bare] = paths.map(HotPath::finish);
    assert_eq!(stamped, bare, "stamps change nothing");
    assert_eq!(alone.came(), bare, "the same decisions, stage by stage");
    for (lone, _) in &lone {
        assert_eq!(
            (lone.came().orders, lone.came().inputs),
            (bare.orders, bare.inputs),
            "the same, with nobody reading"
        );
    }
    bare
}

#[inline(always)]
fn run(path: &mut HotPath, block: &[Message]) {
    for message in block {
        path.tick(message.at, black_box(&message.bytes));
    }
}

fn each(block: &[Message], mut read: impl FnMut(Kind, &[u8]) -> u64) -> f64 {
    timed(|| {
        for message in block {
            black_box(read(message.kind, black_box(&message.bytes)));
        }
    })
}
