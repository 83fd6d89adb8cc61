//! Edge: looks at the halt's file again and again, so that a change in place (a mounted ConfigMap swaps a symlink) is
//! noticed without a restart.
//!
//! It polls, by design: a watch on the inode would miss the swapped symlink, and a missed notification would leave the
//! gate open. A look costs three system calls on a file of a byte.

use super::halt::{Halt, HaltSources};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Time between two looks, unless another is asked for.
pub const PERIOD: Duration = Duration::from_millis(100);

/// A look this much older than it should be is not believed any more.
const OVERDUE_MIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Shared {
    halt: Mutex<Halt>,
    started: Instant,
    /// When the last look was over, in nanoseconds since `started`.
    looked_ns: AtomicU64,
    looks: AtomicU64,
    over: AtomicBool,
}

impl Shared {
    /// Looks once; the halt, if it is another one than before.
    fn look(&self, sources: &HaltSources) -> Option<Halt> {
        let halt = sources.read();
        let mut held = self.halt.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = (*held != halt).then(|| {
            held.clone_from(&halt);
            halt
        });
        drop(held);
        self.looked_ns.store(nanos(self.started.elapsed()), Ordering::Release);
        self.looks.fetch_add(1, Ordering::Relaxed);
        changed
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A thread that looks at the sources of the halt.
#[derive(Debug)]
pub struct HaltWatch {
    shared: Arc<Shared>,
    overdue: Duration,
    thread: Thread,
}

impl HaltWatch {
    /// Looks for the first time, tells `on_change`, and only then starts the thread that looks every `period` and tells
    /// `on_change` of every change. What `on_change` does must be short: it holds up the next look.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        sources: HaltSources,
        period: Duration,
        mut on_change: impl FnMut(&Halt) + Send + 'static,
    ) -> std::io::Result<Self> {
        let first = Halt::explicit("not looked at yet");
        let shared = Arc::new(Shared {
            halt: Mutex::new(first.clone()),
            started: Instant::now(),
            looked_ns: AtomicU64::new(0),
            looks: AtomicU64::new(0),
            over: AtomicBool::new(false),
        });
        let found = shared.look(&sources).unwrap_or(first);
        on_change(&found);
        let of_thread = Arc::clone(&shared);
        let handle = std::thread::Builder::new().name("halt-watch".to_owned()).spawn(move || {
            while !of_thread.over.load(Ordering::Acquire) {
                std::thread::park_timeout(period);
                if let Some(halt) = of_thread.look(&sources) {
                    on_change(&halt);
                }
            }
        })?;
        Ok(Self { shared, overdue: OVERDUE_MIN.max(period.saturating_mul(10)), thread: handle.thread().clone() })
    }

    /// The halt by the last look. A watcher that does not come back from a look (a dead network file system) halts.
    pub fn current(&self) -> Halt {
        let looked = Duration::from_nanos(self.shared.looked_ns.load(Ordering::Acquire));
        let halt = self.shared.halt.lock().unwrap_or_else(PoisonError::into_inner).clone();
        overdue(self.shared.started.elapsed(), looked, self.overdue).unwrap_or(halt)
    }

    /// Looks so far.
    pub fn looks(&self) -> u64 {
        self.shared.looks.load(Ordering::Relaxed)
    }

    /// Looks at once, instead of after the rest of the period.
    pub fn wake(&self) {
        self.thread.unpark();
    }
}

impl Drop for HaltWatch {
    /// The thread ends with its next look. It is not waited for: a look may hang.
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// The halt of a watcher that looked last at `looked`, if that is more than `limit` before `now`, or after it.
fn overdue(now: Duration, looked: Duration, limit: Duration) -> Option<Halt> {
    match now.checked_sub(looked) {
        Some(age) if age <= limit => None,
        Some(age) => Some(Halt::explicit(format!(
            "the watcher has not looked for {:.1} s; is its file on a file system that hangs?",
            age.as_secs_f64()
        ))),
        None => Some(Halt::explicit("the watcher's clock ran backward")),
    }
}

#[cfg(test)]
#[path = "halt_watch_tests.rs"]
mod tests;
