//! Edge: what stands around a live host: its overseer and the control plane, begun and ended together.

use super::bridges::Seen;
use super::cores;
use super::overseer::{Overseer, OverseerSetup};
use crate::bridge::intake::status::Status as IntakeStatus;
use crate::config::{Config, ConfigError};
use crate::control::http::auth::Tokens;
use crate::control::http::{self, Plane, PlaneError};
use crate::control::mode::{self, Mode};
use crate::control::plane::Host;
use crate::control::plane::view::WatchNow;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Overseer and plane of a running host. Dropping it ends them.
pub struct Attended {
    overseer: Arc<Overseer>,
    thread: Option<JoinHandle<()>>,
    plane: Option<Plane>,
}

/// The configuration with the mode in force: `AGENT_MODE` goes over the configured one.
///
/// # Errors
/// `AGENT_MODE` names no mode.
pub fn with_mode_in_force(config: &Config) -> Result<Config, ConfigError> {
    let variable = std::env::var(mode::VARIABLE).ok();
    let mode = Mode::resolve(variable.as_deref(), Some(config.host.mode)).map_err(|e| ConfigError::room("host", e))?;
    let mut config = config.clone();
    config.host.mode = mode;
    Ok(config)
}

impl Attended {
    /// Begins to look after the host, and opens the control plane if there is to be one. A port that somebody else has is
    /// no reason not to trade on paper: then a free one is taken, and said, unless `[http] required` forbids it.
    ///
    /// # Errors
    /// In words, what cannot be started.
    pub fn begin(setup: OverseerSetup, plane: Option<&http::Config>) -> Result<Self, String> {
        let live = setup.mode == Mode::Live;
        let overseer = Overseer::new(setup).map_err(|e| format!("cannot watch over the host: {e}"))?;
        let thread = overseer.run().map_err(|e| format!("cannot start thread `overseer`: {e}"))?;
        let mut attended = Self { overseer, thread: Some(thread), plane: None };
        if let Some(config) = plane.filter(|config| config.enabled) {
            // In LIVE whoever stops it must find it where it is looked for, and get in.
            let config = http::Config { required: config.required || live, ..config.clone() };
            attended.plane = Some(attended.open(&config, live)?);
        }
        Ok(attended)
    }

    fn open(&self, config: &http::Config, live: bool) -> Result<Plane, String> {
        let tokens = || Tokens::from_environment(|name| std::env::var(name).ok()).map_err(|e| e.to_string());
        if live && tokens()?.is_empty() {
            return Err("mode LIVE needs an admin token, without which nobody can stop it over the control plane; set TICKPATH_ADMIN_TOKEN_FILE".to_owned());
        }
        match http::start(config.clone(), tokens()?, self.host(), cores::lower_this_thread) {
            Err(PlaneError::PortTaken(address)) if !config.required && address.port() != 0 => {
                tracing::warn!("{}; a free port is taken instead", PlaneError::PortTaken(address));
                let free = http::Config { bind: SocketAddr::new(address.ip(), 0), ..config.clone() };
                http::start(free, tokens()?, self.host(), cores::lower_this_thread).map_err(|e| e.to_string())
            }
            other => other.map_err(|e| e.to_string()),
        }
    }

    /// The bridges that are on, for whoever asks how they stand.
    pub fn show_bridges(&self, bridges: &[Seen]) {
        self.overseer.show_bridges(bridges);
    }

    /// What the agents' supervisor shows, for whoever asks.
    pub fn show_agents(&self, agents: Arc<Mutex<WatchNow>>) {
        self.overseer.show_agents(agents);
    }

    /// The running host, for whoever may ask something of it.
    pub fn host(&self) -> Arc<dyn Host> {
        Arc::clone(&self.overseer) as Arc<dyn Host>
    }

    /// How the intake stands, from now on.
    pub fn show_intake(&self, intake: &Arc<IntakeStatus>) {
        self.overseer.show_intake(intake);
    }

    /// Where the control plane listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.plane.as_ref().map(Plane::address)
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        if let Some(plane) = self.plane.take() {
            plane.stop();
        }
        self.overseer.end();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of that thread was told when it happened.
            drop(thread.join());
        }
    }
}
