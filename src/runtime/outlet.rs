//! Hot: the execution stage's way out: approval, encoding, and the queue to the venue's side.

use crate::event::approval::ApprovedOrder;
use crate::event::definition::Definition;
use crate::event::execution::{Agreement, COMMANDS_MAX, ExecutionSection};
use crate::event::input::{Input, InputKind};
use crate::event::risk::{RiskSection, marks};
use crate::ring::spsc;
use crate::types::ids::Sequence;
use crate::types::time::UnixNanos;
use crate::venue::order_entry::{HostTag, OrderEncoder};
use arrayvec::ArrayVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An approved order on its way to the venue.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// Time of the input that led to it.
    pub ts: UnixNanos,
    /// That input's sequence.
    pub sequence: Sequence,
    /// The order, with its proof.
    pub order: ApprovedOrder,
    /// Whether it belongs to a flatten that an operator asked for: it only reduces, and passes a halted host.
    pub flatten: bool,
    /// Whether it could be written for the venue; if not, it never leaves and is reported as refused.
    pub encoded: bool,
}

/// Counters of the way out; read by anybody.
#[derive(Debug, Default)]
pub struct OutletCounters {
    /// Orders and cancels encoded.
    pub encoded: AtomicU64,
    /// Their bytes.
    pub encoded_bytes: AtomicU64,
    /// Commands that were not covered by risk's approval: a fault of ours. Must be 0.
    pub not_approved: AtomicU64,
    /// Commands that the encoder could not write.
    pub not_encodable: AtomicU64,
    /// Orders of the host that are open.
    pub open_orders: AtomicU64,
    /// Statements of the venue that were compared with what we hold.
    pub compared: AtomicU64,
    /// Instruments (and the whole, as one more) whose last statement differed.
    pub differing: AtomicU64,
    /// Orders that the venue never answered, as of its last statement.
    pub unanswered: AtomicU64,
}

/// The way out.
pub struct OrderOutlet {
    encoder: OrderEncoder,
    host: HostTag,
    sender: spsc::Sender<Outgoing>,
    waiting: ArrayVec<Outgoing, COMMANDS_MAX>,
    counters: Arc<OutletCounters>,
}

impl OrderOutlet {
    /// A way out through `sender`, whose other end the sequencer's thread drains whenever it waits.
    pub fn new(
        encoder: OrderEncoder,
        host: HostTag,
        sender: spsc::Sender<Outgoing>,
        counters: Arc<OutletCounters>,
    ) -> Self {
        Self { encoder, host, sender, waiting: ArrayVec::new(), counters }
    }

    /// Checks and encodes the commands of a slot. What risk did not approve is stopped here and counted.
    #[inline]
    pub fn encode(&mut self, input: &Input, risk: &RiskSection, execution: &ExecutionSection) {
        for index in 0..execution.commands().len() {
            let Ok(order) = ApprovedOrder::verify(risk, execution, index) else {
                self.counters.not_approved.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let Some(bytes) = self.encoder.encode(&order, &self.host, input.ts_recv) else {
                self.counters.not_encodable.fetch_add(1, Ordering::Relaxed);
                self.push(input, risk, order, false);
                continue;
            };
            let length = bytes.len() as u64;
            // Only this thread writes the counters: a plain load and store is enough, and cheaper than a locked add.
            let encoded = self.counters.encoded.load(Ordering::Relaxed);
            self.counters.encoded.store(encoded + 1, Ordering::Relaxed);
            let total = self.counters.encoded_bytes.load(Ordering::Relaxed);
            self.counters.encoded_bytes.store(total + length, Ordering::Relaxed);
            self.push(input, risk, order, true);
        }
    }

    fn push(&mut self, input: &Input, risk: &RiskSection, order: ApprovedOrder, encoded: bool) {
        // There is room for as many as a slot has commands.
        let flatten = risk.has(marks::FLATTEN);
        let outgoing = Outgoing { ts: input.ts_recv, sequence: input.sequence, order, flatten, encoded };
        if self.waiting.try_push(outgoing).is_err() {
            self.counters.not_encodable.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Gives the encoded orders to the sequencer's side. That side drains whenever it waits, so this cannot last; an
    /// order is never dropped.
    #[inline]
    pub fn hand_over(&mut self) {
        while let Some(outgoing) = self.waiting.pop_at(0) {
            let mut outgoing = outgoing;
            while let Err(back) = self.sender.try_send(outgoing) {
                outgoing = back;
                if self.sender.is_closed() {
                    return;
                }
                std::hint::spin_loop();
            }
        }
    }

    #[cold]
    fn compare(&mut self, input: &Input, execution: &ExecutionSection) {
        self.counters.differing.store(u64::from(execution.differing), Ordering::Release);
        if !input.instrument.is_some() {
            self.counters.unanswered.store(u64::from(execution.unanswered), Ordering::Relaxed);
        }
        if execution.agreement != Agreement::None.code() {
            let compared = self.counters.compared.load(Ordering::Relaxed);
            self.counters.compared.store(compared + 1, Ordering::Release);
        }
    }

    /// Learns instruments, for the encoder's templates, and shows how many orders are open and whether the venue agrees.
    #[inline]
    pub fn observe(&mut self, input: &Input, execution: &ExecutionSection) {
        self.counters.open_orders.store(u64::from(execution.open_orders), Ordering::Release);
        if input.kind == InputKind::Statement.code() {
            self.compare(input, execution);
        }
        if input.kind == InputKind::Definition.code()
            && let Some(instrument) = input.payload::<Definition>().instrument(input.instrument)
        {
            self.encoder.define(&instrument);
        }
    }
}
