//! Edge: what can be configured about the journal.

use super::error::JournalError;
use super::segment::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use serde::{Deserialize, Serialize};

/// What an acknowledged append survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// The death of the process: it is in the page cache, and the helper syncs about once a second.
    #[default]
    Written,
    /// The loss of power: acknowledged is only what `Writer::sync` has returned.
    Synced,
    /// Like `Written`, and nobody waits for the journal; the disk is synced only when a segment is sealed.
    None,
}

/// Sizes and durability of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Bytes of a market segment, 8 KiB to 1 GiB, rounded up to 4 KiB. Default 64 MiB.
    pub segment_bytes_market: u64,
    /// Bytes of an audit segment, 8 KiB to 1 GiB, rounded up to 4 KiB. Default 16 MiB.
    pub segment_bytes_audit: u64,
    /// Bytes of sealed market segments to keep; older ones are dropped. 0 = keep all.
    pub retention_bytes_market: u64,
    /// Bytes of sealed audit segments to keep; older ones are dropped. 0 = keep all.
    pub retention_bytes_audit: u64,
    /// What an acknowledged append survives.
    pub durability: Durability,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_bytes_market: 64 << 20,
            segment_bytes_audit: 16 << 20,
            retention_bytes_market: 0,
            retention_bytes_audit: 0,
            durability: Durability::default(),
        }
    }
}

impl Config {
    /// Refuses sizes that cannot work.
    ///
    /// # Errors
    /// [`JournalError::Config`] with the field's name.
    pub fn check(&self) -> Result<(), JournalError> {
        for (field, value) in
            [("segment_bytes_market", self.segment_bytes_market), ("segment_bytes_audit", self.segment_bytes_audit)]
        {
            if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&value) {
                return Err(JournalError::Config { field, value, min: SEGMENT_BYTES_MIN, max: SEGMENT_BYTES_MAX });
            }
        }
        Ok(())
    }
}
