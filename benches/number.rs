//! Numbers in text: decimal strings to fixed point beside `rust_decimal`, the standard library's `f64` and our own general
//! parser; and what a look at a clock costs.
//!
//! All decimals are read where they stand in a frame, up to their quotation mark, which the rivals are told beforehand.
//!
//! `cargo bench --bench number [-- [--quick] [--json]]`

mod shared;

use rust_decimal::Decimal as RustDecimal;
use shared::findings::{Findings, Sense};
use shared::turns::{Turns, timed};
use std::hint::black_box;
use std::time::{Instant, SystemTime};
use tickpath::runtime::clock::Tsc;
use tickpath::types::decimal::Decimal;
use tickpath::venue::decimal_fast::{Scale, quoted};

/// Decimals of a block.
const BLOCK: usize = 4096;

/// A kind of numbers: decimals written, and the scale that they are read at.
struct Shape {
    name: &'static str,
    scale: u8,
    write: fn(u64) -> String,
}

const SHAPES: [Shape; 4] = [
    Shape {
        name: "futures price, 61800.30",
        scale: 2,
        write: |r| format!("{}.{:02}", 58_000 + r % 6_000, r >> 20 & 63),
    },
    Shape { name: "futures quantity, 2.507", scale: 3, write: |r| format!("{}.{:03}", r % 12, (r >> 20) % 1_000) },
    Shape {
        name: "spot price, 61837.63000000",
        scale: 2,
        write: |r| format!("{}.{:02}000000", 58_000 + r % 6_000, (r >> 20) % 100),
    },
    Shape {
        name: "spot quantity, 0.00006000",
        scale: 5,
        write: |r| format!("{}.{:05}000", if r % 4 == 0 { r % 90 } else { 0 }, (r >> 20) % 100_000),
    },
];

/// Decimals of a shape, each with its closing quotation mark, one behind the other; and where each begins and ends.
fn written(shape: &Shape) -> (Vec<u8>, Vec<(usize, usize)>) {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    for _ in 0..BLOCK {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let from = bytes.len();
        bytes.extend_from_slice((shape.write)(state).as_bytes());
        places.push((from, bytes.len()));
        bytes.extend_from_slice(b"\",");
    }
    (bytes, places)
}

fn decimals(findings: &mut Findings, shape: &Shape, rounds: usize) {
    let (bytes, places) = written(shape);
    let scale = Scale::new(shape.scale, 255);
    // Nobody is charged for finding out that it is text.
    let whole = std::str::from_utf8(&bytes).expect("ASCII");
    let text = |&(from, to): &(usize, usize)| black_box(&whole[from..to]);
    for place in &places {
        let ours = quoted(&bytes, place.0, &scale).expect("a decimal").0;
        let theirs = text(place).parse::<RustDecimal>().expect("a decimal");
        assert_eq!(RustDecimal::new(ours, u32::from(shape.scale)), theirs, "the same number");
    }
    let mut turns = Turns::new([
        "floor: bytes of the text added up",
        "tickpath",
        "tickpath, general parser",
        "rust_decimal",
        "rust_decimal, exact",
        "f64 (inexact)",
    ]);
    for _ in 0..rounds {
        turns.block(BLOCK, |who| {
            timed(|| {
                let mut sum = 0u64;
                for place in &places {
                    let bits = match who {
                        0 => bytes[place.0..place.1].iter().map(|&byte| u64::from(byte)).sum(),
                        1 => quoted(black_box(&bytes), place.0, black_box(&scale)).expect("a decimal").0 as u64,
                        2 => {
                            let number = Decimal::parse(black_box(&bytes[place.0..place.1])).expect("a decimal");
                            number.at_scale(shape.scale).expect("fits") as u64
                        }
                        3 => text(place).parse::<RustDecimal>().expect("a decimal").mantissa() as u64,
                        4 => RustDecimal::from_str_exact(text(place)).expect("a decimal").mantissa() as u64,
                        _ => text(place).parse::<f64>().expect("a number").to_bits(),
                    };
                    sum ^= black_box(bits);
                }
                black_box(sum);
            })
        });
    }
    findings.table(shape.name, "number", &turns);
    let best = turns.figure(|times| times[3].min(times[4]) / times[1]);
    findings.say(format_args!("  speed ÷ rust_decimal's faster way: {best}"));
    findings.found(7, "÷ rust_decimal", shape.name, Sense::More, best, &turns);
}

fn clocks(findings: &mut Findings, rounds: usize) {
    let tsc = Tsc::new();
    let mut turns = Turns::new(["floor: a loop", "tickpath: Tsc::read", "Instant::now", "SystemTime::now"]);
    for _ in 0..rounds {
        turns.block(BLOCK, |who| {
            timed(|| {
                for n in 0..BLOCK {
                    match who {
                        0 => _ = black_box(n),
                        1 => _ = black_box(tsc.read()),
                        2 => _ = black_box(Instant::now()),
                        _ => _ = black_box(SystemTime::now()),
                    }
                }
            })
        });
    }
    findings.table("a look at a clock", "look", &turns);
}

fn main() {
    let mut findings = Findings::begin("number", std::env::args().skip(1));
    let rounds = if findings.quick { 40 } else { 1_000 };
    for shape in &SHAPES {
        decimals(&mut findings, shape, rounds);
    }
    clocks(&mut findings, rounds);
    findings.finish();
}
