//! Edge: when which heartbeat of the host's own agents is due, and what it says. Pure: time and what the host says of its
//! agents come with the call.
//!
//! An agent that does not turn sends nothing, so that whoever watches finds it silent; only why is said, once. It is the host
//! that says whether it turns, not the thread that carries the heartbeats.

use crate::acp::heartbeat::{ALIVE, DEGRADED, STOPPED};
use crate::control::plane::view::Agent;
use crate::types::time::Nanos;
use std::collections::BTreeMap;

/// A heartbeat that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The agent's name in the roster.
    pub name: String,
    /// [`ALIVE`], [`DEGRADED`] or [`STOPPED`].
    pub status: &'static str,
    /// Why it cannot do its work, or what it does.
    pub detail: String,
}

/// The statuses last told, and when the next round is due.
#[derive(Debug)]
pub struct Presence {
    every: Nanos,
    due: Nanos,
    told: BTreeMap<String, (&'static str, bool)>,
}

impl Presence {
    /// A round each `every`, the first at once.
    pub fn new(every: Nanos) -> Self {
        Self { every, due: Nanos::MIN, told: BTreeMap::new() }
    }

    /// What is due `at`: all agents that turn, each round; at once those whose status is another one.
    pub fn due(&mut self, at: Nanos, agents: &[Agent]) -> Vec<Beat> {
        let round = at >= self.due;
        if round {
            self.due = at.saturating_add(self.every);
        }
        let mut beats = Vec::new();
        for agent in agents {
            let status = if agent.live && agent.ready { ALIVE } else { DEGRADED };
            let now = (status, agent.live);
            let news = self.told.get(&agent.name) != Some(&now);
            if news || (round && agent.live) {
                beats.push(Beat { name: agent.name.clone(), status, detail: agent.detail.clone() });
            }
            if news {
                self.told.insert(agent.name.clone(), now);
            }
        }
        beats
    }

    /// What was due did not arrive: everything is due again.
    pub fn again(&mut self) {
        self.due = Nanos::MIN;
        self.told.clear();
    }

    /// The last words of an orderly end.
    pub fn last_words(agents: &[Agent]) -> Vec<Beat> {
        let stopped = |agent: &Agent| Beat {
            name: agent.name.clone(),
            status: STOPPED,
            detail: "the host ended in order".to_owned(),
        };
        agents.iter().map(stopped).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str, live: bool, ready: bool) -> Agent {
        Agent { name: name.to_owned(), live, ready, heartbeat_age_seconds: None, detail: "d".to_owned() }
    }

    #[test]
    fn each_round_each_change_and_nothing_of_one_that_hangs() {
        let mut presence = Presence::new(30);
        let mut at = |now: Nanos, agents: &[Agent]| -> Vec<String> {
            presence.due(now, agents).iter().map(|beat| format!("{} {}", beat.name, beat.status)).collect()
        };
        let both = [agent("risk", true, true), agent("signal", true, true)];
        assert_eq!(at(0, &both), ["risk alive", "signal alive"]);
        assert!(at(29, &both).is_empty());
        assert_eq!(at(30, &both), ["risk alive", "signal alive"]);
        let stale = [agent("risk", true, true), agent("signal", true, false)];
        assert_eq!(at(31, &stale), ["signal degraded"]);
        assert!(at(32, &stale).is_empty());
        assert_eq!(at(60, &stale), ["risk alive", "signal degraded"]);
        // It stands still: that is said once, and then it is silent.
        let hangs = [agent("risk", true, true), agent("signal", false, false)];
        assert_eq!(at(61, &hangs), ["signal degraded"]);
        assert_eq!(at(90, &hangs), ["risk alive"]);
        assert_eq!(at(120, &hangs), ["risk alive"]);
        assert_eq!(at(121, &both), ["signal alive"]);
        presence.again();
        assert_eq!(presence.due(122, &both).len(), 2, "what did not arrive is said again");
        assert!(Presence::last_words(&both).iter().all(|beat| beat.status == STOPPED));
    }
}
