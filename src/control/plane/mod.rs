//! Edge: what the control plane sees of the running host, and what it may ask of it: one trait, plain data, no wire words.
//!
//! The HTTP routes (`control::http`) and the tests know the host only as [`Host`]. Whoever runs the stages implements it.
//!
//! # What an implementer must give
//!
//! - **Every method returns at once** (well under 10 ms, no lock that a hot thread takes, no disk, no network): the plane has
//!   one thread, and a method that waits makes every probe wait. Read snapshots and atomics.
//! - **Nothing is invented**: what is not known is `None`, never 0 and never "fresh".
//! - **[`Host::command`] decides**, with what is true at that moment. The plane has looked at [`Host::situation`] before, but
//!   that may be old by then. [`Refused::recover`] and [`Refused::release`] are the contract's rules as pure functions.
//! - **A kill acts before it returns** (set the atomics of `control::gate`), whatever else is broken, and is recorded behind
//!   it: [`Accepted::in_force`] says so. Everything else becomes an input through the command lane
//!   ([`Command::operator`] makes the payload) and is answered as accepted when the lane has it. The plane asks
//!   [`Host::journaled`] with the request's number until it is in the journal.
//! - **A full command lane refuses** with [`Refused::Busy`]; it never waits and never drops in silence.
//! - The same request number never comes twice from one plane: repeats are answered by the plane itself.

pub mod bridge;
pub mod command;
pub mod ledger;
pub mod scope;
pub mod scrape;
pub mod view;

pub use bridge::{BridgeAction, BridgeOrder};
pub use command::{Accepted, Action, Command, Opinion, Refused};
pub use scope::ScopeId;
pub use scrape::Scrape;

use crate::event::risk::OperatorOutcome;
use crate::types::time::UnixNanos;
use view::{Agent, BridgeNow, Enablement, Heartbeat, InstrumentSetting, Limit, MarketNow, Process, Situation};

/// A command in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journaled {
    /// The sequence of its input.
    pub sequence: u64,
    /// What risk made of it: only `Accepted` was done.
    pub outcome: OperatorOutcome,
}

/// The running host, as the control plane sees it. See the module for what an implementer must hold to.
pub trait Host: Send + Sync + 'static {
    /// The host's wall clock, nanoseconds since 1970, UTC.
    fn now(&self) -> UnixNanos;

    /// The market-data heartbeat (`/healthz`).
    fn heartbeat(&self) -> Heartbeat;

    /// Whether the process can do its work, with basic figures (`/health`, `/live`).
    fn process(&self) -> Process;

    /// The host's agents (market-data, feature, signal, risk, execution, supervisor, compliance), in the order of the data.
    fn agents(&self) -> Vec<Agent>;

    /// Execution state, mode, kill switch, gate (`/state`).
    fn situation(&self) -> Situation;

    /// All limits in force, with what is used of them (`/limits`), in the order of the checks.
    fn limits(&self) -> Vec<Limit>;

    /// Whether two people have enabled a real venue (`/enable`).
    fn enablement(&self) -> Enablement;

    /// Puts counters, gauges and histograms into `out` (`/metrics`).
    fn scrape(&self, out: &mut Scrape);

    /// What was set for single instruments, over restarts too; those that are not named were never set. `None` if the host does
    /// not know that: then nothing that was set may be loosened without a person.
    fn settings(&self) -> Option<Vec<InstrumentSetting>> {
        None
    }

    /// Takes a command, or says why not.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    fn command(&self, command: &Command) -> Result<Accepted, Refused>;

    /// Asks something of the bridge `name`, or says why not; how it stands now. A pause and a resumption are in force then, a
    /// rebuilding is on its way ([`BridgeNow::rebuild_asked`]).
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    fn bridge(&self, name: &str, order: &BridgeOrder) -> Result<BridgeNow, Refused>;

    /// Takes an outside agent's signal, or says why not. Accepted means that it is on its way into the sequence.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    fn opinion(&self, opinion: &Opinion) -> Result<Accepted, Refused>;

    /// The full name (`SYMBOL.VENUE`) of the instrument that is called `name`, in any case, with or without its venue.
    fn instrument(&self, name: &str) -> Option<String>;

    /// The market as it was with each instrument's last input (`scan_market`), by id.
    fn market(&self) -> Vec<MarketNow>;

    /// The input that the request became, once it is in the journal, and what became of it. Asked soon after the command, so the
    /// last 1 024 requests are enough.
    fn journaled(&self, request: u64) -> Option<Journaled>;

    /// The same of earlier process starts, for requests whose number is of its message alone (those of people are not: they may
    /// use one again).
    fn journaled_before(&self, request: u64) -> Option<Journaled>;
}
