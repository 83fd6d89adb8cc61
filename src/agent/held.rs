//! Edge: what goes on when nobody can watch the agents any more: whatever one of them moved is reduce-only, until the host starts
//! again.

use super::exposure::Exposure;
use super::reduce::{Reducer, Said};
use crate::control::plane::Host;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(200);

/// Binds what is [held](Exposure::hold) until the host ends: a command that found no room is given again.
pub fn keep(exposure: &Arc<Exposure>, host: &Arc<dyn Host>, end: &AtomicBool) {
    let mut reducer = Reducer::new(Arc::clone(exposure), Arc::clone(host));
    while !end.load(Ordering::Acquire) {
        for Said { message, .. } in reducer.step(&BTreeMap::new(), host.now()) {
            tracing::error!("agents: {message}");
        }
        std::thread::sleep(EVERY);
    }
}
