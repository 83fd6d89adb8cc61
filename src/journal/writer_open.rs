//! Edge: opening a writer: the lock, recovery, the first segments, the helper thread.

use super::config::Config;
use super::disk::{DirLock, Disk, RealDisk};
use super::error::JournalError;
use super::heads::Head;
use super::helper::{Helper, HelperHandle, Job, Lane, Reply, Shared};
use super::record::Log;
use super::recovery::{self, Recovery};
use super::write_lane::WriteLane;
use super::writer::Writer;
use crate::types::time::UnixNanos;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

impl Writer {
    /// Creates the journal in `dir`, or recovers what is there, and locks it. `now` is the time that goes into a seal
    /// which recovery has to write.
    ///
    /// # Errors
    /// [`JournalError::Config`], [`JournalError::Locked`], [`JournalError::Corrupt`] (nothing was changed),
    /// [`JournalError::DiskFull`] (also if the audit log's reserve cannot be made), [`JournalError::Io`].
    pub fn open(dir: &Path, config: &Config, now: UnixNanos) -> Result<(Self, Recovery), JournalError> {
        Self::open_on(dir, config, now, Arc::new(RealDisk))
    }

    /// [`Self::open`] on a disk of the test's choice.
    pub(super) fn open_on(
        dir: &Path,
        config: &Config,
        now: UnixNanos,
        disk: Arc<dyn Disk>,
    ) -> Result<(Self, Recovery), JournalError> {
        config.check()?;
        for folder in [dir.to_path_buf(), dir.join(Log::Audit.name()), dir.join(Log::Market.name())] {
            std::fs::create_dir_all(&folder).map_err(JournalError::io("create the directory", &folder))?;
        }
        let lock = DirLock::take(dir)?;
        let (recovery, logs) = recovery::recover(dir, now, &*disk)?;
        super::disk::sync_dir(dir)?;

        let heads = Log::ALL.map(|log| {
            let state = &logs[log.index()];
            Head { log, sequence: state.last, hash: state.hash }
        });
        let shared = Arc::new(Shared {
            faulted: AtomicBool::new(false),
            fault: Mutex::new(None),
            durable: Log::ALL.map(|log| AtomicU64::new(logs[log.index()].last)),
            heads: Mutex::new(heads),
        });
        let (jobs, jobs_in) = channel();
        let (replies_out, replies) = channel();
        let mut lasts = [0; 2];
        let lanes = logs.map(|state| {
            lasts[state.log.index()] = state.last;
            let head = (state.last > 0).then(|| heads[state.log.index()]);
            Lane::new(state.log, config, state.next, state.hash, head, state.sealed)
        });
        let mut helper = Helper {
            dir: dir.to_path_buf(),
            durability: config.durability,
            disk: Arc::clone(&disk),
            lanes,
            shared: Arc::clone(&shared),
            jobs: jobs_in,
            replies: replies_out,
        };
        helper.write_heads().map_err(|fault| fault.error())?;
        for i in 0..2 {
            helper.retain(i).map_err(|fault| fault.error())?;
        }
        let mut make = |log: Log| {
            helper.prepare(log);
            match replies.try_recv() {
                Ok(Reply::Prepared(_, made)) => made.map_err(|fault| fault.error()),
                _ => Err(JournalError::Helper),
            }
        };
        let audit = make(Log::Audit)?;
        let reserve = make(Log::Audit)?;
        let market = make(Log::Market)?;
        let lane = |log: Log, current, next| WriteLane {
            log,
            segment_bytes: match log {
                Log::Audit => config.segment_bytes_audit,
                Log::Market => config.segment_bytes_market,
            },
            current,
            next,
            failure: None,
            first: 0,
            records: 0,
            last: lasts[log.index()],
            time: now,
            unfinished: 0,
            synced: 0,
            refusing: false,
        };
        let lanes = [lane(Log::Audit, audit, Some(reserve)), lane(Log::Market, market, None)];
        let thread = std::thread::Builder::new()
            .name("journal-helper".into())
            .spawn(move || helper.run())
            .map_err(JournalError::io("start the helper thread for", dir))?;
        let writer = Self {
            lanes,
            shared,
            disk,
            replies,
            helper: HelperHandle { jobs, thread: Some(thread) },
            durability: config.durability,
            epoch: recovery.epoch_last,
            last_sequence: recovery.sequence_last,
            synced_to: recovery.sequence_last,
            records: 0,
            bytes: 0,
            refused: None,
            losses: Vec::new(),
            notes: Vec::with_capacity(4),
            _lock: lock,
        };
        // A helper that is gone shows at the first rotation.
        let _ = writer.helper.jobs.send(Job::Prepare(Log::Market));
        Ok((writer, recovery))
    }
}
