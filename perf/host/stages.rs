//! Each stage measured alone, on what the stages before it have just made.
//!
//! The same work as the fused path does, one stage at a time over a few messages, whose slots stay in the caches: the decoder,
//! then the market stage over all their inputs, and so on. What fusing costs or saves is the fused path against the sum of
//! these; the clock is read more often here, some 10 ns a message in all.

use crate::hot::{Build, Came, filled};
use crate::shared::binance::Message;
use crate::shared::turns::timed;
use bytemuck::Zeroable;
use std::hint::black_box;
use std::sync::Arc;
use tickpath::config::Mode;
use tickpath::event::digest::{OutputHash, SlotDigest};
use tickpath::event::execution::CommandKind;
use tickpath::event::input::{EpochStart, Input};
use tickpath::event::slot::Slot;
use tickpath::ring::spsc;
use tickpath::runtime::group::Stages;
use tickpath::runtime::outlet::{OrderOutlet, Outgoing, OutletCounters};
use tickpath::runtime::recovery::{Restored, opening};
use tickpath::runtime::validate;
use tickpath::types::ids::SourceId;
use tickpath::venue::binance::BinanceDecoder;
use tickpath::venue::directory::Directory;
use tickpath::venue::feed::{Decoder, Frame, InputBatch};
use tickpath::venue::order_entry::OrderEncoder;

/// What is measured alone, in order.
pub const PARTS: [&str; 7] = ["decode", "to the slot", "market", "feature", "signal", "risk", "execution and encoding"];

/// The fused path without a reader behind it, over few slots and over as many as the ring has: what the caches cost, and what
/// the reader's core.
pub const LONE: [(&str, usize); 2] = [("fused, nobody reads, 64 slots", 64), ("fused, nobody reads, 4096 slots", 4096)];

/// Messages of a piece: their slots fit the second-level cache.
const PIECE: usize = 64;

/// As the sequencer does.
#[inline(always)]
fn fill(slot: &mut Slot, input: &Input, sequence: u64) {
    const HEADER: usize = core::mem::offset_of!(Input, payload);
    let used = HEADER + usize::from(input.payload_len);
    bytemuck::bytes_of_mut(&mut slot.input)[..used].copy_from_slice(&bytemuck::bytes_of(input)[..used]);
    slot.input.sequence = sequence;
}

/// All stages, driven one after the other over blocks.
pub struct Alone {
    decoder: BinanceDecoder,
    directory: Directory,
    batch: InputBatch,
    stages: Stages,
    outlet: OrderOutlet,
    orders: spsc::Receiver<Outgoing>,
    slots: Vec<Slot>,
    sequence: u64,
    now: i64,
    sent: u64,
    hash: OutputHash,
}

impl Alone {
    /// Stages of `build`, opened at `at`.
    pub fn new(build: &Build, at: i64) -> Self {
        let config = &build.config;
        let host = validate::validate(config).expect("the configuration");
        let stages = validate::stages(config).expect("the stages");
        let (sender, orders) = spsc::channel(1 << 16);
        let outlet = OrderOutlet::new(OrderEncoder::new(), host, sender, Arc::new(OutletCounters::default()));
        let mut alone = Self {
            decoder: BinanceDecoder::new(Some(build.venue)),
            directory: build.directory(),
            batch: InputBatch::with_capacity(1 << 14),
            stages,
            outlet,
            orders,
            slots: vec![Slot::zeroed(); 1 << 12],
            sequence: 0,
            now: at,
            sent: 0,
            hash: OutputHash::default(),
        };
        let epoch = EpochStart { epoch: 1, config_hash: [0; 16], build_hash: [0; 16] };
        for input in opening(&alone.stages, &Restored::default(), &build.instruments, &epoch, Mode::Paper, at) {
            alone.whole(&input);
        }
        alone
    }

    /// One input through all stages.
    fn whole(&mut self, input: &Input) {
        self.sequence += 1;
        let slot = &mut self.slots[0];
        slot.input = *input;
        slot.input.sequence = self.sequence;
        self.stages.run_whole(slot);
        self.hash.update(self.sequence, &SlotDigest::of(slot));
        Self::out(&mut self.outlet, slot);
    }

    fn out(outlet: &mut OrderOutlet, slot: &Slot) {
        if slot.execution.commands_len > 0 {
            outlet.encode(&slot.input, &slot.risk, &slot.execution);
            outlet.hand_over();
        }
        outlet.observe(&slot.input, &slot.execution);
    }

    /// A block, message by message through all stages as a host fuses them, but with no ring and no other thread: over
    /// `slots` slots in turn. Gives its nanoseconds.
    pub fn fused(&mut self, block: &[Message], slots: usize) -> f64 {
        let time = timed(|| {
            for message in block {
                self.batch.clear();
                let frame =
                    Frame { ts_recv: message.at, source: SourceId::FEED_FIRST, bytes: black_box(&message.bytes) };
                self.decoder.decode(&frame, &mut self.directory, &mut self.batch).expect("a frame of the venue");
                for input in self.batch.as_slice() {
                    self.sequence += 1;
                    let slot = &mut self.slots[self.sequence as usize & (slots - 1)];
                    fill(slot, input, self.sequence);
                    self.stages.run_whole(slot);
                    Self::out(&mut self.outlet, slot);
                }
            }
        });
        self.now = block.last().map_or(self.now, |message| message.at);
        time
    }

    /// A block, message by message through the first `parts` of [`PARTS`] alone.
    pub fn up_to(&mut self, block: &[Message], parts: usize) {
        for message in block {
            self.batch.clear();
            let frame = Frame { ts_recv: message.at, source: SourceId::FEED_FIRST, bytes: black_box(&message.bytes) };
            self.decoder.decode(&frame, &mut self.directory, &mut self.batch).expect("a frame of the venue");
            if parts < 2 {
                black_box(self.batch.as_slice());
                continue;
            }
            for input in self.batch.as_slice() {
                self.sequence += 1;
                let slot = &mut self.slots[self.sequence as usize % PIECE];
                fill(slot, input, self.sequence);
                let stages = &mut self.stages;
                if parts > 2 {
                    stages.market.on_slot(&slot.input, &mut slot.market);
                }
                if parts > 3 {
                    stages.feature.on_slot(&slot.input, &slot.market, &mut slot.features);
                }
                if parts > 4 {
                    stages.signal.on_slot(&slot.input, &slot.market, &slot.features, &mut slot.signal);
                }
                if parts > 5 {
                    stages.risk.on_slot(&slot.input, &slot.market, &slot.signal, &mut slot.risk);
                }
                if parts > 6 {
                    stages.execution.on_slot(&slot.input, &slot.market, &slot.risk, &mut slot.execution);
                    Self::out(&mut self.outlet, slot);
                }
                black_box(slot);
            }
        }
        self.now = block.last().map_or(self.now, |message| message.at);
    }

    /// A block, piece by piece; gives the nanoseconds of each part.
    pub fn block(&mut self, block: &[Message]) -> [f64; PARTS.len()] {
        let mut sums = [0.0; PARTS.len()];
        for piece in block.chunks(PIECE) {
            let times = self.piece(piece);
            sums.iter_mut().zip(times).for_each(|(sum, time)| *sum += time);
        }
        sums
    }

    fn piece(&mut self, piece: &[Message]) -> [f64; PARTS.len()] {
        let mut times = [0.0; PARTS.len()];
        self.batch.clear();
        times[0] = timed(|| {
            for message in piece {
                let frame =
                    Frame { ts_recv: message.at, source: SourceId::FEED_FIRST, bytes: black_box(&message.bytes) };
                self.decoder.decode(&frame, &mut self.directory, &mut self.batch).expect("a frame of the venue");
            }
        });
        self.now = piece.last().map_or(self.now, |message| message.at);
        let count = self.batch.len();
        assert!(count <= self.slots.len(), "{count} inputs of {PIECE} messages");
        let slots = &mut self.slots[..count];
        times[1] = timed(|| {
            for (slot, input) in slots.iter_mut().zip(self.batch.as_slice()) {
                self.sequence += 1;
                fill(slot, input, self.sequence);
            }
        });
        let stages = &mut self.stages;
        times[2] = timed(|| slots.iter_mut().for_each(|slot| stages.market.on_slot(&slot.input, &mut slot.market)));
        times[3] = timed(|| {
            for slot in &mut *slots {
                stages.feature.on_slot(&slot.input, &slot.market, &mut slot.features);
            }
        });
        times[4] = timed(|| {
            for slot in &mut *slots {
                stages.signal.on_slot(&slot.input, &slot.market, &slot.features, &mut slot.signal);
            }
        });
        times[5] = timed(|| {
            for slot in &mut *slots {
                stages.risk.on_slot(&slot.input, &slot.market, &slot.signal, &mut slot.risk);
            }
        });
        times[6] = timed(|| {
            for slot in &mut *slots {
                stages.execution.on_slot(&slot.input, &slot.market, &slot.risk, &mut slot.execution);
                Self::out(&mut self.outlet, slot);
            }
        });
        for slot in &*slots {
            self.hash.update(slot.input.sequence, &SlotDigest::of(slot));
        }
        times
    }

    /// The venue's answers, as `HotPath::answer` gives them.
    pub fn answer(&mut self) {
        while let Some(outgoing) = self.orders.try_recv() {
            if outgoing.order.command().kind != CommandKind::New.code() {
                continue;
            }
            self.sent += 1;
            let input = filled(&outgoing, self.sent, self.now);
            self.whole(&input);
        }
    }

    /// What came of it so far.
    pub fn came(&self) -> Came {
        Came { orders: self.sent, inputs: self.sequence, hash: self.hash }
    }
}
