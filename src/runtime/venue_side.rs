//! Hot: the venue's side of the loop: orders under way to it, the venue, reports under way from it.

use super::inflow::Inflow;
use super::outlet::Outgoing;
use super::patience::Patience;
use super::sequencer::Meanwhile;
use crate::control::gate::Gate;
use crate::event::definition::Definition;
use crate::event::execution::CommandKind;
use crate::event::input::{GateReason, Input, InputKind};
use crate::event::report::{ExecType, Report, VenueReason};
use crate::event::statement::Statement;
use crate::ring::spsc;
use crate::types::ids::{ClientOrderId, InstrumentId, Sequence, SourceId};
use crate::types::instrument::Instrument;
use crate::types::price::Qty;
use crate::types::time::{Nanos, UnixNanos};
use crate::venue::directory::Directory;
use crate::venue::sim::generator::{FrameBuffer, Generator};
use crate::venue::sim::latency::LatencyModel;
use crate::venue::sim::random::keyed;
use crate::venue::sim::recorded::RecordedVenue;
use crate::venue::sim::report::VenueReport;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Reports that never reach us, as configured: a drill of the comparison with the venue.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    /// Reports lost at random, in 10⁻⁶.
    pub ppm: u32,
    /// Seed of the draws.
    pub seed: u64,
}

impl Losses {
    const STREAM: u64 = 0x105e;

    /// A pure function of seed, order and number of the report.
    fn takes(&self, id: ClientOrderId, number: u64) -> bool {
        self.ppm > 0 && keyed(self.seed, Self::STREAM, id.0 ^ number.rotate_left(32)) % 1_000_000 < u64::from(self.ppm)
    }
}

/// The ensemble is the one strategy of a host.
const STRATEGY: u32 = 0;

/// The venue behind the loop.
pub enum Exchange {
    /// Matches against a recorded book.
    Recorded(Box<RecordedVenue>),
    /// Makes its own market.
    Generated(Box<Generator>),
}

impl Exchange {
    /// What the venue says of an instrument; of all orders, for `NONE`.
    fn statement(&self, instrument: InstrumentId) -> Option<Statement> {
        match self {
            Self::Recorded(venue) => venue.statement(instrument),
            Self::Generated(venue) => venue.statement(instrument),
        }
    }

    fn take_report(&mut self) -> Option<VenueReport> {
        match self {
            Self::Recorded(venue) => venue.take_report(),
            Self::Generated(venue) => venue.take_report(),
        }
    }
}

/// What the venue tells us, in the order in which it does.
enum Said {
    Report(VenueReport),
    /// What we have there in the instrument (`NONE`: all orders), at that time of the venue.
    Statement(UnixNanos, InstrumentId, Statement),
}

/// Everything between the execution stage and the report inputs.
pub struct VenueSide {
    orders: spsc::Receiver<Outgoing>,
    /// Orders under way, with the time of their arrival; never decreasing.
    arrivals: VecDeque<(UnixNanos, Outgoing)>,
    arrived_last: UnixNanos,
    /// Inputs whose own time lies before what was already sequenced, with the time that counts for their orders.
    late: VecDeque<(Sequence, UnixNanos)>,
    exchange: Exchange,
    latency: LatencyModel,
    said: VecDeque<(UnixNanos, Said)>,
    released_last: UnixNanos,
    report_number: u64,
    /// Instruments in which an order was sent: what the venue is asked about.
    ordered: Vec<InstrumentId>,
    /// Whether an instrument is among them, by id.
    is_ordered: Vec<bool>,
    /// The sequence behind the last message that the venue took, or that was stopped on its way.
    arrived: Sequence,
    /// Instruments as they were defined last, for their scales.
    defined: Vec<Option<Instrument>>,
    losses: Losses,
    frames: FrameBuffer,
    delivered_last: UnixNanos,
    frame_number: u64,
    /// Sequence up to which orders may take effect; `u64::MAX` where nothing is journaled.
    durable: Arc<AtomicU64>,
    /// How long it waits for that; `None` = for ever.
    patience: Option<Patience>,
    /// The order that waited last while the ring was full, and since which clock reading.
    waits: (Sequence, u64),
}

impl VenueSide {
    /// A venue behind `latency`, with room for `instruments_max` instruments; orders come from `orders` and take effect once
    /// `durable` has reached their sequence.
    pub fn new(
        orders: spsc::Receiver<Outgoing>,
        exchange: Exchange,
        latency: LatencyModel,
        durable: Arc<AtomicU64>,
        instruments_max: usize,
    ) -> Self {
        Self {
            orders,
            arrivals: VecDeque::with_capacity(4096),
            arrived_last: UnixNanos::MIN,
            late: VecDeque::with_capacity(1024),
            exchange,
            latency,
            said: VecDeque::with_capacity(4096),
            released_last: UnixNanos::MIN,
            report_number: 0,
            ordered: Vec::with_capacity(instruments_max),
            is_ordered: vec![false; instruments_max],
            defined: vec![None; instruments_max],
            losses: Losses::default(),
            arrived: 0,
            frames: FrameBuffer::default(),
            delivered_last: UnixNanos::MIN,
            frame_number: 0,
            durable,
            patience: None,
            waits: (0, 0),
        }
    }

    /// Live: the journal is not waited for longer than `patience`.
    pub fn with_patience(mut self, patience: Option<Patience>) -> Self {
        self.patience = patience;
        self
    }

    /// Reports are lost at random, for drills.
    pub fn with_losses(mut self, losses: Losses) -> Self {
        self.losses = losses;
        self
    }

    /// The venue, at the end.
    pub fn into_exchange(self) -> Exchange {
        self.exchange
    }

    /// The least time from a decision to the venue.
    #[inline]
    pub fn entry_min(&self) -> Nanos {
        self.latency.entry_min()
    }

    /// Takes over what the execution stage has sent; `true` if there was something.
    #[inline]
    pub fn drain(&mut self) -> bool {
        let mut any = false;
        while let Some(outgoing) = self.orders.try_recv() {
            any = true;
            let key = outgoing.order.command().client_order_id.0;
            let at = self.decided_at(&outgoing).saturating_add(self.latency.entry(key));
            // One connection to the venue: a later message does not overtake an earlier one.
            self.arrived_last = self.arrived_last.max(at);
            self.arrivals.push_back((self.arrived_last, outgoing));
        }
        any
    }

    /// Tells that the input `sequence` was handled at `now`, though its own time lies before that (a capture's times may go
    /// back): its orders are decided now, not in the past.
    pub fn late(&mut self, sequence: Sequence, now: UnixNanos) {
        self.late.push_back((sequence, now));
    }

    /// Forgets what concerns inputs up to `executed`, whose orders have all been taken over.
    pub fn forget_late(&mut self, executed: Sequence) {
        while self.late.front().is_some_and(|l| l.0 <= executed) {
            self.late.pop_front();
        }
    }

    fn decided_at(&self, outgoing: &Outgoing) -> UnixNanos {
        match self.late.binary_search_by_key(&outgoing.sequence, |l| l.0) {
            Ok(place) => self.late.get(place).map_or(outgoing.ts, |l| l.1),
            Err(_) => outgoing.ts,
        }
    }

    /// When the next order reaches the venue.
    #[inline]
    pub fn next_order(&self) -> Option<UnixNanos> {
        self.arrivals.front().map(|a| a.0)
    }

    /// When the next report reaches us.
    #[inline]
    pub fn next_report(&self) -> Option<UnixNanos> {
        self.said.front().map(|said| said.0)
    }

    /// Whether the venue makes its own market.
    #[inline]
    pub fn has_agents(&self) -> bool {
        matches!(self.exchange, Exchange::Generated(_))
    }

    /// When something happens inside the generated market.
    #[inline]
    pub fn next_agents(&self) -> Option<UnixNanos> {
        match &self.exchange {
            Exchange::Generated(generator) => Some(generator.next_time()),
            Exchange::Recorded(_) => None,
        }
    }

    /// Lets the generated market take its next step, and sends off what it publishes.
    pub fn step_agents(&mut self, inflow: &mut Inflow) {
        let Exchange::Generated(generator) = &mut self.exchange else { return };
        self.frames.clear();
        generator.step(&mut self.frames);
        for frame in self.frames.iter() {
            self.frame_number += 1;
            let at = frame.ts_venue.saturating_add(self.latency.feed(self.frame_number));
            self.delivered_last = self.delivered_last.max(at);
            inflow.push(self.delivered_last, frame.bytes);
        }
        self.collect();
    }

    /// A market input, for a venue that follows the recorded market.
    #[inline]
    pub fn on_market(&mut self, input: &Input) {
        if let Exchange::Recorded(venue) = &mut self.exchange {
            venue.on_market(input);
            self.collect();
        }
    }

    /// An instrument is defined with input `sequence`, perhaps in finer units than before: orders and reports that are under way
    /// mean what they meant. All orders from before it must have been [drained](Self::drain). What the venue was about to say
    /// is not said: it would be in both units.
    #[cold]
    pub fn define(&mut self, sequence: Sequence, input: &Input) {
        let Some(new) = input.payload::<Definition>().instrument(input.instrument) else { return };
        let Some(Some(old)) = self.defined.get_mut(input.instrument.index()).map(|known| known.replace(new)) else {
            return;
        };
        let by = |new: u8, old: u8| new.saturating_sub(old);
        let px_by = by(new.price_decimals, old.price_decimals);
        let qty_by = by(new.qty_decimals, old.qty_decimals);
        let money_by = by(new.money_decimals(), old.money_decimals());
        if (px_by, qty_by) == (0, 0) {
            return;
        }
        let of_before = |outgoing: &Outgoing| {
            outgoing.sequence < sequence && outgoing.order.command().instrument == input.instrument
        };
        for (_, outgoing) in self.arrivals.iter_mut().filter(|(_, outgoing)| of_before(outgoing)) {
            match outgoing.order.in_finer_units(px_by, qty_by) {
                Some(finer) => outgoing.order = finer,
                // A cancel goes by its order's name. An order that cannot be written does not leave, and is told as refused.
                None => outgoing.encoded &= outgoing.order.command().kind == CommandKind::Cancel.code(),
            }
        }
        self.said.retain_mut(|(_, said)| match said {
            Said::Report(report) if report.instrument == input.instrument => {
                let finer = report.report.in_finer_units(px_by, qty_by, money_by);
                // One that does not fit is lost, and found missing with the next statement.
                finer.is_some_and(|finer| {
                    report.report = finer;
                    true
                })
            }
            Said::Report(_) => true,
            Said::Statement(_, of, _) => of.is_some() && *of != input.instrument,
        });
    }

    /// Asks the venue what we have there: all open orders, and each instrument in which an order was sent. The answers come
    /// behind the reports of before, and hold up nothing: a question must not change what it asks about.
    pub fn ask(&mut self, at: UnixNanos) {
        for index in 0..=self.ordered.len() {
            let instrument = index.checked_sub(1).and_then(|i| self.ordered.get(i)).copied();
            let instrument = instrument.unwrap_or(InstrumentId::NONE);
            if let Some(statement) = self.exchange.statement(instrument) {
                let statement = Statement { arrived: self.arrived, ..statement };
                self.released_last = self.released_last.max(at);
                self.said.push_back((self.released_last, Said::Statement(at, instrument, statement)));
            }
        }
    }

    /// The next order reaches the venue, once it is in the journal; `false` if the gate stopped it.
    pub fn deliver_order(&mut self, gate: &Gate, directory: &Directory) -> bool {
        let Some(sequence) = self.arrivals.front().map(|a| a.1.sequence) else { return false };
        let written = self.await_durable(sequence, gate);
        self.deliver(written, gate, directory)
    }

    /// Whether the next order may reach the venue without a wait for the journal, and whether it is written; `None` = not
    /// yet, or time is simulated at full speed: then orders go at their time and at no other. An order that asks for the
    /// first time begins to wait here.
    pub fn need_not_wait(&mut self, gate: &Gate) -> Option<bool> {
        let patience = self.patience.as_ref()?;
        let sequence = self.arrivals.front()?.1.sequence;
        if self.is_written(sequence, gate) {
            return Some(true);
        }
        if self.waits.0 != sequence {
            self.waits = (sequence, patience.begin());
        }
        (patience.is_over(gate) || patience.is_too_long(self.waits.1)).then_some(false)
    }

    /// The next order reaches the venue; `written` says whether it is in the journal. `false` if the gate stopped it.
    pub fn deliver(&mut self, written: bool, gate: &Gate, directory: &Directory) -> bool {
        let Some((at, Outgoing { sequence, order, flatten, encoded, .. })) = self.arrivals.pop_front() else {
            return false;
        };
        let command = *order.command();
        self.arrived = self.arrived.max(sequence);
        let new = command.kind == CommandKind::New.code();
        // An instrument that is not known has no venue: such an order may not leave.
        let passes = || {
            if !written {
                gate.stopped_one();
                return false;
            }
            let Some(known) = directory.get(command.instrument) else {
                gate.stopped_one();
                return false;
            };
            if flatten {
                return gate.lets_flatten_pass(known.id);
            }
            if self.patience.as_ref().is_some_and(|patience| !patience.is_looked_after(gate)) {
                // Told to risk and the record; whoever watches lifts it with the next look.
                gate.hold(GateReason::Fault);
                gate.stopped_one();
                return false;
            }
            gate.lets_pass(known.id, known.venue, STRATEGY)
        };
        if let Some(is_ordered @ false) = self.is_ordered.get_mut(command.instrument.index()).filter(|_| new) {
            *is_ordered = true;
            self.ordered.push(command.instrument);
        }
        if !encoded || (new && !passes()) {
            // It never left: say so, as the venue's refusal would, so that the order's state is right.
            let report = Report {
                fee: 0,
                client_order_id: command.client_order_id,
                venue_order_id: 0,
                trade_id: 0,
                last_px: command.px,
                last_qty: Qty(0),
                cum_qty: Qty(0),
                leaves_qty: if new { Qty(0) } else { command.qty },
                exec_type: if new { ExecType::Rejected } else { ExecType::CancelRejected }.code(),
                side: command.side,
                liquidity: 0,
                reason: VenueReason::Gated.code(),
                reserved: [0; 4],
            };
            self.queue(VenueReport { ts_venue: at, instrument: command.instrument, trace: sequence, report });
            return false;
        }
        match &mut self.exchange {
            Exchange::Recorded(venue) => venue.on_order(at, &order, sequence),
            Exchange::Generated(generator) => generator.on_order(at, &order, sequence),
        }
        self.collect();
        true
    }

    /// Whether the journal has `sequence`, or nothing to wait for any more.
    #[inline]
    fn is_written(&self, sequence: Sequence, gate: &Gate) -> bool {
        self.durable.load(Ordering::Acquire) >= sequence || gate.is_journal_faulted()
    }

    /// Written before effect: waits for the journal, unless it failed or (live) takes too long: then the gate is closed, so
    /// that only cancels go on.
    /// Whether the order is written.
    fn await_durable(&mut self, sequence: Sequence, gate: &Gate) -> bool {
        let mut since = None;
        while !self.is_written(sequence, gate) {
            if let Some(patience) = &self.patience {
                let since = *since.get_or_insert_with(|| patience.begin());
                if patience.is_over(gate) || patience.is_too_long(since) {
                    return false;
                }
            }
            self.drain();
            std::thread::yield_now();
        }
        true
    }

    fn collect(&mut self) {
        while let Some(report) = self.exchange.take_report() {
            if self.losses.takes(report.report.client_order_id, self.report_number) {
                self.report_number += 1;
            } else {
                self.queue(report);
            }
        }
    }

    fn queue(&mut self, report: VenueReport) {
        self.report_number += 1;
        let key = report.report.client_order_id.0 ^ self.report_number.rotate_left(32);
        let at = report.ts_venue.saturating_add(self.latency.response(key));
        // One connection from the venue: reports keep their order.
        self.released_last = self.released_last.max(at);
        self.said.push_back((self.released_last, Said::Report(report)));
    }

    /// The report or statement that reaches us now, as an input.
    pub fn take_report(&mut self) -> Option<Input> {
        let (at, report) = match self.said.pop_front()? {
            (at, Said::Report(report)) => (at, report),
            (at, Said::Statement(stated, instrument, statement)) => {
                let mut input = Input::new(InputKind::Statement, SourceId::REPORT, instrument, at, &statement);
                input.ts_event = stated;
                return Some(input);
            }
        };
        let mut input = Input::new(InputKind::Report, SourceId::REPORT, report.instrument, at, &report.report);
        input.trace = report.trace;
        input.ts_event = report.ts_venue;
        input.venue_id = report.report.trade_id;
        Some(input)
    }
}

impl Meanwhile for VenueSide {
    fn meanwhile(&mut self) {
        self.drain();
    }
}
