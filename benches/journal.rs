//! Journal append ÷ memcpy of the same bytes.
//!
//! ```text
//! slots (L2-resident) ─┬─ append ──→ mapped market segment      A
//!                      └─ memcpy ──→ anonymous buffer           B   the same number of bytes, record by record
//! ```
//!
//! Blocks of A and B are interleaved (A B B A); the ratio is taken pair by pair; a pair in which B was more than a fifth
//! slower or faster than it mostly is, is dropped. The target of B is as large as a segment and, like a segment, is
//! prefaulted. Before each block the helper thread is given the time to catch up (chain, pages ahead), as it has at any
//! rate that a disk can take: what is measured is the cost to the one who appends. The last line is the opposite: as fast
//! as it goes, without a pause, helper and disk included.
//!
//! `cargo bench --bench journal [-- [--quick] [--json] [DIRECTORY]]`: DIRECTORY takes the place of a temporary one.

mod shared;

use bytemuck::Zeroable;
use shared::findings::{Findings, Sense};
use shared::turns::Turns;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tickpath::event::digest::SlotDigest;
use tickpath::event::input::{Input, InputKind, PAYLOAD_BYTES, Quote};
use tickpath::event::slot::Slot;
use tickpath::journal::{Config, Durability, Writer};
use tickpath::types::ids::{InstrumentId, SourceId};

/// Slots that take turns, as in a ring.
const SLOTS: usize = 256;
/// The length of a quote's record and of one with a whole depth payload, by the table in the room's doc.
const QUOTE_RECORD: usize = 192;
const DEPTH_RECORD: usize = 480;

struct Bench {
    writer: Writer,
    slots: Vec<(Slot, SlotDigest)>,
    target: Vec<u8>,
    record: usize,
    at: usize,
    sequence: u64,
}

impl Bench {
    /// Nanoseconds a record.
    fn append(&mut self, count: usize) -> f64 {
        let start = Instant::now();
        for i in 0..count {
            let (slot, digest) = &mut self.slots[i % SLOTS];
            self.sequence += 1;
            slot.input.sequence = self.sequence;
            self.writer.append(black_box(slot), digest).expect("append");
        }
        start.elapsed().as_nanos() as f64 / count as f64
    }

    /// Waits until the helper has nothing to do.
    fn settle(&self) {
        while self.writer.heads()[1].sequence < self.sequence {
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn copy(&mut self, count: usize) -> f64 {
        let start = Instant::now();
        for i in 0..count {
            if self.at + self.record > self.target.len() {
                self.at = 0;
            }
            let source = &bytemuck::bytes_of(&self.slots[i % SLOTS].0)[..self.record];
            self.target[self.at..self.at + self.record].copy_from_slice(black_box(source));
            self.at += self.record;
            black_box(&mut self.target);
        }
        start.elapsed().as_nanos() as f64 / count as f64
    }
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = arguments.iter().position(|a| !a.starts_with('-')).map(|at| PathBuf::from(arguments.remove(at)));
    let mut findings = Findings::begin("journal", arguments);
    let quick = findings.quick;
    let (pairs, count) = if quick { (60, 2_000) } else { (1_000, 2_000) };
    findings.say(format_args!(
        "append ÷ memcpy of the same bytes: median [p10 to p90] of {pairs} interleaved pairs of {count} records"
    ));
    for (name, payload, record) in
        [("quote", size_of::<Quote>(), QUOTE_RECORD), ("depth, 18 levels", PAYLOAD_BYTES, DEPTH_RECORD)]
    {
        let home = tempfile::tempdir().expect("a temporary directory");
        let dir = given.clone().unwrap_or_else(|| home.path().to_path_buf()).join(format!("bench-{record}"));
        let config = Config {
            // As much as the run needs, so that old segments do not fill the disk.
            retention_bytes_market: 256 << 20,
            durability: Durability::None,
            ..Config::default()
        };
        let (writer, recovery) = Writer::open(&dir, &config, 0).expect("open");
        let mut slot = Slot::zeroed();
        slot.input = Input::new(InputKind::Quote, SourceId(16), InstrumentId(0), 1, &Quote::zeroed());
        slot.input.payload_len = payload as u16;
        let slots = vec![(slot, SlotDigest::of(&slot)); SLOTS];
        let target = vec![1; config.segment_bytes_market as usize];
        let mut bench = Bench { writer, slots, target, record, at: 0, sequence: recovery.sequence_last };
        let mut turns = Turns::new(["floor: memcpy of the same bytes", "append"]);
        for pair in 0..=pairs {
            bench.settle();
            let (a, b) = if pair % 2 == 0 {
                let a = bench.append(count);
                (a, bench.copy(count))
            } else {
                let b = bench.copy(count);
                (bench.append(count), b)
            };
            // The first pair warms up.
            if pair > 0 {
                turns.take(&[b, a]);
            }
        }
        let (ratio, what) = (turns.ratio(1, 0), format!("{name}, {record} B"));
        findings.keep(&what, &turns, 1);
        findings.found(16, "÷ memcpy", &what, Sense::Less, ratio, &turns);
        let [copy, append] = [0, 1].map(|who| turns.nanos(who).median);
        findings.say(format_args!(
            "{name:18} {record} B  ratio {ratio}  append {append:.1} ns  memcpy {copy:.1} ns  ({} pairs dropped)",
            turns.blocks() - turns.kept().len()
        ));
        let flood = if quick { 100_000 } else { 2_000_000 };
        let (a, b) = (bench.append(flood), bench.copy(flood));
        findings.say(format_args!("{name:18} {record} B  without a pause: append {a:.1} ns  memcpy {b:.1} ns"));
        let summary = bench.writer.close().expect("close");
        assert_eq!(summary.bytes, summary.records * record as u64, "the records have the length that was copied");
    }
    findings.finish();
}
