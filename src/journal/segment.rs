//! Edge: a segment as a file: made ahead, its chain filled in, closed for good.

use super::disk::{Disk, half_made_path, segment_path, sync_dir};
use super::error::{Fault, JournalError};
use super::map::{self, Back, Front};
use super::record::{
    self, ALIGN, Hash, LENGTH_MAX, Log, OPENING_LENGTH, Parsed, RecordKind, SEAL_LENGTH, Seal, hash, parse,
};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

/// The smallest segment.
pub(super) const SEGMENT_BYTES_MIN: u64 = 8 << 10;
/// The largest segment.
pub(super) const SEGMENT_BYTES_MAX: u64 = 1 << 30;
const PAGE: u64 = 4096;
const _: () = assert!(SEGMENT_BYTES_MIN as usize > OPENING_LENGTH + LENGTH_MAX + SEAL_LENGTH);

/// A segment that is mapped, with nothing in it yet: the writer's half.
pub(super) struct Prepared {
    pub number: u64,
    pub path: PathBuf,
    pub front: Front,
    /// A file handle of the writer's own: each handle is told of a failed write-back once, so two that share one
    /// could hide it from each other.
    pub file: File,
}

/// The helper's half of a mapped segment.
pub(super) struct Behind {
    pub number: u64,
    pub path: PathBuf,
    pub file: File,
    pub back: Back,
    /// Bytes from the start whose chain is filled in.
    pub chained: usize,
    /// Bytes from the start whose pages are faulted in.
    pub prefaulted: usize,
    /// Sequence of the last chained record.
    pub sequence: u64,
    /// What the seal says, once it was met.
    pub seal: Option<Seal>,
}

/// Makes segment `number` of `log`: reserves its blocks, then maps it. Leaves nothing behind when it cannot. It gets its name
/// when it has its blocks: so an empty segment is never one that a crash left.
pub(super) fn prepare(
    dir: &Path,
    log: Log,
    number: u64,
    bytes: u64,
    disk: &dyn Disk,
) -> Result<(Prepared, Behind), Fault> {
    let path = segment_path(dir, log, number);
    let bytes = bytes.next_multiple_of(PAGE);
    let unnamed = half_made_path(dir, log, number);
    let open = || OpenOptions::new().read(true).write(true).open(&path);
    let made = (|| {
        if path.try_exists().map_err(|e| ("create", e))? {
            return Err(("create", std::io::ErrorKind::AlreadyExists.into()));
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&unnamed);
        let file = file.map_err(|e| ("create", e))?;
        disk.allocate(&file, bytes).map_err(|e| ("reserve", e))?;
        let (front, back) = map::map(&file).map_err(|e| ("map", e))?;
        if (back.len() as u64) < bytes {
            return Err(("map the whole of", std::io::ErrorKind::UnexpectedEof.into()));
        }
        std::fs::rename(&unnamed, &path).map_err(|e| ("name", e))?;
        Ok((file, open().map_err(|e| ("open", e))?, front, back))
    })();
    match made {
        Ok((file, second, front, back)) => {
            // Without this a power loss could take the name away; the writer's sync covers only the contents.
            if let Err(JournalError::Io { operation, path: folder, source }) = sync_dir(&dir.join(log.name())) {
                // Nothing is in it yet, and the next attempt needs the name.
                let _ = std::fs::remove_file(&path);
                let path = folder;
                return Err(Fault::new(operation, &path, 0, &source));
            }
            let prepared = Prepared { number, path: path.clone(), front, file: second };
            let behind = Behind { number, path, file, back, chained: 0, prefaulted: 0, sequence: 0, seal: None };
            Ok((prepared, behind))
        }
        Err((operation, source)) => {
            // What is there is empty or short; the next attempt, or the next start, would remove it too.
            let _ = std::fs::remove_file(&unnamed);
            if operation == "open" {
                let _ = std::fs::remove_file(&path);
            }
            Err(Fault::new(operation, &path, bytes, &source))
        }
    }
}

impl Behind {
    /// Fills in the chain of what was published since, at most `budget` bytes. Returns whether there was anything.
    pub(super) fn chain(&mut self, last: &mut Hash, budget: usize) -> bool {
        let bytes = self.back.bytes_mut(self.chained);
        let mut at = 0;
        while at < bytes.len().min(budget) {
            let Parsed::Record(found) = parse(&bytes[at..]) else { break };
            let length = found.bytes.len();
            self.sequence = if found.kind == RecordKind::Opening { self.sequence } else { found.header.sequence };
            self.seal = (found.kind == RecordKind::Seal).then(|| found.mark());
            bytes[at..at + 32].copy_from_slice(last);
            *last = hash(&bytes[at..at + length]);
            at += length;
        }
        self.chained += at;
        at > 0
    }
}

/// What is known of a sealed segment from its two ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed {
    pub number: u64,
    pub bytes: u64,
    pub first: u64,
    pub last: u64,
    pub records: u64,
    pub epoch: u64,
    /// The chain's hash before its header.
    pub previous: Hash,
    /// SHA-256 of its seal.
    pub hash: Hash,
}

/// Reads the two ends of a segment; `None` if it is not one that was sealed and cut to its length.
pub(super) fn read_sealed(path: &Path, log: Log, number: u64) -> Result<Option<Sealed>, JournalError> {
    use std::os::unix::fs::FileExt;
    let io = |operation| JournalError::io(operation, path);
    let file = File::open(path).map_err(io("open"))?;
    let bytes = file.metadata().map_err(io("stat"))?.len();
    if bytes < (OPENING_LENGTH + SEAL_LENGTH) as u64 || bytes % ALIGN as u64 != 0 {
        return Ok(None);
    }
    let (mut head, mut tail) = ([0; OPENING_LENGTH], [0; SEAL_LENGTH]);
    file.read_exact_at(&mut head, 0).map_err(io("read"))?;
    file.read_exact_at(&mut tail, bytes - SEAL_LENGTH as u64).map_err(io("read"))?;
    let (Parsed::Record(opening), Parsed::Record(end)) = (parse(&head), parse(&tail)) else { return Ok(None) };
    if opening.kind != RecordKind::Opening
        || !opening.mark::<record::Opening>().is_of(log, number)
        || end.kind != RecordKind::Seal
    {
        return Ok(None);
    }
    let seal: Seal = end.mark();
    Ok(Some(Sealed {
        number,
        bytes,
        first: seal.first,
        last: end.header.sequence,
        records: seal.records,
        epoch: end.header.epoch,
        previous: opening.header.previous,
        hash: hash(&tail),
    }))
}

/// Cuts a sealed segment to its length, durably. Its mapping must be gone.
pub(super) fn cut(file: &File, path: &Path, bytes: u64, disk: &dyn Disk) -> Result<(), Fault> {
    let fault = |operation| move |e: std::io::Error| Fault::new(operation, path, 0, &e);
    // The contents first: a file that is cut counts as whole.
    disk.sync(file).map_err(fault("sync"))?;
    file.set_len(bytes).map_err(fault("truncate"))?;
    disk.sync(file).map_err(fault("sync"))
}
