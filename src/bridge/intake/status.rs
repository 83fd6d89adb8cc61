//! Edge: what the intake tells of itself.

use crate::control::plane::view::IntakeNow;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The standing, shared.
#[derive(Debug, Default)]
pub struct Status(Mutex<IntakeNow>);

impl Status {
    /// To change it.
    pub fn lock(&self) -> MutexGuard<'_, IntakeNow> {
        // Whole between any two statements, so a poisoned lock is good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As it is.
    pub fn get(&self) -> IntakeNow {
        self.lock().clone()
    }
}
