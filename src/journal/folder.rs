//! Edge: what verify reads: a journal's folder on disk, or (in tests) a copy of one in memory.

use super::disk::{is_half_made, parse_segment_name};
use super::error::JournalError;
use super::record::{ALIGN, Log, Parsed, next_valid, parse};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Files by their names in the journal's folder, such as `audit/0000000001.seg`.
pub(super) trait Folder {
    /// Names of the files in `sub` (empty = the journal's own folder), ascending; `None` if there is no such folder.
    fn names(&self, sub: &str) -> Result<Option<Vec<String>>, JournalError>;
    /// What is in `file`; `None` if it is not there (any more).
    fn read(&self, file: &str) -> Result<Option<Cow<'_, [u8]>>, JournalError>;
    /// Bytes of `file`; 0 if it is not there.
    fn bytes(&self, file: &str) -> u64;
    /// Whether `file` has any whole record; a file made ahead and never used has none.
    fn has_records(&self, file: &str) -> bool;
}

/// Whether there is a whole record in `bytes`.
pub(super) fn has_records(bytes: &[u8]) -> bool {
    matches!(parse(bytes), Parsed::Record(_)) || bytes.iter().any(|b| *b != 0) && next_valid(bytes, ALIGN).is_some()
}

/// What is in the folder of a log.
pub(super) struct Names {
    /// Numbers of the segments, ascending.
    pub numbers: Vec<u64>,
    /// Names that are not the journal's.
    pub foreign: Vec<String>,
}

/// What is in the folder of `log`; `None` if there is no such folder.
pub(super) fn segments_of(folder: &dyn Folder, log: Log) -> Result<Option<Names>, JournalError> {
    let Some(names) = folder.names(log.name())? else { return Ok(None) };
    let (mut numbers, mut foreign) = (Vec::new(), Vec::new());
    for name in names {
        match parse_segment_name(&name) {
            Some(number) => numbers.push(number),
            // A running writer makes one just now, or a crash left it; the next start removes it.
            None if is_half_made(&name) => {}
            None => foreign.push(name),
        }
    }
    numbers.sort_unstable();
    Ok(Some(Names { numbers, foreign }))
}

/// The folder on disk.
pub(super) struct DirFolder<'a>(pub &'a Path);

impl DirFolder<'_> {
    fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }
}

impl Folder for DirFolder<'_> {
    fn names(&self, sub: &str) -> Result<Option<Vec<String>>, JournalError> {
        let path = self.path(sub);
        let list = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(&path)? {
                let entry = entry?;
                if !entry.file_type()?.is_dir() {
                    names.push(entry.file_name().to_string_lossy().into_owned());
                }
            }
            names.sort_unstable();
            Ok(names)
        };
        match list() {
            Ok(names) => Ok(Some(names)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(JournalError::io("list", &path)(error)),
        }
    }

    fn read(&self, file: &str) -> Result<Option<Cow<'_, [u8]>>, JournalError> {
        let path = self.path(file);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(Cow::Owned(bytes))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(JournalError::io("read", &path)(error)),
        }
    }

    fn bytes(&self, file: &str) -> u64 {
        std::fs::metadata(self.path(file)).map_or(0, |m| m.len())
    }

    fn has_records(&self, file: &str) -> bool {
        // A used one shows it on its first page; only otherwise is the rest worth reading.
        let mut page = vec![0; 4096];
        let read = File::open(self.path(file)).and_then(|file| file.read_at(&mut page, 0)).unwrap_or(0);
        matches!(parse(&page[..read]), Parsed::Record(_))
            || self.read(file).is_ok_and(|bytes| bytes.is_some_and(|bytes| has_records(&bytes)))
    }
}
