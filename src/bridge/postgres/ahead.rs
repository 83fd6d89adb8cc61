//! Edge: the next batch is made while the present one is written: a thread of its own reads the journal and makes rows, the
//! bridge's own thread talks to the server. One batch ahead, so what is held in memory is two batches at most.
//!
//! The journal's reader and the maker of rows go to that thread and come back with the batch: at any time one of both has them.
//! When the bridge is not behind, no batch is left to make ahead, and that thread sleeps.

use super::batch::{Batch, Maker};
use crate::bridge::id::Id;
use crate::bridge::tail::Tail;
use crate::journal::JournalError;
use std::collections::VecDeque;
use std::sync::mpsc::{Sender, channel};
use tokio::sync::oneshot;

/// What batches are made with.
pub struct Desk {
    /// Makes them.
    pub maker: Maker,
    /// Where in the journal it is; `None` until that is known.
    pub tail: Option<Tail>,
}

/// Which batch is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The event before its first.
    pub before: Id,
    /// Up to which sequence events may leave the host.
    pub limit: u64,
    /// Most events.
    pub most: u64,
}

impl Desk {
    /// The next batch; `None` if there is no event for it.
    ///
    /// # Errors
    /// [`JournalError`].
    fn make(&mut self, wanted: Wanted) -> Result<Option<Batch>, JournalError> {
        let Some(tail) = &mut self.tail else { return Ok(None) };
        self.maker.next(tail, wanted.before, wanted.limit, wanted.most)
    }
}

/// The desk, and what was made on it.
type Made = (Desk, Result<Option<Batch>, JournalError>);

struct Job {
    desk: Desk,
    wanted: Wanted,
    done: oneshot::Sender<Made>,
}

/// Batches that are not known to be written, and the thread that makes the next one.
pub struct Ahead {
    /// Oldest first, each begins where the one before ends; at most two.
    pub batches: VecDeque<Batch>,
    /// `None` while the other thread has it.
    desk: Option<Desk>,
    making: Option<oneshot::Receiver<Made>>,
    jobs: Option<Sender<Job>>,
}

impl Ahead {
    /// With nothing made.
    pub fn new(maker: Maker) -> Self {
        let desk = Desk { maker, tail: None };
        Self { batches: VecDeque::new(), desk: Some(desk), making: None, jobs: None }
    }

    /// The desk, when it is back; the batch that was made, if one was, stands behind the others then.
    ///
    /// # Errors
    /// [`JournalError`]: the journal must be read again from behind the last batch.
    ///
    /// # Panics
    /// If the other thread did: its fault is the bridge's.
    pub async fn desk(&mut self) -> Result<&mut Desk, JournalError> {
        if let Some(making) = self.making.take() {
            let Ok((desk, made)) = making.await else {
                // It was told there: this thread ends by the same fault.
                std::panic::resume_unwind(Box::new("the thread that makes batches panicked"))
            };
            let desk = self.desk.insert(desk);
            match made {
                Ok(batch) => self.batches.extend(batch),
                Err(error) => {
                    desk.tail = None;
                    return Err(error);
                }
            }
        }
        match &mut self.desk {
            Some(desk) => Ok(desk),
            // It is away only while something is being made.
            None => unreachable!("nobody has the desk"),
        }
    }

    /// Makes sure that there is a batch, if there are events for one.
    ///
    /// # Errors
    /// [`JournalError`].
    ///
    /// # Panics
    /// As [`Self::desk`].
    pub async fn fill(&mut self, wanted: Wanted) -> Result<(), JournalError> {
        if !self.batches.is_empty() {
            return Ok(());
        }
        self.desk().await?;
        if self.batches.is_empty()
            && let Some(desk) = &mut self.desk
        {
            let made = desk.make(wanted);
            if made.is_err() {
                desk.tail = None;
            }
            self.batches.extend(made?);
        }
        Ok(())
    }

    /// Has the batch behind the only one made on the other thread; without a thread to be had it is made when its turn comes.
    pub fn begin_next(&mut self, wanted: Wanted) {
        if self.batches.len() != 1 || self.making.is_some() {
            return;
        }
        if self.jobs.is_none() {
            self.jobs = thread();
        }
        let Some(jobs) = &self.jobs else { return };
        let Some(desk) = self.desk.take() else { return };
        let (done, making) = oneshot::channel();
        match jobs.send(Job { desk, wanted, done }) {
            Ok(()) => self.making = Some(making),
            Err(unsent) => self.desk = Some(unsent.0.desk),
        }
    }
}

/// The other thread; it ends with the sender. Its name begins as that of the bridge's own: a panic there ends a bridge, not the
/// host. It has that one's priority, too.
fn thread() -> Option<Sender<Job>> {
    let (jobs, todo) = channel::<Job>();
    let name = format!("{}-rows", std::thread::current().name().unwrap_or("bridge-postgres"));
    let work = move || {
        for Job { mut desk, wanted, done } in todo {
            let made = desk.make(wanted);
            // Nobody waits for it any more: the bridge has ended.
            drop(done.send((desk, made)));
        }
    };
    std::thread::Builder::new().name(name).spawn(work).ok().map(|_| jobs)
}
