//! Edge: the agents' thread of a live host: presence, watch, budgets. Ended with the host.

use super::bridges::THREAD;
use super::cores;
use crate::acp::names::Names;
use crate::agent::config::AgentsConfig;
use crate::agent::exposure::Exposure;
use crate::agent::ledger::Postgres;
use crate::agent::run::{self, Setup};
use crate::bridge::postgres::address::Address;
use crate::bridge::redis::connect::Server;
use crate::control::plane::Host;
use crate::control::plane::view::WatchNow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What is checked before the first thread of the host begins.
pub struct Prepared {
    /// To the server.
    pub client: Server,
    /// Keys and the host's name.
    pub names: Names,
    /// Whom to watch, …
    pub config: AgentsConfig,
    /// The database of their history, if there is one.
    pub history: Option<Address>,
}

/// The agents at work. Dropping it ends them, with their last words.
#[derive(Default)]
pub struct Agents {
    thread: Option<JoinHandle<()>>,
    end: Arc<AtomicBool>,
    now: Arc<Mutex<WatchNow>>,
    exposure: Arc<Exposure>,
}

/// Where heartbeats are kept, if somewhere. What cannot be is told: it is only history.
fn history(address: Option<&Address>) -> Option<Postgres> {
    let made = Postgres::new(address?);
    made.map_err(|trouble| tracing::warn!("agents: heartbeats are not kept: {trouble}")).ok()
}

impl Agents {
    /// Starts them beside `host`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(prepared: Prepared, host: Arc<dyn Host>) -> std::io::Result<Self> {
        let mut agents = Self::default();
        let setup = Setup {
            names: prepared.names,
            config: prepared.config,
            host,
            exposure: Arc::clone(&agents.exposure),
            now: Arc::clone(&agents.now),
            end: Arc::clone(&agents.end),
        };
        let (client, address, now) = (prepared.client, prepared.history, Arc::clone(&agents.now));
        // By this name a panic ends the thread, not the host.
        let thread = std::thread::Builder::new().name(format!("{THREAD}agents")).spawn(move || {
            cores::lower_this_thread();
            let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(run::run(setup, client, history(address.as_ref())));
                // A name that is still looked up is not waited for.
                runtime.shutdown_background();
                Ok::<_, std::io::Error>(())
            }));
            let trouble = match ran {
                Ok(Ok(())) => return,
                Ok(Err(error)) => format!("the agents cannot start: {error}"),
                Err(_) => "the agents' thread panicked, which is a fault of ours: please report it".to_owned(),
            };
            tracing::error!("{trouble}; no agent is watched, and this host's are not seen");
            let mut now = now.lock().unwrap_or_else(PoisonError::into_inner);
            (now.hears, now.trouble) = (false, trouble);
        })?;
        agents.thread = Some(thread);
        Ok(agents)
    }

    /// What they show.
    pub fn now(&self) -> &Arc<Mutex<WatchNow>> {
        &self.now
    }

    /// Which instruments agents moved: to be noted where their signals are taken in.
    pub fn exposure(&self) -> &Arc<Exposure> {
        &self.exposure
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic was told when it happened.
            let _ = thread.join();
        }
    }
}
