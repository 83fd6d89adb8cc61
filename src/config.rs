//! Edge: assembly: joins the rooms' own configuration types. One TOML file, then the environment
//! (`TICKPATH__SECTION__KEY`), both checked: an unknown key is an error that names the nearest known one.

pub use crate::control::mode::Mode;
use crate::runtime::placement::TopologyConfig;
use crate::types::time::Nanos;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The configuration that the program runs with when it is given none: the generated market on the simulated venue.
pub const EMBEDDED: &str = include_str!("default.toml");

/// What environment variables must begin with.
pub const ENVIRONMENT_PREFIX: &str = "TICKPATH__";

/// A configuration that cannot be used; the text says where, what, and what would do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; `tickpath init` writes one to start from", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is no TOML, a key is unknown, or a value has the wrong type.
    #[error("{origin}: {message}")]
    Invalid {
        /// The file, `the embedded default`, or the environment variable.
        origin: String,
        /// What and where.
        message: String,
    },
    /// A room refuses its part.
    #[error("[{section}]: {message}")]
    Room {
        /// The section.
        section: &'static str,
        /// What the room says.
        message: String,
    },
}

impl ConfigError {
    /// A room's refusal.
    pub fn room(section: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Room { section, message: error.to_string() }
    }
}

/// A mode as the configuration writes it: its name in small letters.
mod mode_word {
    use super::Mode;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(super) fn serialize<S: Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&mode.name().to_ascii_lowercase())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
        let text = String::deserialize(deserializer)?;
        let lower = text.bytes().all(|b| !b.is_ascii_uppercase());
        Mode::from_name(&text.to_ascii_uppercase()).filter(|_| lower).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is no mode; known: off, observe, shadow, paper, live"))
        })
    }
}

/// `[host]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// Name of this host in ids: 1 to 10 letters, digits, `-` and `_`.
    pub name: String,
    /// `off`, `observe`, `shadow`, `paper` or `live`. Observing is the default; the embedded configuration says `paper`.
    /// `AGENT_MODE` goes over it.
    #[serde(with = "mode_word")]
    pub mode: Mode,
    /// Where the main job keeps its journal.
    pub data_dir: PathBuf,
    /// File that says whose key is whose, for enabling LIVE; default `enable/keyring.toml` in `data_dir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyring: Option<PathBuf>,
    /// Interval of timer inputs in milliseconds, 1..=60 000.
    pub timer_interval_ms: u64,
    /// Interval in which the venue is asked what we have there, in milliseconds, 10..=60 000. Execution and risk are compared
    /// with each answer.
    pub statement_interval_ms: u64,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            name: "tickpath-1".to_owned(),
            mode: Mode::Observe,
            data_dir: "tickpath-data".into(),
            keyring: None,
            timer_interval_ms: 1000,
            statement_interval_ms: 1000,
        }
    }
}

impl HostConfig {
    /// Interval of the questions to the venue.
    pub fn statement_interval(&self) -> Nanos {
        i64::try_from(self.statement_interval_ms.clamp(10, 60_000)).unwrap_or(1000) * crate::types::time::MILLIS
    }

    /// Interval of timer inputs.
    pub fn timer_interval(&self) -> Nanos {
        i64::try_from(self.timer_interval_ms.clamp(1, 60_000)).unwrap_or(1000) * crate::types::time::MILLIS
    }
}

/// The whole configuration.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name, mode, data folder.
    #[serde(default)]
    pub host: HostConfig,
    /// Threads and cores.
    #[serde(default)]
    pub topology: TopologyConfig,
    /// Books, candles, anomalies.
    #[serde(default)]
    pub market: crate::market::Config,
    /// Features.
    #[serde(default)]
    pub feature: crate::feature::Config,
    /// Models.
    #[serde(default)]
    pub signal: crate::signal::Config,
    /// Sizing and limits: every limit must be given.
    pub risk: crate::risk::Config,
    /// Orders.
    #[serde(default)]
    pub execution: crate::execution::Config,
    /// Segments, retention, durability.
    #[serde(default)]
    pub journal: crate::journal::Config,
    /// The simulated venue and the generated market.
    #[serde(default)]
    pub sim: crate::venue::sim::Config,
    /// The event stream in Redis.
    #[serde(default)]
    pub redis: crate::bridge::config::RedisConfig,
    /// What is taken of outside agents.
    #[serde(default)]
    pub intake: crate::bridge::intake::config::IntakeConfig,
    /// The record in PostgreSQL.
    #[serde(default)]
    pub postgres: crate::bridge::config::PostgresConfig,
    /// The control plane.
    #[serde(default)]
    pub http: crate::control::http::Config,
    /// Presence, watch, budgets.
    #[serde(default)]
    pub agents: crate::agent::config::AgentsConfig,
}

/// A configuration and where its values came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// The file, or `the embedded default`.
    pub origin: String,
    /// Environment variables that changed something.
    pub overrides: Vec<String>,
}

/// Loads `path`, or the embedded default, and lays `environment` over it.
///
/// # Errors
/// [`ConfigError`].
pub fn load(path: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Loaded, ConfigError> {
    let (text, origin) = match path {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
            (text, path.display().to_string())
        }
        None => (EMBEDDED.to_owned(), "the embedded default".to_owned()),
    };
    // First as it stands, so that a fault is shown with its line.
    let config: Config = toml::from_str(&text).map_err(|e| invalid(&origin, &e))?;
    let mut variables: Vec<(String, String)> =
        environment.filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX)).collect();
    if variables.is_empty() {
        return Ok(Loaded { config, origin, overrides: Vec::new() });
    }
    variables.sort();
    let mut table: toml::Table = toml::from_str(&text).map_err(|e| invalid(&origin, &e))?;
    let mut config = config;
    let mut overrides = Vec::new();
    for (name, value) in variables {
        set(&mut table, &name, &value)?;
        config = table
            .clone()
            .try_into()
            .map_err(|e: toml::de::Error| invalid(&format!("environment variable {name}"), &e))?;
        overrides.push(name);
    }
    Ok(Loaded { config, origin, overrides })
}

/// Sets `TICKPATH__A__B=value` as `a.b`; the value is read as TOML if it is some, else taken as text.
fn set(table: &mut toml::Table, name: &str, value: &str) -> Result<(), ConfigError> {
    let path: Vec<String> = name[ENVIRONMENT_PREFIX.len()..].split("__").map(str::to_lowercase).collect();
    let value = toml::from_str::<toml::Table>(&format!("value = {value}"))
        .ok()
        .and_then(|mut t| t.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let Some((key, sections)) = path.split_last() else { return Ok(()) };
    let mut at = table;
    for section in sections {
        let next = at.entry(section.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let toml::Value::Table(next) = next else {
            return Err(ConfigError::Invalid {
                origin: format!("environment variable {name}"),
                message: format!("`{section}` is a value, not a section"),
            });
        };
        at = next;
    }
    at.insert(key.clone(), value);
    Ok(())
}

fn invalid(origin: &str, error: &toml::de::Error) -> ConfigError {
    let mut message = error.to_string();
    if let Some(nearest) = nearest(error.message()) {
        message = format!("{}\nDid you mean `{nearest}`?", message.trim_end());
    }
    if error.message().contains("missing field") {
        message = format!("{}\n`tickpath init` writes a file with everything that must be given.", message.trim_end());
    }
    ConfigError::Invalid { origin: origin.to_owned(), message }
}

/// The known name nearest to the unknown one, out of serde's "unknown field `x`, expected one of `a`, `b`".
fn nearest(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if !message.contains("unknown field") && !message.contains("unknown variant") {
        return None;
    }
    let unknown = quoted.next()?;
    quoted
        .max_by(|a, b| strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b)))
        .map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn the_embedded_default_loads_and_is_shown_as_it_is_read() {
        let loaded = load(None, environment(&[])).unwrap();
        assert_eq!(loaded.config.host.mode, Mode::Paper);
        let text = toml::to_string(&loaded.config).unwrap();
        let again: Config = toml::from_str(&text).unwrap();
        assert_eq!(toml::to_string(&again).unwrap(), text);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.toml");
        std::fs::write(&path, EMBEDDED.replace("timer_interval_ms", "timer_intervall_ms")).unwrap();
        let text = load(Some(&path), environment(&[])).unwrap_err().to_string();
        assert!(
            text.contains("timer_intervall_ms")
                && text.contains("Did you mean `timer_interval_ms`?")
                && text.contains("line"),
            "{text}"
        );
        assert!(text.contains("t.toml"), "{text}");
    }

    #[test]
    fn the_environment_goes_over_the_file() {
        let loaded = load(
            None,
            environment(&[
                ("TICKPATH__HOST__NAME", "desk-7"),
                ("TICKPATH__TOPOLOGY__RING_SLOTS", "256"),
                ("PATH", "x"),
            ]),
        )
        .unwrap();
        assert_eq!(loaded.config.host.name, "desk-7");
        assert_eq!(loaded.config.topology.ring_slots, 256);
        assert_eq!(loaded.overrides.len(), 2);
        let text = load(None, environment(&[("TICKPATH__TOPOLOGY__RINGSLOTS", "256")])).unwrap_err().to_string();
        assert!(text.contains("TICKPATH__TOPOLOGY__RINGSLOTS") && text.contains("ring_slots"), "{text}");
        let text = load(None, environment(&[("TICKPATH__HOST__MODE", "life")])).unwrap_err().to_string();
        assert!(text.contains("off, observe, shadow, paper, live"), "{text}");
        assert_eq!(load(None, environment(&[("TICKPATH__HOST__MODE", "live")])).unwrap().config.host.mode, Mode::Live);
    }

    #[test]
    fn a_missing_file_says_what_to_do() {
        let text = load(Some(Path::new("no/such.toml")), environment(&[])).unwrap_err().to_string();
        assert!(text.contains("no/such.toml") && text.contains("tickpath init"), "{text}");
    }

    #[test]
    fn risk_limits_have_no_silent_default() {
        let text = toml::from_str::<Config>("").unwrap_err().to_string();
        assert!(text.contains("risk"), "{text}");
    }
}
