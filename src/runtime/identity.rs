//! Edge: assembly: which program, configuration and limits these are: what two people approve before LIVE, and what the
//! running host compares it with.

use crate::config::{Config, ConfigError, Mode};
use crate::control::enable::{Hash, Limits};
use crate::control::market_health::Settings;

/// What is to run, or runs.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Name of the host.
    pub host: String,
    /// SHA-256 of the program file; all zero if it cannot be read, which enables nothing.
    pub build: Hash,
    /// SHA-256 of the resolved configuration in mode LIVE, whatever its mode is now: as the epoch's record in the journal of a
    /// LIVE run has its first half.
    pub config: Hash,
    /// `[risk]`, flattened: every key with its value.
    pub limits: Limits,
}

/// The identity of this program with `config`.
///
/// # Errors
/// A configuration that cannot be written as text, or without limits.
pub fn of(config: &Config) -> Result<Identity, ConfigError> {
    let mut live = config.clone();
    live.host.mode = Mode::Live;
    let resolved = toml::to_string(&live).map_err(|e| ConfigError::room("config", e))?;
    Ok(Identity {
        host: config.host.name.clone(),
        build: build(),
        config: Hash::of(resolved.as_bytes()),
        limits: limits(config)?,
    })
}

/// The limits of a configuration, as a list.
///
/// # Errors
/// There are none, or too many to read.
pub fn limits(config: &Config) -> Result<Limits, ConfigError> {
    let table = toml::Value::try_from(&config.risk).map_err(|e| ConfigError::room("risk", e))?;
    let mut all = Vec::new();
    flatten("", &table, &mut all);
    // A limit of the gate that comes from the environment.
    let settings = Settings::from_env(|name| std::env::var(name).ok()).map_err(|e| ConfigError::room("http", e))?;
    all.push(("marketdata.max_age_ns".to_owned(), settings.max_age.to_string()));
    Limits::new(all).map_err(|e| ConfigError::room("risk", e))
}

/// `a.b.0 = value` for everything in `value`; an empty list or table is a value too, so that it is seen.
fn flatten(path: &str, value: &toml::Value, all: &mut Vec<(String, String)>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        toml::Value::Table(table) if !table.is_empty() => {
            for (name, value) in table {
                flatten(&below(name), value, all);
            }
        }
        toml::Value::Array(array) if !array.is_empty() => {
            for (at, value) in array.iter().enumerate() {
                flatten(&below(&at.to_string()), value, all);
            }
        }
        toml::Value::String(text) => all.push((path.to_owned(), text.clone())),
        other => all.push((path.to_owned(), other.to_string())),
    }
}

/// The program file's hash. By the system's link to the file that runs: by its path one would read what was put there since.
pub fn build() -> Hash {
    std::fs::read("/proc/self/exe")
        .or_else(|_| std::env::current_exe().and_then(std::fs::read))
        .map_or(Hash([0; 32]), |bytes| Hash::of(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_programs_configurations_and_limits_apart() {
        let config = crate::config::load(None, std::iter::empty()).unwrap().config;
        let first = of(&config).unwrap();
        assert!(!first.build.is_zero());
        let mut config = config;
        config.host.mode = Mode::Live;
        assert_eq!(first.config.short(), crate::journal::short_hash(toml::to_string(&config).unwrap().as_bytes()));
        let has = |limits: &Limits, name: &str, value: &str| limits.iter().any(|limit| limit == (name, value));
        assert!(has(&first.limits, "limits.max_order_notional", "50000"), "{:?}", first.limits);
        assert!(has(&first.limits, "orders.slippage_ticks", "2"), "{:?}", first.limits);

        let mut other = config.clone();
        other.risk.limits.max_order_notional = Some("50001".to_owned());
        let second = of(&other).unwrap();
        assert!(has(&second.limits, "limits.max_order_notional", "50001"));
        assert_ne!(first.limits.digest(), second.limits.digest());
        assert_ne!(first.config, second.config);
        assert_eq!(first.build, second.build);
        other.host.mode = Mode::Paper;
        assert_eq!(of(&other).unwrap().config, second.config, "what is approved is LIVE");
    }

    #[test]
    fn lists_and_empty_tables_are_seen() {
        let value: toml::Value = toml::from_str("a = [1, { b = 'x' }]\nc = []\nd = {}\n").unwrap();
        let mut all = Vec::new();
        flatten("", &value, &mut all);
        let all: Vec<_> = all.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(all, ["a.0=1", "a.1.b=x", "c=[]", "d={}"]);
    }
}
