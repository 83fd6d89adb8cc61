//! Edge: which instruments an agent's signals and decisions moved. Written where those are taken in, read by the supervisor.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Instruments that are remembered of one agent.
const INSTRUMENTS_MAX: usize = 4_096;
/// Agents that are remembered.
const AGENTS_MAX: usize = 8_192;

/// Who moved what.
#[derive(Debug, Default)]
pub struct Exposure(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    moved: BTreeMap<String, BTreeSet<String>>,
    /// Agents of whom more is known than was kept elsewhere.
    news: BTreeSet<String>,
    /// Since when nobody can bound what agents move, if so.
    held: Option<String>,
}

impl Exposure {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Whole between any two statements, so a poisoned lock is good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody can watch the agents, or take back what they said, from now on: nothing more is noted, and whatever they moved is
    /// bound as if all of them were silent `since` then.
    pub fn hold(&self, since: &str) {
        self.lock().held.get_or_insert_with(|| since.to_owned());
    }

    /// If so, all agents that moved something, with since when.
    pub fn held(&self) -> BTreeMap<String, String> {
        let inside = self.lock();
        let Some(since) = &inside.held else { return BTreeMap::new() };
        inside.moved.keys().map(|agent| (agent.clone(), since.clone())).collect()
    }

    /// A signal or decision of `agent` on `instrument` (`SYMBOL.VENUE`) is taken in. False if there is no room to remember that,
    /// or nobody watches: then it must be refused, since nobody would bound it if the agent fell silent.
    pub fn note(&self, agent: &str, instrument: &str) -> bool {
        let mut inside = self.lock();
        inside.held.is_none() && inside.add(agent, instrument)
    }

    /// What an earlier start had noted: it is known whether anybody watches or not. False if there is no room for it.
    pub fn recall(&self, agent: &str, instrument: &str) -> bool {
        self.lock().add(agent, instrument)
    }

    /// Whether nobody can watch the agents, or take back what they said.
    pub fn is_held(&self) -> bool {
        self.lock().held.is_some()
    }

    /// What `agent` moved.
    pub fn instruments_of(&self, agent: &str) -> BTreeSet<String> {
        self.lock().moved.get(agent).cloned().unwrap_or_default()
    }

    /// Agents that moved something which was not kept yet, with all that they moved. Ask again until it was kept: see
    /// [`kept`](Self::kept).
    pub fn news(&self) -> Vec<(String, BTreeSet<String>)> {
        let inside = self.lock();
        inside.news.iter().map(|agent| (agent.clone(), inside.moved.get(agent).cloned().unwrap_or_default())).collect()
    }

    /// `count` instruments of `agent` were kept.
    pub fn kept(&self, agent: &str, count: usize) {
        let mut inside = self.lock();
        // More came meanwhile, or not.
        if inside.moved.get(agent).is_none_or(|moved| moved.len() == count) {
            inside.news.remove(agent);
        }
    }
}

impl Inside {
    /// False if there is no room.
    fn add(&mut self, agent: &str, instrument: &str) -> bool {
        if !self.moved.contains_key(agent) && self.moved.len() >= AGENTS_MAX {
            return false;
        }
        let moved = self.moved.entry(agent.to_owned()).or_default();
        if moved.contains(instrument) {
            return true;
        }
        if moved.len() >= INSTRUMENTS_MAX {
            return false;
        }
        moved.insert(instrument.to_owned());
        self.news.insert(agent.to_owned());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_all_of_it_and_nothing_comes_to_it() {
        let exposure = Exposure::default();
        assert!(exposure.note("agent:002", "X.SIM") && exposure.held().is_empty());
        exposure.hold("then");
        exposure.hold("later");
        assert!(!exposure.note("agent:002", "X.SIM") && !exposure.note("agent:003", "X.SIM"));
        assert_eq!(exposure.held(), BTreeMap::from([("agent:002".to_owned(), "then".to_owned())]));
        // What an earlier start knew is known too late, but it is known.
        assert!(exposure.recall("agent:003", "Y.SIM") && exposure.is_held());
        assert_eq!(exposure.held().len(), 2);
    }

    #[test]
    fn what_is_noted_is_known_and_news_until_kept() {
        let exposure = Exposure::default();
        assert!(exposure.note("a", "X.SIM") && exposure.note("a", "Y.SIM") && exposure.note("a", "X.SIM"));
        assert_eq!(exposure.instruments_of("a").into_iter().collect::<Vec<_>>(), ["X.SIM", "Y.SIM"]);
        assert!(exposure.instruments_of("b").is_empty());
        let news = exposure.news();
        assert_eq!((news.len(), news[0].1.len()), (1, 2));
        exposure.note("a", "Z.SIM");
        exposure.kept("a", 2);
        assert_eq!(exposure.news()[0].1.len(), 3, "one came meanwhile");
        exposure.kept("a", 3);
        assert!(exposure.news().is_empty());
        for number in 0..INSTRUMENTS_MAX - 3 {
            assert!(exposure.note("a", &number.to_string()));
        }
        assert!(!exposure.note("a", "one more") && exposure.note("a", "X.SIM"));
    }
}
