//! Edge: one session with a store behind the other, from the host's beginning to its end: what every bridge does around its own work.

use super::status::{State, Status};
use super::tail;
use crate::journal::JournalError;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two tries to reach the store: from, to.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// So long a bridge goes on when the host ends, to write what is left.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Why a session ended without a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// All is written, and the host has ended.
    Done,
    /// Where the store stands must be asked again.
    Again,
}

/// Which journal it is, when a session begins; if nothing is written there yet, how that session ends.
///
/// # Errors
/// [`JournalError`].
pub async fn journal(
    dir: &Path,
    status: &Status,
    end: &AtomicBool,
    idle: Duration,
) -> Result<Result<String, Over>, JournalError> {
    if status.get().trouble.is_empty() {
        status.set(State::Connecting, "");
    }
    // In this order: what was written before the end is seen behind it.
    let ended = end.load(Ordering::Acquire);
    if let Some(journal) = tail::identity(dir)? {
        return Ok(Ok(journal));
    }
    if ended {
        return Ok(Err(Over::Done));
    }
    tokio::time::sleep(idle).await;
    Ok(Err(Over::Again))
}

/// Runs until the host has ended (`end`) and all is written, or it was not within some seconds: the rest is written at the next
/// start. `session` is one connection to its first fault, which it tells in words; `told` hears each that is a new one. While a
/// person has the bridge paused there is none. `idle` is how long nothing may be looked at.
pub async fn run(
    status: &Status,
    end: &AtomicBool,
    idle: Duration,
    mut session: impl AsyncFnMut() -> Result<Over, String>,
    told: impl Fn(&str),
) {
    let all = async {
        let mut wait = AGAIN.0;
        loop {
            if status.control().is_paused() {
                if end.load(Ordering::Acquire) {
                    return;
                }
                status.set(State::Paused, "");
                tokio::time::sleep(idle).await;
                continue;
            }
            let before = status.get().events;
            match session().await {
                Ok(Over::Done) => return,
                // Of two that write for one host each throws the other out: not at full speed.
                Ok(Over::Again) => {}
                Err(text) => {
                    if status.set(State::Waiting, &text) {
                        tracing::warn!("{text}");
                        told(&text);
                    }
                }
            }
            if status.get().events > before {
                wait = AGAIN.0;
            }
            tokio::time::sleep(wait).await;
            wait = (2 * wait).min(AGAIN.1);
        }
    };
    let grace = async {
        while !end.load(Ordering::Acquire) {
            tokio::time::sleep(idle).await;
        }
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        () = all => {}
        () = grace => {}
    }
    let trouble = status.get().trouble;
    status.set(State::Ended, &trouble);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::plane::{BridgeAction, BridgeOrder};
    use std::cell::{Cell, RefCell};
    use std::time::Instant;

    fn block_on(work: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    }

    #[test]
    fn faults_are_told_once_each_and_tried_again_until_all_is_done() {
        let (status, end) = (Status::default(), AtomicBool::new(false));
        let (turn, told) = (Cell::new(0), RefCell::new(Vec::new()));
        let turns = ["one", "one", "two", "", "two"];
        let session = async || {
            let at = turn.replace(turn.get() + 1);
            match turns.get(at) {
                Some(&"") => {
                    // It wrote something: the next try comes soon, and it is known no more what was wrong.
                    status.lock().events += 1;
                    status.set(State::Current, "");
                    Ok(Over::Again)
                }
                Some(text) => Err((*text).to_owned()),
                None => Ok(Over::Done),
            }
        };
        block_on(run(&status, &end, Duration::from_millis(1), session, |text| told.borrow_mut().push(text.to_owned())));
        assert_eq!((turn.get(), told.into_inner().join(" ")), (6, "one two two".to_owned()));
        assert_eq!(status.get().state, State::Ended.name());
    }

    #[test]
    fn while_it_is_paused_there_is_no_session_and_the_end_is_at_once() {
        let (status, end) = (Status::default(), AtomicBool::new(true));
        let pause = BridgeOrder {
            action: BridgeAction::Pause,
            who: "alice".into(),
            ticket: String::new(),
            reason: String::new(),
            request: None,
        };
        assert!(status.control().order(&pause, &[], 0).unwrap());
        let begun = Instant::now();
        let session = async || panic!("a session begins");
        block_on(run(&status, &end, Duration::from_millis(1), session, |_| {}));
        assert!(begun.elapsed() < LAST_WORDS && status.get().state == State::Ended.name());
    }
}
