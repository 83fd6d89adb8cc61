//! Edge: the reader behind execution: digest and output hash, journal, counters, histograms, and the numbers that people
//! see while it runs. A thread of its own; the hot threads only wait for it when the ring is full.

use super::clock::Tsc;
use crate::control::clock_sync::read_clocks;
use crate::control::gate::Gate;
use crate::control::ticks::{Stream, Ticks};
use crate::event::digest::{OutputHash, SlotDigest};
use crate::event::execution::{Agreement, differs};
use crate::event::input::{Depth, DepthStyle, InputKind};
use crate::event::market::Candle;
use crate::event::operator::{OperatorAction, OperatorCommand, Scope};
use crate::event::risk::OperatorOutcome;
use crate::event::slot::Slot;
use crate::event::statement::Statement;
use crate::journal::{Durability, JournalError, Loss, Places, Writer};
use crate::market::anomaly::AnomalyCounts;
use crate::metric::counts::Counts;
use crate::metric::latency::LatencySet;
use crate::ring::lane::Lane;
use crate::ring::wait::{WaitStrategy, Waiter};
use crate::types::ids::InstrumentId;
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty};
use crate::types::time::{NO_TIME, UnixNanos};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Where an instrument stands: its last slot.
#[derive(Clone, Debug)]
pub struct InstrumentView {
    /// Its definition.
    pub instrument: Instrument,
    /// The last slot of it.
    pub slot: Slot,
    /// The last slot with something to say about its account.
    pub fills: u64,
    /// The candles that closed last, in the order of the intervals; `NO_TIME` where none has closed since the definition.
    pub candles: [Candle; 4],
}

/// No candle yet.
pub const NO_CANDLES: [Candle; 4] = [Candle {
    open_time: NO_TIME,
    open: Px(0),
    high: Px(0),
    low: Px(0),
    close: Px(0),
    volume: Qty(0),
    trades: 0,
    empties: 0,
    turnover: 0,
}; 4];

/// Commands that the view remembers.
const OPERATORS_KEPT: usize = 1024;

/// What became of a command.
#[derive(Clone, Copy, Debug)]
pub struct OperatorRecord {
    /// The sequence of its input.
    pub sequence: u64,
    /// The market's time then.
    pub at: UnixNanos,
    /// The instrument that it is about, or `NONE`.
    pub instrument: InstrumentId,
    /// The command.
    pub command: OperatorCommand,
    /// Code of an `event::risk::OperatorOutcome`.
    pub outcome: u8,
    /// Of a limit: what it was.
    pub before: i128,
    /// Of a limit: what it is.
    pub now: i128,
}

impl OperatorRecord {
    /// Whether a limit is another one since.
    pub fn is_limit_change(&self) -> bool {
        self.command.action() == Some(OperatorAction::SetLimit) && self.outcome == OperatorOutcome::Accepted.code()
    }

    /// Whether a single instrument's trading state is another one since.
    pub fn is_state_change(&self) -> bool {
        is_state_change(&self.command, self.outcome)
    }
}

/// Whether `command`, of which came `outcome`, set the trading state of a single instrument.
pub fn is_state_change(command: &OperatorCommand, outcome: u8) -> bool {
    command.action() == Some(OperatorAction::SetState)
        && command.scope() == Some(Scope::Instrument)
        && outcome == OperatorOutcome::Accepted.code()
}

/// What people look at: counters, latencies, instruments. Copied out a few times a second.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Counters so far.
    pub counts: Counts,
    /// Anomalies in market data so far, by kind; a slot may have several.
    pub anomalies: AnomalyCounts,
    /// The output hash so far.
    pub output_hash: OutputHash,
    /// Last sequence.
    pub sequence: u64,
    /// Last sequence that the journal has.
    pub journaled: u64,
    /// Where the journal ends.
    pub journal_end: Places,
    /// Last sequence whose orders may take effect; `u64::MAX` where nobody waits for the journal.
    pub durable: u64,
    /// Histograms so far.
    pub latency: LatencySet,
    /// Instruments by id.
    pub instruments: BTreeMap<u32, InstrumentView>,
    /// Refusals by check code.
    pub refusals: BTreeMap<u8, u64>,
    /// Refusals of the closed gate, by the bits of the reasons that held.
    pub gate_refusals: BTreeMap<u32, u64>,
    /// Why books were not valid, last reason by instrument.
    pub invalid_reasons: BTreeMap<u32, u8>,
    /// Gate bits.
    pub gate: u32,
    /// Least and greatest feed latency seen, in nanoseconds.
    pub feed_latency: Option<(i64, i64)>,
    /// The journal's fault, if it has one.
    pub journal_fault: Option<String>,
    /// The last change of each limit by a command, by the check's number and the instrument (or `NONE`).
    pub limits: BTreeMap<(u8, u32), OperatorRecord>,
    /// The last commands and what became of them, the oldest first.
    pub operators: VecDeque<OperatorRecord>,
    /// The last change of each instrument's own trading state by a command, and the one before it, by instrument.
    pub states: BTreeMap<u32, (OperatorRecord, Option<OperatorRecord>)>,
    /// How the venue's last statement and we differ, by instrument (`NONE`: all orders), while they do.
    pub differences: BTreeMap<u32, String>,
    /// Market data that the journal had no room for (live: orders and control went on), as its notes tell it.
    pub not_recorded: Vec<Loss>,
}

/// What the recorder works with.
pub struct RecorderSetup {
    /// The journal, if there is one.
    pub journal: Option<Writer>,
    /// When an order may take effect.
    pub durability: Durability,
    /// Sequence up to which that holds; written by the recorder.
    pub durable: Arc<AtomicU64>,
    /// The switches.
    pub gate: Arc<Gate>,
    /// For histograms.
    pub tsc: Tsc,
    /// How to wait.
    pub wait: WaitStrategy,
    /// Set to the last sequence when no more will come.
    pub end: Arc<AtomicU64>,
    /// Where to put the view; `None` = only at the end.
    pub shared: Option<Arc<Mutex<View>>>,
    /// When market data came in, for whoever watches its age; `None` = nobody does.
    pub ticks: Option<Arc<Ticks>>,
    /// Whether the host is live: then, when the journal fails, it still cancels and records that before it ends.
    pub live: bool,
}

/// The recorder's state.
pub struct Recorder {
    lane: Lane<Slot>,
    setup: RecorderSetup,
    view: View,
}

const PUBLISH_EVERY: Duration = Duration::from_millis(100);

impl Recorder {
    /// A recorder on `lane`, which waits for the execution stage.
    pub fn new(lane: Lane<Slot>, setup: RecorderSetup) -> Self {
        if setup.journal.is_none() {
            setup.durable.store(u64::MAX, Ordering::Release);
        }
        Self { lane, setup, view: View::default() }
    }

    /// Runs until the last sequence is recorded; closes the journal.
    ///
    /// # Errors
    /// A journal that failed; the view is complete all the same.
    pub fn run(mut self) -> (View, Option<JournalError>) {
        let mut waiter = Waiter::new(self.setup.wait);
        let mut fault: Option<JournalError> = None;
        let mut published = Instant::now();
        loop {
            let ready = self.lane.ready();
            if ready == 0 {
                if self.lane.sequence() >= self.setup.end.load(Ordering::Acquire) {
                    break;
                }
                waiter.idle();
            } else {
                waiter.reset();
                let journals = self.setup.live && self.setup.journal.is_some();
                if journals {
                    self.setup.gate.journal_begins(self.setup.tsc.read());
                }
                let (view, setup) = (&mut self.view, &mut self.setup);
                let now = setup.ticks.as_ref().map(|_| read_clocks());
                self.lane.advance(ready.min(512), |slot| {
                    let sequence = slot.sequence();
                    let slot = slot.whole();
                    let digest = SlotDigest::of(slot);
                    view.output_hash.update(sequence, &digest);
                    view.sequence = sequence;
                    // After a fault: a replay ends there, so that its journal is an exact prefix; a live host goes on to
                    // write what concerns orders (cancels and their reports) into the audit log's reserve, market data if
                    // there is room again, and ends. The journal itself notes from where to where it has none.
                    let wanted = fault.is_none() || setup.live;
                    if wanted
                        && let Some(journal) = &mut setup.journal
                        && let Err(error) = journal.append(slot, &digest)
                        && fault.is_none()
                    {
                        setup.gate.journal_failed();
                        setup.gate.stop();
                        view.journal_fault = Some(error.to_string());
                        fault = Some(error);
                    }
                    if fault.is_none() && setup.journal.is_some() {
                        view.journaled = sequence;
                    }
                    view.take_in(slot, &setup.tsc);
                    if let (Some(ticks), Some(now)) = (&setup.ticks, now)
                        && let Some(stream) = stream_of(slot)
                    {
                        ticks.tick(slot.input.source, slot.input.instrument, stream, now);
                    }
                });
                self.make_durable(&mut fault);
                if journals {
                    self.setup.gate.journal_is_done();
                }
                self.view.durable = self.setup.durable.load(Ordering::Acquire);
                self.view.journal_end = self.setup.journal.as_ref().map(Writer::places).unwrap_or_default();
            }
            if let Some(shared) = &self.setup.shared
                && published.elapsed() >= PUBLISH_EVERY
            {
                published = Instant::now();
                // Whoever looks at it may be stuck (a terminal that does not read): then this time is left out.
                if let Ok(mut shared) = shared.try_lock() {
                    shared.clone_from(&self.view);
                }
            }
        }
        if self.setup.live {
            self.view.not_recorded = self.setup.journal.as_ref().map(Writer::losses).unwrap_or_default();
        }
        if let Some(journal) = self.setup.journal.take()
            && let Err(error) = journal.close()
            && fault.is_none()
        {
            self.view.journal_fault = Some(error.to_string());
            fault = Some(error);
        }
        (self.view, fault)
    }

    /// Lets orders of the batch take effect, as the configured durability allows.
    fn make_durable(&mut self, fault: &mut Option<JournalError>) {
        let Some(journal) = &mut self.setup.journal else { return };
        if fault.is_some() {
            return;
        }
        match self.setup.durability {
            Durability::None => self.setup.durable.store(u64::MAX, Ordering::Release),
            Durability::Written => self.setup.durable.store(self.view.sequence, Ordering::Release),
            Durability::Synced => match journal.sync() {
                Ok(sequence) => self.setup.durable.store(sequence, Ordering::Release),
                Err(error) => {
                    self.setup.gate.journal_failed();
                    self.setup.gate.stop();
                    self.view.journal_fault = Some(error.to_string());
                    *fault = Some(error);
                }
            },
        }
    }
}

/// Of which stream the input is, if it tells a price: what says nothing of the market (a gap, a status, what could not be read)
/// makes no data fresh. A snapshot that was asked for is no stream.
#[inline]
fn stream_of(slot: &Slot) -> Option<Stream> {
    match InputKind::from_code(slot.input.kind)? {
        InputKind::Depth if slot.input.payload::<Depth>().style == DepthStyle::Snapshot.code() => Some(Stream::Other),
        InputKind::Depth | InputKind::OrderEvent => Some(Stream::Book),
        InputKind::Quote => Some(Stream::Quote),
        InputKind::Trade | InputKind::Bar => Some(Stream::Other),
        _ => None,
    }
}

impl View {
    /// Takes in one slot.
    #[inline]
    pub fn take_in(&mut self, slot: &Slot, tsc: &Tsc) {
        self.counts.update(slot);
        self.anomalies.add(slot.market.anomalies);
        self.latency.record(slot, |from, to| tsc.nanos_between(from, to));
        let id = slot.input.instrument.0;
        if slot.input.kind == InputKind::Definition.code() {
            if let Some(instrument) =
                slot.input.payload::<crate::event::definition::Definition>().instrument(slot.input.instrument)
            {
                self.instruments
                    .entry(id)
                    .and_modify(|view| (view.instrument, view.candles) = (instrument, NO_CANDLES))
                    .or_insert(InstrumentView { instrument, slot: *slot, fills: 0, candles: NO_CANDLES });
            }
        } else if let Some(view) = self.instruments.get_mut(&id) {
            view.slot = *slot;
            if slot.market.closed_mask != 0 {
                for (i, (place, candle)) in view.candles.iter_mut().zip(&slot.market.closed).enumerate() {
                    if slot.market.closed_mask >> i & 1 == 1 {
                        *place = *candle;
                    }
                }
            }
            view.fills += u64::from(slot.execution.updated != 0 && slot.execution.update.last_qty.0 > 0);
        }
        if slot.market.invalid_reason != 0 && slot.input.instrument.is_some() {
            self.invalid_reasons.insert(id, slot.market.invalid_reason);
        }
        if slot.risk.check != 0 {
            *self.refusals.entry(slot.risk.check).or_default() += 1;
            if slot.risk.check == crate::risk::code::gate {
                *self.gate_refusals.entry(slot.risk.gate).or_default() += 1;
            }
        }
        self.gate = slot.risk.gate;
        match Agreement::from_code(slot.execution.agreement) {
            Some(Agreement::Agrees) => {
                self.differences.remove(&id);
            }
            Some(Agreement::Differs) => {
                let text = self.difference(slot);
                self.differences.insert(id, text);
            }
            Some(Agreement::None) | None => {}
        }
        if slot.input.kind == InputKind::Operator.code() {
            if self.operators.len() == OPERATORS_KEPT {
                self.operators.pop_front();
            }
            let record = OperatorRecord {
                sequence: slot.input.sequence,
                at: slot.input.ts_recv,
                instrument: slot.input.instrument,
                command: *slot.input.payload(),
                outcome: slot.risk.operator,
                before: slot.risk.value,
                now: slot.risk.limit,
            };
            if record.is_limit_change() {
                // Beside the list, which forgets.
                self.limits.insert((record.command.limit, record.instrument.0), record);
            }
            if record.is_state_change() {
                let before = self.states.get(&record.instrument.0).map(|(last, _)| *last);
                self.states.insert(record.instrument.0, (record, before));
            }
            self.operators.push_back(record);
        }
        if slot.input.kind >= InputKind::Depth.code() && slot.market.feed_latency != crate::types::time::NO_TIME {
            let latency = slot.market.feed_latency;
            let (low, high) = self.feed_latency.unwrap_or((latency, latency));
            self.feed_latency = Some((low.min(latency), high.max(latency)));
        }
    }

    /// In what a statement and we differ, with both sides' numbers.
    #[cold]
    fn difference(&self, slot: &Slot) -> String {
        let (stated, execution, risk): (&Statement, _, _) = (slot.input.payload(), &slot.execution, &slot.risk);
        let known = self.instruments.get(&slot.input.instrument.0).map(|view| &view.instrument);
        let text = |qty: Qty| known.map_or_else(|| qty.0.to_string(), |known| crate::report::number::qty(known, qty));
        let mut words = vec![format!(
            "{}: {}",
            known.map_or_else(|| "all orders".to_owned(), Instrument::name),
            differs::names(execution.differs)
        )];
        for (bit, what, venue, host) in [
            (differs::ORDERS, "open orders", stated.open.orders.to_string(), execution.confirmed.orders.to_string()),
            (differs::ORDERS, "open buys", text(stated.open.open_buy), text(execution.confirmed.open_buy)),
            (differs::ORDERS, "open sells", text(stated.open.open_sell), text(execution.confirmed.open_sell)),
            (differs::FILLS, "bought", text(stated.traded.bought), text(execution.traded.bought)),
            (differs::FILLS, "sold", text(stated.traded.sold), text(execution.traded.sold)),
        ] {
            if execution.differs & bit != 0 {
                words.push(format!("{what} {venue} at the venue, {host} here"));
            }
        }
        for (bit, what, of_risk, of_execution) in [
            (differs::POSITION, "a position", risk.position, execution.position),
            (differs::OPEN, "open buys", risk.open_buy, execution.open_buy),
            (differs::OPEN, "open sells", risk.open_sell, execution.open_sell),
        ] {
            if execution.differs & bit != 0 {
                words.push(format!("{what} of {} by risk, {} by execution", text(of_risk), text(of_execution)));
            }
        }
        if execution.differs & differs::UNANSWERED != 0 {
            words.push(format!("{} orders that the venue took were never answered", execution.unanswered));
        }
        words.join(", ")
    }
}
