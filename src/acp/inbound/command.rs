//! Edge: commands of the engine to one agent, and the agent's responses.

use super::{BadMessage, name, read};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A command as the engine pushes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentCommand {
    /// The command's name, such as `cmd-123`: the same command never has its effect twice.
    pub id: String,
    /// What, such as `state_transition`.
    #[serde(rename = "type")]
    pub kind: String,
    /// With what.
    #[serde(default)]
    pub payload: Map<String, Value>,
    /// When it was made, ISO-8601.
    pub timestamp: String,
}

impl AgentCommand {
    /// Reads and checks one. Its time is checked by whoever knows the clock.
    ///
    /// # Errors
    /// [`BadMessage`].
    pub fn read(bytes: &[u8], bytes_max: usize) -> Result<Self, BadMessage> {
        let command: Self = read(bytes, bytes_max)?;
        name("id", &command.id)?;
        name("type", &command.kind)?;
        Ok(command)
    }
}

/// What an agent answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Response {
    /// The command's `id`.
    pub id: String,
    /// Who answers.
    pub agent_id: String,
    /// The command's `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `completed` or `failed`.
    pub status: String,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When, ISO-8601.
    pub timestamp: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_s_command_is_read() {
        let text = r#"{"id": "cmd-123", "type": "state_transition", "payload": {"target": "deep_work"}, "timestamp": "2025-01-06T10:00:00"}"#;
        let command = AgentCommand::read(text.as_bytes(), 1000).unwrap();
        assert_eq!((command.id.as_str(), command.kind.as_str()), ("cmd-123", "state_transition"));
        assert_eq!(command.payload["target"], "deep_work");
        for (from, to, part) in [
            ("cmd-123", "", "`id`"),
            ("\"type\"", "\"typ\"", "missing field `type`"),
            ("\"2025-01-06T10:00:00\"", "7", "`timestamp`"),
        ] {
            let told = AgentCommand::read(text.replacen(from, to, 1).as_bytes(), 1000).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
    }
}
