//! Hot: the stage: which input goes to which instrument.

use super::anomaly::AnomalyCounts;
use super::buffer::DepthPool;
use super::calendar::UsEquities;
use super::config::{Config, ConfigError};
use super::instrument::{InstrumentState, Shared};
use super::l2::L2Book;
use super::l3::OrderStore;
use super::stats::MarketStats;
use crate::event::definition::Definition;
use crate::event::input::{EpochStart, Input, InputKind, Status, TradingState};
use crate::event::market::{InvalidReason, MarketSection, anomaly, flags};
use crate::types::ids::InstrumentId;
use crate::types::instrument::VenueKind;
use crate::types::price::Qty;
use crate::types::time::NO_TIME;

/// Sources whose session state is remembered.
const SOURCES_MAX: usize = 256;

/// The market stage: books, candles, calendar, freshness and anomalies of all instruments.
#[derive(Debug)]
pub struct MarketStage {
    shared: Shared,
    instruments: Vec<Option<Box<InstrumentState>>>,
    anomalies: AnomalyCounts,
    /// Why a book is not whole before its first data.
    first_reason: InvalidReason,
}

impl MarketStage {
    /// A stage for instruments with the ids `0 .. instruments_max`.
    ///
    /// # Errors
    /// [`ConfigError`] for a limit outside its range or a date that is none.
    pub fn new(config: &Config, instruments_max: usize) -> Result<Self, ConfigError> {
        config.validate()?;
        let shared = Shared {
            us: UsEquities::new(config)?,
            pool: DepthPool::new(config.buffer_parts_max, config.buffer_parts_instrument_max),
            orders: None,
            sessions: Vec::with_capacity(SOURCES_MAX),
            config: config.clone(),
        };
        let mut instruments = Vec::new();
        instruments.resize_with(instruments_max, || None);
        Ok(Self { shared, instruments, anomalies: AnomalyCounts::default(), first_reason: InvalidReason::NoData })
    }

    /// Takes in an input and writes the whole section (but its stamp, what nobody ever writes, and the candles that did not
    /// close).
    pub fn on_slot(&mut self, input: &Input, out: &mut MarketSection) {
        const STAMP: usize = 8;
        bytemuck::bytes_of_mut(out)[STAMP..MarketSection::USED].fill(0);
        out.exchange_time = NO_TIME;
        out.feed_latency = NO_TIME;
        out.book_time = NO_TIME;
        let kind = input.kind();
        match kind {
            Some(InputKind::Epoch) => self.restart(input),
            Some(InputKind::Definition) if !self.define(input) => out.anomalies |= anomaly::UNDEFINED,
            Some(InputKind::Status | InputKind::Gap) if !input.instrument.is_some() => self.on_venue(input, out),
            _ => {}
        }
        if let Some(state) = self.instruments.get_mut(input.instrument.index()).and_then(Option::as_mut) {
            state.on_input(input, kind, &mut self.shared, out);
        } else if input.instrument.is_some() || is_market(kind) {
            out.anomalies |= anomaly::UNDEFINED;
            if input.instrument.is_some() {
                out.flags |= flags::STALE;
                out.invalid_reason = InvalidReason::NoData.code();
            }
        }
        self.anomalies.add(out.anomalies);
    }

    /// A process start: everything is forgotten, the instruments too (their definitions follow), so that a stage that ran on
    /// and one that was made anew are the same from here.
    fn restart(&mut self, input: &Input) {
        for place in &mut self.instruments {
            if let Some(mut state) = place.take() {
                state.release(&mut self.shared);
            }
        }
        self.shared.sessions.clear();
        if let Some(orders) = &mut self.shared.orders {
            orders.clear_all();
        }
        let first = input.payload::<EpochStart>().epoch <= 1;
        self.first_reason = if first { InvalidReason::NoData } else { InvalidReason::Restart };
    }

    /// A definition, new or finer; `false` if it is none, coarser, or there is no room for its id.
    fn define(&mut self, input: &Input) -> bool {
        if (input.payload_len as usize) < size_of::<Definition>() {
            return false;
        }
        let Some(instrument) = input.payload::<Definition>().instrument(input.instrument) else { return false };
        let Some(place) = self.instruments.get_mut(input.instrument.index()) else { return false };
        let by_order = match instrument.venue {
            VenueKind::Nasdaq => true,
            VenueKind::Lobster => !self.shared.config.lobster_level_1,
            _ => false,
        };
        if by_order && self.shared.orders.is_none() {
            self.shared.orders = Some(OrderStore::new(self.shared.config.orders_max));
        }
        if let Some(state) = place {
            return state.redefine(instrument, &mut self.shared);
        }
        *place = Some(Box::new(InstrumentState::new(instrument, &self.shared.config, self.first_reason)));
        true
    }

    /// A status or gap of all instruments of a source.
    fn on_venue(&mut self, input: &Input, out: &mut MarketSection) {
        if input.kind() == Some(InputKind::Gap) {
            for state in self.instruments.iter_mut().flatten().filter(|s| s.source() == Some(input.source)) {
                state.on_gap(&mut self.shared);
            }
            return;
        }
        let whole = input.payload_len as usize >= size_of::<Status>();
        let Some(state) = TradingState::from_code(input.payload::<Status>().state).filter(|_| whole) else {
            out.anomalies |= anomaly::UNDEFINED;
            return;
        };
        let sessions = &mut self.shared.sessions;
        if let Some(known) = sessions.iter_mut().find(|(source, _)| *source == input.source) {
            known.1 = state;
        } else if sessions.len() < SOURCES_MAX {
            sessions.push((input.source, state));
        } else {
            out.anomalies |= anomaly::UNDEFINED;
        }
    }

    /// How often each kind of anomaly was seen, over all inputs.
    pub fn anomaly_counts(&self) -> &AnomalyCounts {
        &self.anomalies
    }

    /// What happened to one instrument since the last epoch; all zero for an instrument that was never defined.
    pub fn stats(&self, id: InstrumentId) -> MarketStats {
        self.state(id).map(InstrumentState::stats).unwrap_or_default()
    }

    /// The instrument's book of levels, complete messages and the begun one; empty for level-1 files.
    pub fn book(&self, id: InstrumentId) -> Option<&L2Book> {
        self.state(id).map(InstrumentState::book)
    }

    /// Quantity known to stand before an order in its queue; `None` where the book does not know the order.
    pub fn ahead_of(&self, id: InstrumentId, order_ref: u64) -> Option<Qty> {
        self.state(id)?.ahead_of(order_ref, self.shared.orders.as_ref())
    }

    /// Whether all sums of an order-by-order book agree with its orders (for tests and verification; walks all orders).
    pub fn orders_agree(&self, id: InstrumentId) -> bool {
        match (self.state(id), &self.shared.orders) {
            (Some(state), Some(orders)) => orders.agrees_with(id.0, state.book()),
            _ => true,
        }
    }

    fn state(&self, id: InstrumentId) -> Option<&InstrumentState> {
        self.instruments.get(id.index())?.as_deref()
    }
}

/// Whether an input of this kind must name an instrument.
fn is_market(kind: Option<InputKind>) -> bool {
    match kind {
        Some(kind) => matches!(
            kind,
            InputKind::Definition
                | InputKind::Depth
                | InputKind::Trade
                | InputKind::Quote
                | InputKind::Bar
                | InputKind::Mark
                | InputKind::OrderEvent
        ),
        None => true,
    }
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
