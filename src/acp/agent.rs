//! Edge: what the engine hears of the host's agents: `events:state_changes`, `events:errors`, `events:measurements`, and the
//! entries of the audit stream.

use super::head::Head;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A message on `events:state_changes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateChange<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// `{host}.{agent}`.
    pub agent_id: Cow<'a, str>,
    /// Before.
    pub old_state: Cow<'a, str>,
    /// Now.
    pub new_state: Cow<'a, str>,
    /// What moved it, in a word.
    pub trigger: Cow<'a, str>,
    /// Why, for people.
    pub reason: Cow<'a, str>,
}

/// A message on `events:errors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// `{host}.{agent}`.
    pub agent_id: Cow<'a, str>,
    /// What, in a word.
    pub error: Cow<'a, str>,
    /// In words.
    pub message: Cow<'a, str>,
}

/// Percentiles of a span, in nanoseconds, since the host's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// The median.
    pub p50: u64,
    /// 99 of 100 are not above it.
    pub p99: u64,
    /// 999 of 1000 are not above it.
    pub p999: u64,
    /// The greatest.
    pub max: u64,
}

/// A host's figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// Percentiles by span of the journey; empty where stamps are off.
    pub latency_ns: BTreeMap<String, Percentiles>,
    /// Per second since the message before: inputs, orders, fills, refusals.
    pub rates: BTreeMap<String, f64>,
    /// What waits or is open now: events that a bridge lacks, open orders.
    pub depths: BTreeMap<String, u64>,
}

/// A message on `events:measurements`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measurements<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// `{host}.supervisor`.
    pub agent_id: Cow<'a, str>,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Names of the fields of an entry of the audit stream, in their order.
pub const AUDIT_FIELDS: [&str; 7] = ["kind", "agent_id", "timestamp", "source", "traceId", "sequence", "data"];

/// An entry of the audit stream. The stream is shared by hosts and engines, so its ids are the server's; an entry that was made
/// from an event says which in `traceId` and `sequence`, and is added in the transaction that adds the event to its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry<'a> {
    /// When, who, where.
    pub head: Head<'a>,
    /// `command`, `response` or `transition`.
    pub kind: &'a str,
    /// The agent that it is about.
    pub agent_id: Cow<'a, str>,
    /// JSON.
    pub data: String,
}

impl AuditEntry<'_> {
    /// Values of [`AUDIT_FIELDS`].
    pub fn values(&self) -> [Cow<'_, str>; AUDIT_FIELDS.len()] {
        let of = |text: &'_ str| Cow::Owned(text.to_owned());
        [
            of(self.kind),
            of(&self.agent_id),
            of(&self.head.timestamp),
            of(&self.head.source),
            of(&self.head.trace_id),
            Cow::Owned(self.head.sequence.to_string()),
            Cow::Borrowed(&self.data),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_the_contracts() {
        let head = || Head::said("h", "execution", 0, 1, 2);
        let change = StateChange {
            head: head(),
            agent_id: "h.execution".into(),
            old_state: "READY".into(),
            new_state: "HALTED".into(),
            trigger: "halt".into(),
            reason: "kill switch".into(),
        };
        let value = serde_json::to_value(&change).unwrap();
        for name in ["agent_id", "old_state", "new_state", "timestamp"] {
            assert!(value[name].is_string(), "{name}: {value}");
        }
        let figures = Figures {
            latency_ns: [("risk".to_owned(), Percentiles { count: 1, p50: 2, ..Percentiles::default() })].into(),
            ..Figures::default()
        };
        let told = Measurements { head: head(), agent_id: "h.supervisor".into(), figures };
        let text = serde_json::to_string(&told).unwrap();
        assert!(text.contains(r#""latency_ns":{"risk":{"count":1,"p50":2,"#), "{text}");
        assert_eq!(serde_json::from_str::<Measurements<'_>>(&text).unwrap(), told);
        let entry =
            AuditEntry { head: head(), kind: "transition", agent_id: "h.execution".into(), data: "{}".to_owned() };
        assert_eq!(entry.values()[..3], ["transition", "h.execution", "1970-01-01T00:00:00.000000+00:00"]);
    }
}
