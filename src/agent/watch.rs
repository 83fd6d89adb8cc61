//! Edge: who is down and who is back: a pure state machine. Time comes with the call, by one steady clock.
//!
//! Silence counts only while one could hear: from the last sign of life, from when the agent became known, or from when the
//! hearing began, whichever is latest. So an outage of the store is never taken for the death of all agents.

use crate::acp::heartbeat::STOPPED;
use crate::types::time::{Nanos, SECONDS};
use std::collections::BTreeMap;

/// An agent whose clock is off by more is told, once.
pub const CLOCK_OFF: Nanos = 3_600 * SECONDS;

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing was heard for too long.
    Down {
        /// Whom.
        agent: String,
        /// Whether it ever gave a sign of life, to us or before.
        heard: bool,
        /// For how long, ns.
        silent: Nanos,
        /// It said itself that it stops, and nobody wants it to be there.
        orderly: bool,
    },
    /// It is heard again.
    Back {
        /// Whom.
        agent: String,
    },
    /// It was down, never heard, and is nowhere registered any more.
    Forgotten {
        /// Whom.
        agent: String,
    },
    /// Its clock and ours differ.
    ClockOff {
        /// Whose.
        agent: String,
        /// By how much: above 0 it is ahead of us, ns.
        by: Nanos,
    },
    /// There is no room to watch one more.
    Full {
        /// Whom not.
        agent: String,
    },
}

#[derive(Clone, Debug)]
struct Known {
    /// Somebody wants it to be there.
    wanted: bool,
    /// It was heard.
    heard: bool,
    /// It has left a sign of life that is older than our looking there.
    lived: bool,
    /// From when silence counts.
    since: Nanos,
    down: bool,
    /// Its last word was that it stops.
    stopped: bool,
    clock_told: bool,
}

/// The watch.
#[derive(Clone, Debug)]
pub struct Watch {
    down_after: Nanos,
    agents_max: usize,
    agents: BTreeMap<String, Known>,
    /// Since when one can hear; `None` = one cannot.
    hearing: Option<Nanos>,
    full_told: bool,
    refused: u64,
}

impl Watch {
    /// Over nobody yet. Silence of `down_after` is down; at most `agents_max` agents.
    pub fn new(down_after: Nanos, agents_max: usize) -> Self {
        Self { down_after, agents_max, agents: BTreeMap::new(), hearing: None, full_told: false, refused: 0 }
    }

    /// From `at` on one can hear. Silence before does not count.
    pub fn connected(&mut self, at: Nanos) {
        self.hearing = Some(at);
        for known in self.agents.values_mut() {
            known.since = known.since.max(at);
        }
    }

    /// One cannot hear any more.
    pub fn disconnected(&mut self) {
        self.hearing = None;
    }

    /// Whether one can hear.
    pub fn is_hearing(&self) -> bool {
        self.hearing.is_some()
    }

    /// An agent that is registered, `wanted` by people or only found. Silence counts from `at` if it was not known.
    pub fn registered(&mut self, agent: &str, wanted: bool, at: Nanos) -> Option<Told> {
        if let Some(known) = self.agents.get_mut(agent) {
            known.wanted |= wanted;
            return None;
        }
        if self.agents.len() >= self.agents_max {
            self.refused += 1;
            return (!std::mem::replace(&mut self.full_told, true)).then(|| Told::Full { agent: agent.to_owned() });
        }
        let known =
            Known { wanted, heard: false, lived: false, since: at, down: false, stopped: false, clock_told: false };
        self.agents.insert(agent.to_owned(), known);
        None
    }

    /// An agent that was told to be down before this start.
    pub fn was_down(&mut self, agent: &str, at: Nanos) {
        // If there is no room it is told again when there is.
        let _ = self.registered(agent, false, at);
        if let Some(known) = self.agents.get_mut(agent) {
            known.down = true;
        }
    }

    /// An agent has left a sign of life somewhere, nobody knows how old: it is no stranger, and no life either.
    pub fn lived(&mut self, agent: &str) {
        if let Some(known) = self.agents.get_mut(agent) {
            known.lived = true;
        }
    }

    /// A sign of life, heard `at`. `ahead` is by how much the agent's own time was ahead of ours, if it gave one.
    pub fn heard(&mut self, agent: &str, status: &str, ahead: Option<Nanos>, at: Nanos) -> Vec<Told> {
        let mut told: Vec<Told> = self.registered(agent, false, at).into_iter().collect();
        let Some(known) = self.agents.get_mut(agent) else { return told };
        known.since = known.since.max(at);
        known.heard = true;
        known.stopped = status == STOPPED;
        // Its last word is no sign of life behind it.
        if known.down && !known.stopped {
            known.down = false;
            told.push(Told::Back { agent: agent.to_owned() });
        }
        if let Some(by) = ahead {
            let off = by.unsigned_abs() > CLOCK_OFF.unsigned_abs();
            if off && !known.clock_told {
                told.push(Told::ClockOff { agent: agent.to_owned(), by });
            }
            known.clock_told = off;
        }
        told
    }

    /// An agent is not registered anywhere any more: it is forgotten if nobody ever heard it and nobody wants it.
    pub fn unregistered(&mut self, agent: &str) -> Option<Told> {
        let known = self.agents.get(agent)?;
        if known.wanted || known.heard || !known.down {
            return None;
        }
        self.agents.remove(agent);
        self.full_told = false;
        Some(Told::Forgotten { agent: agent.to_owned() })
    }

    /// All that was said before `at` has been heard: who is down by now.
    pub fn tick(&mut self, at: Nanos) -> Vec<Told> {
        if self.hearing.is_none() {
            return Vec::new();
        }
        let mut told = Vec::new();
        for (agent, known) in self.agents.iter_mut().filter(|(_, known)| !known.down) {
            let silent = at.saturating_sub(known.since);
            if silent >= self.down_after {
                known.down = true;
                let orderly = known.stopped && !known.wanted;
                let heard = known.heard || known.lived;
                told.push(Told::Down { agent: agent.clone(), heard, silent, orderly });
            }
        }
        told
    }

    /// Those that are watched.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        self.agents.keys().map(String::as_str)
    }

    /// Those that are down.
    pub fn down(&self) -> impl Iterator<Item = &str> {
        self.agents.iter().filter(|(_, known)| known.down).map(|(agent, _)| agent.as_str())
    }

    /// How many times there was no room for one more.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
