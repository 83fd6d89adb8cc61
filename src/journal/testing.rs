//! Edge: a disk for tests: it fills up, fails or stalls when it is told to, and knows what a loss of power would leave.

use super::config::Config;
use super::disk::Disk;
use super::error::JournalError;
use super::recovery::Recovery;
use super::writer::Writer;
use crate::types::time::UnixNanos;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Neither waits for the real disk nor reserves much.
#[derive(Default)]
pub(crate) struct FaultDisk {
    /// No room for another segment.
    pub(crate) full: AtomicBool,
    /// The next sync fails with EIO; once only, as the kernel does it: the one after it says that all is well.
    pub(crate) broken: AtomicBool,
    /// The next sync takes so many milliseconds more; once only.
    pub(crate) stall_ms: AtomicU64,
    /// When a sync failed or began to stall.
    pub(crate) faulty_since: Mutex<Option<Instant>>,
    /// Syncs after one that failed.
    pub(crate) retried: AtomicU64,
    failed: AtomicBool,
    /// Remembers what each file held when it was last synced.
    pub(crate) remembers: AtomicBool,
    synced: Mutex<HashMap<u64, Vec<u8>>>,
}

impl Disk for FaultDisk {
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(28));
        }
        file.set_len(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let stall = self.stall_ms.swap(0, Ordering::SeqCst);
        if stall > 0 {
            *self.faulty_since.lock().unwrap() = Some(Instant::now());
            std::thread::sleep(Duration::from_millis(stall));
        }
        if self.failed.load(Ordering::SeqCst) {
            self.retried.fetch_add(1, Ordering::SeqCst);
        }
        if self.broken.swap(false, Ordering::SeqCst) {
            self.failed.store(true, Ordering::SeqCst);
            *self.faulty_since.lock().unwrap() = Some(Instant::now());
            return Err(io::Error::from_raw_os_error(5));
        }
        if self.remembers.load(Ordering::SeqCst) {
            let mut bytes = vec![0; file.metadata()?.len() as usize];
            file.read_exact_at(&mut bytes, 0)?;
            self.synced.lock().unwrap().insert(file.metadata()?.ino(), bytes);
        }
        Ok(())
    }
}

impl FaultDisk {
    /// [`Writer::open`] on this disk.
    pub(crate) fn open(
        self: &Arc<Self>,
        dir: &Path,
        config: &Config,
        now: UnixNanos,
    ) -> Result<(Writer, Recovery), JournalError> {
        Writer::open_on(dir, config, now, Arc::clone(self) as Arc<dyn Disk>)
    }

    /// Makes in `to` what a loss of power leaves of the journal in `dir`: of each segment what was synced last, and zeros
    /// where nothing ever was.
    pub(crate) fn lose_power(&self, dir: &Path, to: &Path) {
        let synced = self.synced.lock().unwrap();
        for sub in ["", "audit", "market"] {
            fs::create_dir_all(to.join(sub)).unwrap();
            for entry in fs::read_dir(dir.join(sub)).unwrap() {
                let entry = entry.unwrap();
                if !entry.file_type().unwrap().is_file() {
                    continue;
                }
                let metadata = entry.metadata().unwrap();
                let bytes = match synced.get(&metadata.ino()) {
                    Some(bytes) => bytes.clone(),
                    None if sub.is_empty() => fs::read(entry.path()).unwrap(),
                    None => vec![0; metadata.len() as usize],
                };
                fs::write(to.join(sub).join(entry.file_name()), bytes).unwrap();
            }
        }
    }
}
