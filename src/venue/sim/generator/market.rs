//! Hot: one generated instrument: the crowd's and our orders in one book, and what the venue publishes of it.

use super::agents::{Crowd, OURS, Purpose, Step};
use super::config::{GeneratorConfig, Spec};
use super::frames::FrameBuffer;
use super::wire::{Best, Minute, Writer};
use crate::event::execution::{OrderCommand, OrderType, TimeInForce};
use crate::event::report::{ExecType, Liquidity, VenueReason};
use crate::types::ids::Sequence;
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty, Side};
use crate::types::time::{Nanos, SECONDS, UnixNanos};
use crate::venue::sim::matching::{Fate, Fill, Handle, Matching, NewOrder, UNITS_MAX};
use crate::venue::sim::random::Random;
use crate::venue::sim::report::{OpenOrder, ReportQueue, fee};

/// Levels a side that a snapshot shows.
const SNAPSHOT_LEVELS: usize = 1000;
const NEVER: UnixNanos = UnixNanos::MAX;
const MINUTE: Nanos = 60 * SECONDS;

/// What a market writes to while it handles one event.
pub(super) struct Wire<'a> {
    pub(super) ts: UnixNanos,
    pub(super) frames: &'a mut FrameBuffer,
    /// Update ids are shared by all instruments, as on the futures venue.
    pub(super) update_id: &'a mut u64,
    pub(super) reports: &'a mut ReportQueue,
}

/// Times of what comes next; [`NEVER`] if it does not come.
#[derive(Clone, Copy, Debug)]
struct Agenda {
    agents: UnixNanos,
    depth: UnixNanos,
    mark: UnixNanos,
    minute: UnixNanos,
    snapshot: UnixNanos,
}

/// One instrument.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) instrument: Instrument,
    pub(super) book: Matching,
    crowd: Crowd,
    writer: Writer,
    agenda: Agenda,
    depth_interval: Nanos,
    mark_interval: Nanos,
    /// Prices whose level changed since the last depth message: bids, asks.
    changed: [Vec<Px>; 2],
    first_id: u64,
    last_id: u64,
    published_id: u64,
    snapshot_wanted: bool,
    shown: (Best, Best),
    trade_id: u64,
    bar: Minute,
    own: Vec<(OpenOrder, Handle)>,
    own_max: usize,
}

impl Market {
    pub(super) fn new(spec: &Spec, config: &GeneratorConfig, random: Random, start: UnixNanos, update_id: u64) -> Self {
        let mut book = Matching::new(spec.rules);
        let mut crowd = Crowd::new(spec, random, start);
        crowd.opening(&mut book);
        let after = |interval: Nanos| if interval > 0 { start.saturating_add(interval) } else { NEVER };
        let open_time = start.div_euclid(MINUTE) * MINUTE;
        let agenda = Agenda {
            agents: start.saturating_add(crowd.pause()),
            depth: after(config.depth_interval_ns),
            mark: after(config.mark_interval_ns),
            minute: if config.klines { open_time.saturating_add(MINUTE) } else { NEVER },
            snapshot: start.saturating_add(config.snapshot_delay_ns.max(1)),
        };
        let mut market = Self {
            instrument: spec.instrument,
            crowd,
            writer: Writer::new(&spec.instrument, config.depth_interval_ns),
            agenda,
            depth_interval: config.depth_interval_ns,
            mark_interval: config.mark_interval_ns,
            changed: [Vec::with_capacity(1024), Vec::with_capacity(1024)],
            first_id: 0,
            last_id: update_id,
            published_id: update_id,
            snapshot_wanted: false,
            shown: ((Px(0), Qty(0)), (Px(0), Qty(0))),
            trade_id: 0,
            bar: Minute::new(open_time, Px(spec.start_ticks * spec.rules.tick)),
            own: Vec::with_capacity(config.orders_max as usize),
            own_max: config.orders_max as usize,
            book,
        };
        market.shown = market.best();
        market
    }

    /// When something happens here next.
    #[inline]
    pub(super) fn next_time(&self) -> UnixNanos {
        let a = &self.agenda;
        a.agents.min(a.depth).min(a.mark).min(a.minute).min(a.snapshot)
    }

    /// A snapshot is asked for; the book is read at `ts`, or with the first change behind it.
    pub(super) fn request_snapshot(&mut self, ts: UnixNanos) {
        self.agenda.snapshot = self.agenda.snapshot.min(ts);
    }

    pub(super) fn own(&self) -> impl Iterator<Item = &OpenOrder> {
        self.own.iter().map(|own| &own.0)
    }

    /// Everything that is due at the wire's time.
    pub(super) fn step(&mut self, wire: &mut Wire<'_>) {
        let ts = wire.ts;
        // A minute ends before what happens at its end.
        self.close_minute(wire);
        if self.agenda.agents <= ts {
            for step in self.crowd.act(ts, &self.book) {
                match step {
                    Step::Cancel(handle) => {
                        self.book.cancel(handle);
                        self.publish(None, wire);
                    }
                    Step::Submit(order, purpose) => self.submit(&order, purpose, wire),
                }
            }
            self.agenda.agents = ts.saturating_add(self.crowd.pause());
        }
        if self.agenda.snapshot <= ts {
            (self.agenda.snapshot, self.snapshot_wanted) = (NEVER, true);
            self.publish_snapshot(wire);
        }
        if self.agenda.depth <= ts {
            self.agenda.depth = ts.saturating_add(self.depth_interval);
            self.publish_depth(wire);
        }
        if self.agenda.mark <= ts {
            self.agenda.mark = ts.saturating_add(self.mark_interval);
            let (mark, index) = self.crowd.marks();
            wire.frames.frame(ts, self.instrument.id, |out| self.writer.mark(out, ts, mark, index));
        }
    }

    fn submit(&mut self, order: &NewOrder, purpose: Purpose, wire: &mut Wire<'_>) {
        let outcome = self.book.submit(order);
        self.crowd.answered(purpose, outcome);
        self.publish(None, wire);
    }

    pub(super) fn close_minute(&mut self, wire: &mut Wire<'_>) {
        while self.agenda.minute <= wire.ts {
            let (end, bar) = (self.agenda.minute, self.bar);
            wire.frames.frame(end, self.instrument.id, |out| self.writer.kline(out, end, &bar));
            self.bar = Minute::new(end, bar.close);
            self.agenda.minute = end.saturating_add(MINUTE);
        }
    }

    /// Publishes what the book's last call did: trades, then the best prices, then (if they are not collected) the
    /// levels. `ours` is our order that came in, if it was ours.
    fn publish(&mut self, mut ours: Option<&mut OpenOrder>, wire: &mut Wire<'_>) {
        for at in 0..self.book.fills().len() {
            let fill = self.book.fills()[at];
            self.publish_trade(&fill, wire);
            if let Some(open) = ours.as_deref_mut() {
                open.cum_qty.0 += fill.qty.0;
                let what = (fill.px, fill.qty);
                wire.reports.filled(wire.ts, open, &self.instrument, self.trade_id, what, Liquidity::Taker);
            }
            if fill.maker == OURS {
                self.fill_own(&fill, wire);
            }
        }
        if self.book.touched().is_empty() {
            return;
        }
        *wire.update_id += 1;
        self.last_id = *wire.update_id;
        if self.changed.iter().all(Vec::is_empty) {
            self.first_id = self.last_id;
        }
        for &(side, px) in self.book.touched() {
            self.changed[usize::from(side == Side::Sell)].push(px);
        }
        let best = self.best();
        if best != self.shown {
            self.shown = best;
            let (ts, id) = (wire.ts, self.last_id);
            let write = |out: &mut Vec<u8>| self.writer.book_ticker(out, ts, id, best.0, best.1);
            wire.frames.frame(ts, self.instrument.id, write);
        }
        self.publish_snapshot(wire);
        if self.depth_interval == 0 {
            self.publish_depth(wire);
        }
    }

    fn best(&self) -> (Best, Best) {
        let best = |side| self.book.best(side).unwrap_or((Px(0), Qty(0)));
        (best(Side::Buy), best(Side::Sell))
    }

    fn publish_trade(&mut self, fill: &Fill, wire: &mut Wire<'_>) {
        self.trade_id += 1;
        let (ts, id) = (wire.ts, self.trade_id);
        let write = |out: &mut Vec<u8>| self.writer.trade(out, ts, id, fill.px, fill.qty, fill.aggressor);
        wire.frames.frame(ts, self.instrument.id, write);
        self.bar.count(id, fill.px, fill.qty, fill.aggressor);
        self.crowd.traded(fill);
    }

    /// Only with changes waiting: then the snapshot's id lies within the next depth message, as the procedure for
    /// synchronising wants it.
    fn publish_snapshot(&mut self, wire: &mut Wire<'_>) {
        if !self.snapshot_wanted || self.changed.iter().all(Vec::is_empty) {
            return;
        }
        self.snapshot_wanted = false;
        let (ts, id) = (wire.ts, self.last_id);
        let levels = |side| self.book.levels(side).take(SNAPSHOT_LEVELS);
        wire.frames.frame(ts, self.instrument.id, |out| {
            self.writer.snapshot(out, ts, id, levels(Side::Buy), levels(Side::Sell));
        });
    }

    fn publish_depth(&mut self, wire: &mut Wire<'_>) {
        if self.changed.iter().all(Vec::is_empty) {
            return;
        }
        for prices in &mut self.changed {
            prices.sort_unstable();
            prices.dedup();
        }
        let (ts, ids) = (wire.ts, (self.first_id, self.last_id, self.published_id));
        let (book, changed) = (&self.book, &self.changed);
        let levels = |side: Side| {
            let prices = &changed[usize::from(side == Side::Sell)];
            prices.iter().map(move |&px| (px, book.qty_at(side, px)))
        };
        wire.frames.frame(ts, self.instrument.id, |out| {
            self.writer.depth(out, ts, ids, levels(Side::Buy), levels(Side::Sell));
        });
        self.published_id = self.last_id;
        self.changed.iter_mut().for_each(Vec::clear);
    }

    /// An order of ours that rested was hit.
    fn fill_own(&mut self, fill: &Fill, wire: &mut Wire<'_>) {
        let Some(at) = self.own.iter().position(|own| own.0.client_order_id.0 == fill.maker_tag) else { return };
        let open = &mut self.own[at].0;
        open.cum_qty.0 += fill.qty.0;
        let what = (fill.px, fill.qty);
        wire.reports.filled(wire.ts, open, &self.instrument, self.trade_id, what, Liquidity::Maker);
        if fill.maker_leaves.0 == 0 {
            self.own.swap_remove(at);
        }
    }

    /// A new order of ours.
    ///
    /// # Errors
    /// Why it is refused; then nothing happened.
    pub(super) fn place(
        &mut self,
        command: &OrderCommand,
        trace: Sequence,
        wire: &mut Wire<'_>,
    ) -> Result<(), VenueReason> {
        let side = command.side().ok_or(VenueReason::NotTrading)?;
        let order_type = OrderType::from_code(command.order_type).ok_or(VenueReason::NotTrading)?;
        let time_in_force = TimeInForce::from_code(command.time_in_force).ok_or(VenueReason::NotTrading)?;
        if self.own().any(|open| open.client_order_id == command.client_order_id) {
            return Err(VenueReason::DuplicateId);
        }
        if self.own.len() >= self.own_max {
            return Err(VenueReason::NotTrading);
        }
        if command.qty.0 > UNITS_MAX
            || fee(&self.instrument, self.book.rules().px_max, command.qty, Liquidity::Taker).is_none()
        {
            return Err(VenueReason::BadLot);
        }
        let order = NewOrder {
            owner: OURS,
            tag: command.client_order_id.0,
            side,
            px: command.px,
            qty: command.qty,
            order_type,
            time_in_force,
        };
        self.close_minute(wire);
        let outcome = self.book.submit(&order);
        if let Fate::Rejected(reason) = outcome.fate {
            return Err(reason);
        }
        let mut open = OpenOrder {
            client_order_id: command.client_order_id,
            venue_order_id: wire.reports.next_venue_order_id(),
            instrument: command.instrument,
            trace,
            side,
            px: command.px,
            qty: command.qty,
            cum_qty: Qty(0),
        };
        wire.reports.accepted(wire.ts, &open);
        self.publish(Some(&mut open), wire);
        match outcome.fate {
            Fate::Resting(handle) => self.own.push((open, handle)),
            Fate::Expired(reason) => wire.reports.ended(wire.ts, &open, ExecType::Expired, reason),
            Fate::Filled | Fate::Rejected(_) => {}
        }
        Ok(())
    }

    /// Takes an order of ours out.
    pub(super) fn cancel(&mut self, command: &OrderCommand, trace: Sequence, wire: &mut Wire<'_>) {
        if let Some(at) = self.own.iter().position(|own| own.0.client_order_id == command.client_order_id) {
            let (open, handle) = self.own.swap_remove(at);
            self.book.cancel(handle);
            self.publish(None, wire);
            wire.reports.ended(wire.ts, &open, ExecType::Canceled, VenueReason::None);
        } else {
            let (exec_type, reason) = (ExecType::CancelRejected, VenueReason::UnknownOrder);
            wire.reports.refused(wire.ts, command, trace, exec_type, reason);
        }
    }
}
