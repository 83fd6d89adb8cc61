//! Edge: what an agent has used of a provider: `{prefix}:budget`, one object a message. Source: the agents' protocol, section 5.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A budget that crossed a threshold. Amounts are exact decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// Whose.
    pub agent_id: String,
    /// Of whom: `openai`, …
    pub provider: String,
    /// Used.
    pub usage: String,
    /// Allowed.
    pub limit: String,
}
