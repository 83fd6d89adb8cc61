//! Edge: the helper thread: prepares segments ahead, fills in the chain, syncs, seals, drops what is too old.

use super::config::{Config, Durability};
use super::disk::{Disk, segment_path};
use super::error::{Fault, JournalError};
use super::heads::{Dropped, Head, record_dropped, write_heads};
use super::record::{Hash, Log};
use super::segment::{Behind, Prepared, Sealed, cut, prepare};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it looks for what was published.
const TICK: Duration = Duration::from_millis(1);
/// The same while nothing happens.
const TICK_IDLE: Duration = Duration::from_millis(10);
/// How long it waits before it asks a full disk again.
const RETRY: Duration = Duration::from_millis(200);
/// How often it syncs under `Durability::Written`.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How many bytes it faults in ahead of the writer.
const AHEAD: usize = 4 << 20;
/// How many bytes of chain it does before it looks at the other log.
const CHAIN_BUDGET: usize = 256 << 10;

/// What the writer asks for.
pub(super) enum Job {
    /// The next segment of a log. Asked again by itself while the disk is full.
    Prepare(Log),
    /// Seals are written: finish everything, then end.
    Close,
    /// End as it is.
    Stop,
}

/// What the helper says.
pub(super) enum Reply {
    /// A segment is ready, or not (yet).
    Prepared(Log, Result<Prepared, Fault>),
    /// The oldest unfinished segment of this log is on disk for good.
    Sealed(Log),
    /// Something that cannot be tried again has failed.
    Fault,
}

/// What both threads look at.
pub(super) struct Shared {
    /// Set once, for good.
    pub faulted: AtomicBool,
    /// The reason; set before `faulted`.
    pub fault: Mutex<Option<Fault>>,
    /// Last sequence known to be on disk, per log.
    pub durable: [AtomicU64; 2],
    /// How far the chain is filled in, per log.
    pub heads: Mutex<[Head; 2]>,
}

impl Shared {
    pub(super) fn fail(&self, fault: Fault) {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
        self.faulted.store(true, Ordering::Release);
    }

    /// The fault, if there is one.
    pub(super) fn error(&self) -> Option<JournalError> {
        if !self.faulted.load(Ordering::Acquire) {
            return None;
        }
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        Some(fault.as_ref().map_or(JournalError::Helper, Fault::error))
    }
}

/// Where a log stands, from the helper's side.
pub(super) struct Lane {
    pub log: Log,
    pub segment_bytes: u64,
    pub retention_bytes: u64,
    /// Number of the next segment to make.
    pub next: u64,
    /// Hash of the last chained record.
    pub last: Hash,
    /// Head of the last sealed segment.
    pub head: Option<Head>,
    /// Mapped segments, oldest first.
    pub behind: VecDeque<Behind>,
    /// Sealed segments on disk, oldest first.
    pub sealed: VecDeque<Sealed>,
    /// When to try again to make a segment.
    pub retry: Option<Instant>,
    pub synced: Instant,
}

/// The helper's state.
pub(super) struct Helper {
    pub dir: PathBuf,
    pub durability: Durability,
    pub disk: Arc<dyn Disk>,
    pub lanes: [Lane; 2],
    pub shared: Arc<Shared>,
    pub jobs: Receiver<Job>,
    pub replies: Sender<Reply>,
}

impl Lane {
    pub(super) fn new(
        log: Log,
        config: &Config,
        next: u64,
        last: Hash,
        head: Option<Head>,
        sealed: Vec<Sealed>,
    ) -> Self {
        let (segment_bytes, retention_bytes) = match log {
            Log::Audit => (config.segment_bytes_audit, config.retention_bytes_audit),
            Log::Market => (config.segment_bytes_market, config.retention_bytes_market),
        };
        Self {
            log,
            segment_bytes,
            retention_bytes,
            next,
            last,
            head,
            behind: VecDeque::new(),
            sealed: sealed.into(),
            retry: None,
            synced: Instant::now(),
        }
    }
}

impl Helper {
    /// Runs until it is told to end, or the writer is gone.
    pub(super) fn run(mut self) {
        let mut busy = true;
        loop {
            let job = self.jobs.recv_timeout(if busy { TICK } else { TICK_IDLE });
            match job {
                Ok(Job::Prepare(log)) => self.prepare(log),
                Ok(Job::Close) => {
                    self.close();
                    return;
                }
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            for log in Log::ALL {
                if self.lanes[log.index()].retry.is_some_and(|at| Instant::now() >= at) {
                    self.prepare(log);
                }
            }
            busy = self.work();
        }
    }

    /// Makes the next segment of `log` and answers.
    pub(super) fn prepare(&mut self, log: Log) {
        let lane = &mut self.lanes[log.index()];
        let reply =
            prepare(&self.dir, log, lane.next, lane.segment_bytes, &*self.disk).map(|(prepared, mut behind)| {
                behind.back.prefault(0, AHEAD);
                behind.prefaulted = AHEAD.min(behind.back.len());
                lane.next += 1;
                lane.behind.push_back(behind);
                prepared
            });
        lane.retry = reply.is_err().then(|| Instant::now() + RETRY);
        // The writer may be gone; then `run` ends on its own.
        let _ = self.replies.send(Reply::Prepared(log, reply));
    }

    /// Chains, seals, prefaults and syncs whatever there is; whether there was anything.
    fn work(&mut self) -> bool {
        let mut any = false;
        // After a fault nothing more is sealed: what the disk holds is no longer known.
        while !self.shared.faulted.load(Ordering::Relaxed) {
            let mut more = false;
            for i in 0..self.lanes.len() {
                match self.step(i) {
                    Ok(did) => more |= did,
                    Err(fault) => self.fail(fault),
                }
            }
            any |= more;
            if !more {
                break;
            }
        }
        any
    }

    fn fail(&self, fault: Fault) {
        self.shared.fail(fault);
        let _ = self.replies.send(Reply::Fault);
    }

    /// One piece of work on a lane; whether there may be more.
    fn step(&mut self, i: usize) -> Result<bool, Fault> {
        let lane = &mut self.lanes[i];
        let Some(front) = lane.behind.front_mut() else { return Ok(false) };
        let did = front.chain(&mut lane.last, CHAIN_BUDGET);
        if did {
            self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner)[i] =
                Head { log: lane.log, sequence: front.sequence, hash: lane.last };
        }
        let published = front.back.published();
        if published + AHEAD / 2 > front.prefaulted && front.prefaulted < front.back.len() {
            let from = front.prefaulted.max(published & !4095);
            let to = (published + AHEAD).min(front.back.len());
            front.back.prefault(from, to);
            front.prefaulted = to;
        }
        if front.seal.is_some() && front.back.is_last() {
            self.seal(i)?;
            return Ok(true);
        }
        if self.durability == Durability::Written && lane.synced.elapsed() >= SYNC_EVERY {
            lane.synced = Instant::now();
            let sequence = front.sequence;
            if sequence > self.shared.durable[i].load(Ordering::Relaxed) {
                self.disk.sync(&front.file).map_err(|e| Fault::new("sync", &front.path, 0, &e))?;
                self.shared.durable[i].fetch_max(sequence, Ordering::Release);
            }
        }
        Ok(did)
    }

    /// Finishes the oldest segment of a lane, whose seal is written and chained.
    fn seal(&mut self, i: usize) -> Result<(), Fault> {
        let lane = &mut self.lanes[i];
        let Some((behind, seal)) = lane.behind.pop_front().and_then(|b| b.seal.map(|seal| (b, seal))) else {
            return Ok(());
        };
        let Behind { number, path, file, mut back, chained, sequence, .. } = behind;
        let previous = back.bytes_mut(0).first_chunk().copied().unwrap_or_default();
        drop(back);
        cut(&file, &path, chained as u64, &*self.disk)?;
        self.shared.durable[i].fetch_max(sequence, Ordering::Release);
        lane.head = Some(Head { log: lane.log, sequence, hash: lane.last });
        lane.sealed.push_back(Sealed {
            number,
            bytes: chained as u64,
            first: seal.first,
            last: sequence,
            records: seal.records,
            epoch: 0,
            previous,
            hash: lane.last,
        });
        self.write_heads()?;
        self.retain(i)?;
        let _ = self.replies.send(Reply::Sealed(self.lanes[i].log));
        Ok(())
    }

    /// Records the heads of what is sealed.
    pub(super) fn write_heads(&self) -> Result<(), Fault> {
        let heads: Vec<Head> = self.lanes.iter().filter_map(|lane| lane.head).collect();
        write_heads(&self.dir, &heads).map_err(|error| fault_of(&error))
    }

    /// Drops the oldest sealed segments beyond the limit; each is recorded first.
    pub(super) fn retain(&mut self, i: usize) -> Result<(), Fault> {
        let lane = &mut self.lanes[i];
        let mut total: u64 = lane.sealed.iter().map(|s| s.bytes).sum();
        while lane.retention_bytes > 0 && total > lane.retention_bytes {
            let Some(oldest) = lane.sealed.pop_front() else { break };
            total -= oldest.bytes;
            let dropped = Dropped {
                log: lane.log,
                segment: oldest.number,
                first: oldest.first,
                last: oldest.last,
                records: oldest.records,
                hash: oldest.hash,
            };
            record_dropped(&self.dir, &dropped).map_err(|error| fault_of(&error))?;
            let path = segment_path(&self.dir, lane.log, oldest.number);
            std::fs::remove_file(&path).map_err(|e| Fault::new("remove", &path, 0, &e))?;
        }
        Ok(())
    }

    /// Finishes all segments that have a seal and removes those that were never used.
    fn close(&mut self) {
        self.work();
        for lane in &mut self.lanes {
            while let Some(behind) = lane.behind.pop_front() {
                if behind.back.published() == 0 {
                    // Recovery would remove it as well.
                    let _ = std::fs::remove_file(&behind.path);
                }
            }
        }
    }
}

/// A fault that can be repeated, of an error that cannot.
fn fault_of(error: &JournalError) -> Fault {
    match error {
        JournalError::Io { operation, path, source } => Fault::new(operation, path, 0, source),
        other => Fault::new("finish", std::path::Path::new("."), 0, &std::io::Error::other(other.to_string())),
    }
}

/// The helper thread; ends with its handle.
pub(super) struct HelperHandle {
    pub jobs: Sender<Job>,
    pub thread: Option<JoinHandle<()>>,
}

impl HelperHandle {
    /// Lets it finish all sealed segments, and waits.
    pub(super) fn finish(mut self) -> Result<(), JournalError> {
        self.jobs.send(Job::Close).map_err(|_| JournalError::Helper)?;
        match self.thread.take() {
            Some(thread) => thread.join().map_err(|_| JournalError::Helper),
            None => Err(JournalError::Helper),
        }
    }
}

impl Drop for HelperHandle {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // It may have ended already; and what it left undone, recovery does.
            let _ = self.jobs.send(Job::Stop);
            let _ = thread.join();
        }
    }
}
