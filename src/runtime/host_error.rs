//! Edge: why a run could not begin.

use super::bridges::BridgeError;
use super::complaint::Complaint;
use super::topology::TopologyError;
use crate::config::ConfigError;
use crate::journal::JournalError;
use crate::venue::capture::CaptureError;
use std::path::PathBuf;

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Threads, cores, ring.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A capture.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A journal that already has records, where a fresh one is needed.
    #[error("{} already holds a journal up to sequence {sequence}; a replay needs an empty folder: choose another, or remove it", dir.display())]
    JournalNotEmpty {
        /// The folder.
        dir: PathBuf,
        /// Its last sequence.
        sequence: u64,
    },
    /// The journal was written with other instruments.
    #[error(
        "the journal's instruments are not those of [[sim.generator.instruments]] (first difference: {symbol}); use another [host] data_dir"
    )]
    OtherInstruments {
        /// The first that differs.
        symbol: String,
    },
    /// The captures hold nothing of the market.
    #[error(
        "nothing to replay: the files hold no market data{only}; give the files with the market's messages as well"
    )]
    NothingToReplay {
        /// What they hold instead, if anything.
        only: &'static str,
    },
    /// A fault that was told before anything was sequenced.
    #[error("{0}")]
    Fault(Complaint),
    /// More process starts than order ids can tell apart.
    #[error(
        "this journal has seen 65 535 process starts, which is as many as order ids can tell apart; begin a new [host] data_dir"
    )]
    Epochs,
    /// The mode in force runs nothing.
    #[error(
        "the mode is OFF (AGENT_MODE, or [host] mode): nothing was started; observe, shadow or paper run without a broker"
    )]
    Off,
    /// Something that LIVE depends on is not there.
    #[error("mode LIVE needs {0}")]
    Live(String),
    /// A mirror that was asked for.
    #[error(transparent)]
    Bridge(#[from] BridgeError),
    /// Stopped before anything had happened.
    #[error("stopped before the first message")]
    StoppedEarly,
    /// A thread could not be started or ended badly.
    #[error("{0}")]
    Thread(String),
}
