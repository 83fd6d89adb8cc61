//! Edge: what the host says of itself that is no event of its journal, on its way to whoever passes it on: a queue with an end.

use super::alerts::Standing;
use crate::types::time::{Nanos, UnixNanos};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Notices that wait at most; beyond that the oldest go.
const WAITING: usize = 4096;

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// An alert stands from now on.
    Raised(Standing),
    /// It is over.
    Over {
        /// What stood.
        standing: Standing,
        /// How long; `None` if the clock ran backward meanwhile.
        lasted: Option<Nanos>,
    },
    /// An agent of the host is in another state.
    State {
        /// Its name in the roster.
        agent: &'static str,
        /// Before.
        old: &'static str,
        /// Now.
        new: &'static str,
        /// What moved it, in a word.
        trigger: &'static str,
        /// Who or what found or wanted it, and why.
        reason: String,
    },
    /// A bridge has a trouble.
    Trouble {
        /// Which bridge.
        bridge: &'static str,
        /// In words, with what to do.
        text: String,
    },
}

/// A word and when it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: UnixNanos,
    /// What.
    pub word: Word,
}

#[derive(Debug, Default)]
struct Waiting {
    queue: VecDeque<Notice>,
    dropped: u64,
    states: BTreeMap<&'static str, &'static str>,
    closed: bool,
}

/// The queue. Whoever puts something in never waits for whoever takes it out.
#[derive(Debug, Default)]
pub struct Notices(Mutex<Waiting>);

impl Notices {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Whole between any two statements, so a poisoned lock is good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts one in. Where there is no room the oldest goes, and is counted.
    pub fn put(&self, at: UnixNanos, word: Word) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        if let Word::State { agent, new, .. } = &word {
            waiting.states.insert(agent, new);
        }
        if waiting.queue.len() == WAITING {
            waiting.queue.pop_front();
            waiting.dropped += 1;
        }
        waiting.queue.push_back(Notice { at, word });
    }

    /// Puts one in if `agent` is in another state than it was last said to be.
    pub fn state(&self, at: UnixNanos, agent: &'static str, new: &'static str, trigger: &'static str, reason: &str) {
        let old = self.lock().states.get(agent).copied().unwrap_or("UNKNOWN");
        if old != new {
            self.put(at, Word::State { agent, old, new, trigger, reason: reason.to_owned() });
        }
    }

    /// Takes out up to `most`, the oldest first.
    pub fn take(&self, most: usize) -> Vec<Notice> {
        let mut waiting = self.lock();
        let most = most.min(waiting.queue.len());
        waiting.queue.drain(..most).collect()
    }

    /// How many have gone for want of room, since it was asked last.
    pub fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.lock().dropped)
    }

    /// Says that all agents are `OFFLINE` since the host ends, and takes in nothing more: whoever still looks at the host would
    /// tell otherwise.
    pub fn close(&self, at: UnixNanos) {
        for (agent, old) in self.states().into_iter().filter(|(_, old)| *old != "OFFLINE") {
            self.put(
                at,
                Word::State { agent, old, new: "OFFLINE", trigger: "end", reason: "the host ends".to_owned() },
            );
        }
        self.lock().closed = true;
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lock().queue.is_empty()
    }

    /// The state that each agent was last said to be in.
    pub fn states(&self) -> Vec<(&'static str, &'static str)> {
        self.lock().states.iter().map(|(agent, state)| (*agent, *state)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(number: usize) -> Word {
        Word::Trouble { bridge: "redis", text: number.to_string() }
    }

    fn numbers(notices: &[Notice]) -> Vec<String> {
        notices
            .iter()
            .filter_map(|n| if let Word::Trouble { text, .. } = &n.word { Some(text.clone()) } else { None })
            .collect()
    }

    #[test]
    fn the_newest_stay_and_what_goes_is_counted() {
        let notices = Notices::default();
        for number in 0..WAITING + 3 {
            notices.put(0, trouble(number));
        }
        assert_eq!((notices.take_dropped(), notices.take_dropped()), (3, 0));
        assert_eq!(numbers(&notices.take(2)), ["3", "4"]);
        notices.put(0, trouble(9_999));
        assert_eq!(notices.take_dropped(), 0);
        let all = notices.take(usize::MAX);
        assert_eq!((all.len(), numbers(&all)[0].as_str()), (WAITING - 1, "5"));
        assert_eq!(numbers(&all)[WAITING - 2], "9999");
        assert!(notices.take(5).is_empty());
    }

    #[test]
    fn a_state_is_said_when_it_is_another() {
        let notices = Notices::default();
        for state in ["INIT", "INIT", "READY"] {
            notices.state(1, "execution", state, "started", "why");
        }
        let said: Vec<Word> = notices.take(9).into_iter().map(|n| n.word).collect();
        let word =
            |old, new| Word::State { agent: "execution", old, new, trigger: "started", reason: "why".to_owned() };
        assert_eq!(said, [word("UNKNOWN", "INIT"), word("INIT", "READY")]);
        assert_eq!(notices.states(), [("execution", "READY")]);
        notices.close(2);
        notices.state(3, "execution", "READY", "started", "why");
        assert_eq!((notices.take(9).len(), notices.states()), (1, vec![("execution", "OFFLINE")]));
        assert!(notices.is_empty());
    }
}
