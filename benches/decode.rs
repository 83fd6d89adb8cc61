//! Decoding Binance frames: ours against typed decoding by serde_json, simd-json and sonic-rs.
//!
//! All turn bytes into structs with integers for prices and quantities. The rivals are helped: they are told the type of
//! each frame beforehand, keep only what ours keeps, do not look up instruments, and simd-json reuses its buffers (it
//! writes into its input, so a copy of the frame, which a receive buffer would not need, is part of its time).
//!
//! Method: all contestants and a floor (copying the frame) run in turns of some milliseconds, in an order that turns
//! too; what counts is the ratio within a round. Rounds in which the floor moved by more than a fifth are dropped for all.
//!
//! `cargo bench --bench decode`; real frames are looked for in `TICKPATH_CAPTURES` (default `../shared/data`).

use serde::Deserialize;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::time::Instant;
use tickpath::types::decimal::Decimal;
use tickpath::types::ids::SourceId;
use tickpath::types::instrument::VenueKind;
use tickpath::venue::binance::BinanceDecoder;
use tickpath::venue::directory::Directory;
use tickpath::venue::feed::{Decoder, Frame, InputBatch};

const ROUNDS: usize = 40;
const ROUND_MICROS: u128 = 4_000;

/// A decimal string as an integer at eight decimals.
struct Fixed(i64);

impl<'de> Deserialize<'de> for Fixed {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Fixed;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a decimal")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Fixed, E> {
                let number = Decimal::parse(text.as_bytes()).and_then(|d| d.at_scale(8));
                number.map(Fixed).map_err(E::custom)
            }
        }
        from.deserialize_str(Visitor)
    }
}

#[derive(Deserialize)]
struct Combined<'a, T> {
    stream: &'a str,
    data: T,
}

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct Quote<'a> {
    u: u64,
    s: &'a str,
    b: Fixed,
    B: Fixed,
    a: Fixed,
    A: Fixed,
    T: Option<u64>,
}

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct Trade<'a> {
    T: u64,
    s: &'a str,
    t: u64,
    p: Fixed,
    q: Fixed,
    m: bool,
}

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct Depth<'a> {
    E: u64,
    T: Option<u64>,
    s: &'a str,
    U: u64,
    u: u64,
    pu: Option<u64>,
    b: Vec<(Fixed, Fixed)>,
    a: Vec<(Fixed, Fixed)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Quote,
    Trade,
    Depth,
}

impl Quote<'_> {
    fn sum(&self) -> i64 {
        self.b.0 ^ self.B.0 ^ self.a.0 ^ self.A.0 ^ self.u as i64 ^ self.T.unwrap_or(0) as i64 ^ self.s.len() as i64
    }
}

impl Trade<'_> {
    fn sum(&self) -> i64 {
        self.p.0 ^ self.q.0 ^ self.T as i64 ^ self.t as i64 ^ i64::from(self.m) ^ self.s.len() as i64
    }
}

impl Depth<'_> {
    fn sum(&self) -> i64 {
        let ids = self.U ^ self.u ^ self.pu.unwrap_or(0) ^ self.T.unwrap_or(self.E) ^ self.s.len() as u64;
        self.b.iter().chain(&self.a).fold(ids as i64, |sum, (px, qty)| sum ^ px.0 ^ qty.0)
    }
}

/// Decodes one frame with `$read` as the type that it is known to have.
macro_rules! typed {
    ($kind:expr, $read:expr) => {
        match $kind {
            Kind::Quote => {
                let message: Combined<Quote> = $read;
                message.data.sum() ^ message.stream.len() as i64
            }
            Kind::Trade => {
                let message: Combined<Trade> = $read;
                message.data.sum() ^ message.stream.len() as i64
            }
            Kind::Depth => {
                let message: Combined<Depth> = $read;
                message.data.sum() ^ message.stream.len() as i64
            }
        }
    };
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    Frame { ts_recv: 1, source: SourceId::FEED_FIRST, bytes }
}

type Contestant<'a> = (&'static str, Box<dyn FnMut(Kind, &[u8]) + 'a>);

fn contestants<'a>(venue: VenueKind) -> Vec<Contestant<'a>> {
    let mut decoder = BinanceDecoder::new(Some(venue));
    let mut slow = BinanceDecoder::new(Some(venue));
    slow.set_fast_path(false);
    let (mut directory, mut slow_directory) = (Directory::new(4), Directory::new(4));
    let (mut out, mut slow_out) = (InputBatch::with_capacity(256), InputBatch::with_capacity(256));
    // As many zeros as a frame may be long, so that the floor is one copy.
    let mut copy = vec![0u8; 1 << 20];
    let mut scratch = Vec::with_capacity(1 << 20);
    let mut buffers = simd_json::Buffers::new(1 << 16);
    vec![
        (
            "floor (copy)",
            Box::new(move |_, bytes: &[u8]| {
                copy[..bytes.len()].copy_from_slice(bytes);
                black_box(&copy);
            }),
        ),
        (
            "tickpath",
            Box::new(move |_, bytes: &[u8]| {
                out.clear();
                decoder.decode(&frame(bytes), &mut directory, &mut out).unwrap();
                black_box(out.as_slice());
            }),
        ),
        (
            "tickpath, general parser",
            Box::new(move |_, bytes: &[u8]| {
                slow_out.clear();
                slow.decode(&frame(bytes), &mut slow_directory, &mut slow_out).unwrap();
                black_box(slow_out.as_slice());
            }),
        ),
        (
            "serde_json typed",
            Box::new(|kind, bytes: &[u8]| {
                black_box(typed!(kind, serde_json::from_slice(bytes).unwrap()));
            }),
        ),
        (
            "simd-json typed",
            Box::new(move |kind, bytes: &[u8]| {
                scratch.clear();
                scratch.extend_from_slice(bytes);
                let read = &mut scratch;
                black_box(typed!(kind, simd_json::serde::from_slice_with_buffers(read, &mut buffers).unwrap()));
            }),
        ),
        (
            "sonic-rs typed",
            Box::new(|kind, bytes: &[u8]| {
                black_box(typed!(kind, sonic_rs::from_slice(bytes).unwrap()));
            }),
        ),
    ]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn run(name: &str, venue: VenueKind, frames: &[(Kind, Vec<u8>)]) {
    let bytes = frames.iter().map(|(_, frame)| frame.len()).sum::<usize>() / frames.len();
    println!("\n{name}: {} frames of {bytes} bytes on average", frames.len());
    let mut contestants = contestants(venue);
    let count = contestants.len();
    let mut times = vec![Vec::with_capacity(ROUNDS); count];
    // One pass for warming up, instruments and buffers.
    for (_, read) in &mut contestants {
        for (kind, frame) in frames {
            read(*kind, frame);
        }
    }
    let mut next = 0;
    for round in 0..ROUNDS {
        let start_at = next;
        for turn in 0..count {
            let who = (turn + round) % count;
            let read = &mut contestants[who].1;
            let (start, mut done, mut at) = (Instant::now(), 0u32, start_at);
            while start.elapsed().as_micros() < ROUND_MICROS {
                for _ in 0..64 {
                    let (kind, frame) = &frames[at];
                    read(*kind, black_box(frame));
                    at = if at + 1 == frames.len() { 0 } else { at + 1 };
                }
                done += 64;
            }
            times[who].push(start.elapsed().as_nanos() as f64 / f64::from(done));
        }
        next = (next + 997) % frames.len();
    }
    let floor = median(times[0].clone());
    let kept: Vec<usize> = (0..ROUNDS).filter(|&r| (times[0][r] / floor - 1.0).abs() <= 0.2).collect();
    println!("  {} of {ROUNDS} rounds kept", kept.len());
    for (who, (label, _)) in contestants.iter().enumerate() {
        let mut ratios: Vec<f64> = kept.iter().map(|&r| times[who][r] / times[1][r]).collect();
        ratios.sort_by(f64::total_cmp);
        let at = |share: f64| ratios[((ratios.len() - 1) as f64 * share) as usize];
        let nanos = median(kept.iter().map(|&r| times[who][r]).collect());
        println!(
            "  {label:<26} {nanos:>8.1} ns/message   {:>6.2} × tickpath  (p10 {:.2}, p90 {:.2})",
            at(0.5),
            at(0.1),
            at(0.9)
        );
    }
}

/// Frames shaped like the venue's, from a small generator of random numbers.
fn generated(kind: Kind, venue: VenueKind) -> Vec<(Kind, Vec<u8>)> {
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
            };
            (kind, json.into_bytes())
        })
        .collect()
}

/// Frames of a capture, without the rare ones that are no stream events.
fn captured(file: &str) -> Option<Vec<(Kind, Vec<u8>)>> {
    let folder = std::env::var_os("TICKPATH_CAPTURES").unwrap_or_else(|| "../shared/data".into());
    let file = std::fs::File::open(std::path::Path::new(&folder).join("hftbacktest").join(file)).ok()?;
    let mut frames = Vec::new();
    for line in BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines() {
        let line = line.ok()?;
        let Some((_, json)) = line.split_once(' ') else { continue };
        let kind = match json.get(..60) {
            Some(head) if head.contains("@bookTicker") => Kind::Quote,
            Some(head) if head.contains("@trade") => Kind::Trade,
            Some(head) if head.contains("@depth") => Kind::Depth,
            _ => continue,
        };
        frames.push((kind, json.as_bytes().to_vec()));
    }
    Some(frames)
}

fn main() {
    for (venue, name) in [(VenueKind::BinanceUsdm, "USD-M"), (VenueKind::BinanceSpot, "spot")] {
        for (kind, what) in
            [(Kind::Quote, "bookTicker"), (Kind::Trade, "trade"), (Kind::Depth, "depth, 20 + 20 levels")]
        {
            run(&format!("{name} {what}, generated"), venue, &generated(kind, venue));
        }
    }
    for (file, venue) in
        [("usdm_btcusdt_20240808.gz", VenueKind::BinanceUsdm), ("spot_btcusdt_20240808.gz", VenueKind::BinanceSpot)]
    {
        let Some(frames) = captured(file) else {
            println!("\n{file}: no capture, skipped");
            continue;
        };
        run(&format!("{file}, whole mix"), venue, &frames);
        for (kind, what) in [(Kind::Quote, "bookTicker"), (Kind::Trade, "trade"), (Kind::Depth, "depth")] {
            let part: Vec<_> = frames.iter().filter(|(k, _)| *k == kind).cloned().collect();
            run(&format!("{file}, {what}"), venue, &part);
        }
    }
}
