//! Hot: the discrete-event loop: what happens next, in simulated time.
//!
//! Six kinds of things can be next: a timer, a report that reaches us, a market message that reaches us, an event inside
//! the generated market, an order that reaches the venue, and the question to the venue what we have there. The earliest goes first; at the same time they go in that
//! order. An order is known only once the execution stage has handled the input that leads to it, which may be on
//! another thread. So before anything at time T is done, execution must have handled every input before T minus the
//! smallest entry latency (conservative look-ahead): then no order can arrive before T that we do not know of, and one
//! thread and five give the same sequence.

use super::clock::Tsc;
use super::complaint::Complaint;
use super::decoders::AnyDecoder;
use super::frames::{FrameRef, FrameRefKind};
use super::inflow::{Inflow, Next, source_of};
use super::problems::Problems;
use super::sequencer::Sequencer;
pub use super::surroundings::{Ended, Limits, LoopProgress, SimulationCounts, Surroundings};
use super::timers::Timers;
use super::venue_ahead::VenueAhead;
use super::venue_side::VenueSide;
use crate::event::definition::Definition;
use crate::event::input::{Gap, GapReason, GateReason, Input, InputKind};
use crate::ring::wait::Waiter;
use crate::types::ids::{InstrumentId, Sequence, SourceId};
use crate::types::time::{SECONDS, UnixNanos};
use crate::venue::directory::Directory;
use crate::venue::feed::{DecodeError, DecodeFault, Frame, InputBatch};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// The loop.
pub struct Simulation {
    sequencer: Sequencer,
    side: VenueSide,
    inflow: Inflow,
    decoders: Vec<AnyDecoder>,
    directory: Directory,
    batch: InputBatch,
    ledger: Ledger,
    waiter: Waiter,
    around: Surroundings,
    seen: Vec<u64>,
    problems: Problems,
    stopping_at: Option<UnixNanos>,
    ended: Ended,
    first_sequence: Sequence,
}

/// What was published.
struct Ledger {
    counts: SimulationCounts,
    started: bool,
    timers: Timers,
    questions: Timers,
    /// Published inputs that the execution stage may not have handled yet: last sequence by time.
    open: VecDeque<(UnixNanos, Sequence)>,
}

impl Ledger {
    #[inline]
    fn enter(&mut self, input: &Input, sequence: Sequence, side: &mut VenueSide) {
        if !self.started {
            self.started = true;
            self.counts.first = input.ts_recv;
            self.counts.last = input.ts_recv;
        }
        if input.ts_recv < self.counts.last {
            side.late(sequence, self.counts.last);
        }
        self.counts.last = self.counts.last.max(input.ts_recv);
        match self.open.back_mut() {
            Some(last) if last.0 >= input.ts_recv => last.1 = sequence,
            _ => self.open.push_back((input.ts_recv, sequence)),
        }
        if input.kind == InputKind::Definition.code() {
            self.timers.cover(input.instrument);
        }
    }
}

/// What the sequencer does while it waits, of the parts of a [`Simulation`] that it does not need itself.
macro_rules! ahead {
    ($loop:ident) => {
        &mut VenueAhead {
            side: &mut $loop.side,
            inflow: &mut $loop.inflow,
            gate: &$loop.around.gate,
            directory: &$loop.directory,
            progress: &$loop.around.progress,
        }
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Timer,
    Report,
    Frame,
    Agents,
    Order,
    Question,
    Nothing,
}

/// The word at `at` of a frame, for people.
#[cold]
fn symbol_at(bytes: &[u8], at: usize) -> String {
    let rest = bytes.get(at..).unwrap_or_default();
    let start = rest.iter().position(u8::is_ascii_alphanumeric).unwrap_or(0);
    let word: Vec<u8> =
        rest[start..].iter().copied().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').take(32).collect();
    String::from_utf8_lossy(&word).into_owned()
}

impl Simulation {
    /// A loop over `inflow`, whose readers are decoded by `decoders`, with the venue `side`.
    pub fn new(
        sequencer: Sequencer,
        side: VenueSide,
        inflow: Inflow,
        decoders: Vec<AnyDecoder>,
        directory: Directory,
        around: Surroundings,
    ) -> Self {
        let seen = vec![0; around.reader_names.len().max(1)];
        let ledger = Ledger {
            counts: SimulationCounts::default(),
            started: false,
            timers: Timers::new(around.timer_interval),
            questions: Timers::new(around.statement_interval),
            open: VecDeque::with_capacity(1 << 16),
        };
        let waiter = Waiter::new(around.wait);
        let first_sequence = sequencer.next_sequence();
        Self {
            sequencer,
            side,
            inflow,
            decoders,
            directory,
            batch: InputBatch::with_capacity(1024),
            ledger,
            waiter,
            around,
            seen,
            problems: Problems::default(),
            stopping_at: None,
            ended: Ended::Data,
            first_sequence,
        }
    }

    /// Publishes what must stand before all market data: the epoch, definitions, orders found gone; and asks the venue for the
    /// first time.
    pub fn begin(&mut self, inputs: &[Input]) {
        for input in inputs {
            let sequence = self.sequencer.publish_first(input, &mut self.side);
            self.ledger.enter(input, sequence, &mut self.side);
            if input.kind == InputKind::Definition.code() {
                self.side.define(sequence, input);
            }
            self.side.on_market(input);
        }
        if let Some(last) = inputs.last() {
            self.side.ask(last.ts_recv);
        }
    }

    /// Time of the first frame; `None` if there is none at all. Waits for the loader.
    pub fn first_frame(&mut self) -> Option<UnixNanos> {
        loop {
            match self.inflow.peek() {
                Next::At(at) => return Some(at),
                Next::Ended => return None,
                Next::NotYet => {
                    if self.around.gate.is_stopping() {
                        return None;
                    }
                    self.waiter.idle();
                }
            }
        }
    }

    /// What the loader found wrong, where nothing was sequenced at all.
    pub fn take_faults(&mut self) -> Vec<Complaint> {
        std::mem::take(&mut self.inflow.faults)
    }

    /// The instruments known.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Sets other limits, and goes on where an old one ended the run.
    pub fn set_limits(&mut self, limits: Limits) {
        self.around.limits = limits;
        self.stopping_at = None;
        self.ended = Ended::Data;
    }

    /// Runs to the end: of the data, of the limits, or when asked to stop.
    pub fn run(&mut self) -> SimulationCounts {
        while self.step() {}
        // What was ordered last must be known before the threads go home.
        let last = self.sequencer.next_sequence() - 1;
        self.sequencer.await_execution(last, &mut self.side);
        self.around.progress.events.store(self.ledger.counts.events, Ordering::Relaxed);
        self.around.progress.bytes_read.store(self.inflow.bytes_taken(), Ordering::Relaxed);
        for fault in self.inflow.faults.drain(..) {
            self.problems.fatal(fault);
        }
        self.ledger.counts.orders_arrived = self.around.progress.orders_arrived.load(Ordering::Relaxed);
        self.ledger.counts.inputs = last + 1 - self.first_sequence;
        self.ledger.counts
    }

    /// How the run came to its end.
    pub fn ended(&self) -> Ended {
        self.ended
    }

    /// What the decoders read but made no input of, by name.
    pub fn notes(&self) -> Vec<(String, u64)> {
        let mut notes: Vec<(String, u64)> = Vec::new();
        for note in self.decoders.iter().flat_map(AnyDecoder::notes) {
            match notes.iter_mut().find(|n| n.0 == note.0) {
                Some(known) => known.1 += note.1,
                None => notes.push(note),
            }
        }
        notes
    }

    /// The last sequence that was given.
    pub fn last_sequence(&self) -> Sequence {
        self.sequencer.next_sequence() - 1
    }

    /// Gives up what the summary wants: the instruments, the problems, and how often the ring was full.
    pub fn into_parts(self) -> (Directory, Problems, u64) {
        (self.directory, self.problems, self.sequencer.stalls)
    }

    /// One thing; `false` at the end.
    #[inline]
    fn step(&mut self) -> bool {
        self.take_commands();
        let (mut what, mut at) = self.next();
        loop {
            let horizon = if what == What::Nothing { UnixNanos::MAX } else { at };
            if !self.look_ahead(horizon) {
                break;
            }
            let (what_now, at_now) = self.next();
            if (what_now, at_now) == (what, at) {
                break;
            }
            (what, at) = (what_now, at_now);
        }
        if what == What::Nothing {
            // A stop that comes while the loader is behind is one all the same.
            let stopped = self.around.gate.is_stopping() && self.inflow.peek() != Next::Ended;
            return stopped && self.stopping_at.is_none() && !self.is_over(self.ledger.counts.last);
        }
        if self.is_over(at) {
            return false;
        }
        if self.around.pacer.is_some() && !self.wait_until(at) {
            return true;
        }
        match what {
            What::Timer => self.on_timer(at),
            What::Report => self.on_report(),
            What::Frame => self.on_frame(),
            What::Agents => self.side.step_agents(&mut self.inflow),
            What::Order => {
                if self.side.deliver_order(&self.around.gate, &self.directory) {
                    self.around.progress.one_arrived();
                }
            }
            What::Question => {
                self.side.ask(at);
                self.ledger.questions.done(at);
            }
            What::Nothing => {}
        }
        true
    }

    /// What is next, of what is known.
    #[inline]
    fn next(&mut self) -> (What, UnixNanos) {
        let mut best = (What::Nothing, UnixNanos::MAX);
        let frame = loop {
            match self.inflow.peek() {
                Next::NotYet if !self.side.has_agents() => {
                    if self.around.gate.is_stopping() {
                        break None;
                    }
                    self.side.drain();
                    self.waiter.idle();
                }
                Next::At(at) => break Some(at),
                Next::NotYet | Next::Ended => break None,
            }
        };
        let mut offer = |what: What, at: Option<UnixNanos>| {
            if let Some(at) = at
                && at < best.1
            {
                best = (what, at);
            }
        };
        offer(What::Report, self.side.next_report());
        // A capture's time may go back; it is then handled at once, not in the past.
        offer(What::Frame, frame);
        offer(What::Agents, self.side.next_agents());
        offer(What::Order, self.side.next_order());
        if best.0 != What::Nothing
            && let Some(timer) = self.ledger.timers.next_at(best.1)
            && timer <= best.1
        {
            best = (What::Timer, timer);
        }
        // Last at its time: the answer then knows of all that happened at it.
        if best.0 != What::Nothing
            && let Some(question) = self.ledger.questions.next_at(best.1)
            && question < best.1
        {
            best = (What::Question, question);
        }
        best
    }

    /// Waits until execution has handled every input that may lead to an order before `horizon`; `false` if there was
    /// none to wait for and no new order.
    #[inline]
    fn look_ahead(&mut self, horizon: UnixNanos) -> bool {
        let bound = horizon.saturating_sub(self.side.entry_min());
        let mut must = 0;
        while let Some(&(ts, sequence)) = self.ledger.open.front()
            && (ts < bound || horizon == UnixNanos::MAX)
        {
            must = sequence;
            self.ledger.open.pop_front();
        }
        if must > 0 {
            self.sequencer.await_execution(must, &mut self.side);
        }
        let any = self.side.drain();
        if must > 0 {
            self.side.forget_late(must);
        }
        any || must > 0
    }

    fn is_over(&mut self, at: UnixNanos) -> bool {
        let limits = self.around.limits;
        let reached = (limits.events_max > 0 && self.ledger.counts.events >= limits.events_max)
            || (limits.nanos_max > 0
                && self.ledger.started
                && at.saturating_sub(self.ledger.counts.first) > limits.nanos_max);
        let stop = self.around.gate.is_stopping();
        if self.stopping_at.is_none() {
            if !reached && !stop {
                return false;
            }
            self.ended = if stop { Ended::Stopped } else { Ended::Limit };
            let now = self.ledger.counts.last;
            self.stopping_at = Some(now);
            if self.around.pacer.is_some() {
                // A clean end: no new orders, working ones are cancelled, and their reports are waited for.
                self.sequencer.tell(now, ahead!(self));
                let sequence = self.sequencer.change_gate(GateReason::Shutdown, true, now, ahead!(self));
                self.sequencer.await_execution(sequence, &mut self.side);
            }
        }
        let since = self.stopping_at.unwrap_or(at);
        self.around.pacer.is_none()
            || self.around.outlet.open_orders.load(Ordering::Acquire) == 0
            || at > since.saturating_add(2 * SECONDS)
    }

    /// Waits for wall time; `false` if the run is to end meanwhile. Once it ends, market time is no longer held to the wall.
    fn wait_until(&mut self, at: UnixNanos) -> bool {
        let Some(pacer) = &mut self.around.pacer else { return true };
        if self.stopping_at.is_some() {
            return true;
        }
        loop {
            let wait = pacer.wait_ns(at);
            if wait == 0 {
                return true;
            }
            if self.around.gate.is_stopping() || self.around.commands.as_ref().is_some_and(|c| !c.is_empty()) {
                return false;
            }
            if self.sequencer.has_news() {
                self.sequencer.tell(self.ledger.counts.last, ahead!(self));
                // What that leads to (cancels) is next, not what was waited for.
                return false;
            }
            pacer.rest(wait);
        }
    }

    #[inline]
    fn publish(&mut self, input: &Input) {
        let sequence = self.sequencer.publish(input, ahead!(self));
        self.ledger.enter(input, sequence, &mut self.side);
    }

    /// Puts what people and agents want into the sequence, at the time that the market has come to.
    #[inline]
    fn take_commands(&mut self) {
        let Some(commands) = &mut self.around.commands else { return };
        while let Some(mut input) = commands.try_recv() {
            input.ts_recv = self.ledger.counts.last;
            let sequence = self.sequencer.publish(&input, ahead!(self));
            self.ledger.enter(&input, sequence, &mut self.side);
        }
    }

    fn on_timer(&mut self, at: UnixNanos) {
        for id in 0..self.ledger.timers.instruments() {
            let input =
                Input::new(InputKind::Timer, SourceId::TIMER, InstrumentId(id), at, &crate::event::input::Nothing {});
            self.publish(&input);
        }
        self.ledger.timers.done(at);
    }

    fn on_report(&mut self) {
        if let Some(mut input) = self.side.take_report() {
            if let Some(tsc) = &self.around.stamps {
                input.stamp = tsc.read();
            }
            self.publish(&input);
            self.ledger.counts.reports += u64::from(input.kind == InputKind::Report.code());
        }
    }

    #[inline]
    fn on_frame(&mut self) {
        let stamp = self.around.stamps.as_ref().map_or(0, Tsc::read);
        self.batch.clear();
        let Some((frame, block)) = self.inflow.take() else { return };
        match frame.kind {
            FrameRefKind::Definitions => {
                self.directory.catalogue(block.definitions.iter().copied());
                return;
            }
            FrameRefKind::Gap(from, to) => return self.on_gap(frame, from, to, GapReason::SequenceJump),
            FrameRefKind::Cut => return self.on_gap(frame, 0, 0, GapReason::Truncated),
            FrameRefKind::BadRecord => return self.on_gap(frame, 0, 0, GapReason::Undecodable),
            FrameRefKind::Message | FrameRefKind::RestSnapshot(_) => {}
        }
        let bytes = &block.bytes[frame.offset as usize..][..frame.len as usize];
        let reader = usize::from(frame.reader);
        let whole = Frame { ts_recv: frame.ts_recv, source: source_of(frame.reader), bytes };
        let Some(decoder) = self.decoders.get_mut(reader) else { return };
        let result = decoder.decode(&whole, &frame, &mut self.directory, &mut self.batch).map_err(|error| {
            let symbol =
                if error.fault == DecodeFault::UnknownSymbol { symbol_at(bytes, error.at) } else { String::new() };
            (error, symbol)
        });
        if self.ledger.counts.events == 0 {
            self.around.progress.first_stamp.store(stamp, Ordering::Relaxed);
        }
        self.ledger.counts.events += 1;
        self.seen[reader] += 1;
        if self.ledger.counts.events.is_multiple_of(16) {
            self.around.progress.events.store(self.ledger.counts.events, Ordering::Relaxed);
            self.around.progress.bytes_read.store(self.inflow.bytes_taken(), Ordering::Relaxed);
        }
        if let Err((error, symbol)) = result {
            self.on_undecodable(&frame, error, &symbol);
        }
        for i in 0..self.batch.len() {
            if let Some(tsc) = &self.around.stamps {
                let input = &mut self.batch.as_mut_slice()[i];
                input.stamp = stamp;
                input.decode_ticks = u32::try_from(tsc.read().saturating_sub(stamp)).unwrap_or(u32::MAX);
            }
            let input = &self.batch.as_slice()[i];
            let sequence = self.sequencer.publish(input, ahead!(self));
            self.ledger.enter(input, sequence, &mut self.side);
            if input.kind == InputKind::Definition.code() {
                // What was ordered before it is in the old units.
                self.sequencer.await_execution(sequence, &mut self.side);
                self.side.drain();
                self.side.define(sequence, &self.batch.as_slice()[i]);
            }
            self.side.on_market(&self.batch.as_slice()[i]);
        }
    }

    /// The transport tells that messages are missing.
    #[cold]
    fn on_gap(&mut self, frame: FrameRef, from: u64, to: u64, reason: GapReason) {
        self.ledger.counts.gaps += 1;
        let gap = Gap { from, to, reason: reason.code(), reserved: [0; 7] };
        let input = Input::new(InputKind::Gap, source_of(frame.reader), InstrumentId::NONE, frame.ts_recv, &gap);
        self.publish(&input);
        self.side.on_market(&input);
    }

    /// A message that could not be read: told, counted, and, where the book may have lost something by it, a gap.
    #[cold]
    fn on_undecodable(&mut self, frame: &FrameRef, error: DecodeError, symbol: &str) {
        let reader = usize::from(frame.reader);
        let (name, unit) =
            self.around.reader_names.get(reader).map_or(("the feed", "message"), |(name, unit)| (name.as_str(), *unit));
        let number = if frame.number > 0 { frame.number } else { self.seen[reader] };
        if error.fault == DecodeFault::UnknownSymbol {
            self.problems.unknown_symbol(name, unit, number, symbol);
        } else {
            self.problems.message(reader, name, unit, number, &error);
        }
        let reason = match error.fault {
            DecodeFault::UnknownMessage | DecodeFault::UnknownSymbol => return,
            DecodeFault::OutOfRange => GapReason::OutOfRange,
            DecodeFault::Syntax | DecodeFault::Field | DecodeFault::TooShort => GapReason::Undecodable,
        };
        let gap = Gap { from: 0, to: 0, reason: reason.code(), reserved: [0; 7] };
        let source = source_of(frame.reader);
        *self.batch.next() = Input::new(InputKind::Gap, source, InstrumentId::NONE, frame.ts_recv, &gap);
    }

    /// Definitions as inputs, in the order of their ids.
    pub fn definition_inputs(&self, at: UnixNanos) -> Vec<Input> {
        self.directory.all().iter().map(|instrument| Definition::input(instrument, at)).collect()
    }
}
