//! Hot: our orders in a recorded market: they queue behind what was shown, and trade with what was traded.
//!
//! The recording cannot react to us. What is simulated: the place in the queue, fills by trades at or through our price,
//! fills when the other side is shown at or through our price, and taking what is shown, level by level. What is not:
//! that others would have seen our order, or would have acted differently after our trade. So the result is right for
//! small orders only.

pub mod book;
mod market;
mod order;
#[cfg(test)]
mod tests;

use super::SimError;
use super::queue::{QueueConfig, QueueModel};
use super::random::keyed;
use super::report::{OpenOrder, ReportQueue, VenueReport, count};
use crate::event::approval::ApprovedOrder;
use crate::event::definition::Definition;
use crate::event::execution::{CommandKind, OrderCommand};
use crate::event::input::{Input, InputKind, OrderEvent, Quote, Status, Trade, TradingState};
use crate::event::report::{ExecType, VenueReason};
use crate::event::statement::Statement;
use crate::types::ids::{InstrumentId, Sequence, SourceId};
use crate::types::time::UnixNanos;
use hashbrown::HashMap;
use market::{Known, Market};
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

/// Configuration of the venue for recorded markets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordedConfig {
    /// How a resting order moves up in its queue. Order-by-order recordings (ITCH, LOBSTER) use the true queue instead.
    pub queue: QueueConfig,
    /// Fill a resting order only when the market trades or is shown strictly **through** its price, never at it.
    pub through_only: bool,
    /// Extra lots that are taken to stand ahead of a new resting order.
    pub extra_lots_ahead: u32,
    /// Orders refused at random, in 10⁻⁶.
    pub reject_ppm: u32,
    /// Seed of the random refusals.
    pub seed: u64,
    /// Most open orders of ours per instrument.
    pub orders_max: u32,
    /// Most levels kept on one side of a book; the worst are forgotten.
    pub levels_max: u32,
    /// Most recorded orders that are followed (order-by-order recordings), all instruments together.
    pub recorded_orders_max: u32,
}

impl Default for RecordedConfig {
    fn default() -> Self {
        Self {
            queue: QueueConfig::RiskAverse,
            through_only: false,
            extra_lots_ahead: 0,
            reject_ppm: 0,
            seed: 1,
            orders_max: 256,
            levels_max: 8192,
            recorded_orders_max: 1 << 18,
        }
    }
}

/// The venue. Inputs and orders must come in the order of the venue's time.
#[derive(Debug)]
pub struct RecordedVenue {
    config: RecordedConfig,
    model: QueueModel,
    markets: Vec<Market>,
    /// Recorded orders by (instrument, reference); never iterated. Room is taken with the first order event.
    known: HashMap<(u32, u64), Known, FxBuildHasher>,
    arrivals: u64,
    reports: ReportQueue,
}

impl RecordedVenue {
    /// A venue for up to `instruments_max` instruments.
    ///
    /// # Errors
    /// [`SimError::Queue`].
    pub fn new(config: &RecordedConfig, instruments_max: usize) -> Result<Self, SimError> {
        Ok(Self {
            model: QueueModel::new(config.queue)?,
            config: config.clone(),
            // A book takes its memory when its instrument is defined.
            markets: (0..instruments_max).map(|_| Market::new()).collect(),
            known: HashMap::default(),
            arrivals: 0,
            reports: ReportQueue::new(1024, instruments_max),
        })
    }

    /// The oldest report that was not taken yet.
    #[inline]
    pub fn take_report(&mut self) -> Option<VenueReport> {
        self.reports.take()
    }

    /// Our open orders, by instrument; within one side of an instrument the first to trade comes first.
    pub fn resting(&self) -> impl Iterator<Item = &OpenOrder> {
        self.markets.iter().flat_map(|market| market.orders.iter().map(|resting| &resting.open))
    }

    /// What the venue says of one instrument; of all orders, for `NONE`. `None`: it does not know the instrument.
    pub fn statement(&self, instrument: InstrumentId) -> Option<Statement> {
        if !instrument.is_some() {
            return Some(Statement { open: count(self.resting()), ..Statement::default() });
        }
        let market = self.markets.get(instrument.index())?;
        let resting = market.orders.iter().map(|resting| &resting.open);
        market.instrument.as_ref().map(|instrument| self.reports.statement(instrument, resting))
    }

    /// The book of an instrument as the recording shows it; `None` while it is not whole.
    pub fn book(&self, instrument: InstrumentId) -> Option<&book::RecordedBook> {
        self.markets.get(instrument.index()).map(|market| &market.book).filter(|book| book.is_whole())
    }

    /// Takes one market input. Its `ts_recv` is the venue's time. Other kinds of inputs mean nothing here.
    pub fn on_market(&mut self, input: &Input) {
        let at = input.instrument.index();
        match input.kind() {
            Some(InputKind::Epoch) => self.restart(),
            Some(InputKind::Definition) => self.define(input),
            Some(InputKind::Status) => {
                let trading = input.payload::<Status>().state == TradingState::Trading.code();
                self.each_concerned(input, |market| market.trading = trading);
            }
            Some(InputKind::Gap) => self.each_concerned(input, Market::lose),
            Some(InputKind::OrderEvent) => self.on_order_event(input),
            Some(kind @ (InputKind::Depth | InputKind::Trade | InputKind::Quote)) => {
                let Some(market) = self.markets.get_mut(at).filter(|market| market.instrument.is_some()) else {
                    return;
                };
                market.source = Some(input.source);
                let mut desk = Desk::new(&self.model, &self.config, &mut self.reports, input.ts_recv);
                match kind {
                    InputKind::Depth => market.on_depth(input, &mut desk),
                    InputKind::Trade => {
                        let trade = input.payload::<Trade>();
                        market.on_trade(trade.px, trade.qty.0, trade.aggressor(), &mut desk);
                    }
                    _ => market.on_quote(input.payload::<Quote>(), &mut desk),
                }
            }
            _ => {}
        }
    }

    /// A command arrives at the venue at `ts_venue`; `trace` is the input that led to it.
    pub fn on_order(&mut self, ts_venue: UnixNanos, order: &ApprovedOrder, trace: Sequence) {
        let command = order.command();
        let cancel = command.kind == CommandKind::Cancel.code();
        let Some(market) = self.markets.get_mut(command.instrument.index()) else {
            let (exec_type, reason) = if cancel {
                (ExecType::CancelRejected, VenueReason::UnknownOrder)
            } else {
                (ExecType::Rejected, VenueReason::NotTrading)
            };
            self.reports.refused(ts_venue, command, trace, exec_type, reason);
            return;
        };
        let mut desk = Desk::new(&self.model, &self.config, &mut self.reports, ts_venue);
        if cancel {
            market.cancel(command, trace, &mut desk);
        } else if refused_at_random(&self.config, command) {
            desk.reports.refused(ts_venue, command, trace, ExecType::Rejected, VenueReason::Simulated);
        } else {
            self.arrivals += 1;
            if let Err(reason) = market.place(command, trace, self.arrivals, &mut desk) {
                desk.reports.refused(ts_venue, command, trace, ExecType::Rejected, reason);
            }
        }
    }

    fn on_order_event(&mut self, input: &Input) {
        let Some(market) = self.markets.get_mut(input.instrument.index()).filter(|m| m.instrument.is_some()) else {
            return;
        };
        if self.known.capacity() == 0 {
            self.known.reserve(self.config.recorded_orders_max as usize);
        }
        self.arrivals += 1;
        market.source = Some(input.source);
        let mut followed = market::Followed {
            known: &mut self.known,
            orders_max: self.config.recorded_orders_max as usize,
            instrument: input.instrument,
            arrival: self.arrivals,
        };
        let mut desk = Desk::new(&self.model, &self.config, &mut self.reports, input.ts_recv);
        market.on_order_event(input.payload::<OrderEvent>(), &mut followed, &mut desk);
    }

    /// A new process start: the venue is empty; the coordinator reconciles.
    fn restart(&mut self) {
        self.known.clear();
        self.reports.restart();
        for market in &mut self.markets {
            market.restart();
        }
    }

    fn define(&mut self, input: &Input) {
        let Some(instrument) = input.payload::<Definition>().instrument(input.instrument) else { return };
        if let Some(market) = self.markets.get_mut(input.instrument.index()) {
            let mut desk = Desk::new(&self.model, &self.config, &mut self.reports, input.ts_recv);
            market.define(instrument, &mut desk);
        }
    }

    /// The instrument of the input, or all instruments of its source.
    fn each_concerned(&mut self, input: &Input, mut act: impl FnMut(&mut Market)) {
        if input.instrument == InstrumentId::NONE {
            let concerned = |source: Option<SourceId>| source.is_none_or(|source| source == input.source);
            self.markets.iter_mut().filter(|market| concerned(market.source)).for_each(act);
        } else if let Some(market) = self.markets.get_mut(input.instrument.index()) {
            act(market);
        }
    }
}

/// What a market needs to answer one event.
struct Desk<'a> {
    model: &'a QueueModel,
    config: &'a RecordedConfig,
    reports: &'a mut ReportQueue,
    ts: UnixNanos,
}

impl<'a> Desk<'a> {
    fn new(model: &'a QueueModel, config: &'a RecordedConfig, reports: &'a mut ReportQueue, ts: UnixNanos) -> Desk<'a> {
        Desk { model, config, reports, ts }
    }
}

/// A pure function of seed and order id.
fn refused_at_random(config: &RecordedConfig, command: &OrderCommand) -> bool {
    config.reject_ppm > 0
        && keyed(config.seed, 0x2e1e, command.client_order_id.0) % 1_000_000 < u64::from(config.reject_ppm)
}
