//! Edge: what the intake tells of itself.

use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How the intake stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Whether it listens now.
    pub listening: bool,
    /// Connections begun.
    pub connections: u64,
    /// Tasks whose outcome was told.
    pub tasks: u64,
    /// Commands that were answered.
    pub commands: u64,
    /// Signals that went into the sequence.
    pub signals: u64,
    /// Decisions that went into the sequence.
    pub decisions: u64,
    /// Tries that were put off.
    pub retries: u64,
    /// Messages that were refused or given up, with a dead letter each.
    pub dead: u64,
    /// Signals and decisions of senders that the configuration does not name.
    pub strangers: u64,
    /// What is wrong, and what to do; empty if nothing is.
    pub trouble: String,
}

/// The standing, shared.
#[derive(Debug, Default)]
pub struct Status(Mutex<Standing>);

impl Status {
    /// To change it.
    pub fn lock(&self) -> MutexGuard<'_, Standing> {
        // Whole between any two statements, so a poisoned lock is good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As it is.
    pub fn get(&self) -> Standing {
        self.lock().clone()
    }
}
