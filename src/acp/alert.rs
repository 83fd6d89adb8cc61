//! Edge: an alert: `{prefix}:alerts`, one object a message. Source: the agents' protocol, sections 1 and 3.

use super::time::iso;
use crate::types::time::UnixNanos;
use serde::{Deserialize, Serialize};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Somebody must act now.
    Critical,
    /// Somebody must look today.
    Warning,
    /// For whoever was told before.
    Info,
}

impl Level {
    /// As on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// How much it matters.
    pub level: Level,
    /// The id of the agent that says it.
    pub source: String,
    /// What, for people.
    pub message: String,
    /// When: ISO-8601.
    pub timestamp: String,
}

impl Alert {
    /// One of `source`, `at`.
    pub fn new(level: Level, source: &str, message: &str, at: UnixNanos) -> Self {
        Self { level, source: source.to_owned(), message: message.to_owned(), timestamp: iso(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_the_contract_says() {
        let text = serde_json::to_string(&Alert::new(Level::Critical, "h.supervisor", "x is down", 0)).unwrap();
        assert_eq!(
            text,
            r#"{"level":"critical","source":"h.supervisor","message":"x is down","timestamp":"1970-01-01T00:00:00.000000+00:00"}"#
        );
        for level in [Level::Critical, Level::Warning, Level::Info] {
            assert_eq!(serde_json::to_string(&level).unwrap(), format!("\"{}\"", level.name()));
        }
    }
}
