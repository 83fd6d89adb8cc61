//! Edge: the bridges of a live host: which are on, each on a thread of its own, ended with the host.

use super::agents;
use super::edge_thread;
use super::intake;
use super::outside;
use super::recorder::View;
use super::sampling::StageSampler;
use super::sight::HostSight;
use crate::acp::names::Names;
use crate::agent::config::AgentsConfig;
use crate::bridge::config::{PostgresConfig, RedisConfig};
use crate::bridge::postgres::address::{self, Address};
use crate::bridge::redis::connect::Server;
use crate::bridge::redis::outgoing::Sources;
use crate::bridge::status::{Standing, State, Status};
use crate::bridge::{postgres, redis};
use crate::config::{Config, ConfigError};
use crate::control::notices::Notices;
use crate::control::secret::{self, Secret};
use crate::journal::{Places, bytes_between};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A bridge that is on, as others see it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `redis`, …
    pub name: &'static str,
    /// How it stands.
    pub status: Arc<Status>,
    /// The journal's folder.
    pub journal: PathBuf,
}

impl Seen {
    /// Bytes of the journal between what the store has and `end`; `None` until it was asked, or if that cannot be seen.
    pub fn lag_bytes(&self, standing: &Standing, end: &Places) -> Option<u64> {
        bytes_between(&self.journal, standing.places.as_ref()?, end).ok()
    }

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
    host: String,
    redis: Option<(Server, Names, RedisConfig)>,
    postgres: Option<(Address, PostgresConfig)>,
}

/// What a store's address is, if the environment gives one; says it if not.
fn address_of(bridge: &str, variable: &str) -> Result<Option<Secret>, BridgeError> {
    let url = secret::load(variable, |name| std::env::var_os(name)).map_err(|e| BridgeError::Address(e.to_string()))?;
    let Some(url) = url else {
        tracing::info!("bridge {bridge} is off: {variable} is not set; events stay in the journal");
        return Ok(None);
    };
    for warning in &url.warnings {
        tracing::warn!("{warning}");
    }
    Ok(Some(url.secret))
}

/// Runs `work` to its end on a runtime of this thread. A name that is still looked up then is not waited for.
fn block_on<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

impl Prepared {
    /// Those whose address the environment gives; says which are off. With `live` (real money) a store that is asked for must be
    /// there and be fit.
    ///
    /// # Errors
    /// [`BridgeError`].
    pub fn new(config: &Config, live: bool) -> Result<Self, BridgeError> {
        let redis = match address_of("redis", redis::connect::URL_VARIABLE)? {
            Some(url) => Some(Self::redis(config, &url, live)?),
            None => None,
        };
        let postgres = match address_of("postgres", address::URL_VARIABLE)? {
            Some(url) => Some(Self::postgres(config, &url, live)?),
            None => None,
        };
        Ok(Self { host: config.host.name.clone(), redis, postgres })
    }

    fn redis(config: &Config, url: &Secret, live: bool) -> Result<(Server, Names, RedisConfig), BridgeError> {
        let redis = &config.redis;
        let client = redis::connect::server(url, redis.plain_allowed, redis.cluster)
            .map_err(|e| BridgeError::Address(e.to_string()))?;
        let names = Names::new(&redis.prefix, &config.host.name)
            .and_then(|names| names.with_aism(&redis.aism_prefix))
            .ok_or_else(|| ConfigError::room("redis", "prefix and host name must be words"))?
            .in_cluster(redis.cluster);
        if live {
            redis::connect::fit_for_live(&client, &names.beside(&names.events(), "fit"))
                .map_err(|e| BridgeError::Unfit(e.to_string()))?;
        }
        Ok((client, names, redis.clone()))
    }

    fn postgres(config: &Config, url: &Secret, live: bool) -> Result<(Address, PostgresConfig), BridgeError> {
        let postgres = &config.postgres;
        let address = Address::parse(url, postgres.plain_allowed).map_err(|e| BridgeError::Address(e.to_string()))?;
        if live {
            let fit = block_on(postgres::rights::fit_for_live(&address));
            fit.map_err(|e| BridgeError::Unfit(e.to_string()))?.map_err(|e| BridgeError::Unfit(e.to_string()))?;
        }
        Ok((address, postgres.clone()))
    }

    /// What the agents' watch and the intake need, if there is a store for them.
    pub fn outside(&self, config: &Config) -> outside::Prepared {
        let Some((client, names, redis)) = &self.redis else { return outside::Prepared::default() };
        // Who may move positions must be missed when he falls silent, also one who was never heard.
        let mut watch = config.agents.watch.clone();
        watch.extend(config.intake.agents.iter().filter(|name| !config.agents.watch.contains(name)).cloned());
        let agents = config.agents.enabled.then(|| agents::Prepared {
            client: client.clone(),
            names: names.clone(),
            config: AgentsConfig { watch, ..config.agents.clone() },
            history: self.postgres.as_ref().map(|(address, _)| address.clone()),
        });
        let intake = config.intake.enabled.then(|| intake::Prepared {
            client: client.clone(),
            names: names.clone(),
            config: config.intake.clone(),
            audit_length: redis.audit_length,
            outcomes: self.postgres.as_ref().map(|(address, _)| address.clone()),
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
            // The bridge itself is seen, too: how far it is behind is one of the figures.
            let status = bridges.show("redis", given.journal);
            let sampler = StageSampler::new(given.journal, config.feature_interval_ms);
            let sight = HostSight::new(Arc::clone(given.view), given.journal, given.before, bridges.seen.clone());
            let sources = Sources {
                sight: Box::new(sight),
                sampler: Some(Box::new(sampler)),
                notices: Arc::clone(given.notices),
            };
            let (journal, durable, epoch) = (given.journal.to_path_buf(), Arc::clone(given.durable), given.epoch);
            bridges.spawn("redis", status, move |status, end| {
                let setup = redis::setup::Setup { journal, names, config, client, durable, epoch, status, end };
                redis::run::run(setup, sources)
            })?;
        }
        if let Some((address, config)) = self.postgres {
            let status = bridges.show("postgres", given.journal);
            let sampler = StageSampler::new(given.journal, config.feature_interval_ms);
            let sampler = Box::new(sampler.thorough(Arc::clone(&bridges.end)));
            let (journal, durable, epoch) = (given.journal.to_path_buf(), Arc::clone(given.durable), given.epoch);
            let (host, check_name) = (self.host, crate::risk::check_name as postgres::rows::CheckName);
            bridges.spawn("postgres", status, move |status, end| {
                let setup =
                    postgres::run::Setup { journal, host, config, address, durable, epoch, check_name, status, end };
                postgres::run::run(setup, Some(sampler))
            })?;
        }
        Ok(bridges)
    }
}

impl Bridges {
    /// A bridge that others see from now on.
    fn show(&mut self, name: &'static str, journal: &Path) -> Arc<Status> {
        let status = Arc::new(Status::default());
        status.set(State::Connecting, "");
        self.seen.push(Seen { name, status: Arc::clone(&status), journal: journal.to_path_buf() });
        status
    }

    /// Starts a bridge on a thread of its own: what `work` makes of its status and of the flag that says when the host has ended.
    fn spawn<F: Future<Output = ()>>(
        &mut self,
        name: &'static str,
        status: Arc<Status>,
        work: impl FnOnce(Arc<Status>, Arc<AtomicBool>) -> F + Send + 'static,
    ) -> std::io::Result<()> {
        let (end, told) = (Arc::clone(&self.end), Arc::clone(&status));
        self.threads.push(edge_thread::spawn(
            name,
            move || work(status, end),
            move |trouble| {
                tracing::error!("{trouble}; events stay in the journal");
                // Whoever shows it says whose it is.
                let trouble = trouble.strip_prefix(name).and_then(|text| text.strip_prefix(": ")).unwrap_or(&trouble);
                told.set(State::Waiting, trouble);
            },
        )?);
        Ok(())
    }

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
