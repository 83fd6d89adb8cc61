//! Edge: the bridges of a live host: which are on, each on a thread of its own, ended with the host.

use super::agents;
use super::cores;
use super::intake;
use super::outside;
use super::recorder::View;
use super::sampling::StageSampler;
use super::sight::HostSight;
use crate::acp::names::Names;
use crate::bridge::config::RedisConfig;
use crate::bridge::redis::outgoing::Sources;
use crate::bridge::redis::{connect, run};
use crate::bridge::status::{Standing, State, Status};
use crate::config::{Config, ConfigError};
use crate::control::notices::Notices;
use crate::control::secret;
use redis::Client;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// How the names of the bridges' threads begin: a panic there ends a bridge, not the host.
pub const THREAD: &str = "bridge-";

/// A bridge that is on, as others see it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `redis`, …
    pub name: &'static str,
    /// How it stands.
    pub status: Arc<Status>,
}

impl Seen {
    /// How it stands, how many events it is behind what the journal has, and how many seconds ago it had all.
    pub fn standing(&self, journaled: u64) -> (Standing, Option<u64>, Option<f64>) {
        let standing = self.status.get();
        let behind = standing.sequence.map(|sequence| journaled.saturating_sub(sequence));
        let lag = standing.current_at.map(|at| if behind == Some(0) { 0.0 } else { at.elapsed().as_secs_f64() });
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

/// What the host gives its bridges.
pub struct Given<'a> {
    /// The journal's folder.
    pub journal: &'a Path,
    /// The number of this start.
    pub epoch: u64,
    /// The last event of the starts before.
    pub before: u64,
    /// Up to which event they may tell.
    pub durable: &'a Arc<AtomicU64>,
    /// What the recorder shows.
    pub view: &'a Arc<Mutex<View>>,
    /// What the host says of itself.
    pub notices: &'a Arc<Notices>,
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
        for warning in &url.warnings {
            tracing::warn!("{warning}");
        }
        let redis = &config.redis;
        let client =
            connect::client(&url.secret, redis.plain_allowed).map_err(|e| BridgeError::Address(e.to_string()))?;
        let names = Names::new(&redis.prefix, &config.host.name)
            .and_then(|names| names.with_aism(&redis.aism_prefix))
            .ok_or_else(|| ConfigError::room("redis", "prefix and host name must be words"))?;
        if live {
            connect::fit_for_live(&client).map_err(|e| BridgeError::Unfit(e.to_string()))?;
        }
        Ok(Self { redis: Some((client, names, redis.clone())) })
    }

    /// What the agents' watch and the intake need, if there is a store for them.
    pub fn outside(&self, config: &Config) -> outside::Prepared {
        let Some((client, names, redis)) = &self.redis else { return outside::Prepared::default() };
        let agents = config.agents.enabled.then(|| agents::Prepared {
            client: client.clone(),
            names: names.clone(),
            config: config.agents.clone(),
        });
        let intake = config.intake.enabled.then(|| intake::Prepared {
            client: client.clone(),
            names: names.clone(),
            config: config.intake.clone(),
            audit_length: redis.audit_length,
        });
        outside::Prepared { agents, intake }
    }

    /// Starts them.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(self, given: &Given<'_>) -> std::io::Result<Bridges> {
        let mut bridges = Bridges::default();
        if let Some((client, names, config)) = self.redis {
            let status = Arc::new(Status::default());
            status.set(State::Connecting, "");
            bridges.seen.push(Seen { name: "redis", status: Arc::clone(&status) });
            let sampler = StageSampler::new(given.journal, config.feature_interval_ms);
            let sight = HostSight::new(Arc::clone(given.view), given.journal, given.before, bridges.seen.clone());
            let sources = Sources {
                sight: Box::new(sight),
                sampler: Some(Box::new(sampler)),
                notices: Arc::clone(given.notices),
            };
            let setup = run::Setup {
                journal: given.journal.to_path_buf(),
                names,
                config,
                client,
                durable: Arc::clone(given.durable),
                epoch: given.epoch,
                status: Arc::clone(&status),
                end: Arc::clone(&bridges.end),
            };
            bridges.threads.push(std::thread::Builder::new().name(format!("{THREAD}redis")).spawn(move || {
                cores::lower_this_thread();
                let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                    runtime.block_on(run::run(setup, sources));
                    // A name that is still looked up is not waited for.
                    runtime.shutdown_background();
                    Ok::<_, std::io::Error>(())
                }));
                let trouble = match ran {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => format!("the bridge cannot start: {error}"),
                    Err(_) => "the bridge panicked, which is a fault of ours: please report it".to_owned(),
                };
                tracing::error!("redis: {trouble}; events stay in the journal");
                status.set(State::Waiting, &trouble);
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
