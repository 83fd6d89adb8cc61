//! Edge: the state of execution: INIT READY DEGRADED HALTED ERROR, one table of moves, and what the gate must hear of it.
//!
//! Pure: time comes with the call. The state follows from what holds (started, halted, a fault that backs off, stale data,
//! degraded by command); the table says which trigger may move it, so that no way out of HALTED exists but the end of the
//! halt.

use super::clock_guard::Reading;
use crate::event::input::GateReason;
use crate::types::time::{Nanos, SECONDS, age};
use State as S;
use std::collections::VecDeque;

crate::code_enum! {
    /// The state of execution.
    #[derive(utoipa::ToSchema)]
    #[schema(as = ExecutionState, rename_all = "UPPERCASE")]
    pub enum State {
        /// Not yet recovered and reconciled.
        Init = 1, "INIT";
        /// Orders may be asked for.
        Ready = 2, "READY";
        /// Stale market data, or degraded by command.
        Degraded = 3, "DEGRADED";
        /// The kill switch, or a halt.
        Halted = 4, "HALTED";
        /// An unexpected fault, until its back-off is over.
        Error = 5, "ERROR";
    }
}

impl serde::Serialize for State {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

crate::code_enum! {
    /// What may move it.
    pub enum Trigger {
        /// Recovered and reconciled.
        Started = 1, "started";
        /// No source has fresh market data.
        Stale = 2, "marketdata_stale";
        /// Market data is fresh again.
        Fresh = 3, "marketdata_fresh";
        /// The kill switch or a halt is on.
        Halt = 4, "halt";
        /// Both are off.
        Unhalt = 5, "halt_over";
        /// An unexpected fault.
        Fault = 6, "fault";
        /// Somebody wants it degraded.
        Degrade = 7, "degrade";
        /// Somebody wants it to recover.
        Recover = 8, "recover";
        /// The back-off of the last fault is over.
        BackedOff = 9, "backed_off";
    }
}

impl serde::Serialize for Trigger {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Where a trigger leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// To this state.
    To(State),
    /// To what still holds: ERROR, INIT, DEGRADED, or READY when nothing does.
    Settle,
    /// What holds is noted; the state stays.
    Stay,
    /// Not from here.
    Refuse,
}

const TRIGGERS: usize = 9;
const ST: Move = Move::Stay;
const SE: Move = Move::Settle;
const NO: Move = Move::Refuse;
const DE: Move = Move::To(S::Degraded);
const HA: Move = Move::To(S::Halted);
const ER: Move = Move::To(S::Error);

/// One row per state, one column per trigger, both in the order of their codes.
#[rustfmt::skip]
const TABLE: [(State, [Move; TRIGGERS]); 5] = [
    //             Started Stale Fresh Halt Unhalt Fault Degrade Recover BackedOff
    (S::Init,     [SE,     ST,   ST,   HA,  ST,    ER,   ST,     NO,     ST]),
    (S::Ready,    [ST,     DE,   ST,   HA,  ST,    ER,   DE,     ST,     ST]),
    (S::Degraded, [ST,     ST,   SE,   HA,  ST,    ER,   ST,     SE,     ST]),
    (S::Halted,   [ST,     ST,   ST,   ST,  SE,    ST,   ST,     NO,     ST]),
    (S::Error,    [ST,     ST,   ST,   HA,  ST,    ST,   ST,     SE,     SE]),
];

/// The move that `trigger` makes from `from`.
pub fn next(from: State, trigger: Trigger) -> Move {
    TABLE[from.code() as usize - 1].1[trigger.code() as usize - 1]
}

/// How long a fault keeps execution in ERROR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first fault.
    pub first: Nanos,
    /// The longest; each further fault doubles up to here.
    pub max: Nanos,
    /// So long without a fault after ERROR, and the next fault counts as the first again.
    pub stable: Nanos,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: SECONDS, max: 60 * SECONDS, stable: 300 * SECONDS }
    }
}

impl Backoff {
    /// After the `faults`-th fault in a row, from 1.
    pub fn of(&self, faults: u32) -> Nanos {
        let doubled = 1i64.checked_shl(faults.saturating_sub(1).min(62)).and_then(|n| self.first.checked_mul(n));
        doubled.map_or(self.max, |n| n.min(self.max))
    }
}

/// Transitions that are kept.
pub const HISTORY: usize = 64;

/// One change of the state.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Transition {
    /// Before.
    pub from: State,
    /// After.
    pub to: State,
    /// What moved it.
    pub trigger: Trigger,
    /// When.
    pub at: Reading,
    /// Who or what found or wanted it.
    pub who: String,
    /// Why.
    pub reason: String,
}

/// Why a wish to recover is refused. The texts are the contract's, as far as it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverRefusal {
    /// Recovery never lifts a halt.
    #[error("kill_switch_enabled")]
    Halted,
    /// Not yet started: it becomes READY by itself.
    #[error("agent_state_not_ready:INIT")]
    Init,
    /// The back-off is not over.
    #[error("backoff: {:.1} s left", *.left as f64 / SECONDS as f64)]
    Backoff {
        /// Nanoseconds that are left.
        left: Nanos,
    },
    /// No fresh market data.
    #[error("marketdata_stale")]
    Stale,
}

/// What holds, whatever the state.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    started: bool,
    fresh: bool,
    halted: bool,
    degraded: bool,
    /// The steady time at which the back-off of a fault is over.
    fault_until: Option<Nanos>,
}

/// The state machine.
#[derive(Clone, Debug)]
pub struct Machine {
    state: State,
    held: Held,
    backoff: Backoff,
    faults: u32,
    fault_over: Option<Nanos>,
    since: Reading,
    history: VecDeque<Transition>,
    transitions: u64,
}

impl Machine {
    /// INIT, with market data not yet fresh.
    pub fn new(backoff: Backoff, now: Reading) -> Self {
        Self {
            state: S::Init,
            held: Held::default(),
            backoff,
            faults: 0,
            fault_over: None,
            since: now,
            history: VecDeque::with_capacity(HISTORY),
            transitions: 0,
        }
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when.
    pub fn since(&self) -> Reading {
        self.since
    }

    /// The last transitions, the oldest first; [`HISTORY`] at most.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &Transition> + ExactSizeIterator {
        self.history.iter()
    }

    /// How many transitions there were.
    pub fn transitions(&self) -> u64 {
        self.transitions
    }

    /// Recovered and reconciled.
    pub fn started(&mut self, now: Reading, who: &str, reason: &str) {
        self.held.started = true;
        self.move_by(Trigger::Started, now, who, reason);
    }

    /// Whether market data is fresh now.
    pub fn data(&mut self, fresh: bool, now: Reading, who: &str, reason: &str) {
        self.held.fresh = fresh;
        self.move_by(if fresh { Trigger::Fresh } else { Trigger::Stale }, now, who, reason);
    }

    /// Whether the kill switch is on or a halt bars the mode in force.
    pub fn halt(&mut self, on: bool, now: Reading, who: &str, reason: &str) {
        self.held.halted = on;
        self.move_by(if on { Trigger::Halt } else { Trigger::Unhalt }, now, who, reason);
    }

    /// An unexpected fault. Another one during a back-off lengthens it.
    pub fn fault(&mut self, now: Reading, who: &str, reason: &str) {
        if let Some(over) = self.fault_over.take()
            && age(now.steady, over).is_some_and(|age| age >= self.backoff.stable)
        {
            self.faults = 0;
        }
        self.faults = self.faults.saturating_add(1);
        self.held.fault_until = Some(now.steady.saturating_add(self.backoff.of(self.faults)));
        self.move_by(Trigger::Fault, now, who, reason);
    }

    /// Somebody wants it degraded, until somebody recovers it.
    pub fn degrade(&mut self, now: Reading, who: &str, reason: &str) {
        self.held.degraded = true;
        self.move_by(Trigger::Degrade, now, who, reason);
    }

    /// Somebody wants it READY again.
    ///
    /// # Errors
    /// [`RecoverRefusal`]: nothing was changed.
    pub fn recover(&mut self, now: Reading, who: &str, reason: &str) -> Result<(), RecoverRefusal> {
        match (self.state, next(self.state, Trigger::Recover)) {
            (S::Halted, _) => return Err(RecoverRefusal::Halted),
            (_, Move::Refuse) => return Err(RecoverRefusal::Init),
            // A fault at the start: after it comes INIT, which nobody can skip.
            (S::Error, _) if !self.held.started => return Err(RecoverRefusal::Init),
            _ => {}
        }
        if let Some(until) = self.held.fault_until
            && now.steady < until
        {
            return Err(RecoverRefusal::Backoff { left: until.saturating_sub(now.steady) });
        }
        if !self.held.fresh {
            return Err(RecoverRefusal::Stale);
        }
        self.held.degraded = false;
        self.end_fault(now);
        self.move_by(Trigger::Recover, now, who, reason);
        Ok(())
    }

    /// To be called again and again: ends a back-off that is over.
    pub fn tick(&mut self, now: Reading) {
        if self.held.fault_until.is_some_and(|until| now.steady >= until) {
            self.end_fault(now);
            self.move_by(Trigger::BackedOff, now, "host", "the back-off is over");
        }
    }

    fn end_fault(&mut self, now: Reading) {
        if self.held.fault_until.take().is_some() {
            self.fault_over = Some(now.steady);
        }
    }

    /// Nanoseconds that are left of the back-off; `None` if there is none.
    pub fn backoff_left(&self, now: Reading) -> Option<Nanos> {
        self.held.fault_until.map(|until| until.saturating_sub(now.steady).max(0))
    }

    fn settled(&self) -> State {
        match self.held {
            Held { fault_until: Some(_), .. } => S::Error,
            Held { started: false, .. } => S::Init,
            Held { fresh: false, .. } | Held { degraded: true, .. } => S::Degraded,
            _ => S::Ready,
        }
    }

    fn move_by(&mut self, trigger: Trigger, now: Reading, who: &str, reason: &str) {
        let to = match next(self.state, trigger) {
            Move::To(state) => state,
            Move::Settle => self.settled(),
            Move::Stay | Move::Refuse => return,
        };
        if to == self.state {
            return;
        }
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(Transition {
            from: self.state,
            to,
            trigger,
            at: now,
            who: who.to_owned(),
            reason: reason.to_owned(),
        });
        self.transitions += 1;
        self.state = to;
        self.since = now;
    }

    /// Bits of the gate reasons that must hold for what holds here (bit = code of [`GateReason`]). 0 only in READY.
    pub fn gate_reasons(&self) -> u32 {
        let held = &self.held;
        [
            (GateReason::NotReady, !held.started),
            (GateReason::Halt, held.halted),
            (GateReason::Fault, held.fault_until.is_some()),
            (GateReason::MarketDataStale, !held.fresh),
            (GateReason::Degraded, held.degraded),
        ]
        .into_iter()
        .filter(|&(_, holds)| holds)
        .fold(0, |bits, (reason, _)| bits | 1 << reason.code())
    }
}

/// What the gate must hear when the reasons in `before` have become those in `after`: the ones that close first.
pub fn gate_changes(before: u32, after: u32) -> impl Iterator<Item = (GateReason, bool)> {
    let changed = |bits: u32, closed: bool| {
        GateReason::ALL.iter().filter(move |r| bits >> r.code() & 1 == 1).map(move |&reason| (reason, closed))
    };
    changed(after & !before, true).chain(changed(before & !after, false))
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
