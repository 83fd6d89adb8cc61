//! Edge: what the execution stage is told.

use serde::{Deserialize, Serialize};

/// Configuration of the execution stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Room for working orders of the host, 1..=65 536. At least risk's `max_open_orders`: an approved order that finds no
    /// room is denied here.
    pub orders_max: u32,
    /// How many finished orders are remembered, so that late and repeated reports are recognised, 1..=1 048 576.
    pub finished_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { orders_max: 1_024, finished_max: 4_096 }
    }
}

/// Why a configuration does not load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A number outside its range.
    #[error("`{name}` must be within {range}")]
    Range {
        /// The key.
        name: &'static str,
        /// What is allowed.
        range: &'static str,
    },
}
