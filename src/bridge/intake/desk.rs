//! Edge: one message from its bytes to what is to be said of it. Knows nothing of connections.

use super::act::{Answer, Wish, act, is_stop, may_move_positions, what_became};
use super::config::IntakeConfig;
use super::keys::Keys;
use super::seen::{Seen, request_of};
use crate::acp::agent::{AuditEntry, StateChange};
use crate::acp::head::Head;
use crate::acp::inbound::command::{AgentCommand, Response};
use crate::acp::inbound::signal::{Decision, Signal};
use crate::acp::inbound::task::Task;
use crate::acp::ops::{Level, Log};
use crate::acp::roster::SUPERVISOR;
use crate::acp::time::{iso, parse_iso};
use crate::control::plane::{Host, Opinion, Refused};
use crate::types::time::{Nanos, SECONDS, UnixNanos};
use serde_json::{Value, json};
use std::sync::Arc;

/// Messages whose numbers are remembered.
const SEEN: usize = 65_536;

/// What has become of an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Handled<T> {
    /// It is over: this is to be said.
    Over(T),
    /// It was taken, and is in the journal soon: ask again with this number.
    Taken(u64),
    /// Not now, for this reason: try again.
    Later(String),
}

/// A message that is given up: why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead(pub String);

/// What is to be said of a message of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is in the sequence.
    Followed,
    /// It is not for us (our own, another host's, or a decision that no host knows).
    NotOurs,
    /// Its sender is not one whose signals are followed here.
    Stranger(String),
    /// A stop that the host could not take now, for this reason: try again.
    Later(String),
    /// Refused: a dead letter.
    Refused(String),
}

/// Remembers that an agent moved an instrument (`SYMBOL.VENUE`); false if there is no room for that.
pub type Noted = Box<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// Reads, checks and does; keeps what must be known to do nothing twice.
pub struct Desk {
    host: Arc<dyn Host>,
    config: IntakeConfig,
    keys: Keys,
    seen: Seen,
    noted: Noted,
    /// What was sent before cannot be told from a repeat.
    since: UnixNanos,
}

impl Desk {
    /// A desk of `host`.
    pub fn new(host: Arc<dyn Host>, config: IntakeConfig, keys: Keys, noted: Noted) -> Self {
        let since = host.now();
        Self { host, config, keys, seen: Seen::new(SEEN), noted, since }
    }

    /// Remembers whose wish moves `instrument`; refuses it where nobody could bound that if its sender fell silent.
    fn note(&self, who: &str, instrument: &str) -> Result<String, String> {
        let name = self.host.instrument(instrument).ok_or_else(|| {
            let known: Vec<String> = self.host.market().into_iter().map(|now| now.instrument).collect();
            format!("`instrument`: `{}`: this host has {}", crate::acp::inbound::shown(instrument), known.join(", "))
        })?;
        if (self.noted)(who, &name) {
            Ok(name)
        } else {
            Err(format!(
                "nobody could watch it: `{who}` moved too many instruments, or too many agents moved some, or the watch has ended (see `/health`)"
            ))
        }
    }

    /// Whether the host knows its instruments: what comes before would be refused for naming one.
    pub fn is_up(&self) -> bool {
        !self.host.market().is_empty()
    }

    /// The lists and channels.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The configuration.
    pub fn config(&self) -> &IntakeConfig {
        &self.config
    }

    /// Now, for what is written.
    pub fn now(&self) -> String {
        iso(self.host.now())
    }

    /// What became of the command with this number, once it is in the journal.
    pub fn journaled(&self, request: u64) -> Option<Result<Value, String>> {
        match what_became(&*self.host, request)? {
            Answer::Done(result) => Some(Ok(result)),
            Answer::Failed(why) => Some(Err(why)),
            _ => None,
        }
    }

    /// How old what was made at `at` is.
    fn age(&self, at: UnixNanos) -> Nanos {
        self.host.now().saturating_sub(at).max(0)
    }

    /// Refuses what is too old, or too far in the future.
    fn timely(&self, field: &str, at: UnixNanos, most: Nanos) -> Result<(), Dead> {
        let now = self.host.now();
        let (old, ahead) = (now.saturating_sub(at), at.saturating_sub(now));
        if old > most {
            return Err(Dead(format!("`{field}`: {} s old: at most {} s are taken", old / SECONDS, most / SECONDS)));
        }
        if ahead > self.config.max_age() {
            return Err(Dead(format!("`{field}`: {} s in the future: is the sender's clock right?", ahead / SECONDS)));
        }
        Ok(())
    }

    fn wish_of<'a>(&self, task: &'a Task, agent: &'a str) -> Wish<'a> {
        Wish {
            request: request_of("task", &task.task_id),
            agent,
            action: &task.action,
            payload: &task.payload,
            who: &task.sender,
            trace: task.trace(),
            by: "task",
            age: self.age(task.created_at.saturating_mul(SECONDS)),
        }
    }

    /// Whether the task may move positions: then nobody may do it twice.
    pub fn may_move_positions(&self, task: &Task) -> bool {
        may_move_positions(&self.wish_of(task, SUPERVISOR))
    }

    /// The number of a command to `agent`: the same for a repeat. With its time: engines begin to count anew.
    pub fn number_of(agent: &str, command: &AgentCommand) -> u64 {
        request_of("command", &format!("{agent}\n{}\n{}", command.id, command.timestamp))
    }

    /// A task: its outcome. The second value says whether it goes to the dead letters, too.
    pub fn task(&self, task: &Task) -> Handled<(Task, Option<Dead>)> {
        let failed = |why: String, dead: bool| {
            let letter = dead.then(|| Dead(why.clone()));
            Handled::Over((self.outcome(task, Err(why)), letter))
        };
        let Some(agent) = self.keys.agent_for(task.receiver.as_deref()) else {
            return failed("it is addressed to another host".to_owned(), true);
        };
        let wish = self.wish_of(task, agent);
        // A stop is taken whenever it comes, and whatever its sender's clock says.
        if !is_stop(&wish)
            && let Err(Dead(why)) =
                self.timely("created_at", task.created_at.saturating_mul(SECONDS), self.config.task_max_age())
        {
            return failed(why, true);
        }
        if task.action == "target"
            && self.config.may_move(&task.sender)
            && let Some(instrument) = task.payload.get("instrument").and_then(Value::as_str)
            && let Err(why) = self.note(&task.sender, instrument)
        {
            return failed(why, false);
        }
        match act(&*self.host, &self.config, &wish) {
            Answer::Done(result) => Handled::Over((self.outcome(task, Ok(result)), None)),
            Answer::Failed(why) => failed(why, false),
            Answer::Later(why) => Handled::Later(why),
            Answer::Taken => Handled::Taken(wish.request),
            Answer::Unknown => failed(unknown("action", &task.action), true),
        }
    }

    /// What a task moved that was done before is watched again: the start before this one took that with it.
    pub fn note_again(&self, task: &Task) {
        if task.action == "target"
            && self.config.may_move(&task.sender)
            && let Some(instrument) = task.payload.get("instrument").and_then(Value::as_str)
        {
            // It is done: there is nothing left to refuse.
            let _ = self.note(&task.sender, instrument);
        }
    }

    /// The outcome of a task, as it is published.
    pub fn outcome(&self, task: &Task, outcome: Result<Value, String>) -> Task {
        let agent = self.keys.agent_for(task.receiver.as_deref()).unwrap_or(SUPERVISOR);
        let (status, result, error) = match outcome {
            Ok(result) => ("completed", Some(result), None),
            Err(error) => ("failed", None, Some(error)),
        };
        Task {
            status: status.to_owned(),
            result,
            error,
            source: Some(self.keys.agent(agent)),
            timestamp: Some(self.now()),
            trace_id: Some(task.trace().to_owned()),
            ..task.clone()
        }
    }

    /// A command to `agent`: its response.
    pub fn command(&self, agent: &str, command: &AgentCommand) -> Handled<(Response, Option<Dead>)> {
        let failed = |why: String| Handled::Over((self.response(agent, command, Err(why.clone())), Some(Dead(why))));
        let sent = parse_iso(&command.timestamp);
        let timely = match &sent {
            Ok(at) => self.timely("timestamp", *at, self.config.task_max_age()),
            Err(error) => Err(Dead(format!("`timestamp`: {error}"))),
        };
        let request = Self::number_of(agent, command);
        let wish = Wish {
            request,
            agent,
            action: &command.kind,
            payload: &command.payload,
            who: "engine",
            trace: &command.id,
            by: "command",
            age: sent.map_or(Nanos::MAX, |at| self.age(at)),
        };
        // A stop is taken whenever it comes, and whatever its sender's clock says.
        if !is_stop(&wish)
            && let Err(Dead(why)) = timely
        {
            return failed(why);
        }
        match act(&*self.host, &self.config, &wish) {
            Answer::Done(result) => Handled::Over((self.response(agent, command, Ok(result)), None)),
            Answer::Failed(why) => Handled::Over((self.response(agent, command, Err(why)), None)),
            Answer::Later(why) => Handled::Later(why),
            Answer::Taken => Handled::Taken(request),
            Answer::Unknown => failed(unknown("type", &command.kind)),
        }
    }

    /// An agent's response.
    pub fn response(&self, agent: &str, command: &AgentCommand, outcome: Result<Value, String>) -> Response {
        let (status, result, error) = match outcome {
            Ok(result) => ("completed", Some(result), None),
            Err(error) => ("failed", None, Some(error)),
        };
        Response {
            id: command.id.clone(),
            agent_id: self.keys.agent(agent),
            kind: command.kind.clone(),
            status: status.to_owned(),
            result,
            error,
            timestamp: self.now(),
        }
    }

    /// The state change that a command led to, if it did.
    pub fn changed(
        &self,
        agent: &str,
        response: &Response,
        command: &AgentCommand,
        old: &str,
    ) -> Option<StateChange<'static>> {
        let new = command.payload.get("target")?.as_str()?;
        // Of the whole host: an instrument's state is not the agent's.
        if ["scope", "instrument"].iter().any(|field| command.payload.contains_key(*field)) {
            return None;
        }
        let done = command.kind == "state_transition" && response.status == "completed" && old != new;
        done.then(|| StateChange {
            head: self.head(agent, &command.id),
            agent_id: response.agent_id.clone().into(),
            old_state: old.to_owned().into(),
            new_state: new.to_owned().into(),
            trigger: "command".into(),
            reason: format!("state_transition {}", command.id).into(),
        })
    }

    /// What a message of `agent` begins with that belongs to the command `id`.
    fn head(&self, agent: &str, id: &str) -> Head<'static> {
        Head {
            timestamp: self.now().into(),
            source: self.keys.agent(agent).into(),
            trace_id: id.to_owned().into(),
            sequence: self.host.process().journaled_sequence,
        }
    }

    /// An entry of the audit stream on the command `id` of `agent`.
    pub fn audit(&self, agent: &str, id: &str, kind: &'static str, data: String) -> AuditEntry<'static> {
        AuditEntry { head: self.head(agent, id), kind, agent_id: self.keys.agent(agent).into(), data }
    }

    /// Whether a source is one of this host's own agents.
    fn is_own(&self, source: &str) -> bool {
        source.strip_prefix(self.keys.host()).is_some_and(|rest| rest.starts_with('.'))
    }

    /// When a message was sent, if it is neither old nor of the future nor of before this desk.
    fn sent(&self, timestamp: &str) -> Result<UnixNanos, String> {
        let at = parse_iso(timestamp).map_err(|e| format!("`timestamp`: {e}"))?;
        self.timely("timestamp", at, self.config.max_age()).map_err(|Dead(why)| why)?;
        if at < self.since {
            return Err("`timestamp`: before this start: whether it was followed already is not known".to_owned());
        }
        Ok(at)
    }

    /// A signal of the channel.
    pub fn signal(&mut self, bytes: &[u8]) -> Heard {
        let signal = match Signal::read(bytes, self.config.message_bytes as usize) {
            Ok(signal) => signal,
            Err(error) => return Heard::Refused(error.to_string()),
        };
        if self.is_own(&signal.source) {
            return Heard::NotOurs;
        }
        if !self.config.may_move(&signal.source) {
            return Heard::Stranger(signal.source);
        }
        let (sent, direction) = match (self.sent(&signal.timestamp), signal.direction()) {
            (Ok(sent), Ok(direction)) => (sent, direction),
            (Err(why), _) => return Heard::Refused(why),
            (_, Err(error)) => return Heard::Refused(error.to_string()),
        };
        // With what it says: one scan may say something of several instruments under one trace.
        let said = [&signal.source, &signal.trace_id, &signal.kind, &signal.instrument, &signal.timestamp];
        let request = request_of("signal", &said.map(String::as_str).join("\n"));
        if !self.seen.is_new(request) {
            return Heard::Refused(format!("`traceId`: `{}` was sent before", signal.trace_id));
        }
        let instrument = match self.note(&signal.source, &signal.instrument) {
            Ok(instrument) => instrument,
            Err(why) => return Heard::Refused(why),
        };
        let ttl = signal.ttl_seconds.unwrap_or_else(|| f64::from(self.config.signal_ttl_seconds));
        // It counts from when it was made.
        let ttl_left = ((ttl * SECONDS as f64) as Nanos).saturating_sub(self.age(sent));
        if ttl_left <= 0 {
            return Heard::Refused(format!("`ttl_seconds`: {ttl}: it was over when it was read"));
        }
        let opinion = Opinion {
            request,
            instrument,
            direction,
            confidence: signal.confidence,
            ttl: ttl_left,
            sent,
            who: signal.source,
            model: signal.model,
            trace: signal.trace_id,
        };
        match self.host.opinion(&opinion) {
            Ok(_) => Heard::Followed,
            Err(refused) => {
                if refused == Refused::Busy {
                    // Its sender may send it again.
                    self.seen.forget(request);
                }
                Heard::Refused(refused.to_string())
            }
        }
    }

    /// A decision of the channel.
    pub fn decision(&mut self, bytes: &[u8]) -> Heard {
        let decision = match Decision::read(bytes, self.config.message_bytes as usize) {
            Ok(decision) => decision,
            Err(error) => return Heard::Refused(error.to_string()),
        };
        if self.is_own(&decision.source) {
            return Heard::NotOurs;
        }
        if !super::act::ACTIONS.contains(&decision.decision.as_str()) {
            // They are told to all agents; not each is a host's.
            return Heard::NotOurs;
        }
        let said = [&decision.source, &decision.trace_id, &decision.decision, &decision.timestamp];
        let request = request_of("decision", &said.map(String::as_str).join("\n"));
        let sent = parse_iso(&decision.timestamp);
        let age = sent.as_ref().map_or(Nanos::MAX, |at| self.age(*at));
        let wish = Wish {
            request,
            agent: SUPERVISOR,
            action: &decision.decision,
            payload: &decision.payload,
            who: &decision.source,
            trace: &decision.trace_id,
            by: "decision",
            age,
        };
        // A stop is taken from everybody, whenever it comes, and as often.
        if is_stop(&wish) {
            return match act(&*self.host, &self.config, &wish) {
                Answer::Failed(why) => Heard::Refused(why),
                Answer::Later(why) => Heard::Later(why),
                _ => Heard::Followed,
            };
        }
        if !self.config.may_move(&decision.source) {
            return Heard::Stranger(decision.source);
        }
        if let Err(why) = self.sent(&decision.timestamp) {
            return Heard::Refused(why);
        }
        if !self.seen.is_new(request) {
            return Heard::Refused(format!("`traceId`: `{}` was sent before", decision.trace_id));
        }
        if decision.decision == "target"
            && let Some(instrument) = decision.payload.get("instrument").and_then(Value::as_str)
            && let Err(why) = self.note(&decision.source, instrument)
        {
            return Heard::Refused(why);
        }
        match act(&*self.host, &self.config, &wish) {
            Answer::Done(_) | Answer::Taken => Heard::Followed,
            Answer::Failed(why) => Heard::Refused(why),
            Answer::Later(why) => {
                self.seen.forget(request);
                Heard::Refused(why)
            }
            Answer::Unknown => Heard::NotOurs,
        }
    }

    /// A message of the logs' channel that tells of a refusal.
    pub fn refusal(&self, channel: &str, why: &str) -> String {
        let process = self.host.process();
        let id = format!("{}-{}-{}", self.keys.host(), process.epoch, process.journaled_sequence);
        let head = self.head(SUPERVISOR, &id);
        let fields = json!({"channel": channel, "reason": why});
        let log = Log { head, level: Level::Warning, event: "message_refused".into(), fields };
        // Texts and numbers alone: it cannot fail.
        serde_json::to_string(&log).unwrap_or_default()
    }
}

fn unknown(field: &str, given: &str) -> String {
    format!("`{field}`: `{given}` is no action of this host: expected one of {}", super::act::ACTIONS.join(", "))
}
