//! Edge: what people and their tools are told: `alerts`, `incidents`, `logs`.

use super::head::Head;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Somebody must act now.
    Critical,
    /// Somebody should look.
    Warning,
    /// For the record; also: it is over.
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

    /// By its name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Critical, Self::Warning, Self::Info].into_iter().find(|level| level.name() == name)
    }
}

/// An incident began.
pub const OPEN: &str = "open";
/// It is over.
pub const RESOLVED: &str = "resolved";

/// A message on `alerts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alert<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// How bad; `info` when it is over.
    pub level: Level,
    /// What was seen.
    pub message: Cow<'a, str>,
    /// The alert's name.
    pub name: Cow<'a, str>,
    /// What to read: `tickpath runbook NAME`.
    pub runbook: Cow<'a, str>,
    /// `raised` or `over`.
    pub status: Cow<'a, str>,
}

/// A message on `incidents`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incident<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// `{host}:{alert}:{nanoseconds since 1970 when it was raised}`: the same in all messages on it.
    pub incident_id: Cow<'a, str>,
    /// How bad it is, or was.
    pub severity: Level,
    /// `open` or `resolved`.
    pub status: Cow<'a, str>,
    /// The particulars.
    pub details: Value,
}

/// A message on `logs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Log<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// How bad.
    pub level: Level,
    /// What happened, in a word: `gate.closed`, `gate.opened`, `target.refused`, `execution.state`, `bridge.trouble`, ….
    pub event: Cow<'a, str>,
    /// The particulars.
    pub fields: Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_the_contracts() {
        let head = || Head::said("h", "supervisor", 0, 1, 2);
        let alert = Alert {
            head: head(),
            level: Level::Critical,
            message: "m".into(),
            name: "n".into(),
            runbook: "r".into(),
            status: "raised".into(),
        };
        let incident = Incident {
            head: head(),
            incident_id: "i".into(),
            severity: Level::Warning,
            status: "open".into(),
            details: json!({}),
        };
        let log = Log { head: head(), level: Level::Info, event: "e".into(), fields: json!({"a": 1}) };
        let check = |value: Value, names: &[&str]| {
            for name in ["timestamp", "source", "traceId", "sequence"].iter().chain(names) {
                assert!(value.get(name).is_some(), "{name}: {value}");
            }
        };
        check(serde_json::to_value(&alert).unwrap(), &["level", "message"]);
        check(serde_json::to_value(&incident).unwrap(), &["incident_id", "severity", "status", "details"]);
        check(serde_json::to_value(&log).unwrap(), &["level", "event", "fields"]);
        for level in [Level::Critical, Level::Warning, Level::Info] {
            assert_eq!(serde_json::to_value(level).unwrap(), level.name());
            assert_eq!(Level::from_name(level.name()), Some(level));
        }
        let text = serde_json::to_string(&log).unwrap();
        assert_eq!(serde_json::from_str::<Log<'_>>(&text).unwrap(), log);
    }
}
