//! Edge: a decision of the host's, on `decisions`.

use super::head::Head;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decision<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// `target.approved`, `target.refused`, `target.cancel_all`, `execution.state`, or `command.` and the action.
    pub decision: Cow<'a, str>,
    /// The particulars.
    pub payload: Value,
}
