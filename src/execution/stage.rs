//! Hot: the stage: from verdicts to commands, from reports to order states.

use super::compare::Comparison;
use super::config::{Config, ConfigError};
use super::state::Event;
use super::store::{Handle, Order, Store};
use crate::event::definition::Definition;
use crate::event::execution::{
    COMMANDS_MAX, CommandKind, ExecutionSection, OrderCommand, OrderState, OrderType, OrderUpdate, TimeInForce,
};
use crate::event::input::{EpochStart, Input, InputKind};
use crate::event::market::MarketSection;
use crate::event::report::{ExecType, Report};
use crate::event::risk::{RiskSection, Verdict};
use crate::types::ids::{ClientOrderId, InstrumentId};
use crate::types::price::{Px, Qty, Side, pow10};
use bytemuck::Zeroable;

/// The scales of one instrument, as far as the orders need them.
#[derive(Clone, Copy, Debug, Default)]
struct Scale {
    defined: bool,
    /// A definition could not be followed: no new orders.
    blocked: bool,
    price_decimals: u8,
    qty_decimals: u8,
}

/// The execution stage.
///
/// Its state follows from the input, the verdict and its own commands alone, so it comes back from the audit log.
#[derive(Debug)]
pub struct ExecutionStage {
    store: Store,
    comparison: Comparison,
    scales: Vec<Scale>,
    epoch: Option<u16>,
    /// Working orders with `cancel_wanted`; saves looking for them.
    cancels_wanted: usize,
}

impl ExecutionStage {
    /// A stage for up to `instruments_max` instruments; everything is allocated here.
    ///
    /// # Errors
    /// [`ConfigError`] for a number out of range.
    pub fn new(config: &Config, instruments_max: usize) -> Result<Self, ConfigError> {
        if !(1..=65_536).contains(&config.orders_max) {
            return Err(ConfigError::Range { name: "orders_max", range: "1..=65536" });
        }
        if !(1..=1 << 20).contains(&config.finished_max) {
            return Err(ConfigError::Range { name: "finished_max", range: "1..=1048576" });
        }
        Ok(Self {
            store: Store::new(config.orders_max as usize, config.finished_max as usize),
            comparison: Comparison::new(instruments_max, config.orders_max as usize),
            scales: vec![Scale::default(); instruments_max],
            epoch: None,
            cancels_wanted: 0,
        })
    }

    /// The orders that are working as far as we know, oldest first.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.store.working()
    }

    /// One input of the live sequence, or of its replay. `out` is what it says and zero in all else, if it was zero at first
    /// and only such a stage has written to it.
    pub fn on_slot(&mut self, input: &Input, _market: &MarketSection, risk: &RiskSection, out: &mut ExecutionSection) {
        out.clear();
        self.take(input, risk, out);
        match risk.verdict() {
            Verdict::Approved => self.open(input, risk, out),
            Verdict::CancelAll => self.want_cancels(input.instrument),
            Verdict::None | Verdict::Refused => {}
        }
        if self.cancels_wanted > 0 {
            self.send_cancels(out);
        }
        out.open_orders = self.store.live() as u32;
        out.differing = self.comparison.differing();
    }

    /// The same input again, from the audit log: all inputs of the kinds epoch, definition, gate and report, statements that changed something, and all with a
    /// verdict, commands or an update, in their order. The stage is then where it was.
    ///
    /// What was sent is taken from the record, not computed again, so that a change of `orders_max` between two
    /// starts cannot make an order that is at the venue disappear here.
    pub fn restore(&mut self, input: &Input, risk: &RiskSection, execution: &ExecutionSection) {
        let mut scratch = ExecutionSection::zeroed();
        self.take(input, risk, &mut scratch);
        if risk.verdict() == Verdict::CancelAll {
            self.want_cancels(input.instrument);
        }
        for command in execution.commands() {
            match CommandKind::from_code(command.kind) {
                Some(CommandKind::New) => {
                    self.submit(command);
                }
                Some(CommandKind::Cancel) => {
                    if let Some(handle) = self.store.find(command.client_order_id) {
                        self.mark_cancel_sent(handle);
                    }
                }
                None => {}
            }
        }
    }

    fn take(&mut self, input: &Input, risk: &RiskSection, out: &mut ExecutionSection) {
        match input.kind() {
            Some(InputKind::Epoch) => {
                self.epoch = u16::try_from(input.payload::<EpochStart>().epoch).ok();
                self.comparison.begin_epoch(self.epoch);
            }
            Some(InputKind::Definition) => {
                self.define(input);
                self.comparison.define(input.instrument, risk.position.0);
            }
            Some(InputKind::Report) => self.report(input, out),
            Some(InputKind::Statement) => {
                let scale = self.scales.get(input.instrument.index()).filter(|scale| scale.defined);
                let decimals = scale.map(|scale| scale.qty_decimals);
                self.comparison.take(input, decimals, risk, &self.store, out);
            }
            _ => {}
        }
    }

    fn define(&mut self, input: &Input) {
        let Some(scale) = self.scales.get_mut(input.instrument.index()) else { return };
        let Some(new) = input.payload::<Definition>().instrument(input.instrument) else {
            scale.blocked = true;
            return;
        };
        let old = *scale;
        if old.defined {
            let px_by = new.price_decimals.checked_sub(old.price_decimals);
            let qty_by = new.qty_decimals.checked_sub(old.qty_decimals);
            let fits = px_by
                .zip(qty_by)
                .is_some_and(|(px, qty)| (px == 0 && qty == 0) || self.store.rescale(input.instrument, px, qty));
            scale.blocked |= !fits;
            if let Some(by @ 1..) = qty_by.filter(|_| fits) {
                self.comparison.rescale(input.instrument, pow10(by), self.store.working());
            }
        }
        scale.defined = true;
        scale.price_decimals = new.price_decimals;
        scale.qty_decimals = new.qty_decimals;
    }

    /// An approved order: its command, or, when there is no room or no name for it, a denial as an update.
    fn open(&mut self, input: &Input, risk: &RiskSection, out: &mut ExecutionSection) {
        let id = self.epoch.and_then(|epoch| ClientOrderId::new(epoch, input.sequence, 0));
        let command = OrderCommand {
            client_order_id: id.unwrap_or(ClientOrderId::NONE),
            px: risk.px,
            qty: risk.qty,
            instrument: input.instrument,
            kind: CommandKind::New.code(),
            side: risk.side,
            order_type: risk.order_type,
            time_in_force: risk.time_in_force,
        };
        let scale = self.scales.get(input.instrument.index()).filter(|s| s.defined && !s.blocked);
        if id.is_some() && scale.is_some() && risk.qty.0 > 0 && self.submit(&command) {
            push(out, command);
        } else {
            out.updated = 1;
            out.update = OrderUpdate {
                client_order_id: command.client_order_id,
                px: command.px,
                qty: command.qty,
                side: command.side,
                state_before: OrderState::Initialized.code(),
                state: OrderState::Denied.code(),
                anomalous: 1,
                ..OrderUpdate::zeroed()
            };
        }
    }

    /// Notes a new order as sent. False if it cannot be kept.
    fn submit(&mut self, command: &OrderCommand) -> bool {
        let parts = (
            Side::from_code(command.side),
            OrderType::from_code(command.order_type),
            TimeInForce::from_code(command.time_in_force),
        );
        let (Some(side), Some(order_type), Some(time_in_force)) = parts else { return false };
        let mut order = Order {
            client_order_id: command.client_order_id,
            venue_order_id: 0,
            instrument: command.instrument,
            side,
            order_type,
            time_in_force,
            state: OrderState::Initialized,
            acknowledged: false,
            cancel_wanted: false,
            px: command.px,
            qty: command.qty,
            cum_qty: Qty(0),
            notional: 0,
        };
        let kept = order.apply(Event::Submit) && self.store.insert(order).is_some();
        if kept {
            self.comparison.change(None, &order);
            self.comparison.sent(order.client_order_id, &self.store);
        }
        kept
    }

    /// All working orders of `instrument` are to be cancelled; of the host, if it is `NONE`. Those whose cancel was sent
    /// before are asked for again: risk repeats itself only when nothing came of it.
    fn want_cancels(&mut self, instrument: InstrumentId) {
        let mut wanted = self.cancels_wanted;
        self.store.for_each_working(|order| {
            if !order.cancel_wanted && (order.instrument == instrument || !instrument.is_some()) {
                order.cancel_wanted = true;
                wanted += 1;
            }
            true
        });
        self.cancels_wanted = wanted;
    }

    #[cold]
    fn send_cancels(&mut self, out: &mut ExecutionSection) {
        let mut wanted = self.cancels_wanted;
        self.store.for_each_working(|order| {
            if order.cancel_wanted && (out.commands_len as usize) < COMMANDS_MAX {
                push(
                    out,
                    OrderCommand {
                        client_order_id: order.client_order_id,
                        px: order.px,
                        qty: order.leaves_qty(),
                        instrument: order.instrument,
                        kind: CommandKind::Cancel.code(),
                        side: order.side.code(),
                        order_type: order.order_type.code(),
                        time_in_force: order.time_in_force.code(),
                    },
                );
                order.cancel_wanted = false;
                wanted -= 1;
                order.apply(Event::AskCancel);
            }
            wanted > 0
        });
        self.cancels_wanted = wanted;
    }

    fn mark_cancel_sent(&mut self, handle: Handle) {
        if let Some(order) = self.store.get_mut(handle) {
            if order.cancel_wanted {
                order.cancel_wanted = false;
                self.cancels_wanted -= 1;
            }
            order.apply(Event::AskCancel);
        }
    }

    /// A report becomes the order's new state, and an update if anything changed or did not fit.
    ///
    /// `cum_qty` only grows: a report counts by what it brings beyond what is known. One that brings nothing and moves
    /// nothing (repeated, overtaken) gives no update.
    fn report(&mut self, input: &Input, out: &mut ExecutionSection) {
        let report: &Report = input.payload();
        let found = self.store.find(report.client_order_id);
        let Some((handle, order)) = found.and_then(|h| Some((h, self.store.get_mut(h)?))) else {
            out.updated = 1;
            out.update = unknown(report);
            return;
        };
        let before = *order;
        let fits = apply(order, input.instrument, report);
        order.venue_order_id = if report.venue_order_id == 0 { before.venue_order_id } else { report.venue_order_id };
        let after = *order;
        if after.state.is_over() && after.cancel_wanted {
            order.cancel_wanted = false;
            self.cancels_wanted -= 1;
        }
        self.store.settle(handle);
        self.comparison.change(Some(&before), &after);
        if fits && after == before {
            return;
        }
        let new = after.cum_qty.0 - before.cum_qty.0;
        out.updated = 1;
        out.update = OrderUpdate {
            client_order_id: after.client_order_id,
            venue_order_id: after.venue_order_id,
            notional: after.notional,
            trade_id: if new > 0 { report.trade_id } else { 0 },
            last_px: if new > 0 { report.last_px } else { Px(0) },
            last_qty: Qty(new),
            px: after.px,
            qty: after.qty,
            cum_qty: after.cum_qty,
            leaves_qty: after.leaves_qty(),
            state_before: before.state.code(),
            state: after.state.code(),
            side: after.side.code(),
            liquidity: if new > 0 { report.liquidity } else { 0 },
            reason: report.reason,
            anomalous: u8::from(!fits),
            reserved: [0; 18],
        };
    }
}

/// Applies a report to its order. False if something about it does not fit; fills count all the same.
fn apply(order: &mut Order, instrument: InstrumentId, report: &Report) -> bool {
    let side = report.side();
    let Some(exec) = report.exec_type() else { return false };
    if side != Some(order.side)
        || order.instrument != instrument
        || report.cum_qty.0 < 0
        || report.last_qty.0 < 0
        || report.leaves_qty.0 < 0
    {
        return false;
    }
    let new = report.cum_qty.0.saturating_sub(order.cum_qty.0).max(0);
    let mut fits = new == 0 || exec != ExecType::Trade || new == report.last_qty.0;
    if new > 0 {
        let value = i128::from(new) * i128::from(report.last_px.0);
        let Some(notional) = order.notional.checked_add(value) else { return false };
        order.notional = notional;
        order.cum_qty = report.cum_qty;
    }
    order.acknowledged |= exec != ExecType::Rejected && exec != ExecType::CancelRejected;
    let is_news = report.cum_qty.0 >= order.cum_qty.0;
    if exec == ExecType::Replaced && is_news && !order.state.is_over() {
        let Some(qty) = report.cum_qty.0.checked_add(report.leaves_qty.0) else { return false };
        (order.qty, order.px) = (Qty(qty), report.last_px);
    }
    fits &= order.cum_qty.0 <= order.qty.0;
    let complete = order.cum_qty.0 >= order.qty.0;
    if exec == ExecType::Trade && new == 0 {
        return fits;
    }
    if exec == ExecType::Rejected && order.cum_qty.0 > 0 {
        // What was filled cannot have been refused.
        return false;
    }
    fits &= order.apply(Event::of(exec, complete));
    if complete && new > 0 && exec != ExecType::Trade && order.state != OrderState::Filled {
        // The fill itself was lost or is still on its way; the quantity says that nothing is left.
        fits &= order.apply(Event::Fill);
    }
    if exec == ExecType::Trade && new > 0 && report.leaves_qty.0 == 0 && !order.state.is_over() {
        // The venue took the rest away with the fill.
        fits &= order.apply(Event::Expired);
    }
    if complete && !order.state.is_over() {
        fits &= order.apply(Event::Fill);
    }
    fits
}

/// The update for a report on an order that the store does not know.
fn unknown(report: &Report) -> OrderUpdate {
    OrderUpdate {
        client_order_id: report.client_order_id,
        venue_order_id: report.venue_order_id,
        trade_id: report.trade_id,
        last_px: report.last_px,
        last_qty: report.last_qty,
        cum_qty: report.cum_qty,
        leaves_qty: report.leaves_qty,
        side: report.side,
        liquidity: report.liquidity,
        reason: report.reason,
        anomalous: 1,
        ..OrderUpdate::zeroed()
    }
}

#[inline]
fn push(out: &mut ExecutionSection, command: OrderCommand) {
    if let Some(place) = out.commands.get_mut(out.commands_len as usize) {
        *place = command;
        out.commands_len += 1;
    }
}
