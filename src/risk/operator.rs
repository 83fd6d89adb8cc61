//! Hot: what operators want: whether it can be done (`judge`, which changes nothing), and doing it (`apply`).
//!
//! The answer goes into the slot. A restart does again what was accepted, by the recorded answer, without judging anew: so a
//! configuration that changed in between cannot turn a halt into a refusal. Limits that were loosened are taken back by the
//! epoch that follows.

use super::bucket::Rate;
use super::checks::{At, TABLE, code};
use super::instrument::{State, Target};
use super::limits::LimitBook;
use super::stage::RiskStage;
use crate::event::input::Input;
use crate::event::operator::{OperatorAction, OperatorCommand, STRICTER, Scope, ScopeState};
use crate::event::risk::OperatorOutcome;
use crate::types::instrument::VenueKind;
use crate::types::time::NO_TIME;

/// How many request numbers are remembered, so that a repeat is known.
const REQUESTS: usize = 64;

/// The last request numbers.
#[derive(Debug)]
pub(super) struct Requests {
    ring: [u64; REQUESTS],
    next: usize,
}

impl Requests {
    pub(super) const NONE: Self = Self { ring: [0; REQUESTS], next: 0 };

    fn has(&self, request: u64) -> bool {
        request != 0 && self.ring.contains(&request)
    }

    fn push(&mut self, request: u64) {
        if request == 0 {
            return;
        }
        if let Some(place) = self.ring.get_mut(self.next) {
            *place = request;
        }
        self.next = (self.next + 1) % REQUESTS;
    }
}

/// What becomes of a command; for a limit also what was in force and what is now, or the ceiling that it went beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) outcome: OperatorOutcome,
    pub(super) value: i128,
    pub(super) limit: i128,
}

impl From<OperatorOutcome> for Answer {
    fn from(outcome: OperatorOutcome) -> Self {
        Self { outcome, value: 0, limit: 0 }
    }
}

/// Whether a command can only stop something. It is never refused for its form: not for a number that was used before, nor
/// for a name that is missing, nor because it says when it should end (then it does not end).
const fn only_stops(command: &OperatorCommand, action: OperatorAction) -> bool {
    match action {
        OperatorAction::CancelAll | OperatorAction::Restrict | OperatorAction::Flatten => true,
        OperatorAction::SetState => command.state != ScopeState::Active.code(),
        _ => false,
    }
}

/// Whether a command tells what was done already, where the gate's latches are: it cannot be refused any more.
const fn is_only_told(action: OperatorAction) -> bool {
    matches!(action, OperatorAction::Kill | OperatorAction::Release | OperatorAction::Recover | OperatorAction::Stop)
}

/// Whether `state` belongs to the scope of `command`, which is the input's.
fn is_in(command: &OperatorCommand, scope: Scope, index: usize, input: &Input, state: &State) -> bool {
    match scope {
        Scope::Host | Scope::Strategy => true,
        Scope::Instrument => index == input.instrument.index(),
        Scope::Venue => state.instrument.is_some_and(|i| u32::from(i.venue.code()) == command.scope_id),
    }
}

fn venue_of(command: &OperatorCommand) -> Option<VenueKind> {
    u8::try_from(command.scope_id).ok().and_then(VenueKind::from_code)
}

/// The number of the breaker that a command is about.
const fn breaker_of(command: &OperatorCommand, scope: Scope, input: &Input) -> u32 {
    match scope {
        Scope::Instrument => input.instrument.0,
        Scope::Host | Scope::Venue | Scope::Strategy => command.scope_id,
    }
}

/// The row of the limit that a command names; 0 means the repeated-execution throttle where something is to go on.
fn row_of(number: u8) -> Option<usize> {
    TABLE.iter().position(|row| row.code == number && row.key.is_some())
}

impl RiskStage {
    /// What is to become of the command in `input`.
    pub(super) fn judge(&self, input: &Input) -> Answer {
        use OperatorOutcome as O;
        let command: &OperatorCommand = input.payload();
        let (Some(action), Some(scope)) = (command.action(), command.scope()) else { return O::NotUnderstood.into() };
        if action == OperatorAction::SetState && command.state().is_none() {
            return O::NotUnderstood.into();
        }
        let stops = only_stops(command, action) || is_only_told(action);
        if !stops && self.requests.has(command.request) {
            return O::Repeated.into();
        }
        if !stops && command.who[0] == 0 {
            return O::Anonymous.into();
        }
        let state = self.states.get(input.instrument.index());
        let known = match scope {
            Scope::Host => true,
            Scope::Venue => venue_of(command).is_some(),
            Scope::Instrument => state.is_some(),
            Scope::Strategy => command.scope_id == 0,
        };
        if !known {
            return O::NoSuchScope.into();
        }
        let ends = command.until != NO_TIME;
        let must_end = matches!(action, OperatorAction::Target | OperatorAction::Enable);
        if !stops && (ends != must_end || ends && command.until <= input.ts_recv) {
            return O::BadUntil.into();
        }
        let one = state.filter(|_| scope == Scope::Instrument);
        match action {
            OperatorAction::SetState | OperatorAction::Flatten | OperatorAction::CancelAll => O::Accepted.into(),
            // For the record: the gate's latches act by themselves.
            OperatorAction::Kill | OperatorAction::Release | OperatorAction::Recover | OperatorAction::Stop => {
                O::Accepted.into()
            }
            // For the record: what they mean is decided where the signatures are checked, and told to the gate.
            OperatorAction::Enable | OperatorAction::Revoke if scope == Scope::Host => O::Accepted.into(),
            OperatorAction::Enable | OperatorAction::Revoke => O::NoSuchScope.into(),
            OperatorAction::SetLimit => self.judge_limit(command, scope, one),
            OperatorAction::Reenable => self.judge_reenable(command, scope, input).into(),
            OperatorAction::Restrict => if one.is_some() { O::Accepted } else { O::NoSuchScope }.into(),
            OperatorAction::Unrestrict => match one {
                None => O::NoSuchScope,
                Some(one) if one.restricted_by_config => O::Configured,
                Some(_) => O::Accepted,
            }
            .into(),
            OperatorAction::Target => match one.and_then(|s| s.instrument.as_ref()) {
                None => O::NoSuchScope,
                // Never beyond what an account can hold, in any direction and on any scale so far.
                Some(spec) => match command.target() {
                    Some(qty) if qty.0.checked_abs().is_some_and(|q| q % spec.lot_size.0 == 0) => O::Accepted,
                    _ => O::BadTarget,
                },
            }
            .into(),
            OperatorAction::ResetBreaker => {
                let id = breaker_of(command, scope, input);
                let is_there = scope == Scope::Host || self.breakers.state(scope, id, input.ts_recv).is_some();
                if is_there { O::Accepted } else { O::NothingStopped }.into()
            }
        }
    }

    fn judge_limit(&self, command: &OperatorCommand, scope: Scope, one: Option<&State>) -> Answer {
        use OperatorOutcome as O;
        let Some(at) = row_of(command.limit) else { return O::NoSuchLimit.into() };
        let (now, ceiling) = match (scope, one) {
            (Scope::Host, _) => (self.limits.now[at], self.limits.ceiling(at)),
            (Scope::Instrument, Some(state)) if TABLE[at].per_instrument => match &state.instrument {
                Some(spec) => (state.limits[at], self.limits.ceiling_of(at, spec)),
                None => return O::NoSuchScope.into(),
            },
            _ => return O::NoSuchLimit.into(),
        };
        let outcome = if command.old != now {
            O::OldDiffers
        } else if !LimitBook::is_possible(at, command.new) {
            O::BadValue
        } else if TABLE[at].sense.is_looser(command.new, ceiling) {
            O::BeyondCeiling
        } else {
            O::Accepted
        };
        let limit = if outcome == O::Accepted { command.new } else { ceiling };
        Answer { outcome, value: now, limit }
    }

    fn judge_reenable(&self, command: &OperatorCommand, scope: Scope, input: &Input) -> OperatorOutcome {
        let stopped = match command.limit {
            0 | code::repeat_throttle => self.states.iter().enumerate().any(|(index, state)| {
                is_in(command, scope, index, input, state) && state.repeats.iter().any(|side| side.stopped)
            }),
            code::drawdown if matches!(scope, Scope::Host | Scope::Strategy) => self.totals.drawdown_stopped,
            _ => return OperatorOutcome::NoSuchLimit,
        };
        if stopped { OperatorOutcome::Accepted } else { OperatorOutcome::NothingStopped }
    }

    /// Does what `answer` says became of the command.
    pub(super) fn apply(&mut self, input: &Input, answer: &Answer) {
        let command: OperatorCommand = *input.payload();
        if answer.outcome == OperatorOutcome::NotUnderstood {
            // Somebody wanted something that this build does not know. It may have been a halt.
            self.totals.host = ScopeState::Halted;
            self.each_in(&command, Scope::Host, input, |state| state.cancel_due = !state.list.is_empty());
            return;
        }
        let (Some(action), Some(scope)) = (command.action(), command.scope()) else { return };
        if answer.outcome != OperatorOutcome::Accepted {
            return;
        }
        self.requests.push(command.request);
        match action {
            OperatorAction::SetState => self.set_state(&command, scope, input),
            OperatorAction::SetLimit => self.set_limit(&command, scope, input),
            OperatorAction::Enable | OperatorAction::Revoke | OperatorAction::Recover | OperatorAction::Stop => {}
            OperatorAction::Kill => self.kill(&command, scope, input, true),
            OperatorAction::Release => self.kill(&command, scope, input, false),
            OperatorAction::Reenable if command.limit == code::drawdown => {
                self.totals.drawdown_stopped = false;
                // It counts from where it stands, or from the next equity that is known.
                match self.totals.equity(self.settings.capital_e8) {
                    Some(equity) => self.totals.high.reset(equity),
                    None => self.totals.high = self.totals.no_high,
                }
            }
            OperatorAction::Reenable => self.each_in(&command, scope, input, |state| {
                for side in state.repeats.iter_mut().filter(|side| side.stopped) {
                    side.enable();
                }
            }),
            OperatorAction::Flatten => self.each_in(&command, scope, input, |state| {
                state.target = None;
                (state.flatten, state.flatten_by) = (!state.is_flat(), input.sequence);
                state.cancel_due = !state.list.is_empty();
            }),
            OperatorAction::CancelAll => self.each_in(&command, scope, input, |state| {
                (state.target, state.flatten) = (None, false);
                state.cancel_due = !state.list.is_empty();
            }),
            OperatorAction::Restrict => self.each_in(&command, scope, input, |state| {
                state.restricted = true;
                state.cancel_due = !state.list.is_empty();
            }),
            OperatorAction::Unrestrict => self.each_in(&command, scope, input, |state| state.restricted = false),
            OperatorAction::Target => self.each_in(&command, scope, input, |state| {
                let origin = input.sequence;
                state.target = command.target().map(|qty| Target { qty: qty.0, until: command.until, origin });
            }),
            OperatorAction::ResetBreaker => {
                self.breakers.reset(scope, breaker_of(&command, scope, input));
            }
        }
    }

    fn each_in(&mut self, command: &OperatorCommand, scope: Scope, input: &Input, mut change: impl FnMut(&mut State)) {
        for (index, state) in self.states.iter_mut().enumerate() {
            if is_in(command, scope, index, input, state) {
                change(state);
            }
        }
    }

    /// The kill switch of a part of the host. That of the whole host is a gate reason.
    fn kill(&mut self, command: &OperatorCommand, scope: Scope, input: &Input, killed: bool) {
        match scope {
            Scope::Host => {}
            Scope::Strategy => self.totals.strategy_killed = killed,
            Scope::Venue => {
                if let Some(kind) = venue_of(command) {
                    self.totals.kill_venue(kind, killed);
                }
            }
            Scope::Instrument => {
                if let Some(state) = self.states.get_mut(input.instrument.index()) {
                    state.killed = killed;
                }
            }
        }
        if killed {
            self.each_in(command, scope, input, |state| state.cancel_due = !state.list.is_empty());
        }
    }

    fn set_state(&mut self, command: &OperatorCommand, scope: Scope, input: &Input) {
        let to = command.state().unwrap_or(ScopeState::Halted);
        let stricter = command.limit == STRICTER;
        let after = |now: ScopeState| if stricter { now.max(to) } else { to };
        match scope {
            Scope::Host => self.totals.host = after(self.totals.host),
            Scope::Strategy => self.totals.strategy = after(self.totals.strategy),
            Scope::Venue => {
                if let Some(kind) = venue_of(command) {
                    self.totals.set_venue(kind, after(self.totals.venue(kind)));
                }
            }
            Scope::Instrument => {
                if let Some(state) = self.states.get_mut(input.instrument.index()) {
                    state.trading = after(state.trading);
                }
            }
        }
        if to != ScopeState::Active {
            // What works may be new risk.
            self.each_in(command, scope, input, |state| state.cancel_due = !state.list.is_empty());
        }
    }

    fn set_limit(&mut self, command: &OperatorCommand, scope: Scope, input: &Input) {
        let Some(at) = row_of(command.limit) else { return };
        let now = input.ts_recv;
        // What was used flows off by the old rate until now, and by the new one from here on.
        let rate_of = |limit| Rate { limit, window: self.settings.rate_window };
        let repeat_of = |limit| Rate { limit, window: self.settings.repeat_window };
        let change = |state: &mut State| {
            let old = state.limits[at];
            if at == At::order_rate as usize {
                state.approvals.settle(rate_of(old), now);
            } else if at == At::repeat_throttle as usize {
                for side in &mut state.repeats {
                    side.bucket.settle(repeat_of(old), now);
                }
            }
            // What works was approved under another limit: it goes, and what is still wanted is asked for anew.
            if TABLE[at].sense.is_looser(old, command.new) {
                state.cancel_due = !state.list.is_empty();
            }
            state.limits[at] = command.new;
        };
        if scope == Scope::Instrument {
            if let Some(state) = self.states.get_mut(input.instrument.index()) {
                change(state);
                state.own |= 1 << at;
            }
            return;
        }
        let old = self.limits.now[at];
        if at == At::order_rate_total as usize {
            self.totals.approvals.settle(rate_of(old), now);
        } else if at == At::message_rate as usize {
            self.totals.messages.settle(rate_of(old), now);
        }
        self.limits.now[at] = command.new;
        if TABLE[at].sense.is_looser(old, command.new) && !TABLE[at].per_instrument {
            for state in &mut self.states {
                state.cancel_due = !state.list.is_empty();
            }
        }
        for state in self.states.iter_mut().filter(|s| s.own >> at & 1 == 0) {
            change(state);
        }
    }

    /// Whether the command leaves something to be cancelled at once by a word that the slot can say: for one instrument, or
    /// for the whole host. Otherwise each instrument cancels with its next input.
    pub(super) fn cancels_now(&self, input: &Input, outcome: OperatorOutcome) -> bool {
        if !matches!(outcome, OperatorOutcome::Accepted | OperatorOutcome::NotUnderstood) {
            return false;
        }
        match self.states.get(input.instrument.index()) {
            Some(state) => state.cancel_due,
            None => self.orders.live() > 0 && self.states.iter().all(|s| s.list.is_empty() || s.cancel_due),
        }
    }
}
