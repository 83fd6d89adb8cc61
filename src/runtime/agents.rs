//! Edge: the agents' thread of a live host: presence, watch, budgets. Ended with the host.

use super::edge_thread;
use crate::acp::names::Names;
use crate::acp::time::iso;
use crate::agent::config::AgentsConfig;
use crate::agent::exposure::Exposure;
use crate::agent::held;
use crate::agent::ledger::Postgres;
use crate::agent::run;
use crate::agent::setup::Setup;
use crate::bridge::postgres::address::Address;
use crate::bridge::redis::connect::Server;
use crate::control::plane::Host;
use crate::control::plane::view::WatchNow;
use crate::types::time::UnixNanos;
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

/// Since when, and why, nobody is watched or can take back what he said: as it stands with what is bound for it.
pub fn since(now: UnixNanos) -> String {
    format!("{} (by a fault of ours: see the log)", iso(now))
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
            host: Arc::clone(&host),
            exposure: Arc::clone(&agents.exposure),
            now: Arc::clone(&agents.now),
            end: Arc::clone(&agents.end),
        };
        let (client, address, now) = (prepared.client, prepared.history, Arc::clone(&agents.now));
        let (exposure, end) = (Arc::clone(&agents.exposure), Arc::clone(&agents.end));
        let work = move || async move { run::run(setup, client, history(address.as_ref())).await };
        let thread = edge_thread::spawn("agents", work, move |trouble| {
            tracing::error!("{trouble}; no agent is watched, and this host's are not seen");
            {
                let mut now = now.lock().unwrap_or_else(PoisonError::into_inner);
                (now.hears, now.ended, now.trouble) = (false, true, trouble);
            }
            exposure.hold(&since(host.now()));
            held::keep(&exposure, &host, &end);
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
