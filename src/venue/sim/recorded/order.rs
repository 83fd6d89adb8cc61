//! Hot: our side of a recorded market: placing, taking, filling and cancelling.

use super::Desk;
use super::book::key_of;
use super::market::Market;
use crate::event::execution::{OrderCommand, OrderType, TimeInForce};
use crate::event::report::{ExecType, Liquidity, VenueReason};
use crate::types::ids::Sequence;
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty, Side};
use crate::venue::sim::queue::QueuePosition;
use crate::venue::sim::report::{OpenOrder, fee};

/// An open order of ours and its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resting {
    pub(super) open: OpenOrder,
    pub(super) position: QueuePosition,
    /// Shown at its price before the snapshot that is coming in.
    pub(super) shown_before: i64,
    /// Its number among all orders that came in, recorded ones included.
    pub(super) arrival: u64,
}

impl Resting {
    /// Fills up to `qty` as a maker, at our own price. Gives what was filled.
    pub(super) fn fill(&mut self, qty: i64, instrument: &Instrument, desk: &mut Desk<'_>) -> i64 {
        let qty = qty.min(self.open.leaves()).max(0);
        if qty > 0 {
            let px = self.open.px;
            book_fill(&mut self.open, (px, qty), Liquidity::Maker, instrument, desk);
        }
        qty
    }
}

fn book_fill(
    open: &mut OpenOrder,
    (px, qty): (Px, i64),
    liquidity: Liquidity,
    instrument: &Instrument,
    desk: &mut Desk<'_>,
) {
    open.cum_qty.0 += qty;
    let trade_id = desk.reports.next_trade_id();
    desk.reports.filled(desk.ts, open, instrument, trade_id, (px, Qty(qty)), liquidity);
}

impl Market {
    /// Takes a new order.
    ///
    /// # Errors
    /// The reason of the refusal; then nothing happened.
    pub(super) fn place(
        &mut self,
        command: &OrderCommand,
        trace: Sequence,
        arrival: u64,
        desk: &mut Desk<'_>,
    ) -> Result<(), VenueReason> {
        let instrument = self.check(command, desk)?;
        let side = command.side().ok_or(VenueReason::NotTrading)?;
        let order_type = OrderType::from_code(command.order_type).ok_or(VenueReason::NotTrading)?;
        let tif = TimeInForce::from_code(command.time_in_force).ok_or(VenueReason::NotTrading)?;
        let opposite = side.opposite();
        // The best own order on the other side: we may not trade with it.
        let own = self.orders.iter().find(|o| o.open.side == opposite).map(|o| o.open.px);
        let own = own.filter(|&px| key_of(opposite, px) >= key_of(opposite, command.px));
        let available = self.book.available(opposite, command.px);
        if tif == TimeInForce::Gtx && (available > 0 || own.is_some() || order_type == OrderType::Market) {
            return Err(VenueReason::WouldTake);
        }
        let mut open = OpenOrder {
            client_order_id: command.client_order_id,
            venue_order_id: desk.reports.next_venue_order_id(),
            instrument: command.instrument,
            trace,
            side,
            px: command.px,
            qty: command.qty,
            cum_qty: Qty(0),
        };
        desk.reports.accepted(desk.ts, &open);
        if tif == TimeInForce::Fok && (available < command.qty.0 || own.is_some()) {
            desk.reports.ended(desk.ts, &open, ExecType::Expired, VenueReason::FokUnfilled);
            return Ok(());
        }
        self.sweep(&mut open, own, &instrument, desk);
        if open.leaves() == 0 {
            return Ok(());
        }
        if own.is_some() {
            desk.reports.ended(desk.ts, &open, ExecType::Expired, VenueReason::None);
        } else if order_type == OrderType::Limit && matches!(tif, TimeInForce::Gtc | TimeInForce::Gtx) {
            self.rest(open, arrival, &instrument, desk);
        } else {
            desk.reports.ended(desk.ts, &open, ExecType::Expired, VenueReason::NoLiquidity);
        }
        Ok(())
    }

    fn check(&self, command: &OrderCommand, desk: &Desk<'_>) -> Result<Instrument, VenueReason> {
        let instrument = self.instrument.ok_or(VenueReason::NotTrading)?;
        if self.blocked || !self.trading || !self.book.is_whole() {
            return Err(VenueReason::NotTrading);
        }
        if self.orders.iter().any(|o| o.open.client_order_id == command.client_order_id) {
            return Err(VenueReason::DuplicateId);
        }
        let limit = command.order_type == OrderType::Limit.code();
        if limit && command.px.0 % instrument.tick_size.0.max(1) != 0 {
            return Err(VenueReason::BadTick);
        }
        if command.qty.0 <= 0 || command.qty.0 % instrument.lot_size.0.max(1) != 0 {
            return Err(VenueReason::BadLot);
        }
        // An order whose own fee cannot be told is beyond any venue's limits.
        if limit && fee(&instrument, command.px, command.qty, Liquidity::Taker).is_none() {
            return Err(VenueReason::PriceLimit);
        }
        if self.orders.len() >= desk.config.orders_max as usize {
            return Err(VenueReason::NotTrading);
        }
        Ok(instrument)
    }

    /// Takes what is shown, level by level, up to the limit and in front of an own order.
    fn sweep(&mut self, open: &mut OpenOrder, own: Option<Px>, instrument: &Instrument, desk: &mut Desk<'_>) {
        let opposite = open.side.opposite();
        // Strictly better than the own order: at its price we cannot tell who would have been first.
        let limit = match own {
            Some(px) => Px(px.0.saturating_sub(open.side.sign())),
            None => open.px,
        };
        while open.leaves() > 0 {
            let Some((px, qty)) = self.book.take(opposite, limit, open.leaves()) else { break };
            book_fill(open, (px, qty), Liquidity::Taker, instrument, desk);
        }
    }

    /// Behind everything that is shown; among our own orders by price, then time.
    fn rest(&mut self, open: OpenOrder, arrival: u64, instrument: &Instrument, desk: &Desk<'_>) {
        let shown = self.book.qty_at(open.side, open.px);
        let extra = i64::from(desk.config.extra_lots_ahead).saturating_mul(instrument.lot_size.0);
        let position = QueuePosition::behind(shown.saturating_add(extra));
        let key = key_of(open.side, open.px);
        let worse = |o: &Resting| o.open.side == open.side && key_of(open.side, o.open.px) < key;
        let at = self.orders.iter().position(worse).unwrap_or(self.orders.len());
        self.orders.insert(at, Resting { open, position, shown_before: shown, arrival });
    }

    /// Takes an order out.
    pub(super) fn cancel(&mut self, command: &OrderCommand, trace: Sequence, desk: &mut Desk<'_>) {
        if let Some(at) = self.orders.iter().position(|o| o.open.client_order_id == command.client_order_id) {
            let gone = self.orders.remove(at);
            desk.reports.ended(desk.ts, &gone.open, ExecType::Canceled, VenueReason::None);
        } else {
            let (exec_type, reason) = (ExecType::CancelRejected, VenueReason::UnknownOrder);
            desk.reports.refused(desk.ts, command, trace, exec_type, reason);
        }
    }

    /// The other side is shown at or through our price: whoever stands there would have met us.
    pub(super) fn fill_crossed(&mut self, desk: &mut Desk<'_>) {
        let Some(instrument) = self.instrument else { return };
        if self.orders.is_empty() || !self.book.is_whole() || !self.trading {
            return;
        }
        let through = i64::from(desk.config.through_only);
        for resting in &mut self.orders {
            let (side, px) = (resting.open.side, resting.open.px);
            let limit = Px(px.0.saturating_sub(through * side.sign()));
            while resting.open.leaves() > 0 {
                let Some((_, qty)) = self.book.take(side.opposite(), limit, resting.open.leaves()) else { break };
                resting.fill(qty, &instrument, desk);
            }
        }
        self.drop_filled();
    }

    /// A trade of `qty` at `px` in which an order on `side` was resting. Whoever stood at a better price would have
    /// traded first, and never more than what was printed.
    pub(super) fn fill_through(&mut self, side: Side, px: Px, qty: i64, desk: &mut Desk<'_>) -> i64 {
        let Some(instrument) = self.instrument else { return qty };
        let mut left = qty;
        for resting in self.orders.iter_mut().filter(|o| o.open.side == side) {
            if key_of(side, resting.open.px) > key_of(side, px) {
                left -= resting.fill(left, &instrument, desk);
            }
        }
        left
    }

    pub(super) fn drop_filled(&mut self) {
        self.orders.retain(|o| o.open.leaves() > 0);
    }
}
