//! Edge: assembly: the journal opened, and everything taken back from it.

use super::group::Stages;
use super::host::RunOptions;
use super::host_error::HostError;
use super::recovery::{self, Restored};
use crate::config::Config;
use crate::journal::{self, JournalError, Writer};
use crate::types::time::UnixNanos;
use std::path::Path;

/// The journal of a run, where it keeps one.
pub(super) struct Opened {
    pub(super) writer: Option<Writer>,
    pub(super) restored: Restored,
    /// The sequence of the first input.
    pub(super) first_sequence: u64,
    /// The number of this process start.
    pub(super) epoch: u64,
}

impl Opened {
    /// Opens the journal with `open`, and restores `stages` from it.
    ///
    /// # Errors
    /// [`HostError`]: the journal cannot be read, is not empty where it must be, or has no number left for this start.
    pub(super) fn new(
        config: &Config,
        options: &RunOptions,
        stages: &mut Stages,
        now: UnixNanos,
        open: impl FnOnce(&Path, &journal::Config, UnixNanos) -> Result<(Writer, journal::Recovery), JournalError>,
    ) -> Result<Self, HostError> {
        let mut restored = Restored::default();
        let mut writer = None;
        let mut first_sequence = 1;
        if let Some(dir) = &options.journal_dir {
            let (opened, recovery) = open(dir, &config.journal, now)?;
            if options.fresh_journal && recovery.sequence_last > 0 {
                return Err(HostError::JournalNotEmpty { dir: dir.clone(), sequence: recovery.sequence_last });
            }
            if recovery.torn_bytes > 0 {
                tracing::warn!(
                    "the journal's torn tail was cut off: {} bytes at {}",
                    recovery.torn_bytes,
                    recovery.torn_at.as_deref().unwrap_or("its end")
                );
            }
            if recovery.sequence_last > 0 {
                restored = recovery::restore(dir, stages)?;
            }
            if let Some((from, to)) = recovery.gap {
                tracing::warn!(
                    "the journal lost market data between sequence {from} and {to} (see `tickpath verify`); orders and positions are whole"
                );
            }
            first_sequence = recovery.sequence_last + 1;
            restored.sequence_last = recovery.sequence_last;
            // A start whose records went with the power has left its configuration, which was synced: its number is used up.
            restored.epoch_last = restored.epoch_last.max(recovery.epoch_last).max(newest_configuration(dir));
            writer = Some(opened);
        }
        let epoch = restored.epoch_last + 1;
        if epoch > u64::from(u16::MAX) {
            return Err(HostError::Epochs);
        }
        if let Some(writer) = &mut writer {
            writer.set_epoch(epoch);
        }
        Ok(Self { writer, restored, first_sequence, epoch })
    }
}

/// The newest process start that left its configuration in `dir`; 0 = none.
fn newest_configuration(dir: &Path) -> u64 {
    let number = |entry: std::fs::DirEntry| {
        let name = entry.file_name();
        name.to_str()?.strip_prefix("config-")?.strip_suffix(".toml")?.parse().ok()
    };
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(number).filter(|epoch| *epoch < u64::from(u16::MAX)).max().unwrap_or(0)
}
