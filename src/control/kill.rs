//! Edge: the kill switch around the gate's latches: who set it, when and why, and how a person releases it.
//!
//! The latch comes first and needs nothing; what is written down here comes after it. Nothing releases by itself: only
//! [`KillSwitch::release`] does, with a name, a reason, and the number of the kill that the person saw.

use super::gate::{Gate, KillScope};
use crate::event::operator::Scope;
use crate::types::ids::InstrumentId;
use crate::types::instrument::VenueKind;
use crate::types::time::UnixNanos;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The signal that kills the host: `kill -USR2 <pid>`. Its handler stores one atomic, which the gate asks directly.
pub const SIGNAL: i32 = signal_hook::consts::SIGUSR2;

/// Acts that are kept.
pub const HISTORY: usize = 256;

/// Names and reasons are cut to this many bytes.
const TEXT_BYTES: usize = 256;

impl KillScope {
    /// The scope of an operator's command. What names nothing that is known is the whole host: a kill may not miss.
    pub fn of(scope: Option<Scope>, scope_id: u32, instrument: InstrumentId) -> Self {
        match scope {
            Some(Scope::Venue) => {
                u8::try_from(scope_id).ok().and_then(VenueKind::from_code).map_or(Self::Host, Self::Venue)
            }
            Some(Scope::Instrument) if instrument.is_some() => Self::Instrument(instrument),
            Some(Scope::Strategy) => Self::Strategy(scope_id),
            Some(Scope::Host | Scope::Instrument) | None => Self::Host,
        }
    }
}

impl Serialize for KillScope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A person's or a program's act on the switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Act {
    /// What it is about.
    pub scope: KillScope,
    /// `true`: kill; `false`: release.
    pub kill: bool,
    /// Number of the kill in its scope, from 1; of a release: of the kill that it releases.
    pub number: u32,
    /// Who.
    pub who: String,
    /// Why.
    pub reason: String,
    /// When, by the wall clock.
    pub at: UnixNanos,
}

/// Why a release is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// Nobody's act, or no reason given.
    #[error("releasing the kill switch of {0} needs the name of a person and a reason")]
    Nameless(KillScope),
    /// It is not killed.
    #[error("{0} is not killed: there is nothing to release")]
    NotKilled(KillScope),
    /// A kill that the person has not seen.
    #[error("the kill of {scope} is number {last}, not {seen}: look at it (GET /state), then release that one")]
    Newer {
        /// Of what.
        scope: KillScope,
        /// The number that was given.
        seen: u32,
        /// The number of the last one.
        last: u32,
    },
}

#[derive(Debug, Default)]
struct Ledger {
    /// The last kill of each scope that is killed.
    standing: BTreeMap<KillScope, Act>,
    history: VecDeque<Act>,
}

impl Ledger {
    fn keep(&mut self, act: Act) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(act);
    }
}

/// The kill switch.
#[derive(Debug)]
pub struct KillSwitch {
    gate: Arc<Gate>,
    ledger: Mutex<Ledger>,
}

fn cut(text: &str) -> String {
    let text = text.trim();
    text[..text.floor_char_boundary(TEXT_BYTES)].to_owned()
}

impl KillSwitch {
    /// The switch of `gate`, with nothing killed.
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate, ledger: Mutex::default() }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A panic elsewhere must not make the switch unusable; the ledger is whole between any two statements.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills `scope`: when this returns, the gate is closed for it. The gate first, the record behind.
    pub fn kill(&self, scope: KillScope, who: &str, reason: &str, at: UnixNanos) -> Act {
        let (scope, number) = self.gate.kill_scope(scope);
        let mut ledger = self.ledger();
        Self::record(&mut ledger, scope, number, who, reason, at)
    }

    fn record(ledger: &mut Ledger, scope: KillScope, number: u32, who: &str, reason: &str, at: UnixNanos) -> Act {
        let act = Act { scope, kill: true, number, who: cut(who), reason: cut(reason), at };
        // Two kills at once may come here in the other order.
        if ledger.standing.get(&scope).is_none_or(|standing| standing.number < number) {
            ledger.standing.insert(scope, act.clone());
        }
        ledger.keep(act.clone());
        act
    }

    /// Makes [`SIGNAL`] close the gate, from the very moment of its handler.
    ///
    /// # Errors
    /// The system refuses the handler.
    pub fn listen(&self) -> std::io::Result<signal_hook::SigId> {
        signal_hook::flag::register(SIGNAL, Arc::clone(self.gate.signal_flag()))
    }

    /// Turns a signal that came in into a latched and recorded kill. To be called again and again; the gate is closed
    /// already, and stays so throughout.
    pub fn absorb_signal(&self, at: UnixNanos) -> Option<Act> {
        let flag = self.gate.signal_flag();
        if !flag.load(Ordering::Acquire) {
            return None;
        }
        // Under the lock, so that no release comes between; first latched and then lowered, so that no order does.
        let mut ledger = self.ledger();
        if !flag.load(Ordering::Acquire) {
            return None;
        }
        let (scope, number) = self.gate.kill_scope(KillScope::Host);
        flag.store(false, Ordering::Release);
        Some(Self::record(&mut ledger, scope, number, "signal", "SIGUSR2", at))
    }

    /// Releases the kill of `scope` that has number `seen`, which is what the person saw in `/state`.
    ///
    /// # Errors
    /// [`ReleaseError`]: the gate stays as it is.
    pub fn release(
        &self,
        scope: KillScope,
        seen: u32,
        who: &str,
        reason: &str,
        at: UnixNanos,
    ) -> Result<Act, ReleaseError> {
        let (who, reason) = (cut(who), cut(reason));
        if who.is_empty() || reason.is_empty() {
            return Err(ReleaseError::Nameless(scope));
        }
        let mut ledger = self.ledger();
        let Some(standing) = ledger.standing.get(&scope) else { return Err(ReleaseError::NotKilled(scope)) };
        if standing.number != seen {
            return Err(ReleaseError::Newer { scope, seen, last: standing.number });
        }
        // The latch decides: it knows of a kill whose record is still on its way here.
        self.gate.release(scope, seen).map_err(|last| ReleaseError::Newer { scope, seen, last })?;
        ledger.standing.remove(&scope);
        let act = Act { scope, kill: false, number: seen, who, reason, at };
        ledger.keep(act.clone());
        Ok(act)
    }

    /// The last kill of each scope that is killed now, for `/state`.
    pub fn standing(&self) -> Vec<Act> {
        self.ledger().standing.values().cloned().collect()
    }

    /// The last acts, the oldest first; [`HISTORY`] at most.
    pub fn history(&self) -> Vec<Act> {
        self.ledger().history.iter().cloned().collect()
    }
}

#[cfg(test)]
#[path = "kill_tests.rs"]
mod tests;
