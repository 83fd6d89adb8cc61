//! Edge: a log line for other agents: `{prefix}:logs`, one object a message.

use super::time::iso;
use crate::types::time::UnixNanos;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// When: ISO-8601.
    pub timestamp: String,
    /// `error`, `warning` or `info`.
    pub level: String,
    /// The id of the agent that says it.
    pub source: String,
    /// What happened, in a word for programs.
    pub event: String,
    /// Particulars: an object.
    pub fields: Value,
}

impl Log {
    /// A line of `source`, `at`.
    pub fn new(level: &str, source: &str, event: &str, fields: Value, at: UnixNanos) -> Self {
        Self { timestamp: iso(at), level: level.to_owned(), source: source.to_owned(), event: event.to_owned(), fields }
    }
}
