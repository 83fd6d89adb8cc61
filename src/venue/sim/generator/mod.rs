//! Hot: a market that does not exist: agents trade with each other, and with us, on a real matching engine.
//!
//! What is published are the bytes that Binance USD-M would send, so that decoder, synchronisation and everything
//! behind them do their ordinary work. Our orders stand in the same book: exact places in the queue, true fills.
//!
//! Every published number lies on the tick and the lot, so no scale ever has to become finer.

mod agents;
mod config;
mod frames;
mod market;
#[cfg(test)]
mod tests;
mod wire;

pub use config::{GeneratedInstrument, GeneratorConfig};
pub use frames::{FrameBuffer, Published};

use super::SimError;
use super::random::{Random, keyed};
use super::report::{OpenOrder, ReportQueue, VenueReport, count};
use crate::event::approval::ApprovedOrder;
use crate::event::execution::CommandKind;
use crate::event::report::{ExecType, VenueReason};
use crate::event::statement::Statement;
use crate::types::ids::{InstrumentId, Sequence};
use crate::types::instrument::Instrument;
use crate::types::time::{Nanos, UnixNanos};
use config::Spec;
use market::{Market, Wire};

/// The generated venue. A pure state machine in simulated time: whoever drives it owns the time.
#[derive(Debug)]
pub struct Generator {
    markets: Vec<Market>,
    now: UnixNanos,
    next: UnixNanos,
    update_id: u64,
    reports: ReportQueue,
    /// What our orders caused, until the next step takes it along.
    waiting: FrameBuffer,
    snapshot_delay: Nanos,
    reject_ppm: u32,
    seed: u64,
}

impl Generator {
    /// A market that opens at `start`. `seed_epoch` (the number of the process start) goes into the seed, so that a
    /// restarted host does not see the same day again; `start_prices` (symbol, decimal text) continue where the last
    /// epoch left off.
    ///
    /// # Errors
    /// [`SimError::Generator`].
    pub fn new(
        config: &GeneratorConfig,
        start: UnixNanos,
        seed_epoch: u64,
        start_prices: &[(&str, &str)],
    ) -> Result<Self, SimError> {
        config.validate()?;
        let seed = keyed(config.seed, 0x5eed, seed_epoch);
        let update_id = 1_000_000;
        let mut markets = Vec::with_capacity(config.instruments.len());
        for (at, one) in config.instruments.iter().enumerate() {
            let price = start_prices.iter().find(|given| given.0 == one.symbol).map(|given| given.1);
            let spec = Spec::new(config, at, price)?;
            markets.push(Market::new(&spec, config, Random::new(seed, at as u64), start, update_id));
        }
        let mut generator = Self {
            markets,
            now: start,
            next: start,
            update_id,
            reports: ReportQueue::new(1024, config.instruments.len()),
            waiting: FrameBuffer::with_capacity(64, 1 << 14),
            snapshot_delay: config.snapshot_delay_ns,
            reject_ppm: config.reject_ppm,
            seed,
        };
        generator.schedule();
        Ok(generator)
    }

    /// What trades, by id. Define these before anything else, in this order, so that the host's ids are the same.
    pub fn instruments(&self) -> Vec<Instrument> {
        self.markets.iter().map(|market| market.instrument).collect()
    }

    /// Time of the next event. Never before the last one.
    #[inline]
    pub fn next_time(&self) -> UnixNanos {
        self.waiting.first_ts().map_or(self.next, |ts| ts.min(self.next))
    }

    /// Handles exactly what happens at [`next_time`](Self::next_time), and appends what the venue publishes: one frame,
    /// several, or none.
    pub fn step(&mut self, frames: &mut FrameBuffer) {
        let ts = self.next_time();
        if !self.waiting.is_empty() {
            frames.append(&self.waiting);
            self.waiting.clear();
        }
        if self.next > ts {
            return;
        }
        self.now = self.now.max(ts);
        let mut wire = Wire { ts: self.now, frames, update_id: &mut self.update_id, reports: &mut self.reports };
        for market in &mut self.markets {
            if market.next_time() <= ts {
                market.step(&mut wire);
            }
        }
        self.schedule();
    }

    fn schedule(&mut self) {
        self.next = self.markets.iter().map(Market::next_time).min().unwrap_or(UnixNanos::MAX);
    }

    /// At `ts`, the host asks for a snapshot of a book; it is read one snapshot delay later, with the first change of
    /// the book, and comes as a frame.
    pub fn request_snapshot(&mut self, ts: UnixNanos, instrument: InstrumentId) {
        let due = ts.max(self.now).saturating_add(self.snapshot_delay.max(1));
        if let Some(market) = self.markets.get_mut(instrument.index()) {
            market.request_snapshot(due);
            self.schedule();
        }
    }

    /// A command of ours arrives at `ts_venue`, which should lie between the last event and the next one: an earlier
    /// time is taken for the last event's. What it causes to be published comes with the next [`step`](Self::step),
    /// whose time is then `ts_venue`.
    pub fn on_order(&mut self, ts_venue: UnixNanos, order: &ApprovedOrder, trace: Sequence) {
        let ts = ts_venue.max(self.now);
        self.now = ts;
        let command = order.command();
        let new = command.kind == CommandKind::New.code();
        let draw = keyed(self.seed, 0x2e1e, command.client_order_id.0) % 1_000_000;
        let refused = new && draw < u64::from(self.reject_ppm);
        let Some(market) = self.markets.get_mut(command.instrument.index()).filter(|_| !refused) else {
            let (exec_type, reason) = match (new, refused) {
                (true, true) => (ExecType::Rejected, VenueReason::Simulated),
                (true, false) => (ExecType::Rejected, VenueReason::NotTrading),
                (false, _) => (ExecType::CancelRejected, VenueReason::UnknownOrder),
            };
            self.reports.refused(ts, command, trace, exec_type, reason);
            return;
        };
        let frames = &mut self.waiting;
        let mut wire = Wire { ts, frames, update_id: &mut self.update_id, reports: &mut self.reports };
        if !new {
            market.cancel(command, trace, &mut wire);
        } else if let Err(reason) = market.place(command, trace, &mut wire) {
            wire.reports.refused(ts, command, trace, ExecType::Rejected, reason);
        }
        self.schedule();
    }

    /// The oldest report that was not taken yet.
    #[inline]
    pub fn take_report(&mut self) -> Option<VenueReport> {
        self.reports.take()
    }

    /// Our open orders, by instrument.
    pub fn resting(&self) -> impl Iterator<Item = &OpenOrder> {
        self.markets.iter().flat_map(Market::own)
    }

    /// What the venue says of one instrument; of all orders, for `NONE`. `None`: it does not know the instrument.
    pub fn statement(&self, instrument: InstrumentId) -> Option<Statement> {
        if !instrument.is_some() {
            return Some(Statement { open: count(self.resting()), ..Statement::default() });
        }
        let market = self.markets.get(instrument.index())?;
        Some(self.reports.statement(&market.instrument, market.own()))
    }

    /// The true book of an instrument, best first: for tests and comparisons.
    pub fn levels(
        &self,
        instrument: InstrumentId,
        side: crate::types::price::Side,
    ) -> impl Iterator<Item = (crate::types::price::Px, crate::types::price::Qty)> + '_ {
        self.markets.get(instrument.index()).into_iter().flat_map(move |market| market.book.levels(side))
    }
}
