//! Edge: whether a packed file is what was packed: asked when a record of it cannot be read, answered by its checksum.
//!
//! A byte that was changed in the middle of a gzip file makes records that nobody wrote long before the checksum at its end
//! can tell. So at the first record that cannot be read the file is unpacked once more, to its end, beside the reading;
//! that costs one pass, only then, and once for each file. It is not done where it would hold up who waits: a replay that is
//! held to the wall, the end of a run that was stopped.

use super::error::{CaptureError, Place};
use super::stream::unpacked;
use super::{CaptureCounts, CaptureFormat, CaptureReader, CapturedFrame, DecoderKind};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What a second reading of a whole file says about its packing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// It is not packed (or cannot be read twice): there is no checksum to ask.
    #[default]
    None,
    /// The checksum holds: what is in the file was packed so.
    Sound {
        /// gzip or zstd.
        layer: &'static str,
    },
    /// It can be unpacked, but not all of it has a checksum (a zstd frame need not have one).
    Unproven {
        /// zstd.
        layer: &'static str,
    },
    /// Nobody asked, since the answer takes as long as reading the file.
    NotAsked {
        /// gzip or zstd.
        layer: &'static str,
    },
    /// It ends too early, so that the checksum is missing.
    Cut {
        /// gzip or zstd.
        layer: &'static str,
    },
    /// What is in the file is not what was packed.
    Damaged {
        /// gzip or zstd.
        layer: &'static str,
        /// Bytes of content that could be unpacked.
        byte: u64,
        /// What the unpacker says.
        detail: String,
    },
}

impl Packing {
    /// Unpacks the file at `path` to its end. Takes as long as reading it; keeps nothing of it.
    pub fn of(path: &Path) -> Self {
        Self::of_while(path, &|| true)
    }

    /// [`of`](Self::of), given up as soon as `goes_on` says no.
    pub fn of_while(path: &Path, goes_on: &dyn Fn() -> bool) -> Self {
        const CHUNK: usize = 256 << 10;
        // A pipe cannot be read twice.
        if !std::fs::metadata(path).is_ok_and(|m| m.is_file()) {
            return Self::None;
        }
        let Ok(mut file) = unpacked(path) else { return Self::None };
        let layer = file.layer;
        if layer == "file" {
            return Self::None;
        }
        let mut buffer = vec![0; CHUNK];
        let mut byte = 0;
        while goes_on() {
            match file.content.read(&mut buffer) {
                Ok(0) if file.has_checksum() => return Self::Sound { layer },
                Ok(0) => return Self::Unproven { layer },
                Ok(n) => byte += n as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Self::Cut { layer },
                Err(error) => return Self::Damaged { layer, byte, detail: error.to_string() },
            }
        }
        Self::NotAsked { layer }
    }

    /// What it means for a record that cannot be read, with what to do; `None` where there is nothing to say.
    pub fn remark(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Sound { layer } => Some(format!("the file's {layer} checksum is right, so it was written so")),
            Self::Unproven { layer } => Some(format!(
                "the file's {layer} has no checksum over all of it, so nobody can tell whether it was written so"
            )),
            Self::NotAsked { layer } => Some(format!(
                "whether the file's {layer} is corrupt was not asked, since that takes as long as reading it; replay all of it at full speed to learn that"
            )),
            Self::Cut { layer } => Some(format!(
                "the file's {layer} is cut off or damaged, so no checksum tells whether it was written so; get the whole file"
            )),
            Self::Damaged { layer, detail, .. } => {
                Some(format!("the file's {layer} is corrupt: {detail}; get it again"))
            }
        }
    }
}

/// The reader of a packed file: what it cannot read is told with what the checksum says.
pub(super) struct Checked {
    inner: Box<dyn CaptureReader>,
    path: PathBuf,
    packing: Option<Packing>,
    damaged_records: u64,
}

impl Checked {
    /// `packing` = what there is to say of it already; `None` = the file is to be asked.
    pub fn new(inner: Box<dyn CaptureReader>, path: &Path, packing: Option<Packing>) -> Self {
        Self { inner, path: path.to_path_buf(), packing, damaged_records: 0 }
    }

    fn explain(&mut self, error: CaptureError) -> CaptureError {
        if error.is_of_packing() {
            return error;
        }
        let packing = self.packing.get_or_insert_with(|| Packing::of(&self.path));
        if matches!(error, CaptureError::BadLine { .. }) {
            self.damaged_records += 1;
        }
        explained(error, packing, self.damaged_records <= 1)
    }
}

/// The error of a file that could not even be opened as a capture.
pub(super) fn opening(path: &Path, error: CaptureError) -> CaptureError {
    if error.is_of_packing() { error } else { explained(error, &Packing::of(path), true) }
}

/// `error` with what is known of the packing. `first` = no record before was found damaged.
fn explained(error: CaptureError, packing: &Packing, first: bool) -> CaptureError {
    let (layer, byte, detail) = match packing {
        Packing::Damaged { layer, byte, detail } => (*layer, *byte, detail.clone()),
        _ => return error.with_packing(packing),
    };
    let path = error.path().to_path_buf();
    match error {
        CaptureError::BadLine { at, found, .. } => {
            CaptureError::CorruptRecord { path, layer, at, found, detail: detail.into(), first }
        }
        CaptureError::TooLong { at, .. } | CaptureError::LastLineCut { at, .. } => {
            CaptureError::Corrupt { path, layer, at, detail }
        }
        CaptureError::Corrupt { at, detail: inner, .. } => {
            let detail = format!("{detail}; what was unpacked of it cannot be read: {inner}");
            CaptureError::Corrupt { path, layer, at, detail }
        }
        CaptureError::Truncated { at, layer: inner, .. } => {
            let detail = format!("{detail}; the {inner} unpacked of it ends too early");
            CaptureError::Corrupt { path, layer, at, detail }
        }
        CaptureError::UnknownFormat { .. }
        | CaptureError::UnsupportedVenue { .. }
        | CaptureError::NotMold { .. }
        | CaptureError::Empty { .. } => {
            let at = Place { byte, ..Place::default() };
            let detail = format!("{detail}; what was unpacked of it cannot be read: {}", error.what());
            CaptureError::Corrupt { path, layer, at, detail }
        }
        other => other,
    }
}

impl CaptureReader for Checked {
    #[inline]
    fn advance(&mut self) -> Result<bool, CaptureError> {
        match self.inner.advance() {
            Ok(more) => Ok(more),
            Err(error) => Err(self.explain(error)),
        }
    }

    #[inline]
    fn frame(&self) -> CapturedFrame<'_> {
        self.inner.frame()
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn progress(&self) -> (u64, u64) {
        self.inner.progress()
    }

    fn format(&self) -> CaptureFormat {
        self.inner.format()
    }

    fn decoder(&self) -> DecoderKind {
        self.inner.decoder()
    }

    fn counts(&self) -> CaptureCounts {
        self.inner.counts()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}
