//! Edge: assembly: stages from a configuration, and everything in one that can be checked without a disk or a core.

use super::group::Stages;
use crate::config::{Config, ConfigError};
use crate::journal::{config_name, short_hash};
use crate::venue::order_entry::HostTag;
use std::path::Path;

/// The stages of a configuration.
///
/// # Errors
/// A room that refuses its part.
pub fn stages(config: &Config) -> Result<Stages, ConfigError> {
    let max = config.topology.instruments_max;
    let feature =
        crate::feature::FeatureStage::new(&config.feature, max).map_err(|e| ConfigError::room("feature", e))?;
    let signal = crate::signal::SignalStage::new(&config.signal, feature.names(), max)
        .map_err(|e| ConfigError::room("signal", e))?;
    Ok(Stages {
        market: crate::market::MarketStage::new(&config.market, max).map_err(|e| ConfigError::room("market", e))?,
        feature,
        signal,
        risk: crate::risk::RiskStage::new(&config.risk, max).map_err(|e| ConfigError::room("risk", e))?,
        execution: crate::execution::ExecutionStage::new(&config.execution, max)
            .map_err(|e| ConfigError::room("execution", e))?,
    })
}

/// Checks everything in a configuration that can be checked without touching a disk or a core.
///
/// # Errors
/// What is wrong, with its section.
pub fn validate(config: &Config) -> Result<HostTag, ConfigError> {
    let host = HostTag::new(&config.host.name).ok_or_else(|| {
        ConfigError::room(
            "host",
            format!("name = `{}`: expected 1 to 10 letters, digits, `-` or `_`", config.host.name),
        )
    })?;
    let range = |section: &'static str, name: &str, value: u64, low: u64, high: u64| {
        if (low..=high).contains(&value) {
            Ok(())
        } else {
            Err(ConfigError::room(section, format!("{name} = {value}: expected {low} to {high}")))
        }
    };
    let topology = &config.topology;
    range("host", "timer_interval_ms", config.host.timer_interval_ms, 1, 60_000)?;
    range("host", "statement_interval_ms", config.host.statement_interval_ms, 10, 60_000)?;
    range("topology", "ring_slots", topology.ring_slots as u64, 64, 1 << 22)?;
    if !topology.ring_slots.is_power_of_two() {
        return Err(ConfigError::room(
            "topology",
            format!("ring_slots = {}: expected a power of two", topology.ring_slots),
        ));
    }
    range("topology", "watermark_percent", u64::from(topology.watermark_percent), 10, 95)?;
    range("topology", "instruments_max", topology.instruments_max as u64, 1, 100_000)?;
    if config.journal.retention_bytes_audit > 0 {
        return Err(ConfigError::room(
            "journal",
            "retention_bytes_audit must be 0: a restart takes positions and orders from the whole audit log",
        ));
    }
    config.journal.check().map_err(|e| ConfigError::room("journal", e))?;
    config.http.check().map_err(|e| ConfigError::room("http", e))?;
    config.redis.validate().map_err(|e| ConfigError::room("redis", e))?;
    config.intake.validate().map_err(|e| ConfigError::room("intake", e))?;
    config.agents.validate().map_err(|e| ConfigError::room("agents", e))?;
    if config.intake.enabled && !config.intake.agents.is_empty() {
        if !config.agents.enabled {
            let what =
                "agents that may move positions must be watched: set [agents] enabled = true, or leave the list empty";
            return Err(ConfigError::room("intake.agents", what));
        }
        if config.intake.agents.len() + config.agents.watch.len() > config.agents.agents_max {
            let what = "more agents than [agents] agents_max has room to watch";
            return Err(ConfigError::room("intake.agents", what));
        }
    }
    config.postgres.validate().map_err(|e| ConfigError::room("postgres", e))?;
    config.sim.validate().map_err(|e| ConfigError::room("sim", e))?;
    let generated = config.sim.generator.instruments.len();
    if generated > topology.instruments_max {
        return Err(ConfigError::room(
            "topology",
            format!(
                "instruments_max = {} is less than the {generated} generated instruments",
                topology.instruments_max
            ),
        ));
    }
    if config.execution.orders_max < config.risk.orders.orders_max {
        return Err(ConfigError::room(
            "execution",
            format!(
                "orders_max = {}: expected at least the {} of [risk.orders] orders_max, or an order that risk counts could have no room",
                config.execution.orders_max, config.risk.orders.orders_max
            ),
        ));
    }
    stages(config)?;
    Ok(host)
}

/// The text of the configuration that `epoch` of the journal in `dir` ran with; checked against `hash`, which is in the
/// journal.
///
/// # Errors
/// [`ConfigError`] if it is not there, cannot be read, or was changed since.
pub fn config_text_of(dir: &Path, epoch: u64, hash: &[u8; 16]) -> Result<String, ConfigError> {
    let path = dir.join(config_name(epoch));
    let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
    if short_hash(text.as_bytes()) != *hash {
        return Err(ConfigError::Invalid {
            origin: path.display().to_string(),
            message: "this is not the configuration that the journal was written with (its hash is in the journal); \
                      put the original back, or give another one with --config to see what it would have changed"
                .to_owned(),
        });
    }
    Ok(text)
}
