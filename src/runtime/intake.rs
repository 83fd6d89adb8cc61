//! Edge: the intake of a live host: what outside agents send over Redis, on a thread of its own, ended with the host.

use super::edge_thread;
use crate::acp::names::Names;
use crate::bridge::intake::config::IntakeConfig;
use crate::bridge::intake::desk::{Desk, Noted};
use crate::bridge::intake::keys::Keys;
use crate::bridge::intake::run;
use crate::bridge::intake::status::Status;
use crate::bridge::postgres::address::Address;
use crate::bridge::redis::connect::Server;
use crate::control::plane::Host;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// The intake that will be on.
pub struct Prepared {
    /// To the server.
    pub client: Server,
    /// Keys and the host's name.
    pub names: Names,
    /// Of whom what is taken.
    pub config: IntakeConfig,
    /// Entries of the audit stream that are kept.
    pub audit_length: u64,
    /// The database where outcomes of tasks are kept, if there is one.
    pub outcomes: Option<Address>,
}

impl Prepared {
    /// Starts it for `host`; `noted` remembers who moved which instrument, or says that there is no room; `lost` is called if
    /// it ends by a fault: what agents said can be taken back by nobody then.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        self,
        host: Arc<dyn Host>,
        noted: Noted,
        lost: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Intake> {
        let (status, end) = (Arc::new(Status::default()), Arc::new(AtomicBool::new(false)));
        let keys = Keys::new(&self.names, &self.config);
        let desk = Desk::new(host, self.config, keys, noted);
        let setup = run::Setup {
            client: self.client,
            desk,
            status: Arc::clone(&status),
            audit_length: self.audit_length,
            outcomes: self.outcomes,
            end: Arc::clone(&end),
        };
        let told = Arc::clone(&status);
        let work = move || async move { run::run(setup).await };
        let thread = edge_thread::spawn("intake", work, move |trouble| {
            tracing::error!("{trouble}; nothing comes in over Redis");
            {
                let mut standing = told.lock();
                (standing.listening, standing.ended, standing.trouble) = (false, true, trouble);
            }
            lost();
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
