//! Edge: what the bridge is given, and what its parts share.

use super::connect::Server;
use super::trouble::Trouble;
use crate::acp::names::Names;
use crate::bridge::config::RedisConfig;
use crate::bridge::status::Status;
use crate::journal::JournalError;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

/// Between two looks at a journal without news.
pub(super) const IDLE: Duration = Duration::from_millis(5);

/// What a bridge works with.
pub struct Setup {
    /// The journal's folder.
    pub journal: PathBuf,
    /// Keys and the host's name.
    pub names: Names,
    /// How much, how fast.
    pub config: RedisConfig,
    /// To the server.
    pub client: Server,
    /// Sequence up to which events may leave the host; `u64::MAX` = all that is in the journal.
    pub durable: Arc<AtomicU64>,
    /// The number of this process start.
    pub epoch: u64,
    /// How it stands.
    pub status: Arc<Status>,
    /// Set when the host has ended, and the journal is closed.
    pub end: Arc<AtomicBool>,
}

pub(super) fn unreadable(error: JournalError) -> Trouble {
    Trouble(format!("the journal cannot be read: {error}"))
}
