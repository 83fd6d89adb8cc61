//! Edge: files that are read with a limit, and written so that they outlive a power cut.

use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// An ordinary file, open for reading, and its permission bits. A pipe is refused instead of waited for.
///
/// # Errors
/// It is not there, or is something else.
pub fn open(path: &Path) -> io::Result<(File, u32)> {
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("expected an ordinary file"));
    }
    Ok((file, meta.mode() & 0o777))
}

/// The bytes of an ordinary file of at most `bytes_max` bytes, and its permission bits.
///
/// # Errors
/// It is not there, is something else, or is longer.
pub fn read(path: &Path, bytes_max: usize) -> io::Result<(Vec<u8>, u32)> {
    let (file, mode) = open(path)?;
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        return Err(io::Error::other(format!("longer than {bytes_max} bytes")));
    }
    Ok((bytes, mode))
}

/// Writes the whole file or nothing; when this returns, it is on the disk under its name. What was there is replaced.
///
/// # Errors
/// It cannot be written; then there is what was there before.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (dir, name) = split(path)?;
    // The process in the name: two programs never write the same temporary file.
    let temporary = dir.join(format!(".{}-{}", std::process::id(), name.to_string_lossy()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    sync_dir(dir)
}

/// Creates the file; `false` if there was one: of any number of threads and processes, one creates it. When this returns
/// `true`, it is on the disk. After an error it may be there or not: whoever asks then must take it as used.
pub(super) fn create_once(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let (dir, _) = split(path)?;
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        other => other?,
    };
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_dir(dir)?;
    Ok(true)
}

/// Creates a folder and those above it; on the disk when this returns.
pub(super) fn create_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

fn split(path: &Path) -> io::Result<(&Path, &std::ffi::OsStr)> {
    path.parent().zip(path.file_name()).ok_or_else(|| io::Error::other("expected a file in a folder"))
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
