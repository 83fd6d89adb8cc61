//! Edge: what people ask of a bridge while it runs. Written by the control plane, obeyed between two batches; never waited for.

use crate::control::plane::view::{PausedNow, iso};
use crate::control::plane::{BridgeAction, BridgeOrder, Refused};
use crate::types::time::UnixNanos;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Request numbers that are remembered.
const REMEMBERED: usize = 64;

/// What is asked, and what became of it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Who paused it, if somebody did.
    pub paused: Option<PausedNow>,
    /// A rebuilding that is not begun yet.
    pub rebuild: Option<BridgeOrder>,
    /// Rebuildings begun.
    pub rebuilds: u64,
    /// Why the last one that was asked for was not begun; empty if it was.
    pub refused: String,
    /// Numbers of requests, and what they were.
    seen: VecDeque<(u64, BridgeAction)>,
}

/// Shared between a bridge and who asks.
#[derive(Debug, Default)]
pub struct Control {
    asked: Mutex<Asked>,
    /// Whether the bridge has to look: what it reads before each batch.
    stops: AtomicBool,
    paused: AtomicBool,
}

impl Control {
    fn lock(&self) -> MutexGuard<'_, Asked> {
        // Whole between any two statements, so a poisoned lock is good.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As it is.
    pub fn get(&self) -> Asked {
        self.lock().clone()
    }

    /// Whether the bridge is to leave off after its batch: for a pause, or to rebuild.
    pub fn stops(&self) -> bool {
        self.stops.load(Ordering::Acquire)
    }

    /// Whether it is to write nothing.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// The rebuilding that is asked for.
    pub fn rebuild(&self) -> Option<BridgeOrder> {
        self.stops().then(|| self.lock().rebuild.clone()).flatten()
    }

    /// Takes what `order` asks at `now`. `groups` are the consumer groups that a rebuilding would take away; whether there
    /// was anything to do.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub fn order(&self, order: &BridgeOrder, groups: &[String], now: UnixNanos) -> Result<bool, Refused> {
        let mut asked = self.lock();
        let conflict = |reason, message: String| Err(Refused::Conflict { reason, message });
        if let Some((number, action)) = asked.seen.iter().find(|(number, _)| Some(*number) == order.request) {
            if *action == order.action {
                return Ok(false);
            }
            let was = action.name();
            return conflict(
                "request_reused",
                format!("request {number} was another command ({was}): nothing was done"),
            );
        }
        let does = match order.action {
            BridgeAction::Pause => {
                let is_new = asked.paused.is_none();
                if is_new {
                    let (who, reason) = (order.who.clone(), order.reason.clone());
                    asked.paused = Some(PausedNow { who, reason, since: iso(now) });
                }
                is_new
            }
            BridgeAction::Resume => asked.paused.take().is_some(),
            BridgeAction::Rebuild { force } => {
                if asked.paused.is_some() {
                    return conflict("bridge_paused", "the bridge is paused: resume it first".to_owned());
                }
                if asked.rebuild.is_some() {
                    return conflict("rebuild_under_way", "a rebuilding is asked for already".to_owned());
                }
                if !force && !groups.is_empty() {
                    return conflict("has_consumer_groups", has_groups(groups));
                }
                asked.rebuild = Some(order.clone());
                asked.refused.clear();
                true
            }
        };
        if let Some(number) = order.request {
            asked.seen.push_back((number, order.action));
            if asked.seen.len() > REMEMBERED {
                asked.seen.pop_front();
            }
        }
        self.show(&asked);
        Ok(does)
    }

    /// The rebuilding that was asked for is begun, or it is refused for a reason.
    pub fn rebuilt(&self, refused: Option<String>) {
        let mut asked = self.lock();
        asked.rebuild = None;
        asked.rebuilds += u64::from(refused.is_none());
        asked.refused = refused.unwrap_or_default();
        self.show(&asked);
    }

    fn show(&self, asked: &Asked) {
        self.paused.store(asked.paused.is_some(), Ordering::Release);
        self.stops.store(asked.paused.is_some() || asked.rebuild.is_some(), Ordering::Release);
    }
}

/// Why a stream with consumer groups is not rebuilt.
pub fn has_groups(groups: &[String]) -> String {
    format!(
        "consumer groups read the stream ({}), and would lose their place and what is pending: end them first, or give --force and make them again",
        groups.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(action: BridgeAction, request: Option<u64>) -> BridgeOrder {
        BridgeOrder { action, who: "ada".to_owned(), ticket: String::new(), reason: "drill".to_owned(), request }
    }

    #[test]
    fn orders_are_taken_once_and_in_their_place() {
        use BridgeAction::{Pause, Rebuild, Resume};
        let control = Control::default();
        let groups = ["desk".to_owned()];
        // What is asked, under which number, with how many groups; the answer; whether it is paused, whether it stops.
        let check = |action, request, with: usize, expected: Result<bool, &str>, stands: (bool, bool)| {
            let told = control.order(&order(action, request), &groups[..with], 5);
            let told = told.map_err(|refused| match refused {
                Refused::Conflict { reason, .. } => reason,
                other => panic!("{other:?}"),
            });
            assert_eq!((told, (control.is_paused(), control.stops())), (expected, stands), "{action:?} {request:?}");
        };
        let (plain, forced) = (Rebuild { force: false }, Rebuild { force: true });
        check(Resume, None, 0, Ok(false), (false, false));
        check(Pause, Some(7), 0, Ok(true), (true, true));
        check(Pause, None, 0, Ok(false), (true, true));
        check(plain, None, 0, Err("bridge_paused"), (true, true));
        check(Resume, Some(8), 0, Ok(true), (false, false));
        check(Pause, Some(7), 0, Ok(false), (false, false));
        check(Resume, Some(7), 0, Err("request_reused"), (false, false));
        check(plain, None, 1, Err("has_consumer_groups"), (false, false));
        check(forced, None, 1, Ok(true), (false, true));
        check(plain, None, 0, Err("rebuild_under_way"), (false, true));
        assert_eq!(control.rebuild().map(|order| order.action), Some(forced));
        control.rebuilt(Some("a group".to_owned()));
        assert_eq!((control.get().refused.as_str(), control.get().rebuilds, control.stops()), ("a group", 0, false));
        check(plain, None, 0, Ok(true), (false, true));
        control.rebuilt(None);
        assert_eq!((control.get().refused.as_str(), control.get().rebuilds, control.stops()), ("", 1, false));
        assert!(control.rebuild().is_none());
    }
}
