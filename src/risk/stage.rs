//! Hot: the stage itself: what survives, what is forgotten, and the four steps of every input.

use super::aggregate::{Totals, bit};
use super::check::mid2;
use super::config::{Config, ConfigError, count, millis};
use super::instrument::State;
use super::orders::{Orders, Record};
use super::sizing::Sizer;
use super::window::Window;
use super::{Checks, account, money};
use crate::event::definition::Definition;
use crate::event::execution::ExecutionSection;
use crate::event::input::{EpochStart, GateChange, GateReason, Input, InputKind};
use crate::event::market::MarketSection;
use crate::event::risk::{RiskSection, Verdict};
use crate::event::signal::SignalSection;
use crate::types::ids::ClientOrderId;
use crate::types::instrument::Instrument;
use crate::types::price::Side;
use crate::types::time::Nanos;
use bytemuck::Zeroable;

/// The risk stage.
///
/// It starts closed, with the gate reason `not_ready`, and every `Epoch` input closes it again: an explicit gate input
/// must open it. The kill reason outlives an epoch, the others do not and have to be given anew.
pub struct RiskStage {
    pub(super) checks: Checks,
    pub(super) sizer: Sizer,
    pub(super) cooldown: Nanos,
    pub(super) order_ttl: Nanos,
    pub(super) cancel_retry: Nanos,
    pub(super) requote_ticks: i64,
    /// The process start that orders are named after; none before the first `Epoch`, or if it does not fit 16 bits.
    pub(super) epoch: Option<u16>,
    pub(super) states: Vec<State>,
    pub(super) orders: Orders,
    pub(super) totals: Totals,
}

impl RiskStage {
    /// A stage for up to `instruments_max` instruments; everything is allocated here, but for the rate windows, which come
    /// with the first definition of an instrument.
    ///
    /// # Errors
    /// [`ConfigError`]: a limit is missing, or a value is out of range.
    pub fn new(config: &Config, instruments_max: usize) -> Result<Self, ConfigError> {
        let checks = Checks::new(&config.limits)?;
        let orders_max = count(config.orders.orders_max, 65_536, "orders_max", "0..=65536")?;
        let finished_max = count(config.orders.finished_max, 1 << 20, "finished_max", "0..=1048576")?;
        count(checks.open_orders.limit, orders_max, "max_open_orders", "0..=orders_max")?;
        Ok(Self {
            sizer: Sizer::new(&config.sizing, &config.orders)?,
            cooldown: millis(config.orders.cooldown_ms, "cooldown_ms")?,
            order_ttl: millis(config.orders.order_ttl_ms, "order_ttl_ms")?,
            cancel_retry: millis(config.orders.cancel_retry_ms, "cancel_retry_ms")?,
            requote_ticks: i64::from(config.orders.requote_ticks),
            epoch: None,
            states: (0..instruments_max).map(|_| State::new()).collect(),
            orders: Orders::new(orders_max as usize, finished_max as usize),
            totals: Totals::new(checks.order_rate_total.limit),
            checks,
        })
    }

    /// One input of the live sequence, or of its replay. `out` is written completely.
    pub fn on_slot(&mut self, input: &Input, market: &MarketSection, signal: &SignalSection, out: &mut RiskSection) {
        *out = RiskSection::zeroed();
        out.account_changed = u8::from(self.take(input));
        self.remember_mark(input, market);
        self.decide(input, market, signal, out);
        self.record(input, out);
        if out.verdict != Verdict::None.code() {
            self.totals.refresh(&mut self.states, input.instrument.index(), input.ts_recv);
        }
        self.describe_account(input, out);
    }

    /// The same input again, from the audit log: all inputs of the kinds epoch, definition, gate and report, and all with a
    /// verdict, commands or an update, in their order. After it the stage is where it was, but for what it knew from the
    /// market; the next input must be an `Epoch`.
    pub fn restore(&mut self, input: &Input, risk: &RiskSection, _execution: &ExecutionSection) {
        self.take(input);
        self.record(input, risk);
    }

    /// Step 1: what the input itself changes. True if it changed the account.
    fn take(&mut self, input: &Input) -> bool {
        match input.kind() {
            Some(InputKind::Epoch) => self.take_epoch(input),
            Some(InputKind::Definition) => self.take_definition(input),
            Some(InputKind::Gate) => self.take_gate(*input.payload()),
            Some(InputKind::Report) => return self.take_report(input),
            _ => {}
        }
        false
    }

    fn take_epoch(&mut self, input: &Input) {
        self.epoch = u16::try_from(input.payload::<EpochStart>().epoch).ok();
        self.totals.gate = self.totals.gate & bit(GateReason::Kill) | bit(GateReason::NotReady);
        for state in &mut self.states {
            state.mark2 = None;
        }
        self.totals.recompute(&mut self.states, input.ts_recv);
    }

    fn take_gate(&mut self, change: GateChange) {
        match GateReason::from_code(change.reason) {
            Some(reason) if change.closed == 0 => self.totals.gate &= !bit(reason),
            Some(reason) => self.totals.gate |= bit(reason),
            // Somebody wanted something that we do not understand.
            None => self.totals.gate |= bit(GateReason::NotReady),
        }
    }

    fn take_definition(&mut self, input: &Input) {
        let Some(state) = self.states.get_mut(input.instrument.index()) else { return };
        let known = state.instrument;
        let Some(given) = input.payload::<Definition>().instrument(input.instrument) else {
            state.fault = true;
            return;
        };
        match known {
            None => {
                state.window = Window::new(self.checks.order_rate.limit);
                state.instrument = Some(given);
            }
            Some(old) => {
                if self.refine(&old, &given).is_none()
                    && let Some(state) = self.states.get_mut(input.instrument.index())
                {
                    state.fault = true;
                }
            }
        }
        self.totals.refresh(&mut self.states, input.instrument.index(), input.ts_recv);
    }

    /// Everything that is held, at the finer scales. `None`: a coarser scale, another contract, or an overflow.
    fn refine(&mut self, old: &Instrument, new: &Instrument) -> Option<()> {
        let px_by = new.price_decimals.checked_sub(old.price_decimals)?;
        let qty_by = new.qty_decimals.checked_sub(old.qty_decimals)?;
        let state = self.states.get_mut(new.id.index())?;
        if old.contract != new.contract || old.multiplier != new.multiplier {
            return None;
        }
        let (px, qty) = (money::pow10(px_by)?, money::pow10(qty_by)?);
        let by = |value: i64, by: i128| i64::try_from(i128::from(value).checked_mul(by)?).ok();
        let account: account::Account = state.account.rescale(new, px_by, qty_by)?;
        let (open_buy, open_sell) = (by(state.open_buy, qty)?, by(state.open_sell, qty)?);
        for record in self.orders.all_of(new.id) {
            (record.px, record.qty, record.cum) = (by(record.px, px)?, by(record.qty, qty)?, by(record.cum, qty)?);
        }
        (state.account, state.open_buy, state.open_sell) = (account, open_buy, open_sell);
        state.mark2 = state.mark2.and_then(|mark2| mark2.checked_mul(px));
        state.instrument = Some(*new);
        Some(())
    }

    /// Step 2: the last mid, or the venue's mark while there was no mid yet.
    #[inline]
    fn remember_mark(&mut self, input: &Input, market: &MarketSection) {
        if matches!(input.kind(), None | Some(InputKind::Epoch | InputKind::Gate)) {
            return;
        }
        let Some(state) = self.states.get_mut(input.instrument.index()) else { return };
        match mid2(market) {
            Some(mid2) => state.mark2 = Some(mid2),
            None if state.mark2.is_none() && market.mark.0 != 0 => state.mark2 = Some(2 * i128::from(market.mark.0)),
            None => {}
        }
        self.totals.refresh(&mut self.states, input.instrument.index(), input.ts_recv);
    }

    /// Step 4: what the verdict changes.
    fn record(&mut self, input: &Input, risk: &RiskSection) {
        let now = input.ts_recv;
        if risk.verdict() == Verdict::CancelAll && !input.instrument.is_some() {
            for state in self.states.iter_mut().filter(|s| !s.list.is_empty()) {
                (state.cancelling, state.cancel_at) = (true, now);
            }
            return;
        }
        let Some(state) = self.states.get_mut(input.instrument.index()) else { return };
        match risk.verdict() {
            Verdict::None => {}
            Verdict::CancelAll => (state.cancelling, state.cancel_at) = (!state.list.is_empty(), now),
            Verdict::Refused => {
                state.attempt_at = now;
                if risk.check == super::code::daily_loss {
                    self.totals.latch(now);
                }
            }
            Verdict::Approved => {
                state.attempt_at = now;
                state.window.push(now);
                self.totals.window.push(now);
                let id = self.epoch.and_then(|epoch| ClientOrderId::new(epoch, input.sequence, 0));
                let added = id.zip(risk.side()).is_some_and(|(id, side)| {
                    let open = match side {
                        Side::Buy => &mut state.open_buy,
                        Side::Sell => &mut state.open_sell,
                    };
                    let record = Record::new(id, input.instrument, side, risk.px.0, risk.qty.0, now);
                    open.checked_add(risk.qty.0).is_some_and(|sum| {
                        *open = sum;
                        self.orders.insert(record, &mut state.list)
                    })
                });
                state.fault |= !added;
            }
        }
    }
}
