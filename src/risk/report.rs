//! Hot: a venue's report changes the account: once, whatever comes twice, late, or in another order.
//!
//! What counts is `cum_qty`, which only grows: a report books `cum_qty − what was booked`, at its own price and with its own
//! fee, and a report that brings nothing new books nothing. So the position is right in every order of arrival; when reports
//! overtake each other, the fills in between are booked at the price of the one that came first.

use super::account::day_of;
use super::bucket::Rate;
use super::checks::At;
use super::orders::Record;
use super::outcome;
use super::stage::RiskStage;
use crate::event::input::Input;
use crate::event::report::{ExecType, Report};
use crate::types::ids::ClientOrderId;
use crate::types::price::Side;

impl RiskStage {
    /// Books a report. True if the account changed. What cannot be booked leaves a fault: the position is not known then.
    pub(super) fn take_report(&mut self, input: &Input) -> bool {
        let index = input.instrument.index();
        if self.states.get(index).is_none_or(|s| s.instrument.is_none()) {
            self.totals.fault = true;
            return false;
        }
        let booked = self.book(input, input.payload());
        if booked.is_none()
            && let Some(state) = self.states.get_mut(index)
        {
            state.fault = true;
        }
        if let Some(state) = self.states.get_mut(index) {
            state.touch();
            state.settle();
        }
        self.refresh(index, input.ts_recv);
        booked.unwrap_or(false)
    }

    fn book(&mut self, input: &Input, report: &Report) -> Option<bool> {
        let exec = report.exec_type()?;
        let side = report.side()?;
        if report.cum_qty.0 < 0 || report.last_qty.0 < 0 || report.leaves_qty.0 < 0 {
            return None;
        }
        let id = key(report);
        match self.orders.find(id) {
            Some(at) => self.book_known(input, report, exec, side, at),
            None if self.orders.is_forgotten(id) => Some(false),
            None => self.book_external(input, report, exec, side, id),
        }
    }

    fn book_known(&mut self, input: &Input, report: &Report, exec: ExecType, side: Side, at: u32) -> Option<bool> {
        let record = *self.orders.get(at)?;
        if record.instrument != input.instrument || record.side != side {
            return None;
        }
        let window = self.settings.repeat_window;
        let state = self.states.get_mut(input.instrument.index())?;
        let instrument = state.instrument.as_ref()?;
        let new = report.cum_qty.0.saturating_sub(record.cum).max(0);
        let banked = state.account.realized.checked_sub(state.account.fees)?;
        if new > 0 {
            state.account.fill(instrument, side, new, report.last_px.0, report.fee, day_of(input.ts_recv))?;
        }
        let pnl = state.account.realized.checked_sub(state.account.fees)?.checked_sub(banked)?;
        outcome::tell(&mut self.breakers, input.ts_recv, instrument, &record, report, exec, (new, pnl));
        let (before, was_unfilled, record_id) = (record.leaves(), record.is_unfilled(), record.id);
        if new > 0 && record.cum == 0 {
            let rate = Rate { limit: state.limits[At::repeat_throttle as usize], window };
            state.repeats[side as usize - 1].executed(rate, input.ts_recv);
        }
        let record = self.orders.get_mut(at)?;
        record.cum = record.cum.max(report.cum_qty.0);
        record.answered = true;
        if exec == ExecType::Replaced && report.cum_qty.0 >= record.cum {
            record.qty = report.cum_qty.0.checked_add(report.leaves_qty.0)?;
            record.px = report.last_px.0;
        }
        // What was filled cannot have been refused: such a rejection is not believed, and the rest goes on being counted.
        let ended =
            matches!(exec, ExecType::Canceled | ExecType::Expired) || (exec == ExecType::Rejected && record.cum == 0);
        let used_up = exec == ExecType::Trade && new > 0 && report.leaves_qty.0 == 0;
        if record.live && (ended || used_up || record.cum >= record.qty) {
            self.orders.finish(at, &mut state.list);
        }
        let now = self.orders.get(at).filter(|r| r.id == record_id);
        let (after, is_unfilled) = now.map_or((0, false), |r| (r.leaves(), r.is_unfilled()));
        if was_unfilled && !is_unfilled {
            let side = &mut state.repeats[side as usize - 1];
            side.unfilled = side.unfilled.saturating_sub(1);
        }
        let open = state.open_mut(side);
        *open = open.checked_sub(before)?.checked_add(after)?;
        Some(new > 0)
    }

    /// An order that we do not know (entered by hand, or forgotten long ago): its fills are ours all the same. Its first
    /// report counts by `last_qty`, for what it filled before is in the position already. What it has open is not counted.
    fn book_external(
        &mut self,
        input: &Input,
        report: &Report,
        exec: ExecType,
        side: Side,
        id: ClientOrderId,
    ) -> Option<bool> {
        let window = self.settings.repeat_window;
        let state = self.states.get_mut(input.instrument.index())?;
        let instrument = state.instrument.as_ref()?;
        let new = if exec == ExecType::Trade { report.last_qty.0 } else { 0 };
        if new > 0 {
            state.account.fill(instrument, side, new, report.last_px.0, report.fee, day_of(input.ts_recv))?;
            let rate = Rate { limit: state.limits[At::repeat_throttle as usize], window };
            state.repeats[side as usize - 1].executed(rate, input.ts_recv);
        }
        let qty = report.cum_qty.0.saturating_add(report.leaves_qty.0);
        let mut record = Record::new(id, input.instrument, side, report.last_px.0, qty, input.ts_recv);
        record.cum = report.cum_qty.0;
        if id != ClientOrderId::NONE {
            self.orders.insert_finished(record);
        }
        Some(new > 0)
    }
}

/// What the order is remembered by: our id, or, for an order that was not given one of ours, the venue's id in the
/// numbering of an epoch that no process start has. None at all: its reports cannot be told apart, each counts.
fn key(report: &Report) -> ClientOrderId {
    match (report.client_order_id, report.venue_order_id) {
        (ClientOrderId::NONE, 0) => ClientOrderId::NONE,
        (ClientOrderId::NONE, venue) => ClientOrderId(0xFFFF << 48 | venue & ((1 << 48) - 1)),
        (id, _) => id,
    }
}
