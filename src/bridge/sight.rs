//! Edge: what a bridge sees of the running host beside its journal: plain values, asked for a few times a second at most.

use crate::acp::agent::Figures;
use crate::event::risk::RiskSection;
use crate::types::ids::InstrumentId;
use crate::types::time::UnixNanos;

/// A host, seen from a bridge. What it does must not wait for a hot thread.
pub trait Sight: Send {
    /// The newest sequence that the journal has, or one a little older.
    fn newest(&self) -> u64;

    /// The models' tags, `name@vYYMMDD`, in the order of the configuration that the process start `epoch` ran with; empty if that
    /// is not known any more.
    fn models(&self, epoch: u64) -> Vec<String>;

    /// Accounts as risk has them now, by instrument, and when that was.
    fn accounts(&self) -> Vec<(InstrumentId, RiskSection, UnixNanos)>;

    /// The host's figures; rates are those since it was asked last.
    fn figures(&mut self) -> Figures;
}
