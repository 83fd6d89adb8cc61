//! Edge: `tickpath check`: the resolved configuration.

use super::Cli;
use super::exit::{Code, Failure};
use crate::runtime::{cores, host, topology};

/// Arguments of `check`.
#[derive(Debug, Default, clap::Args)]
pub struct CheckArgs {}

/// Loads the configuration, builds the stages from it, and prints it as it is in force.
///
/// # Errors
/// A configuration that cannot be used (exit code 4).
pub fn main(cli: &Cli, _args: &CheckArgs) -> Result<Code, Failure> {
    let loaded = crate::config::load(cli.config.as_deref(), std::env::vars())?;
    host::validate(&loaded.config)?;
    let allowed = cores::allowed_cores();
    let placement =
        loaded.config.topology.placement(allowed.len()).map_err(|e| Failure::new(Code::Configuration, e))?;
    topology::checked_cores(&loaded.config.topology, &placement, &allowed)
        .map_err(|e| Failure::new(Code::Configuration, e))?;
    let text = toml::to_string(&loaded.config).map_err(|e| Failure::new(Code::Error, e))?;
    if cli.json {
        let config = serde_json::to_value(&loaded.config).map_err(|e| Failure::new(Code::Error, e))?;
        crate::say!(
            "{}",
            serde_json::json!({"ok": true, "origin": loaded.origin, "overrides": loaded.overrides, "placement": placement.to_string(), "config": config})
        );
    } else {
        crate::say!("# from {}", loaded.origin);
        for name in &loaded.overrides {
            crate::say!("# changed by the environment variable {name}");
        }
        crate::say!("# placement in force on this machine ({} cores): {placement}\n", allowed.len());
        crate::say!("{text}");
    }
    Ok(Code::Ok)
}
