//! Hot: what to do about this input. It reads the state and writes the verdict; it changes nothing.

use super::check::{Context, Refusal, UNKNOWN, Wanted, mid2};
use super::instrument::State;
use super::sizing::Move;
use super::stage::RiskStage;
use crate::event::input::{Input, InputKind};
use crate::event::market::MarketSection;
use crate::event::risk::{RiskSection, Verdict};
use crate::event::signal::SignalSection;
use crate::types::ids::ClientOrderId;
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty, Side};
use crate::types::time::{NO_TIME, age};

/// Whether orders may be thought about on this kind of input.
fn is_occasion(kind: InputKind) -> bool {
    kind == InputKind::Timer || kind.code() >= InputKind::Depth.code()
}

impl RiskStage {
    /// Writes the verdict on `input` into `out`.
    pub(super) fn decide(&self, input: &Input, market: &MarketSection, signal: &SignalSection, out: &mut RiskSection) {
        match input.kind() {
            Some(InputKind::Gate) if self.totals.gate != 0 && self.orders.live() > 0 => {
                out.verdict = Verdict::CancelAll.code();
            }
            Some(kind) if is_occasion(kind) && input.is_last() => {
                let state = self.states.get(input.instrument.index());
                if let Some((state, instrument)) = state.and_then(|s| Some((s, s.instrument.as_ref()?))) {
                    self.decide_on(input, state, instrument, market, signal, out);
                }
            }
            _ => {}
        }
    }

    fn decide_on(
        &self,
        input: &Input,
        state: &State,
        instrument: &Instrument,
        market: &MarketSection,
        signal: &SignalSection,
        out: &mut RiskSection,
    ) {
        let now = input.ts_recv;
        out.target = Qty(state.account.position);
        if !self.totals.is_latched(now)
            && let Some((value, limit)) = self.checks.daily_loss.breach(&self.totals)
        {
            refuse(out, Refusal { code: super::code::daily_loss, value, limit });
            return;
        }
        let must_stop = self.totals.gate != 0 || self.totals.is_latched(now);
        if !state.list.is_empty() && (must_stop || self.is_misplaced(state, instrument, market, now)) {
            self.cancel(state, now, out);
            return;
        }
        let Some(direction) = self.sizer.direction(signal) else { return };
        // No book, no target. The refusal is left to the checks only where an order can be named.
        let Some(mid2) = mid2(market) else { return };
        let Some(target) = self.sizer.target(instrument, direction, mid2) else {
            self.attempt(state, now, out, Err(Refusal { code: UNKNOWN, value: 0, limit: 0 }));
            return;
        };
        out.target = Qty(target);
        let lot = instrument.lot_size.0;
        match self.sizer.step(lot, target, state.account.position, state.open_buy, state.open_sell) {
            Some(Move::Stay) => {}
            Some(Move::Cancel) => self.cancel(state, now, out),
            Some(Move::Trade(side, qty)) => {
                if state.cancelling || !self.is_cool(state, now) {
                    return;
                }
                let answer = self.ask(input, state, instrument, market, side, qty, out);
                self.attempt(state, now, out, answer);
            }
            None => self.attempt(state, now, out, Err(Refusal { code: UNKNOWN, value: 0, limit: 0 })),
        }
    }

    /// Prices the order and asks every check.
    #[allow(clippy::too_many_arguments)]
    fn ask(
        &self,
        input: &Input,
        state: &State,
        instrument: &Instrument,
        market: &MarketSection,
        side: Side,
        qty: i64,
        out: &mut RiskSection,
    ) -> Result<(), Refusal> {
        let unknown = Refusal { code: UNKNOWN, value: 0, limit: 0 };
        out.side = side.code();
        out.qty = Qty(qty);
        let wanted = self.sizer.order(instrument, market, side, qty).ok_or(unknown)?;
        write(out, &wanted);
        // Without an epoch the order could not be named, and so not be found again.
        self.epoch.and_then(|epoch| ClientOrderId::new(epoch, input.sequence, 0)).ok_or(unknown)?;
        if input.ts_recv == NO_TIME {
            return Err(unknown);
        }
        self.checks.run(&Context {
            now: input.ts_recv,
            wanted,
            instrument,
            market,
            state,
            totals: &self.totals,
            orders: &self.orders,
        })
    }

    /// The answer becomes the verdict, if the instrument has cooled down since the last one.
    fn attempt(&self, state: &State, now: i64, out: &mut RiskSection, answer: Result<(), Refusal>) {
        if !self.is_cool(state, now) {
            return;
        }
        match answer {
            Ok(()) => out.verdict = Verdict::Approved.code(),
            Err(refusal) => refuse(out, refusal),
        }
    }

    fn is_cool(&self, state: &State, now: i64) -> bool {
        // A clock that ran backward: not yet.
        state.attempt_at == NO_TIME || age(now, state.attempt_at).is_some_and(|age| age >= self.cooldown)
    }

    /// Asks for the cancels, unless that was done a short while ago. A clock that ran backward does not hold them back.
    fn cancel(&self, state: &State, now: i64, out: &mut RiskSection) {
        let waits = state.cancelling && age(now, state.cancel_at).is_some_and(|age| age < self.cancel_retry);
        if !waits {
            out.verdict = Verdict::CancelAll.code();
        }
    }

    /// Whether a live order is too old, or rests too far behind the touch.
    fn is_misplaced(&self, state: &State, instrument: &Instrument, market: &MarketSection, now: i64) -> bool {
        let far = instrument.tick_size.0.saturating_mul(self.requote_ticks);
        self.orders.of(&state.list).any(|order| {
            let behind = match order.side {
                Side::Buy if market.bid.qty.0 > 0 => market.bid.px.0.saturating_sub(order.px),
                Side::Sell if market.ask.qty.0 > 0 => order.px.saturating_sub(market.ask.px.0),
                _ => 0,
            };
            behind > far || age(now, order.since).is_some_and(|age| age > self.order_ttl)
        })
    }

    /// The account of the input's instrument, after the input and the verdict.
    pub(super) fn describe_account(&self, input: &Input, out: &mut RiskSection) {
        out.gate = self.totals.gate;
        let state = self.states.get(input.instrument.index());
        let Some((state, instrument)) = state.and_then(|s| Some((s, s.instrument.as_ref()?))) else { return };
        out.position = Qty(state.account.position);
        out.open_buy = Qty(state.open_buy);
        out.open_sell = Qty(state.open_sell);
        out.avg_px_e4 = state.account.avg_px_e4;
        out.realized = state.account.realized;
        out.unrealized = state.unrealized().unwrap_or(0);
        out.fees = state.account.fees;
        out.money_decimals = instrument.money_decimals();
    }
}

fn write(out: &mut RiskSection, wanted: &Wanted) {
    out.px = Px(wanted.px);
    out.order_type = wanted.order_type.code();
    out.time_in_force = wanted.time_in_force.code();
}

fn refuse(out: &mut RiskSection, refusal: Refusal) {
    out.verdict = Verdict::Refused.code();
    out.check = refusal.code;
    out.value = refusal.value;
    out.limit = refusal.limit;
}
