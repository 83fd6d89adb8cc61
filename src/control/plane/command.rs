//! Edge: what people may ask of the host, and how it answers.

use super::scope::ScopeId;
use super::view::{ExecutionState, Heartbeat, Situation};
use crate::event::operator::{OperatorAction, OperatorCommand, STRICTER, Scope, ScopeState};
use crate::event::signal::Direction;
use crate::types::time::{Nanos, UnixNanos};

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Close the gate for the scope at once, latched, and cancel what works there.
    Kill {
        /// Also close what is held.
        flatten: bool,
    },
    /// Take back a kill. It does not make anything READY.
    ReleaseKill {
        /// Number of the kill that was looked at: a newer one stays.
        number: u32,
    },
    /// DEGRADED or ERROR to READY.
    Recover,
    /// End the process in order.
    Stop,
    /// The trading state of the scope.
    SetState(ScopeState),
    /// The same, but only if it is stricter than the one in force: what a program may ask for.
    Tighten(ScopeState),
    /// A limit of the scope.
    SetLimit {
        /// Stored number of the check.
        number: u8,
        /// What it was as far as who asked knew, in the check's own unit: anything else now refuses
        /// ([`Refused::LimitChanged`]).
        old: i128,
        /// What it is to be.
        new: i128,
    },
    /// Close what the scope holds; also while halted. Reduces only.
    Flatten,
    /// A wanted position of an instrument (`portfolio.target`), which expires. Every check is asked, as for a signal.
    Target {
        /// Signed, in whole units, as an exact decimal.
        size: String,
        /// How long it counts, ns of the market's time.
        ttl: Nanos,
    },
    /// Cancel what works in the scope.
    CancelAll,
    /// No new risk in the scope.
    Restrict,
    /// New risk is allowed again.
    Unrestrict,
    /// What the repeated-execution throttle stopped may go on.
    Reenable,
    /// A circuit breaker of the scope closes again.
    ResetBreaker,
}

impl Action {
    /// Whether it can only stop or make smaller: never refused for a rate, for want of room, or for a number used before.
    pub const fn only_reduces(&self) -> bool {
        match self {
            Self::Kill { .. } | Self::Stop | Self::Flatten | Self::CancelAll | Self::Restrict => true,
            Self::SetState(state) | Self::Tighten(state) => !matches!(state, ScopeState::Active),
            _ => false,
        }
    }

    /// Its name in answers and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::ReleaseKill { .. } => "release_kill",
            Self::Recover => "recover",
            Self::Stop => "stop",
            Self::SetState(_) => "set_state",
            Self::Tighten(_) => "tighten",
            Self::SetLimit { .. } => "set_limit",
            Self::Flatten => "flatten",
            Self::Target { .. } => "target",
            Self::CancelAll => "cancel_all",
            Self::Restrict => "restrict",
            Self::Unrestrict => "unrestrict",
            Self::Reenable => "reenable",
            Self::ResetBreaker => "reset_breaker",
        }
    }
}

/// A command: what, of what, who, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Number of the request, > 0, unique in this process; goes into the journal with the command.
    pub request: u64,
    /// What is wanted.
    pub action: Action,
    /// Of what.
    pub scope: ScopeId,
    /// Who wants it: 1 to 48 bytes of letters, digits and `. _ @ -`.
    pub who: String,
    /// Under which ticket: at most 32 bytes; may be empty.
    pub ticket: String,
    /// Why: at most 128 bytes of text, never empty.
    pub reason: String,
    /// The trace that who asked gave it, at most 56 bytes; may be empty. The orders that follow carry it.
    pub trace: String,
}

/// What an agent outside the host thinks of an instrument: its signal, which risk sizes like any other.
#[derive(Clone, Debug, PartialEq)]
pub struct Opinion {
    /// Number of the message, > 0: the same for a repeat.
    pub request: u64,
    /// Which instrument, `SYMBOL` or `SYMBOL.VENUE`.
    pub instrument: String,
    /// Which way.
    pub direction: Direction,
    /// How sure, 0..=1.
    pub confidence: f64,
    /// How long it counts, ns of the market's time, > 0.
    pub ttl: Nanos,
    /// When its sender made it, by the sender's clock.
    pub sent: UnixNanos,
    /// Whose it is: 1 to 48 bytes.
    pub who: String,
    /// Which model's: at most 48 bytes; may be empty.
    pub model: String,
    /// The sender's trace: 1 to 64 bytes.
    pub trace: String,
}

impl Command {
    /// The command as the journal's payload, if it is an operator input. `scope_id` is the venue kind's code or the
    /// strategy's number (0 otherwise); the instrument of an instrument scope goes into the input's header.
    ///
    /// `None` for what is no operator input: a kill, its release and a recovery become gate changes, a stop ends the run.
    pub fn operator(&self, scope_id: u32) -> Option<OperatorCommand> {
        let action = match self.action {
            Action::Kill { .. } | Action::ReleaseKill { .. } | Action::Recover | Action::Stop => return None,
            Action::SetState(_) | Action::Tighten(_) => OperatorAction::SetState,
            Action::SetLimit { .. } => OperatorAction::SetLimit,
            Action::Flatten => OperatorAction::Flatten,
            Action::Target { .. } => OperatorAction::Target,
            Action::CancelAll => OperatorAction::CancelAll,
            Action::Restrict => OperatorAction::Restrict,
            Action::Unrestrict => OperatorAction::Unrestrict,
            Action::Reenable => OperatorAction::Reenable,
            Action::ResetBreaker => OperatorAction::ResetBreaker,
        };
        let mut command = OperatorCommand::new(action, self.scope.scope(), &self.who, &self.reason)
            .with_ticket(&self.ticket)
            .with_trace(&self.trace);
        command.request = self.request;
        command.scope_id = if self.scope.scope() == Scope::Instrument { 0 } else { scope_id };
        match self.action {
            Action::SetState(state) => command.state = state.code(),
            Action::Tighten(state) => (command.state, command.limit) = (state.code(), STRICTER),
            Action::SetLimit { number, old, new } => (command.limit, command.old, command.new) = (number, old, new),
            _ => {}
        }
        Some(command)
    }
}

/// A command was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The sequence of its input, if it is in the journal already.
    pub sequence: Option<u64>,
    /// Whether it has its effect already, without the journal (a kill).
    pub in_force: bool,
}

/// A command was refused: nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The kill switch is set; `source` says by what (`environment`, `file`, `http`, …).
    KillSwitch {
        /// What holds it.
        source: String,
    },
    /// The execution state does not allow it.
    NotReady(ExecutionState),
    /// Market data is stale, so the host cannot become READY.
    MarketDataStale,
    /// No such venue, instrument, strategy or limit here.
    Unknown {
        /// What was looked for: `instrument`, `venue`, `strategy`, `limit`.
        what: &'static str,
        /// What was asked for.
        given: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The limit is another than who asked believed.
    LimitChanged {
        /// What it is, in whole units.
        now: String,
    },
    /// The value is not possible.
    OutOfRange {
        /// Which value.
        what: &'static str,
        /// What was asked for.
        given: String,
        /// What would be possible.
        expected: String,
    },
    /// The scope or the state has no such command, for a reason told in words.
    Conflict {
        /// A word for programs, such as `nothing_to_reset`.
        reason: &'static str,
        /// What is in the way, and what to do.
        message: String,
    },
    /// The command lane is full; try again.
    Busy,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::KillSwitch { source } => write!(f, "kill_switch_enabled: {source} holds it"),
            Self::NotReady(state) => write!(f, "agent_state_not_ready:{}", state.name()),
            Self::MarketDataStale => f.write_str("marketdata_stale"),
            Self::Unknown { what, given, known } => {
                write!(f, "no such {what}: `{}`; there is {}", given.escape_debug(), known.join(", "))
            }
            Self::LimitChanged { now } => write!(f, "the limit is {now} now"),
            Self::OutOfRange { what, given, expected } => {
                write!(f, "`{what}`: `{}`: expected {expected}", given.escape_debug())
            }
            Self::Conflict { reason, message } => write!(f, "{reason}: {message}"),
            Self::Busy => f.write_str("command_lane_full: too many commands wait"),
        }
    }
}

impl Refused {
    /// Why `POST /recover` may not do its work now; `None` if it may (also if the host is READY already).
    pub fn recover(situation: &Situation, heartbeat: &Heartbeat) -> Option<Self> {
        if situation.kill_switch.halted {
            return Some(Self::KillSwitch { source: situation.kill_switch.source_text() });
        }
        match situation.state {
            state @ (ExecutionState::Init | ExecutionState::Halted) => Some(Self::NotReady(state)),
            ExecutionState::Ready => None,
            ExecutionState::Degraded | ExecutionState::Error => {
                (!heartbeat.is_fresh()).then_some(Self::MarketDataStale)
            }
        }
    }

    /// Why a kill may not be taken back now: only what a person or program latched can be, never what the environment or
    /// the file still says.
    pub fn release(situation: &Situation) -> Option<Self> {
        let held: Vec<&str> =
            situation.kill_switch.sources.iter().filter(|s| !s.latched).map(|s| s.name.as_str()).collect();
        if !held.is_empty() {
            return Some(Self::KillSwitch { source: held.join(", ") });
        }
        (!situation.kill_switch.halted).then(|| Self::Conflict {
            reason: "kill_switch_not_set",
            message: "the kill switch is not set: there is nothing to release".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::{KillSource, KillSwitch, Mode};
    use super::*;

    fn situation(state: ExecutionState, sources: &[(&str, bool)]) -> Situation {
        let sources: Vec<KillSource> = sources.iter().map(|(name, latched)| KillSource::new(name, *latched)).collect();
        let kill_switch = KillSwitch { halted: !sources.is_empty(), sources };
        Situation { state, kill_switch, ..Situation::unknown("h", Mode::Paper) }
    }

    const FRESH: Heartbeat =
        Heartbeat { now: 10_000_000_000, last_tick: Some(9_000_000_000), max_age: 5_000_000_000, forced_stale: false };

    #[test]
    fn recovery_follows_the_contract() {
        use ExecutionState::{Degraded, Error, Halted, Init, Ready};
        let stale = Heartbeat { last_tick: None, ..FRESH };
        let halted = Some(Refused::KillSwitch { source: "file".to_owned() });
        // (state, kill source, heartbeat) → why not
        for (state, sources, heartbeat, expected) in [
            (Ready, &[][..], FRESH, None),
            (Degraded, &[], FRESH, None),
            (Error, &[], FRESH, None),
            (Degraded, &[], stale, Some(Refused::MarketDataStale)),
            (Error, &[], stale, Some(Refused::MarketDataStale)),
            (Init, &[], FRESH, Some(Refused::NotReady(Init))),
            (Halted, &[], FRESH, Some(Refused::NotReady(Halted))),
            (Halted, &[("file", false)], FRESH, halted.clone()),
            (Degraded, &[("file", false)], FRESH, halted.clone()),
            (Ready, &[("file", false)], FRESH, halted),
        ] {
            assert_eq!(Refused::recover(&situation(state, sources), &heartbeat), expected, "{state:?} {sources:?}");
        }
    }

    #[test]
    fn only_what_was_latched_is_released() {
        let halted = ExecutionState::Halted;
        assert_eq!(Refused::release(&situation(halted, &[("http", true)])), None);
        assert_eq!(
            Refused::release(&situation(halted, &[("http", true), ("file", false), ("environment", false)])),
            Some(Refused::KillSwitch { source: "file, environment".to_owned() })
        );
        assert!(matches!(
            Refused::release(&situation(ExecutionState::Ready, &[])),
            Some(Refused::Conflict { reason: "kill_switch_not_set", .. })
        ));
    }

    #[test]
    fn a_command_becomes_an_input_with_who_and_why() {
        let mut command = Command {
            request: 7,
            action: Action::SetLimit { number: 5, old: 10, new: 20 },
            scope: ScopeId::parse("venue:binance_usdm").unwrap(),
            who: "ada".to_owned(),
            ticket: "OPS-1".to_owned(),
            reason: "more room".to_owned(),
            trace: "t-1".to_owned(),
        };
        let payload = command.operator(3).unwrap();
        assert_eq!((payload.limit, payload.old, payload.new, payload.request, payload.scope_id), (5, 10, 20, 7, 3));
        assert_eq!((&*payload.who(), &*payload.ticket(), &*payload.trace()), ("ada", "OPS-1", "t-1"));
        command.action = Action::SetState(ScopeState::Reducing);
        assert_eq!(command.operator(0).unwrap().state(), Some(ScopeState::Reducing));
        for action in
            [Action::Kill { flatten: false }, Action::ReleaseKill { number: 1 }, Action::Recover, Action::Stop]
        {
            command.action = action;
            assert!(command.operator(0).is_none());
        }
    }
}
