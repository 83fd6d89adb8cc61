//! Edge: places in the two logs, and how many bytes lie between two of them.

use super::disk::{segment_numbers, segment_path};
use super::error::JournalError;
use super::record::Log;
use std::io;
use std::path::Path;

/// A place in one log: where the next record begins. Places of one log are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Number of the segment.
    pub segment: u64,
    /// Bytes from its start.
    pub offset: u64,
}

/// A place in each log, by [`Log::index`].
pub type Places = [Place; 2];

/// Bytes of both logs from `from` to `to`: records, headers and seals. What retention has dropped between counts as nothing, and a
/// segment that is full and not yet cut counts whole; a place that is not before the other is no distance.
///
/// # Errors
/// [`JournalError::Io`].
pub fn bytes_between(dir: &Path, from: &Places, to: &Places) -> Result<u64, JournalError> {
    let mut bytes = 0;
    for log in Log::ALL {
        bytes += between(dir, log, from[log.index()], to[log.index()])?;
    }
    Ok(bytes)
}

fn between(dir: &Path, log: Log, from: Place, to: Place) -> Result<u64, JournalError> {
    if from >= to {
        return Ok(0);
    }
    if from.segment == to.segment {
        return Ok(to.offset - from.offset);
    }
    let mut bytes = to.offset;
    for number in segment_numbers(dir, log)?.into_iter().filter(|n| (from.segment..to.segment).contains(n)) {
        let path = segment_path(dir, log, number);
        let length = match std::fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(JournalError::io("stat", &path)(error)),
        };
        bytes += if number == from.segment { length.saturating_sub(from.offset) } else { length };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_between_two_places() {
        let dir = tempfile::tempdir().unwrap();
        for log in Log::ALL {
            std::fs::create_dir(dir.path().join(log.name())).unwrap();
        }
        for (number, length) in [(2, 100u64), (3, 200), (4, 4096)] {
            std::fs::File::create(segment_path(dir.path(), Log::Market, number)).unwrap().set_len(length).unwrap();
        }
        let check = |from: (u64, u64), to: (u64, u64), expected: u64| {
            let place = |(segment, offset)| Place { segment, offset };
            let mut ends: [Places; 2] = Default::default();
            ends[0][Log::Market.index()] = place(from);
            ends[1][Log::Market.index()] = place(to);
            assert_eq!(bytes_between(dir.path(), &ends[0], &ends[1]).unwrap(), expected, "{from:?} to {to:?}");
        };
        check((4, 64), (4, 640), 576);
        check((4, 64), (4, 64), 0);
        check((4, 65), (4, 64), 0);
        check((3, 50), (4, 64), 150 + 64);
        check((2, 60), (4, 64), 40 + 200 + 64);
        // The first segment was dropped since it was read.
        check((1, 60), (3, 10), 100 + 10);
        check((2, 200), (3, 10), 10);
    }
}
