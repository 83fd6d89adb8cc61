//! Edge: an incident: `{prefix}:incidents`, one object a message; opened when an agent falls silent, closed when it is back.

use serde::{Deserialize, Serialize};

/// It began.
pub const OPEN: &str = "open";
/// It is over.
pub const CLOSED: &str = "closed";

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The same when it opens and when it closes.
    pub incident_id: String,
    /// As of an alert: `critical`, `warning`, `info`.
    pub severity: String,
    /// [`OPEN`] or [`CLOSED`].
    pub status: String,
    /// What it is about.
    pub details: Details,
}

/// What an incident is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// The silent agent.
    pub agent_id: String,
    /// Who saw it.
    pub source: String,
    /// Since when: ISO-8601.
    pub since: String,
    /// What, for people.
    pub message: String,
    /// When this was said: ISO-8601.
    pub timestamp: String,
}
