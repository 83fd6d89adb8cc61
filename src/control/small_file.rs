//! Edge: reads small files that somebody else may swap, fill or replace by anything at any time: bounded, and it never
//! waits for a pipe or a device.

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;
use zeroize::Zeroizing;

/// Why a file gives no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmallFileError {
    /// Nothing is there.
    #[error("missing")]
    Missing,
    /// It is no regular file.
    #[error("not a file but {0}")]
    NotAFile(&'static str),
    /// Longer than was asked for.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// The system refuses it.
    #[error("unreadable: {0}")]
    Io(Errno),
}

impl From<Errno> for SmallFileError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::Missing,
            // Opened without waiting, a socket and a device without a driver answer so.
            Errno::NXIO => Self::NotAFile("a socket or a device"),
            other => Self::Io(other),
        }
    }
}

/// A file's content, and what is known of the file.
#[derive(Debug)]
pub struct SmallFile {
    /// All of it. Wiped on drop, since it may be a secret; the buffer never moves while it is filled.
    pub content: Zeroizing<Vec<u8>>,
    /// Whether everybody on this machine may read it.
    pub world_readable: bool,
}

fn regular(stat: &Stat) -> Result<(), SmallFileError> {
    Err(SmallFileError::NotAFile(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok(()),
        FileType::Directory => "a directory",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    }))
}

/// Reads `path`, which is resolved anew: whatever is there now, in one open file, of `max` bytes at most.
///
/// # Errors
/// [`SmallFileError`]: anything but a regular, readable, short file.
pub fn read(path: &Path, max: usize) -> Result<SmallFile, SmallFileError> {
    // First without opening: opening a device can have effects of its own.
    regular(&rustix::fs::stat(path)?)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    // Again, of what is open: the path may have been swapped between the two.
    let stat = rustix::fs::fstat(&file)?;
    regular(&stat)?;
    let content = content(&file, max)?;
    Ok(SmallFile { content, world_readable: stat.st_mode & 0o004 != 0 })
}

fn content(file: &OwnedFd, max: usize) -> Result<Zeroizing<Vec<u8>>, SmallFileError> {
    let mut buffer = Zeroizing::new(vec![0; max + 1]);
    let mut filled = 0;
    while filled < buffer.len() {
        match rustix::io::read(file, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    if filled > max {
        return Err(SmallFileError::TooLong(max));
    }
    buffer.truncate(filled);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path, max: usize) -> Result<Vec<u8>, String> {
        read(path, max).map(|file| file.content.to_vec()).map_err(|e| e.to_string())
    }

    #[test]
    fn only_short_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for (name, bytes) in [("empty", vec![]), ("four", b"four".to_vec()), ("long", vec![b'0'; 100_000])] {
            std::fs::write(path(name), bytes).unwrap();
        }
        std::os::unix::fs::symlink("four", path("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", path("broken")).unwrap();
        std::os::unix::fs::symlink("loop", path("loop")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap();
        assert!(fifo.success(), "mkfifo is part of every system that this runs on");
        assert_eq!(text(&path("empty"), 4), Ok(vec![]));
        assert_eq!(text(&path("four"), 4), Ok(b"four".to_vec()));
        assert_eq!(text(&path("link"), 4), Ok(b"four".to_vec()));
        for (name, expected) in [
            ("four", "longer than 3 bytes"),
            ("long", "longer than 3 bytes"),
            ("absent", "missing"),
            ("broken", "missing"),
            ("fifo", "not a file but a pipe"),
            ("socket", "not a file but a socket"),
            (".", "not a file but a directory"),
            ("loop", "unreadable"),
            ("four/beneath", "unreadable"),
        ] {
            let found = text(&path(name), 3).unwrap_err();
            assert!(found.starts_with(expected), "{name}: {found}");
        }
        assert_eq!(text(Path::new("/dev/zero"), 3).unwrap_err(), "not a file but a device");
        assert_eq!(text(Path::new(""), 3).unwrap_err(), "missing");
    }
}
