//! Edge: the writer. One thread owns it: the journal lane's.

use super::config::Durability;
use super::disk::{DirLock, Disk};
use super::encode::{Plan, Stamp, plan, write_slot};
use super::error::{Fault, JournalError};
use super::heads::Head;
use super::helper::{HelperHandle, Job, Reply, Shared};
use super::loss::{Loss, LossReason, Note};
use super::place::{Place, Places};
use super::record::{Log, SealReason};
use super::write_lane::WriteLane;
use crate::event::digest::SlotDigest;
use crate::event::slot::Slot;
use crate::types::time::UnixNanos;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};

/// What a writer wrote, told when it is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Slots appended by this writer.
    pub records: u64,
    /// Bytes of their records.
    pub bytes: u64,
    /// Last sequence in the journal; 0 = empty.
    pub sequence_last: u64,
    /// The heads of the logs, for keeping elsewhere.
    pub heads: [Head; 2],
}

/// Appends slots to the journal of one directory, which it holds locked. Dropping it without [`Writer::close`] leaves
/// files that the next `open` recovers.
pub struct Writer {
    pub(super) lanes: [WriteLane; 2],
    pub(super) shared: Arc<Shared>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) replies: Receiver<Reply>,
    pub(super) helper: HelperHandle,
    pub(super) durability: Durability,
    pub(super) epoch: u64,
    pub(super) last_sequence: u64,
    pub(super) synced_to: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// Market data that cannot be written, while that lasts.
    pub(super) refused: Option<Loss>,
    /// What could not be written, but now can.
    pub(super) losses: Vec<Loss>,
    /// Notes for the audit log that it has not got yet.
    pub(super) notes: Vec<Note>,
    pub(super) _lock: DirLock,
}

impl Writer {
    /// The epoch of the records to come. Call it once, before the first append.
    pub fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// Market data that this writer was given and could not write; the last one may still be going on. The audit log has
    /// a note of each.
    pub fn losses(&self) -> Vec<Loss> {
        self.losses.iter().chain(&self.refused).copied().collect()
    }

    /// Appends `slot` with its `digest` to the log that it belongs to. When this returns, the record survives the
    /// death of the process. No allocation; no system call unless a segment ends.
    ///
    /// # Errors
    /// [`JournalError::Sequence`]; [`JournalError::DiskFull`] if the log needs a segment and there is none (this slot
    /// is not written, which the audit log notes; the other log goes on; works again when there is room); the fault of an earlier sync, forever.
    #[inline]
    pub fn append(&mut self, slot: &Slot, digest: &SlotDigest) -> Result<(), JournalError> {
        if self.shared.faulted.load(Ordering::Relaxed) || slot.input.sequence <= self.last_sequence {
            return Err(self.refusal(slot.input.sequence));
        }
        let plan = plan(slot);
        let i = plan.log.index();
        if !self.lanes[i].fits(plan.length)
            && let Err(error) = self.rotate(i)
        {
            return Err(self.not_written(plan.log, slot, error));
        }
        if self.lanes[i].current.front.used() == 0 {
            self.begin(i, slot);
        }
        let stamp = self.stamp(i);
        let lane = &mut self.lanes[i];
        let Some(out) = lane.current.front.spare(plan.length) else {
            return Err(JournalError::Helper);
        };
        write_slot(out, &plan, stamp, slot, digest);
        lane.current.front.publish(plan.length);
        self.count(&plan, slot);
        if !self.notes.is_empty() {
            self.write_notes(slot.input.ts_recv);
        }
        Ok(())
    }

    #[inline]
    fn count(&mut self, plan: &Plan, slot: &Slot) {
        let lane = &mut self.lanes[plan.log.index()];
        lane.records += 1;
        lane.last = slot.input.sequence;
        lane.time = slot.input.ts_recv;
        self.last_sequence = slot.input.sequence;
        self.records += 1;
        self.bytes += plan.length as u64;
    }

    #[cold]
    fn refusal(&self, found: u64) -> JournalError {
        self.shared.error().unwrap_or(JournalError::Sequence { last: self.last_sequence, found })
    }

    #[inline]
    fn stamp(&self, i: usize) -> Stamp {
        Stamp { epoch: self.epoch, durable: self.shared.durable[i].load(Ordering::Relaxed) }
    }

    #[cold]
    fn begin(&mut self, i: usize, slot: &Slot) {
        let (stamp, sequence, time) = (self.stamp(i), slot.input.sequence, slot.input.ts_recv);
        if i == Log::Market.index()
            && let Some(loss) = self.refused.take()
        {
            self.losses.push(loss);
            self.notes.push(Note::goes_on(&loss));
        }
        self.lanes[i].begin(stamp, sequence, time);
    }

    /// A slot of the market log has no place: says so in the audit log, once until it goes on.
    #[cold]
    fn not_written(&mut self, log: Log, slot: &Slot, error: JournalError) -> JournalError {
        let (sequence, time) = (slot.input.sequence, slot.input.ts_recv);
        if log == Log::Audit || self.is_faulted() {
            return error;
        }
        if let Some(loss) = &mut self.refused {
            loss.last = sequence;
        } else {
            let reason = if error.is_disk_full() { LossReason::DiskFull } else { LossReason::NoSegment };
            let loss = Loss { first: sequence, last: sequence, reason };
            self.refused = Some(loss);
            // A segment that holds nothing yet has no end to be kept clear.
            let lane = &mut self.lanes[log.index()];
            lane.refusing = lane.current.front.used() > 0;
            self.notes.push(Note::stopped(&loss));
            self.write_notes(time);
        }
        error
    }

    /// Writes the notes that wait, as far as the audit log has room; it has, unless this writer has not put a slot in yet, or
    /// recording stopped and went on again and again since the last one.
    #[cold]
    fn write_notes(&mut self, time: UnixNanos) {
        let i = Log::Audit.index();
        let stamp = self.stamp(i);
        self.lanes[i].write_notes(&mut self.notes, stamp, time);
    }

    /// Seals the current segment of a log and goes on in the next one.
    #[cold]
    fn rotate(&mut self, i: usize) -> Result<(), JournalError> {
        while let Ok(reply) = self.replies.try_recv() {
            self.take(reply)?;
        }
        while self.lanes[i].next.is_none() {
            if let Some(fault) = &self.lanes[i].failure {
                return Err(fault.error());
            }
            let reply = self.replies.recv().map_err(|_| JournalError::Helper)?;
            self.take(reply)?;
        }
        let stamp = self.stamp(i);
        let lane = &mut self.lanes[i];
        lane.end(SealReason::Full, stamp);
        if let Some(next) = lane.next.take() {
            // The helper finishes the old one as soon as this half of it is gone.
            lane.current = next;
            lane.unfinished += 1;
            lane.refusing = false;
        }
        self.helper.jobs.send(Job::Prepare(self.lanes[i].log)).map_err(|_| JournalError::Helper)
    }

    fn take(&mut self, reply: Reply) -> Result<(), JournalError> {
        match reply {
            Reply::Prepared(log, Ok(prepared)) => {
                let lane = &mut self.lanes[log.index()];
                lane.next = Some(prepared);
                lane.failure = None;
            }
            Reply::Prepared(log, Err(fault)) => self.lanes[log.index()].failure = Some(fault),
            Reply::Sealed(log) => self.lanes[log.index()].unfinished -= 1,
            Reply::Fault => return Err(self.shared.error().unwrap_or(JournalError::Helper)),
        }
        Ok(())
    }

    /// Waits until all that was appended is on the disk (group commit), and returns the last sequence that is.
    ///
    /// # Errors
    /// The fault of the sync. It is never tried again: what the kernel could not write it may have forgotten.
    pub fn sync(&mut self) -> Result<u64, JournalError> {
        if let Some(error) = self.shared.error() {
            return Err(error);
        }
        while self.lanes.iter().any(|lane| lane.unfinished > 0) {
            let reply = self.replies.recv().map_err(|_| JournalError::Helper)?;
            self.take(reply)?;
        }
        // Market first: if the power fails between the two, the audit log is not ahead of what it rests on.
        for i in [Log::Market.index(), Log::Audit.index()] {
            let lane = &mut self.lanes[i];
            if lane.synced == lane.current.front.used() {
                continue;
            }
            if let Err(error) = self.disk.sync(&lane.current.file) {
                self.shared.fail(Fault::new("sync", &lane.current.path, 0, &error));
                return Err(self.refusal(0));
            }
            lane.synced = lane.current.front.used();
            self.shared.durable[i].fetch_max(lane.last, Ordering::Release);
        }
        // The helper may have met a fault meanwhile.
        if let Some(error) = self.shared.error() {
            return Err(error);
        }
        self.synced_to = self.last_sequence;
        Ok(self.synced_to)
    }

    /// The last sequence appended (or recovered); 0 = none.
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// The last sequence that [`Self::sync`] has confirmed (or that was recovered).
    pub fn synced_to(&self) -> u64 {
        self.synced_to
    }

    /// Where the next records go.
    pub fn places(&self) -> Places {
        self.lanes
            .each_ref()
            .map(|lane| Place { segment: lane.current.number, offset: lane.current.front.used() as u64 })
    }

    /// The durability that was configured.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Whether a sync or seal has failed; from then on every append is refused.
    pub fn is_faulted(&self) -> bool {
        self.shared.faulted.load(Ordering::Acquire)
    }

    /// How far the chain is filled in, per log: usually a millisecond behind. To be signed and kept off the host.
    pub fn heads(&self) -> [Head; 2] {
        *self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals both logs, waits until all is on the disk, writes the heads and lets the directory go.
    ///
    /// # Errors
    /// The fault of an earlier sync, or of this one. The files are then left for recovery.
    pub fn close(mut self) -> Result<Summary, JournalError> {
        if let Some(error) = self.shared.error() {
            return Err(error);
        }
        if !self.notes.is_empty() {
            self.write_notes(self.lanes[Log::Audit.index()].time);
        }
        let stamps = Log::ALL.map(|log| self.stamp(log.index()));
        for (lane, stamp) in self.lanes.iter_mut().zip(stamps) {
            if lane.current.front.used() > 0 {
                lane.end(SealReason::Closed, stamp);
            }
        }
        let Self { lanes, shared, helper, records, bytes, last_sequence, _lock: lock, .. } = self;
        // The helper cuts the files, so this side's halves of the mappings go first; the directory stays locked.
        drop(lanes);
        helper.finish()?;
        drop(lock);
        if let Some(error) = shared.error() {
            return Err(error);
        }
        let heads = *shared.heads.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Summary { records, bytes, sequence_last: last_sequence, heads })
    }
}
