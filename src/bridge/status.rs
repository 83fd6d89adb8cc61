//! Edge: what a bridge tells of itself. Written by the bridge, read by whoever asks; one lock for microseconds.

use super::control::Control;
use crate::journal::Places;
use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

crate::code_enum! {
    /// What a bridge is at.
    pub enum State {
        /// It looks for its store.
        Connecting = 1, "connecting";
        /// It writes what lies behind it.
        CatchingUp = 2, "catching_up";
        /// It has all that may be mirrored.
        Current = 3, "current";
        /// Something is wrong that it cannot mend by itself: it waits, and looks again and again.
        Waiting = 4, "waiting";
        /// It has ended with the host.
        Ended = 5, "ended";
        /// A person paused it: the journal keeps what it does not write.
        Paused = 6, "paused";
    }
}

/// How a bridge stands.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Standing {
    /// Code of a [`State`], as its name.
    pub state: &'static str,
    /// The last sequence that the store has for sure; `None` until it was asked.
    pub sequence: Option<u64>,
    /// Where in the journal that is; `None` until it was asked.
    #[serde(skip)]
    pub places: Option<Places>,
    /// When the store last had all that may be mirrored.
    #[serde(skip)]
    pub current_at: Option<Instant>,
    /// Events written by this process.
    pub events: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Messages published.
    pub published: u64,
    /// Events that were written without their messages, since they were old.
    pub left_out: u64,
    /// Notices of the host that were not passed on, since there was no room for them to wait.
    pub notices_dropped: u64,
    /// Connections begun.
    pub connections: u64,
    /// Times that the store had less than it had confirmed (a failover to a stale replica, an eviction, a lost disk); what was
    /// missing was written again.
    pub regressions: u64,
    /// Events that the journal did not have any more when their turn came. Must be 0.
    pub lost: u64,
    /// Entries that consumers had pending when they were trimmed for want of room.
    pub trimmed_pending: u64,
    /// What is wrong, and what to do; empty if nothing is.
    pub trouble: String,
    /// What the store's settings put at risk; empty if nothing.
    pub warnings: Vec<String>,
    /// Whether the store may evict queues and streams, or does not say.
    pub evicts: bool,
    /// Consumer groups of the stream.
    pub groups: Vec<String>,
}

/// A bridge's standing, shared, and what people ask of it.
#[derive(Debug, Default)]
pub struct Status {
    standing: Mutex<Standing>,
    control: Control,
}

impl Status {
    /// To change it.
    pub fn lock(&self) -> MutexGuard<'_, Standing> {
        // Whole between any two statements, so a poisoned lock is good.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What people ask of it.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// As it is.
    pub fn get(&self) -> Standing {
        self.lock().clone()
    }

    /// Sets the state, and what is wrong; gives whether that is news.
    pub fn set(&self, state: State, trouble: &str) -> bool {
        let mut standing = self.lock();
        let news = standing.state != state.name() || standing.trouble != trouble;
        standing.state = state.name();
        if state == State::Current {
            standing.current_at = Some(Instant::now());
        }
        trouble.clone_into(&mut standing.trouble);
        news
    }
}
