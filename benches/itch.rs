//! NASDAQ ITCH 5.0: a day's kind of stream to inputs, beside a bare scan of the length prefixes and a public parser (`itch5`).
//!
//! ```text
//! floor     the lengths added up, message by message: nobody can go over the stream faster
//! itch5     order, price, shares, match number and time of an order message are read and added up; no instrument, no input
//! tickpath  checked, its instrument looked up, scaled, and written as an input
//! ```
//!
//! The stream is made here: 500 stocks, the mix of messages of a usual day (adds and deletes most of all). All of it fits the
//! second-level cache in blocks, so that what is measured is the decoding.
//!
//! `cargo bench --bench itch [-- [--quick] [--json]]`

mod shared;

use itch5::{MessageHandler, Parser};
use rand_core::{Rng, SeedableRng};
use shared::findings::{Findings, Sense};
use shared::turns::{Turns, timed};
use std::hint::black_box;
use std::ops::ControlFlow;
use tickpath::types::ids::SourceId;
use tickpath::venue::directory::Directory;
use tickpath::venue::feed::{Decoder, Frame, InputBatch};
use tickpath::venue::itch::ItchDecoder;

/// Messages of a block.
const BLOCK: usize = 4096;
/// Stocks.
const STOCKS: u64 = 500;

/// Of a thousand messages: type, how many.
const MIX: [(u8, u64); 8] =
    [(b'A', 420), (b'D', 400), (b'U', 80), (b'E', 50), (b'X', 25), (b'F', 10), (b'P', 10), (b'C', 5)];

/// One message, with its length in front.
fn message(kind: u8, n: u64, rng: &mut impl Rng) -> Vec<u8> {
    let (locate, order) = (1 + (rng.next_u64() % STOCKS) as u16, n);
    let mut out = vec![0, 0, kind];
    out.extend_from_slice(&locate.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&(34_200_000_000_000 + n * 1_000).to_be_bytes()[2..]);
    let (shares, price) = (100 + (rng.next_u64() % 900) as u32, 1_000_000 + (rng.next_u64() % 100_000) as u32);
    let stock = stock(locate);
    let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
    let (order, price, shares, matched) =
        (order.to_be_bytes(), price.to_be_bytes(), shares.to_be_bytes(), n.to_be_bytes());
    match kind {
        b'A' => put(&[&order, b"B", &shares, &stock, &price]),
        b'F' => put(&[&order, b"S", &shares, &stock, &price, b"MPID"]),
        b'D' => put(&[&order]),
        b'U' => put(&[&order, &matched, &shares, &price]),
        b'E' => put(&[&order, &shares, &matched]),
        b'X' => put(&[&order, &shares]),
        b'P' => put(&[&order, b"B", &shares, &stock, &price, &matched]),
        _ => put(&[&order, &shares, &matched, b"Y", &price]),
    }
    let length = (out.len() - 2) as u16;
    out[..2].copy_from_slice(&length.to_be_bytes());
    out
}

/// Eight letters, padded.
fn stock(locate: u16) -> [u8; 8] {
    let mut stock = *b"S       ";
    for (at, digit) in format!("{locate}").bytes().enumerate() {
        // Letters for digits.
        stock[1 + at] = b'A' + (digit - b'0');
    }
    stock
}

fn stream(count: usize) -> Vec<Vec<u8>> {
    let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(7);
    let blocks = (0..count).map(|block| {
        let mut bytes = Vec::new();
        for n in 0..BLOCK {
            let mut draw = rng.next_u64() % 1000;
            let kind = MIX.iter().find(|(_, share)| {
                let here = draw < *share;
                draw = draw.saturating_sub(*share);
                here
            });
            let kind = kind.map_or(b'A', |(kind, _)| *kind);
            bytes.extend_from_slice(&message(kind, (block * BLOCK + n) as u64 + 1, &mut rng));
        }
        bytes
    });
    blocks.collect()
}

/// The next message of a stream and the rest.
#[inline(always)]
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn scan(mut bytes: &[u8]) -> u64 {
    let mut sum = 0;
    while let Some((message, rest)) = split(bytes) {
        sum += message.len() as u64;
        bytes = rest;
    }
    sum
}

/// What the public parser's user does: adds up the fields.
struct Fields(u64, usize);

macro_rules! fields {
    ($($method:ident($message:ident: $type:ident) => $($field:expr),+;)+) => {
        impl MessageHandler for Fields {
            $(fn $method(&mut self, $message: &itch5::messages::$type) -> ControlFlow<()> {
                self.0 ^= $(u64::from($field))^+ ^ $message.timestamp().to_u64();
                self.1 += 1;
                ControlFlow::Continue(())
            })+
        }
    };
}

fields! {
    on_add_order_no_mpid_attribution(m: AddOrderNoMPIDAttribution) => m.order_reference_number(), m.price().into_i64().unsigned_abs(), m.shares();
    on_add_order_with_mpid_attribution(m: AddOrderWithMPIDAttribution) => m.order_reference_number(), m.price().into_i64().unsigned_abs(), m.shares();
    on_order_executed(m: OrderExecuted) => m.order_reference_number(), m.match_number(), m.executed_shares();
    on_order_executed_with_price(m: OrderExecutedWithPrice) => m.order_reference_number(), m.match_number(), m.execution_price().into_i64().unsigned_abs(), m.executed_shares();
    on_order_cancel(m: OrderCancel) => m.order_reference_number(), m.cancelled_shares();
    on_order_delete(m: OrderDelete) => m.order_reference_number();
    on_order_replace(m: OrderReplace) => m.original_order_reference_number(), m.new_order_reference_number(), m.price().into_i64().unsigned_abs(), m.shares();
    on_trade(m: Trade) => m.order_reference_number(), m.match_number(), m.price().into_i64().unsigned_abs(), m.shares();
}

fn main() {
    let mut findings = Findings::begin("itch", std::env::args().skip(1));
    let rounds = if findings.quick { 40 } else { 1_500 };
    let blocks = stream(16);
    let mut decoder = ItchDecoder::new(1_700_000_000_000_000_000);
    let mut directory = Directory::new(STOCKS as usize + 1);
    let mut out = InputBatch::with_capacity(4);
    // The directory of the day.
    for locate in 1..=STOCKS as u16 {
        let mut listed = vec![b'R'];
        listed.extend_from_slice(&locate.to_be_bytes());
        listed.extend_from_slice(&[0; 8]);
        listed.extend_from_slice(&stock(locate));
        listed.extend_from_slice(&[b' '; 20]);
        listed[29] = b'P';
        let frame = Frame { ts_recv: 1, source: SourceId::FEED_FIRST, bytes: &listed };
        out.clear();
        decoder.decode(&frame, &mut directory, &mut out).expect("a listing");
    }
    let mut turns = Turns::new(["floor: scan of the lengths", "tickpath", "itch5, fields added up"]);
    let (mut inputs, mut theirs) = (0, 0);
    for block in blocks.iter().cycle().take(rounds) {
        turns.block(BLOCK, |who| match who {
            0 => timed(|| _ = black_box(scan(black_box(block)))),
            1 => timed(|| {
                let mut bytes = black_box(block.as_slice());
                while let Some((message, rest)) = split(bytes) {
                    out.clear();
                    let frame = Frame { ts_recv: 1, source: SourceId::FEED_FIRST, bytes: message };
                    decoder.decode(&frame, &mut directory, &mut out).expect("a message");
                    inputs += black_box(out.as_slice()).len();
                    bytes = rest;
                }
            }),
            _ => timed(|| {
                let mut fields = Fields(0, 0);
                Parser::new(black_box(block)).parse_stream(&mut fields).expect("a stream");
                black_box(fields.0);
                theirs += fields.1;
            }),
        });
    }
    assert_eq!((inputs, theirs), (rounds * BLOCK, rounds * BLOCK), "every message, by both");
    let (name, ratio) = (format!("ITCH 5.0, {STOCKS} stocks"), turns.ratio(1, 0));
    findings.table(&name, "message", &turns);
    findings.say(format_args!("  tickpath ÷ floor: {ratio}"));
    findings.found(8, "÷ scan of the lengths", &name, Sense::Less, ratio, &turns);
    findings.found(None, "speed ÷ itch5, fields added up", &name, Sense::More, turns.ratio(2, 1), &turns);
    findings.finish();
}
