//! Edge: what the journal asks of the file system: reserve, sync, replace atomically, lock.

use super::error::JournalError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The two operations whose failure the journal must survive, apart so that tests can make them fail.
pub(super) trait Disk: Send + Sync {
    /// Makes `file` `bytes` long with blocks that are really there, reading as zeros.
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()>;
    /// Waits until what was written is on the disk.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The real one.
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        use rustix::io::Errno;
        match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            Ok(()) => Ok(()),
            // Not every file system can reserve; all can be written to.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                let zeros = [0; 16 << 10];
                let mut at = 0;
                while at < bytes {
                    let n = (bytes - at).min(zeros.len() as u64);
                    file.write_all_at(&zeros[..n as usize], at)?;
                    at += n;
                }
                // Some accept writes first and refuse them later.
                file.sync_data()
            }
            Err(error) => Err(error.into()),
        }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Makes new, renamed or removed names in `dir` durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(JournalError::io("sync the directory", dir))
}

/// Stores `bytes` as `dir/name`, atomically: after a crash there is the old file or the new one, whole.
///
/// # Errors
/// [`JournalError::Name`] if `name` is not a plain file name or belongs to the journal; [`JournalError::Io`].
pub fn write_meta(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), JournalError> {
    const OURS: [&str; 5] = ["lock", "audit", "market", super::heads::HEADS_FILE, super::heads::DROPPED_FILE];
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
    if !plain || OURS.contains(&name) {
        return Err(JournalError::Name { name: name.to_owned() });
    }
    replace(dir, name, bytes)
}

/// [`write_meta`] for any name.
pub(super) fn replace(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), JournalError> {
    let temporary = dir.join(format!(".{name}.new"));
    let io = |operation| JournalError::io(operation, &temporary);
    let mut file = File::create(&temporary).map_err(io("create"))?;
    file.write_all(bytes).map_err(io("write"))?;
    file.sync_all().map_err(io("sync"))?;
    fs::rename(&temporary, dir.join(name)).map_err(io("rename"))?;
    sync_dir(dir)
}

/// The lock on a journal's directory; let go when dropped (also by the death of the process).
pub(super) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the lock, or says who has it.
    pub(super) fn take(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(JournalError::io("open the lock file", &path))?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // The pid is a courtesy: without it the answer is still "locked".
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim();
                let holder = if holder.is_empty() { "unknown" } else { holder }.to_owned();
                return Err(JournalError::Locked { path: dir.to_path_buf(), holder });
            }
            Err(error) => return Err(JournalError::io("lock", &path)(error.into())),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(JournalError::io("write the lock file", &path))?;
        Ok(Self { _file: file })
    }
}

/// Name of a segment in the journal's folder.
pub(super) fn segment_name(log: super::record::Log, number: u64) -> String {
    format!("{}/{number:010}.seg", log.name())
}

/// Path of a segment.
pub(super) fn segment_path(dir: &Path, log: super::record::Log, number: u64) -> PathBuf {
    dir.join(segment_name(log, number))
}

/// What a segment is called until it has its blocks.
pub(super) fn half_made_path(dir: &Path, log: super::record::Log, number: u64) -> PathBuf {
    dir.join(format!("{}/.{number:010}.seg.new", log.name()))
}

/// Whether `name` is one of a segment that was still being made.
pub(super) fn is_half_made(name: &str) -> bool {
    name.strip_prefix('.').and_then(|n| n.strip_suffix(".new")).is_some_and(|n| parse_segment_name(n).is_some())
}

/// The number of the segment whose file is called `name`; `None` for every name that the writer does not give.
pub(super) fn parse_segment_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg").filter(|s| s.len() == 10 && s.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok().filter(|number| *number > 0)
}

/// Removes what a crash left of a segment that was still being made.
pub(super) fn remove_half_made(dir: &Path, log: super::record::Log) -> Result<(), JournalError> {
    let folder = dir.join(log.name());
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry.map_err(JournalError::io("list", &folder))?;
        if entry.file_name().to_str().is_some_and(is_half_made) {
            fs::remove_file(entry.path()).map_err(JournalError::io("remove", &entry.path()))?;
        }
    }
    Ok(())
}

/// Numbers of the segments of a log, ascending. Names that are not ours are left alone.
pub(super) fn segment_numbers(dir: &Path, log: super::record::Log) -> Result<Vec<u64>, JournalError> {
    let folder = dir.join(log.name());
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(JournalError::io("list", &folder)(error)),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry.map_err(JournalError::io("list", &folder))?;
        numbers.extend(entry.file_name().to_str().and_then(parse_segment_name));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether a segment's file was made ahead and never used: it holds nothing but zeros.
pub(super) fn is_unused(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    let mut page = [0; 4096];
    let read = file.read_at(&mut page, 0)?;
    // A used one shows it on its first page; only then is the rest worth reading.
    Ok(page[..read].iter().all(|b| *b == 0) && fs::read(path)?.iter().all(|b| *b == 0))
}
