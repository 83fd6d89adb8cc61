//! Edge: what can be wrong with a capture, and what to do about it.

use super::packing::Packing;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What the numbered records of a file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Lines.
    #[default]
    Line,
    /// Messages.
    Message,
    /// Packets.
    Packet,
}

impl Unit {
    /// The word for one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Message => "message",
            Self::Packet => "packet",
        }
    }
}

/// A place in the content of a capture (after decompression).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Bytes from the start.
    pub byte: u64,
    /// Number of the line, message or packet, from 1; 0 if there is none yet.
    pub number: u64,
    /// What the numbered things are.
    pub unit: Unit,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.number > 0 {
            write!(f, "{} {} (byte {})", self.unit.name(), self.number, self.byte)
        } else {
            write!(f, "byte {}", self.byte)
        }
    }
}

/// Why a capture cannot be read, or not further.
#[derive(Debug)]
pub enum CaptureError {
    /// There is no such file.
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// The file may not be read.
    Permission {
        /// The file.
        path: PathBuf,
    },
    /// A folder was given.
    Directory {
        /// The folder.
        path: PathBuf,
    },
    /// The file system failed.
    Io {
        /// The file.
        path: PathBuf,
        /// Where.
        at: Place,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing in it.
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It ends in the middle. All that came before was delivered.
    Truncated {
        /// The file.
        path: PathBuf,
        /// Which layer: gzip, zstd, pcap, …
        layer: &'static str,
        /// Where.
        at: Place,
    },
    /// Its bytes cannot be right. All that came before was delivered.
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
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its first bytes, printable.
        first: String,
        /// What it looks like.
        hint: &'static str,
    },
    /// A line is not of the file's format. Reading may go on behind it.
    BadLine {
        /// The file.
        path: PathBuf,
        /// Where the line starts.
        at: Place,
        /// What was expected.
        expected: &'static str,
        /// How the line begins.
        found: String,
        /// What the packing of the file says about it.
        remark: Option<Box<str>>,
    },
    /// A record of a packed file cannot be read, and the packing's checksum says that the file is not what was packed.
    /// Reading may go on behind it.
    CorruptRecord {
        /// The file.
        path: PathBuf,
        /// gzip or zstd.
        layer: &'static str,
        /// Where the record starts.
        at: Place,
        /// How it begins.
        found: String,
        /// What the unpacker says.
        detail: Box<str>,
        /// Whether it is the first one found.
        first: bool,
    },
    /// A line, message or packet is longer than anything real.
    TooLong {
        /// The file.
        path: PathBuf,
        /// Where it starts.
        at: Place,
        /// The limit in bytes.
        limit: usize,
    },
    /// The last line is cut off. All lines before were delivered.
    LastLineCut {
        /// The file.
        path: PathBuf,
        /// Where the line starts.
        at: Place,
    },
    /// A format that we read, of a venue whose messages we do not.
    UnsupportedVenue {
        /// The file.
        path: PathBuf,
        /// What was seen.
        saw: String,
    },
    /// Packets, but not those of ITCH 5.0.
    NotMold {
        /// The file.
        path: PathBuf,
        /// What was seen.
        saw: String,
    },
    /// The file does not tell what must be known.
    Missing {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
        /// The option that gives it.
        option: &'static str,
    },
    /// A recording could not be written.
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// All formats that can be read.
const SUPPORTED: &str = "`<local ns> <JSON>` lines (hftbacktest), cryptofeed lines, length-prefixed ITCH 5.0, \
                         pcap and pcapng with MoldUDP64, LOBSTER message files, each plain, gzip or zstd";

impl CaptureError {
    /// Whether the reader is at its end with this error. After others ([`BadLine`](Self::BadLine),
    /// [`CorruptRecord`](Self::CorruptRecord)) it goes on behind the fault when asked again.
    pub fn is_final(&self) -> bool {
        !self.is_record()
    }

    /// Whether it is about one record, behind which reading goes on.
    pub fn is_record(&self) -> bool {
        matches!(self, Self::BadLine { .. } | Self::CorruptRecord { .. })
    }

    /// Whether data is missing at the end of the file (cut off or damaged), after all that could be delivered.
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Truncated { .. } | Self::Corrupt { .. } | Self::LastLineCut { .. } | Self::TooLong { .. })
    }

    /// Whether the packing (or the file system) gave this error itself, so that asking the checksum tells nothing new.
    pub(super) fn is_of_packing(&self) -> bool {
        match self {
            Self::Truncated { layer, .. } | Self::Corrupt { layer, .. } => matches!(*layer, "gzip" | "zstd"),
            Self::BadLine { .. }
            | Self::TooLong { .. }
            | Self::LastLineCut { .. }
            | Self::Empty { .. }
            | Self::UnknownFormat { .. }
            | Self::UnsupportedVenue { .. }
            | Self::NotMold { .. } => false,
            _ => true,
        }
    }

    /// The same with what is known of the file's packing.
    pub(super) fn with_packing(mut self, known: &Packing) -> Self {
        if let Self::BadLine { remark, .. } = &mut self {
            *remark = known.remark().map(Into::into);
        }
        self
    }

    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::NotFound { path }
            | Self::Permission { path }
            | Self::Directory { path }
            | Self::Io { path, .. }
            | Self::Empty { path }
            | Self::Truncated { path, .. }
            | Self::Corrupt { path, .. }
            | Self::UnknownFormat { path, .. }
            | Self::BadLine { path, .. }
            | Self::CorruptRecord { path, .. }
            | Self::TooLong { path, .. }
            | Self::LastLineCut { path, .. }
            | Self::UnsupportedVenue { path, .. }
            | Self::NotMold { path, .. }
            | Self::Missing { path, .. }
            | Self::Write { path, .. } => path,
        }
    }

    /// Where in the file, if it is about a place in it.
    pub fn at(&self) -> Option<Place> {
        match self {
            Self::Io { at, .. }
            | Self::Truncated { at, .. }
            | Self::Corrupt { at, .. }
            | Self::BadLine { at, .. }
            | Self::CorruptRecord { at, .. }
            | Self::TooLong { at, .. }
            | Self::LastLineCut { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// What was expected, where one thing was.
    pub fn expected(&self) -> Option<&'static str> {
        match self {
            Self::BadLine { expected, .. } => Some(expected),
            Self::UnknownFormat { .. } => Some(SUPPORTED),
            _ => None,
        }
    }

    /// What is wrong, with its place in the file.
    pub fn what(&self) -> String {
        match self {
            Self::NotFound { .. } => "there is no such file".into(),
            Self::Permission { .. } => "permission denied".into(),
            Self::Directory { .. } => "this is a folder, not a file".into(),
            Self::Io { at, source, .. } => format!("reading failed at {at}: {source}"),
            Self::Empty { .. } => "the file is empty (0 bytes of content); expected a capture".into(),
            Self::Truncated { layer, at, .. } => {
                format!("the {layer} ends too early, at {at} of its content; everything before was delivered")
            }
            Self::Corrupt { layer, at, detail, .. } => format!(
                "corrupt {layer}: {detail}; damaged before {at} of its content, what could be read was delivered"
            ),
            Self::UnknownFormat { first, hint, .. } => {
                format!("unknown format: it begins with {first}; {hint}. Supported: {SUPPORTED}")
            }
            Self::BadLine { at, expected, found, .. } => format!("bad {at}: expected {expected}, found {found}"),
            Self::CorruptRecord { layer, at, found, detail, first, .. } => {
                let which = if *first { "first" } else { "another" };
                format!("corrupt {layer}: {detail}; {which} damaged record: {at}, found {found}")
            }
            Self::TooLong { at, limit, .. } => format!("at {at} there are more than {limit} bytes without an end"),
            Self::LastLineCut { at, .. } => {
                format!("the last line is cut off: {at}; all lines before it were delivered")
            }
            Self::UnsupportedVenue { saw, .. } => format!(
                "unsupported venue: {saw}. Supported in this format: Binance spot, USD-M and COIN-M (JSON streams and depth snapshots)"
            ),
            Self::NotMold { saw, .. } => format!(
                "this is not MoldUDP64 with ITCH 5.0: {saw}. Supported in pcap and pcapng: UDP packets of MoldUDP64 with NASDAQ TotalView-ITCH 5.0"
            ),
            Self::Missing { what, .. } => {
                format!("{what} is not in the file's name (as in AMZN_2012-06-21_34200000_57600000_message_1.csv)")
            }
            Self::Write { source, .. } => format!("writing failed: {source}"),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotFound { .. } => "check the path (relative paths start at the working directory)".into(),
            Self::Permission { .. } => "make the file readable for this user".into(),
            Self::Directory { .. } => "name the capture files in it".into(),
            Self::Io { .. } => "check the disk, or copy the file elsewhere and read it there".into(),
            Self::Empty { .. } => "give a file that holds one".into(),
            Self::Truncated { .. } => "get the whole file, or accept the loss behind this place".into(),
            Self::Corrupt { .. } => "get the file again".into(),
            Self::UnknownFormat { .. } | Self::UnsupportedVenue { .. } | Self::NotMold { .. } => {
                "give a file of a supported kind".into()
            }
            Self::BadLine { remark: Some(remark), .. } => format!("{remark}; repair or remove the line"),
            Self::BadLine { remark: None, .. } => "repair or remove the line".into(),
            Self::CorruptRecord { .. } => "other records may be altered too, in silence: get the file again".into(),
            Self::TooLong { .. } => "the file is damaged, or is no capture".into(),
            Self::LastLineCut { .. } => "get the whole file, or remove the line".into(),
            Self::Missing { option, .. } => format!("give it with --{option}"),
            Self::Write { .. } => "check the free space and the permissions of the folder".into(),
        }
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

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path().display(), self.what(), self.hint())
    }
}

impl std::error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Write { source, .. } => Some(source),
            _ => None,
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
