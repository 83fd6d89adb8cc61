//! Hot: what to do about this input. It reads the state and writes the verdict; it changes nothing.

use super::breaker::Key;
use super::check::{Context, Refusal, UNKNOWN, Wanted, mid2};
use super::checks::{self, At, DailyLoss, Drawdown, code};
use super::instrument::State;
use super::sizing::{Move, Sizer};
use super::sizing_models::Ask;
use super::stage::RiskStage;
use crate::event::input::{Input, InputKind};
use crate::event::market::MarketSection;
use crate::event::operator::ScopeState;
use crate::event::risk::{RiskSection, Verdict, marks};
use crate::event::signal::{Direction, SignalSection};
use crate::types::ids::ClientOrderId;
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty, Side};
use crate::types::time::{NO_TIME, age};

/// Refused before any check could be asked.
const CANNOT_COMPUTE: Refusal = Refusal { code: UNKNOWN, value: 0, limit: 0 };

/// The position that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// None, by an audited command, also while halted.
    Flatten,
    /// This one, by command.
    Target(i64),
    /// One that the sizing makes of the signal.
    Signal(Direction),
}

impl Wish {
    const fn marks(self) -> u32 {
        match self {
            Self::Flatten => marks::FLATTEN,
            Self::Target(_) => marks::TARGET,
            Self::Signal(_) => 0,
        }
    }
}

/// Whether orders may be thought about on this kind of input.
fn is_occasion(kind: InputKind) -> bool {
    matches!(kind, InputKind::Timer | InputKind::Outside) || kind.code() >= InputKind::Depth.code()
}

impl RiskStage {
    /// Writes the verdict on `input` into `out`.
    pub(super) fn decide(&self, input: &Input, market: &MarketSection, signal: &SignalSection, out: &mut RiskSection) {
        match input.kind() {
            Some(InputKind::Gate) if self.totals.gate != 0 && self.orders.live() > 0 => {
                out.verdict = Verdict::CancelAll.code();
            }
            Some(InputKind::Operator) if self.cancels_now(input, out.outcome()) => {
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
        if let Some(refusal) = self.loss(now) {
            refuse(out, refusal);
            return;
        }
        if !state.list.is_empty() && (self.must_cancel(state, now) || self.is_misplaced(state, instrument, market, now))
        {
            self.cancel(state, now, out);
            return;
        }
        // No book, no target. The refusal is left to the checks only where an order can be named.
        let Some(wish) = self.wish(state, signal, now).filter(|_| mid2(market).is_some()) else { return };
        out.marks |= wish.marks();
        out.origin = match wish {
            Wish::Flatten => state.flatten_by,
            Wish::Target(_) => state.target.map_or(0, |target| target.origin),
            Wish::Signal(_) => signal.origin,
        };
        let target = match wish {
            Wish::Flatten => 0,
            Wish::Target(qty) => qty,
            Wish::Signal(direction) => match self.size(state, instrument, market, signal, direction, out) {
                Some(target) => target,
                None => return self.attempt(state, now, out, Err(CANNOT_COMPUTE)),
            },
        };
        out.target = Qty(target);
        let held = (state.account.position, state.open_buy, state.open_sell);
        let exact = !matches!(wish, Wish::Signal(_));
        match self.sizer.step(instrument.lot_size.0, target, exact, held) {
            Some(Move::Stay) => {}
            Some(Move::Cancel) => self.cancel(state, now, out),
            Some(Move::Trade(side, qty)) => {
                if state.cancelling || !self.is_cool(state, now) {
                    return;
                }
                let answer = self.ask(input, state, instrument, market, (side, qty), wish == Wish::Flatten, out);
                self.attempt(state, now, out, answer);
            }
            None => self.attempt(state, now, out, Err(CANNOT_COMPUTE)),
        }
    }

    /// The position that the signal is worth, by the size rule or by one amount for all. `None`: it cannot be computed.
    fn size(
        &self,
        state: &State,
        instrument: &Instrument,
        market: &MarketSection,
        signal: &SignalSection,
        direction: Direction,
        out: &mut RiskSection,
    ) -> Option<i64> {
        let mid2 = mid2(market)?;
        let Some(rule) = &self.sizer.rule else { return self.sizer.target(instrument, direction, mid2) };
        let equity_e8 = self.totals.equity(self.settings.capital_e8);
        let answer = rule.target(&Ask {
            direction,
            confidence: signal.confidence,
            score: signal.score,
            mid2,
            volatility: self.portfolio.volatility(instrument.id.index(), instrument.calendar),
            equity_e8,
            drawdown_ppm: equity_e8.and_then(|equity| self.totals.high.drawdown_ppm(equity)),
            // What rests on the side that it would take.
            liquidity: Some(if direction == Direction::Long { market.ask_qty_10.0 } else { market.bid_qty_10.0 }),
            position: state.account.position,
            instrument,
        });
        let code = match answer {
            Ok(target) => target.bound.code(),
            Err(not) => 128 + not.code(),
        };
        out.marks |= u32::from(code) << marks::SIZE_SHIFT;
        answer.ok().map(|target| target.qty)
    }

    /// A loss that has to stop trading now, and has not yet.
    #[inline]
    fn loss(&self, now: i64) -> Option<Refusal> {
        let totals = &self.totals;
        let limit = |at: At| self.limits.now[at as usize];
        if !totals.is_latched(now)
            && let Some((value, limit)) = DailyLoss::breach(totals, limit(At::daily_loss))
        {
            return Some(Refusal { code: code::daily_loss, value, limit });
        }
        if !totals.drawdown_stopped
            && let Some((value, limit)) = Drawdown::breach(totals, self.settings.capital_e8, limit(At::drawdown))
        {
            return Some(Refusal { code: code::drawdown, value, limit });
        }
        None
    }

    /// Whether what works for the instrument must go: all of it in a halted scope, behind a closed gate or by command, but for
    /// the orders of a flatten; new risk after a loss.
    fn must_cancel(&self, state: &State, now: i64) -> bool {
        let totals = &self.totals;
        let halted = totals.gate != 0 || state.cancel_due || totals.trading_state(state) == ScopeState::Halted;
        if halted && !(state.flatten && self.orders.of(&state.list).all(|order| order.exit)) {
            return true;
        }
        let lost = totals.drawdown_stopped || totals.is_latched(now);
        let ((high, low), position) = (state.span(), i128::from(state.account.position));
        lost && (high > position.max(0) || low < position.min(0))
    }

    /// What position is wanted, and by whom: an operator's flatten, then a target that somebody gave, then the signal.
    #[inline]
    fn wish(&self, state: &State, signal: &SignalSection, now: i64) -> Option<Wish> {
        if state.flatten {
            return Some(Wish::Flatten);
        }
        match state.target {
            Some(target) if now < target.until => Some(Wish::Target(target.qty)),
            _ => self.sizer.direction(signal).map(Wish::Signal),
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
        (side, qty): (Side, i64),
        flatten: bool,
        out: &mut RiskSection,
    ) -> Result<(), Refusal> {
        out.side = side.code();
        out.qty = Qty(qty);
        let mut wanted = self.sizer.order(flatten, instrument, market, side, qty).ok_or(CANNOT_COMPUTE)?;
        if flatten {
            let most = |at: At| state.limits[at as usize];
            let cut = Sizer::cut(instrument, qty, wanted.px, most(At::max_qty), most(At::max_notional));
            wanted.qty = cut.ok_or(CANNOT_COMPUTE)?;
        }
        write(out, &wanted);
        // Without an epoch the order could not be named, and so not be found again.
        self.epoch.and_then(|epoch| ClientOrderId::new(epoch, input.sequence, 0)).ok_or(CANNOT_COMPUTE)?;
        if input.ts_recv == NO_TIME {
            return Err(CANNOT_COMPUTE);
        }
        let context = Context::new(self, (state, instrument, market), input.ts_recv, wanted, flatten);
        if let Some(mid2) = context.mid2.and_then(|mid2| i64::try_from(mid2).ok()) {
            out.mid2 = mid2;
        }
        checks::run(&state.limits, &context)
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
        state.attempt_at == NO_TIME || age(now, state.attempt_at).is_some_and(|age| age >= self.settings.cooldown)
    }

    /// Asks for the cancels, unless that was done a short while ago. A clock that ran backward does not hold them back.
    fn cancel(&self, state: &State, now: i64, out: &mut RiskSection) {
        let waits = state.cancelling && age(now, state.cancel_at).is_some_and(|age| age < self.settings.cancel_retry);
        if !waits {
            out.verdict = Verdict::CancelAll.code();
        }
    }

    /// Whether a live order is too old, or rests too far behind the touch.
    fn is_misplaced(&self, state: &State, instrument: &Instrument, market: &MarketSection, now: i64) -> bool {
        let far = instrument.tick_size.0.saturating_mul(self.settings.requote_ticks);
        self.orders.of(&state.list).any(|order| {
            let behind = match order.side {
                Side::Buy if market.bid.qty.0 > 0 => market.bid.px.0.saturating_sub(order.px),
                Side::Sell if market.ask.qty.0 > 0 => order.px.saturating_sub(market.ask.px.0),
                _ => 0,
            };
            behind > far || age(now, order.since).is_some_and(|age| age > self.settings.order_ttl)
        })
    }

    /// The account of the input's instrument, after the input and the verdict.
    pub(super) fn describe_account(&self, input: &Input, out: &mut RiskSection) {
        out.gate = self.totals.gate;
        out.equity_e8 = self.settings.capital_e8.saturating_add(self.totals.sum.total_e8);
        out.gross_e8 = self.totals.sum.gross_e8;
        let state = self.states.get(input.instrument.index());
        let Some((state, instrument)) = state.and_then(|s| Some((s, s.instrument.as_ref()?))) else {
            out.marks |= u32::from(self.totals.host.max(self.totals.strategy).code()) << marks::STATE_SHIFT;
            return;
        };
        out.marks |= u32::from(self.totals.trading_state(state).code()) << marks::STATE_SHIFT;
        let holds = [
            (state.repeats[0].stopped, marks::STOPPED_BUY),
            (state.repeats[1].stopped, marks::STOPPED_SELL),
            (state.restricted || state.restricted_by_config, marks::RESTRICTED),
            (self.totals.is_latched(input.ts_recv), marks::DAY_STOPPED),
            (self.totals.drawdown_stopped, marks::DRAWDOWN_STOPPED),
            (self.breakers.check(input.ts_recv, Key::of(instrument)).is_err(), marks::BREAKER_OPEN),
        ];
        out.marks |= holds.iter().fold(0, |all, (holds, mark)| all | if *holds { *mark } else { 0 });
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
    (out.px, out.qty) = (Px(wanted.px), Qty(wanted.qty));
    out.order_type = wanted.order_type.code();
    out.time_in_force = wanted.time_in_force.code();
}

fn refuse(out: &mut RiskSection, refusal: Refusal) {
    out.verdict = Verdict::Refused.code();
    out.check = refusal.code;
    out.value = refusal.value;
    out.limit = refusal.limit;
}
