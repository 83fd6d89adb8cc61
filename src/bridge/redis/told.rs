//! Edge: what the host says of itself that is no event of its journal, as messages: alerts, incidents, states, errors, figures.

use super::audit;
use super::batch::Batch;
use super::publish::Publisher;
use crate::acp::agent::{AuditEntry, Failure, Figures, Measurements, StateChange};
use crate::acp::decision::Decision;
use crate::acp::head::Head;
use crate::acp::names::Names;
use crate::acp::ops::{Alert, Incident, Level, Log};
use crate::acp::topic::Topic;
use crate::control::alerts::Standing;
use crate::control::notices::{Notice, Word};
use crate::types::time::{Nanos, SECONDS};
use serde_json::{Value, json};

/// Speaks for the host behind an event that the stream has.
pub struct Teller<'a> {
    /// Keys and the host's name.
    pub names: &'a Names,
    /// Entries of the audit stream that are kept.
    pub audit_length: u64,
    /// The topics.
    pub publisher: &'a mut Publisher,
    /// What it goes out with.
    pub batch: &'a mut Batch,
    /// The event's process start and sequence.
    pub behind: (u64, u64),
}

impl Teller<'_> {
    fn head(&self, agent: &str, at: i64) -> Head<'static> {
        Head::said(self.names.host(), agent, at, self.behind.0, self.behind.1)
    }

    /// One notice. It is done once, like what is audited: no event leads to it that could be asked whether it was told.
    pub fn notice(&mut self, notice: &Notice) {
        let at = notice.at;
        self.batch.beside_audit(true);
        match &notice.word {
            Word::Raised(standing) => self.alert(at, standing, true, None),
            Word::Over { standing, lasted } => self.alert(at, standing, false, *lasted),
            Word::State { agent, old, new, trigger, reason } => self.state(at, agent, (old, new), trigger, reason),
            Word::Trouble { bridge, text } => {
                self.log("supervisor", at, Level::Warning, "bridge.trouble", json!({ "bridge": bridge, "text": text }));
                self.failure(at, "bridge.trouble", &format!("{bridge}: {text}"));
            }
        }
        self.batch.beside_audit(false);
    }

    fn alert(&mut self, at: i64, standing: &Standing, raised: bool, lasted: Option<Nanos>) {
        let severity = if standing.is_critical() { Level::Critical } else { Level::Warning };
        let (level, status) = if raised { (severity, "raised") } else { (Level::Info, "over") };
        let head = self.head("supervisor", at);
        let message = if raised { standing.detail.clone() } else { format!("over: {}", standing.detail) };
        let alert = Alert {
            head: head.clone(),
            level,
            message: message.as_str().into(),
            name: standing.name.as_str().into(),
            runbook: standing.runbook.as_str().into(),
            status: status.into(),
        };
        self.publisher.say(self.batch, Topic::Alerts, &alert);
        let lasted = lasted.map(|lasted| lasted as f64 / SECONDS as f64);
        let details = json!({
            "alert": standing.name,
            "message": standing.detail,
            "runbook": standing.runbook,
            "lasted_seconds": lasted,
        });
        let incident = Incident {
            head,
            incident_id: format!("{}:{}:{}", self.names.host(), standing.name, standing.since).into(),
            severity,
            status: if raised { "open" } else { "resolved" }.into(),
            details: details.clone(),
        };
        self.publisher.say(self.batch, Topic::Incidents, &incident);
        self.log("supervisor", at, level, &format!("alert.{status}"), details);
        if raised && severity == Level::Critical {
            self.failure(at, &standing.name, &standing.detail);
        }
    }

    fn state(&mut self, at: i64, agent: &'static str, (old, new): (&str, &str), trigger: &str, reason: &str) {
        let agent_id = self.names.agent(agent);
        let change = StateChange {
            head: self.head(agent, at),
            agent_id: agent_id.as_str().into(),
            old_state: old.into(),
            new_state: new.into(),
            trigger: trigger.into(),
            reason: reason.into(),
        };
        self.publisher.say(self.batch, Topic::StateChanges, &change);
        let payload =
            json!({ "agent_id": agent_id, "old_state": old, "new_state": new, "trigger": trigger, "reason": reason });
        let entry = AuditEntry {
            head: self.head(agent, at),
            kind: "transition",
            agent_id: agent_id.as_str().into(),
            data: payload.to_string(),
        };
        self.batch.once(audit::add(self.names, self.audit_length, &entry));
        self.set_state(agent, new);
        let level = if matches!(new, "HALTED" | "ERROR" | "DEGRADED") { Level::Warning } else { Level::Info };
        if agent == "execution" {
            let head = self.head(agent, at);
            let decision = Decision { head, decision: "execution.state".into(), payload: payload.clone() };
            self.publisher.say(self.batch, Topic::Decisions, &decision);
            if new == "ERROR" {
                self.failure(at, "execution.error", reason);
            }
        }
        self.log(agent, at, level, &format!("{agent}.state"), payload);
    }

    /// The state of an agent for whoever asks.
    pub fn set_state(&mut self, agent: &str, state: &str) {
        let mut command = redis::cmd("SET");
        command.arg(self.names.agent_state(agent)).arg(state);
        self.batch.anywhere(command);
    }

    /// The host's figures.
    pub fn figures(&mut self, at: i64, figures: Figures) {
        let agent_id = self.names.agent("supervisor").into();
        let told = Measurements { head: self.head("supervisor", at), agent_id, figures };
        self.publisher.say(self.batch, Topic::Measurements, &told);
    }

    /// A line for the log.
    pub fn log(&mut self, agent: &str, at: i64, level: Level, event: &str, fields: Value) {
        let log = Log { head: self.head(agent, at), level, event: event.into(), fields };
        self.publisher.say(self.batch, Topic::Logs, &log);
    }

    fn failure(&mut self, at: i64, error: &str, message: &str) {
        let failure = Failure {
            head: self.head("supervisor", at),
            agent_id: self.names.agent("supervisor").into(),
            error: error.into(),
            message: message.into(),
        };
        self.publisher.say(self.batch, Topic::Errors, &failure);
    }
}
