//! Edge: `tickpath check`: the resolved configuration.

use super::Cli;
use super::exit::{Code, Failure};
use crate::runtime::{cores, host};

/// Arguments of `check`.
#[derive(Debug, Default, clap::Args)]
pub struct CheckArgs {}

/// Loads the configuration, builds the stages from it, and prints it as it is in force.
///
/// # Errors
/// A configuration that cannot be used (exit code 4).
pub fn main(cli: &Cli, _args: &CheckArgs) -> Result<Code, Failure> {
    let loaded = crate::config::load(cli.config.as_deref(), std::env::vars())?;
    host::stages(&loaded.config)?;
    let allowed = cores::allowed_cores();
    let placement =
        loaded.config.topology.placement(allowed.len()).map_err(|e| Failure::new(Code::Configuration, e))?;
    cores::check_cores(&loaded.config.topology.cores, &allowed).map_err(|e| Failure::new(Code::Configuration, e))?;
    let text = toml::to_string(&loaded.config).map_err(|e| Failure::new(Code::Error, e))?;
    if cli.json {
        let config = serde_json::to_value(&loaded.config).map_err(|e| Failure::new(Code::Error, e))?;
        println!(
            "{}",
            serde_json::json!({"ok": true, "origin": loaded.origin, "overrides": loaded.overrides, "placement": placement.to_string(), "config": config})
        );
    } else {
        println!("# from {}", loaded.origin);
        for name in &loaded.overrides {
            println!("# changed by the environment variable {name}");
        }
        println!("# placement in force on this machine ({} cores): {placement}\n", allowed.len());
        println!("{text}");
    }
    Ok(Code::Ok)
}
