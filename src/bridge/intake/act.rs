//! Edge: what an action means to the host: questions are answered at once, commands go the way of all commands.

use super::config::IntakeConfig;
use crate::control::plane::view::iso;
use crate::control::plane::{Action, Command, Host, Refused, ScopeId};
use crate::event::operator::ScopeState;
use crate::event::risk::OperatorOutcome;
use crate::types::time::{Nanos, SECONDS};
use serde_json::{Map, Value, json};

/// What somebody wants of one of the host's agents.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Number of the message: the same for a repeat.
    pub request: u64,
    /// Which agent of the roster is asked.
    pub agent: &'a str,
    /// What.
    pub action: &'a str,
    /// With what.
    pub payload: &'a Map<String, Value>,
    /// Who wants it.
    pub who: &'a str,
    /// The sender's trace.
    pub trace: &'a str,
    /// In one word what kind of message it came with: `task`, `command`, `decision`.
    pub by: &'a str,
    /// How old the message is, by its sender's time; 0 if it is of the future.
    pub age: Nanos,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Done, or answered.
    Done(Value),
    /// Not done, and trying again would change nothing.
    Failed(String),
    /// Not done now; another try may do it.
    Later(String),
    /// Taken: what becomes of it is known once it is in the journal.
    Taken,
    /// No agent of this host knows the action.
    Unknown,
}

/// What stands before a name that came over Redis.
pub const MARK: &str = "redis:";
/// Longest time that a wanted position may count, in seconds.
const TTL_MAX: f64 = 86_400.0;

/// Actions that any agent answers, and those that are commands.
pub const ACTIONS: [&str; 14] = [
    "ping",
    "status",
    "snapshot",
    "report",
    "scan_market",
    "state_transition",
    "kill",
    "halt",
    "reduce",
    "cancel_all",
    "restrict",
    "flatten",
    "target",
    "resume",
];

impl Wish<'_> {
    fn text(&self, field: &str) -> Result<Option<&str>, Answer> {
        match self.payload.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Answer::Failed(format!("`payload.{field}`: `{}`: expected text", brief(other)))),
        }
    }

    /// The scope that the payload names: the host, if it names none.
    fn scope(&self) -> Result<ScopeId, Answer> {
        let word = match (self.text("scope")?, self.text("instrument")?) {
            (Some(scope), _) => scope.to_owned(),
            (None, Some(instrument)) => format!("instrument:{instrument}"),
            (None, None) => return Ok(ScopeId::HOST),
        };
        ScopeId::parse(&word).ok_or_else(|| {
            let given = word.chars().take(64).collect::<String>();
            let expected = "host, venue:NAME, instrument:SYMBOL or strategy:0";
            Answer::Failed(format!("`payload.scope`: `{}`: expected {expected}", given.escape_debug()))
        })
    }

    fn command(&self, action: Action, scope: ScopeId) -> Result<Command, Answer> {
        let reason = match self.text("reason")? {
            Some(reason) if !reason.trim().is_empty() => reason.to_owned(),
            _ => format!("{} {} of {}", self.by, self.action, self.who),
        };
        Ok(Command {
            request: self.request,
            action,
            scope,
            // Marked: whoever writes there says which name he likes, and must not pass for a person or for the host itself.
            who: format!("{MARK}{}", self.who),
            ticket: String::new(),
            reason: reason[..reason.floor_char_boundary(128)].to_owned(),
            trace: self.trace.to_owned(),
        })
    }

    /// The command that it is; `None` if it is none.
    fn as_command(&self) -> Result<Option<Command>, Answer> {
        let state = |state| match state {
            ScopeState::Active => Ok(Some(self.command(Action::SetState(state), self.scope()?)?)),
            _ => Ok(Some(self.command(Action::Tighten(state), self.scope()?)?)),
        };
        let plain = |action| Ok(Some(self.command(action, self.scope()?)?));
        match self.action {
            "kill" => {
                let flatten = match self.payload.get("flatten") {
                    None | Some(Value::Bool(false)) => false,
                    Some(Value::Bool(true)) => true,
                    Some(other) => {
                        let given = brief(other);
                        return Err(Answer::Failed(format!("`payload.flatten`: `{given}`: expected true or false")));
                    }
                };
                plain(Action::Kill { flatten })
            }
            "halt" => state(ScopeState::Halted),
            "reduce" => state(ScopeState::Reducing),
            "cancel_all" => plain(Action::CancelAll),
            "restrict" => plain(Action::Restrict),
            "flatten" => plain(Action::Flatten),
            "resume" => state(ScopeState::Active),
            "target" => {
                let size = match self.payload.get("size") {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
                    Some(other) => {
                        let given = brief(other);
                        return Err(Answer::Failed(format!(
                            "`payload.size`: `{given}`: expected a decimal as text (a float is not exact)"
                        )));
                    }
                    None => {
                        return Err(Answer::Failed("`payload.size` is missing: expected a decimal as text".to_owned()));
                    }
                };
                let ttl = self.payload.get("ttl_seconds").and_then(Value::as_f64);
                let Some(ttl) = ttl.filter(|ttl| *ttl > 0.0 && *ttl <= TTL_MAX) else {
                    return Err(Answer::Failed(
                        "`payload.ttl_seconds`: expected more than 0, at most 86400".to_owned(),
                    ));
                };
                // It counts from when it was wanted, not from when it was read.
                let left = ((ttl * SECONDS as f64) as Nanos).saturating_sub(self.age);
                if left <= 0 {
                    return Err(Answer::Failed(format!("`payload.ttl_seconds`: {ttl}: it was over when it was read")));
                }
                plain(Action::Target { size, ttl: left })
            }
            "state_transition" => {
                let target = self.text("target")?.unwrap_or_default();
                match target {
                    "halted" => state(ScopeState::Halted),
                    "reducing" => state(ScopeState::Reducing),
                    "active" => state(ScopeState::Active),
                    other => Err(Answer::Failed(format!(
                        "`payload.target`: `{}`: expected halted, reducing or active",
                        crate::acp::inbound::shown(other)
                    ))),
                }
            }
            _ => Ok(None),
        }
    }
}

/// A value, short enough for a log.
fn brief(value: &Value) -> String {
    crate::acp::inbound::shown(&value.to_string())
}

/// Whether an action can only stop or reduce, so that everybody may ask for it, however late. Cancelling is not among them: it
/// would also stop a position from being closed.
const fn only_stops(action: &Action) -> bool {
    matches!(action, Action::Kill { flatten: false } | Action::Restrict | Action::Tighten(_))
}

/// Whether `command` may come over Redis with this wish; why not.
fn may(config: &IntakeConfig, command: &Command, wish: &Wish<'_>) -> Result<(), String> {
    let who = wish.who;
    match command.action {
        _ if only_stops(&command.action) => Ok(()),
        // Lifts a stop: from nobody.
        Action::SetState(ScopeState::Active) => {
            Err("a stop is lifted by a person: POST /state/{scope} on the control plane".to_owned())
        }
        _ if config.may_move(who) && wish.age <= config.max_age() => Ok(()),
        _ if config.may_move(who) => Err(format!(
            "it is {} s old: what moves positions is taken within {} s (`[intake] max_age_ms`)",
            wish.age / SECONDS,
            config.max_age() / SECONDS
        )),
        _ => Err(format!("`{who}` may not move positions: it is not in `[intake] agents` of this host")),
    }
}

/// Whether the wish is one that can only stop or reduce.
pub fn is_stop(wish: &Wish<'_>) -> bool {
    matches!(wish.as_command(), Ok(Some(command)) if only_stops(&command.action))
}

/// Whether the wish may move positions, or did when it was newer: it neither only asks nor can only stop or reduce.
pub fn may_move_positions(wish: &Wish<'_>) -> bool {
    match wish.as_command() {
        Ok(Some(command)) => !only_stops(&command.action),
        Ok(None) => false,
        // Also one whose time is over by now: another host may have taken it in time.
        Err(_) => true,
    }
}

/// Does it, or says why not.
pub fn act(host: &dyn Host, config: &IntakeConfig, wish: &Wish<'_>) -> Answer {
    match question(host, wish) {
        Answer::Unknown => {}
        answered => return answered,
    }
    let command = match wish.as_command() {
        Ok(Some(command)) => command,
        Ok(None) => return Answer::Unknown,
        Err(answer) => return answer,
    };
    if let Err(why) = may(config, &command, wish) {
        return Answer::Failed(why);
    }
    // Taken before: by this process, or by the one before, which did not come to say so.
    if let Some(answer) = what_became(host, wish.request) {
        return answer;
    }
    match host.command(&command) {
        // Also what is in force already: that it was taken is told when it can be found again after a crash.
        Ok(_) => Answer::Taken,
        Err(refused @ (Refused::Busy | Refused::MarketDataStale | Refused::NotReady(_))) => {
            Answer::Later(refused.to_string())
        }
        Err(refused) => Answer::Failed(refused.to_string()),
    }
}

/// What became of the command with this number, if it is in the journal.
pub fn what_became(host: &dyn Host, request: u64) -> Option<Answer> {
    let journaled = host.journaled(request).or_else(|| host.journaled_before(request))?;
    Some(match journaled.outcome {
        OperatorOutcome::Accepted | OperatorOutcome::Repeated => {
            Answer::Done(json!({"outcome": journaled.outcome.name(), "sequence": journaled.sequence}))
        }
        outcome => Answer::Failed(format!("{} (sequence {})", outcome.name(), journaled.sequence)),
    })
}

/// Answers what only asks.
fn question(host: &dyn Host, wish: &Wish<'_>) -> Answer {
    match wish.action {
        "ping" => Answer::Done(json!({"agent": wish.agent, "at": iso(host.now())})),
        "status" => Answer::Done(status(host, wish.agent)),
        "snapshot" => Answer::Done(json!({
            "status": status(host, wish.agent),
            "positions": host.situation().exposures,
            "market": host.market(),
        })),
        "report" => Answer::Done(json!({"process": host.process(), "positions": host.situation().exposures})),
        "scan_market" => scan(host, wish),
        _ => Answer::Unknown,
    }
}

fn status(host: &dyn Host, agent: &str) -> Value {
    let situation = host.situation();
    let gate: Vec<&str> = situation.gate.iter().map(|reason| reason.name()).collect();
    let agent = host.agents().into_iter().find(|known| known.name == agent);
    json!({
        "host": situation.host,
        "mode": situation.mode.to_string(),
        "state": situation.state.name(),
        "halted": situation.kill_switch.halted,
        "gate": gate,
        "agent": agent,
    })
}

fn scan(host: &dyn Host, wish: &Wish<'_>) -> Answer {
    let venue = match wish.text("venue") {
        Ok(venue) => venue,
        Err(answer) => return answer,
    };
    let market = host.market();
    let Some(venue) = venue else { return Answer::Done(json!({"instruments": market})) };
    let (found, others): (Vec<_>, Vec<_>) = market.into_iter().partition(|now| now.venue.eq_ignore_ascii_case(venue));
    if found.is_empty() {
        let mut known: Vec<String> = others.into_iter().map(|now| now.venue).collect();
        known.sort();
        known.dedup();
        let given = crate::acp::inbound::shown(venue);
        return Answer::Failed(format!("`payload.venue`: `{given}`: this host has {}", known.join(", ")));
    }
    Answer::Done(json!({"venue": venue, "instruments": found}))
}
