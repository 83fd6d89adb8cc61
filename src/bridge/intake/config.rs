//! Edge: what is taken of outside agents, and of whom.

use crate::acp::inbound::is_name;
use crate::acp::roster::NAMES;
use crate::bridge::config::ConfigError;
use crate::types::time::{MILLIS, Nanos, SECONDS};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// `[intake]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntakeConfig {
    /// Whether anything comes in over Redis.
    pub enabled: bool,
    /// Agents whose signals and decisions are followed, and whose tasks and commands may move positions. Empty: nobody's. What
    /// can only stop or reduce is taken from everybody.
    pub agents: Vec<String>,
    /// Further names under which agents of this host take tasks: name → one of the roster.
    pub aliases: BTreeMap<String, String>,
    /// Most bytes of a message that is read, 256..=10⁶.
    pub message_bytes: u32,
    /// A signal, decision or command that is older, or further in the future, is refused, 1..=3 600 000.
    pub max_age_ms: u32,
    /// The same of a task, in seconds, 1..=604 800: it may have waited for a host. What can only stop is taken however late.
    pub task_max_age_seconds: u32,
    /// How long a signal counts that does not say it, in seconds, 1..=86 400.
    pub signal_ttl_seconds: u32,
    /// Between two looks at the queues, 10..=60 000; a notification wakes it earlier.
    pub poll_ms: u32,
    /// Tries of a task or command, 1..=10.
    pub tries: u32,
    /// So long another host's claim to a task counts that it does not renew, in seconds, 1..=86 400: longer than a restart takes.
    pub claim_seconds: u32,
    /// Wait before the second try, 1..=60 000; it doubles with each.
    pub backoff_ms: u32,
    /// Entries of a list of dead letters that are kept, 1..=10⁶. What goes beyond it is counted.
    pub dead_max: u32,
    /// Responses that are kept for the engine, 1..=10⁶.
    pub responses_max: u32,
}

impl Default for IntakeConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            agents: Vec::new(),
            aliases: BTreeMap::new(),
            message_bytes: 65_536,
            max_age_ms: 5_000,
            task_max_age_seconds: 86_400,
            signal_ttl_seconds: 60,
            poll_ms: 100,
            tries: 3,
            claim_seconds: 600,
            backoff_ms: 500,
            dead_max: 10_000,
            responses_max: 10_000,
        }
    }
}

impl IntakeConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ConfigError`] with the first that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = |holds: bool, name, expected| if holds { Ok(()) } else { Err(ConfigError { name, expected }) };
        let in_range = |value: u32, range: std::ops::RangeInclusive<u32>| range.contains(&value);
        check(self.agents.iter().all(|name| is_name(name)), "agents", "names of 1 to 42 characters A-Za-z0-9._@-:")?;
        check(self.agents.len() <= 1024, "agents", "at most 1024 names")?;
        let aliases = || self.aliases.iter().all(|(name, agent)| is_name(name) && NAMES.contains(&agent.as_str()));
        check(
            aliases(),
            "aliases",
            "name = one of market-data, feature, signal, risk, execution, supervisor, compliance",
        )?;
        check(in_range(self.message_bytes, 256..=1_000_000), "message_bytes", "256..=1000000")?;
        check(in_range(self.max_age_ms, 1..=3_600_000), "max_age_ms", "1..=3600000")?;
        check(in_range(self.task_max_age_seconds, 1..=604_800), "task_max_age_seconds", "1..=604800")?;
        check(in_range(self.signal_ttl_seconds, 1..=86_400), "signal_ttl_seconds", "1..=86400")?;
        check(in_range(self.poll_ms, 10..=60_000), "poll_ms", "10..=60000")?;
        check(in_range(self.tries, 1..=10), "tries", "1..=10")?;
        check(in_range(self.claim_seconds, 1..=86_400), "claim_seconds", "1..=86400")?;
        check(in_range(self.backoff_ms, 1..=60_000), "backoff_ms", "1..=60000")?;
        check(in_range(self.dead_max, 1..=1_000_000), "dead_max", "1..=1000000")?;
        check(in_range(self.responses_max, 1..=1_000_000), "responses_max", "1..=1000000")
    }

    /// The oldest message that is taken, ns.
    pub fn max_age(&self) -> Nanos {
        i64::from(self.max_age_ms) * MILLIS
    }

    /// So long a claim counts that is not renewed.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(u64::from(self.claim_seconds))
    }

    /// The oldest task that is taken, ns.
    pub fn task_max_age(&self) -> Nanos {
        i64::from(self.task_max_age_seconds) * SECONDS
    }

    /// Whether `name` may move positions.
    pub fn may_move(&self, name: &str) -> bool {
        self.agents.iter().any(|agent| agent == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_unknown_keys() {
        IntakeConfig::default().validate().unwrap();
        let check = |text: &str, name: &str| {
            let config: IntakeConfig = toml::from_str(text).unwrap();
            assert_eq!(config.validate().map_err(|e| e.name), Err(name), "{text}");
        };
        check("agents = ['a b']", "agents");
        check("aliases = {'agent:003' = 'nobody'}", "aliases");
        check("message_bytes = 255", "message_bytes");
        check("max_age_ms = 0", "max_age_ms");
        check("poll_ms = 9", "poll_ms");
        check("tries = 0", "tries");
        check("claim_seconds = 0", "claim_seconds");
        assert!(toml::from_str::<IntakeConfig>("everybody = true").is_err());
        assert!(!IntakeConfig::default().may_move("agent:002"), "nobody, unless named");
    }
}
