//! Edge: a heartbeat: `{prefix}:heartbeats`, one object a message. Source: the agents' protocol, sections 1 and 4.

use super::time::{iso, parse_iso};
use crate::types::time::UnixNanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The status of an agent that can do its work.
pub const ALIVE: &str = "alive";
/// The status of an agent that turns, but cannot do its work now; its hash says why (`detail`).
pub const DEGRADED: &str = "degraded";
/// The status of an agent that ended in order, and will not be heard again until it is started.
pub const STOPPED: &str = "stopped";

/// Longest message that is read, in bytes.
pub const BYTES_MAX: usize = 4_096;
/// Longest id of an agent, in bytes.
pub const ID_MAX: usize = 128;

/// A sign of life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Heartbeat {
    /// Whose.
    pub agent_id: String,
    /// [`ALIVE`], [`DEGRADED`], [`STOPPED`], or a word of the agent's own.
    pub status: String,
    /// When, as the agent says: ISO-8601, without a zone UTC.
    pub timestamp: String,
}

/// Why a message is no heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHeartbeat {
    /// Too long.
    #[error("{0} bytes: expected at most {BYTES_MAX}")]
    Long(usize),
    /// Not JSON, a field is missing, or is of another type.
    #[error("no heartbeat: {0}; expected {{\"agent_id\": …, \"status\": …, \"timestamp\": …}}")]
    Json(String),
    /// The id cannot be one.
    #[error("agent_id: expected 1 to {ID_MAX} bytes without control characters")]
    Id,
}

/// Whether this can be an agent's id: it becomes a part of keys, and stands in logs.
pub fn is_agent_id(text: &str) -> bool {
    (1..=ID_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

impl Heartbeat {
    /// One of `agent`, `at`.
    pub fn new(agent: &str, status: &str, at: UnixNanos) -> Self {
        Self { agent_id: agent.to_owned(), status: status.to_owned(), timestamp: iso(at) }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`BadHeartbeat`].
    pub fn read(message: &[u8]) -> Result<Self, BadHeartbeat> {
        if message.len() > BYTES_MAX {
            return Err(BadHeartbeat::Long(message.len()));
        }
        let beat: Self = serde_json::from_slice(message).map_err(|e| BadHeartbeat::Json(e.to_string()))?;
        if is_agent_id(&beat.agent_id) { Ok(beat) } else { Err(BadHeartbeat::Id) }
    }

    /// When, if it says so in a way that can be read.
    pub fn claimed(&self) -> Option<UnixNanos> {
        parse_iso(&self.timestamp).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_sends_is_read_and_junk_is_not() {
        let seed = br#"{"agent_id": "agent:002", "status": "alive", "timestamp": "2026-01-02T03:04:05.123456"}"#;
        let beat = Heartbeat::read(seed).unwrap();
        assert_eq!((beat.agent_id.as_str(), beat.claimed()), ("agent:002", Some(1_767_323_045_123_456_000)));
        let ours = serde_json::to_string(&Heartbeat::new("h.risk", ALIVE, 0)).unwrap();
        assert_eq!(ours, r#"{"agent_id":"h.risk","status":"alive","timestamp":"1970-01-01T00:00:00.000000+00:00"}"#);
        let check = |message: &[u8], part: &str| {
            let text = Heartbeat::read(message).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        };
        check(b"", "expected");
        check(b"\xff\xfe", "no heartbeat");
        check(b"[1,2]", "no heartbeat");
        check(br#"{"agent_id": 7, "status": "alive", "timestamp": "x"}"#, "no heartbeat");
        check(br#"{"agent_id": "a", "timestamp": "x"}"#, "status");
        check(br#"{"agent_id": "", "status": "alive", "timestamp": "x"}"#, "agent_id");
        check(br#"{"agent_id": "a\nb", "status": "alive", "timestamp": "x"}"#, "agent_id");
        check(&vec![b' '; BYTES_MAX + 1], "4097 bytes");
        let odd = br#"{"agent_id": "a", "status": "alive", "timestamp": "tomorrow", "more": [1]}"#;
        assert_eq!(Heartbeat::read(odd).unwrap().claimed(), None, "a sign of life all the same");
    }
}
