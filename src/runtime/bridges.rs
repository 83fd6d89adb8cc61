//! Edge: the bridges of a live host: which are on, each on a thread of its own, ended with the host.

use super::cores;
use crate::acp::names::Names;
use crate::bridge::config::RedisConfig;
use crate::bridge::redis::{connect, run};
use crate::bridge::status::{Standing, State, Status};
use crate::config::{Config, ConfigError};
use crate::control::secret;
use crate::types::time::UnixNanos;
use redis::Client;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// A bridge that is on, as others see it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `redis`, …
    pub name: &'static str,
    /// How it stands.
    pub status: Arc<Status>,
}

impl Seen {
    /// How it stands, and how many events and nanoseconds it is behind what the journal has.
    pub fn standing(&self, journaled: u64, now: UnixNanos) -> (Standing, u64, Option<i64>) {
        let standing = self.status.get();
        let behind = journaled.saturating_sub(standing.sequence);
        let lag = (behind > 0 && standing.event_at > 0).then(|| now.saturating_sub(standing.event_at));
        (standing, behind, lag)
    }
}

/// The bridges that are on. Dropping them ends them: what they had no time to write is written at the next start.
#[derive(Default)]
pub struct Bridges {
    seen: Vec<Seen>,
    threads: Vec<JoinHandle<()>>,
    end: Arc<AtomicBool>,
}

/// Why a bridge that was asked for cannot be.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address that makes no sense, or may not be used.
    #[error("{0}")]
    Address(String),
    /// LIVE, and the store is not fit for it.
    #[error("mode LIVE: {0}")]
    Unfit(String),
}

/// The bridges that will be on, checked before the first thread of the host begins.
pub struct Prepared {
    redis: Option<(Client, Names, RedisConfig)>,
}

impl Prepared {
    /// Those whose address the environment gives; says which are off. With `live` (real money) a store that is asked for must be
    /// there and be fit.
    ///
    /// # Errors
    /// [`BridgeError`].
    pub fn new(config: &Config, live: bool) -> Result<Self, BridgeError> {
        let url = secret::load(connect::URL_VARIABLE, |name| std::env::var_os(name))
            .map_err(|e| BridgeError::Address(e.to_string()))?;
        let Some(url) = url else {
            tracing::info!("bridge redis is off: {} is not set; events stay in the journal", connect::URL_VARIABLE);
            return Ok(Self { redis: None });
        };
        let redis = &config.redis;
        let client =
            connect::client(&url.secret, redis.plain_allowed).map_err(|e| BridgeError::Address(e.to_string()))?;
        let names = Names::new(&redis.prefix, &config.host.name)
            .ok_or_else(|| ConfigError::room("redis", "prefix and host name must be words"))?;
        if live {
            connect::fit_for_live(&client).map_err(|e| BridgeError::Unfit(e.to_string()))?;
        }
        Ok(Self { redis: Some((client, names, redis.clone())) })
    }

    /// Starts them over the journal in `journal`, up to what is `durable`.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(self, journal: &Path, durable: &Arc<AtomicU64>) -> std::io::Result<Bridges> {
        let mut bridges = Bridges::default();
        if let Some((client, names, config)) = self.redis {
            let status = Arc::new(Status::default());
            status.set(State::Connecting, "");
            bridges.seen.push(Seen { name: "redis", status: Arc::clone(&status) });
            let setup = run::Setup {
                journal: journal.to_path_buf(),
                names,
                config,
                client,
                durable: Arc::clone(durable),
                status,
                end: Arc::clone(&bridges.end),
                paused: Arc::default(),
            };
            bridges.threads.push(std::thread::Builder::new().name("bridge-redis".to_owned()).spawn(move || {
                cores::lower_this_thread();
                match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime.block_on(run::run(setup)),
                    Err(error) => {
                        setup.status.set(State::Ended, &format!("cannot start: {error}"));
                        tracing::error!("bridge redis cannot start: {error}");
                    }
                }
            })?);
        }
        Ok(bridges)
    }
}

impl Bridges {
    /// Those that are on.
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }
}

impl Drop for Bridges {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            // One that panicked has nothing left to write; the journal has it all.
            let _ = thread.join();
        }
    }
}
