//! Edge: what can be wrong with a capture, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A place in the content of a capture (after decompression).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Bytes from the start.
    pub byte: u64,
    /// Number of the line, message or packet, from 1; 0 if there is none yet.
    pub number: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.number > 0 {
            write!(f, "byte {} (line, message or packet {})", self.byte, self.number)
        } else {
            write!(f, "byte {}", self.byte)
        }
    }
}

/// Why a capture cannot be read, or not further.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// There is no such file.
    #[error("{}: there is no such file; check the path (relative paths start at the working directory)", path.display())]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// The file may not be read.
    #[error("{}: permission denied; make the file readable for this user", path.display())]
    Permission {
        /// The file.
        path: PathBuf,
    },
    /// A folder was given.
    #[error("{}: this is a folder; name the capture files in it", path.display())]
    Directory {
        /// The folder.
        path: PathBuf,
    },
    /// The file system failed.
    #[error("{}: reading failed at {at}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Where.
        at: Place,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("{}: the file is empty (0 bytes of content); expected a capture", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It ends in the middle. All that came before was delivered.
    #[error("{}: the {layer} ends too early, at {at} of its content; everything before was delivered. \
             Get the whole file, or accept the loss behind this place", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Which layer: gzip, zstd, pcap, …
        layer: &'static str,
        /// Where.
        at: Place,
    },
    /// Its bytes cannot be right. All that came before was delivered.
    #[error("{}: the {layer} is damaged before {at} of its content ({detail}); \
             everything that could be read was delivered. Get the file again", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Which layer: gzip, zstd, pcap, …
        layer: &'static str,
        /// Where at the latest.
        at: Place,
        /// What is wrong.
        detail: String,
    },
    /// No format that we know.
    #[error("{}: unknown format: it begins with {first}; {hint}. Supported: `<local ns> <JSON>` lines (hftbacktest), \
             cryptofeed lines, length-prefixed ITCH 5.0, pcap and pcapng with MoldUDP64, LOBSTER message files, \
             each plain, gzip or zstd", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its first bytes, printable.
        first: String,
        /// What it looks like.
        hint: &'static str,
    },
    /// A line is not of the file's format. Reading may go on behind it.
    #[error("{}: bad line at {at}: expected {expected}, found {found}; repair or remove the line", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// Where the line starts.
        at: Place,
        /// What was expected.
        expected: &'static str,
        /// How the line begins.
        found: String,
    },
    /// A line, message or packet is longer than anything real.
    #[error("{}: at {at} there are more than {limit} bytes without an end; \
             the file is damaged, or `record_bytes_max` must be raised", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Where it starts.
        at: Place,
        /// The limit in bytes.
        limit: usize,
    },
    /// The last line is cut off. All lines before were delivered.
    #[error("{}: the last line, at {at}, is cut off; all lines before it were delivered. \
             Get the whole file, or remove the line", path.display())]
    LastLineCut {
        /// The file.
        path: PathBuf,
        /// Where the line starts.
        at: Place,
    },
    /// A format that we read, of a venue whose messages we do not.
    #[error("{}: unsupported venue: {saw}. Supported in this format: Binance spot, USD-M and COIN-M \
             (JSON streams and depth snapshots)", path.display())]
    UnsupportedVenue {
        /// The file.
        path: PathBuf,
        /// What was seen.
        saw: String,
    },
    /// Packets, but not those of ITCH 5.0.
    #[error("{}: this is not MoldUDP64 with ITCH 5.0: {saw}. Supported in pcap and pcapng: UDP packets of \
             MoldUDP64 with NASDAQ TotalView-ITCH 5.0", path.display())]
    NotMold {
        /// The file.
        path: PathBuf,
        /// What was seen.
        saw: String,
    },
    /// The file does not tell what must be known.
    #[error("{}: {what} is not in the file's name (as in AMZN_2012-06-21_34200000_57600000_message_1.csv); \
             give it as the capture's option `{option}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
        /// The option that gives it.
        option: &'static str,
    },
    /// A recording could not be written.
    #[error("{}: writing failed: {source}; check the free space and the permissions of the folder", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl CaptureError {
    /// Whether the reader is at its end with this error. After others ([`BadLine`](Self::BadLine)) it goes on behind
    /// the fault when asked again.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::BadLine { .. })
    }

    /// Whether data is missing at the end of the file (cut off or damaged), after all that could be delivered.
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Truncated { .. } | Self::Corrupt { .. } | Self::LastLineCut { .. })
    }

    /// The error of opening `path`.
    pub(super) fn opening(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            io::ErrorKind::IsADirectory => Self::Directory { path },
            _ => Self::Io { path, at: Place::default(), source },
        }
    }
}

/// The first bytes of `bytes` as people can read them.
pub(super) fn printable(bytes: &[u8]) -> String {
    const SHOWN: usize = 48;
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let text: String = shown.iter().flat_map(|&b| std::ascii::escape_default(b)).map(char::from).collect();
    if bytes.len() > SHOWN { format!("`{text}`…") } else { format!("`{text}`") }
}
