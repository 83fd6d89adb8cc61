//! Hot: the producer's end of the ring: the one place where inputs get their number.

use super::group::StageGroup;
use super::patience::Patience;
use crate::control::gate::Gate;
use crate::control::state::gate_changes;
use crate::event::input::{GateChange, GateReason, Input, InputKind};
use crate::event::slot::Slot;
use crate::ring::lane::Producer;
use crate::ring::sequence::Cursor;
use crate::ring::wait::{WaitStrategy, Waiter};
use crate::types::ids::{InstrumentId, Sequence, SourceId};
use crate::types::time::UnixNanos;
use std::sync::Arc;

/// Bytes of an input's header.
const HEADER: usize = core::mem::offset_of!(Input, payload);

/// What the sequencer does while the ring is full or another thread must catch up.
pub trait Meanwhile {
    /// Called again and again while waiting.
    fn meanwhile(&mut self);

    /// Called again and again while there is no room in the ring, which lasts as long as the journal does. `true` = a small
    /// piece of work was done, and there may be more: ask for room, then call again at once.
    fn no_room(&mut self) -> bool {
        self.meanwhile();
        false
    }
}

/// Gives inputs their sequence, writes them into the ring and runs the stages that share its thread.
pub struct Sequencer {
    producer: Producer<Slot>,
    group: Option<Box<dyn StageGroup>>,
    execution: Cursor,
    waiter: Waiter,
    gate: Arc<Gate>,
    /// Slots in use beyond which the gate closes, and how long the journal may be at one batch; `None` when time is
    /// simulated at full speed: then waiting costs no market time, and a closed gate would make the outcome depend on the
    /// disk.
    watermark: Option<(u64, Patience)>,
    lagging: bool,
    /// Bits of the gate's reasons that the ring has heard of.
    told: u32,
    /// Times that the ring was full.
    pub stalls: u64,
}

impl Sequencer {
    /// The producer with the stages on its thread; `execution` shows how far the execution stage is.
    pub fn new(
        producer: Producer<Slot>,
        group: Option<Box<dyn StageGroup>>,
        execution: Cursor,
        wait: WaitStrategy,
        gate: Arc<Gate>,
        watermark: Option<(u64, Patience)>,
    ) -> Self {
        Self {
            producer,
            group,
            execution,
            waiter: Waiter::new(wait),
            gate,
            watermark,
            lagging: false,
            told: 0,
            stalls: 0,
        }
    }

    /// The sequence that the next input will get.
    #[inline]
    pub fn next_sequence(&self) -> Sequence {
        self.producer.next_sequence()
    }

    /// How far the execution stage is.
    #[inline]
    pub fn executed(&self) -> Sequence {
        self.execution.get()
    }

    /// Slots in use: those that the slowest reader has not passed yet. Looks at all readers.
    pub fn in_use(&mut self) -> u64 {
        self.producer.capacity() - self.producer.free()
    }

    /// Puts `input` into the ring as it stands, but for its sequence; waits for room if there is none.
    #[inline]
    pub fn publish(&mut self, input: &Input, meanwhile: &mut impl Meanwhile) -> Sequence {
        if self.watermark.is_some() {
            self.watch(input.ts_recv, meanwhile);
        }
        self.put(input, meanwhile)
    }

    /// [`publish`](Self::publish) without a look at the gate: for what must stand before all else in an epoch, the epoch
    /// itself first. A gate change in front of it would meet stages that are only half restored.
    pub fn publish_first(&mut self, input: &Input, meanwhile: &mut impl Meanwhile) -> Sequence {
        self.put(input, meanwhile)
    }

    #[inline]
    fn put(&mut self, input: &Input, meanwhile: &mut impl Meanwhile) -> Sequence {
        let sequence = self.producer.next_sequence();
        let used = HEADER + usize::from(input.payload_len).min(size_of::<Input>() - HEADER);
        let mut full = false;
        loop {
            let group = &mut self.group;
            let done = self.producer.try_publish(|slot| {
                let (_, target) = slot.split::<Input>();
                bytemuck::bytes_of_mut(target)[..used].copy_from_slice(&bytemuck::bytes_of(input)[..used]);
                target.sequence = sequence;
                if let Some(group) = group {
                    group.run(slot);
                }
            });
            if done {
                if full {
                    self.waiter.reset();
                }
                return sequence;
            }
            full = true;
            self.stalls += 1;
            if let Some((_, patience)) = &self.watermark {
                // A ring that fills up faster than that must not hide a disk that does not answer.
                patience.is_over(&self.gate);
            }
            if !meanwhile.no_room() {
                self.waiter.idle();
            }
        }
    }

    /// Closes and opens the gate by how full the ring is and how long the journal takes, and by faults of the journal and
    /// the kill switch.
    fn watch(&mut self, now: UnixNanos, meanwhile: &mut impl Meanwhile) {
        let Some((watermark, patience)) = &self.watermark else { return };
        let (watermark, stalled) = (*watermark, patience.is_over(&self.gate));
        let capacity = self.producer.capacity();
        // `has_free` looks at the lanes again only when what it knows of them is used up: cheap for every input.
        let room_above_watermark = (capacity + 1).saturating_sub(watermark);
        if !self.lagging && (stalled || !self.producer.has_free(room_above_watermark)) {
            self.lagging = true;
            self.change_gate(GateReason::JournalLag, true, now, meanwhile);
        } else if self.lagging && !stalled && capacity - self.producer.free() <= watermark / 2 {
            self.lagging = false;
            self.change_gate(GateReason::JournalLag, false, now, meanwhile);
        }
        self.tell(now, meanwhile);
    }

    /// Whether the gate's atomics say something else than the ring has heard.
    #[inline]
    pub fn has_news(&self) -> bool {
        self.watermark.is_some() && self.gate.reasons() != self.told
    }

    /// Turns what the gate's atomics say into inputs, so that the record and the replay know it.
    #[inline]
    pub fn tell(&mut self, now: UnixNanos, meanwhile: &mut impl Meanwhile) {
        let holds = self.gate.reasons();
        if holds != self.told {
            self.tell_changes(holds, now, meanwhile);
        }
    }

    #[cold]
    fn tell_changes(&mut self, holds: u32, now: UnixNanos, meanwhile: &mut impl Meanwhile) {
        let before = std::mem::replace(&mut self.told, holds);
        // What closes goes before what opens: the gate is never open in between.
        for (reason, closed) in gate_changes(before, holds) {
            self.change_gate(reason, closed, now, meanwhile);
        }
    }

    /// Publishes that `reason` holds or holds no longer.
    pub fn change_gate(
        &mut self,
        reason: GateReason,
        closed: bool,
        now: UnixNanos,
        meanwhile: &mut impl Meanwhile,
    ) -> Sequence {
        let change = GateChange { reason: reason.code(), closed: u8::from(closed), reserved: [0; 6] };
        let input = Input::new(InputKind::Gate, SourceId::HOST, InstrumentId::NONE, now, &change);
        self.put(&input, meanwhile)
    }

    /// Waits until the execution stage has handled `sequence`.
    #[inline]
    pub fn await_execution(&mut self, sequence: Sequence, meanwhile: &mut impl Meanwhile) {
        if self.execution.get() >= sequence {
            return;
        }
        while self.execution.get() < sequence {
            meanwhile.meanwhile();
            self.waiter.idle();
        }
        self.waiter.reset();
    }
}
