//! Hot: one recorded market: what each kind of input does to the book and to our orders in it.

use super::Desk;
use super::book::{RecordedBook, key_of};
use super::order::Resting;
use crate::event::input::{Depth, DepthStyle, Input, OrderAction, OrderEvent, Quote, flags};
use crate::event::report::{ExecType, VenueReason};
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Side, pow10};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// A recorded order of an order-by-order feed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    side: Side,
    px: Px,
    qty: i64,
    arrival: u64,
}

/// The recorded orders of the venue, as one instrument's event sees them.
pub(super) struct Followed<'a> {
    pub(super) known: &'a mut HashMap<(u32, u64), Known, FxBuildHasher>,
    pub(super) orders_max: usize,
    pub(super) instrument: InstrumentId,
    pub(super) arrival: u64,
}

/// Whether the quote says what stands at `px`: the best level and all that would be better.
fn knows(quote: &Quote, side: Side, px: Px) -> bool {
    let best = if side == Side::Buy { quote.bid } else { quote.ask };
    best.qty.0 == 0 || key_of(side, px) >= key_of(side, best.px)
}

/// One instrument.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) instrument: Option<Instrument>,
    pub(super) source: Option<SourceId>,
    pub(super) book: RecordedBook,
    pub(super) orders: Vec<Resting>,
    pub(super) trading: bool,
    /// A scale or a bound was passed: no more orders here until the next epoch.
    pub(super) blocked: bool,
    /// The recording is order by order, so that our place in the queue is known exactly.
    by_order: bool,
    /// A new epoch: the next definition counts as the first, whatever its scales.
    fresh: bool,
    /// The group that is coming in is older than the book.
    skipping: bool,
    /// The newest quote: where it is newer than a depth message, it knows the best level and all better ones better.
    quote: Option<Quote>,
    /// While the book is not whole: the update id from which on all differences were seen.
    seen_from: Option<u64>,
}

impl Market {
    pub(super) fn new() -> Self {
        Self {
            instrument: None,
            source: None,
            book: RecordedBook::new(1),
            orders: Vec::new(),
            trading: true,
            blocked: false,
            by_order: false,
            fresh: false,
            skipping: false,
            quote: None,
            seen_from: None,
        }
    }

    pub(super) fn restart(&mut self) {
        self.lose();
        self.orders.clear();
        (self.trading, self.blocked, self.skipping, self.fresh) = (true, false, false, true);
    }

    /// Data is missing. Our orders stay: the venue itself has lost nothing.
    pub(super) fn lose(&mut self) {
        self.book.clear();
        self.by_order = false;
        (self.quote, self.seen_from) = (None, None);
    }

    /// A first definition, or a finer one.
    pub(super) fn define(&mut self, new: Instrument, desk: &mut Desk<'_>) {
        let first_of_start = core::mem::take(&mut self.fresh);
        let Some(old) = self.instrument else {
            self.book = RecordedBook::new(desk.config.levels_max as usize);
            self.orders.reserve(desk.config.orders_max as usize);
            self.instrument = Some(new);
            return;
        };
        if first_of_start {
            self.restart();
            (self.fresh, self.instrument) = (false, Some(new));
            return;
        }
        let by = (new.price_decimals.checked_sub(old.price_decimals), new.qty_decimals.checked_sub(old.qty_decimals));
        let (Some(px_by), Some(qty_by)) = by else { return };
        if (px_by, qty_by) != (0, 0) {
            let (px_factor, qty_factor) = (pow10(px_by), pow10(qty_by));
            desk.reports.rescale(new.id, qty_factor);
            // Feeds that go order by order have one scale for ever; following their orders into another is not done.
            let fits = !self.by_order
                && self.orders.iter().all(|o| {
                    o.open.px.0.checked_mul(px_factor).is_some() && o.open.qty.0.checked_mul(qty_factor).is_some()
                });
            if !fits || !self.book.rescale(px_factor, qty_factor) {
                for gone in self.orders.drain(..) {
                    desk.reports.ended(desk.ts, &gone.open, ExecType::Expired, VenueReason::NotTrading);
                }
                self.book.clear();
                self.blocked = true;
            }
            for resting in &mut self.orders {
                resting.open.px.0 *= px_factor;
                resting.open.qty.0 *= qty_factor;
                resting.open.cum_qty.0 *= qty_factor;
                resting.position.rescale(qty_factor as f64);
            }
        }
        self.instrument = Some(new);
    }

    /// One part of a depth message.
    pub(super) fn on_depth(&mut self, input: &Input, desk: &mut Desk<'_>) {
        let depth = input.payload::<Depth>();
        let style = DepthStyle::from_code(depth.style);
        let replaces =
            input.flags & flags::SNAPSHOT != 0 || matches!(style, Some(DepthStyle::Snapshot | DepthStyle::TopLevels));
        if input.is_first() {
            if replaces {
                self.begin_replace(depth, style == Some(DepthStyle::TopLevels));
            } else {
                self.begin_difference(depth, style);
            }
        }
        if self.skipping {
            return;
        }
        let bids = usize::from(depth.bids).min(depth.levels.len());
        let end = (bids + usize::from(depth.asks)).min(depth.levels.len());
        let newer_quote = self.quote.filter(|quote| quote.update_id > depth.last_id);
        for (i, level) in depth.levels[..end].iter().enumerate() {
            let side = if i < bids { Side::Buy } else { Side::Sell };
            if newer_quote.is_some_and(|quote| knows(&quote, side, level.px)) {
                continue;
            }
            if replaces {
                self.book.set_from_snapshot(side, level.px, level.qty.0, depth.last_id);
            } else {
                self.show(side, level.px, level.qty.0, depth.last_id, desk);
            }
        }
        if input.is_last() {
            if replaces {
                self.end_replace(desk);
            } else {
                self.book.advance(depth.last_id.max(self.book.last_id()));
            }
            self.fill_crossed(desk);
        }
    }

    fn begin_replace(&mut self, depth: &Depth, top_levels: bool) {
        let too_old = if self.book.is_whole() { self.book.last_id() } else { self.seen_from.unwrap_or(0) };
        self.skipping = depth.last_id < too_old;
        if self.skipping {
            return;
        }
        for resting in &mut self.orders {
            resting.shown_before = self.book.qty_at(resting.open.side, resting.open.px);
        }
        self.book.begin_snapshot(if top_levels { u64::MAX } else { depth.last_id });
        if top_levels {
            self.book.advance(depth.last_id);
        }
    }

    fn end_replace(&mut self, desk: &Desk<'_>) {
        self.book.complete();
        self.seen_from = None;
        if let Some(quote) = self.quote.filter(|quote| quote.update_id > self.book.last_id()) {
            for (side, level) in [(Side::Buy, quote.bid), (Side::Sell, quote.ask)] {
                if level.qty.0 > 0 {
                    self.book.set(side, level.px, level.qty.0, quote.update_id);
                }
            }
        }
        for resting in &mut self.orders {
            let (side, px) = (resting.open.side, resting.open.px);
            if self.book.covers(side, px) {
                let now = self.book.qty_at(side, px);
                desk.model.on_depth(&mut resting.position, resting.shown_before, now);
            }
        }
    }

    fn begin_difference(&mut self, depth: &Depth, style: Option<DepthStyle>) {
        let last_id = self.book.last_id();
        self.skipping = self.book.is_whole() && depth.last_id < last_id;
        if self.skipping {
            return;
        }
        // All changes after this id are in the message. The first difference behind a snapshot overlaps it.
        let after = match style {
            Some(DepthStyle::DiffByFirst) => depth.first_id.saturating_sub(1),
            _ => depth.prev_id,
        };
        if after > last_id && (self.book.is_whole() || self.seen_from.is_some()) {
            self.lose();
        }
        if !self.book.is_whole() && self.seen_from.is_none() {
            self.seen_from = Some(after);
        }
    }

    /// A level is now shown with `qty`.
    fn show(&mut self, side: Side, px: Px, qty: i64, id: u64, desk: &Desk<'_>) {
        let before = self.book.set(side, px, qty, id);
        if self.book.is_whole() && !self.by_order {
            for resting in self.orders.iter_mut().filter(|o| o.open.side == side && o.open.px == px) {
                desk.model.on_depth(&mut resting.position, before, qty);
            }
        }
    }

    /// The venue's best prices: usually sooner than the depth message that says the same.
    pub(super) fn on_quote(&mut self, quote: &Quote, desk: &mut Desk<'_>) {
        if self.by_order || self.quote.is_some_and(|before| quote.update_id <= before.update_id) {
            return;
        }
        self.quote = Some(*quote);
        if !self.book.is_whole() || quote.update_id <= self.book.last_id() {
            return;
        }
        for (side, level) in [(Side::Buy, quote.bid), (Side::Sell, quote.ask)] {
            while let Some((px, _)) = self.book.best(side) {
                let better = key_of(side, px) > key_of(side, level.px);
                if level.qty.0 > 0 && !better {
                    break;
                }
                self.show(side, px, 0, quote.update_id, desk);
            }
            if level.qty.0 > 0 {
                self.show(side, level.px, level.qty.0, quote.update_id, desk);
            }
        }
        self.fill_crossed(desk);
    }

    /// A public trade.
    pub(super) fn on_trade(&mut self, px: Px, qty: i64, aggressor: Option<Side>, desk: &mut Desk<'_>) {
        if self.orders.is_empty() || qty <= 0 || self.by_order {
            return;
        }
        let Some(aggressor) = aggressor else {
            // Nobody says who was resting: only what is certain counts, a price beyond ours.
            for side in [Side::Buy, Side::Sell] {
                self.fill_through(side, px, qty, desk);
            }
            self.drop_filled();
            return;
        };
        let side = aggressor.opposite();
        let mut left = self.fill_through(side, px, qty, desk);
        let Some(instrument) = self.instrument else { return };
        for resting in self.orders.iter_mut().filter(|o| o.open.side == side && o.open.px == px) {
            desk.model.on_trade(&mut resting.position, left);
            let reached = desk.model.reached(&mut resting.position, instrument.lot_size.0);
            if !desk.config.through_only {
                left -= resting.fill(reached.min(left), &instrument, desk);
            }
        }
        self.drop_filled();
    }

    /// An event of an order-by-order feed.
    pub(super) fn on_order_event(&mut self, event: &OrderEvent, followed: &mut Followed<'_>, desk: &mut Desk<'_>) {
        let Some(action) = OrderAction::from_code(event.action) else { return };
        if !self.by_order {
            self.by_order = true;
            self.book.complete();
        }
        match action {
            OrderAction::Add => self.add(event.order_ref, event, Side::from_code(event.side), followed, desk),
            OrderAction::Replace => {
                let side = self.remove(event.order_ref, i64::MAX, followed, desk).map(|known| known.side);
                self.add(event.new_ref, event, side.or(Side::from_code(event.side)), followed, desk);
            }
            OrderAction::Reduce => drop(self.remove(event.order_ref, event.qty.0, followed, desk)),
            OrderAction::Delete => drop(self.remove(event.order_ref, i64::MAX, followed, desk)),
            OrderAction::Execute | OrderAction::ExecuteAt => {
                if let Some(known) = self.remove(event.order_ref, event.qty.0, followed, desk) {
                    let px = if action == OrderAction::ExecuteAt { event.px } else { known.px };
                    self.on_execution(&known, px, event.qty.0, desk);
                }
            }
            OrderAction::HiddenTrade => {
                if let Some(side) = Side::from_code(event.side) {
                    self.fill_through(side, event.px, event.qty.0, desk);
                    self.drop_filled();
                }
            }
            OrderAction::Cross | OrderAction::Broken => {}
        }
        self.fill_crossed(desk);
    }

    fn add(&mut self, id: u64, event: &OrderEvent, side: Option<Side>, followed: &mut Followed<'_>, desk: &Desk<'_>) {
        let Some(side) = side.filter(|_| event.qty.0 > 0) else { return };
        if followed.known.len() >= followed.orders_max {
            // From here on the book would be wrong, so it is none.
            self.blocked = true;
            return;
        }
        let known = Known { side, px: event.px, qty: event.qty.0, arrival: followed.arrival };
        followed.known.insert((followed.instrument.0, id), known);
        let shown = self.book.qty_at(side, event.px).saturating_add(event.qty.0);
        self.show(side, event.px, shown, 0, desk);
    }

    /// Takes up to `qty` off a recorded order; who stood behind it moves up.
    fn remove(&mut self, id: u64, qty: i64, followed: &mut Followed<'_>, desk: &Desk<'_>) -> Option<Known> {
        let key = (followed.instrument.0, id);
        let order = followed.known.get_mut(&key)?;
        let known = *order;
        let qty = qty.clamp(0, known.qty);
        order.qty -= qty;
        if order.qty == 0 {
            followed.known.remove(&key);
        }
        let shown = self.book.qty_at(known.side, known.px).saturating_sub(qty);
        self.show(known.side, known.px, shown, 0, desk);
        let behind = |o: &&mut Resting| o.open.px == known.px && o.open.side == known.side && o.arrival > known.arrival;
        for resting in self.orders.iter_mut().filter(behind) {
            resting.position.front = (resting.position.front - qty as f64).max(0.0);
        }
        Some(known)
    }

    /// A recorded order was executed: had we been there, then first come, first served.
    fn on_execution(&mut self, known: &Known, px: Px, qty: i64, desk: &mut Desk<'_>) {
        let mut left = self.fill_through(known.side, px, qty, desk);
        let Some(instrument) = self.instrument else { return };
        if !desk.config.through_only {
            let ahead = |o: &&mut Resting| o.open.px == px && o.open.side == known.side && o.arrival < known.arrival;
            for resting in self.orders.iter_mut().filter(ahead) {
                left -= resting.fill(left, &instrument, desk);
            }
        }
        self.drop_filled();
    }
}
