//! Edge: whether the venue and the host agree on what the host has there, as the gate needs it.
//!
//! The comparison itself is made in the sequence, by execution (see `execution::compare`). Here is only what stands of it: none
//! yet, a difference, or no answer for too long. Each of them closes the gate.

use super::outlet::OutletCounters;
use crate::types::time::{NO_TIME, Nanos, SECONDS};
use std::sync::atomic::Ordering;

/// So many questions in a row may stay without an answer, beyond [`SLACK`].
const UNANSWERED_MAX: Nanos = 3;
/// For a host that is slow to be scheduled.
const SLACK: Nanos = SECONDS;

/// Why the two are not known to agree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// The start.
    #[error("the venue has not said yet what the host has there")]
    NotYet,
    /// So many instruments (the whole counts as one).
    #[error("what the venue and the host hold differs ({0} of the last comparisons)")]
    Differs(u64),
    /// The venue does not answer.
    #[error("the venue has not said for {} s what the host has there", .0 / SECONDS)]
    Silent(Nanos),
    /// An earlier start ended with a difference, and nobody has said since that it was put right.
    #[error("{0}; put it right, then `tickpath recover --reason … --ticket …`")]
    Inherited(String),
}

/// What is remembered from look to look.
#[derive(Debug)]
pub struct Agreement {
    within: Nanos,
    compared: u64,
    at: Nanos,
}

impl Agreement {
    /// The venue is asked each `interval` of the steady clock.
    pub fn new(interval: Nanos) -> Self {
        Self { within: interval.saturating_mul(UNANSWERED_MAX).saturating_add(SLACK), compared: 0, at: NO_TIME }
    }

    /// What stands, `now` by the steady clock.
    ///
    /// # Errors
    /// Why the gate must be closed.
    pub fn look(&mut self, now: Nanos, outlet: &OutletCounters) -> Result<(), Disagreement> {
        let compared = outlet.compared.load(Ordering::Acquire);
        // The first look begins to count.
        if compared != self.compared || self.at == NO_TIME {
            (self.compared, self.at) = (compared, now);
        }
        let differing = outlet.differing.load(Ordering::Acquire);
        // A clock that ran backward has no age to show.
        let age = crate::types::time::age(now, self.at).unwrap_or(Nanos::MAX);
        match (compared, differing) {
            (0, _) if age <= self.within => Err(Disagreement::NotYet),
            (_, 1..) => Err(Disagreement::Differs(differing)),
            _ if age > self.within => Err(Disagreement::Silent(age)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_only_while_the_venue_answers_and_agrees() {
        let outlet = OutletCounters::default();
        let mut agreement = Agreement::new(SECONDS);
        let mut at = |now: Nanos, compared: u64, differing: u64| {
            outlet.compared.store(compared, Ordering::Release);
            outlet.differing.store(differing, Ordering::Release);
            agreement.look(now, &outlet)
        };
        assert_eq!(at(5, 0, 0), Err(Disagreement::NotYet));
        assert_eq!(at(5 + 4 * SECONDS, 0, 0), Err(Disagreement::NotYet));
        assert_eq!(at(6 + 4 * SECONDS, 0, 0), Err(Disagreement::Silent(4 * SECONDS + 1)), "from the first look on");
        assert_eq!(at(10, 1, 0), Ok(()));
        assert_eq!(at(10 + 4 * SECONDS, 1, 0), Ok(()));
        assert_eq!(at(11 + 4 * SECONDS, 1, 0), Err(Disagreement::Silent(4 * SECONDS + 1)));
        assert_eq!(at(12 + 4 * SECONDS, 2, 1), Err(Disagreement::Differs(1)));
        assert_eq!(at(13 + 4 * SECONDS, 3, 0), Ok(()));
        assert_eq!(at(9, 3, 0), Err(Disagreement::Silent(Nanos::MAX)), "the clock ran backward");
    }
}
