//! Hot: the stage itself: what survives, what is forgotten, and the four steps of every input.

use super::aggregate::{NO_HIGH, Totals, bit};
use super::breaker::{Breakers, Event, Key};
use super::bucket::Rate;
use super::check::{exposure, mid2};
use super::checks::{At, ROWS, TABLE, code};
use super::config::{Config, ConfigError, count};
use super::instrument::State;
use super::limits::LimitBook;
use super::operator::{Answer, Requests};
use super::orders::{Orders, Record};
use super::portfolio::Portfolio;
use super::portfolio::drawdown::HighWater;
use super::settings::Settings;
use super::sizing::Sizer;
use super::{account, money};
use crate::event::definition::Definition;
use crate::event::execution::ExecutionSection;
use crate::event::input::{EpochStart, GateChange, GateReason, Input, InputKind};
use crate::event::market::{MarketSection, flags};
use crate::event::risk::{RiskSection, Verdict, marks};
use crate::event::signal::SignalSection;
use crate::types::ids::{ClientOrderId, InstrumentId};
use crate::types::instrument::Instrument;
use crate::types::price::pow10_f64;
use crate::types::time::UnixNanos;
use bytemuck::Zeroable;

/// The risk stage.
///
/// It starts closed, with the gate reason `not_ready`, and every `Epoch` input closes it again: an explicit gate input
/// must open it. The kill reason outlives an epoch, the others do not and have to be given anew. What operators set outlives
/// it too, but for limits that were loosened.
pub struct RiskStage {
    pub(super) settings: Settings,
    pub(super) limits: LimitBook,
    pub(super) sizer: Sizer,
    /// The process start that orders are named after; none before the first `Epoch`, or if it does not fit 16 bits.
    pub(super) epoch: Option<u16>,
    pub(super) states: Vec<State>,
    pub(super) orders: Orders,
    pub(super) totals: Totals,
    pub(super) requests: Requests,
    pub(super) portfolio: Portfolio,
    pub(super) breakers: Breakers,
}

impl RiskStage {
    /// A stage for up to `instruments_max` instruments; everything is allocated here.
    ///
    /// # Errors
    /// [`ConfigError`]: a limit is missing, or a value is out of range.
    pub fn new(config: &Config, instruments_max: usize) -> Result<Self, ConfigError> {
        let limits = LimitBook::new(config)?;
        let orders_max = count(config.orders.orders_max, 65_536, "orders_max", "0..=65536")?;
        let finished_max = count(config.orders.finished_max, 1 << 20, "finished_max", "0..=1048576")?;
        if limits.ceiling(At::open_orders as usize) > i128::from(orders_max) {
            return Err(ConfigError::Range { name: "max_open_orders", range: "0..=orders_max" });
        }
        Ok(Self {
            settings: Settings::new(config)?,
            sizer: Sizer::new(config)?,
            epoch: None,
            states: (0..instruments_max).map(|_| State::new(&limits.now)).collect(),
            orders: Orders::new(orders_max as usize, finished_max as usize),
            totals: Totals::new(HighWater::new(&config.drawdown)?),
            portfolio: Portfolio::new(&config.portfolio, instruments_max)?,
            breakers: Breakers::new(&config.breakers, 1, instruments_max)?,
            requests: Requests::NONE,
            limits,
        })
    }

    /// One input of the live sequence, or of its replay. `out` is written completely.
    pub fn on_slot(&mut self, input: &Input, market: &MarketSection, signal: &SignalSection, out: &mut RiskSection) {
        *out = RiskSection::zeroed();
        if input.kind() == Some(InputKind::Operator) {
            let answer = self.judge(input);
            self.apply(input, &answer);
            (out.operator, out.value, out.limit) = (answer.outcome.code(), answer.value, answer.limit);
        }
        out.account_changed = u8::from(self.take(input));
        self.remember_market(input, market, out);
        self.decide(input, market, signal, out);
        self.record(input, out);
        if out.verdict != Verdict::None.code() {
            self.refresh(input.instrument.index(), input.ts_recv);
        }
        self.tell_high_water(out);
        self.describe_account(input, out);
    }

    /// The same input again, from the audit log: all inputs of the kinds epoch, definition, gate, report and operator, and all
    /// with a verdict, a note, commands or an update, in their order. After it the stage is where it was, but for what it knew
    /// from the market; the next input must be an `Epoch`.
    pub fn restore(&mut self, input: &Input, risk: &RiskSection, _execution: &ExecutionSection) {
        if input.kind() == Some(InputKind::Operator) {
            self.apply(input, &Answer { outcome: risk.outcome(), value: risk.value, limit: risk.limit });
        }
        self.take(input);
        if risk.has(marks::MARK) {
            self.take_mark(input, risk.mid2);
        }
        self.record(input, risk);
        // It only moves with slots that are in the audit log, and each of them has it.
        match (is_audited(input, risk), risk.high_water_e8) {
            (true, NO_HIGH) => self.totals.high = self.totals.no_high,
            (true, mark) => self.totals.high.reset(mark),
            (false, _) => {}
        }
        if let Some(state) = self.states.get_mut(input.instrument.index()) {
            // What was stopped stays so, also if the limit has become another one since.
            state.repeats[0].stopped |= risk.has(marks::STOPPED_BUY);
            state.repeats[1].stopped |= risk.has(marks::STOPPED_SELL);
        }
    }

    /// The limits that will be in force behind the next `Epoch`: stored number of the check, the instrument that has it for
    /// itself (else the host), and the value. `instruments` are those that will be defined.
    pub fn limits_from_next_epoch(&self, instruments: &[Instrument]) -> Vec<(u8, Option<InstrumentId>, i128)> {
        let mut book = self.limits.clone();
        book.begin_epoch();
        let row = |at: usize| TABLE.get(at).filter(|row| row.key.is_some());
        let mut all: Vec<_> = (0..ROWS).filter_map(|at| row(at).map(|row| (row.code, None, book.now[at]))).collect();
        for instrument in instruments {
            let known = self.states.get(instrument.id.index()).filter(|state| state.instrument.is_some());
            let (limits, own) = if let Some(state) = known {
                let (mut limits, mut own) = (state.limits, state.own);
                book.begin_epoch_of(instrument, &mut limits, &mut own);
                (limits, own)
            } else {
                let adopted = book.adopt(instrument);
                (adopted.limits, adopted.own)
            };
            let mine = (0..ROWS).filter(|at| own >> at & 1 == 1);
            all.extend(mine.filter_map(|at| row(at).map(|row| (row.code, Some(instrument.id), limits[at]))));
        }
        all
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
        self.limits.begin_epoch();
        for state in &mut self.states {
            state.forget_market();
            match &state.instrument {
                Some(instrument) => self.limits.begin_epoch_of(instrument, &mut state.limits, &mut state.own),
                None => state.limits = self.limits.now,
            }
        }
        self.totals.recompute(&mut self.states, input.ts_recv);
        self.portfolio.forget_exposures();
        for index in 0..self.states.len() {
            self.states[index].exposed = true;
            self.expose(index);
        }
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
                state.adopt(&self.limits.adopt(&given));
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
        if let Some(state) = self.states.get_mut(input.instrument.index()) {
            state.touch();
        }
        self.refresh(input.instrument.index(), input.ts_recv);
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
        let recent = state.recent.rescale(i64::try_from(px).ok()?, i64::try_from(qty).ok()?)?;
        let target = match state.target {
            Some(target) => Some(super::instrument::Target { qty: by(target.qty, qty)?, ..target }),
            None => None,
        };
        for record in self.orders.all_of(new.id) {
            (record.px, record.qty, record.cum) = (by(record.px, px)?, by(record.qty, qty)?, by(record.cum, qty)?);
            record.mid2 = by(record.mid2, px)?;
        }
        (state.account, state.open_buy, state.open_sell) = (account, open_buy, open_sell);
        (state.recent, state.target) = (recent, target);
        state.refine_market(px);
        state.instrument = Some(*new);
        Some(())
    }

    /// Step 2: the last mid, or the venue's mark while there was no mid yet; and when the best bid and ask were told.
    #[inline]
    fn remember_market(&mut self, input: &Input, market: &MarketSection, out: &mut RiskSection) {
        let kind = input.kind();
        if matches!(kind, None | Some(InputKind::Epoch | InputKind::Gate | InputKind::Operator)) {
            return;
        }
        let Some(state) = self.states.get_mut(input.instrument.index()) else { return };
        let told = kind == Some(InputKind::Quote)
            || input.kind >= InputKind::Depth.code() && market.flags & (flags::BOOK_UPDATED | flags::BBO_CHANGED) != 0;
        if told {
            state.quoted_at = input.ts_recv;
        }
        let mid2 = mid2(market);
        match mid2 {
            Some(mid2) => state.mark(mid2, input.ts_recv),
            None if state.mark2.is_none() && market.mark.0 != 0 => {
                (state.mark2, state.dirty) = (Some(2 * i128::from(market.mark.0)), true);
            }
            None => {}
        }
        if state.instrument.is_some()
            && self.portfolio.is_due(input.instrument.index(), input.ts_recv)
            && market.is_tradable()
            && let Some(mid2) = mid2.and_then(|mid2| i64::try_from(mid2).ok())
        {
            (out.mid2, out.marks) = (mid2, out.marks | marks::MARK | marks::NOTED);
            self.take_mark(input, mid2);
        }
        self.refresh(input.instrument.index(), input.ts_recv);
    }

    /// The first mid of an interval, told in the slot's section: returns follow from these alone.
    #[cold]
    fn take_mark(&mut self, input: &Input, mid2: i64) {
        let index = input.instrument.index();
        let Some(state) = self.states.get_mut(index) else { return };
        let Some(instrument) = &state.instrument else { return };
        // The same bits on every scale.
        let mid = mid2 as f64 * 0.5 / pow10_f64(instrument.price_decimals);
        self.portfolio.take_mark(index, input.ts_recv, mid);
        state.exposed = true;
    }

    /// Brings the totals and the portfolio up to date after an instrument changed.
    #[inline]
    pub(super) fn refresh(&mut self, index: usize, now: UnixNanos) {
        self.totals.refresh(&mut self.states, index, now);
        self.expose(index);
    }

    #[inline]
    fn expose(&mut self, index: usize) {
        if let Some(state) = self.states.get_mut(index).filter(|s| s.exposed) {
            state.exposed = false;
            let part = &state.part;
            let known = if part.unknown { None } else { exposure((part.high_e8, part.low_e8)) };
            self.portfolio.set_exposure(index, known);
        }
    }

    /// Step 4: what the verdict changes.
    fn record(&mut self, input: &Input, risk: &RiskSection) {
        let now = input.ts_recv;
        let window = self.settings.rate_window;
        let of_host = |at: At| Rate { limit: self.limits.now[at as usize], window };
        let messages = of_host(At::message_rate);
        if risk.verdict() == Verdict::CancelAll && !input.instrument.is_some() {
            self.totals.messages.take(messages, now, self.orders.live() as i128);
            for state in self.states.iter_mut().filter(|s| !s.list.is_empty()) {
                (state.cancelling, state.cancel_at) = (true, now);
            }
            return;
        }
        let Some(state) = self.states.get_mut(input.instrument.index()) else { return };
        match risk.verdict() {
            Verdict::None => {}
            Verdict::CancelAll => {
                self.totals.messages.take(messages, now, i128::from(state.list.len()));
                (state.cancelling, state.cancel_at) = (!state.list.is_empty(), now);
            }
            Verdict::Refused => {
                state.attempt_at = now;
                if risk.check == code::daily_loss {
                    self.totals.latch(now);
                }
                self.totals.drawdown_stopped |= risk.check == code::drawdown;
            }
            Verdict::Approved => {
                state.attempt_at = now;
                state.touch();
                state.approvals.take(Rate { limit: state.limits[At::order_rate as usize], window }, now, 1);
                self.totals.approvals.take(of_host(At::order_rate_total), now, 1);
                self.totals.messages.take(messages, now, 1);
                let id = self.epoch.and_then(|epoch| ClientOrderId::new(epoch, input.sequence, 0));
                let added = id.zip(risk.side()).is_some_and(|(id, side)| {
                    state.recent.push(side, risk.px.0, risk.qty.0, now);
                    let mut record = Record::new(id, input.instrument, side, risk.px.0, risk.qty.0, now);
                    (record.exit, record.mid2) = (risk.has(marks::FLATTEN), risk.mid2);
                    if let Some(instrument) = &state.instrument {
                        self.breakers.on(now, Key::of(instrument), Event::Sent);
                    }
                    let repeats = &mut state.repeats[side as usize - 1];
                    repeats.unfilled = repeats.unfilled.saturating_add(1);
                    state.open_mut(side).checked_add(risk.qty.0).is_some_and(|sum| {
                        *state.open_mut(side) = sum;
                        self.orders.insert(record, &mut state.list)
                    })
                });
                state.fault |= !added;
            }
        }
    }

    /// An equity that is a step above the mark moves it, and the slot is kept for it.
    #[inline]
    fn tell_high_water(&mut self, out: &mut RiskSection) {
        let totals = &mut self.totals;
        // Mostly it is below the mark, which is known without the step.
        let above =
            |equity: &i128| totals.high.mark_e8().is_none_or(|mark| *equity > mark) && totals.high.is_due(*equity);
        if let Some(equity) = totals.equity(self.settings.capital_e8).filter(above) {
            totals.high.take(equity);
            out.marks |= marks::HIGH_WATER | marks::NOTED;
        }
        out.high_water_e8 = totals.high.mark_e8().unwrap_or(NO_HIGH);
    }
}

/// Whether the slot is in the audit log for what the stage itself knows of it.
#[inline]
fn is_audited(input: &Input, risk: &RiskSection) -> bool {
    use InputKind::{Definition, Epoch, Gate, Operator, Outside, Report};
    matches!(input.kind(), Some(Epoch | Definition | Gate | Report | Operator | Outside))
        || risk.verdict != 0
        || risk.has(marks::NOTED)
}
