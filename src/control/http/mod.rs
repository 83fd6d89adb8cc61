//! Edge: the control plane over HTTP: probes, state, metrics for everybody on this machine; commands for those with a token.
//!
//! ```text
//! accept (bounded) ─► head (time-out, size) ─► rate ─► route ─► token, operator (everything but GET and HEAD)
//!     ─► body (64 KiB, time-out, strict JSON) ─► Host::command ─► wait shortly for the journal ─► answer
//! ```
//!
//! One thread with a runtime of its own. It holds no part of the host: it asks `control::plane::Host`, so a plane that is
//! slow, flooded or dead changes nothing for the stages. Absences: no route changes anything by GET; no method but GET and
//! HEAD reaches a handler without a token; no answer shows a token; no body, head, connection or rate is unbounded.
//!
//! **To add a route**: a handler with its `utoipa::path` in `read`, `write` or `bridges`, and its line in `routes`.

pub mod auth;
mod bridges;
pub mod config;
pub mod error;
mod guard;
mod intake;
mod openapi;
mod read;
mod routes;
mod server;
pub mod wire;
pub mod word;
mod write;

pub use config::Config;
pub use server::{Plane, PlaneError, start};

use crate::control::plane::Host;
use crate::control::plane::ledger::Ledger;
use auth::Tokens;
use guard::Traffic;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all requests share.
struct Shared {
    host: Arc<dyn Host>,
    config: Config,
    tokens: Tokens,
    ledger: Mutex<Ledger>,
    traffic: Traffic,
    document: String,
}

impl Shared {
    /// The ledger. Nothing panics while it is held, and what it holds is whole after every step, so a poisoned one is good.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
