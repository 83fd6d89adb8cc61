//! Hot: what a venue states against what execution and risk hold.
//!
//! Counts are kept order by order as orders change, so a comparison costs the same with one open order and with thousands.
//! A statement stands behind all reports that the venue had sent by then (see `event::statement`), hence:
//!
//! | compared | with |
//! |---|---|
//! | the venue's open orders | the working orders that it has confirmed to us |
//! | what it counts as traded since the start | the fills that execution has applied |
//! | risk's position | its position at the start and those fills |
//! | risk's open quantity | all working orders of execution, confirmed or not |
//! | the last of our messages that the venue has taken | the orders that it never confirmed: none may be as old |

use super::store::{Order, Store};
use crate::event::execution::{Agreement, ExecutionSection, differs};
use crate::event::input::Input;
use crate::event::risk::RiskSection;
use crate::event::statement::{OrdersCount, Statement, Traded};
use crate::types::ids::{ClientOrderId, InstrumentId};
use crate::types::price::{Qty, Side};
use std::collections::VecDeque;

/// What is known of one instrument, or of the whole host.
#[derive(Clone, Copy, Debug, Default)]
struct Books {
    /// Working orders that the venue has confirmed.
    confirmed: OrdersCount,
    /// All working orders.
    working: OrdersCount,
    /// Fills since the host's start.
    traded: Traded,
    /// Risk's position at the host's start, once the instrument is defined.
    base: Option<i64>,
    /// In what the last comparison found a difference (0 = in nothing); `None` before the first.
    differs: Option<u8>,
}

/// The comparison of all instruments.
#[derive(Debug)]
pub(super) struct Comparison {
    instruments: Vec<Books>,
    whole: Books,
    differing: u32,
    /// Orders of this process start, oldest first, from the first on that may be without an answer.
    sent: VecDeque<ClientOrderId>,
    epoch: Option<u16>,
}

impl Comparison {
    /// For ids below `instruments_max` and so many working orders; all memory is taken here.
    pub(super) fn new(instruments_max: usize, orders_max: usize) -> Self {
        Self {
            instruments: vec![Books::default(); instruments_max],
            whole: Books::default(),
            differing: 0,
            sent: VecDeque::with_capacity(orders_max + 1),
            epoch: None,
        }
    }

    /// Instruments (and the whole) that differ.
    #[inline]
    pub(super) fn differing(&self) -> u32 {
        self.differing
    }

    /// A process start: nothing was compared yet, and nothing sent or traded. Open orders stay.
    pub(super) fn begin_epoch(&mut self, epoch: Option<u16>) {
        for books in self.instruments.iter_mut().chain([&mut self.whole]) {
            (books.traded, books.base, books.differs) = (Traded::default(), None, None);
        }
        (self.differing, self.epoch) = (0, epoch);
        self.sent.clear();
    }

    /// An order was sent; `store` has it.
    #[inline]
    pub(super) fn sent(&mut self, id: ClientOrderId, store: &Store) {
        if Some(id.epoch()) != self.epoch {
            return;
        }
        self.drop_answered(store);
        if self.sent.len() == self.sent.capacity() {
            // One at the front has no answer, and those behind it have: as many as are working fit.
            self.sent.retain(|id| waits(store, *id));
        }
        self.sent.push_back(id);
    }

    #[inline]
    fn drop_answered(&mut self, store: &Store) {
        while self.sent.front().is_some_and(|id| !waits(store, *id)) {
            self.sent.pop_front();
        }
    }

    /// The first definition in a process start: fills count from risk's `position`.
    pub(super) fn define(&mut self, instrument: InstrumentId, position: i64) {
        if let Some(books) = self.instruments.get_mut(instrument.index()) {
            books.base.get_or_insert(position);
        }
    }

    /// An order was another one (`None`: it was not there) and is now as in `after`.
    #[inline]
    pub(super) fn change(&mut self, before: Option<&Order>, after: &Order) {
        let Some(books) = self.instruments.get_mut(after.instrument.index()) else { return };
        for books in [books, &mut self.whole] {
            if let Some(order) = before.filter(|order| !order.state.is_over()) {
                let (id, instrument, side, leaves) = parts(order);
                books.working.remove(id, instrument, side, leaves);
                if order.acknowledged {
                    books.confirmed.remove(id, instrument, side, leaves);
                }
            }
            if !after.state.is_over() {
                let (id, instrument, side, leaves) = parts(after);
                books.working.add(id, instrument, side, leaves);
                if after.acknowledged {
                    books.confirmed.add(id, instrument, side, leaves);
                }
            }
            let new = after.cum_qty.0.saturating_sub(before.map_or(0, |order| order.cum_qty.0));
            books.traded.add(after.side, new.max(0));
        }
    }

    /// Quantities are finer by `factor` from now on; `orders` are the working ones, already in the finer units.
    pub(super) fn rescale<'a>(
        &mut self,
        instrument: InstrumentId,
        factor: i64,
        orders: impl Iterator<Item = &'a Order>,
    ) {
        if let Some(books) = self.instruments.get_mut(instrument.index()) {
            books.traded.rescale(factor);
            books.base = books.base.map(|base| base.saturating_mul(factor));
            (books.working, books.confirmed) = Default::default();
        }
        (self.whole.working, self.whole.confirmed) = Default::default();
        for order in orders {
            let (id, of, side, leaves) = parts(order);
            let own = self.instruments.get_mut(instrument.index()).filter(|_| of == instrument);
            for books in own.into_iter().chain([&mut self.whole]) {
                books.working.add(id, of, side, leaves);
                if order.acknowledged {
                    books.confirmed.add(id, of, side, leaves);
                }
            }
        }
    }

    /// Compares. `qty_decimals` are those of the instrument, if it is defined.
    #[cold]
    pub(super) fn take(
        &mut self,
        input: &Input,
        qty_decimals: Option<u8>,
        risk: &RiskSection,
        store: &Store,
        out: &mut ExecutionSection,
    ) {
        let statement: &Statement = input.payload();
        let whole = !input.instrument.is_some();
        if whole {
            self.drop_answered(store);
            let taken = self.sent.iter().take_while(|id| id.sequence() <= statement.arrived);
            let silent = taken.filter(|id| waits(store, **id)).count();
            out.unanswered = u32::try_from(silent).unwrap_or(u32::MAX);
        }
        let books = if whole { Some(&mut self.whole) } else { self.instruments.get_mut(input.instrument.index()) };
        let Some(books) = books else { return };
        if !whole && qty_decimals != Some(statement.qty_decimals) {
            return;
        }
        let mut bits = 0;
        let mut compare = |equal: bool, bit: u8| bits |= if equal { 0 } else { bit };
        compare(statement.open == books.confirmed, differs::ORDERS);
        compare(out.unanswered == 0, differs::UNANSWERED);
        (out.confirmed, out.traded) = (books.confirmed, books.traded);
        (out.open_buy, out.open_sell) = (books.working.open_buy, books.working.open_sell);
        if !whole {
            compare(statement.traded == books.traded, differs::FILLS);
            let Traded { bought, sold } = books.traded;
            let position = books.base.map(|base| i128::from(base) + i128::from(bought.0) - i128::from(sold.0));
            compare(position == Some(i128::from(risk.position.0)), differs::POSITION);
            compare((out.open_buy, out.open_sell) == (risk.open_buy, risk.open_sell), differs::OPEN);
            out.position = Qty(position.and_then(|p| i64::try_from(p).ok()).unwrap_or(i64::MIN));
        }
        let (was, is) = (books.differs.replace(bits), bits != 0);
        self.differing = self.differing + u32::from(is) - u32::from(was.is_some_and(|was| was != 0));
        out.agreement = if is { Agreement::Differs } else { Agreement::Agrees }.code();
        out.differs = bits;
        out.agreement_changed = u8::from(was != Some(bits));
    }
}

/// Whether the order is working and was never answered.
#[inline]
fn waits(store: &Store, id: ClientOrderId) -> bool {
    let order = store.find(id).and_then(|handle| store.get(handle));
    order.is_some_and(|order| !order.state.is_over() && !order.acknowledged)
}

#[inline]
fn parts(order: &Order) -> (ClientOrderId, InstrumentId, Side, Qty) {
    (order.client_order_id, order.instrument, order.side, order.leaves_qty())
}
