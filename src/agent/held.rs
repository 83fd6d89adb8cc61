//! Edge: what goes on when nobody can watch the agents any more: whatever one of them moved is reduce-only, until the host starts
//! again.

use super::exposure::Exposure;
use super::reduce::{Reducer, Said};
use crate::control::plane::Host;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(200);

/// Binds what is [held](Exposure::hold) until the host ends: a command that found no room is given again.
pub fn keep(exposure: &Arc<Exposure>, host: &Arc<dyn Host>, end: &AtomicBool) {
    let mut reducer = Reducer::new(Arc::clone(exposure), Arc::clone(host));
    while !end.load(Ordering::Acquire) {
        // What ended the thread that watched may be met here again: the next look may do better.
        let look = AssertUnwindSafe(|| reducer.step(&BTreeMap::new(), host.now()));
        for Said { message, .. } in catch_unwind(look).unwrap_or_default() {
            tracing::error!("agents: {message}");
        }
        std::thread::sleep(EVERY);
    }
}
