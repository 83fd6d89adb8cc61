//! Edge: an item of the task queue, and what became of it.

use super::{BadMessage, name, read, trace};
use crate::event::operator::TRACE_BYTES;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How urgent a task is, as its sender says. The queue is worked from its oldest item on, whatever stands here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// At once.
    Critical,
    /// Soon.
    High,
    /// As usual.
    #[default]
    Medium,
    /// When there is nothing else.
    Low,
}

impl Priority {
    /// As on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// A task as its sender pushes it, and as its outcome is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// UUID: the same task never has its effect twice.
    pub task_id: String,
    /// Who wants it.
    pub sender: String,
    /// Who is to do it: an agent's id, a bare agent name, a host; empty or left out = whoever takes it.
    #[serde(default)]
    pub receiver: Option<String>,
    /// What.
    pub action: String,
    /// With what.
    #[serde(default)]
    pub payload: Map<String, Value>,
    /// How urgent.
    #[serde(default)]
    pub priority: Priority,
    /// `pending`; of an outcome `completed` or `failed`.
    #[serde(default = "pending")]
    pub status: String,
    /// When it was made, whole Unix seconds.
    pub created_at: i64,
    /// The sender's trace, if it gives one; else the task's id stands for it.
    #[serde(default, rename = "traceId", skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// What came of it, if it was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Of an outcome: whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Of an outcome: when, ISO-8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

fn pending() -> String {
    "pending".to_owned()
}

/// Whether `text` is a UUID in its usual form.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(
            |(i, b)| {
                if matches!(i, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() }
            },
        )
}

impl Task {
    /// Reads and checks one.
    ///
    /// # Errors
    /// [`BadMessage`].
    pub fn read(bytes: &[u8], bytes_max: usize) -> Result<Self, BadMessage> {
        let task: Self = read(bytes, bytes_max)?;
        if !is_uuid(&task.task_id) {
            return Err(BadMessage(format!("`task_id`: `{}`: expected a UUID", super::shown(&task.task_id))));
        }
        name("sender", &task.sender)?;
        if let Some(receiver) = task.receiver.as_deref().filter(|text| !text.is_empty()) {
            name("receiver", receiver)?;
        }
        name("action", &task.action)?;
        trace(task.trace(), TRACE_BYTES)?;
        Ok(task)
    }

    /// Its trace.
    pub fn trace(&self) -> &str {
        self.trace_id.as_deref().unwrap_or(&self.task_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = r#"{"task_id": "6f1c5b4e-0b0a-4f57-8d5e-1f2a3b4c5d6e", "sender": "agent:001", "receiver": "agent:003",
        "action": "scan_market", "payload": {"venue": "kalshi"}, "priority": "high", "status": "pending", "created_at": 1767323045}"#;

    #[test]
    fn the_seed_s_task_is_read_and_written() {
        let task = Task::read(SEED.as_bytes(), 1 << 16).unwrap();
        assert_eq!((task.action.as_str(), task.receiver.as_deref()), ("scan_market", Some("agent:003")));
        assert_eq!((task.priority, task.created_at), (Priority::High, 1_767_323_045));
        assert_eq!(task.trace(), task.task_id);
        let text = serde_json::to_string(&task).unwrap();
        assert_eq!(Task::read(text.as_bytes(), 1 << 16).unwrap(), task);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(value.get("result").is_none() && value["priority"] == "high", "{value}");
    }

    #[test]
    fn bad_ones_say_what_is_wrong() {
        let check = |from: &str, to: &str, part: &str| {
            let text = SEED.replacen(from, to, 1);
            assert_ne!(text, SEED);
            let told = Task::read(text.as_bytes(), 1 << 16).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        };
        check("6f1c5b4e-0b0a", "6f1c5b4e_0b0a", "`task_id`");
        check("agent:001", "", "`sender`");
        check("agent:003", "a b", "`receiver`");
        check("scan_market", "", "`action`");
        check("1767323045", "1767323045.5", "`created_at`");
        check("\"high\"", "\"asap\"", "`priority`");
        check("{\"venue\": \"kalshi\"}", "[]", "`payload`");
        check("\"sender\": \"agent:001\",", "", "missing field `sender`");
        check("\"status\":", "\"traceId\": \"a b\", \"status\":", "`traceId`");
    }
}
