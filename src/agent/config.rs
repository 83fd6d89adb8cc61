//! Edge: `[agents]`: whom to watch, how long silence may last, what may be used of a provider.

use super::budget::parse_amount;
use crate::acp::heartbeat::is_agent_id;
use crate::acp::names;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[agents]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentsConfig {
    /// Whether the host's agents show themselves and the supervisor watches, where there is a Redis.
    pub enabled: bool,
    /// Agents that must be heard, also if they never were. Others are watched as soon as they are seen.
    pub watch: Vec<String>,
    /// Silence after which an agent is down, in seconds, 1..=86 400. Three missed heartbeats.
    pub down_after_seconds: u64,
    /// Interval of the host's own heartbeats in seconds, 1..=3600.
    pub heartbeat_seconds: u64,
    /// Agents that are watched at most, 8..=4096.
    pub agents_max: usize,
    /// What may be used of a provider, by each agent.
    pub budget: Vec<BudgetConfig>,
}

/// `[[agents.budget]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// The provider: `openai`, …
    pub provider: String,
    /// What each agent may use of it: an exact decimal above 0, in the provider's currency.
    pub limit: String,
}

impl Default for AgentsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            watch: Vec::new(),
            down_after_seconds: 90,
            heartbeat_seconds: 30,
            agents_max: 256,
            budget: Vec::new(),
        }
    }
}

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}{}: expected {expected}", .given.as_ref().map_or_else(String::new, |given| format!(" = `{}`", given.escape_debug())))]
pub struct ConfigError {
    /// The setting.
    pub name: &'static str,
    /// What was given, where that helps.
    pub given: Option<String>,
    /// What it can be.
    pub expected: &'static str,
}

impl AgentsConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ConfigError`] with the first that makes no sense.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bad = |name, given: Option<&str>, expected| {
            Err(ConfigError { name, given: given.map(|text| text.chars().take(64).collect()), expected })
        };
        if !(1..=86_400).contains(&self.down_after_seconds) {
            return bad("down_after_seconds", None, "1..=86400");
        }
        if !(1..=3_600).contains(&self.heartbeat_seconds) {
            return bad("heartbeat_seconds", None, "1..=3600");
        }
        if !(8..=4_096).contains(&self.agents_max) {
            return bad("agents_max", None, "8..=4096");
        }
        if self.watch.len() >= self.agents_max {
            return bad("watch", None, "fewer agents than `agents_max`");
        }
        for (at, agent) in self.watch.iter().enumerate() {
            if !is_agent_id(agent) {
                return bad("watch", Some(agent), "ids of 1 to 128 bytes without control characters");
            }
            if self.watch[..at].contains(agent) {
                return bad("watch", Some(agent), "each agent once");
            }
        }
        for (at, budget) in self.budget.iter().enumerate() {
            if !names::is_word(&budget.provider) {
                return bad("budget.provider", Some(&budget.provider), "1 to 32 characters A-Za-z0-9._-");
            }
            if self.budget[..at].iter().any(|other| other.provider == budget.provider) {
                return bad("budget.provider", Some(&budget.provider), "each provider once");
            }
            if parse_amount(&budget.limit).is_none_or(|limit| limit <= Decimal::ZERO) {
                return bad("budget.limit", Some(&budget.limit), "an exact decimal above 0, such as \"100.0\"");
            }
        }
        Ok(())
    }

    /// Silence after which an agent is down.
    pub fn down_after(&self) -> Duration {
        Duration::from_secs(self.down_after_seconds)
    }

    /// Interval of the host's own heartbeats.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.heartbeat_seconds)
    }

    /// The limits, by provider.
    pub fn limits(&self) -> Vec<(String, Decimal)> {
        let limit = |budget: &BudgetConfig| Some((budget.provider.clone(), parse_amount(&budget.limit)?));
        self.budget.iter().filter_map(limit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_unknown_keys() {
        AgentsConfig::default().validate().unwrap();
        let check = |text: &str, name: &str| {
            let config: AgentsConfig = toml::from_str(text).unwrap();
            assert_eq!(config.validate().map_err(|e| e.name), Err(name), "{text}");
        };
        check("down_after_seconds = 0", "down_after_seconds");
        check("heartbeat_seconds = 3601", "heartbeat_seconds");
        check("agents_max = 7", "agents_max");
        check("watch = ['']", "watch");
        check("watch = ['a', 'a']", "watch");
        check("agents_max = 8\nwatch = ['1','2','3','4','5','6','7','8']", "watch");
        check("budget = [{ provider = 'a:b', limit = '1' }]", "budget.provider");
        check("budget = [{ provider = 'a', limit = '1' }, { provider = 'a', limit = '2' }]", "budget.provider");
        for limit in ["0", "-1", "x", "", "1e3", "NaN", "99999999999999999999999999999999"] {
            check(&format!("budget = [{{ provider = 'a', limit = '{limit}' }}]"), "budget.limit");
        }
        let good: AgentsConfig =
            toml::from_str("watch = ['agent:002']\n[[budget]]\nprovider = 'openai'\nlimit = '100.0'").unwrap();
        good.validate().unwrap();
        assert_eq!(good.limits(), [("openai".to_owned(), Decimal::new(1000, 1))]);
        assert!(toml::from_str::<AgentsConfig>("watched = []").is_err());
        assert_eq!(
            toml::from_str::<AgentsConfig>("watch = ['a', 'a']").unwrap().validate().unwrap_err().to_string(),
            "watch = `a`: expected each agent once"
        );
    }
}
