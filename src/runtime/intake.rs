//! Edge: the intake of a live host: what outside agents send over Redis, on a thread of its own, ended with the host.

use super::bridges::{BridgeError, THREAD};
use super::cores;
use crate::acp::names::Names;
use crate::bridge::intake::config::IntakeConfig;
use crate::bridge::intake::desk::Desk;
use crate::bridge::intake::keys::Keys;
use crate::bridge::intake::run;
use crate::bridge::intake::status::Status;
use crate::bridge::redis::connect;
use crate::config::{Config, ConfigError};
use crate::control::plane::Host;
use crate::control::secret;
use redis::Client;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// The intake that will be on, checked before the first thread of the host begins.
pub struct Prepared {
    client: Client,
    names: Names,
    config: IntakeConfig,
    audit_length: u64,
}

impl Prepared {
    /// The intake, if the environment gives Redis' address and the configuration does not switch it off.
    ///
    /// # Errors
    /// [`BridgeError`].
    pub fn new(config: &Config) -> Result<Option<Self>, BridgeError> {
        let url = secret::load(connect::URL_VARIABLE, |name| std::env::var_os(name))
            .map_err(|e| BridgeError::Address(e.to_string()))?;
        let Some(url) = url.filter(|_| config.intake.enabled) else { return Ok(None) };
        let client = connect::client(&url.secret, config.redis.plain_allowed)
            .map_err(|e| BridgeError::Address(e.to_string()))?;
        let names = Names::new(&config.redis.prefix, &config.host.name)
            .and_then(|names| names.with_aism(&config.redis.aism_prefix))
            .ok_or_else(|| ConfigError::room("redis", "prefix and host name must be words"))?;
        Ok(Some(Self { client, names, config: config.intake.clone(), audit_length: config.redis.audit_length }))
    }

    /// Starts it for `host`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(self, host: Arc<dyn Host>) -> std::io::Result<Intake> {
        let (status, end) = (Arc::new(Status::default()), Arc::new(AtomicBool::new(false)));
        let keys = Keys::new(&self.names, &self.config);
        let desk = Desk::new(host, self.config, keys);
        let setup = run::Setup {
            client: self.client,
            desk,
            status: Arc::clone(&status),
            audit_length: self.audit_length,
            keeps_outcomes: false,
            end: Arc::clone(&end),
        };
        let told = Arc::clone(&status);
        let thread = std::thread::Builder::new().name(format!("{THREAD}intake")).spawn(move || {
            cores::lower_this_thread();
            let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(run::run(setup));
                // A name that is still looked up is not waited for.
                runtime.shutdown_background();
                Ok::<_, std::io::Error>(())
            }));
            let trouble = match ran {
                Ok(Ok(())) => return,
                Ok(Err(error)) => format!("the intake cannot start: {error}"),
                Err(_) => "the intake panicked, which is a fault of ours: please report it".to_owned(),
            };
            tracing::error!("{trouble}; nothing comes in over Redis");
            let mut standing = told.lock();
            (standing.listening, standing.trouble) = (false, trouble);
        })?;
        Ok(Intake { status, end, thread: Some(thread) })
    }
}

/// An intake at work. Dropping it ends it: what it took and could not finish is finished by the next start.
pub struct Intake {
    status: Arc<Status>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Intake {
    /// How it stands.
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // One that panicked has told it.
            let _ = thread.join();
        }
    }
}
