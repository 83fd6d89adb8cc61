//! Edge: what can go wrong with the journal, with the place and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A fault of the journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// An operation on a file failed.
    #[error("journal: {operation} {}: {source}; check the path, its owner and the disk, then start again", .path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No room for another segment. Records of the other log go on while it has room.
    #[error(
        "journal: no room for another segment of {} bytes at {}: {source}; free space, lower retention_bytes_market or move the journal",
        .bytes, .path.display()
    )]
    DiskFull {
        /// The segment that could not be made.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The system's answer (ENOSPC, EDQUOT, EFBIG).
        source: io::Error,
    },
    /// Another process writes this journal.
    #[error(
        "journal: {} is in use by process {holder}; stop that process first, or give this host a directory of its own",
        .path.display()
    )]
    Locked {
        /// The journal's directory.
        path: PathBuf,
        /// The pid in its lock file, or `unknown`.
        holder: String,
    },
    /// Bytes that a crash cannot explain. Nothing was changed.
    #[error(
        "journal: corrupt: {} at offset {offset}, after sequence {sequence}: {what}; nothing was changed: run verify, and restore the segment from a copy",
        .segment.display()
    )]
    Corrupt {
        /// The segment's file.
        segment: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// The last good sequence of that log before it; 0 = none.
        sequence: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// An input whose sequence is not above the last one. Nothing was written.
    #[error("journal: sequence {found} after {last}: sequences must rise")]
    Sequence {
        /// The last one appended.
        last: u64,
        /// The one refused.
        found: u64,
    },
    /// A size that cannot work.
    #[error("journal: {field} = {value} is outside {min}..={max}")]
    Config {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A name for `write_meta` that would leave the directory or hit a file of the journal.
    #[error("journal: {name:?} is not a plain file name for the journal's directory")]
    Name {
        /// The name.
        name: String,
    },
    /// The helper thread is gone.
    #[error("journal: the helper thread has ended; restart the host")]
    Helper,
}

impl JournalError {
    /// An [`Self::Io`], for `map_err`.
    pub(super) fn io<'a>(operation: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io { operation, path: path.to_path_buf(), source }
    }

    /// Whether it says that the disk is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::DiskFull { .. })
    }
}

/// A fault that is kept and given to every caller after it: an error can be given away only once.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub operation: &'static str,
    pub path: PathBuf,
    /// Bytes asked for when a segment could not be made.
    pub bytes: u64,
    kind: io::ErrorKind,
    code: Option<i32>,
}

impl Fault {
    pub(super) fn new(operation: &'static str, path: &Path, bytes: u64, source: &io::Error) -> Self {
        Self { operation, path: path.to_path_buf(), bytes, kind: source.kind(), code: source.raw_os_error() }
    }

    /// The fault as an error.
    pub(super) fn error(&self) -> JournalError {
        let source = self.code.map_or_else(|| io::Error::from(self.kind), io::Error::from_raw_os_error);
        let full = matches!(
            self.kind,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        if self.bytes > 0 && full {
            JournalError::DiskFull { path: self.path.clone(), bytes: self.bytes, source }
        } else {
            JournalError::Io { operation: self.operation, path: self.path.clone(), source }
        }
    }
}
