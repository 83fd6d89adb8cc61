//! Edge: what every message of the host begins with: when, who, in which chain, at which place.

use super::time::iso;
use crate::types::time::UnixNanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The first four fields of every message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Head<'a> {
    /// ISO-8601 with microseconds and `+00:00`: of an event its receive time, else when it was said.
    pub timestamp: Cow<'a, str>,
    /// The agent that speaks: `{host}.{agent}`.
    pub source: Cow<'a, str>,
    /// As its sender gave it, or `{host}-{epoch}-{sequence}` of the input that began the chain; of what is no event, of the newest event that was mirrored.
    #[serde(rename = "traceId")]
    pub trace_id: Cow<'a, str>,
    /// The event's place in the host's order, and so in its event stream; of what is no event, that of the newest event that was
    /// mirrored.
    pub sequence: u64,
}

impl Head<'static> {
    /// Of something that `agent` of `host` says at `at`, which is no event itself, behind the event `sequence` of `epoch`.
    pub fn said(host: &str, agent: &str, at: UnixNanos, epoch: u64, sequence: u64) -> Self {
        Self {
            timestamp: iso(at).into(),
            source: format!("{host}.{agent}").into(),
            trace_id: format!("{host}-{epoch}-{sequence}").into(),
            sequence,
        }
    }
}
